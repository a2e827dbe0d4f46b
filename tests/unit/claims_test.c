/* SPDX-License-Identifier: MIT */
/* A machine of files in a folder that stands for the root: disks, partitions, LVM, MD and loop
 * devices stacked on each other, and who uses what. */
#include "io/device/claims.h"

#include <errno.h>
#include <ftw.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <sys/sysmacros.h>

#include <cmocka.h>

#include "fixture.h"

/* ---- The machine -------------------------------------------------------------------------------
 */

struct device {
    const char *folder; /* in /sys/block */
    unsigned major_number, minor_number;
    const char *mapped;  /* dm/name */
    const char *file;    /* loop/backing_file */
    const char *holders; /* names parted by blanks */
    const char *slaves;
};

/*
 *     sda1: /      sda2: swap      sda3: nothing
 *     sdb1: /mnt   sdb2: dm-0 (vg-home): /home
 *     sdc, sdd1: md0: dm-1 (vg-srv): swap
 *     sde: btrfs, of many mounts without a number of their own
 *     loop0: a file in /mnt        loop1: sdf, mounted nowhere       loop2: a file in /home: /deep
 *     sdg: free, of two partitions
 */
static const struct device devices[] = {
    {"sda", 8, 0, NULL, NULL, NULL, NULL},
    {"sda/sda1", 8, 1, NULL, NULL, NULL, NULL},
    {"sda/sda2", 8, 2, NULL, NULL, NULL, NULL},
    {"sda/sda3", 8, 3, NULL, NULL, NULL, NULL},
    {"sdb", 8, 16, NULL, NULL, NULL, NULL},
    {"sdb/sdb1", 8, 17, NULL, NULL, NULL, NULL},
    {"sdb/sdb2", 8, 18, NULL, NULL, "dm-0", NULL},
    {"dm-0", 253, 0, "vg-home", NULL, NULL, "sdb/sdb2"},
    {"sdc", 8, 32, NULL, NULL, "md0", NULL},
    {"sdd", 8, 48, NULL, NULL, NULL, NULL},
    {"sdd/sdd1", 8, 49, NULL, NULL, "md0", NULL},
    {"md0", 9, 0, NULL, NULL, "dm-1", "sdc sdd/sdd1"},
    {"dm-1", 253, 1, "vg-srv", NULL, NULL, "md0"},
    {"sde", 8, 64, NULL, NULL, NULL, NULL},
    {"sdf", 8, 80, NULL, NULL, NULL, NULL},
    {"sdg", 8, 96, NULL, NULL, NULL, NULL},
    {"sdg/sdg1", 8, 97, NULL, NULL, NULL, NULL},
    {"sdg/sdg2", 8, 98, NULL, NULL, NULL, NULL},
    {"loop0", 7, 0, NULL, "/mnt/a.img", NULL, NULL},
    {"loop1", 7, 1, NULL, "/dev/sdf", NULL, NULL},
    {"loop2", 7, 2, NULL, "/home/b.img", NULL, NULL},
    {"loop3", 7, 3, NULL, "/gone (deleted)", NULL, NULL},
    {"loop4", 7, 4, NULL, "/hung/disk", NULL, NULL},
    {"loop5", 7, 5, NULL, "/of/another/namespace", NULL, NULL},
    {"cciss!c0d0", 104, 0, NULL, NULL, NULL, NULL},
};

static const char mountinfo[] = "20 1 8:1 / / rw - ext4 /dev/sda1 rw\n"
                                "21 20 0:5 / /proc rw - proc proc rw\n"
                                "22 20 8:17 / /mnt rw - ext4 /dev/sdb1 rw\n"
                                "23 20 253:0 / /home rw - xfs /dev/mapper/vg-home rw\n"
                                "24 20 0:45 /sub /data rw - btrfs /dev/sde rw\n"
                                "25 20 7:2 / /deep\\040er rw - ext4 /dev/loop2 rw\n"
                                "26 20 0:50 / /over rw - overlay overlay rw\n"
                                "27 20 0:51 / /hung rw - fuse /srv/disk rw\n"
                                "28 20 104:0 / /raid rw - ext4 /dev/cciss/c0d0 rw\n";

static const char swaps[] = "Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n"
                            "/dev/sda2                               partition\t1024\t0\t-2\n"
                            "/dev/dm-1                               partition\t1024\t0\t-3\n"
                            "/mnt/swap\\040file                       file\t1024\t0\t-4\n";

static const struct {
    const char *path;
    bool block;
    unsigned major_number, minor_number;
    unsigned inode;
} files[] = {
    {"/dev/sda2", true, 8, 2, 0},     {"/dev/dm-1", true, 253, 1, 0},
    {"/dev/sde", true, 8, 64, 0},     {"/dev/sdf", true, 8, 80, 0},
    {"/mnt/a.img", false, 8, 17, 7},  {"/mnt/swap file", false, 8, 17, 8},
    {"/mnt/i.gz", false, 8, 17, 9},   {"/home/b.img", false, 253, 0, 7},
    {"/home/i.gz", false, 253, 0, 8}, {"/data/i.gz", false, 0, 46, 7},
    {"/database", false, 0, 47, 7},   {"/deep er/i.gz", false, 7, 2, 7},
    {"/over/i.gz", false, 0, 50, 7},  {"/proc/i.gz", false, 0, 5, 7},
};

static int fake_stat(const char *path, struct stat *status)
{
    if (strncmp(path, "/hung/", strlen("/hung/")) == 0)
        fail_msg("%s is looked at: its server may not answer", path);
    memset(status, 0, sizeof(*status));
    for (size_t i = 0; i < IMGZ_COUNT_OF(files); i++) {
        const dev_t number = makedev(files[i].major_number, files[i].minor_number);

        if (strcmp(files[i].path, path) != 0)
            continue;
        status->st_mode = files[i].block ? S_IFBLK : S_IFREG;
        status->st_rdev = files[i].block ? number : 0;
        status->st_dev = files[i].block ? makedev(0, 6) : number;
        status->st_ino = files[i].inode;
        return 0;
    }
    errno = ENOENT;
    return -1;
}

static char root[200];

/* The path in the folder, with the folders above it. */
static const char *make_way(const char *path)
{
    static char full[700];

    snprintf(full, sizeof(full), "%s%s", root, path);
    for (char *at = full + strlen(root) + 1; (at = strchr(at, '/')) != NULL; at++) {
        *at = '\0';
        (void)mkdir(full, 0700);
        *at = '/';
    }
    return full;
}

__attribute__((format(printf, 2, 3))) static void put(const char *path, const char *format, ...)
{
    FILE *file = fopen(make_way(path), "we");
    va_list arguments;

    assert_non_null(file);
    va_start(arguments, format);
    assert_true(vfprintf(file, format, arguments) >= 0);
    va_end(arguments);
    assert_int_equal(fclose(file), 0);
}

/* Links in folder 'kind' of a device, each to a device of the list, as sysfs has them. */
static void put_links(const char *folder, const char *kind, const char *names)
{
    char list[100];
    char *rest = list;
    char *name;

    snprintf(list, sizeof(list), "%s", names != NULL ? names : "");
    while ((name = strsep(&rest, " ")) != NULL && name[0] != '\0') {
        const char *last = strrchr(name, '/') != NULL ? strrchr(name, '/') + 1 : name;
        char link[400];
        char target[300];

        snprintf(link, sizeof(link), "/sys/block/%s/%s/%s", folder, kind, last);
        snprintf(target, sizeof(target), "%s/sys/block/%s", root, name);
        assert_int_equal(symlink(target, make_way(link)), 0);
    }
}

static void put_device(const struct device *device)
{
    char path[200];
    char target[300];

    snprintf(path, sizeof(path), "/sys/block/%s/dev", device->folder);
    put(path, "%u:%u\n", device->major_number, device->minor_number);
    if (strchr(device->folder, '/') != NULL) {
        snprintf(path, sizeof(path), "/sys/block/%s/partition", device->folder);
        put(path, "%u\n", device->minor_number % 16);
    }
    snprintf(path, sizeof(path), "/sys/block/%s/dm/name", device->folder);
    if (device->mapped != NULL)
        put(path, "%s\n", device->mapped);
    snprintf(path, sizeof(path), "/sys/block/%s/loop/backing_file", device->folder);
    if (device->file != NULL)
        put(path, "%s\n", device->file);
    put_links(device->folder, "holders", device->holders);
    put_links(device->folder, "slaves", device->slaves);
    snprintf(path, sizeof(path), "/sys/dev/block/%u:%u", device->major_number,
             device->minor_number);
    snprintf(target, sizeof(target), "%s/sys/block/%s", root, device->folder);
    assert_int_equal(symlink(target, make_way(path)), 0);
}

static int make_machine(void **state)
{
    (void)state;
    snprintf(root, sizeof(root), "/tmp/imgz-c-test.XXXXXX");
    assert_non_null(mkdtemp(root));
    for (size_t i = 0; i < IMGZ_COUNT_OF(devices); i++)
        put_device(&devices[i]);
    put("/proc/self/mountinfo", "%s", mountinfo);
    put("/proc/swaps", "%s", swaps);
    return 0;
}

static int remove_one(const char *path, const struct stat *status, int kind, struct FTW *place)
{
    (void)status;
    (void)kind;
    (void)place;
    return remove(path);
}

static int remove_machine(void **state)
{
    (void)state;
    return nftw(root, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

static struct imgz_device_stack *open_view(void)
{
    const struct imgz_device_stack_config config = {.root = root, .stat = fake_stat};
    struct imgz_device_stack *stack = NULL;

    assert_int_equal(imgz_device_stack_open(&config, &stack), 0);
    return stack;
}

/* ---- Claims ------------------------------------------------------------------------------------
 */

#define CLAIMS 8

static const struct {
    const char *name;
    unsigned major_number, minor_number;
    const char *image;
    const char *what[CLAIMS]; /* in any order */
} cases[] = {
    {"the disk of the running system",
     8,
     0,
     NULL,
     {"/dev/sda1 is mounted at / (the running system)", "/dev/sda2 is swap",
      "/dev/sda1 is held by /dev/loop3 (/gone (deleted))"}},
    {"its partition",
     8,
     1,
     NULL,
     {"/dev/sda1 is mounted at / (the running system)",
      "/dev/sda1 is held by /dev/loop3 (/gone (deleted))"}},
    {"swap", 8, 2, NULL, {"/dev/sda2 is swap"}},
    {"a free neighbour of both", 8, 3, NULL, {NULL}},
    {"a disk of a mount and a volume group",
     8,
     16,
     NULL,
     {"/dev/sdb1 is mounted at /mnt", "/dev/mapper/vg-home on /dev/sdb2 is mounted at /home",
      "/dev/loop2 on /dev/sdb2 is mounted at /deep er", "/dev/sdb1 is swap (/mnt/swap file)",
      "/dev/sdb2 is held by /dev/mapper/vg-home", "/dev/sdb1 is held by /dev/loop0 (/mnt/a.img)",
      "/dev/mapper/vg-home on /dev/sdb2 is held by /dev/loop2 (/home/b.img)"}},
    {"the volume",
     253,
     0,
     NULL,
     {"/dev/mapper/vg-home is mounted at /home",
      "/dev/loop2 on /dev/mapper/vg-home is mounted at /deep er",
      "/dev/mapper/vg-home is held by /dev/loop2 (/home/b.img)"}},
    {"below MD below LVM",
     8,
     32,
     NULL,
     {"/dev/mapper/vg-srv on /dev/sdc is swap (/dev/dm-1)", "/dev/sdc is held by /dev/md0"}},
    {"the same by a partition",
     8,
     48,
     NULL,
     {"/dev/mapper/vg-srv on /dev/sdd1 is swap (/dev/dm-1)", "/dev/sdd1 is held by /dev/md0"}},
    {"MD",
     9,
     0,
     NULL,
     {"/dev/mapper/vg-srv on /dev/md0 is swap (/dev/dm-1)",
      "/dev/md0 is held by /dev/mapper/vg-srv"}},
    {"btrfs, by its source", 8, 64, NULL, {"/dev/sde is mounted at /data"}},
    {"under a loop device", 8, 80, NULL, {"/dev/sdf is held by /dev/loop1 (/dev/sdf)"}},
    {"free, with free partitions", 8, 96, NULL, {NULL}},
    {"a free partition", 8, 97, NULL, {NULL}},
    {"a loop device has no claim on itself", 7, 0, NULL, {NULL}},
    {"a slash in the name", 104, 0, NULL, {"/dev/cciss/c0d0 is mounted at /raid"}},
    {"image elsewhere", 8, 96, "/mnt/i.gz", {NULL}},
    {"image on a partition of it",
     8,
     17,
     "/mnt/i.gz",
     {"/dev/sdb1 is mounted at /mnt", "/dev/sdb1 is swap (/mnt/swap file)",
      "/dev/sdb1 is held by /dev/loop0 (/mnt/a.img)",
      "/dev/sdb1 is where the image /mnt/i.gz is read from"}},
    {"image on a neighbour", 8, 3, "/mnt/i.gz", {NULL}},
    {"image on btrfs, by its folder",
     8,
     64,
     "/data/i.gz",
     {"/dev/sde is mounted at /data", "/dev/sde is where the image /data/i.gz is read from"}},
    {"a name that only begins like it", 8, 64, "/database", {"/dev/sde is mounted at /data"}},
    {"image in a loop's file's loop",
     253,
     0,
     "/deep er/i.gz",
     {"/dev/mapper/vg-home is mounted at /home",
      "/dev/loop2 on /dev/mapper/vg-home is mounted at /deep er",
      "/dev/mapper/vg-home is held by /dev/loop2 (/home/b.img)",
      "/dev/loop2 on /dev/mapper/vg-home is where the image /deep er/i.gz is read from"}},
    {"image on no device", 8, 96, "/over/i.gz", {NULL}},
    {"image that is gone", 8, 96, "/nowhere", {NULL}},
};

static bool has_claim(const struct imgz_claims *claims, const char *what)
{
    char text[800];

    for (uint32_t i = 0; i < claims->count; i++) {
        imgz_claim_what(&claims->list[i], text, sizeof(text));
        if (strcmp(text, what) == 0)
            return true;
    }
    return false;
}

static void all_claims_are_found(void **state)
{
    struct imgz_device_stack *stack = open_view();

    (void)state;
    for (size_t i = 0; i < IMGZ_COUNT_OF(cases); i++) {
        struct imgz_claims claims;
        uint32_t wanted = 0;

        assert_int_equal(imgz_claims_find(stack,
                                          makedev(cases[i].major_number, cases[i].minor_number),
                                          cases[i].image, &claims),
                         0);
        for (; wanted < CLAIMS && cases[i].what[wanted] != NULL; wanted++)
            if (!has_claim(&claims, cases[i].what[wanted]))
                fail_msg("%s: not found: %s", cases[i].name, cases[i].what[wanted]);
        for (uint32_t j = wanted; j < claims.count; j++) {
            char text[800];

            imgz_claim_what(&claims.list[j], text, sizeof(text));
            print_message("%s: also: %s\n", cases[i].name, text);
        }
        assert_int_equal(claims.count, wanted);
        assert_int_equal(claims.kinds != 0, wanted > 0);
    }
    imgz_device_stack_close(stack);
}

#define USE(kind_, by_, file_)                                                                     \
    {                                                                                              \
        .kind = kind_, .itself = true, .device = "/dev/sdb1", .on = "/dev/sdb1", .by = by_,        \
        .file = file_                                                                              \
    }

/* What the message tells people to do. */
static void claims_can_be_undone(void **state)
{
    static const struct {
        struct imgz_claim claim;
        const char *undo;
    } undos[] = {
        {USE(IMGZ_OVERRIDE_MOUNTED, "/mnt", ""), "umount /mnt"},
        {USE(IMGZ_OVERRIDE_SWAP, "/dev/sdb1", ""), "swapoff /dev/sdb1"},
        {USE(IMGZ_OVERRIDE_HELD, "/dev/loop0", "/f"), "losetup -d /dev/loop0"},
        {USE(IMGZ_OVERRIDE_HELD, "/dev/md0", ""), "mdadm --stop /dev/md0"},
        {USE(IMGZ_OVERRIDE_HELD, "/dev/mapper/vg-a", ""), "dmsetup remove vg-a"},
        {USE(IMGZ_OVERRIDE_HELD, "/dev/bcache0", ""), ""},
        {USE(IMGZ_OVERRIDE_ROOT, "/", ""), ""},
        {USE(IMGZ_OVERRIDE_IMAGE_DISK, "/mnt/i", ""), "move the image to another disk"},
    };

    (void)state;
    for (size_t i = 0; i < IMGZ_COUNT_OF(undos); i++) {
        char text[400] = "?";

        imgz_claim_undo(&undos[i].claim, text, sizeof(text));
        assert_string_equal(text, undos[i].undo);
    }
}

static void more_than_the_list_holds_is_counted(void **state)
{
    struct imgz_device_stack *stack;
    struct imgz_claims claims;
    FILE *file = fopen(make_way("/proc/self/mountinfo"), "we");

    (void)state;
    assert_non_null(file);
    for (unsigned i = 0; i < 3 * IMGZ_CLAIMS_MAX; i++)
        fprintf(file, "%u 1 8:97 / /m%u rw - ext4 /dev/sdg1 rw\n", 20 + i, i);
    assert_int_equal(fclose(file), 0);
    stack = open_view();
    assert_int_equal(imgz_claims_find(stack, makedev(8, 96), NULL, &claims), 0);
    assert_int_equal(claims.count, 3 * IMGZ_CLAIMS_MAX);
    assert_int_equal(claims.kinds, IMGZ_OVERRIDE_MOUNTED);
    assert_string_equal(claims.list[IMGZ_CLAIMS_MAX - 1].by, "/m15");
    imgz_device_stack_close(stack);
    put("/proc/self/mountinfo", "%s", mountinfo);
}

/* No /proc, no /sys, or lines that cannot be read: no claims, but an error. */
static void nothing_known_is_no_claim(void **state)
{
    static const struct imgz_device_stack_config nowhere = {.root = "/nonexistent",
                                                            .stat = fake_stat};
    struct imgz_device_stack *stack = NULL;
    struct imgz_claims claims;

    (void)state;
    assert_int_equal(imgz_device_stack_open(&nowhere, &stack), 0);
    assert_int_equal(imgz_claims_find(stack, makedev(8, 0), "/data/i.gz", &claims), -ENOTSUP);
    assert_int_equal(claims.count, 0);
    imgz_device_stack_close(stack);
    stack = open_view();
    assert_int_equal(imgz_claims_find(stack, makedev(99, 9), NULL, &claims), -ENODEV);
    assert_int_equal(claims.count, 0);
    imgz_device_stack_close(stack);
    put("/proc/self/mountinfo", "\n-\n1 2 3 4\n20 1 8:96 / rw\n%s", "junk");
    stack = open_view();
    assert_int_equal(imgz_claims_find(stack, makedev(8, 97), "/data/i.gz", &claims), -EAGAIN);
    assert_int_equal(claims.count, 0);
    imgz_device_stack_close(stack);
    put("/proc/self/mountinfo", "%s", mountinfo);
    put("/proc/swaps", "%s/dev/sdg\n", swaps);
    stack = open_view();
    assert_int_equal(imgz_claims_find(stack, makedev(8, 97), NULL, &claims), -EAGAIN);
    imgz_device_stack_close(stack);
    imgz_device_stack_close(NULL);
    put("/proc/self/mountinfo", "%s", mountinfo);
    put("/proc/swaps", "%s", swaps);
}

/* ---- Source and target -------------------------------------------------------------------------
 */

static void overlap_goes_both_ways(void **state)
{
    static const struct {
        unsigned a_major, a_minor, b_major, b_minor;
        bool overlap;
    } pairs[] = {
        {8, 16, 8, 16, true},  {8, 16, 8, 17, true},   {8, 17, 8, 18, false}, {253, 0, 8, 18, true},
        {253, 0, 8, 16, true}, {253, 0, 8, 17, false}, {253, 1, 8, 32, true}, {7, 1, 8, 80, true},
        {7, 2, 8, 18, true},   {8, 96, 8, 16, false},  {7, 0, 8, 17, true},   {99, 1, 99, 1, true},
        {99, 1, 99, 2, false},
    };
    struct imgz_device_stack *stack = open_view();

    (void)state;
    for (size_t i = 0; i < IMGZ_COUNT_OF(pairs); i++) {
        const dev_t a = makedev(pairs[i].a_major, pairs[i].a_minor);
        const dev_t b = makedev(pairs[i].b_major, pairs[i].b_minor);

        assert_int_equal(imgz_device_stack_overlap(stack, a, b), pairs[i].overlap);
        assert_int_equal(imgz_device_stack_overlap(stack, b, a), pairs[i].overlap);
    }
    imgz_device_stack_close(stack);
}

static void a_loop_on_the_image_is_known(void **state)
{
    struct imgz_device_stack *stack = open_view();
    struct stat image;

    (void)state;
    assert_int_equal(fake_stat("/mnt/a.img", &image), 0);
    assert_true(imgz_device_stack_file_behind(stack, makedev(7, 0), &image));
    assert_false(imgz_device_stack_file_behind(stack, makedev(7, 1), &image));
    assert_false(imgz_device_stack_file_behind(stack, makedev(7, 3), &image));
    assert_false(imgz_device_stack_file_behind(stack, makedev(8, 16), &image));
    assert_false(imgz_device_stack_file_behind(stack, makedev(99, 9), &image));
    imgz_device_stack_close(stack);
}

/* Slaves that go in a circle, which no kernel makes, end the search, and tell nothing. */
static void circles_end(void **state)
{
    struct imgz_device_stack *stack = open_view();
    struct imgz_claims claims;

    (void)state;
    put_links("sdf", "slaves", "loop1");
    assert_int_equal(imgz_claims_find(stack, makedev(8, 96), "/dev/sdf", &claims), -ELOOP);
    assert_int_equal(claims.count, 0);
    imgz_device_stack_close(stack);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_claims_are_found),
        cmocka_unit_test(claims_can_be_undone),
        cmocka_unit_test(more_than_the_list_holds_is_counted),
        cmocka_unit_test(nothing_known_is_no_claim),
        cmocka_unit_test(overlap_goes_both_ways),
        cmocka_unit_test(a_loop_on_the_image_is_known),
        cmocka_unit_test(circles_end),
    };

    return cmocka_run_group_tests(tests, make_machine, remove_machine);
}
