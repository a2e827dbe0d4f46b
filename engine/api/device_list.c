/* SPDX-License-Identifier: MIT */
/*
 * The block devices of this machine (imgz_devices_list and imgz_devices_find): what they are
 * (device.h), what is on them (contents.h), and who uses them (claims.h).
 *
 * The caller gets one piece of memory: the devices, followed by all their partitions.
 */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>

#include "base/text.h"
#include "io/device/claims.h"
#include "io/device/contents.h"
#include "io/device/device.h"
#include "io/device/sysfs.h"
#include "pipeline/threads.h"

#define SYSFS_DISKS "/sys/block"

struct inventory {
    struct imgz_device_stack *stack;
    struct imgz_device *devices;
    size_t device_count;
    struct imgz_partition *partitions; /* of all devices, in their order */
    size_t partition_count;
};

/* ---- Who uses it -------------------------------------------------------------------------- */

struct usage {
    char mounted_at[256];
    char in_use[256];
    bool root;
};

/* A claim on the device 'path' itself, or on a part of it, joins the others. */
static void add_use(struct usage *usage, const struct imgz_claim *claim, const char *path)
{
    char text[640];

    if (strcmp(claim->device, path) == 0)
        imgz_claim_use(claim, text, sizeof(text));
    else
        imgz_claim_what(claim, text, sizeof(text));
    (void)imgz_text_append(usage->in_use, sizeof(usage->in_use), "; ", text);
}

/* As far as it can be told: this is for people to read. */
static struct usage find_usage(const struct inventory *inventory, dev_t number, const char *path)
{
    struct usage usage = {0};
    struct imgz_claims claims;

    (void)!imgz_claims_find(inventory->stack, number, NULL, &claims);
    for (uint32_t i = 0; i < imgz_min(claims.count, IMGZ_CLAIMS_MAX); i++) {
        const struct imgz_claim *claim = &claims.list[i];
        const bool root = claim->kind == IMGZ_OVERRIDE_ROOT;

        if ((root || claim->kind == IMGZ_OVERRIDE_MOUNTED) && usage.mounted_at[0] == '\0')
            imgz_text_copy(usage.mounted_at, sizeof(usage.mounted_at), claim->by);
        add_use(&usage, claim, path);
    }
    usage.root = (claims.kinds & IMGZ_OVERRIDE_ROOT) != 0;
    return usage;
}

/* ---- Partitions --------------------------------------------------------------------------- */

static void describe_partition(const struct inventory *inventory, const char *folder,
                               struct imgz_partition *partition)
{
    struct imgz_sysfs *sysfs = &inventory->stack->sysfs;
    const dev_t number = imgz_sysfs_dev(sysfs, folder);
    struct imgz_contents contents;
    struct imgz_device device;
    struct usage usage;

    imgz_device_describe(number, &device);
    imgz_contents_probe(device.path, &contents);
    usage = find_usage(inventory, number, device.path);
    memset(partition, 0, sizeof(*partition));
    imgz_text_copy(partition->path, sizeof(partition->path), device.path);
    imgz_text_copy(partition->contents, sizeof(partition->contents), contents.type);
    imgz_text_copy(partition->label, sizeof(partition->label), contents.label);
    imgz_text_copy(partition->mounted_at, sizeof(partition->mounted_at), usage.mounted_at);
    imgz_text_copy(partition->in_use, sizeof(partition->in_use), usage.in_use);
    partition->offset_bytes = imgz_sysfs_number(sysfs, folder, "start") * IMGZ_SYSFS_SECTOR_BYTES;
    partition->size_bytes = device.size_bytes;
}

/* True if it was the last: there is no memory for it. */
static bool add_partition(void *context, const char *folder)
{
    struct inventory *inventory = context;
    struct imgz_partition *grown;

    if (imgz_sysfs_number(&inventory->stack->sysfs, folder, "partition") == 0)
        return false;
    grown = reallocarray(inventory->partitions, inventory->partition_count + 1, sizeof(*grown));
    if (grown == NULL)
        return true;
    inventory->partitions = grown;
    describe_partition(inventory, folder, &grown[inventory->partition_count]);
    inventory->partition_count += 1;
    return false;
}

static int compare_offsets(const void *a, const void *b)
{
    const struct imgz_partition *left = a;
    const struct imgz_partition *right = b;

    return (left->offset_bytes > right->offset_bytes) - (left->offset_bytes < right->offset_bytes);
}

/* Those of the device whose folder this is. */
static int add_partitions(struct inventory *inventory, const char *folder,
                          struct imgz_device *device)
{
    const size_t first = inventory->partition_count;

    if (imgz_sysfs_each(&inventory->stack->sysfs, folder, add_partition, inventory))
        return -ENOMEM;
    device->partition_count = (uint32_t)(inventory->partition_count - first);
    if (device->partition_count > 1)
        qsort(&inventory->partitions[first], device->partition_count,
              sizeof(*inventory->partitions), compare_offsets);
    return 0;
}

/* ---- Devices ------------------------------------------------------------------------------ */

static void describe_use(const struct inventory *inventory, dev_t number,
                         struct imgz_device *device)
{
    const struct usage usage = find_usage(inventory, number, device->path);
    struct imgz_contents contents;

    imgz_contents_probe(device->path, &contents);
    imgz_text_copy(device->contents, sizeof(device->contents), contents.type);
    imgz_text_copy(device->label, sizeof(device->label), contents.label);
    imgz_text_copy(device->mounted_at, sizeof(device->mounted_at), usage.mounted_at);
    imgz_text_copy(device->in_use, sizeof(device->in_use), usage.in_use);
    device->running_system = usage.root;
}

/* Adds the disk that sysfs calls 'name', unless it has no size: no medium, a free loop. */
static int add_device(struct inventory *inventory, const char *name)
{
    struct imgz_device device;
    char folder[PATH_MAX];
    struct imgz_device *grown;
    dev_t number;

    (void)snprintf(folder, sizeof(folder), SYSFS_DISKS "/%s", name);
    number = imgz_sysfs_dev(&inventory->stack->sysfs, folder);
    imgz_device_describe(number, &device);
    if (device.size_bytes == 0)
        return 0;
    describe_use(inventory, number, &device);
    grown = reallocarray(inventory->devices, inventory->device_count + 1, sizeof(*grown));
    if (grown == NULL)
        return -ENOMEM;
    inventory->devices = grown;
    grown[inventory->device_count] = device;
    inventory->device_count += 1;
    return add_partitions(inventory, folder, &grown[inventory->device_count - 1]);
}

static int is_name(const struct dirent *entry)
{
    return entry->d_name[0] != '.';
}

static int compare_entries(const struct dirent **a, const struct dirent **b)
{
    return strverscmp((*a)->d_name, (*b)->d_name);
}

static int add_devices(struct inventory *inventory)
{
    struct dirent **entries = NULL;
    int count = scandir(SYSFS_DISKS, &entries, is_name, compare_entries);
    int rc = 0;

    if (count < 0)
        return -errno;
    for (int i = 0; i < count; i++) {
        if (rc == 0)
            rc = add_device(inventory, entries[i]->d_name);
        free(entries[i]);
    }
    free(entries);
    return rc;
}

/* One piece of memory for all, so that one free() ends it. */
static int pack(const struct inventory *inventory, struct imgz_device **result)
{
    const size_t devices_bytes = inventory->device_count * sizeof(struct imgz_device);
    const size_t partitions_bytes = inventory->partition_count * sizeof(struct imgz_partition);
    unsigned char *memory = calloc(1, devices_bytes + partitions_bytes + 1);
    struct imgz_partition *partition;
    struct imgz_device *devices;

    if (memory == NULL)
        return -ENOMEM;
    devices = (struct imgz_device *)(void *)memory;
    partition = (struct imgz_partition *)(void *)(memory + devices_bytes);
    if (devices_bytes > 0)
        memcpy(devices, inventory->devices, devices_bytes);
    if (partitions_bytes > 0)
        memcpy(partition, inventory->partitions, partitions_bytes);
    for (size_t i = 0; i < inventory->device_count; i++) {
        devices[i].partitions = partition;
        partition += devices[i].partition_count;
    }
    *result = devices;
    return 0;
}

_Static_assert(sizeof(struct imgz_device) % _Alignof(struct imgz_partition) == 0,
               "partitions follow the devices");

/* The disk that 'path' is, or is a partition of. */
static int add_disk_of(struct inventory *inventory, const char *path)
{
    struct imgz_sysfs *sysfs = &inventory->stack->sysfs;
    struct imgz_sysfs_place place;
    struct stat status;

    if (stat(path, &status) < 0)
        return -errno;
    if (!S_ISBLK(status.st_mode))
        return -ENOTBLK;
    return imgz_sysfs_find(sysfs, status.st_rdev, &place)
               ? add_device(inventory, imgz_sysfs_name(place.disk))
               : -ENODEV;
}

/* 'path' NULL: all. */
static int list_devices(const char *path, struct imgz_device **devices, size_t *count)
{
    const struct imgz_device_stack_config this_machine = {0};
    struct inventory inventory = {0};
    int rc = imgz_device_stack_open(&this_machine, &inventory.stack);

    if (rc == 0)
        rc = path == NULL ? add_devices(&inventory) : add_disk_of(&inventory, path);
    if (rc == 0)
        rc = pack(&inventory, devices);
    if (rc == 0)
        *count = inventory.device_count;
    imgz_device_stack_close(inventory.stack);
    free(inventory.devices);
    free(inventory.partitions);
    return rc;
}

static void tell(struct imgz_error *error, int rc, const char *path)
{
    if (error == NULL)
        return;
    memset(error, 0, sizeof(*error));
    error->code = rc;
    error->stage = IMGZ_STAGE_SETUP;
    error->offset = IMGZ_OFFSET_NONE;
    imgz_text_copy(error->path, sizeof(error->path), path);
    (void)snprintf(error->text, sizeof(error->text), "looking for block devices in %s: %s%s", path,
                   strerrordesc_np(-rc),
                   strcmp(path, SYSFS_DISKS) == 0 ? "; is /sys mounted?" : "");
}

struct listing {
    const char *path;
    struct imgz_device **devices;
    size_t *count;
};

static int list_into(void *context)
{
    const struct listing *listing = context;

    return list_devices(listing->path, listing->devices, listing->count);
}

int imgz_devices_list(struct imgz_device **devices, size_t *count, struct imgz_error *error)
{
    struct listing listing = {NULL, devices, count};
    int rc = imgz_threads_call_deep(list_into, &listing);

    if (rc < 0)
        tell(error, rc, SYSFS_DISKS);
    return rc;
}

int imgz_devices_find(const char *path, struct imgz_device **device, struct imgz_error *error)
{
    struct imgz_device *found = NULL;
    size_t count = 0;
    struct listing listing = {path, &found, &count};
    int rc = imgz_threads_call_deep(list_into, &listing);

    if (rc == 0 && count == 0)
        rc = -ENOMEDIUM;
    if (rc < 0) {
        imgz_devices_free(found);
        tell(error, rc, path);
        return rc;
    }
    *device = found;
    return 0;
}

void imgz_devices_free(struct imgz_device *devices)
{
    free(devices);
}
