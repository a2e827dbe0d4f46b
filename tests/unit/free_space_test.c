/* SPDX-License-Identifier: MIT */
/*
 * What is found to be free, beside what dumpe2fs and xfs_db say of the same file systems; in
 * partitions that sfdisk made; and of disks that lie, fail or take long, which must do no harm.
 */
#include "io/fs/free_space.h"

#include <errno.h>
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "fixture.h"

#define MIB         ((uint64_t)1 << 20)
#define REGIONS_MAX 600u
#define ENOUGH_NS   ((uint64_t)60 * 1000000000)
#define READ_MAX    (4 * MIB)
#define SKIPPED     77

/* The disk that is looked at: a file, some of its bytes changed. */
struct disk {
    int fd;
    uint64_t size_bytes;
    uint64_t lie_offset;
    unsigned char lie[64];
    size_t lie_bytes;
    unsigned read_count;
    unsigned fail_at; /* this read fails; 0: none */
    uint64_t read_bytes;
};

static struct imgz_fixture fixture;

static int read_at(const void *context, uint64_t offset, void *buffer, size_t bytes,
                   size_t *done_bytes)
{
    struct disk *disk = (struct disk *)(uintptr_t)context;
    ssize_t moved;

    assert_int_equal(offset % IMGZ_BLOCK_BYTES, 0);
    assert_int_equal(bytes % IMGZ_BLOCK_BYTES, 0);
    assert_int_equal((uintptr_t)buffer % IMGZ_BLOCK_BYTES, 0);
    assert_true(offset < disk->size_bytes);
    disk->read_count += 1;
    disk->read_bytes += bytes;
    assert_true(disk->fail_at == 0 || disk->read_count <= disk->fail_at);
    *done_bytes = 0;
    if (disk->read_count == disk->fail_at)
        return -EIO;
    moved = pread(disk->fd, buffer, bytes, (off_t)offset);
    assert_true(moved >= 0);
    for (uint64_t i = 0; i < disk->lie_bytes; i++)
        if (disk->lie_offset + i >= offset && disk->lie_offset + i < offset + (uint64_t)moved)
            ((unsigned char *)buffer)[disk->lie_offset + i - offset] = disk->lie[i];
    *done_bytes = (size_t)moved;
    return 0;
}

static struct disk open_disk(const char *name)
{
    struct disk disk = {.fd = -1};
    struct stat status;

    disk.fd = open(imgz_fixture_path(&fixture, name).text, O_RDWR | O_CLOEXEC);
    assert_true(disk.fd >= 0);
    assert_int_equal(fstat(disk.fd, &status), 0);
    disk.size_bytes = (uint64_t)status.st_size;
    return disk;
}

static void init_view(struct imgz_disk_view *view, struct disk *disk)
{
    const struct imgz_disk_view_config config = {
        .read_at = read_at,
        .context = disk,
        .size_bytes = disk->size_bytes,
        .bytes_max = READ_MAX,
        .ns_max = ENOUGH_NS,
    };

    disk->read_count = 0;
    disk->read_bytes = 0;
    imgz_disk_view_init(view, &config);
}

static uint32_t find(struct disk *disk, struct imgz_blanks *blanks)
{
    static struct imgz_disk_view view;

    memset(blanks, 0, sizeof(*blanks));
    init_view(&view, disk);
    return imgz_free_space_find(&view, blanks);
}

/* Whatever the disk says: regions in order, on the disk, with no more free than they have. */
static void check_sane(const struct disk *disk, const struct imgz_blanks *blanks)
{
    uint64_t end = 0;
    uint64_t free_bytes = 0;

    for (uint32_t i = 0; i < blanks->region_count; i++) {
        const struct imgz_free_region *region = &blanks->regions[i];

        assert_true(region->offset >= end);
        assert_true(region->bytes > 0 && region->free_bytes <= region->bytes);
        end = region->offset + region->bytes;
        assert_true(end > region->offset && end <= disk->size_bytes);
        free_bytes += region->free_bytes;
    }
    assert_int_equal(free_bytes, blanks->free_bytes);
    assert_true(disk->read_bytes <= READ_MAX);
}

/* Runs a command in the fixture's folder; false where it fails. */
IMGZ_PRINTF(1, 2) static bool shell(const char *format, ...)
{
    char command[2000];
    char line[1500];
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(line, sizeof(line), format, arguments);
    va_end(arguments);
    snprintf(command, sizeof(command), "cd %s && PATH=$PATH:/usr/sbin:/sbin && (%s) >log 2>&1",
             fixture.folder, line);
    return system(command) == 0;
}

/* ---- Oracles -------------------------------------------------------------------------------- */

struct oracle {
    uint32_t count;
    struct imgz_free_region regions[REGIONS_MAX];
};

static FILE *ask(const char *command)
{
    char line[2000];
    FILE *answer;

    snprintf(line, sizeof(line), "cd %s && PATH=$PATH:/usr/sbin:/sbin && %s 2>log", fixture.folder,
             command);
    answer = popen(line, "r");
    assert_non_null(answer);
    return answer;
}

/* "Group 3: (Blocks 98304-131071)", "  31000 free clusters, ..." */
static void ask_dumpe2fs(uint64_t block_bytes, uint64_t cluster_bytes, struct oracle *oracle)
{
    FILE *answer = ask("dumpe2fs fs");
    struct imgz_free_region *region = NULL;
    char line[65536];

    oracle->count = 0;
    while (fgets(line, sizeof(line), answer) != NULL) {
        const char *blocks = strstr(line, "(Blocks ");
        char *rest;

        if (strncmp(line, "Group ", 6) == 0 && blocks != NULL) {
            const uint64_t first = strtoull(blocks + strlen("(Blocks "), &rest, 10);
            const uint64_t last = strtoull(rest + 1, NULL, 10);

            assert_true(oracle->count < REGIONS_MAX);
            region = &oracle->regions[oracle->count++];
            *region = (struct imgz_free_region){.offset = first * block_bytes,
                                                .bytes = (last - first + 1) * block_bytes};
        } else if (region != NULL && strncmp(line, "  ", 2) == 0 &&
                   strstr(line, " free ") != NULL) {
            region->free_bytes = strtoull(line, &rest, 10) * cluster_bytes;
            region = NULL;
        }
    }
    assert_int_equal(pclose(answer), 0);
    assert_true(oracle->count > 0);
}

static uint64_t ask_number(const char *command)
{
    FILE *answer = ask(command);
    char line[200] = "";

    assert_non_null(fgets(line, sizeof(line), answer));
    assert_int_equal(pclose(answer), 0);
    return strtoull(strchr(line, '=') + 1, NULL, 0);
}

static void ask_xfs_db(struct oracle *oracle)
{
    const uint64_t block_bytes = ask_number("xfs_db -r -c 'sb 0' -c 'p blocksize' fs");
    const uint64_t group_bytes = ask_number("xfs_db -r -c 'sb 0' -c 'p agblocks' fs") * block_bytes;

    oracle->count = (uint32_t)ask_number("xfs_db -r -c 'sb 0' -c 'p agcount' fs");
    assert_true(oracle->count <= REGIONS_MAX);
    for (uint32_t i = 0; i < oracle->count; i++) {
        char command[200];

        snprintf(command, sizeof(command), "xfs_db -r -c 'agf %u' -c 'p length' fs", i);
        oracle->regions[i].offset = i * group_bytes;
        oracle->regions[i].bytes = ask_number(command) * block_bytes;
        snprintf(command, sizeof(command), "xfs_db -r -c 'agf %u' -c 'p freeblks' fs", i);
        oracle->regions[i].free_bytes = ask_number(command) * block_bytes;
    }
}

/* The regions found are the oracle's, so many bytes further on. */
static void check_regions(const struct imgz_free_region *found, const struct oracle *oracle,
                          uint64_t shift_bytes)
{
    for (uint32_t i = 0; i < oracle->count; i++) {
        const struct imgz_free_region *wanted = &oracle->regions[i];

        assert_int_equal(found[i].offset, wanted->offset + shift_bytes);
        assert_int_equal(found[i].bytes, wanted->bytes);
        assert_int_equal(found[i].free_bytes, wanted->free_bytes);
    }
}

/* ---- ext ------------------------------------------------------------------------------------ */

static void make_files(void)
{
    assert_true(shell("mkdir files && for i in 1 2 3 4 5 6 7; do mkdir files/$i && "
                      "head -c ${i}500000 /dev/urandom >files/$i/data; done"));
}

/* Block size, cluster size, and what mke2fs is told. */
static const struct {
    uint64_t block_bytes;
    uint64_t cluster_bytes;
    const char *options;
} exts[] = {
    {4096, 4096, "-t ext4 -b 4096"},
    {4096, 4096, "-t ext4 -b 4096 -O ^64bit"},
    {1024, 1024, "-t ext4 -b 1024"},
    {2048, 2048, "-t ext4 -b 2048 -O ^flex_bg"},
    {4096, 65536, "-t ext4 -b 4096 -O bigalloc -C 65536"},
    {1024, 16384, "-t ext4 -b 1024 -O bigalloc -C 16384"},
    {4096, 4096, "-t ext4 -b 4096 -g 2048"},
    {1024, 1024, "-t ext2 -b 1024"},
    {4096, 4096, "-t ext3 -b 4096 -E resize=10000000"},
};

static void ext_as_dumpe2fs_sees_it(void **state)
{
    static struct imgz_blanks blanks;
    static struct oracle oracle;

    (void)state;
    for (size_t i = 0; i < IMGZ_COUNT_OF(exts); i++) {
        struct disk disk;

        assert_true(shell("rm -f fs && truncate -s 400000k fs && mke2fs -q -F %s -d files fs",
                          exts[i].options));
        disk = open_disk("fs");
        assert_int_equal(find(&disk, &blanks), 1);
        ask_dumpe2fs(exts[i].block_bytes, exts[i].cluster_bytes, &oracle);
        assert_int_equal(blanks.region_count, oracle.count);
        check_regions(blanks.regions, &oracle, 0);
        check_sane(&disk, &blanks);
        assert_true(blanks.free_bytes > 200 * MIB);
        close(disk.fd);
    }
}

/* Where there is no table of groups in one place, the superblock's word counts for all. */
static void ext_whose_groups_are_not_in_a_row(void **state)
{
    static struct imgz_blanks blanks;
    static struct oracle oracle;
    uint64_t free_bytes = 0;
    struct disk disk;

    (void)state;
    assert_true(shell("rm -f fs && truncate -s 400000k fs && "
                      "mke2fs -q -F -t ext4 -b 1024 -O meta_bg,^resize_inode -d files fs"));
    disk = open_disk("fs");
    assert_int_equal(find(&disk, &blanks), 1);
    ask_dumpe2fs(1024, 1024, &oracle);
    for (uint32_t i = 0; i < oracle.count; i++)
        free_bytes += oracle.regions[i].free_bytes;
    assert_int_equal(blanks.region_count, 1);
    assert_int_equal(blanks.free_bytes, free_bytes);
    close(disk.fd);
}

/* Thousands of groups: as many regions as there is room for, and the same sum. */
static void ext_of_many_groups(void **state)
{
    static struct imgz_blanks blanks;
    struct disk disk;
    uint64_t free_blocks;

    (void)state;
    assert_true(shell("rm -f fs && truncate -s 3T fs && "
                      "mke2fs -q -F -t ext4 -N 400000 -O sparse_super2 -E num_backup_sb=0 fs"));
    disk = open_disk("fs");
    assert_int_equal(find(&disk, &blanks), 1);
    free_blocks = ask_number("dumpe2fs -h fs | sed -n 's/^Free blocks: */=/p'");
    assert_int_equal(blanks.free_bytes, free_blocks * 4096);
    assert_in_range(blanks.region_count, 400, 512);
    check_sane(&disk, &blanks);
    close(disk.fd);
}

/* ---- XFS ------------------------------------------------------------------------------------ */

static void xfs_as_xfs_db_sees_it(void **state)
{
    static const char *const options[] = {"", "-b size=1024", "-s size=4096 -d agcount=17",
                                          "-m crc=0 -d agcount=3"};
    static struct imgz_blanks blanks;
    static struct oracle oracle;

    (void)state;
    for (size_t i = 0; i < IMGZ_COUNT_OF(options); i++) {
        struct disk disk;

        assert_true(shell("rm -f fs && truncate -s 2G fs && mkfs.xfs -q -f %s fs", options[i]));
        disk = open_disk("fs");
        assert_int_equal(find(&disk, &blanks), 1);
        ask_xfs_db(&oracle);
        assert_int_equal(blanks.region_count, oracle.count);
        check_regions(blanks.regions, &oracle, 0);
        check_sane(&disk, &blanks);
        close(disk.fd);
    }
}

/* ---- Partitions ----------------------------------------------------------------------------- */

static void check_gap(const struct imgz_free_region *region, uint64_t from, uint64_t end)
{
    assert_int_equal(region->offset, from);
    assert_int_equal(region->bytes, end - from);
    assert_int_equal(region->free_bytes, end - from);
}

/* Two file systems behind each other, in partitions of 100 MiB at 100, and of 400 at 260. */
static void check_table(const char *command)
{
    const uint64_t first = 100 * MIB;
    const uint64_t second = 260 * MIB;
    static struct imgz_blanks blanks;
    static struct oracle oracle;
    struct disk disk;

    assert_true(shell("rm -f disk && truncate -s 700M disk && %s", command));
    assert_true(shell("rm -f fs && truncate -s 400M fs && mke2fs -q -F -t ext4 -b 4096 fs && "
                      "dd if=fs of=disk bs=1M seek=260 conv=notrunc,sparse && "
                      "truncate -s 100M fs && mke2fs -q -F -t ext2 -b 4096 fs && "
                      "dd if=fs of=disk bs=1M seek=100 conv=notrunc,sparse"));
    disk = open_disk("disk");
    assert_int_equal(find(&disk, &blanks), 2);
    check_sane(&disk, &blanks);
    ask_dumpe2fs(4096, 4096, &oracle);
    check_regions(blanks.regions + 1, &oracle, first);
    assert_true(blanks.region_count > oracle.count + 4);
    assert_int_equal(blanks.regions[oracle.count + 2].offset, second);
    /* What is in no partition is free: before, between and behind them. */
    check_gap(&blanks.regions[0], 0, first);
    check_gap(&blanks.regions[oracle.count + 1], first + 100 * MIB, second);
    check_gap(&blanks.regions[blanks.region_count - 1], second + 400 * MIB, 700 * MIB);
    close(disk.fd);
}

static void partitions(void **state)
{
    (void)state;
    check_table("printf 'label: dos\\nstart=532480, size=819200\\nstart=204800, size=204800\\n' |"
                "sfdisk -q disk");
    check_table("printf 'label: gpt\\nstart=532480, size=819200\\nstart=204800, size=204800\\n' |"
                "sfdisk -q disk");
    check_table("printf 'g\\nn\\n1\\n25600\\n51199\\nn\\n2\\n66560\\n168959\\nw\\n' |"
                "fdisk -b 4096 disk");
}

/* A table of entries that its checksum does not fit is not believed. */
static void a_gpt_that_is_damaged(void **state)
{
    static struct imgz_blanks blanks;
    struct disk disk = open_disk("disk");

    (void)state;
    assert_int_equal(find(&disk, &blanks), 2);
    disk.lie_bytes = 1;
    for (disk.lie_offset = 8192 + 32; disk.lie_offset < 8192 + 48; disk.lie_offset++) {
        disk.lie[0] = 0x55;
        assert_int_equal(find(&disk, &blanks), 0);
    }
    close(disk.fd);
}

/* A boot sector's signature alone is no table. */
static void a_boot_sector_is_no_table(void **state)
{
    static struct imgz_blanks blanks;
    struct disk disk;

    (void)state;
    assert_true(shell("rm -f fs && truncate -s 100M fs && mke2fs -q -F -t ext4 fs && "
                      "printf '\\125\\252' | dd of=fs bs=1 seek=510 conv=notrunc"));
    disk = open_disk("fs");
    assert_int_equal(find(&disk, &blanks), 1);
    close(disk.fd);
}

/* ---- What may go wrong ---------------------------------------------------------------------- */

static void nothing_there(void **state)
{
    static const uint64_t sizes[] = {0, 1, 511, 512, 4095, 4096, 8191, 8192, 12345, 400 * MIB};
    static struct imgz_blanks blanks;

    (void)state;
    for (size_t i = 0; i < IMGZ_COUNT_OF(sizes); i++) {
        struct disk disk;

        assert_true(shell("rm -f fs && truncate -s %" PRIu64 " fs", sizes[i]));
        disk = open_disk("fs");
        assert_int_equal(find(&disk, &blanks), 0);
        assert_int_equal(blanks.region_count, 0);
        close(disk.fd);
    }
}

/* A read that fails is the last one: see read_at(). */
static void every_read_may_fail(void **state)
{
    static struct imgz_blanks blanks;
    struct disk disk = open_disk("disk");
    unsigned count;

    (void)state;
    assert_int_equal(find(&disk, &blanks), 2);
    count = disk.read_count;
    for (disk.fail_at = 1; disk.fail_at <= count; disk.fail_at++) {
        find(&disk, &blanks);
        assert_int_equal(disk.read_count, disk.fail_at);
        check_sane(&disk, &blanks);
    }
    close(disk.fd);
}

/* What is known by then is kept, and the rest of what the superblock counts is somewhere behind. */
static void every_group_may_fail(void **state)
{
    static struct imgz_blanks blanks;
    struct disk disk;
    uint64_t free_bytes;
    unsigned count;

    (void)state;
    assert_true(shell("rm -f fs && truncate -s 2G fs && mkfs.xfs -q -f -d agcount=17 fs"));
    disk = open_disk("fs");
    assert_int_equal(find(&disk, &blanks), 1);
    count = disk.read_count;
    free_bytes = blanks.free_bytes;
    assert_int_equal(count, 17); /* one for each group, the superblock beside the first */
    for (disk.fail_at = 1; disk.fail_at <= count; disk.fail_at++) {
        find(&disk, &blanks);
        assert_int_equal(disk.read_count, disk.fail_at);
        check_sane(&disk, &blanks);
        assert_int_equal(blanks.region_count, disk.fail_at > 1 ? disk.fail_at : 0);
        /* The superblock counts the groups' reserves, too. */
        if (disk.fail_at > 1)
            assert_in_range(blanks.free_bytes, free_bytes - MIB, free_bytes + MIB);
    }
    close(disk.fd);
}

static void limits_are_kept(void **state)
{
    static struct imgz_disk_view view;
    static struct imgz_blanks blanks;
    struct disk disk = open_disk("fs");
    struct imgz_disk_view_config config = {
        .read_at = read_at,
        .context = &disk,
        .size_bytes = disk.size_bytes,
        .ns_max = 0,
        .bytes_max = READ_MAX,
    };

    (void)state;
    imgz_disk_view_init(&view, &config);
    assert_int_equal(imgz_free_space_find(&view, &blanks), 0);
    assert_int_equal(disk.read_count, 0);
    config.ns_max = ENOUGH_NS;
    for (config.bytes_max = 0; config.bytes_max < 65536; config.bytes_max += 4096) {
        disk.read_bytes = 0;
        memset(&blanks, 0, sizeof(blanks));
        imgz_disk_view_init(&view, &config);
        imgz_free_space_find(&view, &blanks);
        assert_true(disk.read_bytes <= config.bytes_max);
        check_sane(&disk, &blanks);
    }
    close(disk.fd);
}

/* Every byte of what is read, in turn, is another; so are fields of eight. */
static void tell_lies(const char *name, uint64_t offset, uint64_t bytes)
{
    static const unsigned char lies[] = {0, 1, 0x7F, 0x80, 0xFF};
    static struct imgz_blanks blanks;
    struct disk disk = open_disk(name);

    for (disk.lie_offset = offset; disk.lie_offset < offset + bytes; disk.lie_offset++) {
        for (size_t i = 0; i < IMGZ_COUNT_OF(lies); i++) {
            memset(disk.lie, lies[i], sizeof(disk.lie));
            for (disk.lie_bytes = 1; disk.lie_bytes <= 8; disk.lie_bytes *= 2) {
                find(&disk, &blanks);
                check_sane(&disk, &blanks);
            }
        }
    }
    close(disk.fd);
}

static void lies_do_no_harm(void **state)
{
    (void)state;
    tell_lies("fs", 0, 160);      /* superblock of XFS */
    tell_lies("fs", 512, 64);     /* its first group */
    tell_lies("disk", 4096, 96);  /* header of the GPT, for sectors of 4096 bytes */
    tell_lies("disk", 8192, 256); /* its entries */
    tell_lies("disk", 260 * MIB + 1024, 1024);
    tell_lies("disk", 260 * MIB + 4096, 128);
}

static int set_up(void **state)
{
    (void)state;
    imgz_fixture_init(&fixture);
    if (!shell("command -v mke2fs dumpe2fs mkfs.xfs xfs_db sfdisk fdisk")) {
        imgz_fixture_fini(&fixture);
        printf("mke2fs, dumpe2fs, mkfs.xfs, xfs_db, sfdisk or fdisk is missing\n");
        exit(SKIPPED);
    }
    make_files();
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    assert_true(shell("rm -rf files fs disk"));
    imgz_fixture_fini(&fixture);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ext_as_dumpe2fs_sees_it),
        cmocka_unit_test(ext_whose_groups_are_not_in_a_row),
        cmocka_unit_test(ext_of_many_groups),
        cmocka_unit_test(a_boot_sector_is_no_table),
        cmocka_unit_test(nothing_there),
        cmocka_unit_test(partitions),
        cmocka_unit_test(a_gpt_that_is_damaged),
        cmocka_unit_test(xfs_as_xfs_db_sees_it),
        cmocka_unit_test(every_read_may_fail),
        cmocka_unit_test(every_group_may_fail),
        cmocka_unit_test(limits_are_kept),
        cmocka_unit_test(lies_do_no_harm),
    };

    return cmocka_run_group_tests_name("free_space", tests, set_up, tear_down);
}
