/* SPDX-License-Identifier: MIT */
/*
 * A stream is only believed as far as it has been seen. Every note must continue where the last one
 * ended. Lengths are bounded before anything is read for them. What comes after the chunks must
 * agree with the chunks.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/zero.h"
#include "codec/zero_run.h"
#include "format/carrier.h"
#include "image/image_error.h"
#include "image/image_feeder.h"

/* File offsets are signed (off_t). */
#define DISK_BYTES_MAX ((uint64_t)INT64_MAX)

#define PADDING_PIECE_BYTES ((size_t)16 << 10)

struct stream_feeder {
    struct imgz_image *image;
    struct imgz_pipeline *pipeline;
    bool leftover;                                  /* the image may end anywhere */
    uint64_t image_offset;                          /* of what is read next */
    uint64_t note_offset;                           /* of the current note */
    uint64_t raw_offset;                            /* disk bytes fed so far */
    unsigned char carrier[IMGZ_NOTE_CARRIER_BYTES]; /* of the current note */
    struct imgz_note note;
};

static int raise_damage(const struct stream_feeder *feeder, uint64_t offset, const char *what)
{
    if (feeder->leftover)
        return -ENODATA;
    return imgz_image_error_raise(feeder->pipeline->latch, feeder->image->source, offset, what);
}

static int read_stream(void *context, void *buffer, size_t bytes)
{
    struct stream_feeder *feeder = context;
    struct imgz_source *source = feeder->image->source;
    size_t done_bytes;
    int rc = !imgz_source_is(source, IMGZ_SOURCE_RANDOM)
                 ? imgz_source_read(source, feeder->pipeline->latch, buffer, bytes, &done_bytes)
                 : imgz_source_read_at(source, feeder->image_offset, buffer, bytes, &done_bytes);

    feeder->image_offset += done_bytes;
    if (rc < 0)
        return imgz_latch_raise_system(feeder->pipeline->latch, rc,
                                       imgz_source_location(source, feeder->image_offset),
                                       "reading");
    if (done_bytes < bytes)
        return feeder->leftover ? -ENODATA
                                : imgz_image_error_raise_cut(feeder->pipeline->latch, source,
                                                             feeder->image_offset);
    return 0;
}

static int read_note(struct stream_feeder *feeder)
{
    int rc;

    feeder->note_offset = feeder->image_offset;
    rc = read_stream(feeder, feeder->carrier, sizeof(feeder->carrier));
    if (rc < 0)
        return rc;
    return imgz_note_decode(feeder->carrier, &feeder->note) < 0
               ? raise_damage(feeder, feeder->note_offset, "there is no readable note here")
               : 0;
}

/* ---- Chunks and runs ---------------------------------------------------------------------- */

/* True if the current note continues the disk, within the size in the header, and its lengths are
 * possible. Only the last item may end within a chunk: an item after it would not begin at a whole
 * chunk. */
static bool item_plausible(const struct stream_feeder *feeder)
{
    const struct imgz_note *note = &feeder->note;
    const uint32_t chunk_bytes = feeder->image->header.chunk_bytes;

    if (note->raw_offset != feeder->raw_offset || note->raw_offset % chunk_bytes != 0 ||
        note->raw_bytes == 0 ||
        note->raw_offset > imgz_min(DISK_BYTES_MAX, feeder->image->header.raw_bytes) ||
        note->raw_bytes >
            imgz_min(DISK_BYTES_MAX, feeder->image->header.raw_bytes) - note->raw_offset)
        return false;
    if (note->kind == IMGZ_NOTE_ZERO)
        return note->raw_bytes <= imgz_note_zero_bytes_max(chunk_bytes) &&
               note->payload_bytes == imgz_zero_run_segment_bytes(note->raw_bytes);
    return note->raw_bytes <= chunk_bytes &&
           note->payload_bytes >= imgz_note_segment_bytes_min(note->raw_bytes) &&
           note->payload_bytes <= imgz_note_segment_bytes_max(note->raw_bytes);
}

static int index_item(struct stream_feeder *feeder)
{
    const struct imgz_note *note = &feeder->note;
    struct imgz_index *index = &feeder->image->index;
    int rc = note->kind == IMGZ_NOTE_ZERO
                 ? imgz_index_add_zero(index, note->raw_bytes)
                 : imgz_index_add_chunk(index, note->payload_bytes, &note->raw_hash);

    if (rc < 0)
        return imgz_latch_raise_system(feeder->pipeline->latch, rc,
                                       imgz_source_location(feeder->image->source,
                                                            feeder->note_offset),
                                       "growing the index of");
    return 0;
}

static int feed_item(struct stream_feeder *feeder)
{
    const struct imgz_note *note = &feeder->note;
    struct imgz_slot *slot = NULL;
    int rc;

    if (!item_plausible(feeder))
        return raise_damage(feeder, feeder->note_offset, "this note contradicts what came before");
    rc = index_item(feeder);
    if (rc == 0)
        rc = imgz_pipeline_take_free(feeder->pipeline, &slot);
    if (rc < 0)
        return rc;
    slot->kind = note->kind == IMGZ_NOTE_ZERO ? IMGZ_SLOT_ZERO : IMGZ_SLOT_DATA;
    slot->raw_offset = note->raw_offset;
    slot->raw_bytes = note->raw_bytes;
    slot->image_offset = feeder->note_offset;
    slot->stored_bytes = IMGZ_NOTE_CARRIER_BYTES + note->payload_bytes;
    memcpy(slot->stored, feeder->carrier, sizeof(feeder->carrier));
    rc = read_stream(feeder, slot->stored + IMGZ_NOTE_CARRIER_BYTES, note->payload_bytes);
    if (rc < 0) {
        imgz_pipeline_untake(feeder->pipeline, &slot);
        return rc;
    }
    feeder->raw_offset += note->raw_bytes;
    return imgz_pipeline_feed(feeder->pipeline, &slot);
}

/* ---- What follows the chunks -------------------------------------------------------------- */

/* Reads the section that the current note announces; it must be of this kind and these bytes. */
static int expect_section(struct stream_feeder *feeder, enum imgz_note_kind kind,
                          const void *expected, uint64_t bytes)
{
    unsigned char *payload;
    int rc = 0;

    if (feeder->note.kind != kind || feeder->note.payload_bytes != bytes ||
        !imgz_note_is_bare(&feeder->note))
        return raise_damage(feeder, feeder->note_offset, "the index does not match the chunks");
    payload = malloc((size_t)bytes + 1);
    if (payload == NULL)
        return imgz_latch_raise_system(feeder->pipeline->latch, -ENOMEM,
                                       imgz_source_location(feeder->image->source,
                                                            feeder->note_offset),
                                       "loading the index of");
    rc = imgz_image_read_payload(read_stream, feeder, &feeder->note, payload);
    if (rc == 0 && bytes > 0 && memcmp(payload, expected, (size_t)bytes) != 0)
        rc = -EBADMSG;
    free(payload);
    if (rc == -EBADMSG)
        return raise_damage(feeder, feeder->note_offset, "the index does not match the chunks");
    return rc;
}

static int read_meta(struct stream_feeder *feeder)
{
    const uint32_t bytes = feeder->note.payload_bytes;
    unsigned char *text;
    int rc;

    if (bytes > IMGZ_META_BYTES_MAX || !imgz_note_is_bare(&feeder->note))
        return raise_damage(feeder, feeder->note_offset, "the metadata is invalid");
    text = malloc(bytes + 1u);
    rc = text == NULL ? -ENOMEM : 0;
    if (rc == 0)
        rc = imgz_image_read_payload(read_stream, feeder, &feeder->note, text);
    if (rc == 0)
        rc = imgz_meta_decode((const char *)text, bytes, &feeder->image->meta);
    free(text);
    if (rc == -EBADMSG)
        return raise_damage(feeder, feeder->note_offset, "the metadata is invalid");
    if (rc == -ENOMEM)
        return imgz_latch_raise_system(feeder->pipeline->latch, rc,
                                       imgz_source_location(feeder->image->source,
                                                            feeder->note_offset),
                                       "loading the metadata of");
    return rc;
}

/* Reads what follows the image to the end, as the writer of a pipe expects. Zeros are padding: see
 * ending.h. */
static int read_padding(struct stream_feeder *feeder)
{
    struct imgz_source *source = feeder->image->source;
    unsigned char piece[PADDING_PIECE_BYTES];
    uint64_t behind_bytes = 0;
    bool padding = true;
    size_t done_bytes;

    do {
        int rc =
            imgz_source_read(source, feeder->pipeline->latch, piece, sizeof(piece), &done_bytes);

        behind_bytes += done_bytes;
        if (rc < 0)
            return imgz_latch_raise_system(
                feeder->pipeline->latch, rc,
                imgz_source_location(source, feeder->image_offset + behind_bytes), "reading");
        padding = padding && imgz_zero_test(piece, done_bytes);
    } while (done_bytes == sizeof(piece));
    return padding ? 0
                   : imgz_image_error_raise_trailing(feeder->pipeline->latch, source,
                                                     feeder->image_offset, behind_bytes);
}

/* The current note must be END; reads what is left of the image, and what follows it. */
static int read_tail(struct stream_feeder *feeder)
{
    struct imgz_image *image = feeder->image;
    const enum imgz_hash_kind hash = image->header.hash;
    unsigned char tail[IMGZ_FRAME_TAIL_BYTES_MAX];
    int rc;

    memcpy(tail, feeder->carrier, sizeof(feeder->carrier));
    rc = read_stream(feeder, tail + sizeof(feeder->carrier),
                     imgz_frame_tail_bytes(hash) - sizeof(feeder->carrier));
    if (rc < 0)
        return rc;
    rc = imgz_frame_decode_tail(hash, tail, &image->end);
    if (rc < 0)
        return raise_damage(feeder, feeder->note_offset,
                            rc == -EPROTO ? "the gzip trailer does not match the end record"
                                          : "the end record is invalid");
    return 0;
}

static int check_end(const struct stream_feeder *feeder, const struct imgz_frame_end *seen)
{
    const struct imgz_image *image = feeder->image;
    const struct imgz_frame_end *end = &image->end;

    if (end->raw_bytes == feeder->raw_offset && end->chunk_bytes == image->header.chunk_bytes &&
        end->entry_count == image->index.entry_count && end->index_offset == seen->index_offset &&
        end->hashes_offset == seen->hashes_offset && end->meta_offset == seen->meta_offset &&
        (image->header.raw_bytes == IMGZ_SIZE_UNKNOWN || image->header.raw_bytes == end->raw_bytes))
        return 0;
    return raise_damage(feeder, feeder->note_offset, "the end record does not match the image");
}

/* From the current note, INDEX, to the last byte. */
static int read_rest(struct stream_feeder *feeder)
{
    const struct imgz_index *index = &feeder->image->index;
    struct imgz_frame_end seen = {.index_offset = feeder->note_offset};
    int rc = expect_section(feeder, IMGZ_NOTE_INDEX, index->entries,
                            index->entry_count * IMGZ_INDEX_ENTRY_BYTES);

    if (rc == 0)
        rc = read_note(feeder);
    seen.hashes_offset = feeder->note_offset;
    if (rc == 0)
        rc = expect_section(feeder, IMGZ_NOTE_HASHES, index->hashes,
                            index->hash_count * IMGZ_HASH_BYTES);
    if (rc == 0)
        rc = read_note(feeder);
    seen.meta_offset = feeder->note_offset;
    if (rc == 0 && feeder->note.kind == IMGZ_NOTE_META) {
        rc = read_meta(feeder);
        if (rc == 0)
            rc = read_note(feeder);
    }
    if (rc == 0)
        rc = read_tail(feeder);
    if (rc == 0)
        rc = check_end(feeder, &seen);
    return rc < 0 ? rc : read_padding(feeder);
}

/* Up to the first note that is not an item's. */
static int feed_items(struct stream_feeder *feeder)
{
    int rc;

    feeder->image_offset = IMGZ_FRAME_HEADER_BYTES; /* read when the image was opened */
    while ((rc = read_note(feeder)) == 0 &&
           (feeder->note.kind == IMGZ_NOTE_CHUNK || feeder->note.kind == IMGZ_NOTE_ZERO)) {
        rc = feed_item(feeder);
        if (rc < 0)
            return rc;
    }
    return rc;
}

int imgz_image_feed_stream(struct imgz_image *image, struct imgz_pipeline *pipeline)
{
    struct stream_feeder feeder = {.image = image, .pipeline = pipeline};
    int rc = feed_items(&feeder);

    if (rc == 0)
        rc = read_rest(&feeder);
    if (rc == 0)
        image->image_bytes = feeder.image_offset;
    return rc;
}

int imgz_image_feed_leftover(struct imgz_image *image, struct imgz_pipeline *pipeline)
{
    struct stream_feeder feeder = {.image = image, .pipeline = pipeline, .leftover = true};
    int rc = feed_items(&feeder);

    return rc == -ENODATA ? 0 : rc;
}
