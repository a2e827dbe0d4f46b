/* SPDX-License-Identifier: MIT */
#include "base/zero.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "guard.h"

/* The reference model. */
static bool naive_test(const unsigned char *data, size_t bytes)
{
    for (size_t i = 0; i < bytes; i++) {
        if (data[i] != 0)
            return false;
    }
    return true;
}

/* Every length up to a few strides, at the end of a mapped page, with one bit set at every place
 * in turn: also those just outside, which must not matter. */
static void check_variant(const struct imgz_zero_variant *variant)
{
    const size_t room_bytes = 1200;
    unsigned char *room = imgz_guard_create(room_bytes);

    memset(room, 0, room_bytes);
    for (size_t bytes = 0; bytes <= 1100; bytes = bytes < 300 ? bytes + 1 : bytes + 37) {
        unsigned char *data = room + room_bytes - bytes;

        assert_true(variant->test(data, bytes));
        data[-1] = 0xff;
        assert_true(variant->test(data, bytes));
        data[-1] = 0;
        for (size_t i = 0; i < bytes; i++) {
            data[i] = (unsigned char)(1u << i % 8);
            assert_int_equal(variant->test(data, bytes), naive_test(data, bytes));
            data[i] = 0;
        }
    }
    imgz_guard_destroy(room, room_bytes);
}

static void every_variant_agrees_with_naive(void **state)
{
    size_t count;
    const struct imgz_zero_variant *variants = imgz_zero_variants(&count);

    (void)state;
    assert_true(count >= 1);
    assert_true(variants[0].usable());
    for (size_t i = 0; i < count; i++) {
        if (variants[i].usable())
            check_variant(&variants[i]);
        else
            print_message("not on this processor: %s\n", variants[i].name);
    }
}

static void unaligned_starts_are_right(void **state)
{
    unsigned char data[1024 + 64] = {0};
    size_t count;
    const struct imgz_zero_variant *variants = imgz_zero_variants(&count);

    (void)state;
    for (size_t v = 0; v < count; v++) {
        for (size_t start = 0; variants[v].usable() && start < 64; start++) {
            assert_true(variants[v].test(data + start, 1000));
            data[start + 999] = 1;
            assert_false(variants[v].test(data + start, 1000));
            assert_true(variants[v].test(data + start, 999));
            data[start + 999] = 0;
        }
    }
}

static void map_marks_zero_blocks(void **state)
{
    enum { BLOCKS = 9 };
    const size_t bytes = (BLOCKS - 1) * IMGZ_BLOCK_BYTES + 100;
    unsigned char *data = imgz_guard_create(bytes);

    (void)state;
    for (uint32_t pattern = 0; pattern < 1u << BLOCKS; pattern++) {
        uint8_t map[BLOCKS + 1];
        uint32_t zero_count = 0;

        memset(data, 0, bytes);
        memset(map, 0xa5, sizeof(map));
        for (uint32_t i = 0; i < BLOCKS; i++) {
            size_t last = imgz_min((i + 1) * IMGZ_BLOCK_BYTES, bytes) - 1;

            if (pattern >> i & 1)
                data[i % 2 == 0 ? i * IMGZ_BLOCK_BYTES : last] = 1;
            else
                zero_count += 1;
        }
        assert_int_equal(imgz_zero_map(data, bytes, map), zero_count);
        for (uint32_t i = 0; i < BLOCKS; i++)
            assert_int_equal(map[i], pattern >> i & 1 ? 0 : 1);
        assert_int_equal(map[BLOCKS], 0xa5);
    }
    assert_int_equal(imgz_zero_map(data, 0, NULL), 0);
    imgz_guard_destroy(data, bytes);
}

static void best_variant_is_right(void **state)
{
    unsigned char data[5000] = {0};

    (void)state;
    assert_true(imgz_zero_test(data, sizeof(data)));
    assert_true(imgz_zero_test(data, 0));
    data[4999] = 0x80;
    assert_false(imgz_zero_test(data, sizeof(data)));
    assert_true(imgz_zero_test(data, sizeof(data) - 1));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_variant_agrees_with_naive),
        cmocka_unit_test(unaligned_starts_are_right),
        cmocka_unit_test(map_marks_zero_blocks),
        cmocka_unit_test(best_variant_is_right),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
