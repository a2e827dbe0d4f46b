/* SPDX-License-Identifier: MIT */
/*
 * The disk is laid out in units of 1 MiB: free space and large files come in long runs, which whole
 * chunks see. Sixteen units are a cycle: four of zeros, three of random bytes and nine of files, in
 * an order that is shuffled for each cycle. A unit of files has six pieces of code, four of text,
 * four of records and two of pixels, in turn.
 */
#include "job/measure/synthetic.h"

#include <string.h>

#include "base/bytes.h"

#define UNIT_PIECES 16u
#define CYCLE_UNITS 16u

_Static_assert(UNIT_PIECES *CYCLE_UNITS == IMGZ_SYNTHETIC_CYCLE_PIECES, "a cycle is whole units");

/* xorshift64*: good enough to be incompressible. The state must not be 0. */
static uint64_t draw(uint64_t *state)
{
    *state ^= *state >> 12;
    *state ^= *state << 25;
    *state ^= *state >> 27;
    return *state * 0x2545f4914f6cdd1du;
}

/* 0 to limit - 1; the low ones more often: half of them fall into the first eighth. */
static uint32_t draw_skewed(uint64_t *state, uint32_t limit)
{
    const uint64_t part = draw(state) >> 44; /* 20 bits */

    return (uint32_t)((part * part >> 20) * part * limit >> 40);
}

static uint64_t seed_of(uint64_t index)
{
    uint64_t state = (index + 1) * 0x9e3779b97f4a7c15u | 1;

    (void)draw(&state);
    return state;
}

/* ---- The layout ----------------------------------------------------------------------------- */

enum unit {
    UNIT_FILES,
    UNIT_ZERO,
    UNIT_RANDOM,
};

static enum unit unit_at(uint64_t unit_index)
{
    uint8_t deck[CYCLE_UNITS] = {UNIT_ZERO,   UNIT_ZERO,   UNIT_ZERO,  UNIT_ZERO,
                                 UNIT_RANDOM, UNIT_RANDOM, UNIT_RANDOM}; /* the rest are files */
    uint64_t state = seed_of(~(unit_index / CYCLE_UNITS));

    for (uint32_t i = CYCLE_UNITS - 1; i > 0; i--) {
        const uint32_t other = (uint32_t)(draw(&state) >> 32) % (i + 1);
        const uint8_t card = deck[i];

        deck[i] = deck[other];
        deck[other] = card;
    }
    return (enum unit)deck[unit_index % CYCLE_UNITS];
}

enum imgz_synthetic_kind imgz_synthetic_kind_at(uint64_t piece_index)
{
    static const enum imgz_synthetic_kind files[UNIT_PIECES] = {
        IMGZ_SYNTHETIC_CODE, IMGZ_SYNTHETIC_TEXT,    IMGZ_SYNTHETIC_RECORDS, IMGZ_SYNTHETIC_CODE,
        IMGZ_SYNTHETIC_CODE, IMGZ_SYNTHETIC_RECORDS, IMGZ_SYNTHETIC_TEXT,    IMGZ_SYNTHETIC_BITMAP,
        IMGZ_SYNTHETIC_CODE, IMGZ_SYNTHETIC_TEXT,    IMGZ_SYNTHETIC_RECORDS, IMGZ_SYNTHETIC_CODE,
        IMGZ_SYNTHETIC_CODE, IMGZ_SYNTHETIC_RECORDS, IMGZ_SYNTHETIC_TEXT,    IMGZ_SYNTHETIC_BITMAP,
    };

    switch (unit_at(piece_index / UNIT_PIECES)) {
    case UNIT_ZERO:
        return IMGZ_SYNTHETIC_ZERO;
    case UNIT_RANDOM:
        return IMGZ_SYNTHETIC_RANDOM;
    case UNIT_FILES:
        break;
    }
    return files[piece_index % UNIT_PIECES];
}

/* ---- The kinds ------------------------------------------------------------------------------ */

static void fill_random(uint64_t *state, unsigned char *data)
{
    for (size_t i = 0; i < IMGZ_SYNTHETIC_PIECE_BYTES; i += 8)
        imgz_put_le64(data + i, draw(state));
}

/*
 * An instruction: maybe a prefix, an opcode, a byte of operands, maybe a displacement; sometimes a
 * call or a jump with an address of four bytes, sometimes a constant; now and then the end of a
 * function with padding to 16 bytes.
 */
#define INSTRUCTION_BYTES_MAX 17u

static size_t put_instruction(uint64_t *state, unsigned char *data, size_t at)
{
    static const unsigned char opcodes[16] = {0x8b, 0x89, 0x8d, 0x85, 0x83, 0xff, 0x3b, 0x01,
                                              0x31, 0x39, 0x0f, 0xc7, 0x63, 0xb6, 0x29, 0x80};
    const uint32_t sort = (uint32_t)(draw(state) >> 40) % 64;
    const size_t begin = at;

    if (sort < 2) {
        data[at++] = 0xc3;
        while (at % 16 != 0)
            data[at++] = 0x90;
        return at - begin;
    }
    if (sort < 10) {
        data[at++] = sort < 7 ? 0xe8 : 0xe9;
        imgz_put_le32(data + at, (uint32_t)draw_skewed(state, 1u << 17) - (1u << 16));
        return at + 4 - begin;
    }
    if (sort < 38)
        data[at++] = (unsigned char)(0x48 + draw_skewed(state, 6));
    data[at++] = opcodes[draw_skewed(state, 16)];
    data[at++] = (unsigned char)(0x40 + draw_skewed(state, 192));
    if (sort % 2 == 0)
        data[at++] = (unsigned char)(draw_skewed(state, 32) * 8);
    if (sort >= 60) {
        imgz_put_le32(data + at, draw_skewed(state, 1u << 16));
        at += 4;
    }
    return at - begin;
}

/* Repeats what was there before, as files do: some bytes from up to 64 KiB ago. */
static size_t put_again(uint64_t *state, unsigned char *data, size_t at, uint32_t length_max)
{
    const size_t back = 1 + draw_skewed(state, (uint32_t)at);
    const size_t length =
        imgz_min(4 + draw_skewed(state, length_max), IMGZ_SYNTHETIC_PIECE_BYTES - at);

    for (size_t i = 0; i < length; i++)
        data[at + i] = data[at + i - back];
    return length;
}

static void fill_code(uint64_t *state, unsigned char *data)
{
    size_t at = 0;

    while (at + INSTRUCTION_BYTES_MAX < IMGZ_SYNTHETIC_PIECE_BYTES) {
        if (at > 0 && draw(state) >> 62 == 0)
            at += put_again(state, data, at, 60);
        else
            at += put_instruction(state, data, at);
    }
    memset(data + at, 0x90, IMGZ_SYNTHETIC_PIECE_BYTES - at);
}

/* The word of a rank, the same wherever it is used: one to four syllables. */
static size_t put_word(uint32_t rank, unsigned char *word)
{
    static const char consonants[] = "tnsrhldcmfpgwybv";
    static const char vowels[] = "eaoiuaei";
    uint64_t state = seed_of(rank);
    const uint64_t letters = draw(&state);
    const size_t syllables = 1u + (rank > 12) + (rank > 200) + letters % 2;
    size_t length = 0;

    for (size_t i = 0; i < syllables; i++) {
        const uint64_t part = letters >> (8 + 10 * i);

        word[length++] = (unsigned char)consonants[part % 16];
        word[length++] = (unsigned char)vowels[part / 16 % 8];
        if (part / 128 % 8 < 3)
            word[length++] = (unsigned char)consonants[part / 128 % 3];
    }
    return length;
}

#define WORD_BYTES_MAX 12u

static void fill_text(uint64_t *state, unsigned char *data)
{
    unsigned char word[WORD_BYTES_MAX + 2];
    size_t at = 0;

    while (at < IMGZ_SYNTHETIC_PIECE_BYTES) {
        const uint32_t end = (uint32_t)(draw(state) >> 32) % 64;
        size_t length;
        size_t taken;

        if (at > 0 && end >= 57) {
            at += put_again(state, data, at, 100);
            continue;
        }
        length = put_word(draw_skewed(state, 6000), word);
        if (end < 6)
            word[length++] = end < 4 ? ',' : '.';
        word[length++] = end == 5 || end == 6 ? '\n' : ' ';
        taken = (size_t)imgz_min(length, IMGZ_SYNTHETIC_PIECE_BYTES - at);
        memcpy(data + at, word, taken);
        at += taken;
    }
}

/* Pages of 8 KiB: a header, records of 64 bytes, and room for more. */
static void fill_records(uint64_t *state, unsigned char *data)
{
    const size_t page_bytes = 8192;
    const size_t record_bytes = 64;
    uint32_t number = (uint32_t)draw(state) >> 8;
    uint64_t time = draw(state) >> 24;

    memset(data, 0, IMGZ_SYNTHETIC_PIECE_BYTES);
    for (size_t page = 0; page < IMGZ_SYNTHETIC_PIECE_BYTES; page += page_bytes) {
        const size_t count = 90 + (size_t)(draw(state) >> 32) % 36;

        imgz_put_le64(data + page, page / page_bytes);
        imgz_put_le32(data + page + 8, (uint32_t)count);
        for (size_t i = 1; i <= count; i++) {
            unsigned char *record = data + page + i * record_bytes;

            time += draw_skewed(state, 1u << 22);
            imgz_put_le32(record, number++);
            imgz_put_le64(record + 4, time);
            imgz_put_le32(record + 12, draw_skewed(state, 100000));
            imgz_put_le64(record + 16, draw(state) >> 40);
            record[24] = (unsigned char)draw_skewed(state, 8);
            (void)put_word(draw_skewed(state, 4000), record + 28);
            (void)put_word(draw_skewed(state, 500), record + 44);
        }
    }
}

/* Rows of 512 pixels of three bytes: a sky that darkens, and below it something with a grain. */
static void fill_bitmap(uint64_t *state, unsigned char *data)
{
    const size_t row_bytes = (size_t)512 * 3;
    const unsigned base = (unsigned)(draw(state) >> 56);

    for (size_t i = 0; i < IMGZ_SYNTHETIC_PIECE_BYTES; i++) {
        const size_t row = i / row_bytes;
        const size_t column = i % row_bytes / 3;
        const unsigned grain = row < 16 ? 0 : (unsigned)(draw(state) >> 62);

        data[i] = (unsigned char)(base + row * 2 + column / 16 + i % 3 * 40 + grain);
    }
}

void imgz_synthetic_fill(uint64_t piece_index, unsigned char *data)
{
    uint64_t state = seed_of(piece_index);

    switch (imgz_synthetic_kind_at(piece_index)) {
    case IMGZ_SYNTHETIC_ZERO:
        memset(data, 0, IMGZ_SYNTHETIC_PIECE_BYTES);
        break;
    case IMGZ_SYNTHETIC_RANDOM:
        fill_random(&state, data);
        break;
    case IMGZ_SYNTHETIC_CODE:
        fill_code(&state, data);
        break;
    case IMGZ_SYNTHETIC_TEXT:
        fill_text(&state, data);
        break;
    case IMGZ_SYNTHETIC_RECORDS:
        fill_records(&state, data);
        break;
    case IMGZ_SYNTHETIC_BITMAP:
        fill_bitmap(&state, data);
        break;
    }
}
