/* SPDX-License-Identifier: MIT */
/*
 * Finds out in advance how much of a source must be read: the chunks of a file that hold data, and
 * how much of them is free space (io/fs/free_space.h). A file system that answers slowly, or a file
 * in very many pieces, is not looked at for long; what lies beyond counts as data.
 *
 * Place: the reader's first step, for the meter.
 *
 * Threads    the feeder's.
 * Errors     a negative errno; not raised.
 */
#ifndef IMGZ_SURVEY_H
#define IMGZ_SURVEY_H

#include "io/source/source.h"
#include "pipeline/blanks.h"

struct imgz_survey_part {
    uint64_t data_bytes; /* in chunks that have to be read */
    uint64_t hole_bytes;
};

struct imgz_survey {
    /* In whole chunks of this, the last one cut off at the size. */
    uint32_t chunk_bytes;
    uint64_t size_bytes;
    uint64_t from_bytes;        /* where reading begins */
    uint64_t ns_max;            /* the longest time to look */
    struct imgz_blanks *blanks; /* receives what is free, without holes; NULL: do not look */

    /* Filled in by run(). */
    struct imgz_survey_part before; /* from_bytes */
    struct imgz_survey_part behind; /* after it */
    uint64_t end;                   /* as far as it was looked at */
};

/* 'source' is a file or a device; a device is all data. */
IMGZ_MUST_CHECK int imgz_survey_run(struct imgz_survey *survey, const struct imgz_source *source);

#endif /* IMGZ_SURVEY_H */
