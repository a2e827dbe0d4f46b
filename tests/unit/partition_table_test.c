/* SPDX-License-Identifier: MIT */
/* Made-up partition tables; those that sfdisk makes are in free_space_test.c. */
#include "io/fs/partition_table.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "base/bytes.h"

#define DISK_BYTES    ((uint64_t)1 << 20)
#define SECTOR_BYTES  512u
#define ENTRY_AT(i)   (446 + 16 * (size_t)(i))
#define READ_MAX      DISK_BYTES
#define ENOUGH_NS     ((uint64_t)60 * 1000000000)
#define MBR_SIGNATURE 0xAA55

static unsigned char disk[DISK_BYTES];

static int read_at(const void *context, uint64_t offset, void *buffer, size_t bytes,
                   size_t *done_bytes)
{
    (void)context;
    assert_true(offset + bytes <= DISK_BYTES);
    memcpy(buffer, disk + offset, bytes);
    *done_bytes = bytes;
    return 0;
}

static void find(struct imgz_partition_table *table)
{
    const struct imgz_disk_view_config config = {
        .read_at = read_at,
        .size_bytes = DISK_BYTES,
        .bytes_max = READ_MAX,
        .ns_max = ENOUGH_NS,
    };
    static struct imgz_disk_view view;

    imgz_disk_view_init(&view, &config);
    imgz_partition_table_find(&view, table);
}

static void put_entry(int i, unsigned char type, uint32_t first, uint32_t count)
{
    imgz_put_le16(disk + 510, MBR_SIGNATURE);
    disk[ENTRY_AT(i) + 4] = type;
    imgz_put_le32(disk + ENTRY_AT(i) + 8, first);
    imgz_put_le32(disk + ENTRY_AT(i) + 12, count);
}

static void check_range(const struct imgz_partition_range *range, uint32_t first, uint32_t count)
{
    assert_int_equal(range->offset, first * SECTOR_BYTES);
    assert_int_equal(range->bytes, count * SECTOR_BYTES);
}

/* What is taken for one partition. */
static void check_no_table(void)
{
    struct imgz_partition_table table;

    find(&table);
    assert_false(table.found);
    assert_int_equal(table.count, 1);
    check_range(&table.ranges[0], 0, DISK_BYTES / SECTOR_BYTES);
}

static void no_table(void **state)
{
    (void)state;
    memset(disk, 0, sizeof(disk));
    check_no_table();
    imgz_put_le16(disk + 510, MBR_SIGNATURE);
    check_no_table();
}

/* Of two that overlap the first counts, and what is not on the disk does not. */
static void an_mbr_that_lies(void **state)
{
    struct imgz_partition_table table;

    (void)state;
    memset(disk, 0, sizeof(disk));
    put_entry(0, 0x83, 200, 10);
    put_entry(1, 0x83, 8, 100);
    put_entry(2, 0x83, 50, 100);
    put_entry(3, 0x83, 1000, 4000000000);
    find(&table);
    assert_true(table.found);
    assert_int_equal(table.count, 2);
    check_range(&table.ranges[0], 8, 100);
    check_range(&table.ranges[1], 200, 10);
    disk[ENTRY_AT(0)] = 0x80; /* active */
    find(&table);
    assert_int_equal(table.count, 2);
    disk[ENTRY_AT(0)] = 1; /* neither active nor not: code of a boot sector */
    check_no_table();
}

/* What stands for a GPT that is not there says nothing. */
static void a_gpt_that_is_gone(void **state)
{
    (void)state;
    memset(disk, 0, sizeof(disk));
    put_entry(0, 0xEE, 1, UINT32_MAX);
    check_no_table();
    memcpy(disk + SECTOR_BYTES, "EFI PART", 8);
    imgz_put_le64(disk + SECTOR_BYTES + 24, 1);
    check_no_table();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_table),
        cmocka_unit_test(an_mbr_that_lies),
        cmocka_unit_test(a_gpt_that_is_gone),
    };

    return cmocka_run_group_tests_name("partition_table", tests, NULL, NULL);
}
