/* SPDX-License-Identifier: MIT */
#include "job/capture/resume.h"

#include <errno.h>
#include <inttypes.h>

#include "format/frame.h"
#include "job/capture/same_disk.h"

bool imgz_resume_begins(const unsigned char *head, size_t bytes)
{
    struct imgz_frame_header header;

    return imgz_frame_decode_header(head, bytes, &header) == IMGZ_FRAME_IMAGE;
}

static int raise_changed(const struct imgz_job *job, const struct imgz_resume_config *config,
                         uint64_t offset)
{
    return imgz_latch_raise_cause(job->latch, imgz_cause(IMGZ_REASON_RESUME_CHANGED), -EEXIST,
                                  imgz_source_location(config->source, offset),
                                  "resuming %s: %s differs from %s at offset %" PRIu64
                                  ": it is another disk, or has changed",
                                  imgz_sink_path(config->output), imgz_source_path(config->source),
                                  imgz_sink_partial_path(config->output), offset);
}

/* The disk must be the one that was read before. */
static int compare(struct imgz_job *job, const struct imgz_resume_config *config,
                   const struct imgz_valid_prefix *whole)
{
    const struct imgz_same_disk samples = {
        .source = config->source,
        .index = &whole->index,
        .hash = config->header.hash,
        .raw_bytes = whole->raw_bytes,
        .known_bad = &job->unreadable,
    };
    uint64_t offset;
    int rc = imgz_same_disk_compare(&samples, job, &offset);

    return rc == -EEXIST ? raise_changed(job, config, offset) : rc;
}

static int find_whole(struct imgz_job *job, const struct imgz_resume_config *config,
                      struct imgz_resume *leftover)
{
    struct imgz_valid_prefix *whole = &leftover->whole;
    const struct imgz_valid_prefix_config whole_config = {
        .output = config->output,
        .disk = imgz_source_path(config->source),
        .header = config->header,
        .end_bytes = leftover->known_bad.end_bytes,
    };
    int rc = imgz_valid_prefix_find(job, &whole_config, whole);

    if (rc == 0)
        rc = imgz_known_bad_add(&leftover->known_bad, job, whole->raw_bytes);
    return rc < 0 ? rc : compare(job, config, whole);
}

int imgz_resume_find(struct imgz_resume *leftover, struct imgz_job *job,
                     const struct imgz_resume_config *config)
{
    const struct imgz_known_bad_config known_config = {
        .output = config->output,
        .map_name = config->map_name,
        .size_bytes = config->header.raw_bytes,
    };
    int rc = imgz_known_bad_load(&leftover->known_bad, job, &known_config);

    return rc < 0 ? rc : find_whole(job, config, leftover);
}

void imgz_resume_fini(struct imgz_resume *leftover)
{
    imgz_valid_prefix_fini(&leftover->whole);
    imgz_known_bad_fini(&leftover->known_bad);
}

_Static_assert(IMGZ_FRAME_HEADER_BYTES <= IMGZ_TEMPFILE_HEAD_BYTES, "a header is seen");
