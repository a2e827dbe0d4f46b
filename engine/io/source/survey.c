/* SPDX-License-Identifier: MIT */
#include "io/source/survey.h"

#include "base/clock.h"
#include "io/source/source_ops.h"

/* Adds the stretch of data from 'from' to 'end', and the hole before it, which begins at 'at'. */
static void add(struct imgz_survey *survey, uint64_t at, uint64_t from, uint64_t end)
{
    const uint64_t split = survey->from_bytes;
    const uint64_t hole_before = imgz_min(from, split) - imgz_min(at, split);
    const uint64_t data_before = imgz_min(end, split) - imgz_min(from, split);

    survey->before.hole_bytes += hole_before;
    survey->before.data_bytes += data_before;
    survey->behind.hole_bytes += from - at - hole_before;
    survey->behind.data_bytes += end - from - data_before;
}

/* The next stretch of chunks with data, at or behind 'at', which is where a chunk begins. */
static int find_stretch(const struct imgz_survey *survey, const struct imgz_source *source,
                        uint64_t at, struct imgz_extent *stretch)
{
    int rc;

    if (!imgz_source_is(source, IMGZ_SOURCE_HOLES)) {
        *stretch = (struct imgz_extent){at, survey->size_bytes};
        return 0;
    }
    imgz_watchdog_begin(source->watchdog, IMGZ_WATCHDOG_ONCE, at);
    rc = imgz_source_next_extent(source, at, stretch);
    imgz_watchdog_end(source->watchdog, IMGZ_WATCHDOG_ONCE);
    if (rc < 0)
        return rc;
    stretch->offset = imgz_min(stretch->offset, survey->size_bytes);
    stretch->end = imgz_min(imgz_align_up(stretch->end, survey->chunk_bytes), survey->size_bytes);
    if (stretch->offset < survey->size_bytes)
        stretch->offset = imgz_align_down(stretch->offset, survey->chunk_bytes);
    return 0;
}

int imgz_survey_run(struct imgz_survey *survey, const struct imgz_source *source)
{
    const uint64_t start_ns = imgz_clock_ns();
    uint64_t at = 0;

    IMGZ_ASSERT(imgz_source_is(source, IMGZ_SOURCE_RANDOM));
    while (at < survey->size_bytes && imgz_clock_ns() - start_ns < survey->ns_max) {
        struct imgz_extent stretch;
        int rc = find_stretch(survey, source, at, &stretch);

        if (rc < 0)
            return rc;
        add(survey, at, stretch.offset, stretch.end);
        at = stretch.end;
    }
    add(survey, at, at, survey->size_bytes);
    survey->end = at;
    return 0;
}
