/* SPDX-License-Identifier: MIT */
#include "io/gpt.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/bytes.h"

static void put_header(unsigned char *head, uint32_t sector_bytes, uint64_t own, uint64_t other)
{
    memcpy(head + sector_bytes, "EFI PART", 8);
    imgz_put_le64(head + sector_bytes + 24, own);
    imgz_put_le64(head + sector_bytes + 32, other);
}

static void found_for_its_sectors(void **state)
{
    (void)state;
    for (uint32_t sector = 512; sector <= 4096; sector *= 2) {
        for (uint32_t device = 512; device <= 4096; device *= 2) {
            unsigned char head[8192] = {0};
            struct imgz_gpt gpt;

            put_header(head, sector, 1, 999);
            assert_true(imgz_gpt_find(head, sizeof(head), device, &gpt));
            assert_int_equal(gpt.sector_bytes, sector);
            assert_int_equal(gpt.backup_offset, 999 * (uint64_t)sector);
        }
    }
}

/* A hybrid for both kinds of drives: that of the device counts. */
static void the_device_s_own_sectors_come_first(void **state)
{
    unsigned char head[8192] = {0};
    struct imgz_gpt gpt;

    (void)state;
    put_header(head, 512, 1, 100);
    put_header(head, 4096, 1, 10);
    assert_true(imgz_gpt_find(head, sizeof(head), 4096, &gpt));
    assert_int_equal(gpt.sector_bytes, 4096);
    assert_true(imgz_gpt_find(head, sizeof(head), 512, &gpt));
    assert_int_equal(gpt.sector_bytes, 512);
}

/* Buffers end where the disk does: a sanitizer sees what is read behind. */
static void what_is_no_table_is_none(void **state)
{
    struct imgz_gpt gpt;

    (void)state;
    for (size_t bytes = 0; bytes < 8192; bytes += 37) {
        unsigned char *head = calloc(1, bytes + 1);

        assert_non_null(head);
        head = realloc(head, bytes + (bytes == 0));
        assert_false(imgz_gpt_find(head, bytes, 512, &gpt));
        if (bytes >= 512 + 8)
            memcpy(head + 512, "EFI PART", 8);
        assert_false(imgz_gpt_find(head, bytes, 4096, &gpt));
        free(head);
    }
    for (int lie = 0; lie < 3; lie++) {
        unsigned char head[8192] = {0};

        put_header(head, 512, lie == 0 ? 2 : 1, lie == 1 ? UINT64_MAX : 5);
        if (lie == 2)
            head[512] = 'e';
        assert_false(imgz_gpt_find(head, sizeof(head), 512, &gpt));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(found_for_its_sectors),
        cmocka_unit_test(the_device_s_own_sectors_come_first),
        cmocka_unit_test(what_is_no_table_is_none),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
