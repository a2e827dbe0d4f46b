/* SPDX-License-Identifier: MIT */
/*
 * The sparse writer for C++: its headers have _Atomic members, so C opens and drives it. Every
 * chunk of the disk it writes has the same bytes, which lie ready in all slots.
 *
 * Threads    one at a time.
 * Errors     0, or a negative errno.
 * Memory     all in create(), except what the writer itself allocates when it starts.
 */
#ifndef IMGZ_BENCH_SPARSE_SHIM_H
#define IMGZ_BENCH_SPARSE_SHIM_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

struct imgz_sparse_shim;

/* 'chunk' has 'chunk_bytes', a multiple of 4096; it is copied. 'path' must outlive the shim. */
int imgz_sparse_shim_create(const char *path, const unsigned char *chunk, size_t chunk_bytes,
                            struct imgz_sparse_shim **result);
void imgz_sparse_shim_destroy(struct imgz_sparse_shim *shim); /* accepts NULL */

/* Creates the file again and writes 'chunk_count' chunks to it. All is handed to the kernel, but
 * not flushed. '*written_bytes' receives how much of it was written as data. */
int imgz_sparse_shim_write(struct imgz_sparse_shim *shim, uint64_t chunk_count,
                           uint64_t *written_bytes);

#ifdef __cplusplus
}
#endif

#endif /* IMGZ_BENCH_SPARSE_SHIM_H */
