/* SPDX-License-Identifier: MIT */
/*
 * What tests above the codec need around them: a latch, a silent log, a folder of their own, and
 * functions that look into it.
 *
 * Threads    one, except that paths may be made by any.
 */
#ifndef IMGZ_FIXTURE_H
#define IMGZ_FIXTURE_H

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "io/file/stamp.h"
#include "pipeline/latch.h"
#include "pipeline/log.h"

struct imgz_fixture {
    struct imgz_latch *latch;
    struct imgz_log log;
    char folder[128];
};

/* A path in the folder. */
struct imgz_fixture_path {
    char text[400];
};

static inline void imgz_fixture_init(struct imgz_fixture *fixture)
{
    const char *parent = getenv("TMPDIR");

    IMGZ_ASSERT(imgz_latch_create(&fixture->latch) == 0);
    imgz_log_init(&fixture->log, NULL, NULL);
    snprintf(fixture->folder, sizeof(fixture->folder), "%.100s/imgz-c-test.XXXXXX",
             parent != NULL && parent[0] == '/' ? parent : "/tmp");
    IMGZ_ASSERT(mkdtemp(fixture->folder) != NULL);
}

static inline struct imgz_fixture_path imgz_fixture_path(const struct imgz_fixture *fixture,
                                                         const char *name)
{
    struct imgz_fixture_path path;

    snprintf(path.text, sizeof(path.text), "%s/%s", fixture->folder, name);
    return path;
}

/* How many descriptors this process has open, and a few more: to be compared with a later count. */
static inline unsigned imgz_fixture_open_files(void)
{
    DIR *folder = opendir("/proc/self/fd");
    unsigned count = 0;

    IMGZ_ASSERT(folder != NULL);
    while (readdir(folder) != NULL)
        count += 1;
    closedir(folder);
    return count;
}

/* What is in the folder, not counting "." and "..". */
static inline unsigned imgz_fixture_count(const struct imgz_fixture *fixture)
{
    DIR *folder = opendir(fixture->folder);
    unsigned count = 0;

    IMGZ_ASSERT(folder != NULL);
    while (readdir(folder) != NULL)
        count += 1;
    closedir(folder);
    return count - 2;
}

static inline bool imgz_fixture_exists(const struct imgz_fixture *fixture, const char *name)
{
    struct stat status;

    return lstat(imgz_fixture_path(fixture, name).text, &status) == 0;
}

/* Makes or replaces a file. */
static inline void imgz_fixture_write(const struct imgz_fixture *fixture, const char *name,
                                      const void *data, size_t bytes)
{
    FILE *file = fopen(imgz_fixture_path(fixture, name).text, "wb");

    IMGZ_ASSERT(file != NULL);
    IMGZ_ASSERT(fwrite(data, 1, bytes, file) == bytes);
    IMGZ_ASSERT(fclose(file) == 0);
}

/* As an interrupted run leaves a file: its own, and stamped (io/file/stamp.h). */
static inline void imgz_fixture_leave(const struct imgz_fixture *fixture, const char *name,
                                      const void *data, size_t bytes)
{
    const struct imgz_fixture_path path = imgz_fixture_path(fixture, name);
    int directory_fd = open(fixture->folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    struct imgz_stamp_place place = {.directory_fd = directory_fd, .name = name};

    imgz_fixture_write(fixture, name, data, bytes);
    IMGZ_ASSERT(chmod(path.text, S_IRUSR | S_IWUSR) == 0);
    place.fd = open(path.text, O_RDWR | O_CLOEXEC);
    IMGZ_ASSERT(imgz_stamp_put(&place) == 0);
    close(place.fd);
    close(directory_fd);
}

/* The file's bytes, which the caller frees. */
static inline unsigned char *imgz_fixture_read(const struct imgz_fixture *fixture, const char *name,
                                               size_t *bytes)
{
    FILE *file = fopen(imgz_fixture_path(fixture, name).text, "rb");
    unsigned char *data;
    struct stat status;

    IMGZ_ASSERT(file != NULL);
    IMGZ_ASSERT(fstat(fileno(file), &status) == 0);
    *bytes = (size_t)status.st_size;
    data = malloc(*bytes + 1);
    IMGZ_ASSERT(data != NULL);
    IMGZ_ASSERT(fread(data, 1, *bytes, file) == *bytes);
    fclose(file);
    return data;
}

/* True if the file is there and holds exactly this. */
static inline bool imgz_fixture_holds(const struct imgz_fixture *fixture, const char *name,
                                      const void *data, size_t bytes)
{
    unsigned char *found;
    size_t found_bytes;
    bool same;

    if (!imgz_fixture_exists(fixture, name))
        return false;
    found = imgz_fixture_read(fixture, name, &found_bytes);
    same = found_bytes == bytes && memcmp(found, data, bytes) == 0;
    free(found);
    return same;
}

/* Another latch, for the next case of a test. */
static inline void imgz_fixture_renew_stop(struct imgz_fixture *fixture)
{
    imgz_latch_destroy(fixture->latch);
    IMGZ_ASSERT(imgz_latch_create(&fixture->latch) == 0);
}

static inline void imgz_fixture_remove_all(const struct imgz_fixture *fixture)
{
    DIR *folder = opendir(fixture->folder);
    const struct dirent *entry;

    IMGZ_ASSERT(folder != NULL);
    while ((entry = readdir(folder)) != NULL) {
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
            IMGZ_ASSERT(remove(imgz_fixture_path(fixture, entry->d_name).text) == 0);
    }
    closedir(folder);
}

/* Removes the folder and what lies in it (no folders within). */
static inline void imgz_fixture_fini(struct imgz_fixture *fixture)
{
    imgz_fixture_remove_all(fixture);
    IMGZ_ASSERT(rmdir(fixture->folder) == 0);
    imgz_log_fini(&fixture->log);
    imgz_latch_destroy(fixture->latch);
}

#endif /* IMGZ_FIXTURE_H */
