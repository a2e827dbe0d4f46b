/* SPDX-License-Identifier: MIT */
#include "job/capture/resume.h"

#include <errno.h>
#include <inttypes.h>

#include "format/frame.h"
#include "job/capture/same_disk.h"

bool imgz_leftover_begins(const unsigned char *head, size_t bytes)
{
    struct imgz_frame_header header;

    return imgz_frame_decode_header(head, bytes, &header) == IMGZ_FRAME_IMAGE;
}

static int raise_changed(const struct imgz_leftover_config *config, uint64_t offset)
{
    const char *path = config->output->path;

    return imgz_stop_raise(config->output->stop, -EEXIST, imgz_source_place(config->source, offset),
                           "resuming %s: %s has other bytes at offset %" PRIu64
                           " than %s.partial: it is another disk, or has changed; start over "
                           "with --discard-partial instead, or go on all the same with --override "
                           "changed",
                           path, config->source->path, offset, path);
}

/* The disk must be the one that was read before. */
static int compare(struct imgz_job *job, const struct imgz_leftover_config *config,
                   const struct imgz_whole *whole)
{
    const struct imgz_samples samples = {
        .source = config->source,
        .index = &whole->index,
        .hash = config->header.hash,
        .raw_bytes = whole->raw_bytes,
        .unread = &job->unreadable,
    };
    uint64_t offset;
    int rc = imgz_samples_compare(&samples, job, &offset);

    return rc == -EEXIST ? raise_changed(config, offset) : rc;
}

static int find_whole(struct imgz_job *job, const struct imgz_leftover_config *config,
                      struct imgz_leftover *leftover)
{
    struct imgz_whole *whole = &leftover->whole;
    const struct imgz_whole_config whole_config = {
        .output = config->output,
        .disk = config->source->path,
        .header = config->header,
        .end_bytes = leftover->unread.end_bytes,
    };
    int rc = imgz_whole_find(job, &whole_config, whole);

    if (rc == 0)
        rc = imgz_unread_add(&leftover->unread, job, whole->raw_bytes);
    return rc < 0 ? rc : compare(job, config, whole);
}

int imgz_leftover_find(struct imgz_leftover *leftover, struct imgz_job *job,
                       const struct imgz_leftover_config *config)
{
    const struct imgz_unread_config unread_config = {
        .output = config->output,
        .map_name = config->map_name,
        .size_bytes = config->header.raw_bytes,
    };
    int rc = imgz_unread_load(&leftover->unread, job, &unread_config);

    return rc < 0 ? rc : find_whole(job, config, leftover);
}

void imgz_leftover_fini(struct imgz_leftover *leftover)
{
    imgz_whole_fini(&leftover->whole);
    imgz_unread_fini(&leftover->unread);
}

_Static_assert(IMGZ_FRAME_HEADER_BYTES <= IMGZ_TEMPFILE_HEAD_BYTES, "a header is seen");
