/* SPDX-License-Identifier: MIT */
/* Both backends against a file of known bytes. Faults and odd orders: fault/aio_test. */
#include "io/aio/aio.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/falloc.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "fixture.h"
#include "io/aio/aio_backend.h"
#include "sample.h"

#define FILE_BYTES   ((uint64_t)256 << 10)
#define MEMORY_BYTES ((uint64_t)512 << 10)
#define DEPTH        8u

struct world {
    struct imgz_fixture fixture;
    const struct imgz_aio_backend *backend;
    struct imgz_aio *io;
    int fds[2];
    unsigned char *memory;
    unsigned char *model; /* what file 0 holds */
};

static void open_world(struct world *world, const struct imgz_aio_backend *backend)
{
    struct imgz_aio_config config = {.depth_count = DEPTH, .fd_count = 2, .backend = backend};

    imgz_fixture_init(&world->fixture);
    world->backend = backend;
    world->model = malloc(FILE_BYTES);
    assert_non_null(world->model);
    imgz_sample_fill(IMGZ_SAMPLE_RANDOM, 3, world->model, FILE_BYTES);
    imgz_fixture_write(&world->fixture, "a", world->model, FILE_BYTES);
    world->fds[0] = open(imgz_fixture_path(&world->fixture, "a").text, O_RDWR | O_CLOEXEC);
    world->fds[1] =
        open(imgz_fixture_path(&world->fixture, "b").text, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    assert_true(world->fds[0] >= 0 && world->fds[1] >= 0);
    world->memory =
        mmap(NULL, MEMORY_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    assert_ptr_not_equal(world->memory, MAP_FAILED);
    config.fds = world->fds;
    config.memory = world->memory;
    config.memory_bytes = MEMORY_BYTES;
    assert_int_equal(imgz_aio_create(&config, &world->io), 0);
}

static void close_world(struct world *world)
{
    imgz_aio_destroy(world->io);
    munmap(world->memory, MEMORY_BYTES);
    free(world->model);
    close(world->fds[0]);
    close(world->fds[1]);
    imgz_fixture_fini(&world->fixture);
}

static struct imgz_aio_request make_request(enum imgz_aio_kind kind, uint32_t file_index,
                                            uint64_t offset, uint64_t bytes, unsigned char *buffer)
{
    return (struct imgz_aio_request){.kind = kind,
                                     .file_index = file_index,
                                     .offset = offset,
                                     .bytes = bytes,
                                     .need_bytes = bytes,
                                     .buffer = buffer};
}

static void submit(struct world *world, struct imgz_aio_request request, void *owner)
{
    request.owner = owner;
    assert_int_equal(imgz_aio_submit(world->io, &request), 0);
}

/* One request from beginning to end. */
static struct imgz_aio_result run_one(struct world *world, const struct imgz_aio_request *request)
{
    struct imgz_aio_result result = {.rc = -1};

    assert_int_equal(imgz_aio_submit(world->io, request), 0);
    assert_int_equal(imgz_aio_pending_count(world->io), 1);
    assert_int_equal(imgz_aio_reap(world->io, &result), 0);
    assert_int_equal(imgz_aio_pending_count(world->io), 0);
    assert_memory_equal(&result.request, request, sizeof(*request));
    return result;
}

/* ---- What every backend must do ----------------------------------------------------------------
 */

/* As many reads as fit, in registered memory and outside of it. */
static void check_many_reads(struct world *world)
{
    unsigned char *outside = malloc(DEPTH * 4096);
    uint64_t random = 11;

    assert_non_null(outside);
    for (int round = 0; round < 30; round++) {
        struct imgz_aio_request requests[DEPTH];
        bool seen[DEPTH] = {false};

        for (size_t i = 0; i < DEPTH; i++) {
            const uint64_t bytes = 1 + imgz_sample_random(&random) % 4096;
            const uint64_t offset = imgz_sample_random(&random) % (FILE_BYTES - bytes);
            unsigned char *buffer = (i % 2 ? outside : world->memory) + i * 4096;

            requests[i] = make_request(IMGZ_AIO_READ, 0, offset, bytes, buffer);
            assert_false(imgz_aio_full(world->io));
            submit(world, requests[i], &requests[i]);
        }
        assert_true(imgz_aio_full(world->io));
        assert_int_equal(imgz_aio_flush(world->io), 0);
        for (size_t i = 0; i < DEPTH; i++) {
            struct imgz_aio_result result;
            size_t index;

            assert_int_equal(imgz_aio_reap(world->io, &result), 0);
            index = (size_t)((struct imgz_aio_request *)result.request.owner - requests);
            assert_in_range(index, 0, DEPTH - 1);
            assert_false(seen[index]);
            seen[index] = true;
            assert_int_equal(result.rc, 0);
            assert_int_equal(result.done_bytes, requests[index].bytes);
            assert_memory_equal(requests[index].buffer, world->model + requests[index].offset,
                                requests[index].bytes);
        }
    }
    free(outside);
}

static void check_writes(struct world *world)
{
    unsigned char *back = malloc(FILE_BYTES);
    uint32_t pending = 0;

    assert_non_null(back);
    memcpy(world->memory, world->model, FILE_BYTES);
    for (uint64_t at = 0; at < FILE_BYTES; at += 5000) {
        struct imgz_aio_result result;
        const uint64_t bytes = imgz_min(5000, FILE_BYTES - at);

        if (imgz_aio_full(world->io)) {
            assert_int_equal(imgz_aio_reap(world->io, &result), 0);
            assert_int_equal(result.rc, 0);
            pending -= 1;
        }
        submit(world, make_request(IMGZ_AIO_WRITE, 1, at, bytes, world->memory + at), NULL);
        pending += 1;
        assert_int_equal(imgz_aio_pending_count(world->io), pending);
    }
    while (imgz_aio_pending_count(world->io) > 0) {
        struct imgz_aio_result result;

        assert_int_equal(imgz_aio_reap(world->io, &result), 0);
        assert_int_equal(result.rc, 0);
    }
    assert_int_equal(pread(world->fds[1], back, FILE_BYTES, 0), FILE_BYTES);
    assert_memory_equal(back, world->model, FILE_BYTES);
    free(back);
}

/* Where the file ends, a read is short and no error; need_bytes says how much is enough. */
static void check_end_of_file(struct world *world)
{
    static const struct {
        uint64_t offset;
        uint64_t bytes;
        uint64_t need_bytes;
        uint64_t done_bytes;
    } cases[] = {
        {FILE_BYTES - 100, 100, 100, 100},   {FILE_BYTES - 100, 4096, 100, 100},
        {FILE_BYTES - 100, 4096, 4096, 100}, {FILE_BYTES - 100, 4096, 0, 100},
        {FILE_BYTES, 4096, 4096, 0},         {FILE_BYTES + 5000, 10, 10, 0},
    };

    for (size_t i = 0; i < IMGZ_COUNT_OF(cases); i++) {
        struct imgz_aio_request request =
            make_request(IMGZ_AIO_READ, 0, cases[i].offset, cases[i].bytes, world->memory);
        struct imgz_aio_result result;

        request.need_bytes = cases[i].need_bytes;
        memset(world->memory, 0xee, 8192);
        result = run_one(world, &request);
        assert_int_equal(result.rc, 0);
        assert_int_equal(result.done_bytes, cases[i].done_bytes);
        if (cases[i].done_bytes > 0)
            assert_memory_equal(world->memory, world->model + cases[i].offset, cases[i].done_bytes);
        assert_int_equal(world->memory[cases[i].done_bytes], 0xee);
    }
}

/* Each request's own failure; the next is not touched by it. */
static void check_failures(struct world *world)
{
    struct imgz_aio_request request =
        make_request(IMGZ_AIO_READ, 0, (uint64_t)1 << 63, 100, world->memory);
    struct imgz_aio_result result = run_one(world, &request);

    assert_int_equal(result.rc, -EINVAL);
    assert_int_equal(result.done_bytes, 0);
    request.offset = 0;
    result = run_one(world, &request);
    assert_int_equal(result.rc, 0);
    assert_memory_equal(world->memory, world->model, 100);
}

/* Zeroing is asked of devices; ext4 and xfs do it for files too, others refuse. */
static void check_zeros(struct world *world)
{
    const struct imgz_aio_request request = make_request(IMGZ_AIO_ZERO, 0, 8192, 12288, NULL);
    const bool known =
        fallocate(world->fds[0], FALLOC_FL_ZERO_RANGE | FALLOC_FL_KEEP_SIZE, 4096, 4096) == 0;
    const struct imgz_aio_result result = run_one(world, &request);
    unsigned char back[32768];

    assert_int_equal(result.rc, known ? 0 : -EOPNOTSUPP);
    if (!known)
        return;
    assert_int_equal(result.done_bytes, 12288);
    assert_int_equal(pread(world->fds[0], back, sizeof(back), 0), sizeof(back));
    assert_memory_equal(back, world->model, 4096);
    for (size_t i = 4096; i < 20480; i++)
        assert_int_equal(back[i], 0);
    assert_memory_equal(back + 20480, world->model + 20480, sizeof(back) - 20480);
}

/* try_reap never waits, and in the end sees what is done without anybody waiting for it. */
static void check_try_reap(struct world *world)
{
    static const enum imgz_aio_kind kinds[] = {IMGZ_AIO_READ, IMGZ_AIO_WRITE, IMGZ_AIO_ZERO};
    struct imgz_aio_result result;

    assert_int_equal(imgz_aio_try_reap(world->io, &result), -EAGAIN);
    for (size_t i = 0; i < IMGZ_COUNT_OF(kinds); i++) {
        int rc = -EAGAIN;

        submit(world, make_request(kinds[i], 1, 0, 4096, world->memory), NULL);
        assert_int_equal(imgz_aio_flush(world->io), 0);
        for (int tries = 0; rc == -EAGAIN && tries < 2000; tries++) {
            rc = imgz_aio_try_reap(world->io, &result);
            if (rc == -EAGAIN)
                usleep(1000);
        }
        assert_int_equal(rc, 0);
        assert_int_equal(imgz_aio_try_reap(world->io, &result), -EAGAIN);
    }
}

/* Buffers may be freed after destroy: nothing is under way any more. */
static void check_destroy_waits(struct world *world)
{
    struct imgz_aio_config config = {
        .depth_count = DEPTH, .fds = world->fds, .fd_count = 2, .backend = world->backend};
    unsigned char *buffer = malloc(DEPTH * 4096);

    assert_non_null(buffer);
    imgz_aio_destroy(world->io);
    assert_int_equal(imgz_aio_create(&config, &world->io), 0);
    for (uint64_t i = 0; i < DEPTH; i++)
        submit(world, make_request(IMGZ_AIO_READ, 0, i * 4096, 4096, buffer + i * 4096), NULL);
    imgz_aio_destroy(world->io);
    world->io = NULL;
    memset(buffer, 0, DEPTH * 4096);
    free(buffer);
}

static void run_checks(const struct imgz_aio_backend *backend)
{
    static void (*const checks[])(struct world *) = {
        check_many_reads, check_writes,   check_end_of_file,   check_failures,
        check_zeros,      check_try_reap, check_destroy_waits,
    };

    for (size_t i = 0; i < IMGZ_COUNT_OF(checks); i++) {
        struct world world;

        open_world(&world, backend);
        checks[i](&world);
        close_world(&world);
    }
}

/* ---- Tests -------------------------------------------------------------------------------------
 */

static void plain_does_it(void **state)
{
    (void)state;
    run_checks(&imgz_aio_pread);
}

static void ring_does_it(void **state)
{
    struct imgz_aio_config config = {
        .depth_count = 1, .fds = &(int){STDIN_FILENO}, .fd_count = 1, .backend = &imgz_aio_uring};
    struct imgz_aio *io = NULL;

    (void)state;
    if (imgz_aio_create(&config, &io) < 0) {
        print_message("io_uring is refused here\n");
        skip();
    }
    imgz_aio_destroy(io);
    run_checks(&imgz_aio_uring);
}

static void names_tell_the_backend(void **state)
{
    struct imgz_aio_config config = {.depth_count = 1, .fds = &(int){STDIN_FILENO}, .fd_count = 1};
    struct imgz_aio *io = NULL;

    (void)state;
    assert_int_equal(imgz_aio_create(&config, &io), 0);
    if (strcmp(imgz_aio_name(io), "io_uring") == 0)
        assert_memory_equal(imgz_aio_describe(io), "io_uring", 8);
    else
        assert_memory_equal(imgz_aio_describe(io), "pread (io_uring: ", 17);
    imgz_aio_destroy(io);
    config.backend = &imgz_aio_pread;
    assert_int_equal(imgz_aio_create(&config, &io), 0);
    assert_string_equal(imgz_aio_name(io), "pread");
    assert_string_equal(imgz_aio_describe(io), "pread");
    imgz_aio_destroy(io);
    imgz_aio_destroy(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(plain_does_it),
        cmocka_unit_test(ring_does_it),
        cmocka_unit_test(names_tell_the_backend),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
