/* SPDX-License-Identifier: MIT */
/*
 * Standard digests of the whole raw disk (sha256sum, md5sum ...), by libcrypto.
 *
 * Place: the in-order stage; the bytes arrive in disk order.
 *
 * Threads    one set belongs to one thread at a time.
 * Errors     -EINVAL: a name that is not known; -ENOMEM; -EOPNOTSUPP: libcrypto refuses, for lack
 *            of memory or by policy (FIPS has no md5).
 */
#ifndef IMGZ_DIGEST_H
#define IMGZ_DIGEST_H

#include <imgz/imgz.h>

#include "base/base.h"

struct imgz_digest;

/* 'names' is a comma-separated list of md5, sha1, sha224, sha256, sha384, sha512, b2 (as b2sum:
 * BLAKE2b-512), at most IMGZ_DIGESTS_MAX, no name twice; NULL or "" gives an empty set. */
IMGZ_MUST_CHECK int imgz_digest_create(const char *names, struct imgz_digest **result);
void imgz_digest_destroy(struct imgz_digest *digest); /* accepts NULL */

/* True if it is one of these names. */
bool imgz_digest_known(const char *name);

uint32_t imgz_digest_count(const struct imgz_digest *digest);
void imgz_digest_add(struct imgz_digest *digest, const void *data, size_t bytes);
void imgz_digest_add_zeros(struct imgz_digest *digest, uint64_t bytes);

/* Ends the set; 'texts' receives imgz_digest_count() entries in the order asked for. */
void imgz_digest_finish(struct imgz_digest *digest, struct imgz_digest_text *texts);

/* Makes libcrypto read its configuration now: later the job may have no right to. */
void imgz_digest_prepare(void);

#endif /* IMGZ_DIGEST_H */
