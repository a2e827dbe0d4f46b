/* SPDX-License-Identifier: MIT */
#include "codec/stored.h"

#include <string.h>

#include "base/bytes.h"

/* LEN has 16 bits. A block is 1 byte of header (BFINAL 0, BTYPE 00, padding), LEN, NLEN, data. */
#define BLOCK_RAW_BYTES_MAX 65535u
#define BLOCK_HEADER_BYTES  5u

size_t imgz_stored_segment_bytes(size_t raw_bytes)
{
    return raw_bytes + BLOCK_HEADER_BYTES * imgz_div_up(raw_bytes, BLOCK_RAW_BYTES_MAX);
}

void imgz_stored_make(const unsigned char *raw, size_t raw_bytes, unsigned char *out)
{
    IMGZ_ASSERT(raw_bytes > 0);
    while (raw_bytes > 0) {
        uint16_t block_bytes = (uint16_t)imgz_min(raw_bytes, BLOCK_RAW_BYTES_MAX);

        out[0] = 0;
        imgz_put_le16(out + 1, block_bytes);
        imgz_put_le16(out + 3, (uint16_t)~block_bytes);
        memcpy(out + BLOCK_HEADER_BYTES, raw, block_bytes);
        out += BLOCK_HEADER_BYTES + block_bytes;
        raw += block_bytes;
        raw_bytes -= block_bytes;
    }
}
