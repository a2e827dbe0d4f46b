/* SPDX-License-Identifier: MIT */
/*
 * A list of devices with their partitions, as a program gets it: imgz_devices_get() and the like.
 * This makes one.
 *
 * Threads    one at a time while it is made; then any, it does not change.
 * Memory     grows by what is added.
 */
#ifndef IMGZ_DEVICES_H
#define IMGZ_DEVICES_H

#include <imgz/imgz.h>

#include "base/base.h"

/* An empty list, for imgz_devices_free(); NULL: there is no memory. */
struct imgz_devices *imgz_devices_create(void);

/* Adds a copy, of a device yet without partitions. 0, or -ENOMEM. */
IMGZ_MUST_CHECK int imgz_devices_add(struct imgz_devices *devices,
                                     const struct imgz_device *device);

/* Adds a copy to the last device, where its offset puts it. 0, or -ENOMEM. */
IMGZ_MUST_CHECK int imgz_devices_add_partition(struct imgz_devices *devices,
                                               const struct imgz_partition *partition);

#endif /* IMGZ_DEVICES_H */
