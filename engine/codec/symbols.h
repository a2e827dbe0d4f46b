/* SPDX-License-Identifier: MIT */
/*
 * What the symbols of DEFLATE stand for (RFC 1951 section 3.2.5).
 *
 * Place: used by the decoder and by deflate_reopen.c.
 *
 * Threads    any number: constants.
 */
#ifndef IMGZ_SYMBOLS_H
#define IMGZ_SYMBOLS_H

#include "base/base.h"

#define IMGZ_SYMBOL_END_OF_BLOCK 256u
#define IMGZ_SYMBOL_FIRST_LENGTH 257u

/* Symbols 286, 287 and 30, 31 have fixed codes but must not occur. */
#define IMGZ_SYMBOL_LENGTH_COUNT   29u
#define IMGZ_SYMBOL_DISTANCE_COUNT 30u

/* The length of a match is its base plus the value of its extra bits; so is the distance. */
extern const uint16_t imgz_length_bases[IMGZ_SYMBOL_LENGTH_COUNT];
extern const uint8_t imgz_length_extra_bits[IMGZ_SYMBOL_LENGTH_COUNT];
extern const uint16_t imgz_distance_bases[IMGZ_SYMBOL_DISTANCE_COUNT];
extern const uint8_t imgz_distance_extra_bits[IMGZ_SYMBOL_DISTANCE_COUNT];

#endif /* IMGZ_SYMBOLS_H */
