/* SPDX-License-Identifier: MIT */
/*
 * To find the header of a DEFLATE stream's last block for certain, without the raw bytes, the end
 * of the block before it must be known, and so on back to the start. So the stream must be decoded.
 * But nothing is written, and a match needs no window. All that counts of a symbol is how many bits
 * it takes and whether a distance follows.
 *
 * The naive way looks up one symbol at a time by its code, then skips its extra bits. What it costs
 * is the chain from one lookup to the next (load, shift, mask: 8 cycles) and the branches between
 * literal, length and distance, which no processor can predict. This walk shortens the chain and
 * has no such branches:
 *
 * - A table entry holds all that is left of a symbol: the bits it takes, with its extra bits, and
 *   which of the two tables is next. Choosing that is then an addition to the index.
 * - Where the index holds two whole codes, the entry takes both (skip_table.c).
 * - What is rare stops the walk: the end of a block, codes longer than the index, symbols that must
 *   not occur. Such a symbol is decoded alone, with every check, and the walk goes on after it. So
 *   are the symbols in the last bytes of the stream, where a load could reach beyond them.
 *
 * What a valid stream is: RFC 1951, and zlib's inflate where that leaves room. Codes must be
 * complete, with one exception: the code of distances, or that of literals and lengths, may be one
 * symbol of one bit, whose other value is an error when met. There may be no distances. Other
 * decoders allow more, so all accept a stream that passes here.
 */
#include "codec/deflate_reopen.h"

#include <errno.h>
#include <string.h>

#include "codec/block_header.h"
#include "codec/last_block.h"
#include "codec/skip_table.h"

#define LEN_NLEN_BYTES 4u

struct walk {
    struct imgz_bits bits;
    struct imgz_skip_table table;
};

/* A block as the walk finds it. */
struct block {
    uint64_t header_bit_index;
    bool final;
    enum imgz_block_type type;
};

/* ---- Headers ------------------------------------------------------------------------------ */

static int read_dynamic(struct walk *walk)
{
    struct imgz_block_lengths lengths;
    int rc = imgz_block_read_lengths(&walk->bits, &lengths);

    if (rc < 0)
        return rc;
    return imgz_skip_table_init(&walk->table, lengths.lengths, lengths.litlen_count,
                                lengths.distance_count);
}

static int set_fixed(struct walk *walk)
{
    static const uint8_t lengths[] = {
        [0 ... 143] = 8, [144 ... 255] = 9, [256 ... 279] = 7, [280 ... 287] = 8, [288 ... 319] = 5,
    };

    return imgz_skip_table_init(&walk->table, lengths, IMGZ_SKIP_TABLE_LITLEN_COUNT,
                                IMGZ_SKIP_TABLE_DISTANCE_COUNT);
}

/* ---- Blocks ------------------------------------------------------------------------------- */

#define LOOKUPS_PER_LOAD 2u
#define LOAD_BITS_MIN    56u
_Static_assert(LOOKUPS_PER_LOAD *IMGZ_SKIP_TABLE_SKIP_MAX <= LOAD_BITS_MIN, "no lookup runs dry");

/*
 * Walks as far as the tables go: to a stop, or to the last bytes of the stream.
 *
 * 'bits' holds 'bit_count' bits that are before 'at', and what is above them agrees with the byte
 * at 'at', so that OR-ing it in again changes nothing. The table is chosen by a pointer, beside the
 * shift and not after it: the chain is shift, mask, load.
 */
static void walk_tables(struct walk *walk, enum imgz_skip_table_next *next)
{
    const unsigned char *end = walk->bits.data + walk->bits.stream_bytes;
    const unsigned char *at = walk->bits.data + walk->bits.bit_index / 8;
    const uint16_t *litlen = walk->table.entries;
    const uint16_t *table = litlen;
    uint64_t bits;
    uint32_t bit_count;
    uint32_t entry;

    if (end - at < 16)
        return;
    if (*next == IMGZ_SKIP_TABLE_NEXT_DISTANCE)
        table += IMGZ_SKIP_TABLE_DISTANCE;
    bits = imgz_get_le64(at) >> walk->bits.bit_index % 8;
    bit_count = 56 - walk->bits.bit_index % 8;
    at += 7;
    while (end - at >= 8) {
        bits |= imgz_get_le64(at) << bit_count;
        at += (63 - bit_count) / 8;
        bit_count |= LOAD_BITS_MIN;
        /* An entry that stops skips nothing and stays in its table: only the last is asked. */
        for (uint32_t i = 0; i < LOOKUPS_PER_LOAD; i++) {
            entry = table[bits & (IMGZ_SKIP_TABLE_INDEX_COUNT - 1)];
            table = litlen + (entry & IMGZ_SKIP_TABLE_DISTANCE);
            bits >>= entry & IMGZ_SKIP_TABLE_SKIP_MASK;
            bit_count -= entry & IMGZ_SKIP_TABLE_SKIP_MASK;
        }
        if (entry & IMGZ_SKIP_TABLE_STOP)
            break;
    }
    walk->bits.bit_index = (uint64_t)(at - walk->bits.data) * 8 - bit_count;
    *next = table == litlen ? IMGZ_SKIP_TABLE_NEXT_LITLEN : IMGZ_SKIP_TABLE_NEXT_DISTANCE;
}

static int walk_symbols(struct walk *walk)
{
    enum imgz_skip_table_next next = IMGZ_SKIP_TABLE_NEXT_LITLEN;

    while (next != IMGZ_SKIP_TABLE_NEXT_HEADER) {
        uint32_t skip_bits;
        int rc;

        walk_tables(walk, &next);
        rc = imgz_skip_table_find(&walk->table, imgz_bits_peek(&walk->bits), &skip_bits, &next);
        if (rc < 0)
            return rc;
        walk->bits.bit_index += skip_bits;
        rc = imgz_bits_check(&walk->bits);
        if (rc < 0)
            return rc;
    }
    return 0;
}

static int walk_stored(struct walk *walk)
{
    uint32_t len;
    uint32_t nlen;

    walk->bits.bit_index = imgz_align_up(walk->bits.bit_index, 8);
    len = imgz_bits_take(&walk->bits, 16);
    nlen = imgz_bits_take(&walk->bits, 16);
    if ((len ^ nlen) != 0xffff)
        return -EBADMSG;
    walk->bits.bit_index += (uint64_t)len * 8;
    return imgz_bits_check(&walk->bits);
}

static int walk_block(struct walk *walk, struct block *block)
{
    int rc = -EBADMSG;

    block->header_bit_index = walk->bits.bit_index;
    block->final = imgz_bits_take(&walk->bits, 1);
    block->type = imgz_bits_take(&walk->bits, 2);
    switch (block->type) {
    case IMGZ_BLOCK_STORED:
        return walk_stored(walk);
    case IMGZ_BLOCK_FIXED:
        rc = set_fixed(walk);
        break;
    case IMGZ_BLOCK_DYNAMIC:
        rc = read_dynamic(walk);
        break;
    case IMGZ_BLOCK_RESERVED:
        break;
    }
    if (rc < 0)
        return rc;
    return walk_symbols(walk);
}

/* ---- The seam ----------------------------------------------------------------------------- */

/* Closes the stream with an empty stored block; returns the segment's length. 'end_bit_index' may
 * be anywhere in the last byte; with less than 3 bits left there, the block's header takes one
 * more. */
static size_t append_stored(unsigned char *data, uint64_t end_bit_index)
{
    size_t end_bytes = imgz_div_up(end_bit_index, 8);
    size_t header_end_bytes = imgz_div_up(end_bit_index + IMGZ_BLOCK_HEADER_BITS, 8);

    if (end_bit_index % 8 != 0)
        data[end_bytes - 1] &= (unsigned char)((1u << end_bit_index % 8) - 1);
    if (header_end_bytes > end_bytes)
        data[end_bytes] = 0;
    imgz_put_le16(data + header_end_bytes, 0x0000);
    imgz_put_le16(data + header_end_bytes + 2, 0xffff);
    return header_end_bytes + LEN_NLEN_BYTES;
}

static void clear_final(unsigned char *data, uint64_t header_bit_index)
{
    data[header_bit_index / 8] &= (unsigned char)~(1u << header_bit_index % 8);
}

int imgz_deflate_reopen(unsigned char *data, size_t stream_bytes, size_t *segment_bytes)
{
    struct walk walk = {.bits = {.data = data, .stream_bytes = stream_bytes}};
    struct block block = {0};

    while (!block.final) {
        int rc = walk_block(&walk, &block);

        if (rc < 0)
            return rc;
    }
    if (imgz_div_up(walk.bits.bit_index, 8) != stream_bytes)
        return -EBADMSG;
    clear_final(data, block.header_bit_index);
    *segment_bytes = stream_bytes;
    if (block.type != IMGZ_BLOCK_STORED)
        *segment_bytes = append_stored(data, walk.bits.bit_index);
    IMGZ_ASSERT(*segment_bytes <= stream_bytes + IMGZ_DEFLATE_REOPEN_GROWTH_BYTES);
    return 0;
}

int imgz_deflate_reopen_known(unsigned char *data, size_t stream_bytes, const unsigned char *raw,
                              size_t raw_bytes, size_t *segment_bytes)
{
    const struct imgz_last_block_stream stream = {data, stream_bytes, raw, raw_bytes};
    struct imgz_last_block last;

    if (!imgz_last_block_find(&stream, &last))
        return imgz_deflate_reopen(data, stream_bytes, segment_bytes);
    clear_final(data, last.header_bit_index);
    *segment_bytes = append_stored(data, last.end_bit_index);
    IMGZ_ASSERT(*segment_bytes <= stream_bytes + IMGZ_DEFLATE_REOPEN_GROWTH_BYTES);
    return 0;
}
