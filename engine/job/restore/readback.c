/* SPDX-License-Identifier: MIT */
#include "job/restore/readback.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "base/text.h"
#include "job/verify/compare_stage.h"

/* What was read must have the digests of what was written. */
static int check_digests(const struct imgz_job *job, const struct imgz_totals_sum *written,
                         const struct imgz_sink *output)
{
    struct imgz_location location = imgz_sink_location(output, IMGZ_OFFSET_NONE);

    location.stage = IMGZ_STAGE_COMPARE;
    IMGZ_ASSERT(job->sum.digest_count == written->digest_count);
    for (uint32_t i = 0; i < written->digest_count; i++) {
        const struct imgz_digest_text *read = &job->sum.digests[i];

        if (strcmp(read->hex, written->digests[i].hex) != 0)
            return imgz_latch_raise(
                job->latch, -EBADMSG, location,
                "reading back %s: the chunks have the right hashes, but the %s is %s instead of "
                "%s: somebody changed it on purpose; do not use it",
                imgz_sink_path(output), read->name, read->hex, written->digests[i].hex);
    }
    return 0;
}

static int raise_chunks(const struct imgz_job *job, const struct imgz_sink *output)
{
    struct imgz_location location = imgz_sink_location(output, job->report.bad_offset);

    location.stage = IMGZ_STAGE_COMPARE;
    return imgz_latch_raise(job->latch, -EBADMSG, location,
                            "reading back %s: it differs from what was written in %" PRIu64
                            " of %s of %u KiB, the first at offset %" PRIu64
                            "; it loses data; use another target",
                            imgz_sink_path(output), job->report.bad_chunk_count,
                            imgz_text_count(job->sum.chunk_count, "chunk").text,
                            job->chunk_bytes / 1024, job->report.bad_offset);
}

int imgz_readback_run(struct imgz_job *job, const struct imgz_image *image,
                      const struct imgz_sink *output)
{
    const struct imgz_totals_sum written = job->sum;
    struct imgz_source *source = NULL;
    int rc = imgz_sink_reopen(output, &source);

    if (rc < 0)
        return rc;
    job->run_phase = IMGZ_PHASE_READ_BACK;
    rc = imgz_compare_stage_run(job, image, source, NULL);
    imgz_source_close(source);
    if (rc < 0)
        return rc;
    return job->report.bad_chunk_count > 0 ? raise_chunks(job, output)
                                           : check_digests(job, &written, output);
}
