/* SPDX-License-Identifier: MIT */
/*
 * A disk that does not exist: what the bench measures on when it is given no file.
 *
 * Its kinds of data and their shares are chosen so that levels compare as they do on the system
 * drives of desktops and servers. The ratio of a real drive can be anything.
 *
 *     25 %     zeros, in runs of 1 MiB and more: free space
 *     18.75 %  random bytes: media, archives, encrypted files
 *     21.1 %   instructions of a made-up processor, as coded as x86-64: programs and libraries
 *     14.1 %   sentences of made-up words: documents, sources, logs
 *     14.1 %   pages of fixed-length records: databases
 *      7.0 %   rows of smooth and noisy pixels: uncompressed pictures
 *
 * Threads    any number; no state.
 * Errors     none.
 */
#ifndef IMGZ_SYNTHETIC_H
#define IMGZ_SYNTHETIC_H

#include "base/base.h"

enum imgz_synthetic_kind {
    IMGZ_SYNTHETIC_ZERO,
    IMGZ_SYNTHETIC_RANDOM,
    IMGZ_SYNTHETIC_CODE,
    IMGZ_SYNTHETIC_TEXT,
    IMGZ_SYNTHETIC_RECORDS,
    IMGZ_SYNTHETIC_BITMAP,
};
#define IMGZ_SYNTHETIC_KIND_COUNT 6u

/* A piece is of one kind. It is as large as the smallest chunk. */
#define IMGZ_SYNTHETIC_PIECE_BYTES ((size_t)64 << 10)

/* In every stretch of this many pieces, from the first on, the shares above are exact. */
#define IMGZ_SYNTHETIC_CYCLE_PIECES 256u

enum imgz_synthetic_kind imgz_synthetic_kind_at(uint64_t piece_index);

/* Makes IMGZ_SYNTHETIC_PIECE_BYTES bytes that depend on 'piece_index' alone. */
void imgz_synthetic_fill(uint64_t piece_index, unsigned char *data);

#endif /* IMGZ_SYNTHETIC_H */
