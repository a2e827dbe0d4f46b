/* SPDX-License-Identifier: MIT */
/* Gauges, and the restoring one: writerate. */
#include "job/measure/kernel_rate.h"

#include <errno.h>
#include <imgz/imgz.h>
#include <openssl/sha.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>
#include <zlib.h>

#include <cmocka.h>

#include "fixture.h"
#include "format/note.h"
#include "job/measure/write_rate.h"
#include "sample.h"

#define CHUNK       ((size_t)IMGZ_CHUNK_BYTES_MIN)
#define CHUNK_COUNT 5u
#define DISK_BYTES  (4 * CHUNK + 1234)

static struct imgz_fixture fixture;
static struct imgz_sample_set samples;
static struct imgz_options options;
static struct imgz_error error = {.struct_bytes = sizeof(error)};
static uint64_t image_bytes[CHUNK_COUNT];

static int run(struct imgz_kernel_rate *gauge)
{
    gauge->samples = &samples;
    return imgz_kernel_rate_run(gauge, &options, &error);
}

/* Text, a chunk of zeros, noise, and a short end. */
static void load_samples(void)
{
    unsigned char *disk = calloc(1, DISK_BYTES);
    struct imgz_source_config config = {.stage = IMGZ_STAGE_READ_SOURCE};
    struct imgz_fixture_path path = imgz_fixture_path(&fixture, "disk");
    struct imgz_source *source = NULL;

    assert_non_null(disk);
    imgz_sample_fill(IMGZ_SAMPLE_TEXT, 1, disk, CHUNK);
    imgz_sample_fill(IMGZ_SAMPLE_RANDOM, 2, disk + 2 * CHUNK, CHUNK);
    imgz_sample_fill(IMGZ_SAMPLE_MIXED, 3, disk + 3 * CHUNK, DISK_BYTES - 3 * CHUNK);
    imgz_fixture_write(&fixture, "disk", disk, DISK_BYTES);
    free(disk);
    config.path = path.text;
    assert_int_equal(imgz_source_open(&config, fixture.latch, &fixture.log, &source), 0);
    assert_int_equal(imgz_sample_set_create(&samples, source, CHUNK, fixture.latch), 0);
    assert_int_equal(imgz_sample_set_load(&samples, source, fixture.latch), 0);
    assert_int_equal(samples.chunk_count, CHUNK_COUNT);
    imgz_source_close(source);
}

static int set_up(void **state)
{
    (void)state;
    imgz_fixture_init(&fixture);
    imgz_options_init(&options, sizeof(options));
    options.chunk_bytes = CHUNK;
    options.thread_count = 3;
    options.progress_interval_ms = 1;
    load_samples();
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    imgz_sample_set_fini(&samples);
    imgz_fixture_fini(&fixture);
    return 0;
}

/* Packs the whole sample set. */
static void pack(void)
{
    struct imgz_kernel_rate gauge = {.work = IMGZ_KERNEL_RATE_PROVE,
                                     .level = 1,
                                     .prove_count = CHUNK_COUNT,
                                     .keep = true,
                                     .image_bytes = image_bytes};

    memset(image_bytes, 0, sizeof(image_bytes));
    assert_int_equal(run(&gauge), 0);
    assert_int_equal(gauge.raw_bytes, DISK_BYTES);
}

static void proving_sees_each_chunk_once(void **state)
{
    (void)state;
    pack();
    for (uint32_t i = 0; i < CHUNK_COUNT; i++) {
        assert_in_range(image_bytes[i], 1, CHUNK + 2 * IMGZ_NOTE_CARRIER_BYTES);
        assert_int_equal(samples.chunks[i].zero, i == 1);
    }
    assert_true(image_bytes[0] < CHUNK / 2);
    assert_true(image_bytes[1] < 200);
    assert_true(image_bytes[2] > CHUNK);
}

static void every_work_is_measured(void **state)
{
    static const enum imgz_kernel_rate_work works[] = {
        IMGZ_KERNEL_RATE_ZERO_TEST, IMGZ_KERNEL_RATE_XXH3, IMGZ_KERNEL_RATE_SHA256,
        IMGZ_KERNEL_RATE_CRC32,     IMGZ_KERNEL_RATE_PACK, IMGZ_KERNEL_RATE_UNPACK};
    uint64_t proven_bytes[CHUNK_COUNT];

    (void)state;
    for (size_t i = 0; i < IMGZ_COUNT_OF(works); i++) {
        /* Even a slice of no length is one turn. */
        struct imgz_kernel_rate gauge = {.work = works[i],
                                         .level = 1,
                                         .slice_ns = i % 2 * 20 * 1000 * 1000};

        if (works[i] == IMGZ_KERNEL_RATE_PACK) {
            pack();
            memcpy(proven_bytes, image_bytes, sizeof(proven_bytes));
            memset(image_bytes, 0, sizeof(image_bytes));
            gauge.image_bytes = image_bytes;
        }
        assert_int_equal(run(&gauge), 0);
        assert_true(gauge.raw_bytes > 0 && gauge.elapsed_ns > 0 && gauge.busy_ns > 0);
        assert_true(gauge.busy_ns >= gauge.elapsed_ns);
        for (uint32_t k = 0; works[i] == IMGZ_KERNEL_RATE_PACK && k < CHUNK_COUNT; k++)
            assert_true(image_bytes[k] == 0 || image_bytes[k] == proven_bytes[k]);
    }
}

static uint64_t zero_result(const unsigned char *data, size_t bytes)
{
    (void)data;
    (void)bytes;
    return 1;
}

static uint64_t xxh3_result(const unsigned char *data, size_t bytes)
{
    return XXH3_128bits(data, bytes).low64 & 0xff;
}

static uint64_t sha256_result(const unsigned char *data, size_t bytes)
{
    unsigned char value[SHA256_DIGEST_LENGTH];

    return SHA256(data, bytes, value)[0];
}

static uint64_t crc32_result(const unsigned char *data, size_t bytes)
{
    return crc32_z(0, data, bytes);
}

/* A row that is named after one kernel and measures another would mislead. */
static void a_kernel_is_the_one_it_is_named_after(void **state)
{
    static const struct {
        enum imgz_kernel_rate_work work;
        uint64_t (*result)(const unsigned char *data, size_t bytes);
    } kernels[] = {
        {IMGZ_KERNEL_RATE_ZERO_TEST, zero_result},
        {IMGZ_KERNEL_RATE_XXH3, xxh3_result},
        {IMGZ_KERNEL_RATE_SHA256, sha256_result},
        {IMGZ_KERNEL_RATE_CRC32, crc32_result},
    };

    (void)state;
    options.thread_count = 1;
    for (size_t i = 0; i < IMGZ_COUNT_OF(kernels); i++) {
        struct imgz_kernel_rate gauge = {.work = kernels[i].work}; /* no time: a single turn */
        uint64_t raw_bytes = 0;
        uint64_t sum = 0;

        assert_int_equal(run(&gauge), 0);
        for (uint64_t turn = 0; raw_bytes < gauge.raw_bytes; turn++) {
            const uint32_t index = imgz_sample_set_at(&samples, turn);
            const uint32_t chunk_bytes = samples.chunks[index].raw_bytes;

            sum += kernels[i].result(imgz_sample_set_raw(&samples, index), chunk_bytes);
            raw_bytes += chunk_bytes;
        }
        assert_int_equal(raw_bytes, gauge.raw_bytes);
        assert_int_equal(gauge.kernel_sum, sum);
    }
}

/* Shown by notes that have one hash and are read as if they had another. */
static void chunks_are_hashed_as_the_options_say(void **state)
{
    static const enum imgz_chunk_hash hashes[] = {IMGZ_CHUNK_HASH_DEFAULT, IMGZ_CHUNK_HASH_XXH3,
                                                  IMGZ_CHUNK_HASH_SHA256};

    (void)state;
    for (size_t i = 0; i < IMGZ_COUNT_OF(hashes); i++) {
        struct imgz_kernel_rate gauge = {.work = IMGZ_KERNEL_RATE_UNPACK,
                                         .level = 1,
                                         .slice_ns = 20 * 1000 * 1000};
        struct imgz_write_rate rate = {.samples = &samples,
                                       .folder = fixture.folder,
                                       .bytes_max = CHUNK_COUNT * CHUNK};
        const bool sha256 = hashes[i] == IMGZ_CHUNK_HASH_SHA256;

        options.chunk_hash = hashes[i];
        pack();
        assert_int_equal(run(&gauge), 0);
        assert_int_equal(imgz_write_rate_run(&rate, &options, &error), 0);
        options.chunk_hash = sha256 ? IMGZ_CHUNK_HASH_XXH3 : IMGZ_CHUNK_HASH_SHA256;
        assert_int_equal(run(&gauge), -EPROTO);
        assert_int_equal(imgz_write_rate_run(&rate, &options, &error), -EPROTO);
    }
}

/* A measurement on bytes that are not what they were would be worth nothing. */
static void damage_ends_it(void **state)
{
    const unsigned files_before = imgz_fixture_count(&fixture);
    struct imgz_kernel_rate gauge = {.work = IMGZ_KERNEL_RATE_UNPACK,
                                     .level = 1,
                                     .slice_ns = 200 * 1000 * 1000};
    struct imgz_write_rate rate = {.samples = &samples,
                                   .folder = fixture.folder,
                                   .slice_ns = 200 * 1000 * 1000,
                                   .bytes_max = 100 * CHUNK};

    (void)state;
    pack();
    imgz_sample_set_stored(&samples, 2)[IMGZ_NOTE_CARRIER_BYTES + 100] ^= 1;
    assert_int_equal(run(&gauge), -EPROTO);
    assert_int_equal(error.stage, IMGZ_STAGE_CHECK);
    assert_int_equal(imgz_write_rate_run(&rate, &options, &error), -EPROTO);
    assert_int_equal(error.stage, IMGZ_STAGE_CHECK);
    assert_int_equal(imgz_fixture_count(&fixture), files_before);
}

static void restoring_is_measured_and_leaves_nothing(void **state)
{
    const unsigned files_before = imgz_fixture_count(&fixture);
    struct imgz_write_rate rate = {.samples = &samples,
                                   .folder = fixture.folder,
                                   .slice_ns = 60 * (uint64_t)1000000000,
                                   .bytes_max = 10 * CHUNK};

    (void)state;
    pack();
    assert_int_equal(imgz_write_rate_run(&rate, &options, &error), 0);
    assert_int_equal(rate.raw_bytes, 2 * DISK_BYTES); /* ten turns are each chunk twice */
    assert_true(rate.elapsed_ns > 0);
    assert_int_equal(imgz_fixture_count(&fixture), files_before);
    rate.slice_ns = 0;
    assert_int_equal(imgz_write_rate_run(&rate, &options, &error), 0);
    assert_true(rate.raw_bytes > 0);
}

static int refuse(const struct imgz_progress *progress, void *context)
{
    (void)progress;
    (void)context;
    return 1;
}

static void a_wish_to_stop_is_heard(void **state)
{
    struct imgz_kernel_rate gauge = {.work = IMGZ_KERNEL_RATE_XXH3,
                                     .slice_ns = 600 * (uint64_t)1000000000};

    (void)state;
    options.progress = refuse;
    assert_int_equal(run(&gauge), -ECANCELED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(proving_sees_each_chunk_once, set_up, tear_down),
        cmocka_unit_test_setup_teardown(every_work_is_measured, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_kernel_is_the_one_it_is_named_after, set_up, tear_down),
        cmocka_unit_test_setup_teardown(chunks_are_hashed_as_the_options_say, set_up, tear_down),
        cmocka_unit_test_setup_teardown(damage_ends_it, set_up, tear_down),
        cmocka_unit_test_setup_teardown(restoring_is_measured_and_leaves_nothing, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_wish_to_stop_is_heard, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
