/* SPDX-License-Identifier: MIT */
/*
 * To find the header of a DEFLATE stream's last block one has to know where the block before it
 * ends, and so on back to the start: the stream must be decoded. But only its codes: nothing is
 * written, and a match needs no window, so that all that counts of a symbol is how many bits it
 * takes and whether a distance follows.
 *
 * The naive way looks up one symbol at a time by its code, then skips its extra bits. What it costs
 * is the chain from one lookup to the next (load, shift, mask: 8 cycles) and the branches between
 * literal, length and distance, which no processor can foresee. This walk shortens the chain and
 * has no such branches:
 *
 * - A table entry holds all that is left of a symbol: the bits it takes, with its extra bits, and
 *   which of the two tables is next. Choosing that is then an addition to the index.
 * - Where the index holds two whole codes, the entry takes both (skiptable.c).
 * - What is rare stops the walk: the end of a block, codes longer than the index, symbols that must
 *   not occur. Such a symbol is decoded alone, with every check, and the walk goes on behind it. So
 *   are the symbols in the last bytes of the stream, where a load could reach beyond them.
 *
 * What a valid stream is: RFC 1951, and zlib's inflate where that leaves room. Codes must be
 * complete, except that the code of distances, or that of literals and lengths, may be one symbol
 * of one bit, whose other value is an error when met; of distances there may be none. Other
 * decoders allow more: a stream that passes here, all accept.
 */
#include "codec/seam.h"

#include <errno.h>
#include <string.h>

#include "base/bytes.h"
#include "codec/skiptable.h"

enum block_type {
    BLOCK_STORED,
    BLOCK_FIXED,
    BLOCK_DYNAMIC,
    BLOCK_RESERVED,
};

#define HEADER_BITS       3u /* BFINAL, BTYPE */
#define LEN_NLEN_BYTES    4u
#define CODE_LENGTH_COUNT 19u
#define CODE_LENGTH_BITS  7u /* the longest code of a code length */

struct walk {
    const unsigned char *data;
    uint64_t stream_bytes;
    uint64_t bit_index; /* of the next bit; beyond the stream's end if that was cut short */
    struct imgz_skiptable table;
};

/* A block as the walk finds it. */
struct block {
    uint64_t header_bit_index;
    bool final;
    enum block_type type;
};

/* 57 bits or more from here on; zeros beyond the end of the stream. */
static uint64_t peek(const struct walk *walk)
{
    uint64_t offset = walk->bit_index / 8;
    uint64_t bits = 0;

    if (offset + sizeof(bits) <= walk->stream_bytes) {
        bits = imgz_get_le64(walk->data + offset);
    } else {
        for (uint32_t i = 0; offset + i < walk->stream_bytes; i++)
            bits |= (uint64_t)walk->data[offset + i] << 8 * i;
    }
    return bits >> walk->bit_index % 8;
}

static uint32_t take(struct walk *walk, uint32_t count)
{
    uint64_t bits = peek(walk) & (((uint64_t)1 << count) - 1);

    walk->bit_index += count;
    return (uint32_t)bits;
}

static int check_not_cut(const struct walk *walk)
{
    return walk->bit_index > walk->stream_bytes * 8 ? -EBADMSG : 0;
}

/* ---- Headers ------------------------------------------------------------------------------ */

/* Reads the code lengths of literals, lengths and distances (RFC 1951 section 3.2.7). */
static int read_lengths(struct walk *walk, const struct imgz_huffman *code, uint32_t length_count,
                        uint8_t *lengths)
{
    static const uint16_t symbols[CODE_LENGTH_COUNT] = {
        0 << 8,  1 << 8,  2 << 8,  3 << 8,  4 << 8,  5 << 8,  6 << 8,  7 << 8,  8 << 8,  9 << 8,
        10 << 8, 11 << 8, 12 << 8, 13 << 8, 14 << 8, 15 << 8, 16 << 8, 17 << 8, 18 << 8,
    };
    static const struct imgz_huffman_entries rule = {.bases = symbols,
                                                     .length_unit = 1,
                                                     .none = UINT16_MAX};
    static const uint8_t repeat_base[3] = {3, 3, 11};
    static const uint8_t repeat_bits[3] = {2, 3, 7};
    uint16_t table[1u << CODE_LENGTH_BITS];
    uint32_t done = 0;

    imgz_huffman_fill(code, &rule, CODE_LENGTH_BITS, table);
    while (done < length_count) {
        uint64_t bits = peek(walk);
        uint32_t entry = table[bits & ((1u << CODE_LENGTH_BITS) - 1)];
        uint32_t symbol = entry >> 8;
        uint32_t repeat;

        walk->bit_index += entry & 0xff;
        if (symbol < 16) {
            lengths[done++] = (uint8_t)symbol;
            continue;
        }
        if (symbol == 16 && done == 0)
            return -EBADMSG;
        repeat = repeat_base[symbol - 16] + take(walk, repeat_bits[symbol - 16]);
        if (repeat > length_count - done)
            return -EBADMSG;
        memset(lengths + done, symbol == 16 ? lengths[done - 1] : 0, repeat);
        done += repeat;
    }
    return check_not_cut(walk);
}

static int read_dynamic(struct walk *walk)
{
    static const uint8_t order[CODE_LENGTH_COUNT] = {16, 17, 18, 0, 8,  7, 9,  6, 10, 5,
                                                     11, 4,  12, 3, 13, 2, 14, 1, 15};
    uint32_t litlen_count = 257 + take(walk, 5);
    uint32_t distance_count = 1 + take(walk, 5);
    uint32_t code_length_count = 4 + take(walk, 4);
    uint8_t lengths[IMGZ_SKIPTABLE_LITLEN_COUNT + IMGZ_SKIPTABLE_DISTANCE_COUNT] = {0};
    struct imgz_huffman code;
    int rc;

    if (litlen_count > 286 || distance_count > 30)
        return -EBADMSG;
    for (uint32_t i = 0; i < code_length_count; i++)
        lengths[order[i]] = (uint8_t)take(walk, 3);
    rc = imgz_huffman_init(&code, lengths, CODE_LENGTH_COUNT, IMGZ_HUFFMAN_COMPLETE);
    if (rc < 0)
        return rc;
    rc = read_lengths(walk, &code, litlen_count + distance_count, lengths);
    if (rc < 0)
        return rc;
    return imgz_skiptable_init(&walk->table, lengths, litlen_count, distance_count);
}

static int set_fixed(struct walk *walk)
{
    static const uint8_t lengths[] = {
        [0 ... 143] = 8, [144 ... 255] = 9, [256 ... 279] = 7, [280 ... 287] = 8, [288 ... 319] = 5,
    };

    return imgz_skiptable_init(&walk->table, lengths, IMGZ_SKIPTABLE_LITLEN_COUNT,
                               IMGZ_SKIPTABLE_DISTANCE_COUNT);
}

/* ---- Blocks ------------------------------------------------------------------------------- */

#define LOOKUPS_PER_LOAD 2u
#define LOAD_BITS_MIN    56u
_Static_assert(LOOKUPS_PER_LOAD *IMGZ_SKIPTABLE_SKIP_MAX <= LOAD_BITS_MIN, "no lookup runs dry");

/*
 * Walks as far as the tables go: to a stop, or to the last bytes of the stream.
 *
 * 'bits' holds 'bit_count' bits that are before 'at', and what is above them agrees with the byte
 * at 'at', so that OR-ing it in again changes nothing. The table is chosen by a pointer, beside the
 * shift and not behind it: the chain is shift, mask, load.
 */
static void walk_tables(struct walk *walk, enum imgz_skiptable_next *next)
{
    const unsigned char *end = walk->data + walk->stream_bytes;
    const unsigned char *at = walk->data + walk->bit_index / 8;
    const uint16_t *litlen = walk->table.entries;
    const uint16_t *table = litlen;
    uint64_t bits;
    uint32_t bit_count;
    uint32_t entry;

    if (end - at < 16)
        return;
    if (*next == IMGZ_SKIPTABLE_NEXT_DISTANCE)
        table += IMGZ_SKIPTABLE_DISTANCE;
    bits = imgz_get_le64(at) >> walk->bit_index % 8;
    bit_count = 56 - walk->bit_index % 8;
    at += 7;
    while (end - at >= 8) {
        bits |= imgz_get_le64(at) << bit_count;
        at += (63 - bit_count) / 8;
        bit_count |= LOAD_BITS_MIN;
        /* An entry that stops skips nothing and stays in its table: only the last is asked. */
        for (uint32_t i = 0; i < LOOKUPS_PER_LOAD; i++) {
            entry = table[bits & (IMGZ_SKIPTABLE_INDEX_COUNT - 1)];
            table = litlen + (entry & IMGZ_SKIPTABLE_DISTANCE);
            bits >>= entry & IMGZ_SKIPTABLE_SKIP_MASK;
            bit_count -= entry & IMGZ_SKIPTABLE_SKIP_MASK;
        }
        if (entry & IMGZ_SKIPTABLE_STOP)
            break;
    }
    walk->bit_index = (uint64_t)(at - walk->data) * 8 - bit_count;
    *next = table == litlen ? IMGZ_SKIPTABLE_NEXT_LITLEN : IMGZ_SKIPTABLE_NEXT_DISTANCE;
}

static int walk_symbols(struct walk *walk)
{
    enum imgz_skiptable_next next = IMGZ_SKIPTABLE_NEXT_LITLEN;

    while (next != IMGZ_SKIPTABLE_NEXT_HEADER) {
        uint32_t skip_bits;
        int rc;

        walk_tables(walk, &next);
        rc = imgz_skiptable_find(&walk->table, peek(walk), &skip_bits, &next);
        if (rc < 0)
            return rc;
        walk->bit_index += skip_bits;
        rc = check_not_cut(walk);
        if (rc < 0)
            return rc;
    }
    return 0;
}

static int walk_stored(struct walk *walk)
{
    uint32_t len;
    uint32_t nlen;

    walk->bit_index = imgz_align_up(walk->bit_index, 8);
    len = take(walk, 16);
    nlen = take(walk, 16);
    if ((len ^ nlen) != 0xffff)
        return -EBADMSG;
    walk->bit_index += (uint64_t)len * 8;
    return check_not_cut(walk);
}

static int walk_block(struct walk *walk, struct block *block)
{
    int rc = -EBADMSG;

    block->header_bit_index = walk->bit_index;
    block->final = take(walk, 1);
    block->type = take(walk, 2);
    switch (block->type) {
    case BLOCK_STORED:
        return walk_stored(walk);
    case BLOCK_FIXED:
        rc = set_fixed(walk);
        break;
    case BLOCK_DYNAMIC:
        rc = read_dynamic(walk);
        break;
    case BLOCK_RESERVED:
        break;
    }
    if (rc < 0)
        return rc;
    return walk_symbols(walk);
}

/* ---- The seam ----------------------------------------------------------------------------- */

/* Closes the stream with an empty stored block; returns the segment's length. 'end_bit_index' may
 * be anywhere in the last byte; less than 3 bits left there, the block's header takes one more. */
static size_t append_stored(unsigned char *data, uint64_t end_bit_index)
{
    size_t end_bytes = imgz_div_up(end_bit_index, 8);
    size_t header_end_bytes = imgz_div_up(end_bit_index + HEADER_BITS, 8);

    if (end_bit_index % 8 != 0)
        data[end_bytes - 1] &= (unsigned char)((1u << end_bit_index % 8) - 1);
    if (header_end_bytes > end_bytes)
        data[end_bytes] = 0;
    imgz_put_le16(data + header_end_bytes, 0x0000);
    imgz_put_le16(data + header_end_bytes + 2, 0xffff);
    return header_end_bytes + LEN_NLEN_BYTES;
}

int imgz_seam_reopen(unsigned char *data, size_t stream_bytes, size_t *segment_bytes)
{
    struct walk walk = {.data = data, .stream_bytes = stream_bytes};
    struct block block = {0};

    while (!block.final) {
        int rc = walk_block(&walk, &block);

        if (rc < 0)
            return rc;
    }
    if (imgz_div_up(walk.bit_index, 8) != stream_bytes)
        return -EBADMSG;
    data[block.header_bit_index / 8] &= (unsigned char)~(1u << block.header_bit_index % 8);
    *segment_bytes = stream_bytes;
    if (block.type != BLOCK_STORED)
        *segment_bytes = append_stored(data, walk.bit_index);
    IMGZ_ASSERT(*segment_bytes <= stream_bytes + IMGZ_SEAM_GROWTH_BYTES);
    return 0;
}
