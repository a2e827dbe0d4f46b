/* SPDX-License-Identifier: MIT */
/* Whole jobs side by side in one process, canceled at any time; outputs that fight for one name. */
#include <errno.h>
#include <imgz/imgz.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../unit/fixture.h"
#include "../unit/sample.h"
#include "io/sink/sink_ops.h"

#define CHUNK      ((size_t)IMGZ_CHUNK_BYTES_MIN)
#define DISK_BYTES (60 * CHUNK + 777)
#define SIDES      4u  /* threads that run jobs */
#define ROUNDS     6u  /* of jobs per thread */
#define CANCELS    60u /* jobs canceled per thread */
#define FIGHTS     400u

static struct {
    struct imgz_fixture fixture;
    unsigned char *disk;
    char root_hash[33];
} world;

struct side {
    unsigned index;
    uint64_t random;
    uint64_t cancel_at; /* this call of progress; 0: never */
    uint64_t progress_count;
    pthread_t thread;
};

static int progress(const struct imgz_progress *figures, void *context)
{
    struct side *side = context;

    (void)figures;
    side->progress_count += 1;
    return side->cancel_at > 0 && side->progress_count >= side->cancel_at;
}

static struct imgz_options make_options(struct side *side)
{
    struct imgz_options options;

    imgz_options_init(&options, sizeof(options));
    options.chunk_bytes = CHUNK;
    options.thread_count = 1 + (uint32_t)(imgz_sample_random(&side->random) % 3);
    options.level = (int32_t)(imgz_sample_random(&side->random) % 3) - 1;
    options.progress = progress;
    options.progress_context = side;
    options.progress_interval_ms = 1;
    return options;
}

static struct imgz_fixture_path own_path(const struct side *side, const char *name)
{
    char text[64];

    snprintf(text, sizeof(text), "%s.%u", name, side->index);
    return imgz_fixture_path(&world.fixture, text);
}

/* ---- Jobs side by side -------------------------------------------------------------------------
 */

static void *run_jobs(void *argument)
{
    struct side *side = argument;
    const struct imgz_fixture_path disk = imgz_fixture_path(&world.fixture, "disk");
    const struct imgz_fixture_path image = own_path(side, "image");
    const struct imgz_fixture_path copy = own_path(side, "copy");

    for (unsigned round = 0; round < ROUNDS; round++) {
        struct imgz_options options = make_options(side);
        struct imgz_report report = {.struct_bytes = sizeof(report)};
        struct imgz_error error = {.struct_bytes = sizeof(error)};
        char name[16];

        IMGZ_ASSERT(imgz_capture(disk.text, image.text, &options, &report, &error) == 0);
        IMGZ_ASSERT(strcmp(report.root_hash, world.root_hash) == 0);
        IMGZ_ASSERT(imgz_verify(image.text, disk.text, &options, &report, &error) == 0);
        IMGZ_ASSERT(imgz_restore(image.text, copy.text, &options, &report, &error) == 0);
        IMGZ_ASSERT(strcmp(report.root_hash, world.root_hash) == 0);
        snprintf(name, sizeof(name), "copy.%u", side->index);
        IMGZ_ASSERT(imgz_fixture_holds(&world.fixture, name, world.disk, DISK_BYTES));
        IMGZ_ASSERT(remove(image.text) == 0);
        IMGZ_ASSERT(remove(copy.text) == 0);
    }
    return NULL;
}

static void run_sides(void *(*body)(void *))
{
    struct side sides[SIDES] = {{0}};

    for (unsigned i = 0; i < SIDES; i++) {
        sides[i].index = i;
        sides[i].random = i + 1;
        assert_int_equal(pthread_create(&sides[i].thread, NULL, body, &sides[i]), 0);
    }
    for (unsigned i = 0; i < SIDES; i++)
        assert_int_equal(pthread_join(sides[i].thread, NULL), 0);
}

static void jobs_side_by_side(void **state)
{
    (void)state;
    run_sides(run_jobs);
    assert_int_equal(imgz_fixture_count(&world.fixture), 2);
}

/* ---- Jobs that are canceled --------------------------------------------------------------------
 */

static int run_random_job(const struct side *side, const struct imgz_options *options,
                          const char *out, struct imgz_error *error)
{
    const struct imgz_fixture_path disk = imgz_fixture_path(&world.fixture, "disk");
    const struct imgz_fixture_path image = imgz_fixture_path(&world.fixture, "image");

    switch (side->random % 4) {
    case 0:
        return imgz_capture(disk.text, out, options, NULL, error);
    case 1:
        return imgz_restore(image.text, out, options, NULL, error);
    case 2:
        return imgz_verify(image.text, NULL, options, NULL, error);
    default:
        return imgz_verify(image.text, disk.text, options, NULL, error);
    }
}

static void *run_canceled_jobs(void *argument)
{
    struct side *side = argument;
    const struct imgz_fixture_path out = own_path(side, "out");
    struct imgz_fixture_path kept;
    char kept_name[64];

    snprintf(kept_name, sizeof(kept_name), "out.%u.partial", side->index);
    kept = imgz_fixture_path(&world.fixture, kept_name);
    for (unsigned i = 0; i < CANCELS; i++) {
        struct imgz_options options = make_options(side);
        struct imgz_error error = {.struct_bytes = sizeof(error)};
        int rc;

        side->progress_count = 0;
        side->cancel_at = 1 + imgz_sample_random(&side->random) % 12;
        rc = run_random_job(side, &options, out.text, &error);
        IMGZ_ASSERT(rc == 0 || rc == -ECANCELED);
        IMGZ_ASSERT(error.code == rc);
        if (rc == -ECANCELED)
            IMGZ_ASSERT(access(out.text, F_OK) < 0);
        remove(out.text);
        remove(kept.text);
    }
    return NULL;
}

static void canceled_jobs_leave_nothing(void **state)
{
    const unsigned fds_before = imgz_fixture_open_files();

    (void)state;
    run_sides(run_canceled_jobs);
    assert_int_equal(imgz_fixture_open_files(), fds_before);
    assert_int_equal(imgz_fixture_count(&world.fixture), 2);
}

/* ---- Sinks that fight for one name -----------------------------------------------------------
 */

/* Writes its own number many times over: a file of several writers' numbers is half-made. */
static void write_own(struct imgz_sink *output, unsigned char own)
{
    unsigned char bytes[64];

    memset(bytes, own, sizeof(bytes));
    for (int i = 0; i < 4; i++)
        IMGZ_ASSERT(write(imgz_sink_local_fd(output), bytes, sizeof(bytes)) == sizeof(bytes));
}

/* As if it had been killed now: what it wrote stays, under the temporary name. */
static void leave(struct imgz_sink *output)
{
    output->keep = true;
    output->stored_bytes = 256;
}

/* What is under the final name is whole, whoever made it. */
static void check_final(const char *path)
{
    unsigned char bytes[512];
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t count;

    if (fd < 0)
        return;
    count = read(fd, bytes, sizeof(bytes));
    close(fd);
    IMGZ_ASSERT(count == 256);
    for (ssize_t i = 1; i < count; i++)
        IMGZ_ASSERT(bytes[i] == bytes[0]);
}

static void *run_fights(void *argument)
{
    const struct side *side = argument;
    const struct imgz_fixture_path path = imgz_fixture_path(&world.fixture, "prize");
    const struct imgz_sink_config config = {
        .path = path.text,
        .stage = IMGZ_STAGE_WRITE_TARGET,
        .force = true,
        .discard = true,
        .need_bytes = IMGZ_SIZE_UNKNOWN,
    };
    struct imgz_log log;

    imgz_log_init(&log, NULL, NULL);
    for (unsigned i = 0; i < FIGHTS; i++) {
        struct imgz_sink *output = NULL;
        struct imgz_latch *latch = NULL;

        IMGZ_ASSERT(imgz_latch_create(&latch) == 0);
        if (imgz_sink_open(&config, latch, &log, &output) == 0) {
            write_own(output, (unsigned char)(side->index + 1));
            /* Whoever has a sink has it alone, and can finish it; some are killed before. */
            if (i % 4 == 0)
                leave(output);
            else if (i % 4 != 1)
                IMGZ_ASSERT(imgz_sink_commit(output) == 0);
            imgz_sink_close(output);
        }
        check_final(path.text);
        imgz_latch_destroy(latch);
    }
    imgz_log_fini(&log);
    return NULL;
}

/* Regression: the lock that tells a live temporary file from a stale one was let go before the
 * rename, and taken without a look at what the name meant by then: one writer could remove
 * another's file, and give a half-made one the final name. */
static void one_writer_at_a_time_has_the_name(void **state)
{
    (void)state;
    run_sides(run_fights);
    (void)remove(imgz_fixture_path(&world.fixture, "prize.partial").text); /* of one killed last */
    assert_int_equal(imgz_fixture_count(&world.fixture), 3);
    assert_int_equal(remove(imgz_fixture_path(&world.fixture, "prize").text), 0);
}

/* ---- ThreadSanitizer ----------------------------------------------------------------------------
 *
 * liburing maps and unmaps its rings by system calls of its own. Where the ring of one job lay the
 * ring of another may lie later; the sanitizer knows nothing of it and takes both for one. */

const char *__tsan_default_suppressions(void);
const char *__tsan_default_suppressions(void)
{
    return "race:io_uring_prep_\n"
           "race:io_uring_sqe_set_\n"
           "race:io_uring_initialize_sqe\n"
           "race:_io_uring_get_sqe\n"
           "race:io_uring_cqe_get_data64\n"
           "race:ring_next\n";
}

/* ---- Frame -------------------------------------------------------------------------------------
 */

static int set_up(void **state)
{
    struct imgz_options options;
    struct imgz_report report = {.struct_bytes = sizeof(report)};

    (void)state;
    imgz_fixture_init(&world.fixture);
    world.disk = calloc(1, DISK_BYTES);
    if (world.disk == NULL)
        return -1;
    imgz_sample_fill(IMGZ_SAMPLE_MIXED, 5, world.disk, 20 * CHUNK);
    imgz_sample_fill(IMGZ_SAMPLE_TEXT, 6, world.disk + 40 * CHUNK, 20 * CHUNK + 777);
    imgz_fixture_write(&world.fixture, "disk", world.disk, DISK_BYTES);
    imgz_options_init(&options, sizeof(options));
    options.chunk_bytes = CHUNK;
    options.thread_count = 2;
    if (imgz_capture(imgz_fixture_path(&world.fixture, "disk").text,
                     imgz_fixture_path(&world.fixture, "image").text, &options, &report, NULL) < 0)
        return -1;
    memcpy(world.root_hash, report.root_hash, sizeof(world.root_hash));
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    free(world.disk);
    imgz_fixture_fini(&world.fixture);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(jobs_side_by_side),
        cmocka_unit_test(canceled_jobs_leave_nothing),
        cmocka_unit_test(one_writer_at_a_time_has_the_name),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
