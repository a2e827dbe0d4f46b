/* SPDX-License-Identifier: MIT */
#include "job/unread.h"

#include <errno.h>

static int raise_map(const struct imgz_unread_config *config, int rc, const char *what)
{
    const struct imgz_output *output = config->output;

    return imgz_stop_raise(output->stop, rc, imgz_output_place(output, IMGZ_OFFSET_NONE),
                           "resuming %s: sectors that could not be read are zeros in %s.partial, "
                           "and %s; give the --map that was kept with it, or remove it",
                           output->path, output->path, what);
}

int imgz_unread_load(struct imgz_unread *unread, struct imgz_job *job,
                     const struct imgz_unread_config *config)
{
    int rc = -ENOENT;

    imgz_mapfile_init(&unread->map);
    unread->end_bytes = config->size_bytes;
    if (config->map_path != NULL)
        rc = imgz_mapfile_load(config->map_path, job->stop, &unread->map);
    if (rc == -ENOENT)
        return config->output->temp.marked
                   ? raise_map(config, -EINVAL, "without a map it is not known which")
                   : 0;
    if (rc < 0)
        return rc;
    rc = imgz_mapfile_fit(&unread->map, config->size_bytes);
    if (rc == -ERANGE)
        return raise_map(config, -EEXIST, "the map is of a larger disk");
    if (rc < 0)
        return imgz_job_raise_memory(job);
    unread->end_bytes = imgz_mapfile_settled_bytes(&unread->map);
    return 0;
}

void imgz_unread_fini(struct imgz_unread *unread)
{
    imgz_mapfile_fini(&unread->map);
}

int imgz_unread_add(const struct imgz_unread *unread, struct imgz_job *job, uint64_t bytes)
{
    int rc = imgz_mapfile_add_bad(&unread->map, bytes, &job->unreadable);

    return rc < 0 ? imgz_job_raise_memory(job) : 0;
}
