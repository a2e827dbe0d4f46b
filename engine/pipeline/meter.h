/* SPDX-License-Identifier: MIT */
/*
 * How far a job is: in bytes of the disk, and in work, which counts what costs time.
 *
 * A byte that is read, compressed or written is a byte of work. A byte of zeros that need not be
 * read is next to nothing, or as much as any other: the job says which (zero_cost). In an image a
 * hole shrinks to a 1030th, but a drive that cannot zero by itself is written in full. If the disk
 * itself is not touched, as in a scrub, stored bytes are the work.
 *
 * Bytes that were read and turned out to be zeros are blank. They are full work, but may cost less
 * time than other data, because they are not compressed. So they are also counted separately, with
 * an estimate of how many are still ahead (blanks.h).
 *
 * Place: one per pipeline. The feeder or the job sets the total, the drain counts, the caller's
 * thread reads.
 *
 * Threads    add() and take_over(): the drain, or another before it has anything to count;
 *            'blanks': the feeder before it feeds, then the drain; set_total(), read(): any.
 *            Relaxed order: each is a figure for display, and no other data depends on it.
 */
#ifndef IMGZ_METER_H
#define IMGZ_METER_H

#include <imgz/imgz.h>
#include <stdatomic.h>

#include "pipeline/blanks.h"
#include "pipeline/slot.h"

/* What a byte of zeros costs, in parts of what a byte of data does. */
#define IMGZ_METER_COST_UNIT 1024u
#define IMGZ_METER_COST_HOLE 1u  /* only its length is recorded */
#define IMGZ_METER_COST_ZERO 64u /* a drive is told to zero it by itself */
#define IMGZ_METER_COST_DATA IMGZ_METER_COST_UNIT

struct imgz_meter_config {
    bool by_stored;     /* work is the bytes of the image, not of the disk */
    uint32_t zero_cost; /* 0: as a hole */
};

struct imgz_meter {
    struct imgz_meter_config config; /* set before any thread starts */
    _Atomic(uint64_t) raw_bytes_done;
    _Atomic(uint64_t) zero_bytes_done;
    _Atomic(uint64_t) image_bytes_done;
    _Atomic(uint64_t) work_bytes_done;
    _Atomic(uint64_t) work_bytes_total; /* or IMGZ_SIZE_UNKNOWN */
    _Atomic(uint64_t) work_bytes_taken_over;
    _Atomic(uint64_t) blank_bytes_done;
    _Atomic(uint64_t) blank_bytes_ahead; /* or IMGZ_SIZE_UNKNOWN */
    atomic_int phase;                    /* enum imgz_phase */
    struct imgz_blanks blanks;
};

/* Nothing done, the total unknown. */
void imgz_meter_init(struct imgz_meter *meter, const struct imgz_meter_config *config);

/* The work in this much data, and in this many zeros that need not be read. */
uint64_t imgz_meter_weigh(const struct imgz_meter *meter, uint64_t data_bytes, uint64_t zero_bytes);

void imgz_meter_set_total(struct imgz_meter *meter, uint64_t work_bytes);
void imgz_meter_reduce_total(struct imgz_meter *meter, uint64_t work_bytes);

/* An item is done. */
void imgz_meter_add(struct imgz_meter *meter, const struct imgz_slot *slot);

/* An earlier run did this much work: it costs this one nothing. */
void imgz_meter_take_over(struct imgz_meter *meter, uint64_t work_bytes);

/* The same for an item that was added. */
void imgz_meter_take_over_item(struct imgz_meter *meter, const struct imgz_slot *slot);

/* Fills in all but phase, raw_bytes_total and elapsed_ns. Until the total is known, the rest of the
 * disk counts as data; so 'progress' must have raw_bytes_total. */
void imgz_meter_read(const struct imgz_meter *meter, struct imgz_progress *progress);

#endif /* IMGZ_METER_H */
