/* SPDX-License-Identifier: MIT */
#include "job/verify/beyond_end.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

#include "base/zero.h"

#define PIECE_BYTES ((uint64_t)1 << 20)

/* At least this much is read if the disk is small. Reading the rest of a large drive would take
 * hours, just for a remark. */
#define LOOK_BYTES_MIN ((uint64_t)1 << 30)

struct look {
    struct imgz_job *job;
    const struct imgz_source *source;
    uint64_t disk_bytes;
    unsigned char *piece;
};

/* Reads a piece that begins at 'at', a whole block, and has 'skip' bytes of the disk. Moves on if
 * all after these is zero; otherwise records what it is. */
static bool look_at_piece(const struct look *look, uint64_t at, uint64_t skip)
{
    struct imgz_job *job = look->job;
    size_t done_bytes;
    int rc = imgz_source_read_at(look->source, at, look->piece, PIECE_BYTES, &done_bytes);

    if (rc < 0 || done_bytes <= skip) {
        imgz_log_line(&job->log, "%s cannot be read after the end of the disk, at offset %" PRIu64,
                      imgz_source_path(look->source), at);
        return false;
    }
    done_bytes -= skip;
    if (imgz_zero_test(look->piece + skip, done_bytes)) {
        job->report.rest_zero_bytes += done_bytes;
        return true;
    }
    job->report.rest = IMGZ_REST_DATA;
    while (look->piece[skip] == 0) {
        job->report.rest_zero_bytes += 1;
        skip += 1;
    }
    return false;
}

static int run_look(void *context)
{
    const struct look *look = context;
    struct imgz_job *job = look->job;
    const uint64_t limit =
        imgz_min(job->report.rest_bytes, imgz_max(look->disk_bytes, LOOK_BYTES_MIN));

    while (job->report.rest_zero_bytes < limit) {
        const uint64_t at = look->disk_bytes + job->report.rest_zero_bytes;
        const uint64_t block = imgz_align_down(at, IMGZ_BLOCK_BYTES);

        if (imgz_latch_raised(job->latch))
            return -ECANCELED;
        if (!look_at_piece(look, block, at - block))
            return 0;
    }
    if (job->report.rest_zero_bytes == job->report.rest_bytes)
        job->report.rest = IMGZ_REST_ZEROS;
    return 0;
}

int imgz_beyond_end_look(struct imgz_job *job, const struct imgz_source *source,
                         uint64_t disk_bytes)
{
    struct look look = {.job = job, .source = source, .disk_bytes = disk_bytes};
    int rc;

    IMGZ_ASSERT(imgz_source_is(source, IMGZ_SOURCE_DEVICE) &&
                imgz_source_size(source) > disk_bytes);
    if (posix_memalign((void **)&look.piece, IMGZ_BLOCK_BYTES, PIECE_BYTES) != 0)
        return imgz_job_raise_memory(job);
    job->report.rest_bytes = imgz_source_size(source) - disk_bytes;
    job->report.rest = IMGZ_REST_UNKNOWN;
    rc = imgz_job_call(job, run_look, &look);
    free(look.piece);
    return rc;
}
