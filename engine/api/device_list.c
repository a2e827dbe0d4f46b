/* SPDX-License-Identifier: MIT */
/*
 * The block devices of this machine (imgz_devices_list and imgz_devices_find): what they are
 * (device.h), what is on them (contents.h), and who uses them (claims.h).
 */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>

#include "api/devices.h"
#include "base/sized.h"
#include "base/text.h"
#include "io/device/claims.h"
#include "io/device/contents.h"
#include "io/device/device.h"
#include "io/device/sysfs.h"
#include "pipeline/threads.h"

#define SYSFS_DISKS "/sys/block"

struct inventory {
    struct imgz_device_stack *stack;
    struct imgz_devices *devices;
};

/* ---- Who uses it -------------------------------------------------------------------------- */

struct usage {
    char mounted_at[256];
    char in_use[256];
    bool root;
};

/* Adds a claim on the device 'path' itself, or on a part of it, to the others. */
static void add_use(struct usage *usage, const struct imgz_claim *claim, const char *path)
{
    char text[640];

    if (strcmp(claim->device, path) == 0)
        imgz_claim_use(claim, text, sizeof(text));
    else
        imgz_claim_what(claim, text, sizeof(text));
    (void)imgz_text_append(usage->in_use, sizeof(usage->in_use), "; ", text);
}

/* As far as it is known: this is for people to read. */
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

/* True, to end the list, if there is no memory for it. */
static bool add_partition(void *context, const char *folder)
{
    struct inventory *inventory = context;
    struct imgz_partition partition;

    if (imgz_sysfs_number(&inventory->stack->sysfs, folder, "partition") == 0)
        return false;
    describe_partition(inventory, folder, &partition);
    return imgz_devices_add_partition(inventory->devices, &partition) < 0;
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
    dev_t number;
    int rc;

    (void)snprintf(folder, sizeof(folder), SYSFS_DISKS "/%s", name);
    number = imgz_sysfs_dev(&inventory->stack->sysfs, folder);
    imgz_device_describe(number, &device);
    if (device.size_bytes == 0)
        return 0;
    describe_use(inventory, number, &device);
    rc = imgz_devices_add(inventory->devices, &device);
    if (rc == 0 && imgz_sysfs_each(&inventory->stack->sysfs, folder, add_partition, inventory))
        rc = -ENOMEM;
    return rc;
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
static int list_devices(const char *path, struct imgz_devices **result)
{
    const struct imgz_device_stack_config this_machine = {0};
    struct inventory inventory = {.devices = imgz_devices_create()};
    int rc = inventory.devices == NULL ? -ENOMEM : 0;

    if (rc == 0)
        rc = imgz_device_stack_open(&this_machine, &inventory.stack);
    if (rc == 0)
        rc = path == NULL ? add_devices(&inventory) : add_disk_of(&inventory, path);
    if (rc == 0 && path != NULL && imgz_devices_count(inventory.devices) == 0)
        rc = -ENOMEDIUM;
    if (rc == 0) {
        *result = inventory.devices;
        inventory.devices = NULL;
    }
    imgz_device_stack_close(inventory.stack);
    imgz_devices_free(inventory.devices);
    return rc;
}

static void tell(struct imgz_error *error, int rc, const char *path)
{
    struct imgz_error ours = {
        .code = rc,
        .stage = IMGZ_STAGE_SETUP,
        .offset = IMGZ_OFFSET_NONE,
    };

    if (error == NULL)
        return;
    if (rc < 0) {
        imgz_text_copy(ours.path, sizeof(ours.path), path);
        imgz_text_set(ours.text, sizeof(ours.text), "looking for block devices in %s: %s%s", path,
                      strerrordesc_np(-rc),
                      strcmp(path, SYSFS_DISKS) == 0 ? "; is /sys mounted?" : "");
    }
    IMGZ_SIZED_GIVE(error, &ours);
}

struct listing {
    const char *path;
    struct imgz_devices **result;
};

static int list_into(void *context)
{
    const struct listing *listing = context;

    return list_devices(listing->path, listing->result);
}

static int list(struct listing *listing, struct imgz_error *error)
{
    int rc;

    if (!IMGZ_SIZED_IS_SET_UP(error))
        return -EINVAL;
    rc = imgz_threads_call_deep(list_into, listing);
    tell(error, rc, listing->path != NULL ? listing->path : SYSFS_DISKS);
    return rc;
}

int imgz_devices_list(struct imgz_devices **result, struct imgz_error *error)
{
    return list(&(struct listing){NULL, result}, error);
}

int imgz_devices_find(const char *path, struct imgz_devices **result, struct imgz_error *error)
{
    return list(&(struct listing){path, result}, error);
}
