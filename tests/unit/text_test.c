/* SPDX-License-Identifier: MIT */
#include "base/text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(copies_are_cut),
        cmocka_unit_test(lists_grow_by_whole_items),
        cmocka_unit_test(the_first_item_is_cut),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
