/* SPDX-License-Identifier: MIT */
/*
 * The metadata of an image: keys and values, as lines "key=value" sorted by key.
 *
 * Values are printable: control characters, '%', characters that reorder text, and bytes that are
 * not UTF-8 are kept as %XX, so that a file name cannot play tricks on a terminal. Any pairs have
 * only one valid text; anything else is refused.
 *
 * Place: filled by capture, written by the image writer; loaded with an image.
 *
 * Threads    one.
 * Ownership  the meta owns keys and values.
 * Errors     -ENOMEM; -EBADMSG from decode: not such text.
 */
#ifndef IMGZ_META_H
#define IMGZ_META_H

#include "base/base.h"

/* Far more than any capture writes; bounds what a damaged image can make a reader allocate. */
#define IMGZ_META_BYTES_MAX ((uint32_t)1 << 20)

struct imgz_meta_pair {
    char *key;
    char *value;
};

struct imgz_meta {
    uint32_t count;
    uint32_t capacity;
    struct imgz_meta_pair *pairs; /* sorted by key */
};

void imgz_meta_init(struct imgz_meta *meta);
void imgz_meta_fini(struct imgz_meta *meta);

/* Adds a pair; the key (letters, digits, '.', '-') must be new. An empty value is left out. */
IMGZ_MUST_CHECK int imgz_meta_add(struct imgz_meta *meta, const char *key, const char *value);
IMGZ_MUST_CHECK int imgz_meta_add_number(struct imgz_meta *meta, const char *key, uint64_t value);

/* The same with a pair of another meta, copied as it is. */
IMGZ_MUST_CHECK int imgz_meta_add_pair(struct imgz_meta *meta, const struct imgz_meta_pair *pair);

/* NULL if there is no such key. */
const char *imgz_meta_find(const struct imgz_meta *meta, const char *key);

/* The text, which the caller frees; '*bytes' is its length, 0 if there are no pairs. */
IMGZ_MUST_CHECK int imgz_meta_encode(const struct imgz_meta *meta, char **text, size_t *bytes);

/* 'meta' must be empty; after a failure it still is. */
IMGZ_MUST_CHECK int imgz_meta_decode(const char *text, size_t bytes, struct imgz_meta *meta);

#endif /* IMGZ_META_H */
