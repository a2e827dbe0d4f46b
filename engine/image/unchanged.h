/* SPDX-License-Identifier: MIT */
/*
 * Whether the target of a restore holds a chunk already: then it is neither inflated nor written.
 *
 * Place: a worker, before a chunk is decoded (by hash) or after (by bytes).
 *
 * Threads    any; the slot and the hasher are the worker's.
 * Errors     none: what cannot be read counts as changed, and will be written.
 */
#ifndef IMGZ_UNCHANGED_H
#define IMGZ_UNCHANGED_H

#include "checksum/hasher.h"
#include "io/source/source.h"
#include "pipeline/slot.h"

/* A worker's own buffer, for what is not read into the slot: whole blocks, aligned for direct I/O.
 */
#define IMGZ_UNCHANGED_PIECE_BYTES ((size_t)128 << 10)

/* The slot holds note and segment. True if both are sound and 'target' has, at the slot's place,
 * bytes of the note's hash (for a run: zeros): slot->unchanged and slot->checked are then set. The
 * raw buffer is overwritten. */
bool imgz_unchanged_test(const struct imgz_source *target, struct imgz_hasher *hasher,
                         unsigned char *piece, struct imgz_slot *slot);

/* The same by bytes, for a slot that was checked: sets slot->unchanged. */
void imgz_unchanged_compare(const struct imgz_source *target, unsigned char *piece,
                            struct imgz_slot *slot);

#endif /* IMGZ_UNCHANGED_H */
