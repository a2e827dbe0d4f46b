/* SPDX-License-Identifier: MIT */
#include <inttypes.h>
#include <stdio.h>

#include "command.h"
#include "info_topology.h"
#include "report.h"
#include "runner.h"
#include "streams.h"
#include "units.h"

static void print_bytes(const char *name, uint64_t bytes)
{
    printf("%-11s %" PRIu64 " bytes (%s)\n", name, bytes, units_size(bytes).text);
}

static void print_table(const char *path, const struct imgz_image *image,
                        const struct imgz_image_info *info)
{
    streams_print("%-11s %s", "image", report_path(path, OPERAND_IMAGE));
    printf("%-11s imgz %" PRIu32 ", one gzip member\n", "format", info->format_version);
    print_bytes("raw size", info->raw_bytes);
    print_bytes("image size", info->image_bytes);
    printf("%-11s %s\n", "ratio", units_ratio(info->raw_bytes, info->image_bytes).text);
    printf("%-11s %" PRIu64 " of %s: %" PRIu64 " with data, %s\n", "chunks", info->chunk_count,
           units_size(info->chunk_bytes).text, info->data_chunk_count,
           units_count(info->zero_run_count, "zero run").text);
    printf("%-11s %" PRIu64 " bytes (%s)\n", "zeros", info->zero_bytes,
           units_share(info->zero_bytes, info->raw_bytes).text);
    if (info->chunk_hash != IMGZ_CHUNK_HASH_XXH3)
        printf("%-11s %s\n", "chunk hash", imgz_chunk_hash_name(info->chunk_hash));
    printf("%-11s %s\n", "root hash", info->root_hash_text);
    printf("%-11s %08" PRIx32 "\n", "crc32", info->crc32);
    for (uint32_t i = 0; i < info->meta_count; i++) {
        const char *key, *value;

        imgz_image_get_meta(image, i, &key, &value);
        printf("%s%-18s %s\n", i == 0 ? "\nmetadata\n  " : "  ", key, value);
    }
}

static json_t *json_meta(const struct imgz_image *image, uint32_t count)
{
    json_t *object = json_object();

    for (uint32_t i = 0; i < count; i++) {
        const char *key, *value;

        imgz_image_get_meta(image, i, &key, &value);
        json_object_set_new(object, key, report_json_text(value));
    }
    return object;
}

static json_t *json_info(const struct imgz_image *image, const struct imgz_image_info *info)
{
    json_t *object = json_object();
    char crc32[9];

    snprintf(crc32, sizeof(crc32), "%08" PRIx32, info->crc32);
    const struct report_pair pairs[] = {
        {"format_version", report_json_number(info->format_version)},
        {"raw_bytes", report_json_number(info->raw_bytes)},
        {"image_bytes", report_json_number(info->image_bytes)},
        {"zero_bytes", report_json_number(info->zero_bytes)},
        {"chunk_bytes", report_json_number(info->chunk_bytes)},
        {"chunk_count", report_json_number(info->chunk_count)},
        {"data_chunk_count", report_json_number(info->data_chunk_count)},
        {"zero_run_count", report_json_number(info->zero_run_count)},
        {"chunk_hash", json_string(imgz_chunk_hash_name(info->chunk_hash))},
        {"root_hash", json_string(info->root_hash_text)},
        {"crc32", json_string(crc32)},
        {"meta", json_meta(image, info->meta_count)},
    };
    report_json_add(object, pairs, sizeof(pairs) / sizeof(pairs[0]));
    return object;
}

static int show_image(const struct options *options)
{
    struct report report = {.command = options->command->name, .options = options};
    struct imgz_image *image = NULL;
    struct imgz_error error = {.struct_bytes = sizeof(error)};
    const struct imgz_options job = runner_options(options);
    struct imgz_image_info info = {.struct_bytes = sizeof(info)};
    int rc = imgz_image_open_with(options->operands[0], &job, &image, &error);

    if (rc < 0) {
        report.exit_code = runner_say_error(options, rc, &error);
        report.error = &error;
    } else {
        imgz_image_get_info(image, &info);
    }
    if (rc == 0 && !options_has(options, OPTION_JSON))
        print_table(options->operands[0], image, &info);
    if (rc == 0 && !options_has(options, OPTION_JSON) && options->is_one_of_several)
        printf("\n");
    if (rc == 0 && options_has(options, OPTION_JSON))
        report.details = json_info(image, &info);
    if (options_has(options, OPTION_JSON))
        report_print_json(&report);
    imgz_image_close(image);
    return report.exit_code;
}

static int run(const struct options *options)
{
    unsigned failed_count;

    if (options_has(options, OPTION_TOPOLOGY))
        return info_topology_run(options);
    return command_each(options, show_image, &failed_count);
}

const struct command cmd_info = {
    .name = "info",
    .bit = COMMAND_INFO,
    .summary = "show what an image says about itself, or how a job would use this machine",
    .about = "Shows sizes, hashes and metadata of IMAGE. Reads its end and its index, not its\n"
             "data; 'imgz verify' checks those.\n"
             "\n"
             "With --topology: shows the nodes, cores and processors of this machine, which\n"
             "of them this process may use (affinity, control groups), and where a capture\n"
             "would put its workers and buffers.\n",
    .examples = "  imgz info disk.img.gz\n"
                "  imgz info --json disk.img.gz\n"
                "  imgz info --topology\n",
    .operand_count = 1,
    .several = true,
    .operands = {{"IMAGE", "image", OPERAND_IMAGE}},
    .run = run,
};
