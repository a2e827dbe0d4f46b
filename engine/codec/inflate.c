/* SPDX-License-Identifier: MIT */
/*
 * Why a decoder of our own: an image must be one disk to imgz and to every gunzip. A segment is not
 * a whole stream, and a decoder for whole streams cannot say how it ends. If something is appended
 * to complete it, codes of the segment may reach into that; gunzip finds the next note there and
 * reads something else. This decoder knows where the segment ends:
 *
 * 1. It never takes a bit after the segment. So what follows does not change the output.
 * 2. It stops between two blocks, at the segment's last bit, which is the last one of a byte, and
 *    no block was final. So gunzip, which has taken the same bits, expects a block's header where
 *    the next note begins. A note's blocks make no output and consist of whole bytes.
 * 3. A match never reaches back before the segment's start. So what came before does not change
 *    the output, either.
 * 4. It refuses every block that zlib's inflate would refuse: counts of codes that are too high,
 *    codes that are not complete (except a single one of one bit), no end of block, symbols that
 *    must not occur. So every gunzip takes what passes here.
 *
 * By induction over the segments, every decoder that follows RFC 1951 makes of the whole image what
 * this one makes of its segments. FORMAT.md has the argument in full.
 */
#include "codec/deflate.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "codec/block_header.h"
#include "codec/inflate_run.h"
#include "codec/inflate_table.h"

struct imgz_inflate {
    imgz_inflate_run_fn run;
    struct imgz_inflate_tables tables;
};

/* The best variant for this processor. */
static const struct imgz_inflate_variant *choose_variant(void)
{
    size_t count;
    const struct imgz_inflate_variant *variants = imgz_inflate_variants(&count);

    while (!variants[count - 1].usable())
        count -= 1;
    return &variants[count - 1];
}

int imgz_inflate_create(struct imgz_inflate **result)
{
    return imgz_inflate_create_variant(choose_variant(), result);
}

int imgz_inflate_create_variant(const struct imgz_inflate_variant *variant,
                                struct imgz_inflate **result)
{
    struct imgz_inflate *inflate = calloc(1, sizeof(*inflate));

    if (inflate == NULL)
        return -ENOMEM;
    inflate->run = variant->run;
    imgz_inflate_tables_init(&inflate->tables);
    *result = inflate;
    return 0;
}

void imgz_inflate_destroy(struct imgz_inflate *inflate)
{
    free(inflate);
}

/* ---- Symbols, with care ------------------------------------------------------------------- */

struct symbol {
    uint32_t entry;
    uint32_t extra; /* the value of its extra bits */
};

/* The caller must check whether the stream has all the bits that are taken. 'code_shift' is where
 * in an entry the length of its code is. */
static struct symbol take_symbol(struct imgz_bits *bits, const uint32_t *table, uint32_t index_bits,
                                 uint32_t code_shift)
{
    uint64_t next = imgz_bits_peek(bits);
    uint32_t entry = table[next & ((1u << index_bits) - 1)];
    uint32_t take_bits = entry & IMGZ_INFLATE_TAKE_MASK;

    if (entry & IMGZ_INFLATE_SUBTABLE) {
        bits->bit_index += take_bits;
        next >>= take_bits;
        entry = table[(entry >> IMGZ_INFLATE_BASE_SHIFT) +
                      (next & ((1u << (IMGZ_HUFFMAN_BITS_MAX - index_bits)) - 1))];
        take_bits = entry & IMGZ_INFLATE_TAKE_MASK;
    }
    bits->bit_index += take_bits;
    next &= ((uint64_t)1 << take_bits) - 1;
    return (struct symbol){entry,
                           (uint32_t)(next >> (entry >> code_shift & IMGZ_INFLATE_CODE_BITS_MASK))};
}

static int put_literal(struct imgz_inflate_stream *stream, uint32_t value)
{
    if (stream->out == stream->raw_end)
        return -EBADMSG;
    *stream->out++ = (unsigned char)value;
    return 0;
}

static int put_match(struct imgz_inflate_stream *stream, uint32_t length, uint32_t distance)
{
    if (distance == 0 || distance > (size_t)(stream->out - stream->raw) ||
        length > (size_t)(stream->raw_end - stream->out))
        return -EBADMSG;
    for (uint32_t i = 0; i < length; i++, stream->out++)
        *stream->out = *(stream->out - distance);
    return 0;
}

static int inflate_symbol(const struct imgz_inflate_tables *tables,
                          struct imgz_inflate_stream *stream, bool *block_ended)
{
    const struct symbol litlen = take_symbol(&stream->bits, tables->litlen,
                                             IMGZ_INFLATE_LITLEN_BITS, IMGZ_INFLATE_LENGTH_CODE);
    const uint32_t base = litlen.entry >> IMGZ_INFLATE_BASE_SHIFT & IMGZ_INFLATE_LENGTH_MASK;
    struct symbol distance;

    if (litlen.entry == IMGZ_INFLATE_BAD)
        return -EBADMSG;
    if (litlen.entry & IMGZ_INFLATE_LITERAL)
        return put_literal(stream, base);
    if (litlen.entry & IMGZ_INFLATE_SPECIAL) {
        *block_ended = true;
        return 0;
    }
    distance = take_symbol(&stream->bits, tables->distance, IMGZ_INFLATE_DISTANCE_BITS,
                           IMGZ_INFLATE_DISTANCE_CODE);
    return put_match(stream, base + litlen.extra,
                     (distance.entry >> IMGZ_INFLATE_BASE_SHIFT) + distance.extra);
}

/* ---- Blocks ------------------------------------------------------------------------------- */

static int inflate_symbols(const struct imgz_inflate *inflate, struct imgz_inflate_stream *stream)
{
    bool block_ended = false;

    while (!block_ended) {
        const enum imgz_inflate_end end = inflate->run(&inflate->tables, stream);
        int rc;

        if (end == IMGZ_INFLATE_RUN_BAD)
            return -EBADMSG;
        if (end == IMGZ_INFLATE_RUN_BLOCK)
            break;
        rc = inflate_symbol(&inflate->tables, stream, &block_ended);
        if (rc == 0)
            rc = imgz_bits_check(&stream->bits);
        if (rc < 0)
            return rc;
    }
    return 0;
}

static int inflate_stored(struct imgz_inflate_stream *stream)
{
    struct imgz_bits *bits = &stream->bits;
    uint32_t len, nlen;
    int rc;

    bits->bit_index = imgz_align_up(bits->bit_index, 8);
    len = imgz_bits_take(bits, 16);
    nlen = imgz_bits_take(bits, 16);
    if ((len ^ nlen) != 0xffff || len > (size_t)(stream->raw_end - stream->out))
        return -EBADMSG;
    rc = imgz_bits_check(bits);
    if (rc < 0)
        return rc;
    if (len > bits->stream_bytes - bits->bit_index / 8)
        return -EBADMSG;
    memcpy(stream->out, bits->data + bits->bit_index / 8, len);
    stream->out += len;
    bits->bit_index += (uint64_t)len * 8;
    return 0;
}

static int set_dynamic(struct imgz_inflate_tables *tables, struct imgz_bits *bits)
{
    struct imgz_block_lengths lengths;
    int rc = imgz_block_read_lengths(bits, &lengths);

    if (rc < 0)
        return rc;
    return imgz_inflate_tables_set(tables, lengths.lengths, lengths.litlen_count,
                                   lengths.distance_count);
}

static int inflate_block(struct imgz_inflate *inflate, struct imgz_inflate_stream *stream)
{
    const bool final = imgz_bits_take(&stream->bits, 1);
    const enum imgz_block_type type = imgz_bits_take(&stream->bits, 2);
    int rc = -EBADMSG;

    if (final)
        return -EBADMSG;
    switch (type) {
    case IMGZ_BLOCK_STORED:
        return inflate_stored(stream);
    case IMGZ_BLOCK_FIXED:
        imgz_inflate_tables_set_fixed(&inflate->tables);
        rc = 0;
        break;
    case IMGZ_BLOCK_DYNAMIC:
        rc = set_dynamic(&inflate->tables, &stream->bits);
        break;
    case IMGZ_BLOCK_RESERVED:
        break;
    }
    if (rc < 0)
        return rc;
    return inflate_symbols(inflate, stream);
}

int imgz_inflate_segment(struct imgz_inflate *inflate, const unsigned char *segment,
                         size_t segment_bytes, unsigned char *raw, size_t raw_bytes)
{
    struct imgz_inflate_stream stream = {
        .bits = {.data = segment, .stream_bytes = segment_bytes},
        .raw = raw,
        .out = raw,
        .raw_end = raw + raw_bytes,
    };

    while (stream.bits.bit_index < (uint64_t)segment_bytes * 8) {
        int rc = inflate_block(inflate, &stream);

        if (rc < 0)
            return rc;
    }
    if (stream.bits.bit_index != (uint64_t)segment_bytes * 8 || stream.out != stream.raw_end)
        return -EBADMSG;
    return 0;
}
