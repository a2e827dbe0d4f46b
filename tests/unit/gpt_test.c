/* SPDX-License-Identifier: MIT */
#include "io/device/gpt.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <zlib.h>

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

/* A header with the CRC-32 that zlib gives it. */
static void make_header(unsigned char *sector, uint32_t bytes)
{
    memset(sector, 0, bytes);
    memcpy(sector, "EFI PART", 8);
    imgz_put_le32(sector + 8, 0x10000);
    imgz_put_le32(sector + 12, bytes);
    imgz_put_le64(sector + 24, 1);
    imgz_put_le64(sector + 32, 16383);
    imgz_put_le64(sector + 48, 16350);
    imgz_put_le64(sector + 72, 2);
    imgz_put_le32(sector + 80, 128);
    imgz_put_le32(sector + 84, 128);
    imgz_put_le32(sector + 88, 0x12345678);
    imgz_put_le32(sector + 16, (uint32_t)crc32(0, sector, bytes));
}

static void a_header_is_decoded(void **state)
{
    unsigned char sector[512] = {0};
    struct imgz_gpt_header header;

    (void)state;
    for (uint32_t bytes = 92; bytes <= 512; bytes += 60) {
        make_header(sector, bytes);
        assert_true(imgz_gpt_decode(sector, sizeof(sector), &header));
        assert_int_equal(header.own_lba, 1);
        assert_int_equal(header.other_lba, 16383);
        assert_int_equal(header.last_usable_lba, 16350);
        assert_int_equal(header.entries_lba, 2);
        assert_int_equal(header.entries_bytes, 128 * 128);
        assert_int_equal(header.entries_crc32, 0x12345678);
    }
}

static void a_header_that_is_not_right_is_none(void **state)
{
    unsigned char sector[512];
    struct imgz_gpt_header header;

    (void)state;
    for (size_t bit = 0; bit < 92u * 8; bit++) {
        make_header(sector, 92);
        sector[bit / 8] ^= (unsigned char)(1u << bit % 8);
        assert_false(imgz_gpt_decode(sector, sizeof(sector), &header));
    }
    make_header(sector, 512);
    assert_false(imgz_gpt_decode(sector, 511, &header)); /* longer than its sector */
    make_header(sector, 88);
    assert_false(imgz_gpt_decode(sector, sizeof(sector), &header));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(found_for_its_sectors),
        cmocka_unit_test(the_device_s_own_sectors_come_first),
        cmocka_unit_test(what_is_no_table_is_none),
        cmocka_unit_test(a_header_is_decoded),
        cmocka_unit_test(a_header_that_is_not_right_is_none),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
