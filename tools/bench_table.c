/* SPDX-License-Identifier: MIT */
#include "bench_table.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "streams.h"
#include "units.h"

/* The level people reach for when size matters more than time. */
#define LEVEL_SMALL 6

/* A smaller source is read before a drive reaches its speed. */
#define SOURCE_BYTES_MIN ((uint64_t)16 << 20)

struct bench_level bench_level_name(int32_t level)
{
    struct bench_level result = {"fast"};

    if (level != IMGZ_LEVEL_FAST)
        snprintf(result.text, sizeof(result.text), "%" PRId32, level);
    return result;
}

static struct units_text speed_of(const struct imgz_bench_row *row)
{
    return units_speed(row->bytes, row->elapsed_ns);
}

/* ---- The table ------------------------------------------------------------------------------ */

void bench_table_print_head(const struct imgz_bench_result *result, const char *path)
{
    const bool default_hash = result->chunk_hash == IMGZ_CHUNK_HASH_XXH3;
    char source[80] = "";

    if (path != NULL)
        snprintf(source, sizeof(source), " (%s): a sample", units_size(result->source_bytes).text);
    streams_print("%s%s of %s; %s, chunks of %s%s%s", path != NULL ? path : "A synthetic mix",
                  source, units_size(result->sample_bytes).text,
                  units_count(result->thread_count, "thread").text,
                  units_size(result->chunk_bytes).text, default_hash ? "" : ", chunk hash ",
                  default_hash ? "" : imgz_chunk_hash_name(result->chunk_hash));
    printf("\n%-14s %10s %8s%s\n", "", "speed", "ratio",
           result->source_bytes > 0 ? "  keeps up" : "");
}

static const char *remark_on(const struct imgz_bench_result *result,
                             const struct imgz_bench_row *row, char *room, size_t room_bytes)
{
    switch (row->kind) {
    case IMGZ_BENCH_READ_DIRECT:
        return "bypassing the page cache";
    case IMGZ_BENCH_READ_CACHED:
        if (result->cached_percent > 100)
            return "through the page cache";
        snprintf(room, room_bytes, "through the page cache, which held %" PRIu32 "%% of it",
                 result->cached_percent);
        return room;
    case IMGZ_BENCH_HASH:
        return "XXH3-128, the default";
    case IMGZ_BENCH_HASH_SHA256:
        return "SHA-256, for --chunk-hash sha256";
    case IMGZ_BENCH_CAPTURE:
        return row->level == IMGZ_LEVEL_FAST ? "the default" : row->level == 0 ? "stored" : "";
    case IMGZ_BENCH_DECODE:
        return "verify, and restore without writing";
    case IMGZ_BENCH_RESTORE:
        return "with writing and flushing";
    case IMGZ_BENCH_ZERO_TEST:
    case IMGZ_BENCH_CRC32:
        break;
    }
    return "";
}

void bench_table_print_row(const struct imgz_bench_result *result, const struct imgz_bench_row *row)
{
    const bool capture = row->kind == IMGZ_BENCH_CAPTURE;
    char room[80];
    char line[200];
    size_t length;

    snprintf(line, sizeof(line), "%-14s %10s %8s  %-8s  %s", row->name,
             row->elapsed_ns > 0 ? speed_of(row).text : "-",
             capture ? units_ratio(result->sample_bytes, row->sample_image_bytes).text : "",
             capture && result->read_row >= 0 ? row->keeps_up ? "yes" : "no" : "",
             remark_on(result, row, room, sizeof(room)));
    length = strlen(line);
    while (length > 0 && line[length - 1] == ' ')
        length -= 1;
    printf("%.*s\n", (int)length, line);
}

/* ---- Advice --------------------------------------------------------------------------------- */

__attribute__((format(printf, 2, 3))) static void add_line(struct bench_advice *advice,
                                                           const char *format, ...)
{
    va_list arguments;

    if (advice->count == BENCH_ADVICE_MAX)
        return;
    va_start(arguments, format);
    vsnprintf(advice->lines[advice->count], sizeof(advice->lines[0]), format, arguments);
    va_end(arguments);
    advice->count += 1;
}

/* NULL: was not measured. */
static const struct imgz_bench_row *find_row(const struct imgz_bench_result *result,
                                             enum imgz_bench_kind kind, int32_t level)
{
    for (uint32_t i = 0; i < result->done_count; i++) {
        const struct imgz_bench_row *row = &result->rows[i];

        if (row->kind == kind && row->level == level && row->elapsed_ns > 0)
            return row;
    }
    return NULL;
}

static const struct imgz_bench_row *find_level(const struct imgz_bench_result *result,
                                               int32_t level)
{
    return find_row(result, IMGZ_BENCH_CAPTURE, level);
}

/* "level fast keeps up (870 MB/s), level 1 would not (350 MB/s)". */
static void advise_level(const struct imgz_bench_result *result, const char *path,
                         struct bench_advice *advice)
{
    const struct imgz_bench_row *read = &result->rows[result->read_row];
    const int32_t level = result->level_kept_up;
    const struct imgz_bench_row *kept = find_level(result, level);
    const struct imgz_bench_row *next = find_level(result, level < 1 ? 1 : level + 1);
    const struct imgz_bench_row *fast = find_level(result, IMGZ_LEVEL_FAST);
    char reads[128];

    snprintf(reads, sizeof(reads), "%.60s is read at %s%s", path, speed_of(read).text,
             read->kind == IMGZ_BENCH_READ_CACHED ? " through the page cache" : "");
    if (kept != NULL && next != NULL)
        add_line(advice, "%s: level %s keeps up (%s), level %s would not (%s).", reads,
                 bench_level_name(kept->level).text, speed_of(kept).text,
                 bench_level_name(next->level).text, speed_of(next).text);
    else if (kept != NULL)
        add_line(advice, "%s: every level keeps up; %s makes the smallest image.", reads,
                 bench_level_name(kept->level).text);
    else if (fast != NULL)
        add_line(advice, "%s: no level keeps up, level fast comes closest (%s).", reads,
                 speed_of(fast).text);
}

/* What limits captures. */
static const char *limit_of(const struct imgz_bench_result *result,
                            const struct imgz_bench_row *fast, const struct imgz_bench_row *small)
{
    if (result->read_row < 0)
        return "";
    if (small->keeps_up)
        return " The drive is the limit.";
    return fast->keeps_up ? " At level fast the drive is the limit, at level 6 the processors are."
                          : " The processors are the limit.";
}

static void advise_whole(const struct imgz_bench_result *result, struct bench_advice *advice)
{
    const struct imgz_bench_row *fast = find_level(result, IMGZ_LEVEL_FAST);
    const struct imgz_bench_row *small = find_level(result, LEVEL_SMALL);
    const uint64_t data_bytes = result->source_bytes - result->source_hole_bytes;
    char holes[64] = "";

    if (fast == NULL || small == NULL)
        return;
    if (data_bytes == 0) {
        add_line(advice, "All of it is a hole: there is nothing to read or compress.");
        return;
    }
    add_line(advice, "A capture of all of it takes about %s at level fast, %s at level %d.%s",
             units_duration(fast->source_ns).text, units_duration(small->source_ns).text,
             LEVEL_SMALL, limit_of(result, fast, small));
    if (result->source_hole_bytes > 0)
        snprintf(holes, sizeof(holes), "%s are holes, ",
                 units_size(result->source_hole_bytes).text);
    add_line(
        advice,
        "The image would be about %s at level fast, %s at level %d; %s%s of the sample is zeros.",
        units_size(fast->source_image_bytes).text, units_size(small->source_image_bytes).text,
        LEVEL_SMALL, holes, units_share(result->sample_zero_bytes, result->sample_bytes).text);
    if (data_bytes < SOURCE_BYTES_MIN)
        add_line(advice, "With so little data the speeds mean little: try a larger file.");
}

/* No drive is known: what the levels would keep up with. */
static void advise_mix(const struct imgz_bench_result *result, struct bench_advice *advice)
{
    const struct imgz_bench_row *fast = find_level(result, IMGZ_LEVEL_FAST);
    const struct imgz_bench_row *small = find_level(result, LEVEL_SMALL);

    if (fast != NULL && small != NULL)
        add_line(advice, "Level fast keeps up with drives of up to %s, level %d with up to %s.",
                 speed_of(fast).text, LEVEL_SMALL, speed_of(small).text);
    add_line(advice, "'imgz bench FILE' measures a file or drive of yours.");
}

static void advise_restore(const struct imgz_bench_result *result, const char *folder,
                           struct bench_advice *advice)
{
    const struct imgz_bench_row *decode = find_row(result, IMGZ_BENCH_DECODE, IMGZ_LEVEL_FAST);
    const struct imgz_bench_row *restore = find_row(result, IMGZ_BENCH_RESTORE, IMGZ_LEVEL_FAST);
    double decode_speed, restore_speed;

    if (decode == NULL || restore == NULL)
        return;
    decode_speed = (double)decode->bytes / (double)decode->elapsed_ns;
    restore_speed = (double)restore->bytes / (double)restore->elapsed_ns;
    /* A difference of a few percent is the copying, and chance. */
    add_line(advice, "Restoring to %.60s: %s, limited by %s.", folder, speed_of(restore).text,
             restore_speed < 0.8 * decode_speed ? "the drive there" : "the processors");
}

/* Workers that only compute have a processor all the time, unless there are more of them than
 * processors, or other programs. */
static void advise_busy(const struct imgz_bench_result *result, struct bench_advice *advice)
{
    if (result->processor_percent < 90)
        add_line(advice,
                 "The threads had a processor for only %" PRIu32
                 "%% of their time: other programs are "
                 "busy here, or there are too many threads.",
                 result->processor_percent);
}

void bench_table_advise(const struct imgz_bench_result *result, const char *path,
                        const char *folder, struct bench_advice *advice)
{
    *advice = (struct bench_advice){0};
    if (path != NULL && result->read_row >= 0)
        advise_level(result, path, advice);
    if (path != NULL)
        advise_whole(result, advice);
    else
        advise_mix(result, advice);
    if (folder != NULL)
        advise_restore(result, folder, advice);
    advise_busy(result, advice);
}
