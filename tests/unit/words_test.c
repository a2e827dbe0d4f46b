/* SPDX-License-Identifier: MIT */
#include "io/remote/words.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include <cmocka.h>

#define WORDS_MAX 8

struct sample {
    const char *text;
    const char *words[WORDS_MAX];
};

static const struct sample samples[] = {
    {"", {NULL}},
    {" \t\n ", {NULL}},
    {"ssh", {"ssh"}},
    {"  ssh\t-F\nfile  ", {"ssh", "-F", "file"}},
    {"ssh -F '/a b/c'", {"ssh", "-F", "/a b/c"}},
    {"ssh -F \"/a b/c\"", {"ssh", "-F", "/a b/c"}},
    {"a\\ b c", {"a b", "c"}},
    {"a'b c'\"d e\"f", {"ab cd ef"}},
    {"'' \"\"", {"", ""}},
    {"a''b", {"ab"}},
    {"'\"' \"'\"", {"\"", "'"}},
    {"'a\\b'", {"a\\b"}},
    {"'a\\'", {"a\\"}},
    {"'a\\\"b\\\\c\\$d'", {"a\\\"b\\\\c\\$d"}},
    {"\"a\\\"b\\\\c\\$d\\`e\\f\"", {"a\"b\\c$d`e\\f"}},
    {"\\'a\\\" \\\\", {"'a\"", "\\"}},
    {"a\\", {"a\\"}},
    {"'a\nb' \"\tc\"", {"a\nb", "\tc"}},
    {"$HOME `x` * ~ {a,b} #c ;&|<>()", {"$HOME", "`x`", "*", "~", "{a,b}", "#c", ";&|<>()"}},
    {"\xc3\xa4 \xff", {"\xc3\xa4", "\xff"}},
};

static void words_are_those_of_a_shell(void **state)
{
    (void)state;
    for (size_t i = 0; i < IMGZ_COUNT_OF(samples); i++) {
        const struct sample *sample = &samples[i];
        struct imgz_words words;
        size_t count = 0;

        assert_int_equal(imgz_words_split(sample->text, &words), 0);
        while (sample->words[count] != NULL)
            count++;
        if (words.count != count)
            fail_msg("%s has %zu words", sample->text, words.count);
        for (size_t j = 0; j < count; j++)
            assert_string_equal(words.list[j], sample->words[j]);
        if (count > 0)
            assert_null(words.list[count]);
        imgz_words_fini(&words);
        assert_int_equal(words.count, 0);
        assert_null(words.list);
    }
}

/* The oracle: sh(1) itself, which must not expand anything, prints each word and a bell. */
static void a_shell_agrees(void **state)
{
    (void)state;
    for (size_t i = 0; i < IMGZ_COUNT_OF(samples); i++) {
        char output[256] = "", wanted[256] = "", command[256];
        size_t bytes;
        FILE *pipe;

        if (strpbrk(samples[i].text, "*~{#;`") != NULL || strstr(samples[i].text, "$H") != NULL)
            continue;
        if (samples[i].words[0] == NULL || strstr(samples[i].text, "\nfile") != NULL)
            continue;
        snprintf(command, sizeof(command), "printf '%%s\\a' %s", samples[i].text);
        for (size_t j = 0; samples[i].words[j] != NULL; j++) {
            const size_t at = strlen(wanted);

            snprintf(wanted + at, sizeof(wanted) - at, "%s\a", samples[i].words[j]);
        }
        pipe = popen(command, "r");
        assert_non_null(pipe);
        bytes = fread(output, 1, sizeof(output) - 1, pipe);
        output[bytes] = '\0';
        assert_int_equal(pclose(pipe), 0);
        assert_string_equal(output, wanted);
    }
}

static void an_open_quote_is_refused(void **state)
{
    static const char *const texts[] = {"'",           "\"",         "ssh -F 'a b",
                                        "ssh \"a\\\"", "a 'b' \"c'", "'\""};
    struct imgz_words words;

    (void)state;
    for (size_t i = 0; i < IMGZ_COUNT_OF(texts); i++) {
        assert_int_equal(imgz_words_split(texts[i], &words), -EINVAL);
        imgz_words_fini(&words);
    }
}

static void words_can_be_added(void **state)
{
    struct imgz_words words;
    char word[] = "-x";

    (void)state;
    assert_int_equal(imgz_words_split("ssh", &words), 0);
    assert_int_equal(imgz_words_add(&words, word), 0);
    word[1] = 'y'; /* it has a copy */
    assert_int_equal(imgz_words_add(&words, "a b'"), 0);
    assert_int_equal(words.count, 3);
    assert_string_equal(words.list[0], "ssh");
    assert_string_equal(words.list[1], "-x");
    assert_string_equal(words.list[2], "a b'");
    assert_null(words.list[3]);
    imgz_words_fini(&words);
    imgz_words_fini(&words);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(words_are_those_of_a_shell),
        cmocka_unit_test(a_shell_agrees),
        cmocka_unit_test(an_open_quote_is_refused),
        cmocka_unit_test(words_can_be_added),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
