/* SPDX-License-Identifier: MIT */
/* imgz_aio on an unkind backend, over hundreds of seeds, against a byte-exact model. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../unit/sample.h"
#include "fake_io.h"

#define SEEDS      300u
#define ROOM_BYTES ((uint64_t)96 << 10)
#define FILE_BYTES ((uint64_t)64 << 10)
#define PIECE_MAX  3000u
#define PIECES_MAX 400u
#define DEPTH_MAX  16u

/* One stretch of the file, asked for once. */
struct piece {
    struct imgz_aio_request request;
    unsigned char buffer[PIECE_MAX];
    bool reaped;
};

struct world {
    struct imgz_fake fake;
    struct imgz_aio *io;
    uint64_t random;
    unsigned char *before; /* what the file held */
    unsigned char *model;  /* what it must hold */
    struct piece *pieces;
    size_t piece_count;
};

static void open_world(struct world *world, uint64_t seed)
{
    const int fd = -1;
    const struct imgz_aio_config config = {
        .depth_count = 1 + (uint32_t)(seed % DEPTH_MAX),
        .fds = &fd,
        .fd_count = 1,
        .backend = &imgz_aio_fake,
    };

    memset(world, 0, sizeof(*world));
    world->random = seed * 77 + 1;
    world->before = malloc(ROOM_BYTES);
    world->model = malloc(ROOM_BYTES);
    world->fake = (struct imgz_fake){
        .random = seed,
        .data = malloc(ROOM_BYTES),
        .size_bytes = FILE_BYTES,
        .capacity_bytes = ROOM_BYTES,
        .short_percent = (uint32_t)(seed % 4 * 30),
        .interrupt_percent = (uint32_t)(seed % 3 * 30),
        .late_percent = 50,
        .reorder = seed % 2 != 0,
    };
    assert_true(world->before != NULL && world->model != NULL && world->fake.data != NULL);
    imgz_sample_fill(IMGZ_SAMPLE_RANDOM, seed, world->before, ROOM_BYTES);
    memcpy(world->model, world->before, ROOM_BYTES);
    memcpy(world->fake.data, world->before, ROOM_BYTES);
    imgz_fake_install(&world->fake);
    assert_int_equal(imgz_aio_create(&config, &world->io), 0);
    assert_string_equal(imgz_aio_describe(world->io), "a fake");
}

static void close_world(struct world *world)
{
    imgz_aio_destroy(world->io);
    assert_true(world->fake.closed);
    free(world->before);
    free(world->model);
    free(world->fake.data);
    free(world->pieces);
}

/* Cuts all the room into pieces of random kinds: what is done to one never touches another. */
static void cut_pieces(struct world *world)
{
    uint64_t at = 0;

    world->pieces = calloc(PIECES_MAX, sizeof(world->pieces[0]));
    assert_non_null(world->pieces);
    while (at < ROOM_BYTES - PIECE_MAX && world->piece_count < PIECES_MAX) {
        struct piece *piece = &world->pieces[world->piece_count];
        const uint64_t bytes = 1 + imgz_sample_random(&world->random) % PIECE_MAX;

        piece->request = (struct imgz_aio_request){
            .kind = (enum imgz_aio_kind)(imgz_sample_random(&world->random) % 3),
            .offset = at,
            .bytes = bytes,
            .need_bytes = bytes,
            .buffer = piece->buffer,
            .owner = piece,
        };
        imgz_sample_fill(IMGZ_SAMPLE_RANDOM, at + 1, piece->buffer, bytes);
        if (piece->request.kind == IMGZ_AIO_READ && bytes % 5 == 0)
            piece->request.need_bytes = bytes / 2;
        if (piece->request.kind == IMGZ_AIO_ZERO)
            piece->request.buffer = NULL;
        at += bytes;
        world->piece_count += 1;
    }
}

/* What the model says of a request: bytes moved before the first that cannot be, and why. */
static uint64_t predict(const struct world *world, const struct imgz_aio_request *request, int *rc)
{
    const struct imgz_fake_fault *fault = &world->fake.fault;
    uint64_t end = request->offset + request->bytes;

    *rc = 0;
    if (request->kind == IMGZ_AIO_READ && end > world->fake.size_bytes)
        end = imgz_max(world->fake.size_bytes, request->offset);
    if (request->kind != IMGZ_AIO_READ && end > world->fake.capacity_bytes) {
        end = imgz_max(world->fake.capacity_bytes, request->offset);
        *rc = -ENOSPC;
    }
    if (fault->bytes > 0 && fault->kind == request->kind && fault->offset < end &&
        request->offset < fault->offset + fault->bytes) {
        end = imgz_max(fault->offset, request->offset);
        *rc = fault->error;
    }
    if (request->kind == IMGZ_AIO_ZERO && *rc < 0)
        return 0;
    return end - request->offset;
}

static void check_result(struct world *world, const struct imgz_aio_result *result)
{
    const struct imgz_aio_request *request = &result->request;
    struct piece *piece = request->owner;
    int rc;
    uint64_t done_bytes = predict(world, request, &rc);

    assert_false(piece->reaped);
    piece->reaped = true;
    if (request->need_bytes < request->bytes && result->done_bytes >= request->need_bytes) {
        /* Enough is enough: no more was asked for, and a fault behind it does not matter. */
        assert_int_equal(result->rc, 0);
        assert_true(result->done_bytes <= done_bytes);
        done_bytes = result->done_bytes;
    } else {
        assert_int_equal(result->rc, rc);
        assert_int_equal(result->done_bytes, done_bytes);
    }
    switch (request->kind) {
    case IMGZ_AIO_READ:
        assert_memory_equal(piece->buffer, world->before + request->offset, done_bytes);
        break;
    case IMGZ_AIO_WRITE:
        memcpy(world->model + request->offset, piece->buffer, done_bytes);
        break;
    case IMGZ_AIO_ZERO:
        memset(world->model + request->offset, 0, done_bytes);
        break;
    }
}

/* Submits and reaps in all the ways there are; every request is answered once, and rightly. */
static void run_pieces(struct world *world)
{
    size_t submitted = 0;
    size_t reaped = 0;

    while (reaped < world->piece_count) {
        struct imgz_aio_result result;
        const uint64_t dice = imgz_sample_random(&world->random) % 8;

        if (dice < 4 && submitted < world->piece_count && !imgz_aio_full(world->io)) {
            assert_int_equal(imgz_aio_submit(world->io, &world->pieces[submitted].request), 0);
            submitted += 1;
        } else if (dice == 4) {
            assert_int_equal(imgz_aio_flush(world->io), 0);
        } else if (dice == 5 && submitted > reaped) {
            assert_int_equal(imgz_aio_reap(world->io, &result), 0);
            check_result(world, &result);
            reaped += 1;
        } else {
            int rc = imgz_aio_try_reap(world->io, &result);

            assert_true(rc == 0 || rc == -EAGAIN);
            if (rc == 0) {
                check_result(world, &result);
                reaped += 1;
            }
        }
        assert_int_equal(imgz_aio_pending_count(world->io), submitted - reaped);
    }
}

static void unkind_but_faultless(void **state)
{
    uint64_t short_count = 0;
    uint64_t interrupt_count = 0;
    uint64_t overtaken_count = 0;

    (void)state;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        struct world world;

        open_world(&world, seed);
        /* Writes must not move the end that reads are compared with. */
        world.fake.size_bytes = ROOM_BYTES;
        cut_pieces(&world);
        run_pieces(&world);
        assert_memory_equal(world.fake.data, world.model, ROOM_BYTES);
        short_count += world.fake.short_count;
        interrupt_count += world.fake.interrupt_count;
        overtaken_count += world.fake.overtaken_count;
        close_world(&world);
        assert_int_equal(world.fake.left_count, 0);
    }
    assert_true(short_count > 1000 && interrupt_count > 1000 && overtaken_count > 1000);
}

static void faults_are_told_to_the_byte(void **state)
{
    static const int errors[] = {-EIO, -ENOSPC, -EBADMSG, -ENODEV};

    (void)state;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        struct world world;

        open_world(&world, seed);
        world.fake.size_bytes = ROOM_BYTES;
        world.fake.fault = (struct imgz_fake_fault){
            .kind = (enum imgz_aio_kind)(seed % 3),
            .offset = imgz_sample_random(&world.random) % FILE_BYTES,
            .bytes = 1 + imgz_sample_random(&world.random) % 9000,
            .error = errors[seed / 3 % IMGZ_COUNT_OF(errors)],
        };
        cut_pieces(&world);
        run_pieces(&world);
        assert_memory_equal(world.fake.data, world.model, ROOM_BYTES);
        close_world(&world);
    }
}

/* The disk is full from byte N on: everything before it is there. */
static void full_disk_at_byte_n(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        struct world world;

        open_world(&world, seed);
        world.fake.size_bytes = ROOM_BYTES;
        world.fake.capacity_bytes = imgz_sample_random(&world.random) % ROOM_BYTES;
        cut_pieces(&world);
        run_pieces(&world);
        assert_memory_equal(world.fake.data, world.model, ROOM_BYTES);
        close_world(&world);
    }
}

/* Reads alone, for writes move the end of the file. */
static void file_ends_at_byte_n(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        struct world world;

        open_world(&world, seed);
        world.fake.size_bytes = imgz_sample_random(&world.random) % ROOM_BYTES;
        cut_pieces(&world);
        for (size_t i = 0; i < world.piece_count; i++) {
            world.pieces[i].request.kind = IMGZ_AIO_READ;
            world.pieces[i].request.buffer = world.pieces[i].buffer;
        }
        run_pieces(&world);
        close_world(&world);
    }
}

/* A write that moves nothing and says no error would do so for ever. */
static void write_that_moves_nothing_is_an_error(void **state)
{
    unsigned char buffer[100] = {0};
    const struct imgz_aio_request request = {
        .kind = IMGZ_AIO_WRITE, .offset = 50, .bytes = 100, .need_bytes = 100, .buffer = buffer};
    struct imgz_aio_result result;
    struct world world;

    (void)state;
    open_world(&world, 1);
    world.fake.fault = (struct imgz_fake_fault){IMGZ_AIO_WRITE, 120, 10, 0};
    assert_int_equal(imgz_aio_submit(world.io, &request), 0);
    assert_int_equal(imgz_aio_reap(world.io, &result), 0);
    assert_int_equal(result.rc, -EIO);
    assert_int_equal(result.done_bytes, 70);
    close_world(&world);
}

/* Destroyed with requests under way: every one of them is over before close(). */
static void destroy_waits_for_all(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 50; seed++) {
        struct world world;

        open_world(&world, seed);
        cut_pieces(&world);
        for (size_t i = 0; !imgz_aio_full(world.io); i++)
            assert_int_equal(imgz_aio_submit(world.io, &world.pieces[i].request), 0);
        close_world(&world);
        assert_int_equal(world.fake.left_count, 0);
    }
}

/* A backend that breaks is reported as such by every function, and destroy does not wait for it. */
static void broken_backend_is_told(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 50; seed++) {
        struct world world;
        struct imgz_aio_result result;
        int rc = 0;

        open_world(&world, seed);
        world.fake.breaks_after = 1 + seed % 7;
        cut_pieces(&world);
        for (size_t i = 0; rc == 0 && i < world.piece_count; i++) {
            if (imgz_aio_full(world.io))
                rc = imgz_aio_reap(world.io, &result);
            if (rc == 0)
                rc = imgz_aio_submit(world.io, &world.pieces[i].request);
        }
        assert_int_equal(rc, -EIO);
        assert_int_equal(imgz_aio_flush(world.io), -EIO);
        assert_int_equal(imgz_aio_try_reap(world.io, &result), -EIO);
        close_world(&world);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(unkind_but_faultless),
        cmocka_unit_test(faults_are_told_to_the_byte),
        cmocka_unit_test(full_disk_at_byte_n),
        cmocka_unit_test(file_ends_at_byte_n),
        cmocka_unit_test(write_that_moves_nothing_is_an_error),
        cmocka_unit_test(destroy_waits_for_all),
        cmocka_unit_test(broken_backend_is_told),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
