/* SPDX-License-Identifier: MIT */
/* A stage between its pipeline and its I/O: which of them it asks, in which order, and where it
 * sleeps. Neither ever really sleeps here: each call is written down, and compared. */
#include "io/aio/aio_loop.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "fixture.h"
#include "io/aio/aio_backend.h"
#include "sample.h"

#define DEPTH     4u
#define SLOTS_MAX 6u
#define RUNS      300u
#define ITEMS     100u

/* ---- What is under the loop --------------------------------------------------------------- */

/* What was called, a letter each:
 *     q  a transfer is queued           h  a result is handled
 *     w  slept until a result came      n  looked for a result, there was none
 *     t  a slot was there               e  there was none
 *     T  would sleep until a slot comes */
static struct {
    struct imgz_fixture fixture;
    struct imgz_pipeline *pipeline;
    struct imgz_aio *io;
    struct imgz_aio_loop loop;
    char events[200000];
    size_t event_count;

    /* The backend. */
    struct imgz_aio_transfer transfers[DEPTH];
    uint32_t transfer_count;
    uint32_t ready_count; /* so many results are there without waiting */
    uint64_t random;      /* not 0: results come in any order, some short or interrupted */
    uint32_t call_count;
    uint32_t break_at; /* this call breaks it, and all after; 0: none */

    /* The handler. */
    uint32_t handled_count;
    uint32_t fail_at; /* this result is one too many; 0: none */
} world;

static void note(char event)
{
    IMGZ_ASSERT(world.event_count + 1 < sizeof(world.events));
    world.events[world.event_count] = event;
    world.event_count += 1;
    world.events[world.event_count] = '\0';
}

static int count_call(void)
{
    world.call_count += 1;
    return world.break_at > 0 && world.call_count >= world.break_at ? -ENXIO : 0;
}

static int script_open(const struct imgz_aio_config *config, void **state)
{
    (void)config;
    *state = &world;
    return 0;
}

static void script_close(void *state)
{
    (void)state;
}

static const char *script_describe(const void *state)
{
    (void)state;
    return "a script";
}

static int script_queue(void *state, const struct imgz_aio_transfer *transfer)
{
    (void)state;
    IMGZ_ASSERT(world.transfer_count < DEPTH);
    note('q');
    world.transfers[world.transfer_count] = *transfer;
    if (count_call() < 0)
        return -ENXIO;
    world.transfer_count += 1;
    return 0;
}

static int script_flush(void *state)
{
    (void)state;
    return count_call();
}

/* All of it, or by chance less, or none. */
static int64_t moved_bytes(const struct imgz_aio_transfer *transfer)
{
    const uint64_t random = world.random > 0 ? imgz_sample_random(&world.random) >> 8 : 0;

    if (random % 8 == 1)
        return random % 3 == 0 ? -EINTR : -EAGAIN;
    return random % 8 == 2 ? (int64_t)(1 + random % transfer->bytes) : (int64_t)transfer->bytes;
}

static int script_next(void *state, enum imgz_aio_wait wait,
                       struct imgz_aio_transfer_result *result)
{
    uint32_t index = 0;

    (void)state;
    if (count_call() < 0)
        return -ENXIO;
    if (world.ready_count == 0 || world.transfer_count == 0) {
        note(wait == IMGZ_AIO_WAIT_ONE ? 'w' : 'n');
        if (wait == IMGZ_AIO_WAIT_NO)
            return -EAGAIN;
        IMGZ_ASSERT(world.transfer_count > 0); /* or it would sleep for ever */
    } else {
        world.ready_count -= 1;
    }
    if (world.random > 0)
        index = (uint32_t)(imgz_sample_random(&world.random) % world.transfer_count);
    result->token = world.transfers[index].token;
    result->result = moved_bytes(&world.transfers[index]);
    world.transfer_count -= 1;
    world.transfers[index] = world.transfers[world.transfer_count];
    return 0;
}

static const struct imgz_aio_backend script = {
    .name = "script",
    .open = script_open,
    .close = script_close,
    .describe = script_describe,
    .queue = script_queue,
    .flush = script_flush,
    .next = script_next,
};

static int try_take(struct imgz_pipeline *pipeline, struct imgz_slot **result)
{
    int rc = imgz_pool_try_take(pipeline->pool, result);

    note(rc == 0 ? 't' : 'e');
    return rc;
}

/* A stage that sleeps here while a request is under way may sleep for ever. */
static int take(struct imgz_pipeline *pipeline, struct imgz_slot **result)
{
    note('T');
    IMGZ_ASSERT(imgz_aio_pending_count(world.io) == 0);
    return imgz_pool_try_take(pipeline->pool, result);
}

/* A request that was for a slot brings it back. */
static int handle(void *context, const struct imgz_aio_result *result)
{
    struct imgz_slot *slot = result->request.owner;

    (void)context;
    note('h');
    world.handled_count += 1;
    IMGZ_ASSERT(result->rc == 0 && result->done_bytes == result->request.bytes);
    if (slot != NULL)
        imgz_pool_give(world.pipeline->pool, &slot);
    return world.handled_count == world.fail_at ? -ERANGE : 0;
}

static void open_world(uint32_t slot_count)
{
    const struct imgz_pool_config pool = {.slot_count = slot_count, .raw_capacity_bytes = 4096};
    const struct imgz_aio_config config = {.depth_count = DEPTH, .backend = &script};

    memset(&world, 0, sizeof(world));
    imgz_fixture_init(&world.fixture);
    IMGZ_ASSERT(
        imgz_pipeline_create(&pool, world.fixture.latch, &world.fixture.log, &world.pipeline) == 0);
    IMGZ_ASSERT(imgz_aio_create(&config, &world.io) == 0);
    world.loop = (struct imgz_aio_loop){.io = world.io,
                                        .pipeline = world.pipeline,
                                        .handle = handle,
                                        .location = {IMGZ_STAGE_READ_SOURCE, "disk", 4711}};
}

/* Slots may still be out. */
static void close_world(void)
{
    imgz_aio_destroy(world.io);
    imgz_pipeline_close(world.pipeline);
    imgz_pipeline_destroy(world.pipeline);
    imgz_fixture_fini(&world.fixture);
}

static int submit(struct imgz_slot *slot)
{
    static unsigned char buffer[1000];
    const struct imgz_aio_request request = {.kind = IMGZ_AIO_READ,
                                             .bytes = sizeof(buffer),
                                             .need_bytes = sizeof(buffer),
                                             .buffer = buffer,
                                             .owner = slot};

    return imgz_aio_loop_submit(&world.loop, &request);
}

/* Requests under way, each for a slot, or for none; then what follows is written down. */
static void submit_some(uint32_t count, bool with_slots)
{
    for (uint32_t i = 0; i < count; i++) {
        struct imgz_slot *slot = NULL;

        if (with_slots)
            assert_int_equal(imgz_pool_take(world.pipeline->pool, &slot), 0);
        assert_int_equal(submit(slot), 0);
    }
    world.event_count = 0;
    world.events[0] = '\0';
}

/* Takes a slot, and what that did. */
static void check_take(int wanted_rc, const char *events)
{
    struct imgz_slot *slot = NULL;

    assert_int_equal(imgz_aio_loop_take(&world.loop, try_take, take, &slot), wanted_rc);
    assert_string_equal(world.events, events);
    if (slot != NULL)
        imgz_pool_give(world.pipeline->pool, &slot);
}

/* ---- Taking ------------------------------------------------------------------------------- */

static void without_requests_it_sleeps_on_the_pipeline(void **state)
{
    (void)state;
    open_world(2);
    check_take(0, "T");
    close_world();
}

static void a_slot_that_is_there_is_taken_at_once(void **state)
{
    (void)state;
    open_world(3);
    submit_some(2, true);
    check_take(0, "nt");
    assert_int_equal(imgz_aio_pending_count(world.io), 2);
    close_world();
}

static void results_that_are_there_come_first(void **state)
{
    (void)state;
    open_world(3);
    submit_some(3, true);
    world.ready_count = 2;
    check_take(0, "hhnt");
    close_world();
}

/* All slots are out: it sleeps until one request is done, and no longer. */
static void without_slots_it_sleeps_on_the_requests(void **state)
{
    (void)state;
    open_world(3);
    submit_some(3, true);
    check_take(0, "newht");
    assert_int_equal(imgz_aio_pending_count(world.io), 2);
    close_world();
}

/* Results that bring no slot: to the last one, and only then on the pipeline. */
static void it_sleeps_on_the_pipeline_when_no_request_is_left(void **state)
{
    struct imgz_slot *slot = NULL;

    (void)state;
    open_world(1);
    assert_int_equal(imgz_pool_take(world.pipeline->pool, &slot), 0);
    submit_some(3, false);
    check_take(-EAGAIN, "newhewhewhT");
    imgz_pool_give(world.pipeline->pool, &slot);
    close_world();
}

static void a_closed_pipeline_ends_it(void **state)
{
    (void)state;
    open_world(2);
    submit_some(2, true);
    imgz_pipeline_close(world.pipeline);
    check_take(-ECANCELED, "ne");
    close_world();
}

/* ---- Submitting, flushing, settling ------------------------------------------------------- */

static void submit_makes_room_first(void **state)
{
    (void)state;
    open_world(1);
    submit_some(DEPTH - 1, false);
    world.ready_count = DEPTH;
    assert_int_equal(submit(NULL), 0);
    assert_string_equal(world.events, "q"); /* there was room */
    assert_int_equal(submit(NULL), 0);
    assert_string_equal(world.events, "qhq");
    world.ready_count = 0;
    assert_int_equal(submit(NULL), 0);
    assert_string_equal(world.events, "qhqwhq");
    assert_true(imgz_aio_full(world.io));
    close_world();
}

static void flush_does_not_wait(void **state)
{
    (void)state;
    open_world(1);
    assert_int_equal(imgz_aio_loop_flush(&world.loop), 0);
    assert_string_equal(world.events, "");
    submit_some(3, false);
    world.ready_count = 2;
    assert_int_equal(imgz_aio_loop_flush(&world.loop), 0);
    assert_string_equal(world.events, "hhn");
    assert_int_equal(imgz_aio_pending_count(world.io), 1);
    close_world();
}

static void settle_leaves_no_request(void **state)
{
    (void)state;
    open_world(1);
    assert_int_equal(imgz_aio_loop_settle(&world.loop), 0);
    assert_string_equal(world.events, "");
    submit_some(DEPTH, false);
    world.ready_count = 1;
    assert_int_equal(imgz_aio_loop_settle(&world.loop), 0);
    assert_string_equal(world.events, "hwhwhwh");
    assert_int_equal(imgz_aio_pending_count(world.io), 0);
    close_world();
}

/* ---- As a stage uses it ------------------------------------------------------------------- */

/* Items go through; at any time some results are there. Returns the first thing that is not 0. */
static int run_stage(uint32_t item_count)
{
    int rc = 0;

    for (uint32_t i = 0; rc == 0 && i < item_count; i++) {
        struct imgz_slot *slot = NULL;

        world.ready_count = (uint32_t)(imgz_sample_random(&world.random) % 3);
        rc = imgz_aio_loop_take(&world.loop, try_take, take, &slot);
        if (rc == 0)
            rc = submit(slot);
        if (rc == 0 && i % 3 == 0)
            rc = imgz_aio_loop_flush(&world.loop);
    }
    return rc < 0 ? rc : imgz_aio_loop_settle(&world.loop);
}

/* More slots than requests and fewer; in any order, short, interrupted. */
static void every_item_is_handled_once(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= RUNS; seed++) {
        open_world(1 + (uint32_t)(seed % SLOTS_MAX));
        world.random = seed;
        assert_int_equal(run_stage(ITEMS), 0);
        assert_int_equal(world.handled_count, ITEMS);
        assert_int_equal(imgz_aio_pending_count(world.io), 0);
        imgz_aio_destroy(world.io);
        world.io = NULL;
        imgz_pipeline_destroy(world.pipeline); /* all slots are home */
        imgz_fixture_fini(&world.fixture);
    }
}

/* ---- Failures ----------------------------------------------------------------------------- */

/* The backend breaks at any of its calls: that is raised, at the stage's place. */
static void a_broken_backend_is_raised(void **state)
{
    uint32_t break_at = 1;
    int rc;

    (void)state;
    do {
        const struct imgz_error *error;

        open_world(2);
        world.random = 1 + break_at % 7;
        world.break_at = break_at;
        rc = run_stage(10);
        error = imgz_latch_error(world.fixture.latch);
        assert_int_equal(error->code, rc);
        if (rc < 0) {
            assert_int_equal(rc, -ENXIO);
            assert_int_equal(world.call_count, break_at); /* it is not asked again */
            assert_int_equal(error->stage, IMGZ_STAGE_READ_SOURCE);
            assert_int_equal(error->offset, 4711);
            assert_non_null(strstr(error->text, "script for disk stopped working"));
        }
        close_world();
        break_at += 1;
    } while (rc < 0);
    assert_true(break_at > 30);
}

/* The handler has raised why: nothing is added, and no more results are handled. */
static void an_error_of_the_handler_ends_it(void **state)
{
    (void)state;
    for (uint32_t fail_at = 1; fail_at <= 20; fail_at++) {
        open_world(1 + fail_at % SLOTS_MAX);
        world.random = fail_at;
        world.fail_at = fail_at;
        assert_int_equal(run_stage(20), -ERANGE);
        assert_int_equal(world.handled_count, fail_at);
        assert_false(imgz_latch_raised(world.fixture.latch));
        close_world();
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_requests_it_sleeps_on_the_pipeline),
        cmocka_unit_test(a_slot_that_is_there_is_taken_at_once),
        cmocka_unit_test(results_that_are_there_come_first),
        cmocka_unit_test(without_slots_it_sleeps_on_the_requests),
        cmocka_unit_test(it_sleeps_on_the_pipeline_when_no_request_is_left),
        cmocka_unit_test(a_closed_pipeline_ends_it),
        cmocka_unit_test(submit_makes_room_first),
        cmocka_unit_test(flush_does_not_wait),
        cmocka_unit_test(settle_leaves_no_request),
        cmocka_unit_test(every_item_is_handled_once),
        cmocka_unit_test(a_broken_backend_is_raised),
        cmocka_unit_test(an_error_of_the_handler_ends_it),
    };

    return cmocka_run_group_tests_name("aio loop", tests, NULL, NULL);
}
