/* SPDX-License-Identifier: MIT */
/*
 * The index of an image: how long every entry's segment is, and every chunk's raw hash. Offsets are
 * not kept: they are the sums of what comes before.
 *
 * Place: filled by the image writer and the stream feeder, loaded for a file.
 *
 * Threads    one.
 * Ownership  the index owns its arrays.
 * Errors     -ENOMEM; -EBADMSG from next(): an impossible entry.
 * Memory     4 bytes per entry and 16 per CHUNK; grows by doubling. Points: 48 bytes per 512
 *            entries.
 */
#ifndef IMGZ_INDEX_H
#define IMGZ_INDEX_H

#include "base/base.h"
#include "base/hash.h"
#include "format/note.h"

/* As in the file: the segment's length of a CHUNK; ZERO_FLAG and the number of chunks of a ZERO. */
#define IMGZ_INDEX_ENTRY_BYTES 4u
#define IMGZ_INDEX_ZERO_FLAG   0x80000000u

/* A seek walks over at most this many entries: 2 us. */
#define IMGZ_INDEX_POINT_ENTRIES 512u

struct imgz_index_item;

struct imgz_index {
    uint32_t chunk_bytes;
    uint64_t entry_count;
    uint64_t entry_capacity;
    unsigned char *entries; /* IMGZ_INDEX_ENTRY_BYTES each, as in the file */
    uint64_t hash_count;
    uint64_t hash_capacity;
    struct imgz_hash *hashes;

    /* What is known of one entry in IMGZ_INDEX_POINT_ENTRIES, so that seek() need not walk; made by
     * add_points(). */
    uint64_t point_count;
    struct imgz_index_item *points;
};

void imgz_index_init(struct imgz_index *index, uint32_t chunk_bytes);
void imgz_index_fini(struct imgz_index *index);

IMGZ_MUST_CHECK int imgz_index_add_chunk(struct imgz_index *index, uint32_t segment_bytes,
                                         const struct imgz_hash *raw_hash);
IMGZ_MUST_CHECK int imgz_index_add_zero(struct imgz_index *index, uint64_t raw_bytes);

/* One entry with everything that follows from it and those before. */
struct imgz_index_item {
    enum imgz_note_kind kind; /* CHUNK or ZERO */
    uint64_t image_offset;    /* of the note */
    uint64_t segment_bytes;
    uint64_t raw_offset;
    uint64_t raw_bytes;
    uint64_t hash_index; /* of a CHUNK */
};

struct imgz_index_cursor {
    const struct imgz_index *index;
    uint64_t disk_bytes;
    uint64_t entry_index;
    struct imgz_index_item next; /* offsets and hash_index are those of the next entry */
};

void imgz_index_rewind(const struct imgz_index *index, uint64_t disk_bytes,
                       struct imgz_index_cursor *cursor);

/* -ENODATA after the last entry; the cursor's next.image_offset and next.raw_offset are then the
 * sums over all. */
IMGZ_MUST_CHECK int imgz_index_next(struct imgz_index_cursor *cursor, struct imgz_index_item *item);

/* Makes seek() fast. Call it when all entries are there and valid. 0, or -ENOMEM. */
IMGZ_MUST_CHECK int imgz_index_add_points(struct imgz_index *index, uint64_t disk_bytes);

/* Moves in either direction to the entry that holds 'offset' of the disk, or stays there. '*item'
 * must be the one that the cursor gave last, or all zero before the first. -ENODATA: the disk ends
 * before. Without points it walks; to go back, from the start. */
IMGZ_MUST_CHECK int imgz_index_seek(struct imgz_index_cursor *cursor, uint64_t offset,
                                    struct imgz_index_item *item);

/* What the entries hold of the disk's first 'end_bytes'. An entry must end there. */
struct imgz_index_sums {
    uint64_t data_bytes;
    uint64_t zero_bytes;
    uint64_t stored_bytes; /* notes and segments */
};
void imgz_index_sum(const struct imgz_index *index, uint64_t disk_bytes, uint64_t end_bytes,
                    struct imgz_index_sums *sums);

/* Where the last CHUNK of a disk of 'disk_bytes' ends: only zeros follow. */
uint64_t imgz_index_data_end(const struct imgz_index *index, uint64_t disk_bytes);

#endif /* IMGZ_INDEX_H */
