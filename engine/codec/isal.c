/* SPDX-License-Identifier: MIT */
#if IMGZ_HAVE_ISAL

#include "codec/isal.h"

#include <errno.h>
#include <isa-l.h>
#include <string.h>
#include <sys/mman.h>

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
 * another hash: that of bits 16 to 47 of the stream's address, which are left in a register. The
 * data is never wrong, because a match is compared byte for byte. But a match may be lost or found,
 * and the output differs then: at the first strings of a chunk, and 64 Ki further on, as the table
 * keeps 16 bits of a position. So the same input gave other bytes at some addresses, one in 10,000
 * for a chunk of 1 MiB.
 *
 * So every compressor lies at a place whose bits 16 to 47 hash to the same value. Such places are 2
 * GiB apart on average. A block of tokens ends where the level buffer is full, and its room depends
 * on its alignment. The buffer lies beside the stream, so that is the same each time, too.
 */
#define PLACE_BYTES ((uintptr_t)65536) /* the bits that are hashed count these */
#define HASH_MASK   0x7fffu            /* of the largest table of these levels */
#define PLACE_HASH  0u

struct imgz_isal {
    struct isal_zstream stream; /* first: its address is the one that is hashed */
    uint8_t level_buffer[LEVEL_BYTES];
};

const char *imgz_isal_name(void)
{
    return NAME(ISAL_MAJOR_VERSION, ISAL_MINOR_VERSION, ISAL_PATCH_VERSION, LEVEL);
}

/* CRC-32C (the crc32 instruction of SSE4.2) of one word, which is ISA-L's hash. */
static uint32_t hash_of(uint32_t word)
{
    const uint32_t polynomial = 0x82f63b78; /* Castagnoli's, reflected */

    for (int bit = 0; bit < 32; bit++)
        word = (word >> 1) ^ ((word & 1) != 0 ? polynomial : 0);
    return word;
}

/*
 * The next place below 'place' whose hash is PLACE_HASH, or 0. Counting down from a number with N
 * low zeros flips its low N + 1 bits, and the hash is linear: it changes by the hash of those.
 */
static uintptr_t next_place(uintptr_t place)
{
    uint32_t number = (uint32_t)(place / PLACE_BYTES);
    uint32_t hash = hash_of(number);
    uint32_t flipped_hash[32];

    for (int zeros = 0; zeros < 32; zeros++)
        flipped_hash[zeros] = hash_of((uint32_t)(((uint64_t)2 << zeros) - 1));
    while (number > 0) {
        hash ^= flipped_hash[__builtin_ctz(number)];
        number--;
        if ((hash & HASH_MASK) == PLACE_HASH)
            break;
    }
    return number * PLACE_BYTES;
}

/* Memory of zeros; NULL with errno. 'place' is a hint, or with MAP_FIXED_NOREPLACE an order. */
static void *map_memory(uintptr_t place, size_t bytes, int flags)
{
    void *at = mmap((void *)place, bytes, PROT_READ | PROT_WRITE,
                    MAP_PRIVATE | MAP_ANONYMOUS | flags, -1, 0);

    return at == MAP_FAILED ? NULL : at;
}

int imgz_isal_create(struct imgz_isal **result)
{
    const size_t bytes = sizeof(struct imgz_isal);
    void *at = map_memory(0, bytes, 0);
    uintptr_t place = (uintptr_t)at; /* where the kernel puts memory, there is more below */

    if (at == NULL)
        return -ENOMEM;
    munmap(at, bytes);
    do {
        place = next_place(place);
        if (place == 0)
            return -ENOMEM;
        at = map_memory(place, bytes, MAP_FIXED_NOREPLACE);
    } while (at == NULL && errno == EEXIST);
    if (at == NULL)
        return -ENOMEM;
    *result = at;
    return 0;
}

void imgz_isal_destroy(struct imgz_isal *isal)
{
    if (isal != NULL)
        munmap(isal, sizeof(*isal));
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
    const union {
        const unsigned char *given;
        uint8_t *taken; /* only read, though not declared const */
    } input = {.given = raw};
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
    stream->next_in = input.taken;
    stream->avail_in = (uint32_t)raw_bytes;
    stream->next_out = out;
    stream->avail_out = (uint32_t)out_bytes;
    status = isal_deflate_stateless(stream);
    /* ISA-L switches to stored blocks by itself; these end without a flush. */
    if (status == STATELESS_OVERFLOW || stream->total_out >= imgz_stored_segment_bytes(raw_bytes))
        return -ENOSPC;
    if (status != COMP_OK || stream->avail_in != 0 || !ends_in_flush(out, stream->total_out))
        return -EBADMSG;
    *segment_bytes = stream->total_out;
    return 0;
}

#endif /* IMGZ_HAVE_ISAL */
