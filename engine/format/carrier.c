/* SPDX-License-Identifier: MIT */
/*
 * One block:   byte 0: vvvvv 00 0    v: five bits of payload; BTYPE 00 (stored); BFINAL 0
 *              bytes 1-4: 00 00 FF FF, LEN 0 and its complement
 *
 * Five bytes of payload are eight groups of five bits, least significant first.
 */
#include "format/carrier.h"

#include <errno.h>
#include <string.h>

#define BLOCK_BYTES      5u
#define GROUP_DATA_BYTES 5u /* eight blocks */
#define GROUP_BLOCKS     8u

static const unsigned char empty_stored[BLOCK_BYTES - 1] = {0x00, 0x00, 0xff, 0xff};

static uint64_t load_group(const unsigned char *data, size_t bytes)
{
    uint64_t bits = 0;

    for (size_t i = 0; i < bytes; i++)
        bits |= (uint64_t)data[i] << (8 * i);
    return bits;
}

void imgz_carrier_encode(const unsigned char *data, size_t bytes, unsigned char *out)
{
    while (bytes > 0) {
        const size_t taken = (size_t)imgz_min(bytes, GROUP_DATA_BYTES);
        const size_t blocks = (size_t)imgz_div_up(taken * 8, 5);
        uint64_t bits = load_group(data, taken);

        for (size_t i = 0; i < blocks; i++) {
            out[0] = (unsigned char)((bits & 31) << 3);
            memcpy(out + 1, empty_stored, sizeof(empty_stored));
            out += BLOCK_BYTES;
            bits >>= 5;
        }
        data += taken;
        bytes -= taken;
    }
}

/* The bits of 'blocks' blocks; false if one is not a carrier block. */
static bool gather_group(const unsigned char *carrier, size_t blocks, uint64_t *bits)
{
    *bits = 0;
    for (size_t i = 0; i < blocks; i++) {
        const unsigned char *block = carrier + i * BLOCK_BYTES;

        if ((block[0] & 7) != 0 || memcmp(block + 1, empty_stored, sizeof(empty_stored)) != 0)
            return false;
        *bits |= (uint64_t)(block[0] >> 3) << (5 * i);
    }
    return true;
}

int imgz_carrier_decode(const unsigned char *carrier, size_t bytes, unsigned char *data)
{
    while (bytes > 0) {
        const size_t taken = (size_t)imgz_min(bytes, GROUP_DATA_BYTES);
        const size_t blocks = (size_t)imgz_div_up(taken * 8, 5);
        uint64_t bits;

        if (!gather_group(carrier, blocks, &bits))
            return -EBADMSG;
        for (size_t i = 0; i < taken; i++) {
            data[i] = (unsigned char)bits;
            bits >>= 8;
        }
        if (bits != 0)
            return -EBADMSG;
        carrier += blocks * BLOCK_BYTES;
        data += taken;
        bytes -= taken;
    }
    return 0;
}

_Static_assert(GROUP_DATA_BYTES * 8 == GROUP_BLOCKS * 5, "a group fills its blocks");
