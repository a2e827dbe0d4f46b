/* SPDX-License-Identifier: MIT */
/*
 * The sparse writer: puts checked chunks where they belong and leaves out what is zero.
 *
 * A chunk is cut into runs of data and of zeros at IMGZ_BLOCK_BYTES. Data runs are written, many
 * under way at once. Zero runs stay holes in a new file; on a device, which held other data before,
 * they are made to read as zeros by the device's own means where they are long, and written where
 * they are short.
 *
 * Place: order -> [sparse writer] -> file or device. (Pipes: see append.h.)
 *
 * Threads    the drain's.
 * Ownership  put takes the slot and gives it back to the pipeline once nothing of it is under way.
 * Errors     raised. Nothing is written of a slot that was not checked: asserted.
 * Memory     all in init().
 */
#ifndef IMGZ_SPARSE_H
#define IMGZ_SPARSE_H

#include "io/aio/aio_loop.h"
#include "io/sink/output.h"

struct imgz_sparse {
    struct imgz_output *output;
    struct imgz_pipeline *pipeline;
    struct imgz_aio_loop loop;
    uint64_t written_bytes;     /* as data */
    unsigned char *zero_buffer; /* for a device that cannot zero by itself */
    bool zeroing_refused;       /* it said so */
};

/* 'raw_bytes' is the disk's size, or IMGZ_SIZE_UNKNOWN. 'sparse' may be uninitialized; it must stay
 * at its place until fini. */
IMGZ_MUST_CHECK int imgz_sparse_init(struct imgz_sparse *sparse, struct imgz_output *output,
                                     struct imgz_pipeline *pipeline, uint64_t raw_bytes);

/* Waits for requests under way. */
void imgz_sparse_fini(struct imgz_sparse *sparse);

/* The next slot of the pipeline in order, as imgz_aio_loop_take(). */
IMGZ_MUST_CHECK int imgz_sparse_take(struct imgz_sparse *sparse, struct imgz_slot **result);

IMGZ_MUST_CHECK int imgz_sparse_put(struct imgz_sparse *sparse, struct imgz_slot **slot);

/* Until all is written; gives a file its size 'raw_bytes', and flushes the output. */
IMGZ_MUST_CHECK int imgz_sparse_finish(struct imgz_sparse *sparse, uint64_t raw_bytes);

#endif /* IMGZ_SPARSE_H */
