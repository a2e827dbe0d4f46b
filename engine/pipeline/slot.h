/* SPDX-License-Identifier: MIT */
/*
 * Chunk slots: the buffers that travel through the pipeline, and the pool they rest in.
 *
 * A slot carries one item: a chunk of data, or a run of zeros of any length up to the format's
 * limit. It has a raw buffer (the disk's bytes) and a stored buffer (as the image holds them: note
 * and segment).
 *
 * Place: pool -> feeder -> queue -> workers -> order -> drain -> pool.
 *
 * Threads    the pool: any. A slot: its current owner.
 * Ownership  exactly one owner at any time; hand-off clears the giver's pointer.
 * Errors     take: -ECANCELED once closed; try_take: also -EAGAIN.
 * Blocking   take waits for a slot; try_take and give never wait.
 * Memory     all in create(): one anonymous mapping.
 */
#ifndef IMGZ_SLOT_H
#define IMGZ_SLOT_H

#include "base/base.h"
#include "base/hash.h"
#include "base/range_list.h"

/* Where a slot is. Changed only by imgz_slot_move(). */
enum imgz_slot_state {
    IMGZ_SLOT_FREE,  /* in the pool */
    IMGZ_SLOT_FEED,  /* being filled by the feeder */
    IMGZ_SLOT_WORK,  /* in the queue or with a worker */
    IMGZ_SLOT_DRAIN, /* in the order or with the drain */
};

enum imgz_slot_kind {
    IMGZ_SLOT_DATA, /* raw_bytes <= chunk size, in the raw buffer once known */
    IMGZ_SLOT_ZERO, /* raw_bytes of zeros; the raw buffer means nothing */
};

/* What a worker found wrong with an item; reported in disk order by the drain. */
enum imgz_fault {
    IMGZ_FAULT_NONE,
    IMGZ_FAULT_READ,    /* it could not be read: see read_rc */
    IMGZ_FAULT_NOTE,    /* the note cannot be read, or contradicts index or stream order */
    IMGZ_FAULT_PAYLOAD, /* the stored segment does not match its hash */
    IMGZ_FAULT_INFLATE, /* the segment does not inflate to raw_bytes */
    IMGZ_FAULT_RAW,     /* the raw bytes do not match hash or CRC-32 */
    IMGZ_FAULT_ZERO,    /* a zero run's segment is not the canonical one */
    IMGZ_FAULT_TABLE,   /* the image's table of hashes contradicts the note */
    IMGZ_FAULT_CODEC,   /* the compressor gave something unusable */
};

struct imgz_slot {
    enum imgz_slot_state state;
    enum imgz_slot_kind kind;
    uint32_t slot_index; /* position in the pool, also of its buffers */
    uint32_t node_index; /* of the memory its buffers lie in, as the placement counts nodes */
    uint64_t seq;        /* items count from 0 without gaps, in disk order */

    uint64_t raw_offset; /* on the disk */
    uint64_t raw_bytes;
    unsigned char *raw; /* raw_capacity_bytes of the pool, aligned to IMGZ_BLOCK_BYTES */

    uint64_t image_offset; /* of the note, in the image */
    uint64_t stored_bytes; /* used in 'stored': note and segment */
    unsigned char *stored; /* stored_capacity_bytes of the pool, aligned to IMGZ_BLOCK_BYTES */
    bool is_stored;        /* the segment is stored blocks: not compressed */

    uint32_t raw_crc32;
    struct imgz_hash raw_hash;     /* of the raw bytes; not used for ZERO */
    struct imgz_sha256 raw_sha256; /* the same, all of it, if that is the chunk hash */
    enum imgz_fault fault;
    bool checked;      /* the raw bytes were proven against their hash */
    uint8_t *zero_map; /* one per IMGZ_BLOCK_BYTES of raw: 1 where all zero */

    bool fed_zero;             /* it was fed as zeros: nothing had to be read for it */
    bool is_encoded;           /* the source did the worker's part: see source.h */
    bool read_deferred;        /* the feeder left reading to the worker: see source.h */
    int read_rc;               /* how that ended: a negative errno, or 0 where the source ended */
    uint64_t read_bytes;       /* ... after this many bytes */
    bool unchanged;            /* restore: the target holds these bytes already */
    bool image_failed;         /* compared with an image: the fault is that of the image's item */
    uint32_t differ_count;     /* ... by bytes: chunks that differ */
    uint64_t differ_offset;    /* ... the first of them */
    uint32_t unreadable_count; /* sectors that could not be read and hold zeros instead */
    uint8_t *unreadable_map;   /* one per IMGZ_SECTOR_BYTES of raw: 1 where that is so */
    uint32_t pending_count;    /* I/O requests under way for this slot; of the stage that owns it */
};

void imgz_slot_move(struct imgz_slot *slot, enum imgz_slot_state from, enum imgz_slot_state to);

struct imgz_pool;
struct imgz_placement;

/* 'slot_count' > 0 slots; capacities are rounded up to IMGZ_BLOCK_BYTES; 0 means no such buffer.
 * 0, or -ENOMEM. */
struct imgz_pool_config {
    uint32_t slot_count;
    uint64_t raw_capacity_bytes;
    uint64_t stored_capacity_bytes;
};
/* How much memory the buffers of one slot take. */
uint64_t imgz_pool_slot_bytes(const struct imgz_pool_config *config);

IMGZ_MUST_CHECK int imgz_pool_create(const struct imgz_pool_config *config,
                                     struct imgz_pool **result);

/* Puts each slot's buffers on the node that 'placement' (NULL: one node) chose for it. Call it
 * before a slot is taken. 0, or the system's error for the first one that was not moved. */
IMGZ_MUST_CHECK int imgz_pool_place(struct imgz_pool *pool, const struct imgz_placement *placement);

/* Accepts NULL. Every slot must be in the pool unless that was closed. */
void imgz_pool_destroy(struct imgz_pool *pool);

IMGZ_MUST_CHECK int imgz_pool_take(struct imgz_pool *pool, struct imgz_slot **result);
IMGZ_MUST_CHECK int imgz_pool_try_take(struct imgz_pool *pool, struct imgz_slot **result);

/* Takes a slot in any state but FREE. */
void imgz_pool_give(struct imgz_pool *pool, struct imgz_slot **slot);

/* Wakes takers: from now on they get -ECANCELED. */
void imgz_pool_close(struct imgz_pool *pool);

uint32_t imgz_pool_slot_count(const struct imgz_pool *pool);
uint64_t imgz_pool_stored_bytes(const struct imgz_pool *pool); /* of a slot's stored buffer */

/* The mapping that holds every buffer. */
void imgz_pool_memory(const struct imgz_pool *pool, unsigned char **base, uint64_t *bytes);

/* What of it to register with a ring: all of it, which takes the memory at once. Nothing if slots
 * are so large that a small disk would take far more memory than it has bytes. */
void imgz_pool_pinned_memory(const struct imgz_pool *pool, unsigned char **base, uint64_t *bytes);

/* Adds to 'list' what slot->unreadable_map marks. 0, or -ENOMEM. */
IMGZ_MUST_CHECK int imgz_slot_list_unreadable(const struct imgz_slot *slot,
                                              struct imgz_range_list *list);

#endif /* IMGZ_SLOT_H */
