/* SPDX-License-Identifier: MIT */
/* The guard of a block device, on real ones: each reason to refuse is found, says what to do, goes
 * away by its own override alone, and leaves the device as it was. */
#include "io/device/target.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/wait.h>

#include <cmocka.h>

#include "../fault/loopdev.h"
#include "base/text.h"
#include "fixture.h"
#include "io/device/device.h"
#include "io/file/handle.h"
#include "sample.h"

#define SMALL_BYTES   ((uint64_t)1 << 20)
#define MOUNTED_BYTES ((uint64_t)4 << 20)
#define SKIPPED       77

/* ---- The machine -------------------------------------------------------------------------- */

static struct {
    struct imgz_fixture fixture;
    struct imgz_log log;
    char log_text[4000]; /* all lines of the current call */
    struct imgz_loopdev plain;
    struct imgz_loopdev other; /* nobody has to do with it */
    struct imgz_loopdev held;
    struct imgz_loopdev holder; /* lies on it */
    struct imgz_loopdev protected;
    struct imgz_loopdev mounted; /* read-only, with a file "image" in it */
    bool is_mounted;
    int image_fd;   /* that */
    int backing_fd; /* the file under 'plain' */
} world;

static void keep_line(const char *line, void *context)
{
    (void)context;
    (void)imgz_text_append(world.log_text, sizeof(world.log_text), "\n", line);
}

static struct imgz_fixture_path path(const char *name)
{
    return imgz_fixture_path(&world.fixture, name);
}

/* Something is on it. */
static bool make_device(const char *name, uint64_t bytes, const char *options,
                        struct imgz_loopdev *loop)
{
    unsigned char *old = malloc(bytes);

    IMGZ_ASSERT(old != NULL);
    imgz_sample_fill(IMGZ_SAMPLE_MIXED, bytes, old, bytes);
    imgz_fixture_write(&world.fixture, name, old, bytes);
    free(old);
    imgz_loopdev_attach(loop, options, path(name).text);
    return loop->fd >= 0;
}

static bool mount_device(void)
{
    char command[500];
    FILE *image;

    snprintf(command, sizeof(command), "PATH=$PATH:/sbin:/usr/sbin mkfs.ext4 -q -F '%s' 2>&1",
             world.mounted.path);
    if (mkdir(path("folder").text, 0700) < 0 || system(command) != 0 ||
        mount(world.mounted.path, path("folder").text, "ext4", 0, NULL) < 0)
        return false;
    world.is_mounted = true;
    image = fopen(path("folder/image").text, "we");
    IMGZ_ASSERT(image != NULL && fputs("image", image) >= 0 && fclose(image) == 0);
    IMGZ_ASSERT(mount(NULL, path("folder").text, NULL, MS_REMOUNT | MS_RDONLY, NULL) == 0);
    world.image_fd = open(path("folder/image").text, O_RDONLY | O_CLOEXEC);
    return world.image_fd >= 0;
}

/* False: this machine has no loop devices for us. */
static bool make_world(void)
{
    imgz_fixture_init(&world.fixture);
    imgz_log_init(&world.log, keep_line, NULL);
    world.image_fd = world.backing_fd = -1;
    world.other.fd = world.held.fd = world.holder.fd = world.protected.fd = world.mounted.fd = -1;
    if (!make_device("plain", SMALL_BYTES, "", &world.plain))
        return false;
    world.backing_fd = open(path("plain").text, O_RDONLY | O_CLOEXEC);
    if (!make_device("other", SMALL_BYTES, "", &world.other) ||
        !make_device("protected", SMALL_BYTES, "-r", &world.protected) ||
        !make_device("held", SMALL_BYTES, "", &world.held) ||
        !make_device("mounted", MOUNTED_BYTES, "", &world.mounted))
        return false;
    imgz_loopdev_attach(&world.holder, "", world.held.path);
    return world.holder.fd >= 0 && mount_device();
}

static void end_world(void)
{
    if (world.image_fd >= 0)
        close(world.image_fd);
    if (world.backing_fd >= 0)
        close(world.backing_fd);
    if (world.is_mounted)
        IMGZ_ASSERT(umount(path("folder").text) == 0);
    imgz_loopdev_detach(&world.plain);
    imgz_loopdev_detach(&world.other);
    imgz_loopdev_detach(&world.holder);
    imgz_loopdev_detach(&world.held);
    imgz_loopdev_detach(&world.protected);
    imgz_loopdev_detach(&world.mounted);
    rmdir(path("folder").text);
    imgz_log_fini(&world.log);
    imgz_fixture_fini(&world.fixture);
}

/* ---- Reasons ------------------------------------------------------------------------------ */

static const struct reason {
    const char *name;
    const struct imgz_loopdev *target;
    bool alone;         /* somebody has it open with O_EXCL */
    const int *read_fd; /* what is read; NULL: nothing */
    uint64_t need_bytes;
    uint64_t data_bytes;
    uint32_t overrides; /* it takes all of these to let it pass; 0: none do */
    int code;
    const char *words[3]; /* of the message */
} reasons[] = {
    {"mounted",
     &world.mounted,
     false,
     &world.other.fd,
     1,
     1,
     IMGZ_OVERRIDE_MOUNTED,
     -EBUSY,
     {"is in use", "is mounted at /", "umount /"}},
    {"open with O_EXCL",
     &world.plain,
     true,
     NULL,
     1,
     1,
     IMGZ_OVERRIDE_HELD,
     -EBUSY,
     {"is in use", "another program holds it", "fuser -v /dev/"}},
    {"under a loop device",
     &world.held,
     false,
     NULL,
     1,
     1,
     IMGZ_OVERRIDE_HELD,
     -EBUSY,
     {"is in use", "is held by /dev/loop", "losetup -d /dev/loop"}},
    {"too small for zeros",
     &world.plain,
     false,
     NULL,
     SMALL_BYTES + 512,
     SMALL_BYTES,
     IMGZ_OVERRIDE_TOO_SMALL,
     -ENOSPC,
     {"512 bytes too small", "only zeros there", "larger target"}},
    {"too small for data",
     &world.plain,
     false,
     NULL,
     SMALL_BYTES + 1,
     SMALL_BYTES + 1,
     0,
     -ENOSPC,
     {"too small", "has data there", "larger target"}},
    {"too small for what is not known",
     &world.plain,
     false,
     NULL,
     SMALL_BYTES + 1,
     IMGZ_SIZE_UNKNOWN,
     0,
     -ENOSPC,
     {"too small", "does not show", "larger target"}},
    {"write-protected",
     &world.protected,
     false,
     NULL,
     1,
     1,
     0,
     -EROFS,
     {"write-protected", "nothing was written", "another target"}},
    {"what is read",
     &world.plain,
     false,
     &world.plain.fd,
     1,
     1,
     0,
     -EINVAL,
     {"what imgz reads", "cannot be written", "name another"}},
    {"under what is read",
     &world.held,
     false,
     &world.holder.fd,
     1,
     1,
     0,
     -EINVAL,
     {"what imgz reads", "cannot be written", "name another"}},
    {"on what is read",
     &world.holder,
     false,
     &world.held.fd,
     1,
     1,
     0,
     -EINVAL,
     {"what imgz reads", "cannot be written", "name another"}},
    {"on the file that is read",
     &world.plain,
     false,
     &world.backing_fd,
     1,
     1,
     0,
     -EINVAL,
     {"what imgz reads", "cannot be written", "name another"}},
    {"where the image is",
     &world.mounted,
     false,
     &world.image_fd,
     1,
     1,
     IMGZ_OVERRIDE_MOUNTED | IMGZ_OVERRIDE_IMAGE_DISK,
     -EBUSY,
     {"is in use", "is where the image /", "move the image to another disk"}},
    {"nothing is wrong",
     &world.plain,
     false,
     &world.other.fd,
     SMALL_BYTES,
     SMALL_BYTES,
     0,
     0,
     {NULL}},
    {"nothing is known",
     &world.plain,
     false,
     NULL,
     IMGZ_SIZE_UNKNOWN,
     IMGZ_SIZE_UNKNOWN,
     0,
     0,
     {NULL}},
};

static int call_open(const struct reason *reason, uint32_t overrides, struct imgz_target *target)
{
    struct imgz_target_config config = {
        .path = reason->target->path,
        .handle = imgz_handle_get(reason->target->path),
        .stage = IMGZ_STAGE_WRITE_TARGET,
        .overrides = overrides,
        .need_bytes = reason->need_bytes,
        .data_bytes = reason->data_bytes,
        .source_fd = reason->read_fd != NULL ? *reason->read_fd : -1,
    };
    int rc;

    assert_true(config.handle >= 0);
    imgz_fixture_renew_stop(&world.fixture);
    world.log_text[0] = '\0';
    *target = (struct imgz_target){.fd = 12345};
    rc = imgz_target_open(&config, world.fixture.latch, &world.log, target);
    close(config.handle);
    return rc;
}

/* All that is on it: whoever has it open sees the same. */
static unsigned char *read_device(const struct imgz_loopdev *loop, uint64_t *bytes)
{
    unsigned char *data;
    size_t done_bytes;

    assert_int_equal(imgz_device_size(loop->fd, bytes), 0);
    data = malloc(*bytes);
    assert_non_null(data);
    assert_int_equal(imgz_handle_read_at(loop->fd, 0, data, *bytes, &done_bytes), 0);
    assert_int_equal(done_bytes, *bytes);
    return data;
}

/* Whatever it says, nothing is written by it. */
static int open_target(const struct reason *reason, uint32_t overrides, struct imgz_target *target)
{
    uint64_t bytes;
    uint64_t bytes_after;
    unsigned char *before = read_device(reason->target, &bytes);
    int rc = call_open(reason, overrides, target);
    unsigned char *after = read_device(reason->target, &bytes_after);

    assert_int_equal(bytes_after, bytes);
    assert_memory_equal(after, before, bytes);
    free(before);
    free(after);
    return rc;
}

static void check_refused(const struct reason *reason, uint32_t overrides)
{
    const unsigned fds = imgz_fixture_open_files();
    const struct imgz_error *error;
    struct imgz_target target;

    if (open_target(reason, overrides, &target) != reason->code)
        fail_msg("%s, overrides %#x: %s", reason->name, overrides,
                 imgz_latch_error(world.fixture.latch)->text);
    assert_int_equal(target.fd, -1);
    assert_int_equal(imgz_fixture_open_files(), fds);
    error = imgz_latch_error(world.fixture.latch);
    assert_int_equal(error->code, reason->code);
    assert_int_equal(error->stage, IMGZ_STAGE_WRITE_TARGET);
    assert_string_equal(error->path, reason->target->path);
    assert_non_null(strstr(error->text, reason->target->path));
    if (reason->code != -EINVAL)
        assert_non_null(strstr(error->text, "nothing was written"));
}

static void check_words(const struct reason *reason)
{
    const char *text = imgz_latch_error(world.fixture.latch)->text;

    for (size_t i = 0; i < IMGZ_COUNT_OF(reason->words); i++) {
        if (strstr(text, reason->words[i]) == NULL)
            fail_msg("%s: not '%s' but: %s", reason->name, reason->words[i], text);
    }
}

static void check_passes(const struct reason *reason, uint32_t overrides)
{
    const bool small = reason->code == -ENOSPC;
    struct imgz_target target;
    uint64_t bytes;

    if (open_target(reason, overrides, &target) != 0)
        fail_msg("%s, overrides %#x: %s", reason->name, overrides,
                 imgz_latch_error(world.fixture.latch)->text);
    assert_false(imgz_latch_raised(world.fixture.latch));
    assert_int_equal(fcntl(target.fd, F_GETFL) & O_ACCMODE, O_WRONLY);
    assert_int_equal(imgz_device_size(target.fd, &bytes), 0);
    assert_int_equal(target.size_bytes, bytes);
    assert_int_equal(target.left_out_bytes, small ? reason->need_bytes - bytes : 0);
    assert_int_equal(strstr(world.log_text, "overridden: ") != NULL, reason->code != 0);
    close(target.fd);
}

static bool passes(const struct reason *reason, uint32_t overrides)
{
    return reason->code == 0 ||
           (reason->overrides != 0 && (overrides & reason->overrides) == reason->overrides);
}

static void check_answer(const struct reason *reason, uint32_t overrides)
{
    if (passes(reason, overrides))
        check_passes(reason, overrides);
    else
        check_refused(reason, overrides);
}

/* With each override alone, with all but each that it takes, with all, and with none. */
static void check_reason(const struct reason *reason)
{
    for (uint32_t bit = 1; bit < IMGZ_OVERRIDE_ALL; bit <<= 1) {
        check_answer(reason, bit);
        if ((reason->overrides & bit) != 0)
            check_answer(reason, IMGZ_OVERRIDE_ALL & ~bit);
    }
    check_answer(reason, IMGZ_OVERRIDE_ALL);
    check_answer(reason, 0);
    if (reason->code != 0)
        check_words(reason);
}

static void each_reason_has_its_override(void **state)
{
    (void)state;
    for (size_t i = 0; i < IMGZ_COUNT_OF(reasons); i++) {
        int alone_fd = -1;

        if (reasons[i].alone) {
            alone_fd = open(reasons[i].target->path, O_RDONLY | O_EXCL | O_CLOEXEC);
            assert_true(alone_fd >= 0);
        }
        check_reason(&reasons[i]);
        if (alone_fd >= 0)
            close(alone_fd);
    }
}

/* ---- Held while it is written ------------------------------------------------------------- */

static int open_exclusively(void)
{
    int fd = open(world.plain.path, O_RDONLY | O_EXCL | O_CLOEXEC);

    if (fd < 0)
        return -errno;
    close(fd);
    return 0;
}

/* Nobody can mount it meanwhile. */
static void the_target_is_held(void **state)
{
    const struct reason *nothing = &reasons[IMGZ_COUNT_OF(reasons) - 1];
    struct imgz_target target;

    (void)state;
    assert_int_equal(open_exclusively(), 0);
    assert_int_equal(open_target(nothing, 0, &target), 0);
    assert_int_equal(open_exclusively(), -EBUSY);
    close(target.fd);
    assert_int_equal(open_exclusively(), 0);
}

/* A program that has it open for writing is found without O_EXCL, and is named. */
static void a_program_that_writes_is_found(void **state)
{
    const struct reason *nothing = &reasons[IMGZ_COUNT_OF(reasons) - 1];
    struct imgz_target target;
    int ready[2];
    int done[2];
    char byte = 0;
    pid_t child;
    char number[40];

    (void)state;
    assert_int_equal(pipe2(ready, O_CLOEXEC), 0);
    assert_int_equal(pipe2(done, O_CLOEXEC), 0);
    child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        close(done[1]);
        if (open(world.plain.path, O_WRONLY | O_CLOEXEC) < 0 || write(ready[1], "", 1) != 1)
            _exit(1);
        _exit(read(done[0], &byte, 1) == 0 ? 0 : 1); /* until the parent closes it */
    }
    close(ready[1]);
    assert_int_equal(read(ready[0], &byte, 1), 1);
    assert_int_equal(open_target(nothing, 0, &target), -EBUSY);
    snprintf(number, sizeof(number), "%ld", (long)child);
    assert_non_null(strstr(imgz_latch_error(world.fixture.latch)->text, number));
    assert_int_equal(open_target(nothing, IMGZ_OVERRIDE_HELD, &target), 0);
    close(target.fd);
    close(ready[0]);
    close(done[0]);
    close(done[1]);
    assert_int_equal(waitpid(child, NULL, 0), child);
    assert_int_equal(open_target(nothing, 0, &target), 0);
    close(target.fd);
}

/* ---- What is no device any more ----------------------------------------------------------- */

/* The handle is what counts, whatever becomes of it: here it is none of a device. */
static void what_cannot_be_looked_at_is_refused(void **state)
{
    const struct imgz_target_config config = {
        .path = "/dev/gone", .handle = -1, .stage = IMGZ_STAGE_WRITE_TARGET, .source_fd = -1};
    struct imgz_target target;

    (void)state;
    imgz_fixture_renew_stop(&world.fixture);
    assert_int_equal(imgz_target_open(&config, world.fixture.latch, &world.log, &target), -EBADF);
    assert_int_equal(target.fd, -1);
    assert_string_equal(imgz_latch_error(world.fixture.latch)->path, "/dev/gone");
}

/* ---- Discarding --------------------------------------------------------------------------- */

/* A device takes all of it or says why not; what is no device, nothing. */
static void discarding_tells_what_became_of_it(void **state)
{
    const struct reason *nothing = &reasons[IMGZ_COUNT_OF(reasons) - 1];
    struct imgz_target target;
    uint64_t bytes;

    (void)state;
    assert_int_equal(open_target(nothing, 0, &target), 0);
    world.log_text[0] = '\0';
    bytes = imgz_target_discard(target.fd, "target", world.fixture.latch, &world.log);
    assert_true(bytes == SMALL_BYTES || bytes == 0);
    assert_non_null(strstr(world.log_text, bytes > 0 ? "discarded 1 MiB" : "continuing without"));
    world.log_text[0] = '\0';
    assert_int_equal(imgz_target_discard(world.backing_fd, "file", world.fixture.latch, &world.log),
                     0);
    assert_non_null(strstr(world.log_text, "discarding file at offset 0: "));
    assert_false(imgz_latch_raised(world.fixture.latch));
    close(target.fd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_reason_has_its_override),
        cmocka_unit_test(the_target_is_held),
        cmocka_unit_test(a_program_that_writes_is_found),
        cmocka_unit_test(what_cannot_be_looked_at_is_refused),
        cmocka_unit_test(discarding_tells_what_became_of_it),
    };
    int failed_count;

    if (!make_world()) {
        printf("skipped: no loop devices, or no ext4 on them, for this user\n");
        end_world();
        return SKIPPED;
    }
    failed_count = cmocka_run_group_tests_name("target", tests, NULL, NULL);
    end_world();
    return failed_count;
}
