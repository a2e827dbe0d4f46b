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
    {"PATH", "SIZE", "MODEL", "SERIAL", "BUS", "SECTOR", "RO", "CONTENTS", "MOUNTED"}};

static void fill_row(struct row *row, const struct imgz_device *device)
{
    struct units_text size = units_size(device->size_bytes);
    char sector[32];
    const char *const texts[COLUMN_COUNT] = {
        device->path,
        size.text,
        device->model,
        device->serial,
        device->bus,
        sector,
        device->read_only ? "yes" : "no",
        device->contents,
        device->mounted_at,
    };

    snprintf(sector, sizeof(sector), "%" PRIu32 "/%" PRIu32, device->logical_sector_bytes,
             device->physical_sector_bytes);
    for (size_t i = 0; i < COLUMN_COUNT; i++)
        snprintf(row->cells[i], sizeof(row->cells[i]), "%s", texts[i][0] != '\0' ? texts[i] : "-");
}

static void widen(int widths[COLUMN_COUNT], const struct row *row)
{
    for (size_t i = 0; i < COLUMN_COUNT; i++) {
        int width = (int)strlen(row->cells[i]);

        if (width > widths[i])
            widths[i] = width;
    }
}

static void print_row(const int widths[COLUMN_COUNT], const struct row *row)
{
    for (size_t i = 0; i + 1 < COLUMN_COUNT; i++)
        printf("%-*s  ", widths[i], row->cells[i]);
    printf("%s\n", row->cells[COLUMN_COUNT - 1]);
}

static void print_table(const struct imgz_device *devices, size_t count)
{
    int widths[COLUMN_COUNT] = {0};
    struct row row;

    widen(widths, &heading);
    for (size_t i = 0; i < count; i++) {
        fill_row(&row, &devices[i]);
        widen(widths, &row);
    }
    print_row(widths, &heading);
    for (size_t i = 0; i < count; i++) {
        fill_row(&row, &devices[i]);
        print_row(widths, &row);
    }
}

static json_t *json_device(const struct imgz_device *device)
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
        {"mounted_at", report_json_text(device->mounted_at)},
    };

    report_json_add(object, pairs, sizeof(pairs) / sizeof(pairs[0]));
    return object;
}

static json_t *json_devices(const struct imgz_device *devices, size_t count)
{
    json_t *object = json_object();
    json_t *array = json_array();

    for (size_t i = 0; i < count; i++)
        json_array_append_new(array, json_device(&devices[i]));
    json_object_set_new(object, "devices", array);
    return object;
}

static int run(const struct options *options)
{
    struct report report = {.command = options->command->name, .options = options};
    struct imgz_device *devices = NULL;
    struct imgz_error error = {0};
    size_t count = 0;
    int rc = imgz_devices_list(&devices, &count, &error);

    if (rc < 0) {
        report.exit_code = runner_say_error(options, rc, &error);
        report.error = &error;
    }
    if (rc == 0 && !options_has(options, OPTION_JSON))
        print_table(devices, count);
    if (rc == 0 && options_has(options, OPTION_JSON))
        report.details = json_devices(devices, count);
    if (options_has(options, OPTION_JSON))
        report_print_json(&report);
    imgz_devices_free(devices);
    return report.exit_code;
}

const struct command cmd_devices = {
    .name = "devices",
    .summary = "list the drives of this machine",
    .about = "Lists whole block devices: what they are, what is on them, and where they are\n"
             "mounted.\n",
    .examples = "  imgz devices\n"
                "  imgz devices --json\n",
    .options = OPTION_JSON | OPTION_HELP,
    .run = run,
};
