/* SPDX-License-Identifier: MIT */
/*
 * What lies on what: block devices stacked by partitions, device mapper, MD and loop devices, with
 * what is mounted and swap at the top.
 *
 * Place: used by claims.h and its callers.
 *
 * Threads    any; a stack belongs to one.
 * Errors     kept, as with ferror(3): what does not exist or cannot be found out is left out;
 *            sysfs.failed_rc then says if something could not be found out.
 * Blocking   files that lie on no device are not looked at, so a server that hangs holds nobody up.
 */
#ifndef IMGZ_DEVICE_STACK_H
#define IMGZ_DEVICE_STACK_H

#include <libmount/libmount.h>
#include <sys/stat.h>

#include "io/device/sysfs.h"
#include "io/device/writers.h"

/* Mounts, swap, and who writes to devices, as they are now. */
struct imgz_device_stack {
    struct imgz_sysfs sysfs; /* its failed_rc is for the whole stack */
    int (*stat)(const char *path, struct stat *status);
    struct libmnt_table *mounts;
    struct libmnt_table *swaps;
    struct imgz_writers writers;
};

/* All zero for this machine. */
struct imgz_device_stack_config {
    const char *root; /* before /proc and /sys; NULL: "" */
    int (*stat)(const char *path, struct stat *status);
};

/* Fails with -ENOMEM only. */
IMGZ_MUST_CHECK int imgz_device_stack_open(const struct imgz_device_stack_config *config,
                                           struct imgz_device_stack **result);
void imgz_device_stack_close(struct imgz_device_stack *stack); /* accepts NULL */

/* For people: "/dev/sdb1"; a mapped device by the name it was given. From its folder in sysfs, or
 * its number. */
void imgz_device_stack_name_device(struct imgz_device_stack *stack, const char *folder, char *text,
                                   size_t text_bytes);
void imgz_device_stack_name_number(struct imgz_device_stack *stack, dev_t number, char *text,
                                   size_t text_bytes);

/* The device that a mount is of, or that a path is or lies on; 0: none. */
dev_t imgz_device_stack_device_of_mount(struct imgz_device_stack *stack, struct libmnt_fs *mount);
dev_t imgz_device_stack_device_of_path(struct imgz_device_stack *stack, const char *path);

/* True if 'device' shares sectors with 'target', or lies on something that does. '*on' is that: the
 * target, its disk, or a partition of it. */
bool imgz_device_stack_lies_on(struct imgz_device_stack *stack, dev_t device, dev_t target,
                               dev_t *on);

/* True if writing to 'target' changes what is read from 'device': it is the same, its disk, a
 * partition of it, or lies on it or under it. */
bool imgz_device_stack_overlap(struct imgz_device_stack *stack, dev_t device, dev_t target);

/* True if 'device' is a loop device, or a partition of one, on the file 'image'. */
bool imgz_device_stack_file_behind(struct imgz_device_stack *stack, dev_t device,
                                   const struct stat *image);

#endif /* IMGZ_DEVICE_STACK_H */
