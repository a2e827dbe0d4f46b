/* SPDX-License-Identifier: MIT */
/*
 * The disk in an image as if it were a device of this machine: imgz_image_disk().
 *
 * libblkid needs a file. It gets one in memory, as large as the disk, and empty except for the
 * chunks that show what is there: the first, and those where partitions begin and end. These are
 * known only after the table was read, and those of an extended partition only after the one
 * before. So the search is repeated until nothing new appears.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "api/devices.h"
#include "base/text.h"
#include "image/chunk_reader.h"
#include "io/device/contents.h"
#include "io/device/partitions.h"

/* More are counted, and not looked at. */
#define PARTITIONS_MAX 32u
#define LOOKS_MAX      8u

/* What identifies a file system lies in its first 128 KiB (btrfs: at 64 KiB), the table of
 * partitions in the first 34 sectors. */
#define HEAD_BYTES ((uint64_t)136 << 10)

/* In a chain of extended partitions the next link lies after the partition before. */
#define LINK_BYTES ((uint64_t)4 << 10)

struct viewer {
    const struct imgz_image *image;
    struct imgz_chunk_reader chunks;
    int fd; /* the disk, as far as it was looked at */
    struct imgz_partition partitions[PARTITIONS_MAX];
    uint32_t partition_count; /* there may be more */
};

/* ---- Chunks ------------------------------------------------------------------------------- */

static int create_viewer(const struct imgz_image *image, struct viewer **result)
{
    struct viewer *viewer = calloc(1, sizeof(*viewer));

    if (viewer == NULL)
        return -ENOMEM;
    *result = viewer;
    viewer->image = image;
    viewer->fd = memfd_create("imgz-disk", MFD_CLOEXEC);
    if (imgz_chunk_reader_init(&viewer->chunks, image) < 0)
        return -ENOMEM;
    if (viewer->fd < 0 || ftruncate(viewer->fd, (off_t)image->end.raw_bytes) < 0)
        return -errno;
    return 0;
}

static void destroy_viewer(struct viewer *viewer)
{
    if (viewer == NULL)
        return;
    imgz_chunk_reader_fini(&viewer->chunks);
    if (viewer->fd >= 0)
        close(viewer->fd);
    free(viewer);
}

/* Puts what the item has of the range into the file. A damaged one stays empty: a restore or verify
 * will report it. */
static void take_item(const struct viewer *viewer, const struct imgz_range *range)
{
    const struct imgz_slot *slot = &viewer->chunks.slot;
    const uint64_t from = imgz_max(slot->raw_offset, range->offset);
    const uint64_t end = imgz_min(slot->raw_offset + slot->raw_bytes, range->offset + range->bytes);

    if (slot->fault == IMGZ_FAULT_NONE && slot->kind == IMGZ_SLOT_DATA)
        (void)!pwrite(viewer->fd, slot->raw + (from - slot->raw_offset), (size_t)(end - from),
                      (off_t)from);
}

/* Not more than the range: an image's partition table can ask for many of them. */
static void take_range(struct viewer *viewer, uint64_t offset, uint64_t bytes)
{
    const uint64_t disk_bytes = viewer->image->end.raw_bytes;
    const struct imgz_range range = {offset, imgz_min(bytes, UINT64_MAX - offset)};
    const uint64_t end = imgz_min(range.offset + range.bytes, disk_bytes);

    while (offset < end) {
        imgz_chunk_reader_seek(&viewer->chunks, offset);
        take_item(viewer, &range);
        offset = viewer->chunks.slot.raw_offset + viewer->chunks.slot.raw_bytes;
    }
}

/* ---- Partitions --------------------------------------------------------------------------- */

/* The disk does not say for which sector size its table is made. */
static uint32_t find_partitions(struct viewer *viewer)
{
    uint32_t count = 0;

    for (uint32_t sector_bytes = IMGZ_SECTOR_BYTES; count == 0 && sector_bytes <= IMGZ_BLOCK_BYTES;
         sector_bytes *= 8)
        count = imgz_partitions_find(viewer->fd, sector_bytes, viewer->partitions, PARTITIONS_MAX);
    viewer->partition_count = (uint32_t)imgz_min(count, PARTITIONS_MAX);
    return count;
}

static void look_for_partitions(struct viewer *viewer)
{
    uint32_t count = 0;

    for (uint32_t i = 0; i < LOOKS_MAX; i++) {
        const uint32_t count_before = count;

        count = find_partitions(viewer);
        if (count == count_before)
            return;
        for (uint32_t k = 0; k < viewer->partition_count; k++) {
            const struct imgz_partition *partition = &viewer->partitions[k];

            take_range(viewer, partition->offset_bytes, HEAD_BYTES);
            if (partition->size_bytes <= UINT64_MAX - partition->offset_bytes)
                take_range(viewer, partition->offset_bytes + partition->size_bytes, LINK_BYTES);
        }
    }
}

static void describe_partition(const struct viewer *viewer, struct imgz_partition *partition)
{
    struct imgz_contents contents;

    imgz_contents_probe_part(viewer->fd, partition->offset_bytes, partition->size_bytes, &contents);
    imgz_text_copy(partition->contents, sizeof(partition->contents), contents.type);
    if (contents.label[0] != '\0')
        imgz_text_copy(partition->label, sizeof(partition->label), contents.label);
}

/* ---- The disk ----------------------------------------------------------------------------- */

static void copy_meta(const struct imgz_image *image, const char *key, char *text,
                      size_t text_bytes)
{
    const char *value = imgz_meta_find(&image->meta, key);

    if (value != NULL)
        imgz_text_copy(text, text_bytes, value);
}

static void describe_disk(struct viewer *viewer, struct imgz_device *disk)
{
    const struct imgz_image *image = viewer->image;
    struct imgz_contents contents;

    take_range(viewer, 0, HEAD_BYTES);
    look_for_partitions(viewer);
    imgz_contents_probe_part(viewer->fd, 0, image->end.raw_bytes, &contents);
    for (uint32_t i = 0; i < viewer->partition_count; i++)
        describe_partition(viewer, &viewer->partitions[i]);
    disk->size_bytes = image->end.raw_bytes;
    imgz_text_copy(disk->contents, sizeof(disk->contents), contents.type);
    imgz_text_copy(disk->label, sizeof(disk->label), contents.label);
    copy_meta(image, "source.path", disk->path, sizeof(disk->path));
    copy_meta(image, "source.model", disk->model, sizeof(disk->model));
    copy_meta(image, "source.serial", disk->serial, sizeof(disk->serial));
}

static int make_disk(struct viewer *viewer, struct imgz_devices *devices)
{
    struct imgz_device disk = {0};
    int rc;

    describe_disk(viewer, &disk);
    rc = imgz_devices_add(devices, &disk);
    for (uint32_t i = 0; rc == 0 && i < viewer->partition_count; i++)
        rc = imgz_devices_add_partition(devices, &viewer->partitions[i]);
    return rc;
}

int imgz_image_disk(const struct imgz_image *image, struct imgz_devices **result)
{
    struct imgz_devices *devices;
    struct viewer *viewer = NULL;
    int rc;

    if (!image->seekable)
        return -ESPIPE;
    if (image->end.raw_bytes > INT64_MAX)
        return -EFBIG;
    devices = imgz_devices_create();
    if (devices == NULL)
        return -ENOMEM;
    rc = create_viewer(image, &viewer);
    if (rc == 0)
        rc = make_disk(viewer, devices);
    if (rc == 0) {
        *result = devices;
        devices = NULL;
    }
    destroy_viewer(viewer);
    imgz_devices_free(devices);
    return rc;
}
