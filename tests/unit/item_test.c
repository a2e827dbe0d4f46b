/* SPDX-License-Identifier: MIT */
#include "io/remote/item.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <imgz/imgz.h>

#define CHUNK      ((uint64_t)IMGZ_CHUNK_BYTES_MIN)
#define DISK_BYTES (10 * CHUNK + 1000)
#define SECTORS    (CHUNK / IMGZ_SECTOR_BYTES)

static const struct imgz_item_limits limits = {
    .offset = 2 * CHUNK,
    .end = DISK_BYTES,
    .chunk_bytes = CHUNK,
    .zero_bytes_max = 4 * CHUNK,
    .stored_bytes_max = CHUNK + 500,
};

/* A chunk that may come next. */
static struct imgz_slot make_chunk(uint8_t *map)
{
    struct imgz_slot slot = {
        .kind = IMGZ_SLOT_DATA,
        .raw_offset = 2 * CHUNK,
        .raw_bytes = CHUNK,
        .stored_bytes = 5000,
        .is_stored = true,
        .raw_crc32 = 0x12345678,
        .unreadable_map = map,
    };

    memset(slot.raw_hash.bytes, 7, sizeof(slot.raw_hash.bytes));
    memset(slot.raw_sha256.bytes, 8, sizeof(slot.raw_sha256.bytes));
    return slot;
}

/* What arrives of 'slot'. */
static int pass(const struct imgz_slot *slot, const struct imgz_item_limits *next,
                struct imgz_slot *result)
{
    struct imgz_wire_message message;

    imgz_wire_begin(&message, 1);
    imgz_item_put(&message, slot);
    assert_false(message.broken);
    message.tail_bytes = slot->stored_bytes;
    return imgz_item_get(&message, next, result);
}

static void items_arrive_as_they_were(void **state)
{
    uint8_t sent_map[SECTORS] = {0};
    uint8_t map[SECTORS] = {0};
    struct imgz_slot sent = make_chunk(sent_map);
    struct imgz_slot got = {.unreadable_map = map};

    (void)state;
    sent_map[0] = 1;
    sent_map[77] = 1;
    sent_map[SECTORS - 1] = 1;
    sent.unreadable_count = 3;
    assert_int_equal(pass(&sent, &limits, &got), 0);
    assert_int_equal(got.kind, IMGZ_SLOT_DATA);
    assert_int_equal(got.raw_offset, sent.raw_offset);
    assert_int_equal(got.raw_bytes, sent.raw_bytes);
    assert_int_equal(got.stored_bytes, sent.stored_bytes);
    assert_true(got.is_stored);
    assert_int_equal(got.raw_crc32, sent.raw_crc32);
    assert_memory_equal(&got.raw_hash, &sent.raw_hash, sizeof(got.raw_hash));
    assert_memory_equal(&got.raw_sha256, &sent.raw_sha256, sizeof(got.raw_sha256));
    assert_int_equal(got.unreadable_count, 3);
    assert_memory_equal(map, sent_map, sizeof(map));
}

static void zeros_and_failures_arrive(void **state)
{
    uint8_t map[SECTORS] = {0};
    struct imgz_slot sent = make_chunk(map);
    struct imgz_slot got = {.unreadable_map = map};

    (void)state;
    sent.kind = IMGZ_SLOT_ZERO;
    sent.raw_bytes = 4 * CHUNK;
    sent.stored_bytes = 0;
    assert_int_equal(pass(&sent, &limits, &got), 0);
    assert_int_equal(got.kind, IMGZ_SLOT_ZERO);
    assert_int_equal(got.raw_bytes, 4 * CHUNK);
    sent = make_chunk(map);
    sent.stored_bytes = 0;
    sent.fault = IMGZ_FAULT_READ;
    sent.read_rc = -EIO;
    sent.read_bytes = 512;
    assert_int_equal(pass(&sent, &limits, &got), 0);
    assert_int_equal(got.fault, IMGZ_FAULT_READ);
    assert_int_equal(got.read_rc, -EIO);
    assert_int_equal(got.read_bytes, 512);
}

/* The last chunk is as short as the disk's end. */
static void the_end_may_be_short(void **state)
{
    uint8_t map[SECTORS] = {0};
    struct imgz_slot sent = make_chunk(map);
    struct imgz_slot got = {.unreadable_map = map};
    struct imgz_item_limits last = limits;

    (void)state;
    last.offset = 10 * CHUNK;
    sent.raw_offset = 10 * CHUNK;
    sent.raw_bytes = 1000;
    assert_int_equal(pass(&sent, &last, &got), 0);
    sent.kind = IMGZ_SLOT_ZERO;
    sent.stored_bytes = 0;
    assert_int_equal(pass(&sent, &last, &got), 0);
    sent.raw_bytes = 999;
    assert_int_equal(pass(&sent, &last, &got), -EPROTO);
}

/* Each breaks one thing of an item that is right. */
static void set_kind(struct imgz_wire_message *message)
{
    message->body[0] = 3;
}
static void set_offset(struct imgz_wire_message *message)
{
    message->body[4] ^= 1;
}
static void set_raw_bytes(struct imgz_wire_message *message)
{
    message->body[12] ^= 1;
}
static void set_raw_huge(struct imgz_wire_message *message)
{
    message->body[19] = 0xff;
}
static void set_stored_huge(struct imgz_wire_message *message)
{
    message->body[27] = 0x7f;
}
static void set_tail(struct imgz_wire_message *message)
{
    message->tail_bytes += 1;
}
static void cut(struct imgz_wire_message *message)
{
    message->body_bytes -= 1;
}
static void add(struct imgz_wire_message *message)
{
    imgz_wire_put_u32(message, 0);
}

static void set_zero_with_segment(struct imgz_wire_message *message)
{
    message->body[0] = 1;
}

/* A count of bad sectors without the sectors. */
static void set_bad(struct imgz_wire_message *message)
{
    message->body[message->body_bytes - 4] = 1;
}

static void set_failure_beyond(struct imgz_wire_message *message)
{
    message->body[0] = 2;
    memset(message->body + 20, 0, 8);
    message->tail_bytes = 0;
    memset(message->body + message->body_bytes - 12, 0xff, 8);
}

/* What could not be read, for a reason that there is not. */
static void set_unknown_errno(struct imgz_wire_message *message)
{
    message->body[0] = 2;
    memset(message->body + 20, 0, 8);
    message->tail_bytes = 0;
    message->body[message->body_bytes - 15] = 0x7f;
}

static void wrong_items_are_refused(void **state)
{
    static void (*const breaks[])(struct imgz_wire_message * message) = {
        set_kind,
        set_offset,
        set_raw_bytes,
        set_raw_huge,
        set_stored_huge,
        set_tail,
        cut,
        add,
        set_bad,
        set_zero_with_segment,
        set_failure_beyond,
        set_unknown_errno,
    };
    uint8_t map[SECTORS] = {0};
    const struct imgz_slot sent = make_chunk(map);

    (void)state;
    for (size_t i = 0; i < IMGZ_COUNT_OF(breaks); i++) {
        struct imgz_slot got = {.unreadable_map = map};
        struct imgz_wire_message message;

        imgz_wire_begin(&message, 1);
        imgz_item_put(&message, &sent);
        message.tail_bytes = sent.stored_bytes;
        breaks[i](&message);
        if (imgz_item_get(&message, &limits, &got) != -EPROTO)
            fail_msg("break %zu was not found", i);
    }
}

/* Where hashes alone are wanted there is no buffer for a segment. */
static void a_segment_needs_a_buffer(void **state)
{
    uint8_t map[SECTORS] = {0};
    struct imgz_slot sent = make_chunk(map);
    struct imgz_slot got = {.unreadable_map = map};
    struct imgz_item_limits bare = limits;

    (void)state;
    bare.stored_bytes_max = 0;
    assert_int_equal(pass(&sent, &bare, &got), -EPROTO);
    sent.stored_bytes = 0;
    assert_int_equal(pass(&sent, &bare, &got), 0);
    assert_int_equal(pass(&sent, &limits, &got), -EPROTO);
    sent.stored_bytes = limits.stored_bytes_max + 1;
    assert_int_equal(pass(&sent, &limits, &got), -EPROTO);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(items_arrive_as_they_were), cmocka_unit_test(zeros_and_failures_arrive),
        cmocka_unit_test(the_end_may_be_short),      cmocka_unit_test(wrong_items_are_refused),
        cmocka_unit_test(a_segment_needs_a_buffer),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
