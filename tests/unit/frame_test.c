/* SPDX-License-Identifier: MIT */
#include "format/frame.h"

#include <errno.h>
#include <imgz/imgz.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/bytes.h"
#include "checksum/checksum.h"
#include "format/note.h"
#include "guard.h"
#include "hex.h"
#include "oracle.h"

/* Checks in these were found with libxxhash alone. */
static const char pinned_header[] = "1f8b 08 04 00000000 00 ff 1600 495a 1200 "
                                    "01 00 00001000 00f0debc9a785634 950d410f";
static const char pinned_end_note[] =
    "a7 06 28000000 0000a00001000000 00000000 44332211 c91e5d996eb785f9 "
    "101112131415161718191a1b1c1d1e1f 52af2aaa";
static const char pinned_end_record[] =
    "2200000000000000 b611000000000000 7814000000000000 0300000000000000 00000100 01000000";

static const struct imgz_frame_header header_example = {
    .chunk_bytes = 0x100000,
    .raw_bytes = 0x3456789abcdef000,
};

static const struct imgz_frame_end end_example = {
    .raw_bytes = 0x100a00000,
    .raw_crc32 = 0x11223344,
    .root_hash = {{16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31}},
    .chunk_bytes = 0x10000,
    .entry_count = 3,
    .index_offset = 0x22,
    .hashes_offset = 0x11b6,
    .meta_offset = 0x1478,
};

static void encode_header(unsigned char *out)
{
    imgz_frame_encode_header(&header_example, out);
}

/* ---- Header ------------------------------------------------------------------------------------
 */

static void header_bytes_are_pinned(void **state)
{
    unsigned char *out = imgz_guard_create(IMGZ_FRAME_HEADER_BYTES);
    unsigned char expected[IMGZ_FRAME_HEADER_BYTES];

    (void)state;
    encode_header(out);
    assert_int_equal(imgz_hex_decode(pinned_header, expected), sizeof(expected));
    assert_memory_equal(out, expected, sizeof(expected));
    imgz_guard_destroy(out, IMGZ_FRAME_HEADER_BYTES);
}

static void header_round_trip(void **state)
{
    static const struct imgz_frame_header cases[] = {
        {IMGZ_CHUNK_BYTES_MIN, 0, IMGZ_HASH_XXH3},
        {IMGZ_CHUNK_BYTES_MAX, IMGZ_SIZE_UNKNOWN, IMGZ_HASH_XXH3},
        {IMGZ_CHUNK_BYTES_DEFAULT, 12345, IMGZ_HASH_SHA256},
    };

    (void)state;
    for (size_t i = 0; i < IMGZ_COUNT_OF(cases); i++) {
        unsigned char bytes[IMGZ_FRAME_HEADER_BYTES];
        struct imgz_frame_header back;

        imgz_frame_encode_header(&cases[i], bytes);
        assert_int_equal(imgz_frame_decode_header(bytes, sizeof(bytes), &back), IMGZ_FRAME_IMAGE);
        assert_int_equal(back.chunk_bytes, cases[i].chunk_bytes);
        assert_int_equal(back.raw_bytes, cases[i].raw_bytes);
        assert_int_equal(back.hash, cases[i].hash);
        assert_int_equal(bytes[16], cases[i].hash == IMGZ_HASH_XXH3 ? 1 : 2);
        assert_int_equal(bytes[17], cases[i].hash == IMGZ_HASH_XXH3 ? 0 : 1);
    }
}

/* Version 2 may come to have other chunk hashes; then it is for another reader. */
static void header_of_another_hash(void **state)
{
    static const struct {
        unsigned char version;
        unsigned char hash;
        enum imgz_frame_probe sort;
    } cases[] = {
        {1, 0, IMGZ_FRAME_IMAGE},       {1, 1, IMGZ_FRAME_IMAGE_BAD},
        {2, 1, IMGZ_FRAME_IMAGE},       {2, 0, IMGZ_FRAME_IMAGE_NEWER},
        {2, 2, IMGZ_FRAME_IMAGE_NEWER}, {3, 1, IMGZ_FRAME_IMAGE_NEWER},
    };

    (void)state;
    for (size_t i = 0; i < IMGZ_COUNT_OF(cases); i++) {
        unsigned char bytes[IMGZ_FRAME_HEADER_BYTES];
        struct imgz_frame_header header;

        encode_header(bytes);
        bytes[16] = cases[i].version;
        bytes[17] = cases[i].hash;
        imgz_put_le32(bytes + 30, (uint32_t)imgz_xxh3_64(bytes, 30));
        assert_int_equal(imgz_frame_decode_header(bytes, sizeof(bytes), &header), cases[i].sort);
    }
}

static void header_flipped_bits_are_seen(void **state)
{
    unsigned char bytes[IMGZ_FRAME_HEADER_BYTES];
    struct imgz_frame_header header = {.chunk_bytes = 7};

    (void)state;
    encode_header(bytes);
    for (size_t bit = 0; bit < sizeof(bytes) * 8; bit++) {
        const size_t at = bit / 8;
        enum imgz_frame_probe sort;

        bytes[at] ^= (unsigned char)(1u << bit % 8);
        sort = imgz_frame_decode_header(bytes, sizeof(bytes), &header);
        assert_int_equal(sort, at < 3                 ? IMGZ_FRAME_OTHER
                               : at == 12 || at == 13 ? IMGZ_FRAME_GZIP
                               : at == 16             ? IMGZ_FRAME_IMAGE_NEWER
                                                      : IMGZ_FRAME_IMAGE_BAD);
        assert_int_equal(header.chunk_bytes, 7);
        bytes[at] ^= (unsigned char)(1u << bit % 8);
    }
}

/* Cut anywhere: never an image, never a byte read beyond the cut. */
static void header_cut_short(void **state)
{
    unsigned char whole[IMGZ_FRAME_HEADER_BYTES];
    struct imgz_frame_header header;

    (void)state;
    encode_header(whole);
    for (size_t bytes = 0; bytes < sizeof(whole); bytes++) {
        unsigned char *cut = imgz_guard_create(bytes);

        memcpy(cut, whole, bytes);
        assert_int_equal(imgz_frame_decode_header(cut, bytes, &header), bytes < 3 ? IMGZ_FRAME_OTHER
                                                                        : bytes < 16
                                                                            ? IMGZ_FRAME_GZIP
                                                                            : IMGZ_FRAME_IMAGE_BAD);
        imgz_guard_destroy(cut, bytes);
    }
}

/* A right check does not make a chunk size right. */
static void header_chunk_sizes(void **state)
{
    static const struct {
        uint32_t chunk_bytes;
        enum imgz_frame_probe sort;
    } cases[] = {
        {0, IMGZ_FRAME_IMAGE_BAD},          {1, IMGZ_FRAME_IMAGE_BAD},
        {0x8000, IMGZ_FRAME_IMAGE_BAD},     {0x10000, IMGZ_FRAME_IMAGE},
        {0x10001, IMGZ_FRAME_IMAGE_BAD},    {0x30000, IMGZ_FRAME_IMAGE_BAD},
        {0x1000000, IMGZ_FRAME_IMAGE},      {0x2000000, IMGZ_FRAME_IMAGE_BAD},
        {0x80000000, IMGZ_FRAME_IMAGE_BAD}, {UINT32_MAX, IMGZ_FRAME_IMAGE_BAD},
    };

    (void)state;
    for (size_t i = 0; i < IMGZ_COUNT_OF(cases); i++) {
        const struct imgz_frame_header header = {.chunk_bytes = cases[i].chunk_bytes};
        unsigned char bytes[IMGZ_FRAME_HEADER_BYTES];
        struct imgz_frame_header back = {.chunk_bytes = 7};

        imgz_frame_encode_header(&header, bytes);
        assert_int_equal(imgz_frame_decode_header(bytes, sizeof(bytes), &back), cases[i].sort);
        assert_int_equal(back.chunk_bytes,
                         cases[i].sort == IMGZ_FRAME_IMAGE ? cases[i].chunk_bytes : 7);
    }
}

/* Bytes that mean nothing yet must be as they are written, even under a right check. */
static void header_leaves_nothing_open(void **state)
{
    static const size_t places[] = {3, 4, 8, 9, 10, 11, 14, 15, 17};

    (void)state;
    for (size_t i = 0; i < IMGZ_COUNT_OF(places); i++) {
        unsigned char bytes[IMGZ_FRAME_HEADER_BYTES];
        struct imgz_frame_header header;

        encode_header(bytes);
        bytes[places[i]] ^= 1;
        imgz_put_le32(bytes + 30, (uint32_t)imgz_xxh3_64(bytes, 30));
        assert_int_equal(imgz_frame_decode_header(bytes, sizeof(bytes), &header),
                         IMGZ_FRAME_IMAGE_BAD);
    }
}

static void other_files_are_told_apart(void **state)
{
    static const struct {
        const char *hex;
        enum imgz_frame_probe sort;
    } cases[] = {
        {"", IMGZ_FRAME_OTHER},
        {"1f8b", IMGZ_FRAME_OTHER},
        {"1f8b08", IMGZ_FRAME_GZIP},
        {"1f8b0800000000000003", IMGZ_FRAME_GZIP},
        {"1f8b080000000000000303000000000000000000", IMGZ_FRAME_GZIP},
        {"1f8b080400000000 00ff0600 4243 0200 1b00 0300 000000000000 00000000", IMGZ_FRAME_GZIP},
        {"1f8b080400000000 00ff1600 495a 1200 02", IMGZ_FRAME_IMAGE_BAD},
        {"1f8b080400000000 00ff1600 495a 1200 03", IMGZ_FRAME_IMAGE_NEWER},
        {"1f8b080400000000 00ff3200 495a 2e00 03 00 0000000000000000000000000000000000",
         IMGZ_FRAME_IMAGE_NEWER},
        {"28b52ffd00000000000000000000000000000000000000000000000000000000000000000000",
         IMGZ_FRAME_OTHER},
    };

    (void)state;
    for (size_t i = 0; i < IMGZ_COUNT_OF(cases); i++) {
        unsigned char bytes[64];
        struct imgz_frame_header header;
        const size_t count = imgz_hex_decode(cases[i].hex, bytes);

        assert_int_equal(imgz_frame_decode_header(bytes, count, &header), cases[i].sort);
    }
}

/* ---- Tail --------------------------------------------------------------------------------------
 */

static void make_pinned_tail(unsigned char *out)
{
    unsigned char bytes[64];
    size_t count = imgz_hex_decode(pinned_end_note, bytes);

    out += imgz_hex_carry(bytes, count, out);
    count = imgz_hex_decode(pinned_end_record, bytes);
    out += imgz_hex_carry(bytes, count, out);
    /* The empty final block, the disk's CRC-32, its size modulo 2^32. */
    assert_int_equal(imgz_hex_decode("01 0000ffff 44332211 0000a000", out), 13);
}

static void tail_bytes_are_pinned(void **state)
{
    unsigned char *out = imgz_guard_create(IMGZ_FRAME_TAIL_BYTES);
    unsigned char expected[IMGZ_FRAME_TAIL_BYTES];

    (void)state;
    make_pinned_tail(expected);
    imgz_frame_encode_tail(&end_example, out);
    assert_memory_equal(out, expected, sizeof(expected));
    imgz_guard_destroy(out, IMGZ_FRAME_TAIL_BYTES);
}

static void tail_round_trip(void **state)
{
    unsigned char *tail = imgz_guard_create(IMGZ_FRAME_TAIL_BYTES);
    struct imgz_frame_end back;

    (void)state;
    make_pinned_tail(tail);
    assert_int_equal(imgz_frame_decode_tail(IMGZ_HASH_XXH3, tail, &back), 0);
    assert_int_equal(back.raw_bytes, end_example.raw_bytes);
    assert_int_equal(back.raw_crc32, end_example.raw_crc32);
    assert_true(imgz_hash_equal(&back.root_hash, &end_example.root_hash));
    assert_int_equal(back.chunk_bytes, end_example.chunk_bytes);
    assert_int_equal(back.entry_count, end_example.entry_count);
    assert_int_equal(back.index_offset, end_example.index_offset);
    assert_int_equal(back.hashes_offset, end_example.hashes_offset);
    assert_int_equal(back.meta_offset, end_example.meta_offset);
    imgz_guard_destroy(tail, IMGZ_FRAME_TAIL_BYTES);
}

/* With SHA-256: the same, and the second root hash. */
static void longer_tail_round_trip(void **state)
{
    unsigned char *tail = imgz_guard_create(IMGZ_FRAME_TAIL_BYTES_MAX);
    struct imgz_frame_end end = end_example;
    struct imgz_frame_end back;

    (void)state;
    end.hash = IMGZ_HASH_SHA256;
    for (size_t i = 0; i < IMGZ_SHA256_BYTES; i++)
        end.root_sha256.bytes[i] = (unsigned char)(200 + i);
    imgz_frame_encode_tail(&end, tail);
    assert_int_equal(imgz_frame_decode_tail(IMGZ_HASH_SHA256, tail, &back), 0);
    assert_int_equal(back.hash, IMGZ_HASH_SHA256);
    assert_memory_equal(&back.root_sha256, &end.root_sha256, sizeof(end.root_sha256));
    assert_true(imgz_hash_equal(&back.root_hash, &end.root_hash));
    assert_int_equal(back.meta_offset, end.meta_offset);
    assert_int_equal(imgz_frame_decode_tail(IMGZ_HASH_XXH3, tail, &back), -EBADMSG);
    imgz_guard_destroy(tail, IMGZ_FRAME_TAIL_BYTES_MAX);
}

static void tail_flipped_bits_are_seen(void **state)
{
    static const enum imgz_hash_kind kinds[] = {IMGZ_HASH_XXH3, IMGZ_HASH_SHA256};

    (void)state;
    for (size_t i = 0; i < IMGZ_COUNT_OF(kinds); i++) {
        const size_t bytes = imgz_frame_tail_bytes(kinds[i]);
        unsigned char tail[IMGZ_FRAME_TAIL_BYTES_MAX];
        struct imgz_frame_end end = end_example;

        end.hash = kinds[i];
        imgz_frame_encode_tail(&end, tail);
        end.raw_bytes = 42;
        for (size_t bit = 0; bit < bytes * 8; bit++) {
            tail[bit / 8] ^= (unsigned char)(1u << bit % 8);
            assert_int_equal(imgz_frame_decode_tail(kinds[i], tail, &end),
                             bit / 8 < bytes - 13 ? -EBADMSG : -EPROTO);
            assert_int_equal(end.raw_bytes, 42);
            tail[bit / 8] ^= (unsigned char)(1u << bit % 8);
        }
        assert_int_equal(imgz_frame_decode_tail(kinds[i], tail, &end), 0);
    }
}

/* Records that lie, with every check made to fit. */
static void strange_tails_are_refused(void **state)
{
    static const struct {
        size_t record_at;
        uint32_t record_value;
        enum imgz_note_kind kind;
        uint32_t payload_bytes;
        uint32_t raw_bytes;
        int rc;
    } cases[] = {
        {36, 1, IMGZ_NOTE_END, 40, 0, 0},         {36, 2, IMGZ_NOTE_END, 40, 0, -EBADMSG},
        {32, 0, IMGZ_NOTE_END, 40, 0, -EBADMSG},  {32, 3 << 16, IMGZ_NOTE_END, 40, 0, -EBADMSG},
        {36, 1, IMGZ_NOTE_META, 40, 0, -EBADMSG}, {36, 1, IMGZ_NOTE_END, 39, 0, -EBADMSG},
        {36, 1, IMGZ_NOTE_END, 40, 1, -EBADMSG},
    };

    (void)state;
    for (size_t i = 0; i < IMGZ_COUNT_OF(cases); i++) {
        unsigned char tail[IMGZ_FRAME_TAIL_BYTES];
        unsigned char record[40];
        struct imgz_frame_end end;
        struct imgz_note note = {
            .kind = cases[i].kind,
            .payload_bytes = cases[i].payload_bytes,
            .raw_offset = end_example.raw_bytes,
            .raw_bytes = cases[i].raw_bytes,
            .raw_crc32 = end_example.raw_crc32,
            .raw_hash = end_example.root_hash,
        };

        make_pinned_tail(tail);
        imgz_hex_decode(pinned_end_record, record);
        imgz_put_le32(record + cases[i].record_at, cases[i].record_value);
        note.payload_xxh3 = imgz_xxh3_64(record, sizeof(record));
        imgz_note_encode(&note, tail);
        imgz_hex_carry(record, sizeof(record), tail + IMGZ_NOTE_CARRIER_BYTES);
        assert_int_equal(imgz_frame_decode_tail(IMGZ_HASH_XXH3, tail, &end), cases[i].rc);
    }
}

/* ---- Both: the smallest image there could be is a gzip file ------------------------------------
 */

static void header_and_tail_are_a_gzip_member(void **state)
{
    const struct imgz_frame_end end = {.chunk_bytes = IMGZ_CHUNK_BYTES_MIN};
    unsigned char file[IMGZ_FRAME_HEADER_BYTES + IMGZ_FRAME_TAIL_BYTES];

    (void)state;
    encode_header(file);
    imgz_frame_encode_tail(&end, file + IMGZ_FRAME_HEADER_BYTES);
    assert_true(imgz_oracle_inflates_to_nothing(file, sizeof(file), 15 + 16));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(header_bytes_are_pinned),
        cmocka_unit_test(header_round_trip),
        cmocka_unit_test(header_of_another_hash),
        cmocka_unit_test(header_flipped_bits_are_seen),
        cmocka_unit_test(header_cut_short),
        cmocka_unit_test(header_chunk_sizes),
        cmocka_unit_test(header_leaves_nothing_open),
        cmocka_unit_test(other_files_are_told_apart),
        cmocka_unit_test(tail_bytes_are_pinned),
        cmocka_unit_test(tail_round_trip),
        cmocka_unit_test(longer_tail_round_trip),
        cmocka_unit_test(tail_flipped_bits_are_seen),
        cmocka_unit_test(strange_tails_are_refused),
        cmocka_unit_test(header_and_tail_are_a_gzip_member),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
