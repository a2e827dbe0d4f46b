/* SPDX-License-Identifier: MIT */
#include "job/capture/read_map.h"

/* An empty one is but a mark (tempfile.h). */
static bool is_there(const struct imgz_name *name)
{
    struct stat status;

    return name->directory_fd >= 0 && imgz_name_stat(name, &status) == 0 && status.st_size > 0;
}

const struct imgz_name *imgz_readmap_named(const struct imgz_readmap *map)
{
    return map->job->options.map_path != NULL ? &map->name : NULL;
}

bool imgz_readmap_keeps_own(const struct imgz_readmap *map)
{
    return imgz_readmap_named(map) == NULL && map->job->options.on_error == IMGZ_ON_ERROR_ZERO &&
           map->source->kind != IMGZ_SOURCE_STREAM;
}

const struct imgz_name *imgz_readmap_earlier(const struct imgz_readmap *map,
                                             const struct imgz_output *output)
{
    const struct imgz_name *named = imgz_readmap_named(map);
    const struct imgz_name *own = &output->temp.map;

    return is_there(own) && (named == NULL || !is_there(named)) ? own : named;
}

int imgz_readmap_load(struct imgz_readmap *map)
{
    struct imgz_job *job = map->job;
    const struct imgz_mapkeep_config config = {
        .name = imgz_readmap_named(map),
        .image_path = map->image_path,
        .size_bytes = map->source->size_bytes,
        .bad = &job->unreadable,
        .force = imgz_job_has(job, IMGZ_FLAG_FORCE),
        .resume = imgz_job_has(job, IMGZ_FLAG_RESUME),
    };
    int rc = 0;

    if (config.name != NULL)
        rc = imgz_mapkeep_open_name(&map->name, job->options.map_path, job->stop);
    if (rc == 0 && config.name != NULL)
        rc = imgz_mapkeep_check_names(&map->name, map->image_path, &map->source->status, job->stop);
    return rc < 0 ? rc : imgz_mapkeep_load(&map->keep, &config, job->stop, &job->log);
}

static int load_own(struct imgz_readmap *map, const struct imgz_output *output)
{
    const struct imgz_mapkeep_config config = {
        .name = &output->temp.map,
        .image_path = map->image_path,
        .size_bytes = map->source->size_bytes,
        .bad = &map->job->unreadable,
        .force = true,
    };

    return imgz_mapkeep_load(&map->keep, &config, map->job->stop, &map->job->log);
}

int imgz_readmap_begin(struct imgz_readmap *map, const struct imgz_output *output,
                       uint64_t done_bytes)
{
    int rc = 0;

    map->own = output->kind == IMGZ_OUTPUT_FILE && imgz_readmap_named(map) == NULL &&
               (imgz_readmap_keeps_own(map) || is_there(&output->temp.map));
    if (map->own)
        rc = load_own(map, output);
    if (rc < 0)
        return rc;
    return imgz_mapkeep_begin(&map->keep,
                              output->temp.taken_over ? IMGZ_MAPKEEP_ON : IMGZ_MAPKEEP_ANEW,
                              done_bytes, map->job->stop);
}

int imgz_readmap_settle(struct imgz_readmap *map)
{
    return map->own ? imgz_mapkeep_close(&map->keep, IMGZ_MAPKEEP_KEPT, map->job->stop) : 0;
}

void imgz_readmap_fini(struct imgz_readmap *map)
{
    imgz_name_close(&map->name);
}
