/* SPDX-License-Identifier: MIT */
#include "io/device/target.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <linux/fs.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/text.h"
#include "io/device/device.h"
#include "io/file/handle.h"

/* All that O_EXCL refuses. */
#define EXCLUSIVE_KINDS                                                                            \
    ((uint32_t)(IMGZ_OVERRIDE_MOUNTED | IMGZ_OVERRIDE_SWAP | IMGZ_OVERRIDE_HELD |                  \
                IMGZ_OVERRIDE_ROOT))

/* Small enough to be cancelled soon. */
#define DISCARD_BYTES ((uint64_t)1 << 30)

/* Why a device is refused. */
struct refusal {
    const struct imgz_target_config *config;
    struct imgz_latch *latch;
    struct imgz_log *log;
    dev_t device;       /* whose claims were looked for */
    uint32_t overruled; /* kinds of these claims that are overridden */
};

static struct imgz_location place_of(const struct refusal *refusal)
{
    return (struct imgz_location){refusal->config->stage, refusal->config->path, IMGZ_OFFSET_NONE};
}

static int raise_system(const struct refusal *refusal, int rc)
{
    return imgz_latch_raise_system(refusal->latch, rc, place_of(refusal), "opening");
}

/* ---- Claims ------------------------------------------------------------------------------- */

/* 'never': the kinds that cannot be overridden. */
static int raise_claims(const struct refusal *refusal, const struct imgz_claims *claims,
                        uint32_t kinds, uint32_t never)
{
    char what[500] = "";
    char undo[200] = "";
    char more[32];
    uint32_t told_count = 0;
    uint32_t count = 0;

    for (uint32_t i = 0; i < imgz_min(claims->count, IMGZ_CLAIMS_MAX); i++) {
        char text[640];

        if ((claims->list[i].kind & kinds) == 0)
            continue;
        count += 1;
        imgz_claim_what(&claims->list[i], text, sizeof(text));
        told_count += imgz_text_append(what, sizeof(what), "; ", text) ? 1 : 0;
        imgz_claim_undo(&claims->list[i], text, sizeof(text));
        if (text[0] != '\0')
            (void)imgz_text_append(undo, sizeof(undo), "; ", text);
    }
    count += claims->count - (uint32_t)imgz_min(claims->count, IMGZ_CLAIMS_MAX);
    more[0] = '\0';
    if (count > told_count)
        (void)snprintf(more, sizeof(more), "; and %u more", count - told_count);
    return imgz_latch_raise_cause(refusal->latch,
                                  imgz_cause_overrides(never != 0 ? 0 : kinds & IMGZ_OVERRIDE_ALL),
                                  -EBUSY, place_of(refusal),
                                  "%s is in use: %s%s; nothing was written; release it%s%s%s",
                                  refusal->config->path, what, more, undo[0] != '\0' ? " (" : "",
                                  undo, undo[0] != '\0' ? ")" : "");
}

/* Never overridden: a disk cannot be read while it is overwritten. */
static int raise_same(const struct refusal *refusal)
{
    return imgz_latch_raise_usage(
        refusal->latch, place_of(refusal),
        "%s is, or lies on, what imgz reads, so it cannot be written; name another",
        refusal->config->path);
}

/* The path of what is read: standard input may be a file, too. */
static int find_source_path(int fd, char path[PATH_MAX])
{
    char link[64];
    ssize_t length;

    (void)snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
    length = readlink(link, path, PATH_MAX - 1);
    if (length < 0)
        return errno == ENOENT ? -ENOTSUP : -errno; /* there is no /proc */
    path[length] = '\0';
    return 0;
}

/* If it is not known whether a device is in use, it may be. */
static int raise_unknown(const struct refusal *refusal, int rc)
{
    const char *path = refusal->config->path;

    return imgz_latch_raise(
        refusal->latch, rc, place_of(refusal),
        "opening %s: cannot tell whether it is in use: %s; nothing was written%s", path,
        strerrordesc_np(-rc),
        rc == -ENODEV || rc == -ENOTSUP ? "; are /proc and /sys mounted?" : "");
}

/* Swap is protected by the system itself: since Linux 5.4 writing to it is ETXTBSY. But its disk
 * can be written. */
static uint32_t find_protected(const struct imgz_claims *claims)
{
    uint32_t never = 0;

    for (uint32_t i = 0; i < imgz_min(claims->count, IMGZ_CLAIMS_MAX); i++) {
        if (claims->list[i].kind == IMGZ_OVERRIDE_SWAP && claims->list[i].itself)
            never |= IMGZ_OVERRIDE_SWAP;
    }
    return never;
}

static void log_overruled(const struct refusal *refusal, const struct imgz_claims *claims)
{
    for (uint32_t i = 0; i < imgz_min(claims->count, IMGZ_CLAIMS_MAX); i++) {
        char text[640];

        imgz_claim_what(&claims->list[i], text, sizeof(text));
        imgz_log_line(refusal->log, "overridden: %s", text);
    }
}

/* What is read must not change meanwhile. 'image': its path, if it is a file, or "". */
static int check_source(const struct refusal *refusal, struct imgz_device_stack *stack,
                        char image[PATH_MAX])
{
    const int fd = refusal->config->source_fd;
    struct stat source;
    bool same = false;
    int rc = 0;

    image[0] = '\0';
    if (fd < 0)
        return 0;
    if (fstat(fd, &source) < 0)
        return raise_unknown(refusal, -errno);
    if (S_ISBLK(source.st_mode)) {
        same = imgz_device_stack_overlap(stack, source.st_rdev, refusal->device);
    } else if (S_ISREG(source.st_mode)) {
        same = imgz_device_stack_file_behind(stack, refusal->device, &source);
        rc = find_source_path(fd, image);
    }
    if (same)
        return raise_same(refusal);
    return rc < 0 ? raise_unknown(refusal, rc) : 0;
}

static int check_claims(struct refusal *refusal, struct imgz_device_stack *stack)
{
    struct imgz_claims claims;
    char image[PATH_MAX];
    uint32_t never;
    uint32_t refused;
    int rc = check_source(refusal, stack, image);

    if (rc < 0)
        return rc;
    rc = imgz_claims_find(stack, refusal->device, image[0] != '\0' ? image : NULL, &claims);
    never = find_protected(&claims);
    refused = (claims.kinds & ~refusal->config->overrides) | never;
    refusal->overruled = claims.kinds & ~refused;
    if (refused != 0)
        return raise_claims(refusal, &claims, refused, never);
    if (rc < 0)
        return raise_unknown(refusal, rc);
    log_overruled(refusal, &claims);
    return 0;
}

static int look_for_claims(struct refusal *refusal)
{
    const struct imgz_device_stack_config this_machine = {0};
    struct imgz_device_stack *stack = NULL;
    struct stat status;
    int rc;

    if (fstat(refusal->config->handle, &status) < 0)
        return raise_system(refusal, -errno);
    rc = imgz_device_stack_open(&this_machine, &stack);
    if (rc < 0)
        return raise_system(refusal, rc);
    refusal->device = status.st_rdev;
    rc = check_claims(refusal, stack);
    imgz_device_stack_close(stack);
    return rc;
}

/* ---- Opening ------------------------------------------------------------------------------ */

static int raise_busy(const struct refusal *refusal, bool exclusive)
{
    const char *path = refusal->config->path;

    if (exclusive)
        return imgz_latch_raise_cause(
            refusal->latch, imgz_cause_overrides(IMGZ_OVERRIDE_HELD), -EBUSY, place_of(refusal),
            "%s is in use: another program holds it, or it is mounted where imgz cannot see it; "
            "nothing was written; end that program "
            "('fuser -v %s' may find it)",
            path, path);
    return imgz_latch_raise(refusal->latch, -EBUSY, place_of(refusal),
                            "%s is in use, and this system forbids writing to devices in use; "
                            "nothing was written; release it",
                            path);
}

static int open_device(const struct refusal *refusal, int *result)
{
    const char *path = refusal->config->path;
    const int handle = refusal->config->handle;
    bool exclusive = (refusal->overruled & EXCLUSIVE_KINDS) == 0;
    int fd = imgz_handle_open(handle, O_WRONLY | (exclusive ? O_EXCL : 0));

    if (fd == -EBUSY && exclusive && (refusal->config->overrides & IMGZ_OVERRIDE_HELD) != 0) {
        imgz_log_line(refusal->log, "overridden: %s is held by another program", path);
        exclusive = false;
        fd = imgz_handle_open(handle, O_WRONLY);
    }
    if (fd < 0)
        return fd == -EBUSY ? raise_busy(refusal, exclusive) : raise_system(refusal, fd);
    *result = fd;
    return 0;
}

/* ---- Size --------------------------------------------------------------------------------- */

static int check_size(const struct refusal *refusal, struct imgz_target *target)
{
    const struct imgz_target_config *config = refusal->config;
    const bool zeros = config->data_bytes <= target->size_bytes;
    uint64_t missing_bytes;

    if (config->need_bytes == IMGZ_SIZE_UNKNOWN || config->need_bytes <= target->size_bytes)
        return 0;
    missing_bytes = config->need_bytes - target->size_bytes;
    if (zeros && (config->overrides & IMGZ_OVERRIDE_TOO_SMALL) != 0) {
        target->left_out_bytes = missing_bytes;
        imgz_log_line(refusal->log,
                      "overridden: %s is too small; the last %s, all zeros, are left out",
                      config->path, imgz_text_size(missing_bytes).text);
        return 0;
    }
    return imgz_latch_raise_cause(
        refusal->latch, imgz_cause_overrides(zeros ? IMGZ_OVERRIDE_TOO_SMALL : 0), -ENOSPC,
        place_of(refusal),
        "%s holds %s, but the disk has %s: it is %s too small%s; nothing was "
        "written, use a larger target",
        config->path, imgz_text_size(target->size_bytes).text,
        imgz_text_size(config->need_bytes).text, imgz_text_size(missing_bytes).text,
        zeros                                     ? ", and the image has only zeros there"
        : config->data_bytes == IMGZ_SIZE_UNKNOWN ? ", and a stream does not show what is there"
                                                  : ", and the image has data there");
}

static int check_device(const struct refusal *refusal, struct imgz_target *target)
{
    const char *path = refusal->config->path;
    bool read_only = false;
    int rc = imgz_device_size(target->fd, &target->size_bytes);

    if (rc == 0)
        rc = imgz_device_read_only(target->fd, &read_only);
    if (rc < 0)
        return raise_system(refusal, rc);
    if (read_only)
        return imgz_latch_raise(refusal->latch, -EROFS, place_of(refusal),
                                "%s is write-protected; nothing was written, use another target",
                                path);
    return check_size(refusal, target);
}

int imgz_target_open(const struct imgz_target_config *config, struct imgz_latch *latch,
                     struct imgz_log *log, struct imgz_target *target)
{
    struct refusal refusal = {.config = config, .latch = latch, .log = log};
    int rc;

    *target = (struct imgz_target){.fd = -1};
    rc = look_for_claims(&refusal);
    if (rc == 0)
        rc = open_device(&refusal, &target->fd);
    if (rc == 0)
        rc = check_device(&refusal, target);
    if (rc < 0 && target->fd >= 0) {
        close(target->fd);
        target->fd = -1;
    }
    return rc;
}

/* ---- Discarding --------------------------------------------------------------------------- */

uint64_t imgz_target_discard(int fd, const char *path, struct imgz_latch *latch,
                             struct imgz_log *log)
{
    uint64_t size_bytes;
    uint64_t range[2] = {0, 0}; /* offset, bytes */
    int rc = imgz_device_size(fd, &size_bytes);

    while (rc == 0 && range[0] < size_bytes && !imgz_latch_raised(latch)) {
        range[1] = imgz_min(DISCARD_BYTES, size_bytes - range[0]);
        if (ioctl(fd, BLKDISCARD, range) < 0)
            rc = -errno;
        else
            range[0] += range[1];
    }
    if (rc < 0)
        imgz_log_line(log, "discarding %s at offset %" PRIu64 ": %s; continuing without it", path,
                      range[0], strerrordesc_np(-rc));
    else
        imgz_log_line(log, "discarded %s of %s", imgz_text_size(range[0]).text, path);
    return range[0];
}
