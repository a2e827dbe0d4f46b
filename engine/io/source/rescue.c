/* SPDX-License-Identifier: MIT */
/*
 * Example: sectors of 512 bytes, sector 5 bad, and 8 KiB (16 sectors) to read.
 *
 *     [0, 16) fails; [0, 8) fails; [0, 4) is read; [4, 12) fails; [4, 8) fails; [4, 6) fails;
 *     [4, 5) is read; [5, 7) fails; [5, 6) fails, is tried again, and is bad; [6, 7), [7, 9),
 *     [9, 13) and [13, 16) are read
 *
 * One bad sector costs about twice the logarithm of the step in failing reads; a stretch of bad
 * ones costs a read for each. A drive may take seconds for each of these, so none is read twice
 * without need.
 */
#include "io/source/rescue.h"

#include <errno.h>
#include <string.h>

bool imgz_rescue_worthwhile(int rc)
{
    switch (-rc) {
    case EIO:       /* from most drivers */
    case ENODATA:   /* a medium error (BLK_STS_MEDIUM) */
    case EILSEQ:    /* a checksum that does not match (BLK_STS_PROTECTION) */
    case EREMOTEIO: /* a target's error (BLK_STS_TARGET) */
    case ETIMEDOUT: /* BLK_STS_TIMEOUT */
    case EUCLEAN:   /* a file system's damage */
        return true;
    default:
        return false;
    }
}

/* Where the rescue is; what lies before 'at' is settled. */
struct walk {
    const struct imgz_rescue *rescue;
    uint64_t offset; /* of what is wanted */
    uint64_t end;
    unsigned char *buffer;
    uint64_t at; /* a whole sector */
    size_t step; /* whole sectors */
};

/* Settles the bytes from 'at' on, as far as they are wanted. 'data' NULL: they are zeros. Returns
 * where the wanted part begins, and how long it is. */
static size_t settle(struct walk *walk, const unsigned char *data, size_t bytes, uint64_t *from)
{
    const uint64_t end = imgz_min(walk->at + bytes, walk->end);
    size_t wanted_bytes;

    *from = imgz_max(walk->at, walk->offset);
    wanted_bytes = end > *from ? (size_t)(end - *from) : 0;
    if (wanted_bytes > 0 && data != NULL)
        memcpy(walk->buffer + (*from - walk->offset), data + (*from - walk->at), wanted_bytes);
    else if (wanted_bytes > 0)
        memset(walk->buffer + (*from - walk->offset), 0, wanted_bytes);
    walk->at += bytes;
    return wanted_bytes;
}

/* Reads one piece: whole sectors, or up to what is wanted; 0 at the end, or why not. Fewer bytes
 * than asked for end before a bad sector, or at the end of the source: the next read shows which. A
 * part of a sector does not count. */
static int64_t read_piece(const struct walk *walk, size_t bytes)
{
    const struct imgz_rescue *rescue = walk->rescue;
    int64_t moved;

    do {
        moved = rescue->read(rescue->context, walk->at, rescue->bounce, bytes);
    } while (moved == -EINTR || moved == -EAGAIN);
    if (moved <= 0 || walk->at + (uint64_t)moved >= walk->end)
        return moved;
    moved = (int64_t)imgz_align_down((uint64_t)moved, rescue->sector_bytes);
    return moved > 0 ? moved : -EIO;
}

/* A sector that fails alone: tried again, then given up. */
static int64_t read_sector(const struct walk *walk, int64_t moved)
{
    for (uint32_t i = 0; i < walk->rescue->retry_count && imgz_rescue_worthwhile((int)moved); i++)
        moved = read_piece(walk, walk->rescue->sector_bytes);
    return moved;
}

static size_t next_step(const struct walk *walk, size_t step)
{
    const size_t left = (size_t)imgz_align_up(walk->end - walk->at, walk->rescue->sector_bytes);

    return imgz_min(imgz_min(step, IMGZ_RESCUE_STEP_BYTES), left);
}

/* One read and its consequences. 1 at the end of the source. */
static int take_step(struct walk *walk)
{
    const struct imgz_rescue *rescue = walk->rescue;
    const size_t bytes = next_step(walk, walk->step);
    int64_t moved = read_piece(walk, bytes);
    uint64_t from;

    if (moved < 0 && imgz_rescue_worthwhile((int)moved) && bytes > rescue->sector_bytes) {
        walk->step = imgz_align_up(bytes / 2, rescue->sector_bytes);
        return 0;
    }
    if (moved < 0 && bytes == rescue->sector_bytes)
        moved = read_sector(walk, moved);
    if (moved < 0 && imgz_rescue_worthwhile((int)moved)) {
        const size_t bad_bytes = settle(walk, NULL, bytes, &from);

        walk->step = rescue->sector_bytes;
        return bad_bytes > 0 ? rescue->bad(rescue->context, from, bad_bytes, (int)moved) : 0;
    }
    if (moved < 0)
        return (int)moved;
    (void)settle(walk, rescue->bounce, (size_t)moved, &from);
    walk->step = bytes * 2;
    return moved == 0;
}

int imgz_rescue_run(const struct imgz_rescue *rescue, uint64_t offset, unsigned char *buffer,
                    size_t bytes, size_t *done_bytes)
{
    struct walk walk = {
        .rescue = rescue,
        .offset = offset,
        .end = offset + bytes,
        .buffer = buffer,
        .at = imgz_align_down(offset, rescue->sector_bytes),
        .step = IMGZ_RESCUE_STEP_BYTES,
    };
    int rc = 0;

    IMGZ_ASSERT(rescue->sector_bytes > 0 && rescue->sector_bytes <= IMGZ_RESCUE_STEP_BYTES);
    while (rc == 0 && walk.at < walk.end)
        rc = take_step(&walk);
    *done_bytes = walk.at > offset ? (size_t)(imgz_min(walk.at, walk.end) - offset) : 0;
    return rc < 0 ? rc : 0;
}
