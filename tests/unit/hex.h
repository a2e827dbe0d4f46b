/* SPDX-License-Identifier: MIT */
/* Bytes written as hex digits, for tests that pin a format. Blanks are skipped. */
#ifndef IMGZ_HEX_H
#define IMGZ_HEX_H

#include <ctype.h>
#include <stdlib.h>

#include "base/base.h"

/* Returns how many bytes there are; 'out' has room for them. */
static inline size_t imgz_hex_decode(const char *text, unsigned char *out)
{
    size_t count = 0;

    while (*text != '\0') {
        char digits[3] = {text[0], text[1], '\0'};

        if (*text == ' ') {
            text += 1;
            continue;
        }
        IMGZ_ASSERT(isxdigit((unsigned char)digits[0]) && isxdigit((unsigned char)digits[1]));
        out[count++] = (unsigned char)strtoul(digits, NULL, 16);
        text += 2;
    }
    return count;
}

/* The carrier as FORMAT.md has it, a bit at a time: 5 bits of payload in the top of every fifth
 * byte, least significant first; 00 00 FF FF between. Returns the carrier's length. */
static inline size_t imgz_hex_carry(const unsigned char *data, size_t bytes, unsigned char *out)
{
    static const unsigned char rest[4] = {0x00, 0x00, 0xff, 0xff};
    const size_t blocks = (bytes * 8 + 4) / 5;

    for (size_t block = 0; block < blocks; block++) {
        unsigned value = 0;

        for (size_t i = 0; i < 5; i++) {
            const size_t bit = block * 5 + i;

            if (bit / 8 < bytes && (data[bit / 8] >> bit % 8 & 1) != 0)
                value |= 1u << i;
        }
        out[block * 5] = (unsigned char)(value << 3);
        for (size_t i = 0; i < 4; i++)
            out[block * 5 + 1 + i] = rest[i];
    }
    return blocks * 5;
}

#endif /* IMGZ_HEX_H */
