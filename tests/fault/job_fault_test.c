/* SPDX-License-Identifier: MIT */
/*
 * Whole jobs, of which one call after the other fails until none is left to fail. Whatever fails:
 * the job ends, says so or has done everything rightly, leaves no half-made file, no descriptor and
 * no memory.
 */
#include <errno.h>
#include <imgz/imgz.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../unit/fixture.h"
#include "../unit/sample.h"
#include "loopdev.h"
#include "trial.h"

#define CHUNK        ((size_t)IMGZ_CHUNK_BYTES_MIN)
#define DISK_BYTES   (9 * CHUNK + 1234)
#define CALLS_MAX    5000u
#define SEEDS        60u
#define BAD_OFFSET   (7 * CHUNK + 4096) /* from here on the disk of one job cannot be read */
#define DEVICE_BYTES (10 * CHUNK)

struct world {
    struct imgz_fixture fixture;
    struct imgz_options options;
    unsigned char *disk;
    struct imgz_report right; /* of a verify that nothing disturbed */
    char zeroed_hash[33];     /* of the disk with zeros from BAD_OFFSET on */
    struct imgz_loopdev loop;
};

static struct world world;

static struct imgz_fixture_path path(const char *name)
{
    return imgz_fixture_path(&world.fixture, name);
}

/* ---- The jobs ---------------------------------------------------------------------------- */

static int capture_to(const char *name, struct imgz_report *report, struct imgz_error *error)
{
    struct imgz_options options = world.options;

    options.flags |= IMGZ_FLAG_REPRODUCIBLE;
    return imgz_capture(path("disk").text, path(name).text, &options, report, error);
}

static int capture(struct imgz_report *report, struct imgz_error *error)
{
    return capture_to("out", report, error);
}

static int restore(struct imgz_report *report, struct imgz_error *error)
{
    return imgz_restore(path("image").text, path("out").text, &world.options, report, error);
}

static int verify(struct imgz_report *report, struct imgz_error *error)
{
    return imgz_verify(path("image").text, NULL, &world.options, report, error);
}

static int verify_lacking(struct imgz_report *report, struct imgz_error *error)
{
    return imgz_verify(path("lacking").text, NULL, &world.options, report, error);
}

static int verify_against(struct imgz_report *report, struct imgz_error *error)
{
    return imgz_verify(path("image").text, path("disk").text, &world.options, report, error);
}

static int verify_against_image(struct imgz_report *report, struct imgz_error *error)
{
    return imgz_verify(path("image").text, path("coarse").text, &world.options, report, error);
}

static int hash(struct imgz_report *report, struct imgz_error *error)
{
    return imgz_hash(path("disk").text, &world.options, report, error);
}

/* The same jobs with one more wish. */
static int with_flag(enum imgz_flag flag,
                     int (*run)(struct imgz_report *report, struct imgz_error *error),
                     struct imgz_report *report, struct imgz_error *error)
{
    const uint32_t flags = world.options.flags;
    int rc;

    world.options.flags |= flag;
    rc = run(report, error);
    world.options.flags = flags;
    return rc;
}

static int verify_paranoid(struct imgz_report *report, struct imgz_error *error)
{
    return with_flag(IMGZ_FLAG_PARANOID, verify_against, report, error);
}

static int hash_sha256(struct imgz_report *report, struct imgz_error *error)
{
    int rc;

    world.options.chunk_hash = IMGZ_CHUNK_HASH_SHA256;
    rc = hash(report, error);
    world.options.chunk_hash = IMGZ_CHUNK_HASH_DEFAULT;
    return rc;
}

static int restore_reading_back(struct imgz_report *report, struct imgz_error *error)
{
    return with_flag(IMGZ_FLAG_READ_BACK, restore, report, error);
}

static int flash(struct imgz_report *report, struct imgz_error *error)
{
    return imgz_restore(path("image").text, world.loop.path, &world.options, report, error);
}

static int flash_reading_back(struct imgz_report *report, struct imgz_error *error)
{
    return with_flag(IMGZ_FLAG_READ_BACK, flash, report, error);
}

static int flash_resumed(struct imgz_report *report, struct imgz_error *error)
{
    return with_flag(IMGZ_FLAG_RESUME, flash, report, error);
}

static int flash_only_changed(struct imgz_report *report, struct imgz_error *error)
{
    return with_flag(IMGZ_FLAG_ONLY_CHANGED, flash, report, error);
}

static int capture_zeroing(const char *name, struct imgz_report *report, struct imgz_error *error)
{
    int rc;

    world.options.on_error = IMGZ_ON_ERROR_ZERO;
    rc = capture_to(name, report, error);
    world.options.on_error = IMGZ_ON_ERROR_STOP;
    return rc;
}

static int capture_unreadable(struct imgz_report *report, struct imgz_error *error)
{
    return capture_zeroing("out", report, error);
}

static int capture_resumed(struct imgz_report *report, struct imgz_error *error)
{
    return with_flag(IMGZ_FLAG_RESUME, capture, report, error);
}

static int restore_resumed(struct imgz_report *report, struct imgz_error *error)
{
    return with_flag(IMGZ_FLAG_RESUME, restore, report, error);
}

/* A device that holds the disk but for two chunks, and something behind it. */
static void age_device(void)
{
    unsigned char *old = malloc(DEVICE_BYTES);
    int fd = open(world.loop.path, O_WRONLY | O_CLOEXEC);

    assert_non_null(old);
    assert_true(fd >= 0);
    memset(old, 0xee, DEVICE_BYTES);
    memcpy(old, world.disk, DISK_BYTES);
    memset(old + 2 * CHUNK, 0xee, CHUNK);
    memset(old + 4 * CHUNK, 0xee, CHUNK);
    assert_int_equal(pwrite(fd, old, DEVICE_BYTES, 0), DEVICE_BYTES);
    close(fd);
    free(old);
}

/* What must be there when the job says that it is done. */

static void captured(const struct imgz_report *report)
{
    size_t bytes = 0;
    size_t right_bytes = 0;
    unsigned char *image = imgz_fixture_read(&world.fixture, "out", &bytes);
    unsigned char *right = imgz_fixture_read(&world.fixture, "image", &right_bytes);

    assert_int_equal(bytes, right_bytes);
    assert_memory_equal(image, right, bytes);
    assert_int_equal(report->image_bytes, bytes);
    free(image);
    free(right);
}

static void restored(const struct imgz_report *report)
{
    assert_true(imgz_fixture_holds(&world.fixture, "out", world.disk, DISK_BYTES));
    assert_int_equal(report->raw_bytes, DISK_BYTES);
}

static void same_hash(const struct imgz_report *report)
{
    assert_string_equal(report->root_hash, world.right.root_hash);
    assert_int_equal(report->raw_bytes, DISK_BYTES);
}

/* The disk, and what was behind it. */
static void long_hash(const struct imgz_report *report)
{
    assert_int_equal(report->chunk_hash, IMGZ_CHUNK_HASH_SHA256);
    assert_int_equal(strlen(report->root_hash_text), 64);
    assert_string_equal(report->root_hash, "");
}

static void flashed(const struct imgz_report *report)
{
    unsigned char *found = malloc(DEVICE_BYTES);
    int fd = open(world.loop.path, O_RDONLY | O_CLOEXEC);

    assert_non_null(found);
    assert_int_equal(pread(fd, found, DEVICE_BYTES, 0), DEVICE_BYTES);
    assert_memory_equal(found, world.disk, DISK_BYTES);
    assert_int_equal(found[DISK_BYTES], 0xee);
    assert_int_equal(report->raw_bytes, DISK_BYTES);
    close(fd);
    free(found);
}

static void flashed_in_part(const struct imgz_report *report)
{
    flashed(report);
    assert_true(report->same_bytes > 0 && report->same_bytes < DISK_BYTES);
}

/* Zeros for exactly what could not be read, and it is said. */
static void lacks_the_end(const struct imgz_report *report)
{
    assert_string_equal(report->root_hash, world.zeroed_hash);
    assert_int_equal(report->unreadable_bytes, DISK_BYTES - BAD_OFFSET);
    assert_int_equal(report->unreadable_range_count, 1);
    assert_int_equal(report->unreadable[0].offset, BAD_OFFSET);
    assert_int_equal(report->unreadable[0].bytes, DISK_BYTES - BAD_OFFSET);
}

static void captured_in_part(const struct imgz_report *report)
{
    struct imgz_report found = {.struct_bytes = sizeof(found)};
    struct imgz_error error = {.struct_bytes = sizeof(error)};

    lacks_the_end(report);
    assert_int_equal(imgz_verify(path("out").text, NULL, &world.options, &found, &error), 0);
    lacks_the_end(&found);
}

static const struct job {
    const char *name;
    int (*run)(struct imgz_report *report, struct imgz_error *error);
    void (*check)(const struct imgz_report *report);
    bool makes_file;
    bool makes_device;        /* left out where there are no loop devices */
    uint64_t bad_read_offset; /* for every read of the job */
    const char *interrupted;  /* the first half of this file is out.partial; NULL: there is none */
} jobs[] = {
    {"capture", capture, captured, .makes_file = true},
    {"restore", restore, restored, .makes_file = true},
    {"verify", verify, same_hash, .makes_file = false},
    {"verify what lacks an end", verify_lacking, lacks_the_end, .makes_file = false},
    {"verify --against", verify_against, same_hash, .makes_file = false},
    {"verify --against an image", verify_against_image, same_hash, .makes_file = false},
    {"verify --against --paranoid", verify_paranoid, same_hash, .makes_file = false},
    {"hash", hash, same_hash, .makes_file = false},
    {"hash --chunk-hash sha256", hash_sha256, long_hash, .makes_file = false},
    {"capture --on-error=zero", capture_unreadable, captured_in_part, .makes_file = true,
     .bad_read_offset = BAD_OFFSET},
    {"restore --read-back", restore_reading_back, restored, .makes_file = true},
    {"restore --read-back DEVICE", flash_reading_back, flashed, .makes_device = true},
    {"restore --only-changed DEVICE", flash_only_changed, flashed_in_part, .makes_device = true},
    {"restore --resume DEVICE", flash_resumed, flashed_in_part, .makes_device = true},
    {"capture --resume", capture_resumed, captured, .makes_file = true, .interrupted = "image"},
    {"restore --resume", restore_resumed, restored, .makes_file = true, .interrupted = "disk"},
};

static bool can_run(const struct job *job)
{
    return !job->makes_device || world.loop.path[0] != '\0';
}

/* ---- The world ------------------------------------------------------------------------------ */

/* Text, zeros and noise, in pieces that end anywhere. */
static void fill_disk(void)
{
    world.disk = calloc(1, DISK_BYTES);
    assert_non_null(world.disk);
    imgz_sample_fill(IMGZ_SAMPLE_TEXT, 1, world.disk, 3 * CHUNK + 77);
    imgz_sample_fill(IMGZ_SAMPLE_RANDOM, 2, world.disk + 6 * CHUNK, CHUNK);
    imgz_sample_fill(IMGZ_SAMPLE_MIXED, 3, world.disk + 8 * CHUNK, DISK_BYTES - 8 * CHUNK);
}

/* What a disk with zeros instead of its end would be. */
static int hash_zeroed(struct imgz_error *error)
{
    unsigned char *zeroed = calloc(1, DISK_BYTES);
    struct imgz_report report = {.struct_bytes = sizeof(report)};
    int rc;

    assert_non_null(zeroed);
    memcpy(zeroed, world.disk, BAD_OFFSET);
    imgz_fixture_write(&world.fixture, "zeroed", zeroed, DISK_BYTES);
    free(zeroed);
    rc = imgz_hash(path("zeroed").text, &world.options, &report, error);
    memcpy(world.zeroed_hash, report.root_hash, sizeof(world.zeroed_hash));
    return rc;
}

static int capture_lacking(struct imgz_error *error)
{
    const struct imgz_intercept plan = {.ring_refused = true, .bad_read_offset = BAD_OFFSET};
    struct imgz_report report = {.struct_bytes = sizeof(report)};
    int rc;

    imgz_intercept_arm(&plan);
    rc = capture_zeroing("lacking", &report, error);
    (void)imgz_intercept_disarm();
    return rc;
}

static void attach_device(void)
{
    unsigned char *nothing = calloc(1, DEVICE_BYTES);

    assert_non_null(nothing);
    imgz_fixture_write(&world.fixture, "backing", nothing, DEVICE_BYTES);
    free(nothing);
    imgz_loopdev_attach(&world.loop, "", path("backing").text);
}

static int set_up(void **state)
{
    struct imgz_error error = {.struct_bytes = sizeof(error)};
    int rc;

    (void)state;
    imgz_fixture_init(&world.fixture);
    imgz_options_init(&world.options, sizeof(world.options));
    world.right.struct_bytes = sizeof(world.right);
    world.options.chunk_bytes = 4 * CHUNK;
    world.options.thread_count = 2;
    /* No digests: libcrypto tells a lack of memory as an algorithm it does not know. */
    fill_disk();
    imgz_fixture_write(&world.fixture, "disk", world.disk, DISK_BYTES);
    rc = capture_to("coarse", NULL, &error); /* the same disk in chunks of another size */
    world.options.chunk_bytes = CHUNK;
    if (rc < 0 || capture_to("image", NULL, &error) < 0 ||
        imgz_verify(path("image").text, NULL, &world.options, &world.right, &error) < 0 ||
        hash_zeroed(&error) < 0 || capture_lacking(&error) < 0) {
        print_error("%s\n", error.text);
        return -1;
    }
    attach_device();
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    imgz_loopdev_detach(&world.loop);
    free(world.disk);
    imgz_fixture_fini(&world.fixture);
    return 0;
}

/* ---- Running a job under a plan ---------------------------------------------------------- */

struct outcome {
    int rc;
    struct imgz_trial trial;
    struct imgz_report report;
    struct imgz_error error;
};

/* Puts there what an interrupted run would have left. */
static void leave_half(const struct job *job)
{
    unsigned char *whole;
    size_t bytes;

    if (job->interrupted == NULL)
        return;
    whole = imgz_fixture_read(&world.fixture, job->interrupted, &bytes);
    imgz_fixture_leave(&world.fixture, "out.partial", whole, bytes / 2);
    free(whole);
}

/* A job that failed keeps what it can go on from, and says so; one that is done does not. */
static void take_half_away(const struct job *job, const struct outcome *outcome)
{
    const bool left = imgz_fixture_exists(&world.fixture, "out.partial");

    if (job->interrupted != NULL)
        assert_true(left == (outcome->rc < 0 && !imgz_fixture_exists(&world.fixture, "out")));
    if (!left)
        return;
    assert_true(outcome->rc < 0);
    if (job->interrupted == NULL)
        assert_non_null(strstr(outcome->error.text, "out.partial is "));
    assert_int_equal(remove(path("out.partial").text), 0);
    (void)remove(path("out.partial.stamp").text);
    (void)remove(path("out.partial.map").text);
}

static void run_once(const struct job *job, const struct imgz_intercept *plan,
                     struct outcome *outcome)
{
    struct imgz_intercept its_plan = *plan;

    leave_half(job);
    if (job->makes_device)
        age_device();
    if (job->bad_read_offset > 0)
        its_plan.bad_read_offset = job->bad_read_offset;
    outcome->report.struct_bytes = sizeof(outcome->report);
    outcome->error.struct_bytes = sizeof(outcome->error);
    imgz_trial_begin(&outcome->trial, &its_plan);
    outcome->rc = job->run(&outcome->report, &outcome->error);
    imgz_trial_end(&outcome->trial);
}

/* Runs it, and checks what must hold however it ended. */
static struct outcome run_job(const struct job *job, const struct imgz_intercept *plan)
{
    const unsigned files_before = imgz_fixture_count(&world.fixture);
    struct outcome outcome;
    bool shown;

    run_once(job, plan, &outcome);
    if (outcome.trial.memory_grown != 0) {
        remove(path("out").text);
        remove(path("out.partial").text);
        remove(path("out.partial.stamp").text);
        remove(path("out.partial.map").text);
        run_once(job, plan, &outcome);
    }
    if (outcome.trial.memory_grown != 0 || outcome.trial.fds_grown != 0)
        fail_msg("%s: %s (call %llu) failed, and %lld allocations and %d descriptors leak",
                 job->name, outcome.trial.failed, (unsigned long long)plan->fail_at,
                 (long long)outcome.trial.memory_grown, outcome.trial.fds_grown);
    assert_int_equal(outcome.error.code, outcome.rc);
    if (outcome.rc == 0) {
        job->check(&outcome.report);
        assert_string_equal(outcome.error.text, "");
    } else {
        assert_true(strlen(outcome.error.text) > 0);
    }
    take_half_away(job, &outcome);
    shown = imgz_fixture_exists(&world.fixture, "out");
    assert_int_equal(imgz_fixture_count(&world.fixture), files_before + shown);
    assert_true(shown || outcome.rc < 0 || !job->makes_file);
    if (shown && outcome.rc < 0) {
        /* Only when the folder could not be flushed: the file has its name, and is whole. */
        assert_string_equal(outcome.trial.failed, "fsync");
        job->check(&outcome.report);
    }
    if (shown)
        assert_int_equal(remove(path("out").text), 0);
    return outcome;
}

static void fail_one_after_the_other(enum imgz_intercept_kind kind, bool ring_refused)
{
    for (size_t i = 0; i < IMGZ_COUNT_OF(jobs); i++) {
        struct imgz_intercept plan = {.kind = kind, .ring_refused = ring_refused};
        struct outcome outcome;

        if (!can_run(&jobs[i]))
            continue;
        outcome = run_job(&jobs[i], &plan);
        assert_int_equal(outcome.rc, 0);
        assert_null(outcome.trial.failed);
        do {
            plan.fail_at += 1;
            outcome = run_job(&jobs[i], &plan);
            if (outcome.trial.failed == NULL)
                assert_int_equal(outcome.rc, 0);
            else if (kind == IMGZ_INTERCEPT_CALLS && outcome.rc == 0 &&
                     !imgz_trial_dispensable(outcome.trial.failed))
                fail_msg("%s: %s (call %llu) failed, and the job says all is well", jobs[i].name,
                         outcome.trial.failed, (unsigned long long)plan.fail_at);
            else if (kind == IMGZ_INTERCEPT_ALLOCATIONS && outcome.rc != 0 &&
                     outcome.rc != -ENOMEM && outcome.rc != -EAGAIN)
                fail_msg("%s: %s (call %llu): %s", jobs[i].name, outcome.trial.failed,
                         (unsigned long long)plan.fail_at, outcome.error.text);
        } while (outcome.trial.failed != NULL && plan.fail_at < CALLS_MAX);
        assert_null(outcome.trial.failed);
        print_message("%s: %llu calls\n", jobs[i].name, (unsigned long long)plan.fail_at - 1);
    }
}

static void every_system_call_may_fail(void **state)
{
    (void)state;
    fail_one_after_the_other(IMGZ_INTERCEPT_CALLS, true);
}

static void every_system_call_may_fail_with_the_ring(void **state)
{
    (void)state;
    fail_one_after_the_other(IMGZ_INTERCEPT_CALLS, false);
}

static void every_allocation_may_fail(void **state)
{
    (void)state;
    if (!imgz_intercept_sees_allocations())
        skip();
    fail_one_after_the_other(IMGZ_INTERCEPT_ALLOCATIONS, true);
}

/* ---- Short transfers, full disks, bad sectors ----------------------------------------------- */

static void short_and_interrupted_transfers_are_continued(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        for (size_t i = 0; i < IMGZ_COUNT_OF(jobs); i++) {
            const struct imgz_intercept plan = {
                .ring_refused = true,
                .short_percent = (uint32_t)(seed % 4 * 30),
                .interrupt_percent = (uint32_t)(seed % 3 * 30),
                .seed = seed * 1000 + i,
            };

            if (can_run(&jobs[i]))
                assert_int_equal(run_job(&jobs[i], &plan).rc, 0);
        }
    }
}

static void full_disk_at_byte_n(void **state)
{
    struct stat status;
    uint64_t step;

    (void)state;
    assert_int_equal(stat(path("image").text, &status), 0);
    step = (uint64_t)status.st_size / 40;
    for (size_t i = 0; i < 2; i++) {
        const uint64_t out_bytes = i == 0 ? (uint64_t)status.st_size : DISK_BYTES;

        for (uint64_t room = 1; room < out_bytes; room += step) {
            const struct imgz_intercept plan = {.ring_refused = true, .write_room_bytes = room};
            const struct outcome outcome = run_job(&jobs[i], &plan);

            assert_int_equal(outcome.rc, -ENOSPC);
            assert_int_equal(outcome.error.stage,
                             i == 0 ? IMGZ_STAGE_WRITE_IMAGE : IMGZ_STAGE_WRITE_TARGET);
            assert_in_range(outcome.error.offset, room, out_bytes);
        }
    }
}

/* The first byte that cannot be read is named exactly. */
static void bad_sector_at_byte_n(void **state)
{
    (void)state;
    for (uint64_t bad = 512; bad < DISK_BYTES; bad += 20 * 512) {
        const struct imgz_intercept plan = {.ring_refused = true, .bad_read_offset = bad};
        const struct outcome outcome = run_job(&jobs[0], &plan);
        const bool in_hole = outcome.rc == 0; /* where a file system knows holes */

        if (in_hole)
            continue;
        assert_int_equal(outcome.rc, -EIO);
        assert_int_equal(outcome.error.stage, IMGZ_STAGE_READ_SOURCE);
        assert_int_equal(outcome.error.offset, bad);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_system_call_may_fail),
        cmocka_unit_test(every_system_call_may_fail_with_the_ring),
        cmocka_unit_test(every_allocation_may_fail),
        cmocka_unit_test(short_and_interrupted_transfers_are_continued),
        cmocka_unit_test(full_disk_at_byte_n),
        cmocka_unit_test(bad_sector_at_byte_n),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
