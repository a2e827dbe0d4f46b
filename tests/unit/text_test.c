/* SPDX-License-Identifier: MIT */
#include "base/text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <imgz/imgz.h>

static void copies_are_cut(void **state)
{
    char text[5];

    (void)state;
    imgz_text_copy(text, sizeof(text), "");
    assert_string_equal(text, "");
    imgz_text_copy(text, sizeof(text), "four");
    assert_string_equal(text, "four");
    imgz_text_copy(text, sizeof(text), "fives");
    assert_string_equal(text, "five");
    imgz_text_set(text, sizeof(text), "%d and %s", 12, "more");
    assert_string_equal(text, "12 a");
    imgz_text_copy(text, 1, "x");
    assert_string_equal(text, "");
}

static void numbers_come_in_words(void **state)
{
    static const struct {
        uint64_t bytes;
        const char *text;
    } sizes[] = {
        {0, "0 bytes"},
        {1, "1 byte"},
        {1023, "1023 bytes"},
        {1024, "1 KiB (1024 bytes)"},
        {1536, "1.50 KiB (1536 bytes)"},
        {10234, "9.99 KiB (10234 bytes)"},
        {10235, "10.0 KiB (10235 bytes)"},
        {102348, "99.9 KiB (102348 bytes)"},
        {102349, "100 KiB (102349 bytes)"},
        {3000000, "2.86 MiB (3000000 bytes)"},
        {(uint64_t)1 << 20, "1 MiB (1048576 bytes)"},
        {((uint64_t)1 << 20) - 1, "1.00 MiB (1048575 bytes)"},
        {(uint64_t)1 << 31, "2 GiB (2147483648 bytes)"},
        {UINT64_MAX, "16 EiB (18446744073709551615 bytes)"},
    };

    (void)state;
    assert_string_equal(imgz_text_count(0, "chunk").text, "0 chunks");
    assert_string_equal(imgz_text_count(1, "chunk").text, "1 chunk");
    assert_string_equal(imgz_text_count(2, "chunk").text, "2 chunks");
    for (size_t i = 0; i < IMGZ_COUNT_OF(sizes); i++)
        assert_string_equal(imgz_text_size(sizes[i].bytes).text, sizes[i].text);
}

static void lists_grow_by_whole_items(void **state)
{
    char list[12] = "";

    (void)state;
    assert_true(imgz_text_append(list, sizeof(list), "; ", "one"));
    assert_true(imgz_text_append(list, sizeof(list), "; ", "two"));
    assert_string_equal(list, "one; two");
    assert_false(imgz_text_append(list, sizeof(list), "; ", "33"));
    assert_string_equal(list, "one; two");
    assert_true(imgz_text_append(list, sizeof(list), "; ", "4"));
    assert_string_equal(list, "one; two; 4");
    assert_false(imgz_text_append(list, sizeof(list), "", "5"));
}

static void the_first_item_is_cut(void **state)
{
    char list[4] = "";

    (void)state;
    assert_false(imgz_text_append(list, sizeof(list), "; ", "long"));
    assert_string_equal(list, "lon");
}

static void what_plays_tricks_on_a_terminal_is_replaced(void **state)
{
    static const struct {
        const char *text;
        const char *shown;
    } cases[] = {
        {"", ""},
        {"plain text, ~!%", "plain text, ~!%"},
        {"a\nb\tc\x7f", "a?b?c?"},
        {"\x1b[31mred", "?[31mred"},
        {"M\xc3\xbcller \xf0\x9f\x92\xbe", "M\xc3\xbcller \xf0\x9f\x92\xbe"},
        {"\xc2\x9b\x31m", "??1m"}, /* U+009B, a control sequence in one character */
        {"\xc2\x80\xc2\x9f\xc2\xa0", "????\xc2\xa0"},
        {"\x9b\x31m", "?1m"},          /* the same in Latin-1 */
        {"x\xe2\x80\xaegz", "x???gz"}, /* U+202E turns the rest round */
        {"\xe2\x80\xaa\xe2\x80\xaf", "???\xe2\x80\xaf"},
        {"\xe2\x80\x8d\xe2\x80\x8e\xe2\x80\x8f", "\xe2\x80\x8d??????"},
        {"\xe2\x81\xa5\xe2\x81\xa6\xe2\x81\xa9", "\xe2\x81\xa5??????"},
        {"\xe2\x80\xa8\xd8\x9c", "?????"},               /* U+2028, a line break; U+061C */
        {"\xe2\x82", "??"},                              /* cut */
        {"\xed\xa0\x80\xc0\xaf", "?????"},               /* a surrogate, an overlong form */
        {"\xe0\x9f\xbf\xe0\xa0\x80", "???\xe0\xa0\x80"}, /* longer ones, and the first that is */
        {"\xf0\x8f\xbf\xbf\xf0\x90\x80\x80", "????\xf0\x90\x80\x80"}, /* none */
        {"\xf4\x8f\xbf\xbf\xf4\x90\x80\x80", "\xf4\x8f\xbf\xbf????"}, /* behind U+10FFFF */
        {"\xf5\x80\x80\x80", "????"},
    };

    (void)state;
    for (size_t i = 0; i < IMGZ_COUNT_OF(cases); i++) {
        char text[32];

        imgz_text_copy(text, sizeof(text), cases[i].text);
        imgz_make_printable(text);
        assert_string_equal(text, cases[i].shown);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(copies_are_cut),
        cmocka_unit_test(numbers_come_in_words),
        cmocka_unit_test(lists_grow_by_whole_items),
        cmocka_unit_test(the_first_item_is_cut),
        cmocka_unit_test(what_plays_tricks_on_a_terminal_is_replaced),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
