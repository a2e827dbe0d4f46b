/* SPDX-License-Identifier: MIT */
/*
 * What lies under the temporary name when a capture resumes: any bytes, and the same with their
 * checks made to fit. Either the image becomes that of the disk, or the file is left as it is.
 *
 * The disk is small enough for every chunk of it to be a sample (leftover.c).
 */
#include <errno.h>
#include <imgz/imgz.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../unit/fixture.h"
#include "../unit/sample.h"
#include "repair.h"

#define INPUT_BYTES_MAX ((size_t)512 << 10)
#define CHUNK           ((size_t)IMGZ_CHUNK_BYTES_MIN)
#define DISK_BYTES      (5 * CHUNK + 100)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

static struct {
    struct imgz_fixture fixture;
    struct imgz_options options;
    struct imgz_fixture_path disk;
    struct imgz_fixture_path image;
    unsigned char *right;
    size_t right_bytes;
    struct imgz_report report;
} world;

static void remove_folder(void)
{
    free(world.right);
    imgz_fixture_fini(&world.fixture);
}

/* Data, a run of zeros, more data, and a short end: an image of a few KB. */
static void write_disk(void)
{
    unsigned char *disk = calloc(1, DISK_BYTES);

    IMGZ_ASSERT(disk != NULL);
    imgz_sample_fill(IMGZ_SAMPLE_TEXT, 1, disk, 700);
    imgz_sample_fill(IMGZ_SAMPLE_RANDOM, 2, disk + 4 * CHUNK - 300, 300);
    imgz_sample_fill(IMGZ_SAMPLE_RECORDS, 3, disk + 5 * CHUNK - 500, 600);
    imgz_fixture_write(&world.fixture, "disk", disk, DISK_BYTES);
    free(disk);
}

static void set_up(void)
{
    /* Flushes cost nothing in memory. */
    if (access("/dev/shm", W_OK) == 0)
        setenv("TMPDIR", "/dev/shm", 0);
    imgz_fixture_init(&world.fixture);
    atexit(remove_folder);
    world.disk = imgz_fixture_path(&world.fixture, "disk");
    world.image = imgz_fixture_path(&world.fixture, "image");
    write_disk();
    imgz_options_init(&world.options, sizeof(world.options));
    world.options.flags = IMGZ_FLAG_REPRODUCIBLE | IMGZ_FLAG_RESUME;
    world.options.chunk_bytes = CHUNK;
    world.options.thread_count = 1;
    IMGZ_ASSERT(
        imgz_capture(world.disk.text, world.image.text, &world.options, &world.report, NULL) == 0);
    world.right = imgz_fixture_read(&world.fixture, "image", &world.right_bytes);
    IMGZ_ASSERT(remove(world.image.text) == 0);
}

/* Another level may have made what was taken over: then it is right by its hashes. */
static void check_image(void)
{
    struct imgz_report found;

    if (!imgz_fixture_holds(&world.fixture, "image", world.right, world.right_bytes)) {
        IMGZ_ASSERT(imgz_verify(world.image.text, NULL, &world.options, &found, NULL) == 0);
        IMGZ_ASSERT(found.raw_bytes == DISK_BYTES);
        IMGZ_ASSERT(strcmp(found.root_hash, world.report.root_hash) == 0);
    }
    IMGZ_ASSERT(!imgz_fixture_exists(&world.fixture, "image.partial"));
    IMGZ_ASSERT(remove(world.image.text) == 0);
}

static void resume(const unsigned char *data, size_t bytes)
{
    const struct imgz_fixture_path partial = imgz_fixture_path(&world.fixture, "image.partial");
    struct imgz_error error;
    int rc;

    imgz_fixture_write(&world.fixture, "image.partial", data, bytes);
    rc = imgz_capture(world.disk.text, world.image.text, &world.options, NULL, &error);
    IMGZ_ASSERT(rc == 0 || rc == -EEXIST || rc == -ENOMEM);
    if (rc == 0) {
        check_image();
        return;
    }
    IMGZ_ASSERT(!imgz_fixture_exists(&world.fixture, "image"));
    IMGZ_ASSERT(rc == -ENOMEM || imgz_fixture_holds(&world.fixture, "image.partial", data, bytes));
    IMGZ_ASSERT(remove(partial.text) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    unsigned char *image;

    if (world.right == NULL)
        set_up();
    if (bytes == 0 || bytes > INPUT_BYTES_MAX)
        return 0;
    resume(data, bytes);
    image = malloc(bytes);
    IMGZ_ASSERT(image != NULL);
    memcpy(image, data, bytes);
    fuzz_repair(image, bytes);
    if (memcmp(image, data, bytes) != 0)
        resume(image, bytes);
    free(image);
    return 0;
}
