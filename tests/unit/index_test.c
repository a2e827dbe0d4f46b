/* SPDX-License-Identifier: MIT */
#include "format/index.h"

#include <errno.h>
#include <imgz/imgz.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/bytes.h"
#include "codec/zero_run.h"
#include "sample.h"

#define CHUNK       ((uint64_t)IMGZ_CHUNK_BYTES_MIN)
#define ZERO_CHUNKS 1024u /* of a run at most, with this chunk size */
#define HEADER      34u   /* of an image: where its first note lies */
#define NOTE        400u

static void entry_bytes_are_pinned(void **state)
{
    const struct imgz_hash hash = {{1, 2, 3}};
    struct imgz_index index;

    (void)state;
    imgz_index_init(&index, (uint32_t)CHUNK);
    assert_int_equal(imgz_index_add_chunk(&index, 0x12345, &hash), 0);
    assert_int_equal(imgz_index_add_zero(&index, 3 * CHUNK), 0);
    assert_int_equal(imgz_index_add_zero(&index, 2 * CHUNK + 1), 0);
    assert_int_equal(index.entry_count, 3);
    assert_int_equal(index.hash_count, 1);
    assert_memory_equal(index.entries, "\x45\x23\x01\x00\x03\x00\x00\x80\x03\x00\x00\x80", 12);
    assert_memory_equal(&index.hashes[0], &hash, sizeof(hash));
    imgz_index_fini(&index);
    assert_null(index.entries);
    assert_null(index.hashes);
}

/* Thousands of random entries, so that the arrays grow; what the cursor says is what naive sums
 * say. */
static void cursor_agrees_with_naive_sums(void **state)
{
    static const uint64_t tails[] = {0, 1, CHUNK - 1};

    (void)state;
    for (size_t round = 0; round < IMGZ_COUNT_OF(tails); round++) {
        enum { COUNT = 5000 };
        static struct imgz_index_item expected[COUNT];
        struct imgz_index_item sum = {.image_offset = HEADER};
        struct imgz_index_cursor cursor;
        struct imgz_index_item item;
        struct imgz_index index;
        uint64_t random = round + 1;

        imgz_index_init(&index, (uint32_t)CHUNK);
        for (size_t i = 0; i < COUNT; i++) {
            const uint64_t cut = i == COUNT - 1 && tails[round] > 0 ? CHUNK - tails[round] : 0;

            sum.kind = imgz_sample_random(&random) % 3 == 0 ? IMGZ_NOTE_ZERO : IMGZ_NOTE_CHUNK;
            if (sum.kind == IMGZ_NOTE_ZERO) {
                sum.raw_bytes = (1 + imgz_sample_random(&random) % ZERO_CHUNKS) * CHUNK - cut;
                sum.segment_bytes = imgz_zero_run_segment_bytes(sum.raw_bytes);
                assert_int_equal(imgz_index_add_zero(&index, sum.raw_bytes), 0);
            } else {
                struct imgz_hash hash = {{(unsigned char)i}};

                sum.raw_bytes = CHUNK - cut;
                sum.segment_bytes = imgz_sample_random(&random) % (sum.raw_bytes + 6);
                sum.segment_bytes =
                    imgz_max(sum.segment_bytes, imgz_note_segment_bytes_min(sum.raw_bytes));
                assert_int_equal(imgz_index_add_chunk(&index, (uint32_t)sum.segment_bytes, &hash),
                                 0);
            }
            expected[i] = sum;
            sum.image_offset += NOTE + sum.segment_bytes;
            sum.raw_offset += sum.raw_bytes;
            sum.hash_index += sum.kind == IMGZ_NOTE_CHUNK;
        }
        assert_int_equal(index.entry_count, COUNT);
        assert_int_equal(index.hash_count, sum.hash_index);
        imgz_index_rewind(&index, sum.raw_offset, &cursor);
        for (size_t i = 0; i < COUNT; i++) {
            assert_int_equal(imgz_index_next(&cursor, &item), 0);
            assert_int_equal(item.kind, expected[i].kind);
            assert_int_equal(item.image_offset, expected[i].image_offset);
            assert_int_equal(item.segment_bytes, expected[i].segment_bytes);
            assert_int_equal(item.raw_offset, expected[i].raw_offset);
            assert_int_equal(item.raw_bytes, expected[i].raw_bytes);
            if (item.kind == IMGZ_NOTE_CHUNK)
                assert_int_equal(index.hashes[item.hash_index].bytes[0], (unsigned char)i);
        }
        assert_int_equal(imgz_index_next(&cursor, &item), -ENODATA);
        assert_int_equal(cursor.next.image_offset, sum.image_offset);
        assert_int_equal(cursor.next.raw_offset, sum.raw_offset);
        assert_int_equal(cursor.next.hash_index, sum.hash_index);
        imgz_index_fini(&index);
    }
}

/* An entry as a damaged image may hold it, on a disk of so many bytes. */
static void impossible_entries_are_refused(void **state)
{
    static const struct {
        uint32_t entry;
        uint64_t disk_bytes;
        int rc;
        uint64_t raw_bytes; /* if it is possible */
    } cases[] = {
        {64, CHUNK, 0, CHUNK}, /* 65536 / 1032 = 63.5 */
        {63, CHUNK, -EBADMSG, 0},
        {1, 1, 0, 1},
        {0, CHUNK, -EBADMSG, 0},
        {1, 0, -EBADMSG, 0},
        {(uint32_t)CHUNK + 10, CHUNK, 0, CHUNK},
        {(uint32_t)CHUNK + 11, CHUNK, -EBADMSG, 0},
        {6, 1, 0, 1},
        {7, 1, -EBADMSG, 0},
        {0x7fffffff, CHUNK, -EBADMSG, 0},
        {IMGZ_INDEX_ZERO_FLAG, CHUNK, -EBADMSG, 0},
        {IMGZ_INDEX_ZERO_FLAG | 1, CHUNK, 0, CHUNK},
        {IMGZ_INDEX_ZERO_FLAG | 1, 5, 0, 5},
        {IMGZ_INDEX_ZERO_FLAG | 1, 0, -EBADMSG, 0},
        {IMGZ_INDEX_ZERO_FLAG | 2, CHUNK + 1, 0, CHUNK + 1},
        {IMGZ_INDEX_ZERO_FLAG | 2, CHUNK, -EBADMSG, 0},
        {IMGZ_INDEX_ZERO_FLAG | 2, 10 * CHUNK, 0, 2 * CHUNK},
        {IMGZ_INDEX_ZERO_FLAG | 1024, UINT64_MAX, 0, 1024 * CHUNK},
        {IMGZ_INDEX_ZERO_FLAG | 1025, UINT64_MAX, -EBADMSG, 0},
        {UINT32_MAX, UINT64_MAX, -EBADMSG, 0},
    };

    (void)state;
    for (size_t i = 0; i < IMGZ_COUNT_OF(cases); i++) {
        unsigned char entry[IMGZ_INDEX_ENTRY_BYTES];
        const struct imgz_index index = {.chunk_bytes = (uint32_t)CHUNK,
                                         .entry_count = 1,
                                         .entries = entry};
        struct imgz_index_cursor cursor;
        struct imgz_index_item item = {.raw_bytes = 0};

        imgz_put_le32(entry, cases[i].entry);
        imgz_index_rewind(&index, cases[i].disk_bytes, &cursor);
        assert_int_equal(imgz_index_next(&cursor, &item), cases[i].rc);
        assert_int_equal(item.raw_bytes, cases[i].raw_bytes);
    }
}

static void nothing_behind_the_end_of_the_disk(void **state)
{
    unsigned char entries[2 * IMGZ_INDEX_ENTRY_BYTES] = {64, 0, 0, 0, 1, 0, 0, 0};
    const struct imgz_index index = {.chunk_bytes = (uint32_t)CHUNK,
                                     .entry_count = 2,
                                     .entries = entries};
    struct imgz_index_cursor cursor;
    struct imgz_index_item item;

    (void)state;
    imgz_index_rewind(&index, CHUNK, &cursor);
    assert_int_equal(imgz_index_next(&cursor, &item), 0);
    assert_int_equal(imgz_index_next(&cursor, &item), -EBADMSG);
}

static void empty_index_is_empty(void **state)
{
    struct imgz_index_cursor cursor;
    struct imgz_index_item item;
    struct imgz_index index;

    (void)state;
    imgz_index_init(&index, (uint32_t)CHUNK);
    imgz_index_rewind(&index, 0, &cursor);
    assert_int_equal(imgz_index_next(&cursor, &item), -ENODATA);
    assert_int_equal(cursor.next.image_offset, HEADER);
    imgz_index_fini(&index);
}

/* From anywhere to anywhere: the same as a walk from the start; with points and without. */
static void seeks_find_what_a_walk_finds(void **state)
{
    enum { COUNT = 5000, SEEKS = 3000 };
    static struct imgz_index_item expected[COUNT];
    const struct imgz_hash hash = {{1}};
    struct imgz_index_cursor cursor;
    struct imgz_index_item item = {0};
    struct imgz_index index;
    uint64_t random = 9;
    uint64_t disk_bytes;

    (void)state;
    imgz_index_init(&index, (uint32_t)CHUNK);
    for (size_t i = 0; i < COUNT; i++) {
        if (i % 3 == 1)
            assert_int_equal(imgz_index_add_zero(&index, (1 + i % 7) * CHUNK), 0);
        else
            assert_int_equal(imgz_index_add_chunk(&index, (uint32_t)(CHUNK - i % 100), &hash), 0);
    }
    imgz_index_rewind(&index, UINT64_MAX / 2, &cursor);
    for (size_t i = 0; i < COUNT; i++)
        assert_int_equal(imgz_index_next(&cursor, &expected[i]), 0);
    disk_bytes = cursor.next.raw_offset;
    for (int points = 0; points < 2; points++) {
        if (points)
            assert_int_equal(imgz_index_add_points(&index, disk_bytes), 0);
        item = (struct imgz_index_item){0};
        imgz_index_rewind(&index, disk_bytes, &cursor);
        for (size_t i = 0; i < (points ? SEEKS : SEEKS / 30); i++) {
            const struct imgz_index_item *wanted = &expected[imgz_sample_random(&random) % COUNT];
            const uint64_t within = imgz_sample_random(&random) % wanted->raw_bytes;

            assert_int_equal(imgz_index_seek(&cursor, wanted->raw_offset + within, &item), 0);
            assert_memory_equal(&item, wanted, sizeof(item));
        }
        assert_int_equal(imgz_index_seek(&cursor, disk_bytes, &item), -ENODATA);
    }
    imgz_index_fini(&index);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(entry_bytes_are_pinned),
        cmocka_unit_test(cursor_agrees_with_naive_sums),
        cmocka_unit_test(impossible_entries_are_refused),
        cmocka_unit_test(nothing_behind_the_end_of_the_disk),
        cmocka_unit_test(empty_index_is_empty),
        cmocka_unit_test(seeks_find_what_a_walk_finds),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
