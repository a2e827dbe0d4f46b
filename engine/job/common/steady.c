/* SPDX-License-Identifier: MIT */
#include "job/common/steady.h"

#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

#include "io/device/claims.h"
#include "io/device/device.h"
#include "job/common/warn.h"

/* ---- Who may write ------------------------------------------------------------------------ */

/* The path of what is written, if it is a file. */
static bool find_path(const struct imgz_sink *output, char path[PATH_MAX])
{
    char link[64];
    struct stat status;
    ssize_t length;

    if (output == NULL || fstat(imgz_sink_local_fd(output), &status) < 0 ||
        !S_ISREG(status.st_mode))
        return false;
    (void)snprintf(link, sizeof(link), "/proc/self/fd/%d", imgz_sink_local_fd(output));
    length = readlink(link, path, PATH_MAX - 1);
    path[length < 0 ? 0 : length] = '\0';
    return length > 0;
}

/* Claims of one kind that are worth a warning: the first, and how many more. */
struct found {
    const struct imgz_claim *first;
    uint32_t more_count;
};

static void count(struct found *found, const struct imgz_claim *claim)
{
    if (found->first == NULL)
        found->first = claim;
    else
        found->more_count += 1;
}

static void warn_of(struct imgz_job *job, const struct found *found, const char *code,
                    const char *advice)
{
    char what[640];
    char more[32] = "";

    if (found->first == NULL)
        return;
    if (found->more_count > 0)
        (void)snprintf(more, sizeof(more), ", and %" PRIu32 " more", found->more_count);
    imgz_claim_what(found->first, what, sizeof(what));
    imgz_warn(job, code, "%s%s: %s", what, more, advice);
}

static void warn_of_claims(struct imgz_job *job, const struct imgz_claims *claims)
{
    struct found mounted = {0};
    struct found written = {0};
    struct found image = {0};

    for (uint32_t i = 0; i < imgz_min(claims->count, IMGZ_CLAIMS_MAX); i++) {
        const struct imgz_claim *claim = &claims->list[i];
        const bool mount =
            claim->kind == IMGZ_OVERRIDE_MOUNTED || claim->kind == IMGZ_OVERRIDE_ROOT;

        if (mount && !claim->read_only)
            count(&mounted, claim);
        else if (claim->by_program)
            count(&written, claim);
        else if (claim->kind == IMGZ_OVERRIDE_IMAGE_DISK)
            count(&image, claim);
    }
    warn_of(job, &mounted, "source-mounted",
            "what imgz reads may mix old and new data; unmount it, mount it read-only, or read a "
            "snapshot");
    warn_of(job, &written, "source-open",
            "that program may write to it; end the program, or read a snapshot");
    if (image.first != NULL)
        imgz_warn(job, "source-has-image",
                  "%s lies on %s, the source: writing the image changes what imgz reads; write it "
                  "to another drive",
                  image.first->by, image.first->on);
}

struct look {
    struct imgz_job *job;
    const struct imgz_source *source;
    const struct imgz_sink *output;
};

/* Not on the caller's stack: see imgz_threads_call_deep(). */
static int look_for_claims(void *context)
{
    const struct look *look = context;
    const struct imgz_device_stack_config this_machine = {0};
    struct imgz_device_stack *stack = NULL;
    struct imgz_claims claims;
    char image[PATH_MAX];
    int rc = imgz_device_stack_open(&this_machine, &stack);

    if (rc < 0)
        return rc;
    (void)!imgz_claims_find(stack, imgz_source_status(look->source)->st_rdev,
                            find_path(look->output, image) ? image : NULL, &claims);
    warn_of_claims(look->job, &claims);
    imgz_device_stack_close(stack);
    return 0;
}

/* ---- Who did ------------------------------------------------------------------------------ */

static void check_file(struct imgz_job *job, const struct imgz_source *source)
{
    const struct stat *before = imgz_source_status(source);
    struct stat after;

    if (fstat(imgz_source_local_fd(source), &after) < 0)
        return;
    if (after.st_size != before->st_size)
        imgz_warn(job, "source-changed",
                  "%s changed from %" PRIu64 " to %" PRIu64
                  " bytes while it was read; what was read may mix old and new data",
                  imgz_source_path(source), (uint64_t)before->st_size, (uint64_t)after.st_size);
    else if (after.st_mtim.tv_sec != before->st_mtim.tv_sec ||
             after.st_mtim.tv_nsec != before->st_mtim.tv_nsec)
        imgz_warn(job, "source-changed",
                  "%s was written to while it was read; what was read may mix old and new data",
                  imgz_source_path(source));
}

static void check_device(struct imgz_steady *steady, struct imgz_job *job)
{
    uint64_t written_bytes = 0;

    if (!steady->written_known ||
        !imgz_device_written(imgz_source_status(steady->source)->st_rdev, &written_bytes) ||
        written_bytes == steady->written_bytes)
        return;
    imgz_warn(job, "source-changed",
              "%" PRIu64
              " bytes were written to %s while it was read; what was read may mix old and new data",
              written_bytes - steady->written_bytes, imgz_source_path(steady->source));
}

static bool is_local(const struct imgz_source *source, enum imgz_source_trait trait)
{
    return imgz_source_is(source, IMGZ_SOURCE_LOCAL) && imgz_source_is(source, trait);
}

void imgz_steady_begin(struct imgz_steady *steady, struct imgz_job *job,
                       const struct imgz_source *source, const struct imgz_sink *output)
{
    struct look look = {job, source, output};

    *steady = (struct imgz_steady){.source = source};
    if (!is_local(source, IMGZ_SOURCE_DEVICE))
        return;
    (void)!imgz_threads_call_deep(look_for_claims, &look); /* without: no warning */
    steady->written_known =
        imgz_device_written(imgz_source_status(source)->st_rdev, &steady->written_bytes);
}

void imgz_steady_end(struct imgz_steady *steady, struct imgz_job *job)
{
    if (steady->source == NULL)
        return;
    if (is_local(steady->source, IMGZ_SOURCE_DEVICE))
        check_device(steady, job);
    else if (is_local(steady->source, IMGZ_SOURCE_RANDOM))
        check_file(job, steady->source);
    steady->source = NULL;
}
