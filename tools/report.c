/* SPDX-License-Identifier: MIT */
#include "report.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "streams.h"
#include "units.h"

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

/* ---- JSON ----------------------------------------------------------------------------------- */

json_t *report_json_text(const char *text)
{
    static const char replacement[] = "\xef\xbf\xbd"; /* U+FFFD */
    json_t *value = json_string(text);
    char clean[3 * 1024];
    size_t length = 0;

    if (value != NULL)
        return value;
    for (; *text != '\0' && length + sizeof(replacement) < sizeof(clean); text++) {
        if ((unsigned char)*text < 0x80) {
            clean[length++] = *text;
        } else {
            memcpy(clean + length, replacement, sizeof(replacement) - 1);
            length += sizeof(replacement) - 1;
        }
    }
    return json_stringn(clean, length);
}

json_t *report_json_number(uint64_t value)
{
    return value != UINT64_MAX ? json_integer((json_int_t)value) : json_null();
}

void report_json_add(json_t *object, const struct report_pair *pairs, size_t count)
{
    for (size_t i = 0; i < count; i++)
        json_object_set_new(object, pairs[i].key, pairs[i].value);
}

static json_t *json_digests(const struct imgz_report *job)
{
    json_t *object = json_object();

    for (uint32_t i = 0; i < job->digest_count; i++)
        json_object_set_new(object, job->digests[i].name, json_string(job->digests[i].hex));
    return object;
}

/* The digests that were compared with recorded ones. */
static json_t *json_compared_digests(const struct imgz_report *job)
{
    json_t *array = json_array();

    for (uint32_t i = 0; i < job->digest_count; i++)
        if ((job->compared_digests >> i & 1) != 0)
            json_array_append_new(array, json_string(job->digests[i].name));
    return array;
}

/* Whether a device has only zeros after the disk; null: it ends there, or that is not known. */
static json_t *json_rest_zero(enum imgz_rest rest)
{
    return rest == IMGZ_REST_ZEROS  ? json_true()
           : rest == IMGZ_REST_DATA ? json_false()
                                    : json_null();
}

static json_t *json_unreadable(const struct imgz_report *job)
{
    json_t *array = json_array();

    for (uint64_t i = 0; i < job->unreadable_range_count && i < IMGZ_UNREADABLE_MAX; i++) {
        json_t *range = json_object();
        const struct report_pair pairs[] = {
            {"offset", report_json_number(job->unreadable[i].offset)},
            {"bytes", report_json_number(job->unreadable[i].bytes)},
        };

        report_json_add(range, pairs, COUNT_OF(pairs));
        json_array_append_new(array, range);
    }
    return array;
}

static json_t *json_warnings(const struct imgz_report *job)
{
    json_t *array = json_array();

    for (uint32_t i = 0; i < job->warning_count; i++) {
        json_t *warning = json_object();
        const struct report_pair pairs[] = {
            {"code", json_string(job->warnings[i].code)},
            {"text", report_json_text(job->warnings[i].text)},
        };

        report_json_add(warning, pairs, COUNT_OF(pairs));
        json_array_append_new(array, warning);
    }
    return array;
}

static void add_job(json_t *object, const struct imgz_report *job)
{
    bool whole = job->root_hash_text[0] != '\0'; /* the job came to the end of the disk */
    char crc32[9];

    snprintf(crc32, sizeof(crc32), "%08" PRIx32, job->crc32);
    const struct report_pair pairs[] = {
        {"raw_bytes", report_json_number(job->raw_bytes)},
        {"image_bytes", report_json_number(job->image_bytes)},
        {"zero_bytes", report_json_number(job->zero_bytes)},
        {"written_bytes", report_json_number(job->written_bytes)},
        {"same_bytes", report_json_number(job->same_bytes)},
        {"resumed_bytes", report_json_number(job->resumed_bytes)},
        {"chunk_bytes", report_json_number(job->chunk_bytes)},
        {"chunk_count", report_json_number(job->chunk_count)},
        {"stored_chunk_count", report_json_number(job->stored_chunk_count)},
        {"bad_chunk_count", report_json_number(job->bad_chunk_count)},
        {"bad_offset", report_json_number(job->bad_offset)},
        {"unreadable_bytes", report_json_number(job->unreadable_bytes)},
        {"unreadable_range_count", report_json_number(job->unreadable_range_count)},
        {"unreadable", json_unreadable(job)},
        {"mended", json_boolean(job->mended)},
        {"missing_bytes", report_json_number(job->missing_bytes)},
        {"regained_bytes", report_json_number(job->regained_bytes)},
        {"left_out_bytes", report_json_number(job->left_out_bytes)},
        {"discarded_bytes", report_json_number(job->discarded_bytes)},
        {"rest_bytes", report_json_number(job->rest_bytes)},
        {"rest_zero_bytes", report_json_number(job->rest_zero_bytes)},
        {"rest_zero", json_rest_zero(job->rest)},
        {"backup_gpt_offset", report_json_number(job->backup_gpt_offset)},
        {"against_image", json_boolean(job->against_image)},
        {"chunk_hash", whole ? json_string(imgz_chunk_hash_name(job->chunk_hash)) : json_null()},
        {"root_hash", whole ? json_string(job->root_hash_text) : json_null()},
        {"crc32", job->crc32_known != 0 ? json_string(crc32) : json_null()},
        {"digests", json_digests(job)},
        {"compared_digests", json_compared_digests(job)},
        {"gpt_moved", json_boolean(job->gpt_moved)},
        {"warnings", json_warnings(job)},
        {"elapsed_ns", report_json_number(job->elapsed_ns)},
        {"flush_ns", report_json_number(job->flush_ns)},
        {"feed_cpu_ns", report_json_number(job->feed_cpu_ns)},
        {"work_cpu_ns", report_json_number(job->work_cpu_ns)},
        {"drain_cpu_ns", report_json_number(job->drain_cpu_ns)},
        {"thread_count", report_json_number(job->thread_count)},
        {"io", report_json_text(job->io_name)},
    };
    report_json_add(object, pairs, COUNT_OF(pairs));
}

static json_t *json_error(const struct imgz_error *error)
{
    const char *name = strerrorname_np(-error->code);
    json_t *object = json_object();
    const struct report_pair pairs[] = {
        {"code", json_string(name != NULL ? name : "?")},
        {"stage", json_string(imgz_stage_name(error->stage))},
        {"path", error->path[0] != '\0' ? report_json_text(error->path) : json_null()},
        {"offset", report_json_number(error->offset)},
        {"text", report_json_text(error->text)},
        {"reason", json_string(imgz_reason_name(error->reason))},
    };

    report_json_add(object, pairs, COUNT_OF(pairs));
    return object;
}

static void add_operands(json_t *object, const struct options *options)
{
    const struct command *command = options->command;

    for (unsigned i = 0; i < command->operand_count; i++)
        if (options->operands[i] != NULL)
            json_object_set_new(object, command->operands[i].key,
                                report_json_text(options->operands[i]));
    if (options->against != NULL)
        json_object_set_new(object, "against", report_json_text(options->against));
}

void report_print_json(const struct report *report)
{
    json_t *object = json_object();
    const struct report_pair head[] = {
        {"ok", json_boolean(report->exit_code == EXIT_CODE_DONE)},
        {"command", report->command != NULL ? json_string(report->command) : json_null()},
        {"exit_code", json_integer(report->exit_code)},
    };

    report_json_add(object, head, COUNT_OF(head));
    if (report->error != NULL)
        json_object_set_new(object, "error", json_error(report->error));
    if (report->options != NULL)
        add_operands(object, report->options);
    if (report->job != NULL)
        add_job(object, report->job);
    if (report->details != NULL)
        json_object_update_new(object, report->details);
    json_dumpf(object, stdout, 0);
    putchar('\n');
    json_decref(object);
}

/* ---- The summary ---------------------------------------------------------------------------- */

const char *report_path(const char *path, enum operand_role role)
{
    if (strcmp(path, "-") != 0)
        return path;
    switch (role) {
    case OPERAND_SOURCE:
    case OPERAND_IMAGE:
        return "standard input";
    case OPERAND_IMAGE_OUT:
    case OPERAND_RAW_OUT:
        return "standard output";
    case OPERAND_SAMPLE:
        break;
    }
    return path;
}

static void print_unreadable(const struct imgz_report *job)
{
    streams_note("unreadable %s in %s, the first at byte %" PRIu64 "; the image has zeros there",
                 units_size(job->unreadable_bytes).text,
                 units_count(job->unreadable_range_count, "place").text, job->unreadable[0].offset);
}

/* Zeros cost next to nothing, like holes that are not read. If most of the disk is zeros, only data
 * counts. */
static bool is_mostly_zero(const struct imgz_report *job)
{
    return job->zero_bytes > job->raw_bytes / 2;
}

/* What the job itself went through: not what an earlier run had done. */
static uint64_t count_worked_bytes(const struct imgz_report *job)
{
    const uint64_t data_bytes = job->raw_bytes - (is_mostly_zero(job) ? job->zero_bytes : 0);

    if (job->mended != 0)
        return job->missing_bytes;
    return data_bytes > job->resumed_bytes ? data_bytes - job->resumed_bytes : 0;
}

static void print_time(const struct imgz_report *job)
{
    const uint64_t worked_bytes = count_worked_bytes(job);
    char speed[64] = "";
    char flush[64] = "";

    if (worked_bytes > 0)
        snprintf(speed, sizeof(speed), ", %s%s", units_speed(worked_bytes, job->elapsed_ns).text,
                 is_mostly_zero(job) && job->mended == 0 ? " of data" : "");
    if (job->flush_ns >= 10 * 1000 * 1000)
        snprintf(flush, sizeof(flush), ", %s of it to flush", units_duration(job->flush_ns).text);
    streams_note("time       %s%s%s", units_duration(job->elapsed_ns).text, speed, flush);
}

void report_print_summary(const struct options *options, const struct imgz_report *job)
{
    if (job->unreadable_bytes > 0)
        print_unreadable(job);
    if (job->root_hash_text[0] != '\0')
        streams_note("root hash  %s", job->root_hash_text);
    for (uint32_t i = 0; i < job->digest_count; i++)
        streams_note("%-9s  %s", job->digests[i].name, job->digests[i].hex);
    print_time(job);
    if (options_has(options, OPTION_VERBOSE))
        streams_note("used       %s, chunks of %s, %s",
                     units_count(job->thread_count, "thread").text,
                     units_size(job->chunk_bytes).text, job->io_name);
}
