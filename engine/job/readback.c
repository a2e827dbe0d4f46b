/* SPDX-License-Identifier: MIT */
#include "job/readback.h"

#include <errno.h>
#include <inttypes.h>

#include "job/match.h"

static int judge(const struct imgz_job *job, const struct imgz_output *output)
{
    struct imgz_place place = imgz_output_place(output, job->bad_offset);

    if (job->bad_chunk_count == 0)
        return 0;
    place.stage = IMGZ_STAGE_COMPARE;
    return imgz_stop_raise(job->stop, -EBADMSG, place,
                           "reading back %s: %" PRIu64 " of %" PRIu64
                           " chunks of %u bytes are not what was written, the first at offset "
                           "%" PRIu64 "; it does not keep what it is given, use another target",
                           output->path, job->bad_chunk_count, job->sum.chunk_count,
                           job->chunk_bytes, job->bad_offset);
}

int imgz_readback_run(struct imgz_job *job, const struct imgz_image *image,
                      const struct imgz_output *output)
{
    struct imgz_source source;
    int rc = imgz_source_reopen(output->fd, output->path, job->stop, &job->log, &source);

    if (rc < 0)
        return rc;
    job->run_phase = IMGZ_PHASE_READ_BACK;
    rc = imgz_match_run(job, image, &source);
    imgz_source_close(&source);
    return rc < 0 ? rc : judge(job, output);
}
