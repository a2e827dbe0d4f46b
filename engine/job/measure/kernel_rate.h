/* SPDX-License-Identifier: MIT */
/*
 * Measures one kind of work: all workers do it over and over on the chunks of a sample set, until a
 * slice of time is over. No disk is used. Encoding and decoding hash chunks as the options say.
 *
 * The speed is the sum of the workers' speeds: the bytes of each, divided by the time it took for
 * them. Waiting for a chunk does not count, nor does waiting for the last worker at the end of a
 * slice.
 *
 * Threads    run() is called by one thread and starts the others.
 * Errors     as a job's: run() fills in 'error'.
 * Blocking   run(), about as long as the slice.
 */
#ifndef IMGZ_KERNEL_RATE_H
#define IMGZ_KERNEL_RATE_H

#include "job/measure/sample_set.h"

enum imgz_kernel_rate_work {
    IMGZ_KERNEL_RATE_ZERO_TEST, /* on the room for packed chunks, while that is zeros */
    IMGZ_KERNEL_RATE_XXH3,
    IMGZ_KERNEL_RATE_SHA256,
    IMGZ_KERNEL_RATE_CRC32,
    IMGZ_KERNEL_RATE_PACK,
    IMGZ_KERNEL_RATE_PROVE, /* packs prove_count chunks, each once, and checks them: see
                               sample_set.h */
    IMGZ_KERNEL_RATE_UNPACK,
};

struct imgz_kernel_rate {
    struct imgz_sample_set *samples;
    enum imgz_kernel_rate_work work;
    int level;            /* PACK, PROVE */
    uint64_t slice_ns;    /* not of PROVE */
    uint32_t prove_count; /* PROVE: how many chunks */
    bool keep;            /* PROVE: keep the result as their packed form */

    /* Filled in by run(). */
    uint64_t raw_bytes;    /* worked on; a chunk counts each time */
    uint64_t elapsed_ns;   /* that the workers together took for them; 0: not to be reported */
    uint64_t busy_ns;      /* each worker's time for that, added up */
    uint64_t cpu_ns;       /* of it, with a processor */
    uint64_t kernel_sum;   /* of a kernel's results, or of a hash's first bytes: so the compiler
                              cannot drop the kernel, and tests see which one it was */
    uint64_t *image_bytes; /* PACK, PROVE: what each chunk costs in an image, 0 where it was not
                            * its turn; chunk_count of them, the caller's */
};

IMGZ_MUST_CHECK int imgz_kernel_rate_run(struct imgz_kernel_rate *gauge,
                                         const struct imgz_options *options,
                                         struct imgz_error *error);

#endif /* IMGZ_KERNEL_RATE_H */
