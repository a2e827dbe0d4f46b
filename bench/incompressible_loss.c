/* SPDX-License-Identifier: MIT */
/*
 * What the incompressible test costs and saves on real files: imgz_incompressible_loss [-v] PATH...
 *
 * All regular files under the paths are laid out as a file system does, each from a 4 KiB boundary
 * on, and cut into chunks of 1 MiB. Every chunk is tested, and whatever the answer, deflated at
 * level fast and at level 6. Compared with deflating everything, and storing what does not get
 * smaller:
 *
 *     false yes   stored untried, though deflating would have taken off more than 1/1024
 *     false no    deflated in vain: less than 1/1024 came off, or nothing
 *     lost        bytes that deflating would have taken off the chunks stored untried, in all and
 *                 as a part of the output
 *     saved       time of deflating the chunks stored untried, less the time of testing all, as a
 *                 part of the time of deflating everything
 *
 * With -v, a line for each false yes: where the chunk begins, and what it would have gained.
 */
#include <errno.h>
#include <fcntl.h>
#include <fts.h>
#include <inttypes.h>
#include <libdeflate.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "codec/deflate.h"
#include "codec/incompressible.h"
#include "codec/isal.h"
#include "codec/stored.h"

#define CHUNK_BYTES   ((size_t)1 << 20)
#define GAIN_DIVISOR  1024u /* a gain worth having: a part of the chunk */
#define NS_PER_SECOND 1e9

/* The ways to deflate. */
enum way {
    WAY_FAST,
    WAY_SIX,
    WAY_COUNT,
};

static const char *const way_names[WAY_COUNT] = {"fast", "6"};

struct outcome {
    uint64_t false_yes_count;
    uint64_t false_no_count;
    uint64_t out_bytes; /* with the test */
    uint64_t lost_bytes;
    uint64_t deflate_ns;     /* of all chunks */
    uint64_t yes_deflate_ns; /* of those stored untried */
};

struct survey {
    bool verbose;
    struct imgz_isal *isal; /* NULL in builds without */
    struct libdeflate_compressor *compressors[WAY_COUNT];
    unsigned char *out;
    size_t out_bytes_max;

    /* The chunk being filled. */
    unsigned char *chunk;
    size_t chunk_used_bytes;
    char chunk_path[256]; /* what it begins with, for -v */
    uint64_t chunk_path_offset;

    uint64_t file_count;
    uint64_t chunk_count;
    uint64_t yes_count;
    uint64_t raw_bytes;
    uint64_t test_ns;
    struct outcome outcomes[WAY_COUNT];
};

/* ---- One chunk ---------------------------------------------------------------------------- */

/* Length of what deflating makes of the chunk, or of stored blocks if that is less. */
static size_t deflate_chunk(struct survey *survey, enum way way)
{
    const size_t raw_bytes = survey->chunk_used_bytes;
    const size_t stored_bytes = imgz_stored_segment_bytes(raw_bytes);
    size_t bytes = 0;

#if IMGZ_HAVE_ISAL
    if (way == WAY_FAST) {
        if (imgz_isal_compress(survey->isal, survey->chunk, raw_bytes, survey->out,
                               survey->out_bytes_max, &bytes) < 0)
            bytes = 0;
        return bytes > 0 ? imgz_min(bytes, stored_bytes) : stored_bytes;
    }
#endif
    bytes = libdeflate_deflate_compress(survey->compressors[way], survey->chunk, raw_bytes,
                                        survey->out, survey->out_bytes_max);
    return bytes > 0 ? imgz_min(bytes, stored_bytes) : stored_bytes;
}

static void tell_false_yes(const struct survey *survey, enum way way, uint64_t gain_bytes)
{
    printf("false yes: level %s would take off %" PRIu64 " of %zu bytes (%.2f %%) at %s+%" PRIu64
           "\n",
           way_names[way], gain_bytes, survey->chunk_used_bytes,
           100.0 * (double)gain_bytes / (double)survey->chunk_used_bytes, survey->chunk_path,
           survey->chunk_path_offset);
}

static void judge_chunk(struct survey *survey, enum way way, bool yes)
{
    struct outcome *outcome = &survey->outcomes[way];
    const size_t stored_bytes = imgz_stored_segment_bytes(survey->chunk_used_bytes);
    const uint64_t start_ns = imgz_clock_ns();
    const size_t deflated_bytes = deflate_chunk(survey, way);
    const uint64_t ns = imgz_clock_ns() - start_ns;
    const size_t gain_bytes = stored_bytes - deflated_bytes;
    const bool worth_it = gain_bytes > survey->chunk_used_bytes / GAIN_DIVISOR;

    outcome->deflate_ns += ns;
    outcome->out_bytes += yes ? stored_bytes : deflated_bytes;
    outcome->false_no_count += !yes && !worth_it;
    if (!yes)
        return;
    outcome->yes_deflate_ns += ns;
    outcome->lost_bytes += gain_bytes;
    outcome->false_yes_count += worth_it;
    if (worth_it && survey->verbose)
        tell_false_yes(survey, way, gain_bytes);
}

static void finish_chunk(struct survey *survey)
{
    uint64_t start_ns;
    bool yes;

    if (survey->chunk_used_bytes == 0)
        return;
    start_ns = imgz_clock_ns();
    yes = imgz_incompressible(survey->chunk, survey->chunk_used_bytes);
    survey->test_ns += imgz_clock_ns() - start_ns;
    survey->chunk_count += 1;
    survey->yes_count += yes;
    survey->raw_bytes += survey->chunk_used_bytes;
    for (enum way way = 0; way < WAY_COUNT; way++)
        judge_chunk(survey, way, yes);
    survey->chunk_used_bytes = 0;
}

/* ---- Files -------------------------------------------------------------------------------- */

/* Zeros up to the next block, as after the end of any file on a disk. */
static void pad_chunk(struct survey *survey)
{
    const size_t end = (size_t)imgz_align_up(survey->chunk_used_bytes, IMGZ_BLOCK_BYTES);

    memset(survey->chunk + survey->chunk_used_bytes, 0, end - survey->chunk_used_bytes);
    survey->chunk_used_bytes = end;
    if (end == CHUNK_BYTES)
        finish_chunk(survey);
}

/* Files that cannot be read are left out. */
static void add_file(struct survey *survey, const char *path)
{
    const int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    uint64_t offset = 0;
    ssize_t bytes;

    if (fd < 0)
        return;
    do {
        if (survey->chunk_used_bytes == 0) {
            snprintf(survey->chunk_path, sizeof(survey->chunk_path), "%s", path);
            survey->chunk_path_offset = offset;
        }
        bytes = read(fd, survey->chunk + survey->chunk_used_bytes,
                     CHUNK_BYTES - survey->chunk_used_bytes);
        if (bytes > 0) {
            survey->chunk_used_bytes += (size_t)bytes;
            offset += (uint64_t)bytes;
        }
        if (survey->chunk_used_bytes == CHUNK_BYTES)
            finish_chunk(survey);
    } while (bytes > 0 || (bytes < 0 && errno == EINTR));
    close(fd);
    survey->file_count += offset > 0;
    pad_chunk(survey);
}

static int by_name(const FTSENT **a, const FTSENT **b)
{
    return strcmp((*a)->fts_name, (*b)->fts_name);
}

static int add_trees(struct survey *survey, char **paths)
{
    FTS *tree = fts_open(paths, FTS_PHYSICAL | FTS_NOCHDIR | FTS_XDEV, by_name);
    FTSENT *entry;

    if (tree == NULL)
        return -errno;
    while ((entry = fts_read(tree)) != NULL) {
        if (entry->fts_info == FTS_F)
            add_file(survey, entry->fts_accpath);
    }
    finish_chunk(survey);
    return fts_close(tree) < 0 ? -errno : 0;
}

/* ---- The report --------------------------------------------------------------------------- */

static double percent(uint64_t part, uint64_t whole)
{
    return whole > 0 ? 100.0 * (double)part / (double)whole : 0;
}

static void report(const struct survey *survey)
{
    printf("%" PRIu64 " files, %.1f MiB, %" PRIu64 " chunks: %" PRIu64 " yes, %" PRIu64
           " no, %.1f us a test\n",
           survey->file_count, (double)survey->raw_bytes / (double)CHUNK_BYTES, survey->chunk_count,
           survey->yes_count, survey->chunk_count - survey->yes_count,
           survey->chunk_count > 0 ? (double)survey->test_ns / 1e3 / (double)survey->chunk_count
                                   : 0);
    printf("%5s %10s %10s %10s %12s %9s %10s %8s\n", "level", "out/in", "false yes", "false no",
           "lost bytes", "lost", "deflate s", "saved");
    for (enum way way = 0; way < WAY_COUNT; way++) {
        const struct outcome *outcome = &survey->outcomes[way];
        const double saved_ns = (double)outcome->yes_deflate_ns - (double)survey->test_ns;

        printf("%5s %10.4f %10" PRIu64 " %10" PRIu64 " %12" PRIu64 " %7.4f %% %10.2f %6.2f %%\n",
               way_names[way], percent(outcome->out_bytes, survey->raw_bytes) / 100,
               outcome->false_yes_count, outcome->false_no_count, outcome->lost_bytes,
               percent(outcome->lost_bytes, outcome->out_bytes),
               (double)outcome->deflate_ns / NS_PER_SECOND,
               outcome->deflate_ns > 0 ? 100 * saved_ns / (double)outcome->deflate_ns : 0);
    }
}

/* ------------------------------------------------------------------------------------------- */

static void survey_fini(struct survey *survey)
{
    for (enum way way = 0; way < WAY_COUNT; way++) {
        if (survey->compressors[way] != NULL)
            libdeflate_free_compressor(survey->compressors[way]);
    }
#if IMGZ_HAVE_ISAL
    imgz_isal_destroy(survey->isal);
#endif
    free(survey->out);
    free(survey->chunk);
}

static int survey_init(struct survey *survey, bool verbose)
{
    *survey = (struct survey){.verbose = verbose, .out_bytes_max = imgz_deflate_bound(CHUNK_BYTES)};
    survey->out = malloc(survey->out_bytes_max);
    survey->chunk = malloc(CHUNK_BYTES);
    survey->compressors[WAY_FAST] = libdeflate_alloc_compressor(1);
    survey->compressors[WAY_SIX] = libdeflate_alloc_compressor(6);
    if (survey->out == NULL || survey->chunk == NULL || survey->compressors[WAY_FAST] == NULL ||
        survey->compressors[WAY_SIX] == NULL)
        return -ENOMEM;
#if IMGZ_HAVE_ISAL
    return imgz_isal_create(&survey->isal);
#else
    return 0;
#endif
}

int main(int argc, char **argv)
{
    const bool verbose = argc > 1 && strcmp(argv[1], "-v") == 0;
    char **paths = argv + 1 + verbose;
    struct survey survey;
    int rc;

    if (argc < 2 + verbose || paths[0][0] == '-') {
        fprintf(stderr, "usage: %s [-v] PATH...\n", argv[0]);
        return 2;
    }
    rc = survey_init(&survey, verbose);
    if (rc == 0)
        rc = add_trees(&survey, paths);
    if (rc == 0)
        report(&survey);
    else
        fprintf(stderr, "%s: %s\n", argv[0], strerror(-rc));
    survey_fini(&survey);
    return rc == 0 ? 0 : 1;
}
