/* SPDX-License-Identifier: MIT */
#include "peek.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

bool peek_is_image_name(const char *path)
{
    const size_t length = strlen(path);

    return length > 3 && strcmp(path + length - 3, ".gz") == 0;
}

static bool begins_as_gzip(const char *path)
{
    unsigned char bytes[2] = {0};
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    ssize_t got;

    if (fd < 0)
        return true; /* the job will say why */
    got = read(fd, bytes, sizeof(bytes));
    close(fd);
    return got < 0 || (bytes[0] == 0x1f && bytes[1] == 0x8b);
}

bool peek_is_raw_disk(const char *path)
{
    struct stat status;

    if (stat(path, &status) < 0)
        return false;
    if (S_ISBLK(status.st_mode))
        return !begins_as_gzip(path);
    return S_ISREG(status.st_mode) && !peek_is_image_name(path) && !begins_as_gzip(path);
}
