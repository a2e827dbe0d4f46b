/* SPDX-License-Identifier: MIT */
#if IMGZ_HAVE_ISAL

#include "codec/isal.h"

#include <errno.h>
#include <isa-l.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
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

/*
 * ISA-L keeps the position of a string in a table, at the hash of the string's first four bytes. At
 * levels 1 and 2 (isal_deflate_icf_body_hash_hist_01, _02 and _04 of 2.30.0) it keeps position 2 at
 * another hash: that of bits 16 to 47 of the address of the stream, which a register still holds.
 * It never costs the data, for a match is compared byte for byte. But where that hash is the one of
 * position 0, 1 or 2, the output is another one: the same input gives other bytes from one address
 * to the next. So the stream lies at one of several places, one whose hash is none of the three.
 *
 * With as many places as there are hashes to avoid and one more, and hashes that all differ, one is
 * always free. The hash is linear, so the hashes of places at BASE + i * PLACE_BYTES differ as much
 * as those of i if BASE is a multiple of ALL_PLACES_BYTES. For i of 0 to 3 they differ in their
 * low 5 bits; a smaller table serves only chunks of less than 16 bytes, which do not go this way.
 */
#define AVOIDED          3
#define PLACES           (AVOIDED + 1)
#define PLACE_BYTES      ((size_t)65536) /* the bits that are hashed count these */
#define ALL_PLACES_BYTES (PLACES * PLACE_BYTES)
#define HASH_MASK        0x1fu

struct imgz_isal {
    unsigned char *places; /* for the stream; they overlap, for only one is in use */
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
    if (posix_memalign((void **)&isal->places, ALL_PLACES_BYTES,
                       ALL_PLACES_BYTES + sizeof(struct isal_zstream)) != 0) {
        free(isal);
        return -ENOMEM;
    }
    *result = isal;
    return 0;
}

void imgz_isal_destroy(struct imgz_isal *isal)
{
    if (isal == NULL)
        return;
    free(isal->places);
    free(isal);
}

/* CRC-32C (the crc32 instruction of SSE4.2) of one word, which is ISA-L's hash. */
static uint32_t hash_of(uint32_t word)
{
    const uint32_t polynomial = 0x82f63b78; /* Castagnoli's, reflected */

    for (int bit = 0; bit < 32; bit++)
        word = (word >> 1) ^ ((word & 1) != 0 ? polynomial : 0);
    return word & HASH_MASK;
}

static uint32_t address_hash(const unsigned char *place)
{
    return hash_of((uint32_t)((uintptr_t)place / PLACE_BYTES));
}

/* The first place whose hash is none of those at the first positions of 'raw'. */
static struct isal_zstream *choose_place(struct imgz_isal *isal, const unsigned char *raw,
                                         size_t raw_bytes)
{
    uint32_t taken = 0; /* a bit for each hash */
    unsigned char *place = isal->places;

    for (size_t at = 0; at < AVOIDED && at + sizeof(uint32_t) <= raw_bytes; at++)
        taken |= (uint32_t)1 << hash_of(imgz_get_le32(raw + at));
    while ((taken >> address_hash(place) & 1) != 0)
        place += PLACE_BYTES;
    IMGZ_ASSERT(place < isal->places + ALL_PLACES_BYTES);
    return (struct isal_zstream *)(void *)place;
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
    struct isal_zstream *stream = choose_place(isal, raw, raw_bytes);
    int status;

    IMGZ_ASSERT(raw_bytes <= UINT32_MAX);
    IMGZ_ASSERT(out_bytes <= UINT32_MAX);
    isal_deflate_stateless_init(stream);
    stream->hist_bits = 0; /* the default, which the line above forgets to set */
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
