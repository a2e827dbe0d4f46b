/* SPDX-License-Identifier: MIT */
#include "job/measure/source_pair.h"

#include <errno.h>

static int refuse(struct imgz_job *job, const struct imgz_source *source)
{
    const struct imgz_location location = imgz_source_location(source, IMGZ_OFFSET_NONE);

    if (!imgz_source_is(source, IMGZ_SOURCE_LOCAL))
        return imgz_latch_raise_usage(job->latch, location,
                                      "%s is on another host, so it cannot be measured from here; "
                                      "run it there",
                                      imgz_source_path(source));
    if (!imgz_source_is(source, IMGZ_SOURCE_RANDOM))
        return imgz_latch_raise_usage(
            job->latch, location, "%s cannot be measured: it is neither a file nor a block device",
            imgz_source_path(source));
    if (imgz_source_size(source) == 0)
        return imgz_latch_raise(job->latch, -ENODATA, location,
                                "%s cannot be measured: it is empty; name a file with data in it",
                                imgz_source_path(source));
    return 0;
}

/* Adds the direct way to a file. Its failure ends the job only if it is about the machine, so it is
 * raised on a latch of its own first. */
static int add_direct(struct imgz_source_pair *pair, const char *path, struct imgz_job *job)
{
    const struct imgz_source_config config = {.path = path,
                                              .stage = IMGZ_STAGE_READ_SOURCE,
                                              .direct = IMGZ_DIRECT_ON};
    struct imgz_latch *quiet = NULL;
    int rc = imgz_latch_create(&quiet);

    if (rc < 0)
        return imgz_job_raise_memory(job);
    rc = imgz_source_open(&config, quiet, &job->log, &pair->direct);
    imgz_latch_destroy(quiet);
    /* open(2): EINVAL, the file system does not support O_DIRECT. */
    if (rc == 0 || rc == -EINVAL)
        return 0;
    return imgz_latch_raise_system(job->latch, rc,
                                   imgz_source_location(pair->cached, IMGZ_OFFSET_NONE), "opening");
}

int imgz_source_pair_open(struct imgz_source_pair *pair, const char *path, struct imgz_job *job)
{
    const struct imgz_source_config config = {.path = path,
                                              .stage = IMGZ_STAGE_READ_SOURCE,
                                              .direct = job->options.direct,
                                              .reach = imgz_job_reach(job)};
    struct imgz_source *source = NULL;
    int rc = imgz_source_open(&config, job->latch, &job->log, &source);

    if (rc < 0)
        return rc;
    *(imgz_source_is(source, IMGZ_SOURCE_DIRECT) ? &pair->direct : &pair->cached) = source;
    rc = refuse(job, source);
    if (rc == 0 && !imgz_source_is(source, IMGZ_SOURCE_DIRECT) &&
        imgz_source_is(source, IMGZ_SOURCE_HOLES) && config.direct == IMGZ_DIRECT_AUTO)
        rc = add_direct(pair, path, job);
    return rc;
}

void imgz_source_pair_close(struct imgz_source_pair *pair)
{
    imgz_source_close(pair->direct);
    imgz_source_close(pair->cached);
}

struct imgz_source *imgz_source_pair_best(struct imgz_source_pair *pair)
{
    return pair->direct != NULL ? pair->direct : pair->cached;
}
