/* SPDX-License-Identifier: MIT */
#include "codec/incompressible.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "guard.h"
#include "sample.h"

#define CHUNK_BYTES ((size_t)1 << 20)

struct chunk_case {
    const char *what;
    void (*fill)(unsigned char *data, size_t bytes);
    bool incompressible;
};

static void fill_random(unsigned char *data, size_t bytes)
{
    imgz_sample_fill(IMGZ_SAMPLE_RANDOM, 3, data, bytes);
}

static void fill_text(unsigned char *data, size_t bytes)
{
    imgz_sample_fill(IMGZ_SAMPLE_TEXT, 3, data, bytes);
}

static void fill_records(unsigned char *data, size_t bytes)
{
    imgz_sample_fill(IMGZ_SAMPLE_RECORDS, 3, data, bytes);
}

/* Every byte value equally often, and nothing but matches. */
static void fill_counter(unsigned char *data, size_t bytes)
{
    for (size_t i = 0; i < bytes; i++)
        data[i] = (unsigned char)i;
}

static void fill_period(unsigned char *data, size_t bytes, size_t period_bytes)
{
    imgz_sample_fill(IMGZ_SAMPLE_RANDOM, 9, data, period_bytes);
    for (size_t i = period_bytes; i < bytes; i++)
        data[i] = data[i - period_bytes];
}

static void fill_period_1001(unsigned char *data, size_t bytes)
{
    fill_period(data, bytes, 1001);
}

static void fill_period_20011(unsigned char *data, size_t bytes)
{
    fill_period(data, bytes, 20011);
}

static void fill_period_31000(unsigned char *data, size_t bytes)
{
    fill_period(data, bytes, 31000);
}

/* All bytes but a few are equally frequent, and zero, which repeats are looked for by, is not
 * there. */
static void fill_period_without_zero(unsigned char *data, size_t bytes)
{
    for (size_t i = 0; i < bytes; i++)
        data[i] = (unsigned char)(1 + i % 251);
}

/* Beyond DEFLATE's reach: not worth a try. */
static void fill_period_40000(unsigned char *data, size_t bytes)
{
    fill_period(data, bytes, 40000);
}

/* A quarter of all bytes belongs to repeats of 64 bytes, 5000 bytes back. */
static void fill_some_repeats(unsigned char *data, size_t bytes)
{
    fill_random(data, bytes);
    for (size_t i = 5000; i + 64 <= bytes; i += 256)
        memcpy(data + i, data + i - 5000, 64);
}

/* The end of a video, then a hole. */
static void fill_random_then_zeros(unsigned char *data, size_t bytes)
{
    fill_random(data, bytes);
    memset(data + bytes - bytes / 16, 0, bytes / 16);
}

/* Small compressed files, as a file system lays them out: eleven blocks and a half. */
static void fill_padded_files(unsigned char *data, size_t bytes)
{
    fill_random(data, bytes);
    for (size_t end = 49152; end <= bytes; end += 49152)
        memset(data + end - 2048, 0, 2048);
}

/* The end of one compressed file: too little to deflate a chunk for. */
static void fill_one_file_end(unsigned char *data, size_t bytes)
{
    const size_t end = bytes / 62 / 4096 * 4096;
    const size_t padding_bytes = imgz_min(bytes / 1024, 4000);

    fill_random(data, bytes);
    memset(data + end - padding_bytes, 0, padding_bytes);
}

/* An archive of compressed files of 5,000 bytes: the headers are alike but for a few bytes. */
static void fill_archive(unsigned char *data, size_t bytes)
{
    static const char header[] = "PK\3\4\n\0\0\b\b\0----------------\x30\0\0\0"
                                 "com/example/project/server/internal/handlers/";

    fill_random(data, bytes);
    for (size_t i = 0; i + sizeof(header) <= bytes; i += 5000)
        memcpy(data + i, header, sizeof(header) - 1);
}

/* A few zeros here and there, as in bzip2's tables, repeat themselves and save nothing. */
static void fill_random_with_short_runs(unsigned char *data, size_t bytes)
{
    fill_random(data, bytes);
    for (size_t i = 3000; i + 12 <= bytes; i += 16000)
        memset(data + i, 0, 12);
}

static void fill_random_with_text(unsigned char *data, size_t bytes)
{
    fill_random(data, bytes);
    imgz_sample_fill(IMGZ_SAMPLE_TEXT, 3, data + bytes / 3, bytes / 16);
}

/* Too little to show in the whole sample: only a window by itself tells. */
static void fill_random_with_six_bits(unsigned char *data, size_t bytes)
{
    fill_random(data, bytes);
    for (size_t i = bytes / 3; i < bytes / 3 + bytes / 24; i++)
        data[i] = (unsigned char)(' ' + data[i] % 64);
}

/* 6 bits of 8: base64 and the like. */
static void fill_six_bits(unsigned char *data, size_t bytes)
{
    fill_random(data, bytes);
    for (size_t i = 0; i < bytes; i++)
        data[i] = (unsigned char)(' ' + data[i] % 64);
}

/* 16-bit samples whose high byte has few values. */
static void fill_audio(unsigned char *data, size_t bytes)
{
    fill_random(data, bytes);
    for (size_t i = 1; i < bytes; i += 2)
        data[i] = (unsigned char)(data[i] % 16 + data[i - 1] % 16);
}

/* A drawing of one bit a pixel. */
static void fill_bitmap(unsigned char *data, size_t bytes)
{
    memset(data, 0xff, bytes);
    for (size_t i = 0; i < bytes; i += 97)
        data[i] = (unsigned char)(i * 7);
}

static const struct chunk_case cases[] = {
    {"random", fill_random, true},
    {"random, repeated beyond the window", fill_period_40000, true},
    {"random with short runs of zeros", fill_random_with_short_runs, true},
    {"one compressed file's end", fill_one_file_end, true},
    {"text", fill_text, false},
    {"records", fill_records, false},
    {"counter", fill_counter, false},
    {"random, repeated after 1001 bytes", fill_period_1001, false},
    {"random, repeated after 20011 bytes", fill_period_20011, false},
    {"random, repeated after 31000 bytes", fill_period_31000, false},
    {"all bytes but a few, again and again", fill_period_without_zero, false},
    {"random with repeats", fill_some_repeats, false},
    {"random, then zeros", fill_random_then_zeros, false},
    {"compressed files, padded to blocks", fill_padded_files, false},
    {"archive of small files", fill_archive, false},
    {"random with text", fill_random_with_text, false},
    {"random with a part of six bits", fill_random_with_six_bits, false},
    {"six bits of eight", fill_six_bits, false},
    {"audio", fill_audio, false},
    {"bitmap", fill_bitmap, false},
};

static void check_case(const struct chunk_case *chunk, size_t bytes)
{
    unsigned char *data = imgz_guard_create(bytes);
    bool incompressible;

    chunk->fill(data, bytes);
    incompressible = imgz_incompressible(data, bytes);
    if (incompressible != chunk->incompressible)
        print_message("%s, %zu bytes\n", chunk->what, bytes);
    assert_int_equal(incompressible, chunk->incompressible);
    assert_int_equal(imgz_incompressible(data, bytes), incompressible);
    imgz_guard_destroy(data, bytes);
}

static void kinds_of_data_are_told_apart(void **state)
{
    static const size_t sizes[] = {CHUNK_BYTES, CHUNK_BYTES / 16 * 5, CHUNK_BYTES * 16};

    (void)state;
    for (size_t i = 0; i < IMGZ_COUNT_OF(cases); i++) {
        for (size_t j = 0; j < IMGZ_COUNT_OF(sizes); j++)
            check_case(&cases[i], sizes[j]);
    }
}

/* 10,000 chunks of random data: a false alarm costs time, so it must be rare. */
static void random_data_is_seldom_compressed(void **state)
{
    const size_t bytes = 65536;
    unsigned char *data = malloc(bytes);
    uint32_t false_count = 0;

    (void)state;
    assert_non_null(data);
    for (uint64_t seed = 1; seed <= 10000; seed++) {
        imgz_sample_fill(IMGZ_SAMPLE_RANDOM, seed * 0x9e3779b97f4a7c15u, data, bytes);
        false_count += !imgz_incompressible(data, bytes);
    }
    assert_in_range(false_count, 0, 10);
    free(data);
}

/* Whatever the answer: no byte outside the data is read. */
static void every_small_size_stays_inside(void **state)
{
    (void)state;
    for (size_t bytes = 0; bytes < 20000; bytes = bytes < 600 ? bytes + 1 : bytes + 61) {
        unsigned char *data = imgz_guard_create(bytes);

        imgz_sample_fill(IMGZ_SAMPLE_RANDOM, bytes + 1, data, bytes);
        if (bytes < 4096)
            assert_false(imgz_incompressible(data, bytes));
        else
            assert_true(imgz_incompressible(data, bytes));
        imgz_guard_destroy(data, bytes);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(kinds_of_data_are_told_apart),
        cmocka_unit_test(random_data_is_seldom_compressed),
        cmocka_unit_test(every_small_size_stays_inside),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
