/* SPDX-License-Identifier: MIT */
/*
 * The story of an image that is not as it should be.
 *
 * Threads    any.
 * Errors     that is all it makes: each function raises and returns -EBADMSG, or what the system
 *            said where a slot could not be read.
 */
#ifndef IMGZ_DAMAGE_H
#define IMGZ_DAMAGE_H

#include "flow/slot.h"
#include "flow/stop.h"
#include "image/frame.h"
#include "io/source.h"

/* "reading IMAGE at offset N: WHAT; the image is damaged ...". */
int imgz_damage_raise(struct imgz_stop *stop, const struct imgz_source *source, uint64_t offset,
                      const char *what);

/* The file does not begin as an image; 'sort' is not IMGZ_FRAME_IMAGE. */
int imgz_damage_raise_sort(struct imgz_stop *stop, const struct imgz_source *source,
                           enum imgz_frame_sort sort, bool empty);

/* What a worker found wrong with this slot. */
int imgz_damage_raise_fault(struct imgz_stop *stop, const struct imgz_source *source,
                            const struct imgz_slot *slot);

#endif /* IMGZ_DAMAGE_H */
