/* SPDX-License-Identifier: MIT */
#include "job/common/source_size.h"

#include <errno.h>
#include <inttypes.h>

int imgz_source_size_check_opened(const struct imgz_job *job, const struct imgz_source *source)
{
    const uint64_t expected = job->options.source_bytes;

    if (expected == IMGZ_SIZE_UNKNOWN || imgz_source_size(source) == IMGZ_SIZE_UNKNOWN ||
        imgz_source_size(source) == expected)
        return 0;
    return imgz_latch_raise(job->latch, -EBADMSG, imgz_source_location(source, IMGZ_OFFSET_NONE),
                            "%s has %" PRIu64 " bytes, not the %" PRIu64
                            " expected; nothing was read; is it the right one?",
                            imgz_source_path(source), imgz_source_size(source), expected);
}

int imgz_source_size_check_grown(const struct imgz_job *job, const struct imgz_source *source,
                                 uint64_t bytes)
{
    const uint64_t expected = job->options.source_bytes;

    if (bytes <= expected)
        return 0;
    return imgz_latch_raise(job->latch, -EBADMSG, imgz_source_location(source, expected),
                            "reading %s at offset %" PRIu64 ": it has more than the %" PRIu64
                            " bytes expected; is it the right one?",
                            imgz_source_path(source), expected, expected);
}

int imgz_source_size_check_ended(const struct imgz_job *job, const struct imgz_source *source,
                                 uint64_t bytes)
{
    const uint64_t expected = job->options.source_bytes;

    if (expected == IMGZ_SIZE_UNKNOWN || bytes == expected)
        return 0;
    return imgz_latch_raise(job->latch, -EBADMSG, imgz_source_location(source, bytes),
                            "reading %s at offset %" PRIu64 ": the input ended early, with %" PRIu64
                            " of the %" PRIu64
                            " bytes expected; was the transfer interrupted? check whether the "
                            "command that sends it failed, and run again",
                            imgz_source_path(source), bytes, bytes, expected);
}
