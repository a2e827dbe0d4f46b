/* SPDX-License-Identifier: MIT */
/*
 * The digests of a disk beside those that an image records of it in its metadata.
 *
 * Place: behind the last chunk of every job that has both: verify, verify --against, restore, hash,
 * and retry with the image as it was.
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

/* Holds each digest of the sum against the recorded one, where there is one: bit i of '*compared'
 * is then set for the i-th. False if one differs: the first is in '*difference'. */
bool imgz_recorded_agree(const struct imgz_totals_sum *sum, const struct imgz_meta *meta,
                         uint32_t *compared, struct imgz_recorded_difference *difference);

/* So many bytes has the longest list of names. */
#define IMGZ_RECORDED_NAMES_BYTES 64u

/* The names of those that are recorded and known here, as options->digests takes them; "": none. */
void imgz_recorded_list(const struct imgz_meta *meta, char names[IMGZ_RECORDED_NAMES_BYTES]);

#endif /* IMGZ_RECORDED_H */
