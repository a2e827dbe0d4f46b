/* SPDX-License-Identifier: MIT */
#if IMGZ_HAVE_ISAL

#include "codec/isal.h"

#include <errno.h>
#include <isa-l.h>
#include <stdlib.h>
#include <string.h>

#include "codec/stored.h"

/*
 * The fastest level that stays within 1.02 times the size of pigz -1. On chunks of 1 MiB of
 * programs and libraries, and of a mix with documents (MB/s on one core; size by that of pigz -1):
 *     level 0                618  1.107      650  1.141
 *     level 1, 64 Ki tokens  642  1.010      637  1.031
 *     level 1, 16 Ki tokens  559  1.003      583  1.018
 *     level 2, 64 Ki tokens  604  1.000      601  1.017
 *     level 3, 64 Ki tokens  405  0.982      408  1.002
 */
#define LEVEL       2
#define LEVEL_BYTES ISAL_DEF_LVL2_LARGE

#define TEXT_OF(number) #number
#define NAME(major, minor, patch, level)                                                           \
    "isa-l " TEXT_OF(major) "." TEXT_OF(minor) "." TEXT_OF(patch) " level " TEXT_OF(level)

struct imgz_isal {
    struct isal_zstream stream;
    uint8_t level_buffer[LEVEL_BYTES];
};

const char *imgz_isal_name(void)
{
    return NAME(ISAL_MAJOR_VERSION, ISAL_MINOR_VERSION, ISAL_PATCH_VERSION, LEVEL);
}

int imgz_isal_create(struct imgz_isal **result)
{
    struct imgz_isal *isal = calloc(1, sizeof(*isal));

    if (isal == NULL)
        return -ENOMEM;
    *result = isal;
    return 0;
}

void imgz_isal_destroy(struct imgz_isal *isal)
{
    free(isal);
}

/* A full flush ends in an empty stored block, so a segment ends in that block's LEN and NLEN. */
static bool ends_in_flush(const unsigned char *out, size_t out_bytes)
{
    static const unsigned char len_nlen[] = {0x00, 0x00, 0xff, 0xff};

    return out_bytes > sizeof(len_nlen) &&
           memcmp(out + out_bytes - sizeof(len_nlen), len_nlen, sizeof(len_nlen)) == 0;
}

int imgz_isal_compress(struct imgz_isal *isal, const unsigned char *raw, size_t raw_bytes,
                       unsigned char *out, size_t out_bytes, size_t *segment_bytes)
{
    struct isal_zstream *stream = &isal->stream;
    int status;

    IMGZ_ASSERT(raw_bytes <= UINT32_MAX);
    IMGZ_ASSERT(out_bytes <= UINT32_MAX);
    isal_deflate_stateless_init(stream);
    stream->level = LEVEL;
    stream->level_buf = isal->level_buffer;
    stream->level_buf_size = sizeof(isal->level_buffer);
    stream->flush = FULL_FLUSH;
    stream->end_of_stream = 0;
    stream->next_in = (uint8_t *)(uintptr_t)raw; /* only read, though not declared const */
    stream->avail_in = (uint32_t)raw_bytes;
    stream->next_out = out;
    stream->avail_out = (uint32_t)out_bytes;
    status = isal_deflate_stateless(stream);
    /* ISA-L turns to stored blocks by itself, which end without a flush. */
    if (status == STATELESS_OVERFLOW || stream->total_out >= imgz_stored_segment_bytes(raw_bytes))
        return -ENOSPC;
    if (status != COMP_OK || stream->avail_in != 0 || !ends_in_flush(out, stream->total_out))
        return -EBADMSG;
    *segment_bytes = stream->total_out;
    return 0;
}

#endif /* IMGZ_HAVE_ISAL */
