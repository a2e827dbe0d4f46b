/* SPDX-License-Identifier: MIT */
#include "io/sink/append.h"

#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cmocka.h>

#include "fixture.h"
#include "io/aio/read_ahead.h"
#include "io/sink/sink_ops.h"

#define MIB ((uint64_t)1 << 20)

struct world {
    struct imgz_fixture fixture;
    struct imgz_fixture_path path;
    struct imgz_sink *output;
    struct imgz_pipeline *pipeline;
    struct imgz_append *append;
};

static void open_output(struct world *world, bool direct, bool resume)
{
    const struct imgz_sink_config config = {
        .path = world->path.text,
        .stage = IMGZ_STAGE_WRITE_IMAGE,
        .resume = resume,
        .direct_wanted = direct,
        .need_bytes = IMGZ_SIZE_UNKNOWN,
    };

    assert_int_equal(
        imgz_sink_open(&config, world->fixture.latch, &world->fixture.log, &world->output), 0);
    assert_int_equal(imgz_append_open(world->output, world->pipeline, &world->append), 0);
}

static void open_world(struct world *world, bool direct)
{
    const struct imgz_pool_config pool = {.slot_count = 1, .raw_capacity_bytes = 4096};

    imgz_fixture_init(&world->fixture);
    world->path = imgz_fixture_path(&world->fixture, "out");
    assert_int_equal(imgz_pipeline_create(&pool, world->fixture.latch, &world->fixture.log,
                                          &world->pipeline),
                     0);
    open_output(world, direct, false);
}

static void close_world(struct world *world)
{
    imgz_append_close(world->append);
    imgz_sink_close(world->output);
    imgz_pipeline_destroy(world->pipeline);
    imgz_fixture_fini(&world->fixture);
}

/* Bytes that differ from place to place. */
static unsigned char *make_model(uint64_t bytes)
{
    unsigned char *model = malloc(bytes + 1);
    uint64_t state = 7;

    assert_non_null(model);
    for (uint64_t i = 0; i < bytes; i++) {
        state = state * 6364136223846793005u + 1442695040888963407u;
        model[i] = (unsigned char)(state >> 56);
    }
    return model;
}

/* Appends the model in pieces of 'piece_bytes' and compares the file with it. */
static void check_case(bool direct, uint64_t bytes, uint64_t piece_bytes)
{
    unsigned char *model = make_model(bytes);
    struct world world;

    open_world(&world, direct);
    for (uint64_t at = 0; at < bytes; at += piece_bytes)
        assert_int_equal(
            imgz_append_bytes(world.append, model + at, imgz_min(piece_bytes, bytes - at)), 0);
    assert_int_equal(world.append->offset, bytes);
    assert_int_equal(imgz_append_finish(world.append), 0);
    assert_int_equal(imgz_sink_commit(world.output), 0);
    assert_true(imgz_fixture_holds(&world.fixture, "out", model, bytes));
    close_world(&world);
    free(model);
}

static void what_is_appended_is_there(void **state)
{
    static const struct {
        uint64_t bytes;
        uint64_t piece_bytes;
    } cases[] = {
        {0, 1},
        {1, 1},
        {4095, 100},
        {4096, 4096},
        {4097, 4097},
        {MIB - 1, 65536},
        {MIB, MIB},
        {MIB + 1, 333},
        {9 * MIB, 3 * MIB}, /* more than all buffers */
        {20 * MIB + 5000, 777777},
        {70 * MIB + 1, 5 * MIB}, /* beyond the size that was made ahead */
    };

    (void)state;
    for (size_t i = 0; i < IMGZ_COUNT_OF(cases); i++) {
        check_case(true, cases[i].bytes, cases[i].piece_bytes);
        check_case(false, cases[i].bytes, cases[i].piece_bytes);
    }
}

/* What is settled is in the file, and what comes behind it afterwards, too. */
static void check_settled(bool direct, uint64_t bytes, uint64_t piece_bytes)
{
    unsigned char *model = make_model(bytes);
    struct world world;

    open_world(&world, direct);
    for (uint64_t at = 0; at < bytes; at += piece_bytes) {
        const uint64_t end = imgz_min(at + piece_bytes, bytes);
        unsigned char *found;
        size_t found_bytes;

        assert_int_equal(imgz_append_bytes(world.append, model + at, end - at), 0);
        assert_int_equal(imgz_append_settle(world.append), 0);
        assert_int_equal(imgz_append_settle(world.append), 0);
        found = imgz_fixture_read(&world.fixture, "out.partial", &found_bytes);
        assert_true(found_bytes >= end);
        assert_memory_equal(found, model, end);
        free(found);
    }
    assert_int_equal(imgz_append_finish(world.append), 0);
    assert_int_equal(imgz_sink_commit(world.output), 0);
    assert_true(imgz_fixture_holds(&world.fixture, "out", model, bytes));
    close_world(&world);
    free(model);
}

static void what_is_settled_is_there(void **state)
{
    (void)state;
    for (int direct = 0; direct < 2; direct++) {
        check_settled(direct, 20000, 777);
        check_settled(direct, 3 * MIB + 10, 333333);
        check_settled(direct, 12 * MIB, 3 * MIB);
    }
}

/* Of what is to be kept, and fails, nothing is lost that was appended. */
static void what_is_to_be_resumed_is_kept(void **state)
{
    unsigned char *model = make_model(MIB + 5000);

    (void)state;
    for (int resumed = 0; resumed < 2; resumed++) {
        struct world world;
        unsigned char *found;
        size_t found_bytes;

        open_world(&world, true);
        world.output->keep = resumed;
        assert_int_equal(imgz_append_bytes(world.append, model, MIB + 5000), 0);
        imgz_append_close(world.append);
        world.append = NULL;
        found = imgz_fixture_read(&world.fixture, "out.partial", &found_bytes);
        assert_int_equal(found_bytes == MIB + 5000 && memcmp(found, model, MIB + 5000) == 0,
                         resumed);
        free(found);
        close_world(&world);
    }
    free(model);
}

/* Goes on behind the first 'kept_bytes' of a file that has rubbish behind them. */
static void check_resumed(bool direct, uint64_t kept_bytes, uint64_t bytes)
{
    unsigned char *model = make_model(bytes);
    unsigned char *left = make_model(kept_bytes + 3 * MIB);
    struct world world;

    open_world(&world, direct);
    imgz_append_close(world.append);
    world.append = NULL;
    imgz_sink_close(world.output);
    memset(left + kept_bytes, 0xee, 3 * MIB);
    imgz_fixture_leave(&world.fixture, "out.partial", left, kept_bytes + 3 * MIB);
    open_output(&world, direct, true);
    assert_true(imgz_sink_taken_over(world.output));
    assert_int_equal(imgz_append_resume(world.append, kept_bytes), 0);
    assert_int_equal(imgz_append_bytes(world.append, model + kept_bytes, bytes - kept_bytes), 0);
    assert_int_equal(world.append->offset, bytes);
    assert_int_equal(imgz_append_finish(world.append), 0);
    assert_int_equal(imgz_sink_commit(world.output), 0);
    assert_true(imgz_fixture_holds(&world.fixture, "out", model, bytes));
    close_world(&world);
    free(model);
    free(left);
}

static void it_goes_on_behind_what_is_there(void **state)
{
    static const struct {
        uint64_t kept_bytes;
        uint64_t bytes;
    } cases[] = {
        {1, 1},
        {34, 5000},
        {4096, 4097},
        {MIB - 1, MIB},
        {MIB, MIB + 1},
        {MIB + 4095, 12 * MIB + 9},
        {66 * MIB + 12345, 140 * MIB}, /* beyond the size that is made ahead */
    };

    (void)state;
    for (size_t i = 0; i < IMGZ_COUNT_OF(cases); i++) {
        check_resumed(true, cases[i].kept_bytes, cases[i].bytes);
        check_resumed(false, cases[i].kept_bytes, cases[i].bytes);
    }
}

/* A limit on file sizes that the file itself keeps must not be hit by making it longer ahead. */
static void a_size_limit_counts_for_data_only(void **state)
{
    const struct rlimit limit = {.rlim_cur = 4 * MIB, .rlim_max = RLIM_INFINITY};
    struct rlimit before;

    (void)state;
    signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
    check_case(true, 3 * MIB + 17, 100000);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
}

static void a_failed_write_tells_where(void **state)
{
    const struct rlimit limit = {.rlim_cur = 2 * MIB, .rlim_max = RLIM_INFINITY};
    unsigned char *model = make_model(12 * MIB);
    struct rlimit before;
    struct world world;
    int rc;

    (void)state;
    signal(SIGXFSZ, SIG_IGN);
    open_world(&world, true);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
    rc = imgz_append_bytes(world.append, model, 12 * MIB);
    if (rc == 0)
        rc = imgz_append_finish(world.append);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
    assert_int_equal(rc, -EFBIG);
    assert_int_equal(imgz_latch_error(world.fixture.latch)->code, -EFBIG);
    assert_true(imgz_latch_error(world.fixture.latch)->offset >= 2 * MIB);
    assert_true(imgz_latch_error(world.fixture.latch)->offset <= 12 * MIB);
    close_world(&world);
    free(model);
}

/* Advice reaches some way ahead, only forward, and never beyond the end. */
static void readahead_keeps_its_distance(void **state)
{
    struct imgz_read_ahead read_ahead = {.fd = open("/dev/zero", O_RDONLY | O_CLOEXEC)};
    uint64_t before;

    (void)state;
    imgz_read_ahead_move(&read_ahead, 0, 1000);
    assert_int_equal(read_ahead.advised_end, 1000);
    imgz_read_ahead_move(&read_ahead, 0, 1000 * MIB);
    before = read_ahead.advised_end;
    assert_true(before > 8 * MIB && before < 64 * MIB);
    imgz_read_ahead_move(&read_ahead, 1, 1000 * MIB);
    assert_true(read_ahead.advised_end >= before);
    imgz_read_ahead_move(&read_ahead, 500 * MIB, 1000 * MIB);
    assert_true(read_ahead.advised_end > 508 * MIB && read_ahead.advised_end < 564 * MIB);
    close(read_ahead.fd);
    read_ahead = (struct imgz_read_ahead){.fd = -1};
    imgz_read_ahead_move(&read_ahead, 0, 1000);
    assert_int_equal(read_ahead.advised_end, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_appended_is_there),
        cmocka_unit_test(what_is_settled_is_there),
        cmocka_unit_test(what_is_to_be_resumed_is_kept),
        cmocka_unit_test(it_goes_on_behind_what_is_there),
        cmocka_unit_test(a_size_limit_counts_for_data_only),
        cmocka_unit_test(a_failed_write_tells_where),
        cmocka_unit_test(readahead_keeps_its_distance),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
