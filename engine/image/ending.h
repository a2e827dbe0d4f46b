/* SPDX-License-Identifier: MIT */
/*
 * Where an image ends in the file or device that holds it.
 *
 * A tape, a block device and 'dd conv=sync' return more bytes than the image has. Zeros after it
 * are padding, as they are for gzip. Anything else is refused: some decoders would unpack it, too.
 *
 * Place: used by image.h, for what can be read at any offset. A stream's feeder finds the end
 * itself.
 *
 * Threads    the caller's.
 * Errors     raised: -EBADMSG where the image ends early, is damaged, or something follows it.
 * Blocking   reads a few MiB, whatever the size of the file; and the padding of a file, which may
 *            be long but can be cancelled.
 * Memory     64 KiB while it searches.
 */
#ifndef IMGZ_ENDING_H
#define IMGZ_ENDING_H

#include "format/frame.h"
#include "io/source/source.h"
#include "pipeline/latch.h"
#include "pipeline/log.h"

struct imgz_ending {
    uint64_t image_bytes;
    struct imgz_frame_end end;
};

/* The image begins at the source's first byte, and 'header' is its header. */
IMGZ_MUST_CHECK int imgz_ending_find(const struct imgz_source *source,
                                     const struct imgz_frame_header *header,
                                     struct imgz_latch *latch, struct imgz_log *log,
                                     struct imgz_ending *ending);

#endif /* IMGZ_ENDING_H */
