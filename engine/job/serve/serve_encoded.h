/* SPDX-License-Identifier: MIT */
/*
 * What a capture's feeder and workers do, with the connection in the place of the image: source ->
 * reader -> workers (zero test, hashes, compress) -> messages.
 *
 * Place: a request of the near end, in serve.c.
 *
 * Threads    a job's.
 * Errors     see serve_encoded.
 */
#ifndef IMGZ_SERVE_ENCODED_H
#define IMGZ_SERVE_ENCODED_H

#include "checksum/hasher.h"
#include "io/remote/wire.h"
#include "io/source/source.h"

struct imgz_serve_encoded {
    struct imgz_source *source;
    uint64_t from_bytes;
    uint64_t end_bytes;
    uint32_t chunk_bytes;
    int32_t level;
    enum imgz_hash_kind hash;
    bool segments_wanted;
};

/* Sends all items of the range, each as IMGZ_REPLY_ITEM. 0; -EPIPE: the connection is lost; or
 * why the job failed, and in 'error' what it says. */
IMGZ_MUST_CHECK int imgz_serve_encoded(struct imgz_wire *wire,
                                       const struct imgz_serve_encoded *request,
                                       struct imgz_error *error);

#endif /* IMGZ_SERVE_ENCODED_H */
