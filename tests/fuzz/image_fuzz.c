/* SPDX-License-Identifier: MIT */
/*
 * A whole image, by the library's own door: verified as a file and, its bytes through a pipe, as a
 * stream. Both must end, and agree on whether it is right; one that is, is so with padding behind
 * it, too. And looked into, whether right or not. As it is, and repaired (repair.h).
 */
#include <errno.h>
#include <fcntl.h>
#include <imgz/imgz.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <zlib.h>

#include "repair.h"

/* A run of zeros makes much of little: an input may not make the fuzzer slow. */
#define INPUT_BYTES_MAX ((size_t)64 << 10)
#define PADDING_BYTES   ((size_t)200 << 10)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

static int verify(const char *path, struct imgz_report *report)
{
    struct imgz_options options;
    struct imgz_error error = {.struct_bytes = sizeof(error)};
    int rc;

    imgz_options_init(&options, sizeof(options));
    options.thread_count = 1;
    rc = imgz_verify(path, NULL, &options, report, &error);
    IMGZ_ASSERT(error.code == rc);
    IMGZ_ASSERT(rc == 0 || rc == -EBADMSG || rc == -ENOMEM);
    return rc;
}

static int make_file(const unsigned char *data, size_t bytes, char path[32])
{
    int fd = memfd_create("imgz", MFD_CLOEXEC);

    IMGZ_ASSERT(fd >= 0);
    IMGZ_ASSERT(write(fd, data, bytes) == (ssize_t)bytes);
    snprintf(path, 32, "/proc/self/fd/%d", fd);
    return fd;
}

/* The same bytes by standard input, which is a stream whatever it is. */
static int verify_stream(int fd, struct imgz_report *report)
{
    static int kept = -1;
    int rc;

    if (kept < 0)
        kept = fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
    IMGZ_ASSERT(lseek(fd, 0, SEEK_SET) == 0);
    IMGZ_ASSERT(dup2(fd, STDIN_FILENO) == STDIN_FILENO);
    rc = verify("-", report);
    if (kept >= 0)
        IMGZ_ASSERT(dup2(kept, STDIN_FILENO) == STDIN_FILENO);
    return rc;
}

static void look_inside(const char *path)
{
    struct imgz_image *image = NULL;
    struct imgz_device disk = {.struct_bytes = sizeof(disk)};
    struct imgz_partition partition = {.struct_bytes = sizeof(partition)};
    struct imgz_devices *disks = NULL;

    if (imgz_image_open(path, &image, NULL) == 0 && imgz_image_disk(image, &disks) == 0) {
        IMGZ_ASSERT(imgz_devices_get(disks, 0, &disk) == 0);
        for (uint32_t i = 0; i < disk.partition_count; i++)
            IMGZ_ASSERT(imgz_devices_get_partition(disks, 0, i, &partition) == 0);
    }
    imgz_devices_free(disks);
    imgz_image_close(image);
}

/* So much of a disk is compared with what zlib has. */
#define RAW_BYTES_MAX ((size_t)1 << 20)

/* Restores the image to 'raw' by standard output, which is a stream whatever it is. */
static void restore(const char *path, unsigned char *raw, size_t raw_bytes)
{
    int fd = memfd_create("raw", MFD_CLOEXEC);
    int kept = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
    struct imgz_options options;

    imgz_options_init(&options, sizeof(options));
    options.thread_count = 1;
    IMGZ_ASSERT(fd >= 0 && kept >= 0);
    IMGZ_ASSERT(dup2(fd, STDOUT_FILENO) == STDOUT_FILENO);
    IMGZ_ASSERT(imgz_restore(path, "-", &options, NULL, NULL) == 0);
    IMGZ_ASSERT(dup2(kept, STDOUT_FILENO) == STDOUT_FILENO);
    IMGZ_ASSERT(lseek(fd, 0, SEEK_END) == (off_t)raw_bytes);
    IMGZ_ASSERT(pread(fd, raw, raw_bytes, 0) == (ssize_t)raw_bytes);
    close(kept);
    close(fd);
}

/* What gunzip would say of an image that is right, whose disk has 'raw_bytes'. */
static void check_with_zlib(const unsigned char *data, size_t bytes, const char *path,
                            size_t raw_bytes)
{
    unsigned char *raw = malloc(raw_bytes + 1);
    unsigned char *wanted = malloc(raw_bytes + 1);
    z_stream zlib = {
        .next_in = (Bytef *)(uintptr_t)data,
        .avail_in = (uInt)bytes,
        .next_out = wanted,
        .avail_out = (uInt)raw_bytes + 1,
    };

    IMGZ_ASSERT(raw != NULL && wanted != NULL);
    IMGZ_ASSERT(inflateInit2(&zlib, 15 + 16) == Z_OK);
    IMGZ_ASSERT(inflate(&zlib, Z_FINISH) == Z_STREAM_END);
    IMGZ_ASSERT(zlib.total_out == raw_bytes);
    inflateEnd(&zlib);
    restore(path, raw, raw_bytes);
    IMGZ_ASSERT(memcmp(raw, wanted, raw_bytes) == 0);
    free(raw);
    free(wanted);
}

static void check_image(const unsigned char *data, size_t bytes)
{
    struct imgz_report by_file = {.struct_bytes = sizeof(by_file)};
    struct imgz_report by_stream = {.struct_bytes = sizeof(by_stream)};
    char path[32];
    int fd = make_file(data, bytes, path);
    int rc = verify(path, &by_file);

    look_inside(path);
    IMGZ_ASSERT(verify_stream(fd, &by_stream) == rc);
    if (rc == 0) {
        IMGZ_ASSERT(ftruncate(fd, (off_t)(bytes + PADDING_BYTES)) == 0);
        IMGZ_ASSERT(verify(path, &by_file) == 0 && verify_stream(fd, &by_stream) == 0);
        IMGZ_ASSERT(by_file.raw_bytes == by_stream.raw_bytes);
        IMGZ_ASSERT(strcmp(by_file.root_hash, by_stream.root_hash) == 0);
        if (by_file.raw_bytes <= RAW_BYTES_MAX)
            check_with_zlib(data, bytes, path, (size_t)by_file.raw_bytes);
    }
    close(fd);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    if (bytes == 0 || bytes > INPUT_BYTES_MAX)
        return 0;
    imgz_repair_and_check(data, bytes, check_image);
    return 0;
}
