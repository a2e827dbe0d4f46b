/* SPDX-License-Identifier: MIT */
/*
 * Restores to devices that must not be written, of which one call after the other fails until none
 * is left to fail: whatever the system does not tell, each is refused, and holds what it held.
 */
#include <errno.h>
#include <imgz/imgz.h>
#include <linux/blkpg.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <sys/ioctl.h>
#include <sys/mount.h>

#include <cmocka.h>

#include "../unit/fixture.h"
#include "../unit/sample.h"
#include "loopdev.h"
#include "trial.h"

#define DEVICE_BYTES ((size_t)4 << 20)
#define DISK_BYTES   ((size_t)1 << 20)
#define PART_OFFSET  ((size_t)1 << 20)
#define CALLS_MAX    5000u

#define ALL_OVERRIDES                                                                              \
    ((uint32_t)(IMGZ_OVERRIDE_MOUNTED | IMGZ_OVERRIDE_SWAP | IMGZ_OVERRIDE_HELD |                  \
                IMGZ_OVERRIDE_ROOT | IMGZ_OVERRIDE_IMAGE_DISK | IMGZ_OVERRIDE_SECTOR_SIZE |        \
                IMGZ_OVERRIDE_TOO_SMALL | IMGZ_OVERRIDE_PARTITION))

struct world {
    struct imgz_fixture fixture;
    struct imgz_options options;
    struct imgz_loopdev mounted;
    struct imgz_loopdev held;   /* by: */
    struct imgz_loopdev holder; /* a loop device on it */
    struct imgz_loopdev protected;
    struct imgz_loopdev small;
    struct imgz_loopdev source; /* on the image */
    struct imgz_loopdev parted; /* with one partition: */
    struct imgz_loopdev part;
    bool is_mounted;
};

static struct world world;

static struct imgz_fixture_path path(const char *name)
{
    return imgz_fixture_path(&world.fixture, name);
}

static const struct refused {
    const char *name;
    const struct imgz_loopdev *target;
    uint32_t overrides;
    int code;
    const char *image; /* NULL: "image" */
} refused[] = {
    {"mounted", &world.mounted, 0, -EBUSY, NULL},
    {"mounted, --override held", &world.mounted, IMGZ_OVERRIDE_HELD, -EBUSY, NULL},
    {"held", &world.held, 0, -EBUSY, NULL},
    {"write-protected", &world.protected, ALL_OVERRIDES, -EROFS, NULL},
    {"too small", &world.small, 0, -ENOSPC, NULL},
    {"what is read", &world.source, ALL_OVERRIDES, -EINVAL, NULL},
    {"a partition", &world.part, ALL_OVERRIDES & ~(uint32_t)IMGZ_OVERRIDE_PARTITION, -EMEDIUMTYPE,
     "whole"},
};

/* ---- The world ---------------------------------------------------------------------------- */

/* A device with something on it. */
static void make_device(const char *name, size_t bytes, const char *options,
                        struct imgz_loopdev *loop)
{
    unsigned char *old = malloc(bytes);

    assert_non_null(old);
    imgz_sample_fill(IMGZ_SAMPLE_MIXED, bytes, old, bytes);
    imgz_fixture_write(&world.fixture, name, old, bytes);
    free(old);
    imgz_loopdev_attach(loop, options, path(name).text);
}

static void mount_device(void)
{
    char command[500];

    snprintf(command, sizeof(command), "PATH=$PATH:/sbin:/usr/sbin mkfs.ext4 -q -F '%s' 2>&1",
             world.mounted.path);
    assert_int_equal(mkdir(path("folder").text, 0700), 0);
    assert_int_equal(system(command), 0);
    world.is_mounted = mount(world.mounted.path, path("folder").text, "ext4", MS_RDONLY, NULL) == 0;
    assert_true(world.is_mounted);
}

/* A partition of all but the first MiB: as partx does, without a table on the device. */
static bool ask_for_partition(int op)
{
    struct blkpg_partition partition = {.start = PART_OFFSET,
                                        .length = (long long)(DEVICE_BYTES - PART_OFFSET),
                                        .pno = 1};
    struct blkpg_ioctl_arg argument = {.op = op, .datalen = sizeof(partition), .data = &partition};

    return ioctl(world.parted.fd, BLKPG, &argument) == 0;
}

static void make_partition(void)
{
    make_device("parted", DEVICE_BYTES, "", &world.parted);
    world.part.fd = -1;
    assert_true(ask_for_partition(BLKPG_ADD_PARTITION));
    snprintf(world.part.path, sizeof(world.part.path), "%.60sp1", world.parted.path);
    world.part.fd = open(world.part.path, O_RDONLY | O_CLOEXEC);
    assert_true(world.part.fd >= 0);
}

/* The image of a disk with an MBR: one partition, of Linux, from sector 64 on. */
static void capture_whole_disk(unsigned char *disk)
{
    static const unsigned char entry[16] = {0, 0, 0, 0, 0x83, 0, 0, 0, 64, 0, 0, 0, 64};

    memcpy(disk + 446, entry, sizeof(entry));
    disk[510] = 0x55;
    disk[511] = 0xaa;
    imgz_fixture_write(&world.fixture, "disk", disk, DISK_BYTES);
    assert_int_equal(
        imgz_capture(path("disk").text, path("whole").text, &world.options, NULL, NULL), 0);
}

static int set_up(void **state)
{
    unsigned char *disk = calloc(1, DISK_BYTES);
    struct imgz_error error = {.struct_bytes = sizeof(error)};

    (void)state;
    assert_non_null(disk);
    imgz_fixture_init(&world.fixture);
    imgz_options_init(&world.options, sizeof(world.options));
    world.options.chunk_bytes = IMGZ_CHUNK_BYTES_MIN;
    world.options.thread_count = 2;
    imgz_sample_fill(IMGZ_SAMPLE_TEXT, 1, disk, DISK_BYTES);
    imgz_fixture_write(&world.fixture, "disk", disk, DISK_BYTES);
    if (imgz_capture(path("disk").text, path("image").text, &world.options, NULL, &error) < 0) {
        print_error("%s\n", error.text);
        return -1;
    }
    memset(disk, 0, 512);
    capture_whole_disk(disk);
    free(disk);
    make_device("mounted", DEVICE_BYTES, "", &world.mounted);
    if (world.mounted.fd < 0)
        return 0;
    mount_device();
    make_device("held", DEVICE_BYTES, "", &world.held);
    imgz_loopdev_attach(&world.holder, "", world.held.path);
    make_device("protected", DEVICE_BYTES, "-r", &world.protected);
    make_device("small", DISK_BYTES / 2, "", &world.small);
    imgz_loopdev_attach(&world.source, "", path("image").text);
    make_partition();
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    if (world.is_mounted)
        umount(path("folder").text);
    imgz_loopdev_detach(&world.mounted);
    imgz_loopdev_detach(&world.holder);
    imgz_loopdev_detach(&world.held);
    imgz_loopdev_detach(&world.protected);
    imgz_loopdev_detach(&world.small);
    imgz_loopdev_detach(&world.source);
    imgz_loopdev_detach(&world.part);
    if (world.parted.fd >= 0)
        (void)ask_for_partition(BLKPG_DEL_PARTITION);
    imgz_loopdev_detach(&world.parted);
    rmdir(path("folder").text);
    imgz_fixture_fini(&world.fixture);
    return 0;
}

/* ---- One after the other ------------------------------------------------------------------ */

/* As much of a device as the restore would write. */
static void read_device(const struct imgz_loopdev *loop, unsigned char *bytes)
{
    assert_true(pread(loop->fd, bytes, DISK_BYTES, 0) > 0);
}

static int run_once(const struct refused *job, const struct imgz_intercept *plan,
                    struct imgz_trial *trial, struct imgz_error *error)
{
    const struct imgz_fixture_path image = path(job->image != NULL ? job->image : "image");
    int rc;

    world.options.overrides = job->overrides;
    imgz_trial_begin(trial, plan);
    rc = imgz_restore(image.text, job->target->path, &world.options, NULL, error);
    imgz_trial_end(trial);
    return rc;
}

static void check_refused(const struct refused *job, const struct imgz_intercept *plan,
                          struct imgz_trial *trial, const unsigned char *before,
                          unsigned char *after)
{
    struct imgz_error error = {.struct_bytes = sizeof(error)};
    int rc = run_once(job, plan, trial, &error);

    if (trial->memory_grown != 0)
        rc = run_once(job, plan, trial, &error);
    read_device(job->target, after);
    if (rc >= 0 || memcmp(before, after, DISK_BYTES) != 0)
        fail_msg("%s: %s (call %llu) failed, and the device is written", job->name, trial->failed,
                 (unsigned long long)plan->fail_at);
    if (trial->memory_grown != 0 || trial->fds_grown != 0)
        fail_msg("%s: %s (call %llu) failed, and %lld allocations and %d descriptors leak",
                 job->name, trial->failed, (unsigned long long)plan->fail_at,
                 (long long)trial->memory_grown, trial->fds_grown);
    assert_int_equal(error.code, rc);
    assert_true(strlen(error.text) > 0);
    if (trial->failed == NULL)
        assert_int_equal(rc, job->code);
}

static void fail_one_after_the_other(enum imgz_intercept_kind kind)
{
    unsigned char *before = calloc(1, DISK_BYTES);
    unsigned char *after = calloc(1, DISK_BYTES);

    assert_non_null(before);
    assert_non_null(after);
    for (size_t i = 0; i < IMGZ_COUNT_OF(refused); i++) {
        struct imgz_intercept plan = {.kind = kind, .ring_refused = true};
        struct imgz_trial trial;

        assert_true(refused[i].target->fd >= 0);
        read_device(refused[i].target, before);
        do {
            check_refused(&refused[i], &plan, &trial, before, after);
            plan.fail_at += 1;
        } while ((trial.failed != NULL || plan.fail_at == 1) && plan.fail_at < CALLS_MAX);
        assert_null(trial.failed);
        print_message("%s: %llu calls\n", refused[i].name, (unsigned long long)plan.fail_at - 2);
    }
    free(before);
    free(after);
}

static void every_system_call_may_fail(void **state)
{
    (void)state;
    if (world.mounted.fd < 0)
        skip();
    fail_one_after_the_other(IMGZ_INTERCEPT_CALLS);
}

static void every_allocation_may_fail(void **state)
{
    (void)state;
    if (world.mounted.fd < 0 || !imgz_intercept_sees_allocations())
        skip();
    fail_one_after_the_other(IMGZ_INTERCEPT_ALLOCATIONS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_system_call_may_fail),
        cmocka_unit_test(every_allocation_may_fail),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
