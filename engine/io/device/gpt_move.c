/* SPDX-License-Identifier: MIT */
#include "io/device/gpt_move.h"

#include <errno.h>

#if IMGZ_HAVE_FDISK

#include <fcntl.h>
#include <libfdisk/libfdisk.h>
#include <stdio.h>
#include <unistd.h>

bool imgz_gpt_move_built(void)
{
    return true;
}

/* libfdisk finds that the backup is not at the end, and puts it there when it writes the table. */
static int move_by(struct fdisk_context *context, int fd, const char *path)
{
    int rc = fdisk_disable_dialogs(context, 1);

    if (rc == 0)
        rc = fdisk_assign_device_by_fd(context, fd, path, 0);
    if (rc == 0 && !fdisk_is_label(context, GPT))
        rc = -ENOENT;
    if (rc == 0) {
        fdisk_label_set_changed(fdisk_get_label(context, NULL), 1);
        rc = fdisk_write_disklabel(context);
    }
    (void)fdisk_deassign_device(context, 1);
    return rc > 0 ? -rc : rc;
}

int imgz_gpt_move(int fd, const char *path)
{
    struct fdisk_context *context = fdisk_new_context();
    char link[64];
    int own;
    int rc = -ENOMEM;

    (void)snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
    own = open(link, O_RDWR | O_CLOEXEC); /* 'fd' may be for writing only */
    if (own < 0)
        rc = -errno;
    else if (context != NULL)
        rc = move_by(context, own, path);
    if (rc == 0 && fsync(own) < 0)
        rc = -errno;
    fdisk_unref_context(context);
    if (own >= 0 && close(own) < 0 && rc == 0)
        rc = -errno;
    return rc;
}

#else

bool imgz_gpt_move_built(void)
{
    return false;
}

int imgz_gpt_move(int fd, const char *path)
{
    (void)fd;
    (void)path;
    return -EOPNOTSUPP;
}

#endif
