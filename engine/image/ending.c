/* SPDX-License-Identifier: MIT */
/*
 * Usually an image ends where its file does. If it does not, the padding after it may be the rest
 * of a drive, which is too much to read. Instead:
 *
 * 1. A window that is longer than any run of zero bytes in an image shows on which side of the
 *    image's end it lies: after it all is zero, within it never. So bisecting finds the last byte
 *    that is not zero: 22 windows of 1 MiB for 4 TiB. (The longest run is a segment of almost only
 *    zeros; the notes before and after it have FF FF in every five bytes.) The image ends there, or
 *    up to eight bytes later: its last bytes are CRC-32 and size, which may be zero, and before
 *    them is FF.
 * 2. If there is no tail, either something else follows, or the image is incomplete. Its notes show
 *    which: each says where the next one is.
 */
#include "image/ending.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

#include "base/zero.h"
#include "format/carrier.h"
#include "format/note.h"
#include "image/image_error.h"

#define PIECE_BYTES ((size_t)64 << 10)

/* CRC-32 and ISIZE. */
#define TRAILER_BYTES 8u

/* A device is hardly ever exactly as long as an image, and reading the rest of it could take hours.
 * This much is looked at. */
#define DEVICE_BEHIND_BYTES ((uint64_t)64 << 20)

struct search {
    const struct imgz_source *source;
    const struct imgz_frame_header *header;
    struct imgz_latch *latch;
    unsigned char *piece; /* of PIECE_BYTES */
};

static int read_at(const struct search *search, uint64_t offset, void *buffer, size_t bytes)
{
    size_t done_bytes;
    int rc;

    if (imgz_latch_raised(search->latch))
        return -ECANCELED;
    rc = imgz_source_read_at(search->source, offset, buffer, bytes, &done_bytes);
    if (rc < 0)
        return imgz_latch_raise_system(search->latch, rc,
                                       imgz_source_location(search->source, offset + done_bytes),
                                       "reading");
    if (done_bytes < bytes)
        return imgz_image_error_raise_cut(search->latch, search->source, offset + done_bytes);
    return 0;
}

/* '*tail_rc': 0 if an image ends at 'image_bytes', or what imgz_frame_decode_tail() says. */
static int try_tail(const struct search *search, uint64_t image_bytes, struct imgz_ending *ending,
                    int *tail_rc)
{
    const uint32_t tail_bytes = imgz_frame_tail_bytes(search->header->hash);
    unsigned char tail[IMGZ_FRAME_TAIL_BYTES_MAX];
    int rc;

    *tail_rc = -EBADMSG;
    if (image_bytes < IMGZ_FRAME_HEADER_BYTES + tail_bytes ||
        image_bytes > imgz_source_size(search->source))
        return 0;
    rc = read_at(search, image_bytes - tail_bytes, tail, tail_bytes);
    if (rc < 0)
        return rc;
    *tail_rc = imgz_frame_decode_tail(search->header->hash, tail, &ending->end);
    if (*tail_rc == 0)
        ending->image_bytes = image_bytes;
    return 0;
}

/* Offsets in the tail of another image that follows this one count from where that one begins. So
 * the metadata, or the tail itself, must be where this tail says. */
static int check_own(const struct search *search, const struct imgz_ending *ending, bool *own)
{
    const uint64_t tail_offset = ending->image_bytes - imgz_frame_tail_bytes(search->header->hash);
    const uint64_t meta_offset = ending->end.meta_offset;
    unsigned char carrier[IMGZ_NOTE_CARRIER_BYTES];
    struct imgz_note note;
    int rc;

    *own = meta_offset == tail_offset;
    if (*own || meta_offset > tail_offset || tail_offset - meta_offset < sizeof(carrier))
        return 0;
    rc = read_at(search, meta_offset, carrier, sizeof(carrier));
    if (rc < 0)
        return rc;
    *own = imgz_note_decode(carrier, &note) == 0 && note.kind == IMGZ_NOTE_META &&
           sizeof(carrier) + imgz_carrier_bytes(note.payload_bytes) == tail_offset - meta_offset;
    return 0;
}

/* As try_tail(), for the tail of this image alone. */
static int try_own_tail(const struct search *search, uint64_t image_bytes,
                        struct imgz_ending *ending, int *tail_rc)
{
    bool own = true;
    int rc = try_tail(search, image_bytes, ending, tail_rc);

    if (rc == 0 && *tail_rc == 0)
        rc = check_own(search, ending, &own);
    if (!own)
        *tail_rc = -EBADMSG;
    return rc;
}

/* ---- Zeros -------------------------------------------------------------------------------- */

/* '*last_end': the end of the last byte in 'bytes' at 'offset' that is not zero; 'offset' if all
 * are.
 */
static int find_last(const struct search *search, uint64_t offset, uint64_t bytes,
                     uint64_t *last_end)
{
    uint64_t end = offset + bytes;

    *last_end = offset;
    while (end > offset) {
        const size_t taken = (size_t)imgz_min(PIECE_BYTES, end - offset);
        int rc = read_at(search, end - taken, search->piece, taken);

        if (rc < 0)
            return rc;
        for (size_t i = imgz_zero_test(search->piece, taken) ? 0 : taken; i > 0; i--) {
            if (search->piece[i - 1] != 0) {
                *last_end = end - taken + i;
                return 0;
            }
        }
        end -= taken;
    }
    return 0;
}

/* '*first': the first byte in 'bytes' at 'offset' that is not zero; their end if all are. */
static int find_first(const struct search *search, uint64_t offset, uint64_t bytes, uint64_t *first)
{
    const uint64_t end = offset + bytes;

    while (offset < end) {
        const size_t taken = (size_t)imgz_min(PIECE_BYTES, end - offset);
        int rc = read_at(search, offset, search->piece, taken);

        if (rc < 0)
            return rc;
        if (!imgz_zero_test(search->piece, taken)) {
            for (size_t i = 0; search->piece[i] == 0; i++)
                offset += 1;
            break;
        }
        offset += taken;
    }
    *first = offset;
    return 0;
}

/* Longer than any run of zero bytes in this image. */
static uint64_t window_bytes(const struct search *search)
{
    return imgz_align_up(imgz_note_segment_bytes_max(search->header->chunk_bytes) +
                             IMGZ_NOTE_CARRIER_BYTES,
                         PIECE_BYTES);
}

/* '*end': the end of the last byte that is not zero, if only zeros follow the image. */
static int bisect(const struct search *search, uint64_t *end)
{
    const uint64_t window = window_bytes(search);
    const uint64_t size_bytes = imgz_source_size(search->source);
    uint64_t inside = 0; /* a window here is not all zero: it has the header */
    uint64_t behind;     /* one here is all zero */
    int rc;

    if (size_bytes <= window)
        return find_last(search, 0, size_bytes, end);
    behind = size_bytes - window;
    rc = find_last(search, behind, window, end);
    if (rc < 0 || *end > behind)
        return rc;
    while (behind - inside > window) {
        const uint64_t middle = inside + (behind - inside) / 2;
        uint64_t first;

        rc = find_first(search, middle, window, &first);
        if (rc < 0)
            return rc;
        if (first < middle + window)
            inside = middle;
        else
            behind = middle;
    }
    return find_last(search, inside, behind - inside, end);
}

/* ---- Notes -------------------------------------------------------------------------------- */

/* Where the walk along the notes ended, and why. */
enum walk_end {
    WALK_AT_TAIL,  /* a tail begins here */
    WALK_CUT,      /* the file ends here, or before the note's segment does */
    WALK_UNKNOWN,  /* this is not a possible note */
    WALK_MISMATCH, /* a tail that contradicts itself */
};

/* Bytes from this note to the next; 0 if it is impossible. */
static uint64_t note_step(const struct search *search, const struct imgz_note *note)
{
    if (note->kind != IMGZ_NOTE_CHUNK && note->kind != IMGZ_NOTE_ZERO)
        return IMGZ_NOTE_CARRIER_BYTES + imgz_carrier_bytes(note->payload_bytes);
    if (note->payload_bytes > imgz_note_segment_bytes_max(search->header->chunk_bytes))
        return 0;
    return IMGZ_NOTE_CARRIER_BYTES + (uint64_t)note->payload_bytes;
}

static int judge_tail(const struct search *search, uint64_t at, struct imgz_ending *ending,
                      enum walk_end *why)
{
    const uint32_t tail_bytes = imgz_frame_tail_bytes(search->header->hash);
    int tail_rc;
    int rc;

    if (imgz_source_size(search->source) - at < tail_bytes) {
        *why = WALK_CUT;
        return 0;
    }
    rc = try_tail(search, at + tail_bytes, ending, &tail_rc);
    *why = tail_rc == 0 ? WALK_AT_TAIL : tail_rc == -EPROTO ? WALK_MISMATCH : WALK_UNKNOWN;
    return rc;
}

static int walk(const struct search *search, struct imgz_ending *ending, uint64_t *at,
                enum walk_end *why)
{
    const uint64_t size_bytes = imgz_source_size(search->source);
    unsigned char carrier[IMGZ_NOTE_CARRIER_BYTES];
    struct imgz_note note;
    uint64_t step;

    *at = IMGZ_FRAME_HEADER_BYTES;
    for (;;) {
        int rc;

        if (*at > size_bytes || size_bytes - *at < sizeof(carrier)) {
            *why = WALK_CUT;
            return 0;
        }
        rc = read_at(search, *at, carrier, sizeof(carrier));
        if (rc < 0)
            return rc;
        step = imgz_note_decode(carrier, &note) < 0 ? 0 : note_step(search, &note);
        if (step == 0) {
            *why = WALK_UNKNOWN;
            return 0;
        }
        if (note.kind == IMGZ_NOTE_END)
            return judge_tail(search, *at, ending, why);
        *at += step;
    }
}

/* ---- What it means ------------------------------------------------------------------------ */

static int raise_mismatch(const struct search *search, uint64_t image_bytes)
{
    return imgz_image_error_raise(search->latch, search->source, image_bytes - 13,
                                  "the gzip trailer does not match the end record");
}

/* There is no end where one should be. 'last_end': the end of the last byte that is not zero, if
 * only zeros follow somewhere. */
static int look_from_front(const struct search *search, uint64_t last_end,
                           struct imgz_ending *ending)
{
    enum walk_end why = WALK_UNKNOWN;
    uint64_t at;
    int rc = walk(search, ending, &at, &why);

    if (rc < 0)
        return rc;
    switch (why) {
    case WALK_AT_TAIL:
        return 0;
    case WALK_CUT:
        return imgz_image_error_raise_cut(search->latch, search->source,
                                          imgz_source_size(search->source));
    case WALK_MISMATCH:
        return raise_mismatch(search, at + imgz_frame_tail_bytes(search->header->hash));
    case WALK_UNKNOWN:
        break;
    }
    /* Zeros in place of a note, or of the rest of one, up to the very end. */
    if (last_end < at + IMGZ_NOTE_CARRIER_BYTES && last_end < imgz_source_size(search->source))
        return imgz_image_error_raise_cut(search->latch, search->source, last_end);
    return imgz_image_error_raise(search->latch, search->source, at,
                                  "there is no readable note here");
}

static int find_end(const struct search *search, struct imgz_ending *ending)
{
    const uint64_t size_bytes = imgz_source_size(search->source);
    uint64_t last_end;
    int tail_rc;
    int rc = try_own_tail(search, size_bytes, ending, &tail_rc);

    if (rc < 0 || tail_rc == 0)
        return rc;
    if (tail_rc == -EPROTO)
        return raise_mismatch(search, size_bytes);
    rc = bisect(search, &last_end);
    for (uint32_t zeros = 0; rc == 0 && tail_rc != 0 && zeros <= TRAILER_BYTES; zeros++)
        rc = try_own_tail(search, last_end + zeros, ending, &tail_rc);
    return rc < 0 || tail_rc == 0 ? rc : look_from_front(search, last_end, ending);
}

/* Zeros after the image are padding; in a file the holes among them are not read. */
static int check_padding(const struct search *search, const struct imgz_ending *ending)
{
    const struct imgz_source *source = search->source;
    const uint64_t behind_bytes = imgz_source_size(source) - ending->image_bytes;
    const bool device = imgz_source_is(source, IMGZ_SOURCE_DEVICE);
    const uint64_t end =
        ending->image_bytes + (device ? imgz_min(behind_bytes, DEVICE_BEHIND_BYTES) : behind_bytes);
    uint64_t at = ending->image_bytes;

    while (at < end) {
        struct imgz_extent extent;
        uint64_t first;
        int rc = imgz_source_next_extent(source, at, &extent);

        if (rc < 0)
            return imgz_latch_raise_system(search->latch, rc, imgz_source_location(source, at),
                                           "reading");
        extent.offset = imgz_min(extent.offset, end);
        extent.end = imgz_min(extent.end, end);
        rc = find_first(search, extent.offset, extent.end - extent.offset, &first);
        if (rc < 0)
            return rc;
        if (first < extent.end)
            return imgz_image_error_raise_trailing(search->latch, source, ending->image_bytes,
                                                   behind_bytes);
        at = extent.end;
    }
    return 0;
}

int imgz_ending_find(const struct imgz_source *source, const struct imgz_frame_header *header,
                     struct imgz_latch *latch, struct imgz_log *log, struct imgz_ending *ending)
{
    struct search search = {.source = source, .header = header, .latch = latch};
    int rc;

    search.piece = malloc(PIECE_BYTES);
    if (search.piece == NULL)
        return imgz_latch_raise_system(latch, -ENOMEM,
                                       imgz_source_location(source, IMGZ_OFFSET_NONE), "opening");
    rc = find_end(&search, ending);
    if (rc == 0)
        rc = check_padding(&search, ending);
    free(search.piece);
    if (rc == 0 && ending->image_bytes < imgz_source_size(source))
        imgz_log_line(log,
                      "the image in %s ends at byte %" PRIu64 "; the %" PRIu64
                      " bytes after it are padding",
                      imgz_source_path(source), ending->image_bytes,
                      imgz_source_size(source) - ending->image_bytes);
    return rc;
}
