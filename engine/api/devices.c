/* SPDX-License-Identifier: MIT */
#include "api/devices.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/sized.h"

struct entry {
    struct imgz_device device;
    struct imgz_partition *partitions; /* device.partition_count of them, by their offsets */
};

struct imgz_devices {
    size_t count;
    struct entry *entries;
};

struct imgz_devices *imgz_devices_create(void)
{
    return calloc(1, sizeof(struct imgz_devices));
}

void imgz_devices_free(struct imgz_devices *devices)
{
    if (devices == NULL)
        return;
    for (size_t i = 0; i < devices->count; i++)
        free(devices->entries[i].partitions);
    free(devices->entries);
    free(devices);
}

int imgz_devices_add(struct imgz_devices *devices, const struct imgz_device *device)
{
    struct entry *grown =
        reallocarray(devices->entries, devices->count + 1, sizeof(*devices->entries));

    if (grown == NULL)
        return -ENOMEM;
    devices->entries = grown;
    grown[devices->count] = (struct entry){.device = *device};
    grown[devices->count].device.partition_count = 0;
    devices->count += 1;
    return 0;
}

int imgz_devices_add_partition(struct imgz_devices *devices, const struct imgz_partition *partition)
{
    struct entry *entry = &devices->entries[devices->count - 1];
    struct imgz_partition *grown;
    uint32_t at = entry->device.partition_count;

    IMGZ_ASSERT(devices->count > 0);
    grown = reallocarray(entry->partitions, (size_t)at + 1, sizeof(*grown));
    if (grown == NULL)
        return -ENOMEM;
    entry->partitions = grown;
    for (; at > 0 && grown[at - 1].offset_bytes > partition->offset_bytes; at--)
        grown[at] = grown[at - 1];
    grown[at] = *partition;
    entry->device.partition_count += 1;
    return 0;
}

size_t imgz_devices_count(const struct imgz_devices *devices)
{
    return devices->count;
}

int imgz_devices_get(const struct imgz_devices *devices, size_t index, struct imgz_device *device)
{
    if (index >= devices->count || !IMGZ_SIZED_IS_SET_UP(device))
        return -EINVAL;
    IMGZ_SIZED_GIVE(device, &devices->entries[index].device);
    return 0;
}

int imgz_devices_get_partition(const struct imgz_devices *devices, size_t index,
                               uint32_t partition_index, struct imgz_partition *partition)
{
    if (index >= devices->count ||
        partition_index >= devices->entries[index].device.partition_count ||
        !IMGZ_SIZED_IS_SET_UP(partition))
        return -EINVAL;
    IMGZ_SIZED_GIVE(partition, &devices->entries[index].partitions[partition_index]);
    return 0;
}
