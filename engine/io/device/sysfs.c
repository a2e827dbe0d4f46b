/* SPDX-License-Identifier: MIT */
#include "io/device/sysfs.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <unistd.h>

void imgz_sysfs_note(struct imgz_sysfs *sysfs, int rc)
{
    /* ENODEV, ENXIO: the device went away while its attribute was read. */
    const bool absent = rc == -ENOENT || rc == -ENOTDIR || rc == -ENODEV || rc == -ENXIO;

    if (rc < 0 && !absent && sysfs->failed_rc == 0)
        sysfs->failed_rc = rc;
}

/* Reads the beginning of a file. Returns its length, or -errno. */
static ssize_t read_file(const char *path, char *text, size_t text_bytes)
{
    ssize_t length;
    int fd = open(path, O_RDONLY | O_CLOEXEC);

    if (fd < 0)
        return -errno;
    length = read(fd, text, text_bytes);
    if (length < 0)
        length = -errno;
    close(fd);
    return length;
}

void imgz_sysfs_text(struct imgz_sysfs *sysfs, const char *folder, const char *name, char *text,
                     size_t text_bytes)
{
    char path[PATH_MAX];
    ssize_t length = -ENAMETOOLONG;
    size_t start;

    if (snprintf(path, sizeof(path), "%s/%s", folder, name) < (int)sizeof(path))
        length = read_file(path, text, text_bytes - 1);
    imgz_sysfs_note(sysfs, length < 0 ? (int)length : 0);
    text[length < 0 ? 0 : length] = '\0';
    text[strcspn(text, "\n")] = '\0';
    for (length = (ssize_t)strlen(text); length > 0 && isspace((unsigned char)text[length - 1]);)
        text[--length] = '\0';
    start = strspn(text, " \t");
    memmove(text, text + start, (size_t)length - imgz_min(start, (uint64_t)length) + 1);
}

uint64_t imgz_sysfs_number(struct imgz_sysfs *sysfs, const char *folder, const char *name)
{
    char text[32];

    imgz_sysfs_text(sysfs, folder, name, text, sizeof(text));
    return strtoull(text, NULL, 10);
}

dev_t imgz_sysfs_dev(struct imgz_sysfs *sysfs, const char *folder)
{
    char text[32];
    unsigned long major_number;
    char *end;

    imgz_sysfs_text(sysfs, folder, "dev", text, sizeof(text));
    major_number = strtoul(text, &end, 10);
    if (*end != ':')
        return 0;
    return makedev((unsigned)major_number, (unsigned)strtoul(end + 1, NULL, 10));
}

bool imgz_sysfs_find(struct imgz_sysfs *sysfs, dev_t number, struct imgz_sysfs_place *place)
{
    char link[PATH_MAX];
    char partition[16];

    snprintf(link, sizeof(link), "%s/sys/dev/block/%u:%u", sysfs->root, major(number),
             minor(number));
    if (realpath(link, place->own) == NULL) {
        imgz_sysfs_note(sysfs, -errno);
        return false;
    }
    memcpy(place->disk, place->own, strlen(place->own) + 1);
    imgz_sysfs_text(sysfs, place->own, "partition", partition, sizeof(partition));
    if (partition[0] != '\0')
        *strrchr(place->disk, '/') = '\0';
    return true;
}

bool imgz_sysfs_each(struct imgz_sysfs *sysfs, const char *folder, imgz_sysfs_visit *visit,
                     void *context)
{
    DIR *directory = opendir(folder);
    const struct dirent *entry;
    bool ended = false;

    if (directory == NULL) {
        imgz_sysfs_note(sysfs, -errno);
        return false;
    }
    while (!ended && (errno = 0, entry = readdir(directory)) != NULL) {
        char path[PATH_MAX];

        if (entry->d_name[0] == '.')
            continue;
        if (snprintf(path, sizeof(path), "%s/%s", folder, entry->d_name) < (int)sizeof(path))
            ended = visit(context, path);
        else
            imgz_sysfs_note(sysfs, -ENAMETOOLONG);
    }
    if (!ended)
        imgz_sysfs_note(sysfs, -errno);
    closedir(directory);
    return ended;
}

const char *imgz_sysfs_name(const char *folder)
{
    const char *slash = strrchr(folder, '/');

    return slash != NULL ? slash + 1 : folder;
}

void imgz_sysfs_device_path(const char *folder, char *path, size_t path_bytes)
{
    const char *name = imgz_sysfs_name(folder);

    path[0] = '\0';
    if (name[0] == '\0')
        return;
    snprintf(path, path_bytes, "/dev/%.*s", (int)imgz_min(strlen(name), path_bytes), name);
    /* A '!' in a sysfs name stands for a '/' in the device's (cciss!c0d0). */
    for (char *at = path; (at = strchr(at, '!')) != NULL;)
        *at = '/';
}
