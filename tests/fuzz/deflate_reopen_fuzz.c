/* SPDX-License-Identifier: MIT */
/*
 * The seam against arbitrary streams, and against every level's own streams.
 *
 * An input is taken twice: as a stream, on which the seam and zlib must agree (zlib is given a full
 * window, for the seam keeps none and lets every distance pass); and as data, which compressed,
 * reopened and inflated must be itself. The first byte's low half chooses the level.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <libdeflate.h>

#include "../unit/oracle.h"
#include "codec/deflate_reopen.h"
#include "codec/last_block.h"

#define LEVEL_COUNT 13

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

static void *allocate(size_t bytes)
{
    void *memory = malloc(bytes);

    IMGZ_ASSERT(memory != NULL);
    return memory;
}

static void check_stream(const uint8_t *data, size_t bytes)
{
    bool valid = imgz_oracle_accepts(data, bytes);
    /* A bad stream is not appended to: the sanitizer sees the first byte beyond it touched. */
    unsigned char *stream = allocate(bytes + (valid ? IMGZ_DEFLATE_REOPEN_GROWTH_BYTES : 0));
    size_t segment_bytes = 0;
    int rc;

    if (bytes > 0)
        memcpy(stream, data, bytes);
    rc = imgz_deflate_reopen(stream, bytes, &segment_bytes);
    IMGZ_ASSERT(rc == (valid ? 0 : -EBADMSG));
    if (valid) {
        IMGZ_ASSERT(segment_bytes >= bytes);
        IMGZ_ASSERT(segment_bytes <= bytes + IMGZ_DEFLATE_REOPEN_GROWTH_BYTES);
    } else {
        IMGZ_ASSERT(bytes == 0 || memcmp(stream, data, bytes) == 0);
    }
    free(stream);
}

static size_t deflate_data(int level, const uint8_t *data, size_t bytes, unsigned char **result)
{
    static struct libdeflate_compressor *compressors[LEVEL_COUNT];
    unsigned char *out;
    size_t bound_bytes;
    size_t stream_bytes;

    if (compressors[level] == NULL)
        compressors[level] = libdeflate_alloc_compressor(level);
    IMGZ_ASSERT(compressors[level] != NULL);
    bound_bytes = libdeflate_deflate_compress_bound(compressors[level], bytes);
    out = allocate(bound_bytes + IMGZ_DEFLATE_REOPEN_GROWTH_BYTES + 2);
    stream_bytes = libdeflate_deflate_compress(compressors[level], data, bytes, out, bound_bytes);
    IMGZ_ASSERT(stream_bytes > 0);
    *result = out;
    return stream_bytes;
}

static void check_round_trip(int level, const uint8_t *data, size_t bytes)
{
    static struct libdeflate_decompressor *decompressor;
    unsigned char *segment;
    unsigned char *raw = allocate(bytes + 1);
    size_t stream_bytes = deflate_data(level, data, bytes, &segment);
    unsigned char *known = allocate(stream_bytes + IMGZ_DEFLATE_REOPEN_GROWTH_BYTES);
    size_t segment_bytes = 0;
    size_t known_bytes = 0;
    size_t used_bytes = 0;

    if (decompressor == NULL)
        decompressor = libdeflate_alloc_decompressor();
    IMGZ_ASSERT(decompressor != NULL);
    memcpy(known, segment, stream_bytes);
    IMGZ_ASSERT(imgz_deflate_reopen(segment, stream_bytes, &segment_bytes) == 0);
    IMGZ_ASSERT(imgz_deflate_reopen_known(known, stream_bytes, data, bytes, &known_bytes) == 0);
    IMGZ_ASSERT(known_bytes == segment_bytes && memcmp(known, segment, segment_bytes) == 0);
    free(known);
    segment[segment_bytes] = 0x03;
    segment[segment_bytes + 1] = 0x00;
    IMGZ_ASSERT(libdeflate_deflate_decompress_ex(decompressor, segment, segment_bytes + 2, raw,
                                                 bytes, &used_bytes, NULL) == LIBDEFLATE_SUCCESS);
    IMGZ_ASSERT(used_bytes == segment_bytes + 2);
    IMGZ_ASSERT(bytes == 0 || memcmp(raw, data, bytes) == 0);
    free(segment);
    free(raw);
}

/* Any bits, and any raw bytes: nothing is read beyond their ends. */
static void check_search(const uint8_t *data, size_t bytes)
{
    const size_t stream_bytes = bytes - bytes / 3;
    const struct imgz_last_block_stream stream = {data, stream_bytes, data + stream_bytes,
                                                  bytes / 3};
    struct imgz_last_block last;

    (void)imgz_last_block_find(&stream, &last);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    check_stream(data, bytes);
    check_search(data, bytes);
    if (bytes > 0)
        check_round_trip((data[0] & 15) % LEVEL_COUNT, data, bytes);
    return 0;
}
