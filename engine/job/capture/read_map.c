/* SPDX-License-Identifier: MIT */
#include "job/capture/read_map.h"

/* An empty one is only a mark (tempfile.h). */
static bool is_there(const struct imgz_name *name)
{
    struct stat status;

    return name != NULL && name->directory_fd >= 0 && imgz_name_stat(name, &status) == 0 &&
           status.st_size > 0;
}

const struct imgz_name *imgz_read_map_named(const struct imgz_read_map *map)
{
    return map->job->options.map_path != NULL ? &map->name : NULL;
}

bool imgz_read_map_keeps_own(const struct imgz_read_map *map)
{
    return imgz_read_map_named(map) == NULL && map->job->options.on_error == IMGZ_ON_ERROR_ZERO &&
           imgz_source_is(map->source, IMGZ_SOURCE_RANDOM);
}

const struct imgz_name *imgz_read_map_earlier(const struct imgz_read_map *map,
                                              const struct imgz_sink *output)
{
    const struct imgz_name *named = imgz_read_map_named(map);
    const struct imgz_name *own = imgz_sink_map_name(output);

    return is_there(own) && (named == NULL || !is_there(named)) ? own : named;
}

int imgz_read_map_load(struct imgz_read_map *map)
{
    struct imgz_job *job = map->job;
    const struct imgz_map_tracker_config config = {
        .name = imgz_read_map_named(map),
        .image_path = map->image_path,
        .size_bytes = imgz_source_size(map->source),
        .bad = &job->unreadable,
        .force = imgz_job_has(job, IMGZ_FLAG_FORCE),
        .resume = imgz_job_has(job, IMGZ_FLAG_RESUME),
    };
    int rc = 0;

    if (config.name != NULL)
        rc = imgz_map_tracker_open_name(&map->name, job->options.map_path, job->latch);
    if (rc == 0 && config.name != NULL)
        rc = imgz_map_tracker_check_names(&map->name, map->image_path,
                                          imgz_source_status(map->source), job->latch);
    return rc < 0 ? rc : imgz_map_tracker_load(&map->keep, &config, job->latch, &job->log);
}

static int load_own(struct imgz_read_map *map, const struct imgz_sink *output)
{
    const struct imgz_map_tracker_config config = {
        .name = imgz_sink_map_name(output),
        .image_path = map->image_path,
        .size_bytes = imgz_source_size(map->source),
        .bad = &map->job->unreadable,
        .force = true,
    };

    return imgz_map_tracker_load(&map->keep, &config, map->job->latch, &map->job->log);
}

int imgz_read_map_begin(struct imgz_read_map *map, const struct imgz_sink *output,
                        uint64_t done_bytes)
{
    int rc = 0;

    map->own = imgz_sink_is(output, IMGZ_SINK_NAMED) && imgz_read_map_named(map) == NULL &&
               (imgz_read_map_keeps_own(map) || is_there(imgz_sink_map_name(output)));
    if (map->own)
        rc = load_own(map, output);
    if (rc < 0)
        return rc;
    return imgz_map_tracker_begin(&map->keep,
                                  imgz_sink_taken_over(output) ? IMGZ_MAP_TRACKER_ON
                                                               : IMGZ_MAP_TRACKER_ANEW,
                                  done_bytes, map->job->latch);
}

int imgz_read_map_settle(struct imgz_read_map *map)
{
    return map->own ? imgz_map_tracker_close(&map->keep, IMGZ_MAP_TRACKER_KEPT, map->job->latch)
                    : 0;
}

void imgz_read_map_fini(struct imgz_read_map *map)
{
    imgz_name_close(&map->name);
}
