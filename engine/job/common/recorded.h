/* SPDX-License-Identifier: MIT */
/*
 * Compares the digests of a disk with those that an image records in its metadata.
 *
 * Place: after the last chunk of every job that has both: verify, verify --against, restore, hash,
 * and retry with the old image.
 *
 * Threads    the caller's.
 * Errors     none: each job has its own words for a digest that differs.
 */
#ifndef IMGZ_RECORDED_H
#define IMGZ_RECORDED_H

#include "format/meta.h"
#include "image/totals.h"

/* A digest that is not what the image records. */
struct imgz_recorded_difference {
    const char *name; /* "sha256"; all are owned by the sum and the metadata */
    const char *made;
    const char *recorded;
};

/* Compares each digest of the sum with the recorded one, if there is one: bit i of '*compared' is
 * then set for the i-th. False if one differs: '*difference' is the first. */
bool imgz_recorded_agree(const struct imgz_totals_sum *sum, const struct imgz_meta *meta,
                         uint32_t *compared, struct imgz_recorded_difference *difference);

/* Room for the longest list of names. */
#define IMGZ_RECORDED_NAMES_BYTES 64u

/* The names of those that are recorded and known here, as options->digests takes them; "": none. */
void imgz_recorded_list(const struct imgz_meta *meta, char names[IMGZ_RECORDED_NAMES_BYTES]);

#endif /* IMGZ_RECORDED_H */
