/* SPDX-License-Identifier: MIT */
#include "io/device/writers.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/text.h"

#define CAPACITY_MIN ((size_t)16)

/* A program that is gone by then has only looked, as losetup does for a free device. */
#define LOOK_AGAIN_NS 200000000

/* Only links in /proc/PID/fd that lead there are followed. */
#define DEVICES "/dev/"

/* One process. */
struct visit {
    struct imgz_writers *writers;
    uint64_t process;
    int folder; /* /proc/PID */
};

static int open_folder(int at, const char *path)
{
    return openat(at, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

static void read_name(int folder, char *name, size_t name_bytes)
{
    const int fd = openat(folder, "comm", O_RDONLY | O_CLOEXEC);
    ssize_t length = fd < 0 ? 0 : read(fd, name, name_bytes - 1);

    if (fd >= 0)
        close(fd);
    name[length < 0 ? 0 : length] = '\0';
    name[strcspn(name, "\n")] = '\0';
}

static bool has(const struct imgz_writers *writers, dev_t device, uint64_t process)
{
    for (size_t i = writers->count; i > 0 && writers->list[i - 1].process == process; i--)
        if (writers->list[i - 1].device == device)
            return true;
    return false;
}

static int add(const struct visit *visit, dev_t device)
{
    struct imgz_writers *writers = visit->writers;
    struct imgz_writer *writer;

    if (has(writers, device, visit->process))
        return 0;
    if (writers->count == writers->capacity) {
        const size_t capacity = imgz_max(2 * writers->capacity, CAPACITY_MIN);
        struct imgz_writer *list = reallocarray(writers->list, capacity, sizeof(list[0]));

        if (list == NULL)
            return -ENOMEM;
        writers->list = list;
        writers->capacity = capacity;
    }
    writer = &writers->list[writers->count++];
    *writer = (struct imgz_writer){.device = device, .process = visit->process};
    read_name(visit->folder, writer->name, sizeof(writer->name));
    return 0;
}

/* A link in /proc/PID/fd has the permissions of the open file, proc(5). 0: it is not a block device
 * that is written. */
static dev_t written_device(int folder, const char *name)
{
    char target[sizeof(DEVICES)];
    struct stat status;

    if (fstatat(folder, name, &status, AT_SYMLINK_NOFOLLOW) < 0 ||
        (status.st_mode & S_IWUSR) == 0 ||
        readlinkat(folder, name, target, sizeof(target)) != (ssize_t)sizeof(target) ||
        memcmp(target, DEVICES, sizeof(DEVICES) - 1) != 0 ||
        fstatat(folder, name, &status, 0) < 0 || !S_ISBLK(status.st_mode))
        return 0;
    return status.st_rdev;
}

/* Calls 'call' for each entry that is a number, until it fails; takes the descriptor. */
static int each_number(int folder, int (*call)(void *context, int folder, const char *name),
                       void *context)
{
    DIR *directory = folder < 0 ? NULL : fdopendir(folder);
    const struct dirent *entry;
    int rc = 0;

    if (directory == NULL) {
        if (folder >= 0)
            close(folder);
        return 0;
    }
    while (rc == 0 && (entry = readdir(directory)) != NULL)
        if (entry->d_name[0] >= '0' && entry->d_name[0] <= '9')
            rc = call(context, dirfd(directory), entry->d_name);
    closedir(directory);
    return rc;
}

static int visit_descriptor(void *context, int folder, const char *name)
{
    const dev_t device = written_device(folder, name);

    return device != 0 ? add(context, device) : 0;
}

static int visit_process(void *context, int folder, const char *name)
{
    struct visit visit = {.writers = context, .process = strtoull(name, NULL, 10)};
    int rc = 0;

    if (visit.process == (uint64_t)getpid())
        return 0;
    visit.folder = open_folder(folder, name);
    if (visit.folder < 0)
        return 0;
    rc = each_number(open_folder(visit.folder, "fd"), visit_descriptor, &visit);
    close(visit.folder);
    return rc;
}

static int look(const char *root, struct imgz_writers *writers)
{
    char path[PATH_MAX];

    *writers = (struct imgz_writers){0};
    imgz_text_set(path, sizeof(path), "%s/proc", root);
    return each_number(open_folder(AT_FDCWD, path), visit_process, writers);
}

static bool saw(const struct imgz_writers *writers, const struct imgz_writer *writer)
{
    for (size_t i = 0; i < writers->count; i++)
        if (writers->list[i].process == writer->process &&
            writers->list[i].device == writer->device)
            return true;
    return false;
}

static void keep_seen(struct imgz_writers *writers, const struct imgz_writers *before)
{
    size_t count = 0;

    for (size_t i = 0; i < writers->count; i++)
        if (saw(before, &writers->list[i]))
            writers->list[count++] = writers->list[i];
    writers->count = count;
}

int imgz_writers_find(const char *root, struct imgz_writers *writers)
{
    const struct timespec rest = {.tv_nsec = LOOK_AGAIN_NS};
    struct imgz_writers before;
    int rc = look(root, &before);

    *writers = (struct imgz_writers){0};
    if (rc == 0 && before.count > 0) {
        (void)nanosleep(&rest, NULL);
        rc = look(root, writers);
        keep_seen(writers, &before);
    }
    imgz_writers_fini(&before);
    return rc;
}

void imgz_writers_fini(struct imgz_writers *writers)
{
    free(writers->list);
    *writers = (struct imgz_writers){0};
}
