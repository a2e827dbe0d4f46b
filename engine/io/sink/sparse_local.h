/* SPDX-License-Identifier: MIT */
/*
 * The sparse writer of files and block devices.
 *
 * A chunk is cut into runs of data and of zeros at IMGZ_BLOCK_BYTES. Data runs are written, many
 * under way at once. Zero runs stay holes in a new file. On a device, which held other data before,
 * the device itself zeroes long ones, and short ones are written.
 *
 * Place: implements sparse.h, which has the contract. Made by imgz_sparse_open_local().
 */
#ifndef IMGZ_SPARSE_LOCAL_H
#define IMGZ_SPARSE_LOCAL_H

#include "io/aio/aio_loop.h"
#include "io/sink/sink_ops.h"

struct imgz_sparse_local {
    struct imgz_sparse sparse;
    struct imgz_aio_loop loop;
    unsigned char *zero_buffer; /* for a device that cannot zero by itself */
    bool zeroing_refused;       /* it refused to zero */
};

#endif /* IMGZ_SPARSE_LOCAL_H */
