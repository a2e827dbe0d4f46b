/* SPDX-License-Identifier: MIT */
#include "job/common/confined.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "checksum/digest.h"
#include "io/device/device.h"
#include "machine/confine.h"

/* Two that are read, what is written, a map, and sysfs. */
#define GRANTS_MAX 5u

struct grants {
    struct imgz_confine_grant list[GRANTS_MAX];
    size_t count;
};

static void add(struct grants *grants, int fd, uint32_t rights)
{
    IMGZ_ASSERT(grants->count < GRANTS_MAX);
    if (fd >= 0)
        grants->list[grants->count++] = (struct imgz_confine_grant){.fd = fd, .rights = rights};
}

static void add_source(struct grants *grants, const struct imgz_source *source)
{
    if (source != NULL)
        add(grants, imgz_source_local_fd(source), IMGZ_CONFINE_READ);
}

static void add_folder(struct grants *grants, int directory_fd)
{
    add(grants, directory_fd, IMGZ_CONFINE_READ | IMGZ_CONFINE_WRITE | IMGZ_CONFINE_MAKE);
}

static void add_output(struct grants *grants, const struct imgz_sink *output)
{
    if (imgz_sink_is(output, IMGZ_SINK_NAMED))
        add_folder(grants, imgz_sink_folder_fd(output));
    else if (imgz_sink_is(output, IMGZ_SINK_DEVICE))
        add(grants, imgz_sink_local_fd(output),
            IMGZ_CONFINE_READ | IMGZ_CONFINE_WRITE | IMGZ_CONFINE_DEVICE);
}

static bool is_device(const struct imgz_source *source)
{
    return source != NULL && imgz_source_is(source, IMGZ_SOURCE_DEVICE);
}

/* At its end a job looks who has written to a device, and whether it is a partition. */
static int open_sysfs(const struct imgz_confined *kept)
{
    const bool wanted = is_device(kept->source) || is_device(kept->other) ||
                        (kept->output != NULL && imgz_sink_is(kept->output, IMGZ_SINK_DEVICE));

    return wanted ? open("/sys", O_PATH | O_DIRECTORY | O_CLOEXEC) : -1;
}

static int confine(const struct imgz_confined *kept)
{
    const int sysfs_fd = open_sysfs(kept);
    struct grants grants = {0};
    int rc;

    add_source(&grants, kept->source);
    add_source(&grants, kept->other);
    if (kept->output != NULL)
        add_output(&grants, kept->output);
    if (kept->map != NULL)
        add_folder(&grants, kept->map->directory_fd);
    add(&grants, sysfs_fd, IMGZ_CONFINE_READ);
    rc = imgz_confine(grants.list, grants.count);
    if (sysfs_fd >= 0)
        close(sysfs_fd);
    return rc;
}

static void tell(struct imgz_job *job, const struct imgz_confined *kept, int rc)
{
    if (rc < 0)
        imgz_log_line(&job->log, "not confined, Landlock is not available: %s",
                      strerrordesc_np(-rc));
    else if (kept->output == NULL)
        imgz_log_line(&job->log, "confined: only what is open already can be reached");
    else
        imgz_log_line(&job->log, "confined: only what is open already, and %s%s, can be reached",
                      imgz_sink_is(kept->output, IMGZ_SINK_NAMED) ? "the folder of " : "",
                      imgz_sink_path(kept->output));
}

/* What would be looked up later is looked up before. */
void imgz_confined_begin(struct imgz_job *job, const struct imgz_confined *kept)
{
    int rc;

    if (!imgz_job_has(job, IMGZ_FLAG_CONFINE))
        return;
    job->read_node =
        kept->source != NULL ? imgz_device_node(imgz_source_local_fd(kept->source)) : -1;
    job->write_node =
        kept->output != NULL ? imgz_device_node(imgz_sink_local_fd(kept->output)) : -1;
    if (job->options.digests != NULL)
        imgz_digest_prepare();
    rc = confine(kept);
    job->confined = rc == 0;
    tell(job, kept, rc);
}
