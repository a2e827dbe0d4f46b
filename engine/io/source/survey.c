/* SPDX-License-Identifier: MIT */
#include "io/source/survey.h"

#include "base/clock.h"
#include "io/fs/free_space.h"
#include "io/source/source_ops.h"

/* Adds the stretch of data from 'from' to 'end', and the hole before it, which begins at 'at'. */
static void add(struct imgz_survey *survey, uint64_t at, uint64_t from, uint64_t end)
{
    const uint64_t split = survey->from_bytes;
    const uint64_t hole_before = imgz_min(from, split) - imgz_min(at, split);
    const uint64_t data_before = imgz_min(end, split) - imgz_min(from, split);

    if (survey->blanks != NULL)
        imgz_blanks_add_hole(survey->blanks, at, from - at);
    survey->before.hole_bytes += hole_before;
    survey->before.data_bytes += data_before;
    survey->behind.hole_bytes += from - at - hole_before;
    survey->behind.data_bytes += end - from - data_before;
}

/* The next stretch of chunks with data, at or after 'at', where a chunk begins. */
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

/* Enough for the counts of 8 TB of ext4. */
#define FREE_SPACE_BYTES_MAX ((uint64_t)4 << 20)

static int read_for_view(const void *context, uint64_t offset, void *buffer, size_t bytes,
                         size_t *done_bytes)
{
    return imgz_source_read_at(context, offset, buffer, bytes, done_bytes);
}

static void look_for_free(const struct imgz_survey *survey, const struct imgz_source *source)
{
    const struct imgz_disk_view_config config = {
        .read_at = read_for_view,
        .context = source,
        .size_bytes = survey->size_bytes,
        .bytes_max = FREE_SPACE_BYTES_MAX,
        .ns_max = survey->ns_max,
    };
    struct imgz_disk_view view;

    imgz_disk_view_init(&view, &config);
    imgz_free_space_find(&view, survey->blanks);
}

int imgz_survey_run(struct imgz_survey *survey, const struct imgz_source *source)
{
    const uint64_t start_ns = imgz_clock_ns();
    uint64_t at = 0;

    IMGZ_ASSERT(imgz_source_is(source, IMGZ_SOURCE_RANDOM));
    if (survey->blanks != NULL)
        look_for_free(survey, source);
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
    if (survey->blanks != NULL)
        imgz_blanks_start(survey->blanks, survey->from_bytes);
    return 0;
}
