/* SPDX-License-Identifier: MIT */
/*
 * A loop device for a test in C, where the machine has them and lets us: a target that is a block
 * device. It goes with the process, however that ends.
 */
#ifndef IMGZ_LOOPDEV_H
#define IMGZ_LOOPDEV_H

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/base.h"

struct imgz_loopdev {
    char path[64]; /* "" if there is none */
    int fd;
};

/* Runs losetup; its first line of output goes to 'line', without the newline. */
static inline bool imgz_loopdev_run(const char *arguments, const char *file, char line[64])
{
    char command[600];
    FILE *output;

    snprintf(command, sizeof(command), "PATH=$PATH:/sbin:/usr/sbin losetup %s '%s' 2>/dev/null",
             arguments, file);
    line[0] = '\0';
    output = popen(command, "r");
    if (output == NULL)
        return false;
    if (fgets(line, 64, output) == NULL)
        line[0] = '\0';
    line[strcspn(line, "\n")] = '\0';
    return pclose(output) == 0;
}

/* Attaches 'backing', a file with whole sectors, or another device; 'options': losetup's. */
static inline void imgz_loopdev_attach(struct imgz_loopdev *loop, const char *options,
                                       const char *backing)
{
    char arguments[64];
    char line[64];

    snprintf(arguments, sizeof(arguments), "-f --show %s", options);
    loop->fd = -1;
    if (geteuid() == 0 && imgz_loopdev_run(arguments, backing, loop->path)) {
        loop->fd = open(loop->path, O_RDONLY | O_CLOEXEC);
        /* Detached while it is open, it goes with the last descriptor. */
        (void)imgz_loopdev_run("-d", loop->path, line);
    }
    if (loop->fd < 0)
        loop->path[0] = '\0';
}

static inline void imgz_loopdev_detach(struct imgz_loopdev *loop)
{
    if (loop->fd >= 0)
        close(loop->fd);
    loop->fd = -1;
    loop->path[0] = '\0';
}

#endif /* IMGZ_LOOPDEV_H */
