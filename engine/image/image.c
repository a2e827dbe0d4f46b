/* SPDX-License-Identifier: MIT */
/*
 * Loading begins at the end: the end record says where the index lies, and the index how long every
 * entry is. These are compared until everything fits without gap or overlap:
 *
 *     header | entries: sum of the index | INDEX | HASHES | META | END | final block, trailer
 *
 * Nothing is allocated for a length before that length fits into the file.
 */
#include "image/image.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "checksum/checksum.h"
#include "format/carrier.h"
#include "image/ending.h"
#include "image/image_access.h"
#include "image/image_error.h"

#define PAYLOAD_PIECE_BYTES 1000u /* eight times that on the stack */
_Static_assert(PAYLOAD_PIECE_BYTES % 5 == 0, "pieces fill their carriers");

/* Reads on through a file. */
struct file_cursor {
    const struct imgz_image *image;
    struct imgz_latch *latch;
    uint64_t offset;
};

static int read_file(void *context, void *buffer, size_t bytes)
{
    struct file_cursor *cursor = context;
    const struct imgz_source *source = cursor->image->source;
    size_t done_bytes;
    int rc = imgz_source_read_at(source, cursor->offset, buffer, bytes, &done_bytes);

    cursor->offset += done_bytes;
    if (rc < 0)
        return imgz_latch_raise_system(cursor->latch, rc,
                                       imgz_source_location(source, cursor->offset), "reading");
    if (done_bytes < bytes)
        return imgz_image_error_raise_cut(cursor->latch, source, cursor->offset);
    return 0;
}

int imgz_image_read_payload(imgz_image_read_fn read, void *context, const struct imgz_note *note,
                            unsigned char *payload)
{
    unsigned char piece[PAYLOAD_PIECE_BYTES * 8];
    size_t done_bytes = 0;

    while (done_bytes < note->payload_bytes) {
        const size_t taken =
            (size_t)imgz_min(note->payload_bytes - done_bytes, PAYLOAD_PIECE_BYTES);
        int rc = read(context, piece, (size_t)imgz_carrier_bytes(taken));

        if (rc == 0)
            rc = imgz_carrier_decode(piece, taken, payload + done_bytes);
        if (rc < 0)
            return rc;
        done_bytes += taken;
    }
    return imgz_xxh3_64(payload, note->payload_bytes) == note->payload_xxh3 ? 0 : -EBADMSG;
}

/* ---- Header and end ----------------------------------------------------------------------- */

static int read_header(struct imgz_image *image, struct imgz_latch *latch)
{
    unsigned char bytes[IMGZ_FRAME_HEADER_BYTES];
    enum imgz_frame_probe sort;
    size_t done_bytes = 0;
    int rc = imgz_source_peek(image->source, latch, bytes, sizeof(bytes), &done_bytes);

    if (rc < 0)
        return rc;
    imgz_source_drop_peeked(image->source);
    sort = imgz_frame_decode_header(bytes, done_bytes, &image->header);
    if (sort != IMGZ_FRAME_IMAGE)
        return imgz_image_error_raise_not_image(latch, image->source, sort, done_bytes);
    imgz_index_init(&image->index, image->header.chunk_bytes);
    return 0;
}

int imgz_image_recognize(struct imgz_source *source, struct imgz_latch *latch, bool *is_image,
                         struct imgz_frame_header *header)
{
    unsigned char bytes[IMGZ_FRAME_HEADER_BYTES];
    enum imgz_frame_probe sort;
    size_t done_bytes = 0;
    int rc;

    *is_image = false;
    *header = (struct imgz_frame_header){0};
    if (imgz_source_is(source, IMGZ_SOURCE_DEVICE))
        return 0;
    rc = imgz_source_peek(source, latch, bytes, sizeof(bytes), &done_bytes);
    if (rc < 0)
        return rc;
    sort = imgz_frame_decode_header(bytes, done_bytes, header);
    *is_image = sort != IMGZ_FRAME_GZIP && sort != IMGZ_FRAME_OTHER;
    return 0;
}

static int read_end(struct imgz_image *image, struct imgz_latch *latch, struct imgz_log *log)
{
    struct imgz_ending ending;
    int rc = imgz_ending_find(image->source, &image->header, latch, log, &ending);

    if (rc < 0)
        return rc;
    image->image_bytes = ending.image_bytes;
    image->end = ending.end;
    if (image->end.chunk_bytes != image->header.chunk_bytes ||
        (image->header.raw_bytes != IMGZ_SIZE_UNKNOWN &&
         image->header.raw_bytes != image->end.raw_bytes))
        return imgz_image_error_raise(latch, image->source, imgz_image_tail_offset(image),
                                      "header and end record differ");
    return 0;
}

/* ---- Index and metadata ------------------------------------------------------------------- */

/* A section of the file: a note and its carried payload, from 'offset' to exactly 'end'. */
struct section {
    enum imgz_note_kind kind;
    uint64_t offset;
    uint64_t end;
    const char *name; /* for the error message */
};

static int raise_section(const struct imgz_image *image, struct imgz_latch *latch,
                         const struct section *section)
{
    char what[64];

    snprintf(what, sizeof(what), "the %s is invalid", section->name);
    return imgz_image_error_raise(latch, image->source, section->offset, what);
}

/* Reads a section into memory of its own; '*bytes' is a multiple of 'unit_bytes'. */
static int load_section(const struct imgz_image *image, struct imgz_latch *latch,
                        const struct section *section, size_t unit_bytes, void **result,
                        uint64_t *bytes)
{
    struct file_cursor cursor = {.image = image, .latch = latch, .offset = section->offset};
    unsigned char carrier[IMGZ_NOTE_CARRIER_BYTES];
    struct imgz_note note;
    void *payload;
    int rc = read_file(&cursor, carrier, sizeof(carrier));

    if (rc < 0)
        return rc;
    if (imgz_note_decode(carrier, &note) < 0 || note.kind != section->kind ||
        !imgz_note_is_bare(&note) ||
        section->offset + sizeof(carrier) + imgz_carrier_bytes(note.payload_bytes) !=
            section->end ||
        note.payload_bytes % unit_bytes != 0)
        return raise_section(image, latch, section);
    payload = malloc((size_t)note.payload_bytes + 1);
    if (payload == NULL)
        return imgz_latch_raise_system(latch, -ENOMEM,
                                       imgz_source_location(image->source, section->offset),
                                       "loading the index of");
    rc = imgz_image_read_payload(read_file, &cursor, &note, payload);
    if (rc < 0) {
        free(payload);
        return imgz_latch_raised(latch) ? rc : raise_section(image, latch, section);
    }
    *result = payload;
    *bytes = note.payload_bytes;
    return 0;
}

static int raise_memory(const struct imgz_image *image, struct imgz_latch *latch)
{
    return imgz_latch_raise_system(latch, -ENOMEM, imgz_source_location(image->source, 0),
                                   "loading the index of");
}

/* The entries must fill the file from the header to the index, and the disk. */
static int check_sums(struct imgz_image *image, struct imgz_latch *latch,
                      const struct section *section)
{
    struct imgz_index_cursor cursor;
    struct imgz_index_item item;
    int rc;

    image->data_bytes_max = 0;
    image->segment_bytes_max = 0;
    imgz_index_rewind(&image->index, image->end.raw_bytes, &cursor);
    while ((rc = imgz_index_next(&cursor, &item)) == 0) {
        if (item.kind == IMGZ_NOTE_CHUNK)
            image->data_bytes_max = imgz_max(image->data_bytes_max, item.raw_bytes);
        image->segment_bytes_max = imgz_max(image->segment_bytes_max, item.segment_bytes);
    }
    if (rc != -ENODATA || image->index.entry_count != image->end.entry_count ||
        cursor.next.image_offset != image->end.index_offset ||
        cursor.next.raw_offset != image->end.raw_bytes)
        return raise_section(image, latch, section);
    image->index.hash_count = cursor.next.hash_index;
    rc = imgz_index_add_points(&image->index, image->end.raw_bytes);
    return rc < 0 ? raise_memory(image, latch) : 0;
}

static int load_sizes(struct imgz_image *image, struct imgz_latch *latch)
{
    const struct section section = {IMGZ_NOTE_INDEX, image->end.index_offset,
                                    image->end.hashes_offset, "index"};
    void *entries = NULL;
    uint64_t bytes = 0;
    int rc = load_section(image, latch, &section, IMGZ_INDEX_ENTRY_BYTES, &entries, &bytes);

    if (rc < 0)
        return rc;
    image->index.entries = entries;
    image->index.entry_count = bytes / IMGZ_INDEX_ENTRY_BYTES;
    return check_sums(image, latch, &section);
}

static int load_hashes(struct imgz_image *image, struct imgz_latch *latch)
{
    const struct section section = {IMGZ_NOTE_HASHES, image->end.hashes_offset,
                                    image->end.meta_offset, "table of hashes"};
    void *hashes = NULL;
    uint64_t bytes = 0;
    int rc = load_section(image, latch, &section, IMGZ_HASH_BYTES, &hashes, &bytes);

    if (rc < 0)
        return rc;
    image->index.hashes = hashes;
    return bytes / IMGZ_HASH_BYTES == image->index.hash_count
               ? 0
               : raise_section(image, latch, &section);
}

static int load_meta(struct imgz_image *image, struct imgz_latch *latch)
{
    const struct section section = {IMGZ_NOTE_META, image->end.meta_offset,
                                    imgz_image_tail_offset(image), "metadata"};
    void *text = NULL;
    uint64_t bytes = 0;
    int rc;

    if (section.offset == section.end)
        return 0;
    if (section.end - section.offset >
        IMGZ_NOTE_CARRIER_BYTES + imgz_carrier_bytes(IMGZ_META_BYTES_MAX))
        return raise_section(image, latch, &section);
    rc = load_section(image, latch, &section, 1, &text, &bytes);
    if (rc < 0)
        return rc;
    rc = imgz_meta_decode(text, (size_t)bytes, &image->meta);
    free(text);
    if (rc == -ENOMEM)
        return imgz_latch_raise_system(latch, rc,
                                       imgz_source_location(image->source, section.offset),
                                       "loading the metadata of");
    return rc < 0 ? raise_section(image, latch, &section) : 0;
}

/* Sections follow each other within the file. */
static bool sections_ordered(const struct imgz_image *image)
{
    const struct imgz_frame_end *end = &image->end;

    return end->index_offset >= IMGZ_FRAME_HEADER_BYTES &&
           end->hashes_offset >= end->index_offset && end->meta_offset >= end->hashes_offset &&
           end->meta_offset <= imgz_image_tail_offset(image);
}

static int load_file(struct imgz_image *image, enum imgz_image_parts parts,
                     struct imgz_latch *latch, struct imgz_log *log)
{
    int rc = read_end(image, latch, log);

    if (rc == 0 && !sections_ordered(image))
        rc = imgz_image_error_raise(latch, image->source, imgz_image_tail_offset(image),
                                    "the end record contradicts itself");
    if (rc == 0)
        rc = load_sizes(image, latch);
    if (rc == 0)
        rc = load_meta(image, latch);
    if (rc == 0 && parts == IMGZ_IMAGE_ALL)
        rc = load_hashes(image, latch);
    if (rc == 0 && imgz_image_readers_create(&image->readers) < 0)
        rc = raise_memory(image, latch);
    return rc;
}

int imgz_image_load(struct imgz_image *image, enum imgz_image_parts parts, struct imgz_latch *latch,
                    struct imgz_log *log)
{
    int rc;

    image->seekable = imgz_source_is(image->source, IMGZ_SOURCE_RANDOM);
    rc = read_header(image, latch);
    return rc < 0 || !image->seekable ? rc : load_file(image, parts, latch, log);
}

int imgz_image_init(const char *path, const struct imgz_reach *reach, struct imgz_latch *latch,
                    struct imgz_log *log, struct imgz_image *image)
{
    const struct imgz_source_config config = {
        .path = path,
        .stage = IMGZ_STAGE_READ_IMAGE,
        .direct = IMGZ_DIRECT_OFF,
        .reach = reach != NULL ? *reach : (struct imgz_reach){0},
    };
    int rc;

    memset(image, 0, sizeof(*image));
    rc = imgz_source_open(&config, latch, log, &image->source);
    if (rc == 0)
        rc = imgz_image_load(image, IMGZ_IMAGE_ALL, latch, log);
    if (rc < 0)
        imgz_image_fini(image);
    return rc;
}

void imgz_image_fini(struct imgz_image *image)
{
    imgz_image_readers_destroy(image->readers);
    image->readers = NULL;
    imgz_meta_fini(&image->meta);
    imgz_index_fini(&image->index);
    imgz_source_close(image->source);
    image->source = NULL;
}

uint64_t imgz_image_raw_bytes(const struct imgz_image *image)
{
    return image->seekable ? image->end.raw_bytes : image->header.raw_bytes;
}

/* A disk shorter than the smallest chunk counts as one of that size, because the segments of its
 * runs of zeros are longer than they are. */
uint64_t imgz_image_data_bytes_max(const struct imgz_image *image)
{
    return image->seekable ? image->data_bytes_max
                           : imgz_min(image->header.chunk_bytes,
                                      imgz_max(image->header.raw_bytes, IMGZ_CHUNK_BYTES_MIN));
}

uint64_t imgz_image_segment_bytes_max(const struct imgz_image *image)
{
    return image->seekable ? image->segment_bytes_max
                           : imgz_note_segment_bytes_max(imgz_image_data_bytes_max(image));
}
