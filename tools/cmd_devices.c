/* SPDX-License-Identifier: MIT */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "command.h"
#include "report.h"
#include "runner.h"
#include "units.h"

#define COLUMN_COUNT 9

struct row {
    char cells[COLUMN_COUNT][256];
};

static const struct row heading = {
    {"PATH", "SIZE", "MODEL", "SERIAL", "BUS", "SECTOR", "RO", "CONTENTS", "IN USE"}};

static void set_cells(struct row *row, const char *const texts[COLUMN_COUNT])
{
    for (size_t i = 0; i < COLUMN_COUNT; i++) {
        snprintf(row->cells[i], sizeof(row->cells[i]), "%s", texts[i][0] != '\0' ? texts[i] : "-");
        imgz_make_printable(row->cells[i]);
    }
}

/* "ext4 "root"", with whatever is known of the two. */
static void set_contents(char *text, size_t text_bytes, const char *contents, const char *label)
{
    snprintf(text, text_bytes, label[0] != '\0' ? "%s%s\"%s\"" : "%s", contents,
             contents[0] != '\0' ? " " : "", label);
}

/* What uses a partitioned disk is shown beside its partitions. */
static const char *disk_use(const struct imgz_device *device)
{
    if (device->running_system)
        return "the running system";
    return device->partition_count > 0 && device->in_use[0] != '\0' ? "in use" : device->in_use;
}

static void fill_device(struct row *row, const struct imgz_device *device)
{
    struct units_text size = units_size(device->size_bytes);
    char contents[160];
    char sector[32];
    const char *const texts[COLUMN_COUNT] = {
        device->path,
        size.text,
        device->model,
        device->serial,
        device->bus,
        sector,
        device->read_only ? "yes" : "no",
        contents,
        disk_use(device),
    };

    snprintf(sector, sizeof(sector), "%" PRIu32 "/%" PRIu32, device->logical_sector_bytes,
             device->physical_sector_bytes);
    set_contents(contents, sizeof(contents), device->contents, device->label);
    set_cells(row, texts);
}

/* Below its disk, whose model and the like need no repetition. */
static void fill_partition(struct row *row, const struct imgz_partition *partition)
{
    struct units_text size = units_size(partition->size_bytes);
    char contents[160];
    char path[80];
    const char *const texts[COLUMN_COUNT] = {
        path, size.text, " ", " ", " ", " ", " ", contents, partition->in_use,
    };

    snprintf(path, sizeof(path), "  %s", partition->path);
    set_contents(contents, sizeof(contents), partition->contents, partition->label);
    set_cells(row, texts);
}

static void widen(int widths[COLUMN_COUNT], const struct row *row)
{
    for (size_t i = 0; i < COLUMN_COUNT; i++) {
        int width = (int)strlen(row->cells[i]);

        if (width > widths[i])
            widths[i] = width;
    }
}

static void print_row(int widths[COLUMN_COUNT], const struct row *row)
{
    for (size_t i = 0; i + 1 < COLUMN_COUNT; i++)
        printf("%-*s  ", widths[i], row->cells[i]);
    printf("%s\n", row->cells[COLUMN_COUNT - 1]);
}

/* Hands every row in order to 'take'. */
static void each_row(const struct imgz_devices *devices,
                     void (*take)(int widths[COLUMN_COUNT], const struct row *row),
                     int widths[COLUMN_COUNT])
{
    struct imgz_device device = {.struct_bytes = sizeof(device)};
    struct imgz_partition partition = {.struct_bytes = sizeof(partition)};
    struct row row;

    take(widths, &heading);
    for (size_t i = 0; imgz_devices_get(devices, i, &device) == 0; i++) {
        fill_device(&row, &device);
        take(widths, &row);
        for (uint32_t j = 0; imgz_devices_get_partition(devices, i, j, &partition) == 0; j++) {
            fill_partition(&row, &partition);
            take(widths, &row);
        }
    }
}

static void print_table(const struct imgz_devices *devices)
{
    int widths[COLUMN_COUNT] = {0};

    each_row(devices, widen, widths);
    each_row(devices, print_row, widths);
}

static json_t *json_partitions(const struct imgz_devices *devices, size_t index)
{
    struct imgz_partition partition = {.struct_bytes = sizeof(partition)};
    json_t *array = json_array();

    for (uint32_t i = 0; imgz_devices_get_partition(devices, index, i, &partition) == 0; i++) {
        json_t *object = json_object();
        const struct report_pair pairs[] = {
            {"path", report_json_text(partition.path)},
            {"offset_bytes", report_json_number(partition.offset_bytes)},
            {"size_bytes", report_json_number(partition.size_bytes)},
            {"contents", report_json_text(partition.contents)},
            {"label", report_json_text(partition.label)},
            {"mounted_at", report_json_text(partition.mounted_at)},
            {"in_use", report_json_text(partition.in_use)},
        };

        report_json_add(object, pairs, sizeof(pairs) / sizeof(pairs[0]));
        json_array_append_new(array, object);
    }
    return array;
}

static json_t *json_device(const struct imgz_device *device, json_t *partitions)
{
    json_t *object = json_object();
    const struct report_pair pairs[] = {
        {"path", report_json_text(device->path)},
        {"size_bytes", report_json_number(device->size_bytes)},
        {"model", report_json_text(device->model)},
        {"serial", report_json_text(device->serial)},
        {"bus", report_json_text(device->bus)},
        {"logical_sector_bytes", report_json_number(device->logical_sector_bytes)},
        {"physical_sector_bytes", report_json_number(device->physical_sector_bytes)},
        {"read_only", json_boolean(device->read_only)},
        {"removable", json_boolean(device->removable)},
        {"contents", report_json_text(device->contents)},
        {"label", report_json_text(device->label)},
        {"mounted_at", report_json_text(device->mounted_at)},
        {"in_use", report_json_text(device->in_use)},
        {"running_system", json_boolean(device->running_system)},
        {"partitions", partitions},
    };

    report_json_add(object, pairs, sizeof(pairs) / sizeof(pairs[0]));
    return object;
}

static json_t *json_devices(const struct imgz_devices *devices)
{
    struct imgz_device device = {.struct_bytes = sizeof(device)};
    json_t *object = json_object();
    json_t *array = json_array();

    for (size_t i = 0; imgz_devices_get(devices, i, &device) == 0; i++)
        json_array_append_new(array, json_device(&device, json_partitions(devices, i)));
    json_object_set_new(object, "devices", array);
    return object;
}

static int run(const struct options *options)
{
    struct report report = {.command = options->command->name, .options = options};
    struct imgz_devices *devices = NULL;
    struct imgz_error error = {.struct_bytes = sizeof(error)};
    int rc = imgz_devices_list(&devices, &error);

    if (rc < 0) {
        report.exit_code = runner_say_error(options, rc, &error);
        report.error = &error;
    }
    if (rc == 0 && !options_has(options, OPTION_JSON))
        print_table(devices);
    if (rc == 0 && options_has(options, OPTION_JSON))
        report.details = json_devices(devices);
    if (options_has(options, OPTION_JSON))
        report_print_json(&report);
    imgz_devices_free(devices);
    return report.exit_code;
}

const struct command cmd_devices = {
    .name = "devices",
    .bit = COMMAND_DEVICES,
    .summary = "list the drives of this machine",
    .about = "Lists block devices and their partitions, what is on them, and what uses them:\n"
             "mounts, swap, LVM, MD, loop devices.\n",
    .examples = "  imgz devices\n"
                "  imgz devices --json\n",
    .run = run,
};
