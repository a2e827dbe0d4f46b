/* SPDX-License-Identifier: MIT */
#include "format/meta.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void add(struct imgz_meta *meta, const char *key, const char *value)
{
    assert_int_equal(imgz_meta_add(meta, key, value), 0);
}

static void pairs_are_sorted(void **state)
{
    static const char expected[] = "a=1\na.b=2\nb=18446744073709551615\nlevel=x\nz-9=last\n";
    struct imgz_meta meta;
    char *text = NULL;
    size_t bytes = 0;

    (void)state;
    imgz_meta_init(&meta);
    assert_int_equal(imgz_meta_encode(&meta, &text, &bytes), 0);
    assert_int_equal(bytes, 0);
    free(text);
    add(&meta, "level", "x");
    add(&meta, "z-9", "last");
    add(&meta, "a", "1");
    add(&meta, "a.b", "2");
    add(&meta, "empty", "");
    assert_int_equal(imgz_meta_add_number(&meta, "b", UINT64_MAX), 0);
    assert_int_equal(meta.count, 5);
    assert_int_equal(imgz_meta_encode(&meta, &text, &bytes), 0);
    assert_int_equal(bytes, strlen(expected));
    assert_memory_equal(text, expected, bytes);
    assert_string_equal(imgz_meta_find(&meta, "a.b"), "2");
    assert_null(imgz_meta_find(&meta, "empty"));
    assert_null(imgz_meta_find(&meta, "a."));
    free(text);
    imgz_meta_fini(&meta);
    assert_int_equal(meta.count, 0);
}

/* What a value becomes. Everything a terminal could obey is escaped; what people read is kept. */
static void values_are_made_printable(void **state)
{
    static const struct {
        const char *value;
        const char *kept;
    } cases[] = {
        {"plain text, ~!@#$^&*()=", "plain text, ~!@#$^&*()="},
        {"100%", "100%25"},
        {"a\nb", "a%0Ab"},
        {"\x1b[31mred\x07", "%1B[31mred%07"},
        {"tab\there\x7f", "tab%09here%7F"},
        {"M\xc3\xbcller", "M\xc3\xbcller"},
        {"\xe2\x82\xac \xf0\x9f\x92\xbe", "\xe2\x82\xac \xf0\x9f\x92\xbe"},
        {"\xff\xfe", "%FF%FE"},
        {"\xc0\xaf", "%C0%AF"},               /* overlong */
        {"\xe0\x9f\xbf", "%E0%9F%BF"},        /* overlong */
        {"\xf0\x8f\xbf\xbf", "%F0%8F%BF%BF"}, /* overlong */
        {"\xed\xa0\x80", "%ED%A0%80"},        /* a surrogate */
        {"\xf4\x90\x80\x80", "%F4%90%80%80"}, /* beyond U+10FFFF */
        {"\xf4\x8f\xbf\xbf", "\xf4\x8f\xbf\xbf"},
        {"\xed\x9f\xbf\xee\x80\x80", "\xed\x9f\xbf\xee\x80\x80"},
        {"\xc2\x9b\x31m", "%C2%9B1m"}, /* U+009B, a control sequence in one character */
        {"\xc2\xa0", "\xc2\xa0"},
        {"\xe2\x82", "%E2%82"}, /* cut */
        {"\xe2\x82z", "%E2%82z"},
        {"\x80", "%80"},
    };

    (void)state;
    for (size_t i = 0; i < IMGZ_COUNT_OF(cases); i++) {
        struct imgz_meta meta;
        struct imgz_meta back;
        char *text = NULL;
        size_t bytes;

        imgz_meta_init(&meta);
        imgz_meta_init(&back);
        add(&meta, "k", cases[i].value);
        assert_string_equal(imgz_meta_find(&meta, "k"), cases[i].kept);
        assert_int_equal(imgz_meta_encode(&meta, &text, &bytes), 0);
        assert_int_equal(imgz_meta_decode(text, bytes, &back), 0);
        assert_string_equal(imgz_meta_find(&back, "k"), cases[i].kept);
        free(text);
        imgz_meta_fini(&meta);
        imgz_meta_fini(&back);
    }
}

/* Each byte alone: kept as it is if it is printable ASCII but '%'. */
static void every_byte_is_kept_or_escaped(void **state)
{
    (void)state;
    for (unsigned byte = 1; byte < 256; byte++) {
        const char value[2] = {(char)byte, '\0'};
        char expected[4];
        struct imgz_meta meta;

        if (byte >= 0x20 && byte < 0x7f && byte != '%')
            snprintf(expected, sizeof(expected), "%c", (char)byte);
        else
            snprintf(expected, sizeof(expected), "%%%02X", byte);
        imgz_meta_init(&meta);
        add(&meta, "k", value);
        assert_string_equal(imgz_meta_find(&meta, "k"), expected);
        imgz_meta_fini(&meta);
    }
}

static void malformed_texts_are_refused(void **state)
{
#define TEXT(literal) literal, sizeof(literal) - 1
    static const struct {
        const char *text;
        size_t bytes;
    } cases[] = {
        {TEXT("\n")},
        {TEXT("a")},
        {TEXT("a=b")},
        {TEXT("a=b\nc")},
        {TEXT("a=b\nc=d")},
        {TEXT("a\n")},
        {TEXT("=b\n")},
        {TEXT("A=b\n")},
        {TEXT("a b=c\n")},
        {TEXT("a/b=c\n")},
        {TEXT(" a=c\n")},
        {TEXT("\xc3\xbc=c\n")},
        {TEXT("a=b\na=c\n")},
        {TEXT("a=b\n\nc=d\n")},
        {TEXT("a=\x01\n")},
        {TEXT("a=b\r\n")},
        {TEXT("a=\x7f\n")},
        {TEXT("a=\x1b[2J\n")},
        {TEXT("a=%\n")},
        {TEXT("a=%4\n")},
        {TEXT("a=%4g\n")},
        {TEXT("a=%%41\n")},
        {TEXT("a=\xff\n")},
        {TEXT("a=\xc2\x80\n")},
        {TEXT("a=\xc0\x80\n")},
        {TEXT("a=\xed\xa0\x80\n")},
        {TEXT("a=\xf4\x90\x80\x80\n")},
        {TEXT("a=\xe2\x82\n")},
        {TEXT("a=b\0c\n")},
        {TEXT("a\0=b\n")},
        {TEXT("\0\n")},
    };
#undef TEXT

    (void)state;
    for (size_t i = 0; i < IMGZ_COUNT_OF(cases); i++) {
        struct imgz_meta meta;

        imgz_meta_init(&meta);
        assert_int_equal(imgz_meta_decode(cases[i].text, cases[i].bytes, &meta), -EBADMSG);
        assert_int_equal(meta.count, 0);
        assert_null(meta.pairs);
        imgz_meta_fini(&meta);
    }
}

static void valid_texts_come_back(void **state)
{
    static const char *const cases[] = {
        "a=b\n", "a==\n", "a=b=c\n", "0=%0A%FF\n", "a=1\nb=2\nc-d.e=3\n",
    };

    (void)state;
    for (size_t i = 0; i < IMGZ_COUNT_OF(cases); i++) {
        struct imgz_meta meta;
        char *text = NULL;
        size_t bytes = 0;

        imgz_meta_init(&meta);
        assert_int_equal(imgz_meta_decode(cases[i], strlen(cases[i]), &meta), 0);
        assert_int_equal(imgz_meta_encode(&meta, &text, &bytes), 0);
        assert_int_equal(bytes, strlen(cases[i]));
        assert_memory_equal(text, cases[i], bytes);
        free(text);
        imgz_meta_fini(&meta);
    }
}

/* A text of one line after the other out of order: decode must not take quadratic time for it, and
 * does not have to take it at all, for imgz writes sorted lines. */
static void unsorted_texts_are_refused(void **state)
{
    static const char *const cases[] = {"b=1\na=1\n", "a=1\nc=1\nb=1\n"};

    (void)state;
    for (size_t i = 0; i < IMGZ_COUNT_OF(cases); i++) {
        struct imgz_meta meta;

        imgz_meta_init(&meta);
        assert_int_equal(imgz_meta_decode(cases[i], strlen(cases[i]), &meta), -EBADMSG);
        imgz_meta_fini(&meta);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pairs_are_sorted),
        cmocka_unit_test(values_are_made_printable),
        cmocka_unit_test(every_byte_is_kept_or_escaped),
        cmocka_unit_test(malformed_texts_are_refused),
        cmocka_unit_test(valid_texts_come_back),
        cmocka_unit_test(unsorted_texts_are_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
