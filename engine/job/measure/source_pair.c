/* SPDX-License-Identifier: MIT */
#include "job/measure/source_pair.h"

#include <errno.h>

static int refuse(struct imgz_job *job, const struct imgz_source *source)
{
    const struct imgz_place place = imgz_source_place(source, IMGZ_OFFSET_NONE);

    if (source->kind == IMGZ_SOURCE_STREAM)
        return imgz_stop_raise_usage(
            job->stop, place, "%s cannot be measured: it is neither a file nor a block device",
            source->path);
    if (source->size_bytes == 0)
        return imgz_stop_raise(job->stop, -ENODATA, place,
                               "%s cannot be measured: it is empty; name a file with data in it",
                               source->path);
    return 0;
}

/* Adds the direct way to a file. Its failure is the job's only if it says something about the
 * machine; so it is raised on a latch of its own first. */
static int add_direct(struct imgz_twoway *twoway, const char *path, struct imgz_job *job)
{
    const struct imgz_source_config config = {.path = path,
                                              .stage = IMGZ_STAGE_READ_SOURCE,
                                              .direct = IMGZ_DIRECT_ON};
    struct imgz_stop *quiet = NULL;
    int rc = imgz_stop_create(&quiet);

    if (rc < 0)
        return imgz_job_raise_memory(job);
    rc = imgz_source_open(&config, quiet, &job->log, &twoway->direct);
    imgz_stop_destroy(quiet);
    /* open(2): EINVAL, the file system does not support O_DIRECT. */
    if (rc == 0 || rc == -EINVAL)
        return 0;
    return imgz_stop_raise_system(job->stop, rc,
                                  imgz_source_place(&twoway->cached, IMGZ_OFFSET_NONE), "opening");
}

int imgz_twoway_open(struct imgz_twoway *twoway, const char *path, struct imgz_job *job)
{
    const struct imgz_source_config config = {.path = path,
                                              .stage = IMGZ_STAGE_READ_SOURCE,
                                              .direct = job->options.direct};
    struct imgz_source source;
    int rc = imgz_source_open(&config, job->stop, &job->log, &source);

    if (rc < 0)
        return rc;
    *(source.direct ? &twoway->direct : &twoway->cached) = source;
    rc = refuse(job, &source);
    if (rc == 0 && !source.direct && source.kind == IMGZ_SOURCE_FILE &&
        config.direct == IMGZ_DIRECT_AUTO)
        rc = add_direct(twoway, path, job);
    return rc;
}

void imgz_twoway_close(struct imgz_twoway *twoway)
{
    imgz_source_close(&twoway->direct);
    imgz_source_close(&twoway->cached);
}

struct imgz_source *imgz_twoway_best(struct imgz_twoway *twoway)
{
    if (twoway->direct.fd >= 0)
        return &twoway->direct;
    return twoway->cached.fd >= 0 ? &twoway->cached : NULL;
}
