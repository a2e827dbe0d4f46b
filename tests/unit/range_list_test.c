/* SPDX-License-Identifier: MIT */
#include "base/range_list.h"
#include "pipeline/slot.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void adjacent_ranges_are_one(void **state)
{
    struct imgz_range_list list;

    (void)state;
    imgz_range_list_init(&list);
    assert_int_equal(imgz_range_list_add(&list, 512, 512), 0);
    assert_int_equal(imgz_range_list_add(&list, 1024, 4096), 0);
    assert_int_equal(imgz_range_list_add(&list, 8192, 512), 0);
    assert_int_equal(list.count, 2);
    assert_int_equal(list.ranges[0].offset, 512);
    assert_int_equal(list.ranges[0].bytes, 4608);
    assert_int_equal(list.ranges[1].offset, 8192);
    assert_int_equal(list.bytes, 5120);
    imgz_range_list_fini(&list);
    assert_int_equal(list.count, 0);
}

static void it_grows(void **state)
{
    struct imgz_range_list list;

    (void)state;
    imgz_range_list_init(&list);
    for (uint64_t i = 0; i < 1000; i++)
        assert_int_equal(imgz_range_list_add(&list, i * 1024, 512), 0);
    assert_int_equal(list.count, 1000);
    assert_int_equal(list.bytes, 512000);
    for (uint64_t i = 0; i < 1000; i++)
        assert_int_equal(list.ranges[i].offset, i * 1024);
    imgz_range_list_fini(&list);
}

/* Ranges go on from slot to slot; the last sector of a disk may be short. */
static void slots_are_added(void **state)
{
    uint8_t map[128] = {0};
    struct imgz_slot slot = {.raw_offset = 65536, .raw_bytes = 65536, .unreadable_map = map};
    struct imgz_range_list list;

    (void)state;
    imgz_range_list_init(&list);
    memset(map, 1, sizeof(map));
    assert_int_equal(imgz_slot_list_unreadable(&slot, &list), 0);
    assert_int_equal(list.count, 0); /* bad_count says there are none */
    memset(map, 0, sizeof(map));
    map[3] = 1;
    map[126] = 1;
    map[127] = 1;
    slot.unreadable_count = 3;
    assert_int_equal(imgz_slot_list_unreadable(&slot, &list), 0);
    slot.raw_offset += 65536;
    slot.raw_bytes = 700;
    memset(map, 0, sizeof(map));
    map[0] = 1;
    map[1] = 1;
    slot.unreadable_count = 2;
    assert_int_equal(imgz_slot_list_unreadable(&slot, &list), 0);
    assert_int_equal(list.count, 2);
    assert_int_equal(list.ranges[0].offset, 65536 + 3 * 512);
    assert_int_equal(list.ranges[0].bytes, 512);
    assert_int_equal(list.ranges[1].offset, 65536 + 126 * 512);
    assert_int_equal(list.ranges[1].bytes, 1024 + 700);
    imgz_range_list_fini(&list);
}

static void ranges_are_found_by_place(void **state)
{
    struct imgz_range_list list;

    (void)state;
    imgz_range_list_init(&list);
    assert_false(imgz_range_list_within(&list, 0, 1 << 20));
    for (uint64_t i = 0; i < 100; i++)
        assert_int_equal(imgz_range_list_add(&list, 1024 + i * 1024, 512), 0);
    for (uint64_t at = 0; at < 105 * 1024; at += 256) {
        const uint64_t index = at < 1536 ? 0 : (at - 512) / 1024;
        const bool within = at % 1024 < 512 && at >= 1024 && at < 101 * 1024;

        assert_int_equal(imgz_range_list_index(&list, at), imgz_min(index, 100));
        assert_int_equal(imgz_range_list_within(&list, at, 256), within);
    }
    assert_true(imgz_range_list_within(&list, 0, 1025));
    assert_false(imgz_range_list_within(&list, 0, 1024));
    assert_int_equal(imgz_range_list_bytes(&list, 0, UINT64_MAX), 100 * 512);
    assert_int_equal(imgz_range_list_bytes(&list, 1280, 1024), 512);
    assert_int_equal(imgz_range_list_bytes(&list, 1536, 512), 0);
    imgz_range_list_fini(&list);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(adjacent_ranges_are_one),
        cmocka_unit_test(it_grows),
        cmocka_unit_test(slots_are_added),
        cmocka_unit_test(ranges_are_found_by_place),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
