/* SPDX-License-Identifier: MIT */
/*
 * The workers' reads, and how failed ones are tried again.
 *
 * If reads have a deadline, a rescue reads by a ring of its own. A thread that waits for a ring can
 * be killed. One that sleeps in pread() on a block device cannot be before the device answers, and
 * the process would stay as long.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/pages.h"
#include "io/aio/aio.h"
#include "io/source/rescue.h"
#include "io/source/source_ops.h"

/* If this much in one stretch is bad, it is time to check whether the source is there at all. */
#define DOUBT_BYTES IMGZ_RESCUE_STEP_BYTES

/* It is gone if not one of this many places, from its beginning to its end, can be read. */
#define PLACES 5u

/* One slot's rescue. */
struct rescue {
    const struct imgz_source *source;
    struct imgz_slot *slot;
    int fd;              /* of its own; -1: the source has none */
    struct imgz_aio *io; /* NULL: without a ring */
    unsigned char *bounce;
    uint64_t stopped_at; /* the sector that ended it */
    uint64_t bad_end;    /* of the current stretch of bad sectors */
    uint64_t bad_bytes;
    bool doubted;
};

/* ---- Reading ------------------------------------------------------------------------------ */

/* NULL: pread() is used. Then a read that hangs is still reported. Also NULL without a watchdog. */
static struct imgz_aio *create_ring(const struct imgz_source *source, const int *fd)
{
    const struct imgz_aio_config config = {.depth_count = 1, .fds = fd, .fd_count = 1};
    struct imgz_aio *io = NULL;

    return *fd >= 0 && source->watchdog != NULL && imgz_aio_create(&config, &io) == 0 ? io : NULL;
}

static int64_t read_by_ring(struct imgz_aio *io, uint64_t offset, unsigned char *buffer,
                            size_t bytes)
{
    const struct imgz_aio_request request = {
        .kind = IMGZ_AIO_READ,
        .offset = offset,
        .bytes = bytes,
        .need_bytes = bytes,
        .buffer = buffer,
    };
    struct imgz_aio_result result;
    int rc = imgz_aio_submit(io, &request);

    if (rc == 0)
        rc = imgz_aio_reap(io, &result);
    if (rc < 0)
        return rc;
    return result.rc < 0 && result.done_bytes == 0 ? result.rc : (int64_t)result.done_bytes;
}

static int64_t read_plain(const struct rescue *rescue, uint64_t offset, unsigned char *buffer,
                          size_t bytes)
{
    size_t done_bytes;
    ssize_t moved;
    int rc;

    if (rescue->fd >= 0) {
        moved = pread(rescue->fd, buffer, bytes, (off_t)offset);
        return moved < 0 ? -errno : moved;
    }
    rc = imgz_source_read_at(rescue->source, offset, buffer, bytes, &done_bytes);
    return rc < 0 && done_bytes == 0 ? rc : (int64_t)done_bytes;
}

static int64_t read_here(const struct rescue *rescue, uint64_t offset, unsigned char *buffer,
                         size_t bytes)
{
    const uint32_t entry = IMGZ_WATCHDOG_OF_SLOT(rescue->slot->slot_index);
    int64_t moved;

    imgz_watchdog_begin(rescue->source->watchdog, entry, offset);
    if (rescue->io != NULL) {
        moved = read_by_ring(rescue->io, offset, buffer, bytes);
    } else {
        moved = read_plain(rescue, offset, buffer, bytes);
    }
    imgz_watchdog_end(rescue->source->watchdog, entry);
    return moved;
}

static int64_t try_here(void *context, uint64_t offset, unsigned char *buffer, size_t bytes)
{
    const struct rescue *rescue = context;

    return imgz_source_knows_bad(rescue->source, offset, bytes)
               ? -EIO
               : read_here(rescue, offset, buffer, bytes);
}

bool imgz_source_knows_bad(const struct imgz_source *source, uint64_t offset, uint64_t bytes)
{
    return source->known_bad != NULL && source->on_error == IMGZ_ON_ERROR_ZERO &&
           imgz_range_list_within(source->known_bad, offset, bytes);
}

int imgz_source_read_watched(const struct imgz_source *source, uint64_t offset, void *buffer,
                             size_t bytes, size_t *done_bytes)
{
    struct imgz_aio *io = create_ring(source, &source->fd);
    int64_t moved = 0;
    int rc = 0;

    *done_bytes = 0;
    imgz_watchdog_begin(source->watchdog, IMGZ_WATCHDOG_ONCE, offset);
    if (io == NULL)
        rc = imgz_source_read_at(source, offset, buffer, bytes, done_bytes);
    else
        moved = read_by_ring(io, offset, buffer, bytes);
    imgz_watchdog_end(source->watchdog, IMGZ_WATCHDOG_ONCE);
    imgz_aio_destroy(io);
    if (moved < 0)
        return (int)moved;
    *done_bytes += (size_t)moved;
    return rc;
}

/* ---- Is it there at all? ------------------------------------------------------------------ */

/* A device that went away may answer forever as if every sector were bad. The result would be a
 * disk of zeros, and its map would call all of it tried. */
static bool is_gone(struct rescue *rescue)
{
    const struct imgz_source *source = rescue->source;

    for (uint64_t i = 0; i < PLACES; i++) {
        const uint64_t at = imgz_align_down(source->size_bytes / PLACES * i, source->sector_bytes);
        int64_t moved;

        do {
            moved = read_here(rescue, at, rescue->bounce, source->sector_bytes);
        } while (moved == -EINTR || moved == -EAGAIN);
        if (moved >= 0)
            return false;
    }
    return true;
}

/* ---- The rescue --------------------------------------------------------------------------- */

static void mark(struct imgz_slot *slot, uint64_t offset, size_t bytes)
{
    for (uint64_t at = offset; at < offset + bytes; at += IMGZ_SECTOR_BYTES) {
        slot->unreadable_map[(at - slot->raw_offset) / IMGZ_SECTOR_BYTES] = 1;
        slot->unreadable_count += 1;
    }
}

static int found_bad(void *context, uint64_t offset, size_t bytes, int rc)
{
    struct rescue *rescue = context;

    if (rescue->source->on_error == IMGZ_ON_ERROR_STOP) {
        rescue->stopped_at = offset;
        return rc;
    }
    mark(rescue->slot, offset, bytes);
    rescue->bad_bytes = offset == rescue->bad_end ? rescue->bad_bytes + bytes : bytes;
    rescue->bad_end = offset + bytes;
    if (rescue->bad_bytes < DOUBT_BYTES || rescue->doubted)
        return 0;
    rescue->doubted = true;
    return is_gone(rescue) ? -ENODEV : 0;
}

/* Past the page cache, which may keep a failure for all that was read ahead around it, and without
 * readahead. */
static int open_for_rescue(const struct imgz_source *source, int *fd)
{
    bool direct;

    *fd = -1;
    if (source->fd < 0)
        return 0;
    *fd = imgz_source_open_again(source->fd, &direct);
    if (*fd < 0)
        return *fd;
    (void)posix_fadvise(*fd, 0, 0, POSIX_FADV_RANDOM);
    return 0;
}

static int run_rescue(struct rescue *rescue, uint64_t offset, unsigned char *buffer, size_t bytes,
                      size_t *done_bytes)
{
    const struct imgz_rescue config = {
        .read = try_here,
        .bad = found_bad,
        .context = rescue,
        .sector_bytes = rescue->source->sector_bytes,
        .retry_count = rescue->source->retry_count,
        .bounce = rescue->bounce,
    };
    int rc;

    rescue->stopped_at = IMGZ_OFFSET_NONE;
    rc = imgz_rescue_run(&config, offset, buffer, bytes, done_bytes);
    if (rescue->stopped_at != IMGZ_OFFSET_NONE)
        *done_bytes = (size_t)(rescue->stopped_at - offset);
    return rc;
}

static int rescue_slot(const struct imgz_source *source, uint64_t offset, unsigned char *buffer,
                       size_t bytes, struct imgz_slot *slot, size_t *done_bytes)
{
    struct rescue rescue = {.source = source, .slot = slot};
    int rc;

    *done_bytes = 0;
    rescue.bounce = imgz_pages_map(IMGZ_RESCUE_STEP_BYTES);
    if (rescue.bounce == MAP_FAILED)
        return -ENOMEM;
    rc = open_for_rescue(source, &rescue.fd);
    if (rc == 0) {
        rescue.io = create_ring(source, &rescue.fd);
        rc = run_rescue(&rescue, offset, buffer, bytes, done_bytes);
        imgz_aio_destroy(rescue.io);
        if (rescue.fd >= 0)
            close(rescue.fd);
    }
    munmap(rescue.bounce, IMGZ_RESCUE_STEP_BYTES);
    return rc;
}

static int read_cached(const struct imgz_source *source, uint64_t offset, void *buffer,
                       size_t bytes, const struct imgz_slot *slot, size_t *done_bytes)
{
    const uint32_t entry = IMGZ_WATCHDOG_OF_SLOT(slot->slot_index);
    int rc;

    imgz_watchdog_begin(source->watchdog, entry, offset);
    rc = imgz_source_read_at(source, offset, buffer, bytes, done_bytes);
    imgz_watchdog_end(source->watchdog, entry);
    return rc;
}

void imgz_source_fetch(const struct imgz_source *source, uint64_t offset, void *buffer,
                       size_t bytes, struct imgz_slot *slot)
{
    unsigned char *to = buffer;
    size_t done_bytes = 0;
    size_t rescued_bytes = 0;
    int rc = -EIO;

    /* A direct read has failed already. */
    if (!imgz_source_is(source, IMGZ_SOURCE_DIRECT) &&
        !imgz_source_knows_bad(source, offset, bytes))
        rc = read_cached(source, offset, to, bytes, slot, &done_bytes);
    if (rc < 0 && imgz_rescue_worthwhile(rc))
        rc = rescue_slot(source, offset + done_bytes, to + done_bytes, bytes - done_bytes, slot,
                         &rescued_bytes);
    done_bytes += rescued_bytes;
    slot->read_bytes += done_bytes;
    slot->read_rc = rc;
    if (rc < 0 || done_bytes < bytes)
        slot->fault = IMGZ_FAULT_READ;
}
