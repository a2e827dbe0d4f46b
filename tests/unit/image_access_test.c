/* SPDX-License-Identifier: MIT */
/* Any bytes of the disk in an image, by several threads at once; and errors of one call alone. */
#include "image/image_access.h"

#include <errno.h>
#include <imgz/imgz.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "fixture.h"
#include "sample.h"

/* Chunks of data and of zeros by turns, and a part of a chunk. */
#define CHUNK      ((uint64_t)IMGZ_CHUNK_BYTES_MIN)
#define CHUNKS     41u
#define DISK_BYTES (CHUNKS * CHUNK + 777)
#define THREADS    4u
#define READS      400u

static struct imgz_fixture fixture;
static struct imgz_fixture_path path; /* of the image */
static unsigned char *disk;
static struct imgz_image image;

static int set_up(void **state)
{
    struct imgz_options options;

    (void)state;
    imgz_fixture_init(&fixture);
    disk = calloc(1, DISK_BYTES);
    IMGZ_ASSERT(disk != NULL);
    for (uint64_t i = 0; i < CHUNKS; i += i % 5 == 0 ? 3 : 1)
        imgz_sample_fill(i % 2 == 0 ? IMGZ_SAMPLE_RANDOM : IMGZ_SAMPLE_TEXT, i + 1,
                         disk + i * CHUNK, CHUNK);
    disk[DISK_BYTES - 1] = 1;
    imgz_fixture_write(&fixture, "disk", disk, DISK_BYTES);
    imgz_options_init(&options, sizeof(options));
    options.chunk_bytes = (uint32_t)CHUNK;
    path = imgz_fixture_path(&fixture, "image");
    IMGZ_ASSERT(imgz_capture(imgz_fixture_path(&fixture, "disk").text, path.text, &options, NULL,
                             NULL) == 0);
    return imgz_image_init(path.text, NULL, fixture.latch, &fixture.log, &image);
}

static int tear_down(void **state)
{
    (void)state;
    imgz_image_fini(&image);
    imgz_fixture_fini(&fixture);
    free(disk);
    return 0;
}

/* ---- Reading ------------------------------------------------------------------------------ */

static void read_at_random(uint64_t seed, size_t bytes_max)
{
    unsigned char *got = malloc(bytes_max);

    IMGZ_ASSERT(got != NULL);
    for (uint32_t i = 0; i < READS; i++) {
        const uint64_t offset = imgz_sample_random(&seed) % DISK_BYTES;
        const size_t bytes =
            (size_t)imgz_min(1 + imgz_sample_random(&seed) % bytes_max, DISK_BYTES - offset);

        IMGZ_ASSERT(imgz_image_read_disk(&image, offset, got, bytes, NULL) == 0);
        IMGZ_ASSERT(memcmp(got, disk + offset, bytes) == 0);
    }
    free(got);
}

static void *run_thread(void *argument)
{
    const uint64_t *seed = argument;

    read_at_random(*seed, 3 * CHUNK);
    return NULL;
}

static void threads_read_what_they_want(void **state)
{
    uint64_t seeds[THREADS];
    pthread_t threads[THREADS];

    (void)state;
    for (uint32_t i = 0; i < THREADS; i++) {
        seeds[i] = i + 1;
        assert_int_equal(pthread_create(&threads[i], NULL, run_thread, &seeds[i]), 0);
    }
    for (uint32_t i = 0; i < THREADS; i++)
        assert_int_equal(pthread_join(threads[i], NULL), 0);
}

static void small_pieces_make_the_whole(void **state)
{
    unsigned char *got = malloc(DISK_BYTES);

    (void)state;
    assert_non_null(got);
    for (uint64_t at = 0; at < DISK_BYTES; at += 4099)
        assert_int_equal(imgz_image_read_disk(&image, at, got + at,
                                              (size_t)imgz_min(4099, DISK_BYTES - at), NULL),
                         0);
    assert_memory_equal(got, disk, DISK_BYTES);
    assert_int_equal(imgz_image_read_disk(&image, DISK_BYTES, got, 0, NULL), 0);
    free(got);
}

/* ---- Errors ------------------------------------------------------------------------------- */

static void what_is_beyond_the_disk_is_refused(void **state)
{
    struct imgz_error error = {0};
    unsigned char byte;

    (void)state;
    assert_int_equal(imgz_image_read_disk(&image, DISK_BYTES, &byte, 1, &error), -ENODATA);
    assert_int_equal(error.code, -ENODATA);
    assert_int_equal(imgz_image_read_disk(&image, UINT64_MAX, &byte, 1, &error), -ENODATA);
    assert_int_equal(imgz_image_read_disk(&image, DISK_BYTES - 1, &byte, 1, &error), 0);
    assert_int_equal(byte, 1);
}

/* XORs one byte of the image in its file. */
static void flip(uint64_t offset)
{
    unsigned char byte;
    int fd = open(path.text, O_RDWR | O_CLOEXEC);

    assert_true(fd >= 0);
    assert_int_equal(pread(fd, &byte, 1, (off_t)offset), 1);
    byte ^= 1;
    assert_int_equal(pwrite(fd, &byte, 1, (off_t)offset), 1);
    assert_int_equal(close(fd), 0);
}

/* One chunk is damaged: reads of it fail, and say where; all others work, before and after. */
static void an_error_is_of_one_call(void **state)
{
    const uint64_t note = IMGZ_FRAME_HEADER_BYTES; /* of the first chunk */
    unsigned char got[100];
    struct imgz_error error = {0};

    (void)state;
    assert_int_equal(imgz_image_read_disk(&image, 5 * CHUNK, got, sizeof(got), NULL), 0);
    flip(note + IMGZ_NOTE_CARRIER_BYTES + 1000);
    imgz_image_readers_destroy(image.readers);
    assert_int_equal(imgz_image_readers_create(&image.readers), 0);
    assert_int_equal(imgz_image_read_disk(&image, 10, got, sizeof(got), &error), -EBADMSG);
    assert_int_equal(error.code, -EBADMSG);
    assert_int_equal(error.offset, note);
    assert_non_null(strstr(error.text, "the image is damaged"));
    assert_int_equal(imgz_image_read_disk(&image, 10, got, sizeof(got), NULL), -EBADMSG);
    assert_int_equal(imgz_image_read_disk(&image, 5 * CHUNK, got, sizeof(got), &error), 0);
    assert_memory_equal(got, disk + 5 * CHUNK, sizeof(got));
    assert_false(imgz_latch_raised(fixture.latch));
    flip(note + IMGZ_NOTE_CARRIER_BYTES + 1000);
    assert_int_equal(imgz_image_read_disk(&image, 10, got, sizeof(got), &error), 0);
    assert_memory_equal(got, disk + 10, sizeof(got));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(threads_read_what_they_want),
        cmocka_unit_test(small_pieces_make_the_whole),
        cmocka_unit_test(what_is_beyond_the_disk_is_refused),
        cmocka_unit_test(an_error_is_of_one_call),
    };

    return cmocka_run_group_tests_name("image access", tests, set_up, tear_down);
}
