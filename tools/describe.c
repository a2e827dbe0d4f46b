/* SPDX-License-Identifier: MIT */
#include "describe.h"

#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>

#include "report.h"
#include "streams.h"
#include "units.h"

/* More partitions than this are counted only. */
#define PARTITIONS_MAX 8u

/* ext4 "home" */
static void say_contents(FILE *out, const char *where, const char *contents, const char *label,
                         const char *size)
{
    streams_say(out, "  %s: %s%s%s%s%s", where,
                contents[0] != '\0' ? contents : "nothing recognised",
                label[0] != '\0' ? " \"" : "", label, label[0] != '\0' ? "\"" : "", size);
}

/* The partitions of the first device in the list, which has 'count' of them. */
static void say_partitions(FILE *out, const char *prefix, const struct imgz_devices *devices,
                           uint32_t count)
{
    struct imgz_partition partition = {.struct_bytes = sizeof(partition)};

    for (uint32_t i = 0; i < count && i < PARTITIONS_MAX; i++) {
        char where[128];
        char size[40];

        (void)imgz_devices_get_partition(devices, 0, i, &partition);
        snprintf(where, sizeof(where), "%s%s", prefix, partition.path);
        snprintf(size, sizeof(size), ", %s", units_size(partition.size_bytes).text);
        say_contents(out, where, partition.contents, partition.label, size);
    }
    if (count > PARTITIONS_MAX)
        streams_say(out, "  and %u more partitions", count - PARTITIONS_MAX);
}

/* ---- The target ----------------------------------------------------------------------------- */

static bool is_device(const char *path, dev_t number)
{
    struct stat status;

    return stat(path, &status) == 0 && S_ISBLK(status.st_mode) && status.st_rdev == number;
}

/* "512 GB, Samsung T5, serial S123" of the drive, with what is not known left out. */
static void say_drive(FILE *out, const char *path, const char *part_of, uint64_t size_bytes,
                      const struct imgz_device *device)
{
    streams_say(out, "writing to %s: %s%s%s%s%s%s%s%s%s", path, units_size(size_bytes).text,
                part_of[0] != '\0' ? ", a partition of " : "", part_of,
                device->bus[0] != '\0' ? ", " : "", device->bus,
                device->model[0] != '\0' ? ", " : "", device->model,
                device->serial[0] != '\0' ? ", serial " : "", device->serial);
}

static void say_now_on(FILE *out, const char *path, const char *contents, const char *label)
{
    char where[128];

    snprintf(where, sizeof(where), "now on %s", path);
    say_contents(out, where, contents, label, "");
}

/* Says what the device 'number', the first of the list or a partition of it, is, and fills in its
 * name; nothing if it is neither. */
static void say_device(FILE *out, const struct imgz_devices *devices, dev_t number,
                       struct describe_name *name)
{
    struct imgz_device disk = {.struct_bytes = sizeof(disk)};
    struct imgz_partition partition = {.struct_bytes = sizeof(partition)};

    (void)imgz_devices_get(devices, 0, &disk);
    if (is_device(disk.path, number)) {
        say_drive(out, disk.path, "", disk.size_bytes, &disk);
        say_now_on(out, disk.path, disk.contents, disk.label);
        say_partitions(out, "now on ", devices, disk.partition_count);
        snprintf(name->text, sizeof(name->text), "%s", disk.path);
        return;
    }
    for (uint32_t i = 0; imgz_devices_get_partition(devices, 0, i, &partition) == 0; i++) {
        if (!is_device(partition.path, number))
            continue;
        say_drive(out, partition.path, disk.path, partition.size_bytes, &disk);
        say_now_on(out, partition.path, partition.contents, partition.label);
        snprintf(name->text, sizeof(name->text), "%s", partition.path);
        return;
    }
}

struct describe_name describe_target(FILE *out, const char *path)
{
    struct imgz_devices *devices = NULL;
    struct describe_name name;
    struct stat target;

    snprintf(name.text, sizeof(name.text), "%s", path);
    if (stat(path, &target) == 0 && imgz_devices_find(path, &devices, NULL) == 0)
        say_device(out, devices, target.st_rdev, &name);
    imgz_devices_free(devices);
    return name;
}

/* ---- The image ------------------------------------------------------------------------------ */

/* "" if the image does not say. */
static const char *find_meta(const struct imgz_image *image, const char *wanted)
{
    const char *key, *value;

    for (uint32_t i = 0; imgz_image_get_meta(image, i, &key, &value) == 0; i++) {
        if (strcmp(key, wanted) == 0)
            return value;
    }
    return "";
}

static void say_image(FILE *out, const char *path, const struct imgz_image *image)
{
    const char *source = find_meta(image, "source.path");
    const char *model = find_meta(image, "source.model");
    const char *serial = find_meta(image, "source.serial");
    const char *date = find_meta(image, "capture.start");
    struct imgz_image_info info = {.struct_bytes = sizeof(info)};

    imgz_image_get_info(image, &info);
    streams_say(out, "the image %s: %s%s%s%s%s%s%s%s%s", report_path(path, OPERAND_IMAGE),
                info.raw_bytes != IMGZ_SIZE_UNKNOWN ? units_size(info.raw_bytes).text
                                                    : "of unknown size",
                source[0] != '\0' ? ", of " : "", source, model[0] != '\0' ? ", " : "", model,
                serial[0] != '\0' ? ", serial " : "", serial, date[0] != '\0' ? ", captured " : "",
                date);
}

void describe_image(FILE *out, const char *path, const struct imgz_image *image)
{
    struct imgz_device disk = {.struct_bytes = sizeof(disk)};
    struct imgz_devices *devices = NULL;

    say_image(out, path, image);
    if (imgz_image_disk(image, &devices) < 0) {
        streams_say(out, "  in it: unknown until the whole image is read");
        return;
    }
    (void)imgz_devices_get(devices, 0, &disk);
    say_contents(out, "in it", disk.contents, disk.label, "");
    say_partitions(out, "in it, partition ", devices, disk.partition_count);
    imgz_devices_free(devices);
}
