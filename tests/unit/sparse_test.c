/* SPDX-License-Identifier: MIT */
/*
 * The exact list of what the sparse writer asks of the system. This program puts its own pwrite()
 * and fallocate() before the C library's, and refuses the ring: the engine then writes by them.
 */
#include "io/sink/sparse_local.h"

#include <errno.h>
#include <fcntl.h>
#include <liburing.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "fixture.h"
#include "sample.h"

#define CHUNK_BLOCKS 64u
#define CHUNK_BYTES  ((uint64_t)CHUNK_BLOCKS * IMGZ_BLOCK_BYTES)
#define DISK_BYTES   (8 * CHUNK_BYTES)
#define SLOTS        4u
#define SHORT_BYTES  1808u /* of a last block: the disk of 10,000 bytes in sparse.c */

/* ---- The recorder ------------------------------------------------------------------------------
 */

static struct {
    int direct_fd;
    int cached_fd;
    char text[4000];     /* "write direct 0 4096; zero cached 4096 8192" */
    int write_error;     /* what pwrite() fails with, or 0 */
    uint64_t room_bytes; /* beyond this offset it fails with ENOSPC */
    int zero_error;      /* what fallocate() fails with, or 0 */
} recorder;

int io_uring_queue_init_params(unsigned entries, struct io_uring *ring, struct io_uring_params *p)
{
    (void)entries;
    (void)ring;
    (void)p;
    return -EPERM;
}

static void record(const char *what, int fd, off_t offset, uint64_t bytes)
{
    const size_t used = strlen(recorder.text);

    snprintf(recorder.text + used, sizeof(recorder.text) - used, "%s%s %s %lld %llu",
             used > 0 ? "; " : "", what, fd == recorder.direct_fd ? "direct" : "cached",
             (long long)offset, (unsigned long long)bytes);
}

ssize_t pwrite(int fd, const void *buffer, size_t bytes, off_t offset)
{
    if (fd == recorder.direct_fd || fd == recorder.cached_fd) {
        record("write", fd, offset, bytes);
        if (recorder.write_error != 0 || (uint64_t)offset + bytes > recorder.room_bytes) {
            errno = recorder.write_error != 0 ? recorder.write_error : ENOSPC;
            return -1;
        }
    }
    return syscall(SYS_pwrite64, fd, buffer, bytes, offset);
}

int fallocate(int fd, int mode, off_t offset, off_t bytes)
{
    static const unsigned char zeros[IMGZ_BLOCK_BYTES];

    (void)mode;
    record("zero", fd, offset, (uint64_t)bytes);
    if (recorder.zero_error != 0) {
        errno = recorder.zero_error;
        return -1;
    }
    for (off_t at = 0; at < bytes; at += IMGZ_BLOCK_BYTES)
        IMGZ_ASSERT(syscall(SYS_pwrite64, fd, zeros, sizeof(zeros), offset + at) ==
                    IMGZ_BLOCK_BYTES);
    return 0;
}

/* ---- The sparse writer between a pipeline and a file
 * -----------------------------------------------
 */

struct world {
    struct imgz_fixture fixture;
    struct imgz_sink sink;
    struct imgz_pipeline *pipeline;
    struct imgz_sparse *sparse;
};

/* A new file, or a device. */
enum target {
    TO_FILE,
    TO_DEVICE,
};

static const struct imgz_sink_ops sink_ops = {.open_sparse = imgz_sparse_open_local,
                                              .flush = imgz_sink_flush_fd};

/* An output by hand: a file stands for a device. That, and a file that was taken over, hold 0xee
 * everywhere. */
static void open_output(struct world *world, enum target target, bool taken_over)
{
    const bool old_bytes = target == TO_DEVICE || taken_over;
    const struct imgz_fixture_path path = imgz_fixture_path(&world->fixture, "disk");
    unsigned char *old = malloc(DISK_BYTES);

    assert_non_null(old);
    memset(old, 0xee, DISK_BYTES);
    imgz_fixture_write(&world->fixture, "disk", old, old_bytes ? DISK_BYTES : 0);
    free(old);
    world->sink = (struct imgz_sink){
        .ops = &sink_ops,
        .traits = IMGZ_SINK_RANDOM | (target == TO_DEVICE ? IMGZ_SINK_DEVICE : IMGZ_SINK_NAMED),
        .stage = IMGZ_STAGE_WRITE_TARGET,
        .path = "disk",
        .fd = open(path.text, O_WRONLY | O_CLOEXEC),
        .direct_fd = open(path.text, O_WRONLY | O_CLOEXEC),
        .taken_over = taken_over,
        .size_bytes = target == TO_DEVICE ? DISK_BYTES : IMGZ_SIZE_UNKNOWN,
        .latch = world->fixture.latch,
        .log = &world->fixture.log,
    };
    assert_true(world->sink.fd >= 0 && world->sink.direct_fd >= 0);
    memset(&recorder, 0, sizeof(recorder));
    recorder.direct_fd = world->sink.direct_fd;
    recorder.cached_fd = world->sink.fd;
    recorder.room_bytes = DISK_BYTES;
}

static void open_old_world(struct world *world, enum target target, bool taken_over,
                           uint64_t raw_bytes)
{
    const struct imgz_pool_config pool = {SLOTS, CHUNK_BYTES, 0};

    imgz_fixture_init(&world->fixture);
    open_output(world, target, taken_over);
    assert_int_equal(imgz_pipeline_create(&pool, world->fixture.latch, &world->fixture.log,
                                          &world->pipeline),
                     0);
    assert_int_equal(imgz_sparse_open(&world->sink, world->pipeline, raw_bytes, &world->sparse), 0);
}

static void open_world(struct world *world, enum target target, uint64_t raw_bytes)
{
    open_old_world(world, target, false, raw_bytes);
}

static void close_world(struct world *world)
{
    imgz_sparse_close(world->sparse);
    imgz_pipeline_close(world->pipeline);
    imgz_pipeline_destroy(world->pipeline);
    recorder.direct_fd = -1;
    recorder.cached_fd = -1;
    close(world->sink.fd);
    close(world->sink.direct_fd);
    imgz_fixture_fini(&world->fixture);
}

static struct imgz_slot *take_free(struct world *world)
{
    struct imgz_slot *slot = NULL;

    assert_int_equal(imgz_pipeline_take_free(world->pipeline, &slot), 0);
    slot->checked = true;
    return slot;
}

/* Sends the slot down the pipeline and puts what comes out of it. */
static int put(struct world *world, struct imgz_slot *slot)
{
    assert_int_equal(imgz_pipeline_feed(world->pipeline, &slot), 0);
    assert_int_equal(imgz_queue_take(world->pipeline->queue, &slot), 0);
    assert_int_equal(imgz_order_give(world->pipeline->order, &slot), 0);
    assert_int_equal(imgz_sparse_take(world->sparse, &slot), 0);
    return imgz_sparse_put(world->sparse, &slot);
}

static struct imgz_slot *make_zeros(struct world *world, uint64_t offset, uint64_t bytes)
{
    struct imgz_slot *slot = take_free(world);

    slot->kind = IMGZ_SLOT_ZERO;
    slot->raw_offset = offset;
    slot->raw_bytes = bytes;
    return slot;
}

/* A chunk by its map, "3d2z": three blocks of data, two of zeros; 'cut_bytes' off the last one. */
static struct imgz_slot *make_chunk(struct world *world, uint64_t offset, const char *map,
                                    uint64_t cut_bytes)
{
    struct imgz_slot *slot = take_free(world);
    uint64_t block = 0;

    memset(slot->raw, 0, CHUNK_BYTES);
    while (*map != '\0') {
        char *kind = NULL;

        for (unsigned long left = strtoul(map, &kind, 10); left > 0; left--) {
            slot->zero_map[block] = *kind == 'z';
            if (*kind == 'd')
                memset(slot->raw + block * IMGZ_BLOCK_BYTES, (int)block + 1, IMGZ_BLOCK_BYTES);
            block += 1;
        }
        map = kind + 1;
    }
    slot->kind = IMGZ_SLOT_DATA;
    slot->raw_offset = offset;
    slot->raw_bytes = block * IMGZ_BLOCK_BYTES - cut_bytes;
    return slot;
}

/* ---- One chunk: the exact list -----------------------------------------------------------------
 */

#define CUT (IMGZ_BLOCK_BYTES - SHORT_BYTES)

static void chunks_are_cut_into_runs(void **state)
{
    static const struct {
        enum target target;
        uint64_t offset;
        const char *map;
        uint64_t cut_bytes;
        const char *expected;
    } cases[] = {
        /* Files: every block of data, no block of zeros. */
        {TO_FILE, 0, "64d", 0, "write direct 0 262144"},
        {TO_FILE, 262144, "64d", 0, "write direct 262144 262144"},
        {TO_FILE, 0, "64z", 0, ""},
        {TO_FILE, 0, "1d62z1d", 0, "write direct 0 4096; write direct 258048 4096"},
        {TO_FILE, 0, "1z1d1z1d1z", 0, "write direct 4096 4096; write direct 12288 4096"},
        {TO_FILE, 0, "1d1z1d", CUT, "write direct 0 4096; write cached 8192 1808"},
        {TO_FILE, 0, "3d", CUT, "write direct 0 8192; write cached 8192 1808"},
        {TO_FILE, 0, "2d1z", CUT, "write direct 0 8192"},
        {TO_FILE, 262144, "1d", 4095, "write cached 262144 1"},
        {TO_FILE, 0, "1z", 4095, ""},
        /* Devices: runs of zeros of 64 KiB and more are zeroed, shorter ones are written along. */
        {TO_DEVICE, 0, "64d", 0, "write direct 0 262144"},
        {TO_DEVICE, 0, "64z", 0, "zero cached 0 262144"},
        {TO_DEVICE, 262144, "4d16z4d", 0,
         "write direct 262144 16384; zero cached 278528 65536; write direct 344064 16384"},
        {TO_DEVICE, 0, "4d15z4d", 0, "write direct 0 94208"},
        {TO_DEVICE, 0, "4d15z4d15z4d16z4d", 0,
         "write direct 0 172032; zero cached 172032 65536; write direct 237568 16384"},
        {TO_DEVICE, 0, "4d15z", 0, "write direct 0 77824"},
        {TO_DEVICE, 0, "4d16z", 0, "write direct 0 16384; zero cached 16384 65536"},
        {TO_DEVICE, 0, "16z4d", 0, "zero cached 0 65536; write direct 65536 16384"},
        {TO_DEVICE, 0, "15z4d", 0, "write direct 0 61440; write direct 61440 16384"},
        {TO_DEVICE, 0, "15z", 0, "write direct 0 61440"},
        {TO_DEVICE, 0, "3d", CUT, "write direct 0 8192; write cached 8192 1808"},
        {TO_DEVICE, 0, "20z", CUT, "zero cached 0 77824; write cached 77824 1808"},
        {TO_DEVICE, 0, "16z", CUT, "write direct 0 61440; write cached 61440 1808"},
    };

    (void)state;
    for (size_t i = 0; i < IMGZ_COUNT_OF(cases); i++) {
        struct world world;

        open_world(&world, cases[i].target, DISK_BYTES);
        assert_int_equal(
            put(&world, make_chunk(&world, cases[i].offset, cases[i].map, cases[i].cut_bytes)), 0);
        assert_int_equal(imgz_sparse_finish(world.sparse, DISK_BYTES), 0);
        assert_string_equal(recorder.text, cases[i].expected);
        close_world(&world);
    }
}

static void zero_slots_cost_one_request_or_none(void **state)
{
    static const struct {
        enum target target;
        uint64_t offset;
        uint64_t bytes;
        int error;
        const char *expected;
    } cases[] = {
        {TO_FILE, 0, DISK_BYTES, 0, ""},
        {TO_DEVICE, 0, DISK_BYTES, 0, "zero cached 0 2097152"},
        {TO_DEVICE, 262144, 4096, 0, "zero cached 262144 4096"},
        {TO_DEVICE, 0, 512, 0, "write cached 0 512"},
        {TO_DEVICE, 0, 4608, 0, "zero cached 0 4096; write cached 4096 512"},
        {TO_DEVICE, 0, DISK_BYTES - 512, EOPNOTSUPP,
         "zero cached 0 2093056; write cached 2093056 3584; "
         "write cached 0 1048576; write cached 1048576 1044480"},
        {TO_DEVICE, 0, CHUNK_BYTES, EINVAL, "zero cached 0 262144; write cached 0 262144"},
        {TO_DEVICE, 0, CHUNK_BYTES, EBUSY, "zero cached 0 262144; write cached 0 262144"},
    };

    (void)state;
    for (size_t i = 0; i < IMGZ_COUNT_OF(cases); i++) {
        struct world world;

        open_world(&world, cases[i].target, DISK_BYTES);
        recorder.zero_error = cases[i].error;
        assert_int_equal(put(&world, make_zeros(&world, cases[i].offset, cases[i].bytes)), 0);
        assert_int_equal(imgz_sparse_finish(world.sparse, DISK_BYTES), 0);
        assert_string_equal(recorder.text, cases[i].expected);
        assert_int_equal(world.sparse->written_bytes, 0);
        close_world(&world);
    }
}

/* A device that refused once is not asked again. */
static void refused_zeroing_is_remembered(void **state)
{
    struct world world;

    (void)state;
    open_world(&world, TO_DEVICE, DISK_BYTES);
    recorder.zero_error = EOPNOTSUPP;
    assert_int_equal(put(&world, make_zeros(&world, 0, CHUNK_BYTES)), 0);
    assert_int_equal(put(&world, make_zeros(&world, CHUNK_BYTES, CHUNK_BYTES)), 0);
    assert_string_equal(recorder.text, "zero cached 0 262144; write cached 0 262144; "
                                       "write cached 262144 262144");
    close_world(&world);
}

/* ---- Many chunks: what is there afterwards -----------------------------------------------------
 */

/* Random maps over the whole disk, on nothing or on what held 0xee: every byte is as the chunks
 * say. */
static void random_disks_come_out_right(void **state)
{
    unsigned char *model = malloc(DISK_BYTES);
    uint64_t random = 5;

    (void)state;
    assert_non_null(model);
    for (int round = 0; round < 60; round++) {
        const uint64_t disk_bytes =
            DISK_BYTES - (round % 3 == 0 ? 0 : imgz_sample_random(&random) % CHUNK_BYTES);
        const uint64_t zero_share = imgz_sample_random(&random) % 100;
        struct world world;

        open_old_world(&world, round % 2 ? TO_DEVICE : TO_FILE, round % 6 == 2,
                       round % 4 < 2 ? disk_bytes : IMGZ_SIZE_UNKNOWN);
        recorder.zero_error = round % 5 == 0 ? EOPNOTSUPP : 0;
        memset(model, 0xee, DISK_BYTES);
        for (uint64_t at = 0; at < disk_bytes; at += CHUNK_BYTES) {
            struct imgz_slot *slot = make_chunk(&world, at, "64d", 0);

            slot->raw_bytes = imgz_min(CHUNK_BYTES, disk_bytes - at);
            imgz_sample_fill(IMGZ_SAMPLE_RANDOM, random, slot->raw, CHUNK_BYTES);
            for (uint64_t block = 0; block < CHUNK_BLOCKS;) {
                const bool zero = imgz_sample_random(&random) % 100 < zero_share;

                for (uint64_t n = 1 + imgz_sample_random(&random) % 30;
                     n > 0 && block < CHUNK_BLOCKS; n--, block++) {
                    slot->zero_map[block] = zero;
                    if (zero)
                        memset(slot->raw + block * IMGZ_BLOCK_BYTES, 0, IMGZ_BLOCK_BYTES);
                }
            }
            memcpy(model + at, slot->raw, slot->raw_bytes);
            recorder.text[0] = '\0';
            assert_int_equal(put(&world, slot), 0);
        }
        assert_int_equal(imgz_sparse_finish(world.sparse, disk_bytes), 0);
        assert_true(
            imgz_fixture_holds(&world.fixture, "disk", model, round % 2 ? DISK_BYTES : disk_bytes));
        close_world(&world);
    }
    free(model);
}

static void files_get_their_size(void **state)
{
    static const uint64_t sizes[] = {0, 1, 4096, DISK_BYTES};

    (void)state;
    for (size_t i = 0; i < 2 * IMGZ_COUNT_OF(sizes); i++) {
        const uint64_t bytes = sizes[i / 2];
        struct stat status;
        struct world world;

        open_world(&world, TO_FILE, i % 2 ? IMGZ_SIZE_UNKNOWN : bytes);
        assert_int_equal(fstat(world.sink.fd, &status), 0);
        assert_int_equal(status.st_size, i % 2 ? 0 : bytes);
        assert_int_equal(imgz_sparse_finish(world.sparse, bytes), 0);
        assert_int_equal(fstat(world.sink.fd, &status), 0);
        assert_int_equal(status.st_size, bytes);
        close_world(&world);
    }
}

/* ---- Failures ----------------------------------------------------------------------------------
 */

static void failed_writes_are_told(void **state)
{
    static const struct {
        int error;
        uint64_t room_bytes;
        const char *map;
        int code;
        uint64_t offset;
    } cases[] = {
        {EIO, DISK_BYTES, "64d", -EIO, 0},
        {0, 8192, "1d1z1d", -ENOSPC, 8192},
        {0, 8192, "2d1z1d", -ENOSPC, 12288},
    };

    (void)state;
    for (size_t i = 0; i < IMGZ_COUNT_OF(cases); i++) {
        const struct imgz_error *error;
        struct world world;
        int rc;

        open_world(&world, TO_FILE, DISK_BYTES);
        recorder.write_error = cases[i].error;
        recorder.room_bytes = cases[i].room_bytes;
        rc = put(&world, make_chunk(&world, 0, cases[i].map, 0));
        if (rc == 0)
            rc = imgz_sparse_finish(world.sparse, DISK_BYTES);
        assert_int_equal(rc, cases[i].code);
        error = imgz_latch_error(world.fixture.latch);
        assert_int_equal(error->code, cases[i].code);
        assert_int_equal(error->offset, cases[i].offset);
        assert_int_equal(error->stage, IMGZ_STAGE_WRITE_TARGET);
        close_world(&world);
    }
}

static void nothing_beyond_the_device(void **state)
{
    static const struct {
        uint64_t offset;
        uint64_t bytes;
    } cases[] = {
        {DISK_BYTES - 4096, 8192},
        {DISK_BYTES, 1},
        {0, DISK_BYTES + 1},
        {UINT64_MAX - 4095, 8192},
    };

    (void)state;
    for (size_t i = 0; i < IMGZ_COUNT_OF(cases); i++) {
        struct world world;

        open_world(&world, TO_DEVICE, IMGZ_SIZE_UNKNOWN);
        assert_int_equal(put(&world, make_zeros(&world, cases[i].offset, cases[i].bytes)), -ENOSPC);
        assert_string_equal(recorder.text, "");
        close_world(&world);
    }
}

/* What was not checked is never written: the process stops first. */
static void unchecked_slots_are_refused(void **state)
{
    struct imgz_slot *slot;
    struct world world;
    int status = 0;
    pid_t child;

    (void)state;
    open_world(&world, TO_FILE, DISK_BYTES);
    slot = make_chunk(&world, 0, "64d", 0);
    slot->checked = false;
    child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        close(STDERR_FILENO);
        signal(SIGABRT, SIG_DFL);
        (void)put(&world, slot);
        _exit(0);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status));
    assert_int_equal(WTERMSIG(status), SIGABRT);
    close_world(&world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(chunks_are_cut_into_runs),
        cmocka_unit_test(zero_slots_cost_one_request_or_none),
        cmocka_unit_test(refused_zeroing_is_remembered),
        cmocka_unit_test(random_disks_come_out_right),
        cmocka_unit_test(files_get_their_size),
        cmocka_unit_test(failed_writes_are_told),
        cmocka_unit_test(nothing_beyond_the_device),
        cmocka_unit_test(unchecked_slots_are_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
