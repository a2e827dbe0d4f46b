/* SPDX-License-Identifier: MIT */
/*
 * Whether a place of a file lies in the page cache.
 *
 * Threads    any.
 * Errors     -EOPNOTSUPP where kernel or file system cannot tell.
 * Blocking   never.
 */
#ifndef IMGZ_PAGE_CACHE_H
#define IMGZ_PAGE_CACHE_H

#include "base/base.h"

/* Looks at the byte at 'offset' of a file that is open without O_DIRECT, without bringing it into
 * the cache. */
IMGZ_MUST_CHECK int imgz_page_cache_has(int fd, uint64_t offset, bool *cached);

#endif /* IMGZ_PAGE_CACHE_H */
