/* SPDX-License-Identifier: MIT */
/*
 * What an interrupted capture left, which may be anything: a capture that goes on from it ends with
 * an image of the disk, or refuses it as that of another. As it is, and repaired (repair.h).
 * (Its bytes need not be an uninterrupted capture's: a segment that was packed otherwise is as
 * good.)
 *
 * The disk has fewer chunks than are compared with it, so that none slips through.
 */
#include <errno.h>
#include <imgz/imgz.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "repair.h"

#define INPUT_BYTES_MAX ((size_t)64 << 10)
#define CHUNK_BYTES     65536u
#define DISK_BYTES      (6 * CHUNK_BYTES + 1000)
#define PERIOD          251u

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

static char folder[] = "/tmp/imgz-leftover-XXXXXX";
static bool made; /* the folder, with the disk in it */

struct name {
    char text[sizeof(folder) + 16];
};

static struct name name_of(const char *file)
{
    struct name name;

    snprintf(name.text, sizeof(name.text), "%s/%s", folder, file);
    return name;
}

static void write_file(const char *file, const void *data, size_t bytes)
{
    FILE *stream = fopen(name_of(file).text, "wb");

    IMGZ_ASSERT(stream != NULL);
    IMGZ_ASSERT(fwrite(data, 1, bytes, stream) == bytes);
    IMGZ_ASSERT(fclose(stream) == 0);
    IMGZ_ASSERT(chmod(name_of(file).text, 0600) == 0);
}

static void clean_up(void)
{
    remove(name_of("disk").text);
    rmdir(folder);
}

static int capture(const char *image)
{
    const struct name disk = name_of("disk");
    const struct name out = name_of(image);
    struct imgz_options options;
    struct imgz_error error = {.struct_bytes = sizeof(error)};
    int rc;

    imgz_options_init(&options, sizeof(options));
    options.thread_count = 1;
    options.chunk_bytes = CHUNK_BYTES;
    options.level = 1;
    options.flags = IMGZ_FLAG_REPRODUCIBLE | IMGZ_FLAG_RESUME;
    rc = imgz_capture(disk.text, out.text, &options, NULL, &error);
    IMGZ_ASSERT(error.code == rc);
    return rc;
}

/* A few bytes again and again, chunks of zeros between them, and a short last chunk. */
static void set_up(void)
{
    unsigned char *disk = calloc(1, DISK_BYTES);

    IMGZ_ASSERT(disk != NULL && mkdtemp(folder) != NULL);
    atexit(clean_up);
    for (size_t i = 0; i < DISK_BYTES; i++)
        disk[i] = i / CHUNK_BYTES % 3 == 1 ? 0 : (unsigned char)(i % PERIOD + i / CHUNK_BYTES);
    write_file("disk", disk, DISK_BYTES);
    free(disk);
    made = true;
}

/* The image must be whole, and every byte the disk's. */
static void check_image(const char *image)
{
    const struct name disk = name_of("disk");
    const struct name out = name_of(image);
    struct imgz_options options;

    imgz_options_init(&options, sizeof(options));
    options.thread_count = 1;
    IMGZ_ASSERT(imgz_verify(out.text, disk.text, &options, NULL, NULL) == 0);
}

static void check_leftover(const unsigned char *data, size_t bytes)
{
    int rc;

    write_file("out.partial", data, bytes);
    /* As the run did that left it; without it, what does not begin as an image is refused. */
    (void)!setxattr(name_of("out.partial").text, "user.imgz.partial", "1", 1, 0);
    rc = capture("out");
    IMGZ_ASSERT(rc == 0 || rc == -EEXIST || rc == -ENOTUNIQ);
    if (rc == 0)
        check_image("out");
    IMGZ_ASSERT(remove(name_of(rc == 0 ? "out" : "out.partial").text) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    if (bytes == 0 || bytes > INPUT_BYTES_MAX)
        return 0;
    if (!made)
        set_up();
    imgz_repair_and_check(data, bytes, check_leftover);
    return 0;
}
