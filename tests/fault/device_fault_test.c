/* SPDX-License-Identifier: MIT */
/*
 * Restores to devices that must not be written, of which one call after the other fails until none
 * is left to fail: whatever the system does not tell, each is refused, and holds what it held.
 */
#include <errno.h>
#include <imgz/imgz.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <sys/mount.h>

#include <cmocka.h>

#include "../unit/fixture.h"
#include "../unit/sample.h"
#include "loopdev.h"
#include "trial.h"

#define DEVICE_BYTES ((size_t)4 << 20)
#define DISK_BYTES   ((size_t)1 << 20)
#define CALLS_MAX    5000u

#define ALL_OVERRIDES                                                                              \
    ((uint32_t)(IMGZ_OVERRIDE_MOUNTED | IMGZ_OVERRIDE_SWAP | IMGZ_OVERRIDE_HELD |                  \
                IMGZ_OVERRIDE_ROOT | IMGZ_OVERRIDE_IMAGE_DISK | IMGZ_OVERRIDE_SECTOR_SIZE |        \
                IMGZ_OVERRIDE_TOO_SMALL))

struct world {
    struct imgz_fixture fixture;
    struct imgz_options options;
    struct imgz_loopdev mounted;
    struct imgz_loopdev held;   /* by: */
    struct imgz_loopdev holder; /* a loop device on it */
    struct imgz_loopdev protected;
    struct imgz_loopdev small;
    struct imgz_loopdev source; /* on the image */
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
} refused[] = {
    {"mounted", &world.mounted, 0, -EBUSY},
    {"mounted, --override held", &world.mounted, IMGZ_OVERRIDE_HELD, -EBUSY},
    {"held", &world.held, 0, -EBUSY},
    {"write-protected", &world.protected, ALL_OVERRIDES, -EROFS},
    {"too small", &world.small, 0, -ENOSPC},
    {"what is read", &world.source, ALL_OVERRIDES, -EINVAL},
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

static int set_up(void **state)
{
    unsigned char *disk = calloc(1, DISK_BYTES);
    struct imgz_error error;

    (void)state;
    assert_non_null(disk);
    imgz_fixture_init(&world.fixture);
    imgz_options_init(&world.options, sizeof(world.options));
    world.options.chunk_bytes = IMGZ_CHUNK_BYTES_MIN;
    world.options.thread_count = 2;
    imgz_sample_fill(IMGZ_SAMPLE_TEXT, 1, disk, DISK_BYTES);
    imgz_fixture_write(&world.fixture, "disk", disk, DISK_BYTES);
    free(disk);
    if (imgz_capture(path("disk").text, path("image").text, &world.options, NULL, &error) < 0) {
        print_error("%s\n", error.text);
        return -1;
    }
    make_device("mounted", DEVICE_BYTES, "", &world.mounted);
    if (world.mounted.fd < 0)
        return 0;
    mount_device();
    make_device("held", DEVICE_BYTES, "", &world.held);
    imgz_loopdev_attach(&world.holder, "", world.held.path);
    make_device("protected", DEVICE_BYTES, "-r", &world.protected);
    make_device("small", DISK_BYTES / 2, "", &world.small);
    imgz_loopdev_attach(&world.source, "", path("image").text);
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
    const struct imgz_fixture_path image = path("image");
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
    struct imgz_error error;
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
