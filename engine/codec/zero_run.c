/* SPDX-License-Identifier: MIT */
/*
 * DEFLATE's longest match gives 258 bytes, and no code is shorter than one bit: 258 bytes for one
 * bit of length and one of distance, 1032 for a byte, is the most it can do. This segment does
 * exactly that, and its codes are chosen so that the two bits are zeros: the body of a run is
 * zero bytes, which can be made by memset and compared by the zero test.
 *
 * A run of n = 1 + r + 258 k zeros, 0 <= r < 258, is, bits in the order of RFC 1951:
 *
 *   bits          what
 *   103           block header, the same for every n:
 *     0             BFINAL 0, BTYPE 10 (dynamic codes)
 *     3             HLIT 29: 286 literal and length codes; HDIST 0: 1 distance code; HCLEN 14: 18
 *                   code length codes
 *     17            these: 1 bit for 18, 2 bits each for 1 and 2: 18 '0', 1 '10', 2 '11'
 *     71            the lengths by those codes: 2 | 138 and 117 times 0 | 2 | 28 times 0 | 1 || 1
 *                   so that 285 (258 bytes) is '0', literal 0 is '10', end of block is '11';
 *                   and the only distance code (distance 1) is '0', which RFC 1951 section 3.2.7
 *                   allows to stand alone
 *   2 (1 + r)     literals: '10' each
 *   2 k           matches: '0' '0' each
 *   2             end of block: '11'
 *   3             empty stored block, BFINAL 0, BTYPE 00
 *   to a byte     zeros
 *   32            its LEN 0000 and NLEN FFFF
 *
 * The literals come first, so everything that depends on r is in the head. 1032 more zeros are one
 * more zero byte in the body and change nothing else. So every segment is a short one, of a run
 * with 4 to 7 matches, and zero bytes inserted into its body.
 */
#include "codec/zero_run.h"

#include <string.h>

#include "base/bytes.h"
#include "base/zero.h"

#define MATCH_BYTES      258u
#define HEADER_BITS      103u
#define LITERAL_BITS     2u
#define MATCH_BITS       2u
#define END_BITS         2u
#define FLUSH_BITS       3u
#define LEN_NLEN_BYTES   4u
#define MATCHES_PER_BYTE (8u / MATCH_BITS)

/* The longest short segment: 258 literals and 7 matches. */
#define SHORT_BYTES_MAX                                                                            \
    ((HEADER_BITS + LITERAL_BITS * MATCH_BYTES + MATCH_BITS * (2 * MATCHES_PER_BYTE - 1) +         \
      END_BITS + FLUSH_BITS + 7) /                                                                 \
         8 +                                                                                       \
     LEN_NLEN_BYTES)

struct plan {
    uint64_t match_count; /* of the short segment */
    uint32_t literal_count;
    uint64_t short_bytes;   /* length of the short segment */
    uint64_t insert_offset; /* in the short segment, inside or at the end of its body */
    uint64_t insert_bytes;  /* zero bytes to insert there */
};

static struct plan plan_run(uint64_t raw_bytes)
{
    struct plan plan = {0};
    uint64_t literal_bits;

    IMGZ_ASSERT(raw_bytes > 0);
    plan.literal_count = (uint32_t)(1 + (raw_bytes - 1) % MATCH_BYTES);
    plan.match_count = (raw_bytes - 1) / MATCH_BYTES;
    if (plan.match_count >= 2 * MATCHES_PER_BYTE) {
        plan.insert_bytes = plan.match_count / MATCHES_PER_BYTE - 1;
        plan.match_count -= plan.insert_bytes * MATCHES_PER_BYTE;
    }
    /* The literals end at most 7 bits before this offset, and with anything to insert at least 4
     * matches, 8 bits, follow them: the offset is not beyond the body's end. */
    literal_bits = HEADER_BITS + (uint64_t)LITERAL_BITS * plan.literal_count;
    plan.insert_offset = imgz_div_up(literal_bits, 8);
    plan.short_bytes =
        imgz_div_up(literal_bits + MATCH_BITS * plan.match_count + END_BITS + FLUSH_BITS, 8) +
        LEN_NLEN_BYTES;
    IMGZ_ASSERT(plan.short_bytes <= SHORT_BYTES_MAX);
    return plan;
}

/* Writes bits, least significant first, over zeros. */
struct bit_writer {
    unsigned char *out;
    uint64_t bit_count;
};

static void put_bits(struct bit_writer *writer, uint32_t value, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        unsigned char bit = (unsigned char)(value >> i & 1);

        writer->out[writer->bit_count / 8] |= (unsigned char)(bit << writer->bit_count % 8);
        writer->bit_count += 1;
    }
}

/* Huffman codes are written most significant bit first: '10' is the value 1, '11' the value 3. */
#define CODE_10 1u
#define CODE_11 3u

static void put_header(struct bit_writer *writer)
{
    /* In the order of RFC 1951 section 3.2.7: 16 17 18 0 8 7 9 6 10 5 11 4 12 3 13 2 14 1. */
    static const unsigned char code_length_lengths[18] = {[2] = 1, [15] = 2, [17] = 2};
    struct field {
        unsigned char value;
        unsigned char bits;
    };
    static const struct field lengths[] = {
        {CODE_11, 2},                /* literal 0: 2 bits */
        {0, 1},       {138 - 11, 7}, /* 1 to 138: none */
        {0, 1},       {117 - 11, 7}, /* 139 to 255: none */
        {CODE_11, 2},                /* 256, end of block: 2 bits */
        {0, 1},       {28 - 11, 7},  /* 257 to 284: none */
        {CODE_10, 2},                /* 285, 258 bytes: 1 bit */
        {CODE_10, 2},                /* distance 1: 1 bit */
    };

    put_bits(writer, 0, 1);
    put_bits(writer, 2, 2);
    put_bits(writer, 286 - 257, 5);
    put_bits(writer, 1 - 1, 5);
    put_bits(writer, 18 - 4, 4);
    for (size_t i = 0; i < IMGZ_COUNT_OF(code_length_lengths); i++)
        put_bits(writer, code_length_lengths[i], 3);
    for (size_t i = 0; i < IMGZ_COUNT_OF(lengths); i++)
        put_bits(writer, lengths[i].value, lengths[i].bits);
    IMGZ_ASSERT(writer->bit_count == HEADER_BITS);
}

static void make_short(const struct plan *plan, unsigned char *out)
{
    struct bit_writer writer = {.out = out};

    memset(out, 0, plan->short_bytes);
    put_header(&writer);
    for (uint32_t i = 0; i < plan->literal_count; i++)
        put_bits(&writer, CODE_10, LITERAL_BITS);
    writer.bit_count += MATCH_BITS * plan->match_count;
    put_bits(&writer, CODE_11, END_BITS);
    out[plan->short_bytes - 2] = 0xff;
    out[plan->short_bytes - 1] = 0xff;
}

uint64_t imgz_zero_run_segment_bytes(uint64_t raw_bytes)
{
    struct plan plan = plan_run(raw_bytes);

    return plan.short_bytes + plan.insert_bytes;
}

void imgz_zero_run_make(uint64_t raw_bytes, unsigned char *out)
{
    struct plan plan = plan_run(raw_bytes);
    unsigned char edges[SHORT_BYTES_MAX];
    uint64_t tail_bytes = plan.short_bytes - plan.insert_offset;

    make_short(&plan, edges);
    memcpy(out, edges, plan.insert_offset);
    out += plan.insert_offset;
    memset(out, 0, plan.insert_bytes);
    out += plan.insert_bytes;
    memcpy(out, edges + plan.insert_offset, tail_bytes);
}

bool imgz_zero_run_match(uint64_t raw_bytes, const unsigned char *data, uint64_t segment_bytes)
{
    struct plan plan = plan_run(raw_bytes);
    unsigned char edges[SHORT_BYTES_MAX];
    uint64_t tail_bytes = plan.short_bytes - plan.insert_offset;

    if (segment_bytes != plan.short_bytes + plan.insert_bytes)
        return false;
    make_short(&plan, edges);
    if (memcmp(data, edges, plan.insert_offset) != 0)
        return false;
    data += plan.insert_offset;
    if (!imgz_zero_test(data, plan.insert_bytes))
        return false;
    data += plan.insert_bytes;
    return memcmp(data, edges + plan.insert_offset, tail_bytes) == 0;
}
