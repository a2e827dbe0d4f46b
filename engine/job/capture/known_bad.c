/* SPDX-License-Identifier: MIT */
#include "job/capture/known_bad.h"

#include <errno.h>

#include "io/ddmap/mapfile.h"

static int raise_no_map(const struct imgz_job *job, const struct imgz_sink *output)
{
    return imgz_latch_raise_cause(
        job->latch, imgz_cause_usage(IMGZ_REASON_MAP_NEEDED), -EINVAL,
        imgz_sink_location(output, IMGZ_OFFSET_NONE),
        "resuming %s: %s has zeros for unreadable sectors, and only its map says which",
        imgz_sink_path(output), imgz_sink_partial_path(output));
}

static int raise_larger(const struct imgz_job *job, const struct imgz_sink *output)
{
    return imgz_latch_raise_cause(
        job->latch, imgz_cause(IMGZ_REASON_MAP_NEEDED), -EEXIST,
        imgz_sink_location(output, IMGZ_OFFSET_NONE),
        "resuming %s: %s has zeros for unreadable sectors, and the map is for a larger disk",
        imgz_sink_path(output), imgz_sink_partial_path(output));
}

static int take_map(struct imgz_known_bad *known_bad, struct imgz_job *job,
                    const struct imgz_known_bad_config *config, struct imgz_mapfile *map)
{
    int rc = imgz_mapfile_fit(map, config->size_bytes);

    if (rc == -ERANGE)
        return raise_larger(job, config->output);
    if (rc == 0)
        rc = imgz_mapfile_add_bad(map, config->size_bytes, &known_bad->bad);
    known_bad->end_bytes = imgz_mapfile_settled_bytes(map);
    return rc < 0 ? imgz_job_raise_memory(job) : 0;
}

int imgz_known_bad_load(struct imgz_known_bad *known_bad, struct imgz_job *job,
                        const struct imgz_known_bad_config *config)
{
    struct imgz_mapfile map;
    int rc = -ENOENT;

    imgz_range_list_init(&known_bad->bad);
    imgz_mapfile_init(&map);
    known_bad->end_bytes = config->size_bytes;
    if (config->map_name != NULL)
        rc = imgz_mapfile_load(config->map_name, job->latch, &map);
    if (rc == 0)
        rc = take_map(known_bad, job, config, &map);
    else if (rc == -ENOENT)
        rc = imgz_sink_marked(config->output) ? raise_no_map(job, config->output) : 0;
    imgz_mapfile_fini(&map);
    return rc;
}

void imgz_known_bad_fini(struct imgz_known_bad *known_bad)
{
    imgz_range_list_fini(&known_bad->bad);
}

int imgz_known_bad_add(const struct imgz_known_bad *known_bad, struct imgz_job *job, uint64_t bytes)
{
    struct imgz_range part;
    int rc = 0;

    for (size_t i = 0; rc == 0 && imgz_range_list_part(&known_bad->bad, i, 0, bytes, &part); i++)
        rc = imgz_range_list_add(&job->unreadable, part.offset, part.bytes);
    return rc < 0 ? imgz_job_raise_memory(job) : 0;
}
