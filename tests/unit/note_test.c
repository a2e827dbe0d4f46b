/* SPDX-License-Identifier: MIT */
#include "format/note.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/bytes.h"
#include "checksum/checksum.h"
#include "guard.h"
#include "hex.h"

static const struct imgz_note example = {
    .kind = IMGZ_NOTE_CHUNK,
    .payload_bytes = 0x00012345,
    .raw_offset = 0x1122334455,
    .raw_bytes = 0x100000,
    .raw_crc32 = 0xdeadbeef,
    .payload_xxh3 = 0x0123456789abcdef,
    .raw_hash = {{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15}},
};

/* magic, kind, payload_bytes, raw_offset, raw_bytes, raw_crc32, payload_xxh3, raw_hash, check: the
 * low half of the XXH3-64 of all that, found with libxxhash alone. */
static const char example_record[] = "a7 01 45230100 5544332211000000 00001000 efbeadde "
                                     "efcdab8967452301 000102030405060708090a0b0c0d0e0f 9a3a5f3b";

/* The carrier of 'record' once its check is made to fit. */
static void carry(unsigned char *record, unsigned char *carrier)
{
    imgz_put_le32(record + 46, (uint32_t)imgz_xxh3_64(record, 46));
    assert_int_equal(imgz_hex_carry(record, IMGZ_NOTE_RECORD_BYTES, carrier),
                     IMGZ_NOTE_CARRIER_BYTES);
}

static void pinned_bytes(void **state)
{
    unsigned char record[IMGZ_NOTE_RECORD_BYTES];
    unsigned char expected[IMGZ_NOTE_CARRIER_BYTES];
    unsigned char *out = imgz_guard_create(IMGZ_NOTE_CARRIER_BYTES);

    (void)state;
    assert_int_equal(imgz_hex_decode(example_record, record), sizeof(record));
    assert_int_equal(imgz_hex_carry(record, sizeof(record), expected), sizeof(expected));
    imgz_note_encode(&example, out);
    assert_memory_equal(out, expected, sizeof(expected));
    imgz_guard_destroy(out, IMGZ_NOTE_CARRIER_BYTES);
}

static void round_trip_of_extremes(void **state)
{
    static const enum imgz_note_kind kinds[] = {
        IMGZ_NOTE_CHUNK,  IMGZ_NOTE_ZERO, IMGZ_NOTE_INDEX,
        IMGZ_NOTE_HASHES, IMGZ_NOTE_META, IMGZ_NOTE_END,
    };
    unsigned char *carrier = imgz_guard_create(IMGZ_NOTE_CARRIER_BYTES);

    (void)state;
    for (size_t i = 0; i < 2 * IMGZ_COUNT_OF(kinds); i++) {
        const int fill = i % 2 ? 0xff : 0;
        struct imgz_note note;
        struct imgz_note back;

        memset(&note, fill, sizeof(note));
        note.kind = kinds[i / 2];
        imgz_note_encode(&note, carrier);
        assert_int_equal(imgz_note_decode(carrier, &back), 0);
        assert_int_equal(back.kind, note.kind);
        assert_int_equal(back.payload_bytes, note.payload_bytes);
        assert_int_equal(back.raw_offset, note.raw_offset);
        assert_int_equal(back.raw_bytes, note.raw_bytes);
        assert_int_equal(back.raw_crc32, note.raw_crc32);
        assert_int_equal(back.payload_xxh3, note.payload_xxh3);
        assert_true(imgz_hash_equal(&back.raw_hash, &note.raw_hash));
    }
    imgz_guard_destroy(carrier, IMGZ_NOTE_CARRIER_BYTES);
}

static void every_flipped_bit_is_seen(void **state)
{
    unsigned char carrier[IMGZ_NOTE_CARRIER_BYTES];
    struct imgz_note note;

    (void)state;
    imgz_note_encode(&example, carrier);
    for (size_t bit = 0; bit < sizeof(carrier) * 8; bit++) {
        carrier[bit / 8] ^= (unsigned char)(1u << bit % 8);
        assert_int_equal(imgz_note_decode(carrier, &note), -EBADMSG);
        carrier[bit / 8] ^= (unsigned char)(1u << bit % 8);
    }
    assert_int_equal(imgz_note_decode(carrier, &note), 0);
}

/* A right check does not make a record right. */
static void strange_records_are_refused(void **state)
{
    static const struct {
        size_t at;
        unsigned char value;
        int rc;
    } cases[] = {{0, 0xa7, 0}, {0, 0xa6, -EBADMSG}, {0, 0, -EBADMSG}, {1, 1, 0},
                 {1, 6, 0},    {1, 0, -EBADMSG},    {1, 7, -EBADMSG}, {1, 0xff, -EBADMSG},
                 {2, 0xff, 0}, {5, 0xff, 0}};

    (void)state;
    for (size_t i = 0; i < IMGZ_COUNT_OF(cases); i++) {
        unsigned char record[IMGZ_NOTE_RECORD_BYTES];
        unsigned char carrier[IMGZ_NOTE_CARRIER_BYTES];
        struct imgz_note note = {.payload_bytes = 42};

        imgz_hex_decode(example_record, record);
        record[cases[i].at] = cases[i].value;
        carry(record, carrier);
        assert_int_equal(imgz_note_decode(carrier, &note), cases[i].rc);
        if (cases[i].rc < 0)
            assert_int_equal(note.payload_bytes, 42);
    }
}

static void limits_of_the_format(void **state)
{
    (void)state;
    assert_int_equal(imgz_note_segment_bytes_max(1), 6);
    assert_int_equal(imgz_note_segment_bytes_max(65535), 65540);
    assert_int_equal(imgz_note_segment_bytes_max(65536), 65546);
    assert_int_equal(imgz_note_zero_bytes_max(65536), (uint64_t)64 << 20);
    assert_int_equal(imgz_note_zero_bytes_max(1 << 20), (uint64_t)1 << 30);
    assert_int_equal(imgz_note_zero_bytes_max(1 << 24), (uint64_t)1 << 30);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pinned_bytes),
        cmocka_unit_test(round_trip_of_extremes),
        cmocka_unit_test(every_flipped_bit_is_seen),
        cmocka_unit_test(strange_records_are_refused),
        cmocka_unit_test(limits_of_the_format),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
