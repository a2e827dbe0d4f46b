/* SPDX-License-Identifier: MIT */
#include "io/remote/wire.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/bytes.h"

#define TYPE       7u
#define HEAD_BYTES 16u

/* A wire whose one end writes what its other end reads. */
struct loop {
    struct imgz_wire wire;
    int remark_to; /* what is written there is heard */
};

static int set_up(void **state)
{
    struct loop *loop = calloc(1, sizeof(*loop));
    int data[2], remarks[2];

    if (loop == NULL || pipe(data) < 0 || pipe(remarks) < 0)
        return -1;
    if (fcntl(remarks[0], F_SETFL, O_NONBLOCK) < 0)
        return -1;
    loop->wire.in_fd = data[0];
    loop->wire.out_fd = data[1];
    loop->wire.remark_fd = remarks[0];
    loop->remark_to = remarks[1];
    loop->wire.stop_fd = eventfd(0, 0);
    *state = loop;
    return loop->wire.stop_fd < 0 ? -1 : 0;
}

static void close_fd(int *fd)
{
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
}

static int tear_down(void **state)
{
    struct loop *loop = *state;

    close_fd(&loop->wire.in_fd);
    close_fd(&loop->wire.out_fd);
    close_fd(&loop->wire.remark_fd);
    close_fd(&loop->wire.stop_fd);
    close_fd(&loop->remark_to);
    free(loop);
    return 0;
}

static void write_all(int fd, const void *data, size_t bytes)
{
    assert_int_equal(write(fd, data, bytes), (ssize_t)bytes);
}

/* The first 'bytes' of a message arrive, and nothing else ever does. */
static void arrives(struct loop *loop, const void *data, size_t bytes)
{
    write_all(loop->wire.out_fd, data, bytes);
    close_fd(&loop->wire.out_fd);
}

static void put_all(struct imgz_wire_message *message)
{
    imgz_wire_begin(message, TYPE);
    imgz_wire_put_u32(message, 0x89abcdef);
    imgz_wire_put_u64(message, UINT64_C(0xfedcba9876543210));
    imgz_wire_put_text(message, "a text");
    imgz_wire_put_text(message, "");
    imgz_wire_put_bytes(message, "\0\xff", 2);
}

static void check_all(struct imgz_wire_message *message)
{
    char text[16];
    unsigned char bytes[2];

    assert_int_equal(message->type, TYPE);
    assert_int_equal(imgz_wire_get_u32(message), 0x89abcdef);
    assert_true(imgz_wire_get_u64(message) == UINT64_C(0xfedcba9876543210));
    imgz_wire_get_text(message, text, sizeof(text));
    assert_string_equal(text, "a text");
    imgz_wire_get_text(message, text, sizeof(text));
    assert_string_equal(text, "");
    imgz_wire_get_bytes(message, bytes, sizeof(bytes));
    assert_memory_equal(bytes, "\0\xff", 2);
}

/* ---- Fields ------------------------------------------------------------------------------- */

static void what_is_sent_arrives(void **state)
{
    struct loop *loop = *state;
    struct imgz_wire_message sent, received;
    char tail[4] = "";

    put_all(&sent);
    assert_int_equal(imgz_wire_send(&loop->wire, &sent, "tail", 4), 0);
    assert_int_equal(imgz_wire_receive(&loop->wire, &received), 0);
    assert_int_equal(received.tail_bytes, 4);
    check_all(&received);
    assert_int_equal(imgz_wire_end(&received), 0);
    assert_int_equal(imgz_wire_take(&loop->wire, &received, tail, 1), 0);
    assert_int_equal(received.tail_bytes, 3);
    assert_int_equal(imgz_wire_take(&loop->wire, &received, tail + 1, 3), 0);
    assert_memory_equal(tail, "tail", 4);

    imgz_wire_begin(&sent, 1);
    assert_int_equal(imgz_wire_send(&loop->wire, &sent, NULL, 0), 0);
    assert_int_equal(imgz_wire_receive(&loop->wire, &received), 0);
    assert_int_equal(received.type, 1);
    assert_int_equal(received.body_bytes, 0);
    assert_int_equal(received.tail_bytes, 0);
    assert_int_equal(imgz_wire_end(&received), 0);
}

/* The bytes themselves: two versions of imgz must agree on them. */
static void the_frame_is_as_described(void **state)
{
    static const unsigned char wanted[] = {2, 0, 0,   0,   13,  0,   0,   0,   3,   0,  0,
                                           0, 0, 0,   0,   0,   4,   3,   2,   1,   5,  0,
                                           0, 0, 'h', 'e', 'l', 'l', 'o', 'x', 'y', 'z'};
    struct loop *loop = *state;
    struct imgz_wire_message sent;
    unsigned char found[sizeof(wanted)];

    imgz_wire_begin(&sent, 2);
    imgz_wire_put_u32(&sent, 0x01020304);
    imgz_wire_put_text(&sent, "hello");
    assert_int_equal(imgz_wire_send(&loop->wire, &sent, "xyz", 3), 0);
    assert_int_equal(imgz_wire_read(&loop->wire, found, sizeof(found)), 0);
    assert_memory_equal(found, wanted, sizeof(wanted));
}

static void each_missing_field_is_noticed(void **state)
{
    struct imgz_wire_message whole, message;

    (void)state;
    put_all(&whole);
    for (uint32_t bytes = 0; bytes < whole.body_bytes; bytes++) {
        char text[16];
        unsigned char raw[2] = {1, 1};

        message = whole;
        message.body_bytes = bytes;
        (void)imgz_wire_get_u32(&message);
        (void)imgz_wire_get_u64(&message);
        imgz_wire_get_text(&message, text, sizeof(text));
        imgz_wire_get_text(&message, text, sizeof(text));
        imgz_wire_get_bytes(&message, raw, sizeof(raw));
        assert_int_equal(imgz_wire_end(&message), -EPROTO);
        assert_memory_equal(raw, "\0\0", 2);
        assert_true(message.taken_bytes <= bytes);
    }
    imgz_wire_begin(&message, TYPE);
    imgz_wire_put_u32(&message, 1);
    message.body_bytes -= 1;
    assert_int_equal(imgz_wire_get_u64(&message), 0);
    assert_int_equal(imgz_wire_get_u32(&message), 0);
}

/* One that is not there breaks the message: a smaller one behind it would be another. */
static void nothing_is_taken_after_a_missing_field(void **state)
{
    struct imgz_wire_message message;

    (void)state;
    imgz_wire_begin(&message, TYPE);
    imgz_wire_put_u32(&message, 5);
    assert_int_equal(imgz_wire_get_u64(&message), 0);
    assert_int_equal(imgz_wire_get_u32(&message), 0);
    assert_int_equal(imgz_wire_end(&message), -EPROTO);
}

static void what_is_left_is_noticed(void **state)
{
    struct imgz_wire_message message;

    (void)state;
    put_all(&message);
    imgz_wire_put_bytes(&message, "", 1);
    check_all(&message);
    assert_int_equal(imgz_wire_end(&message), -EPROTO);
}

static void a_body_that_is_full_is_not_sent(void **state)
{
    static char text[IMGZ_WIRE_BODY_BYTES_MAX + 1];
    struct loop *loop = *state;
    struct imgz_wire_message message, received;

    memset(text, 'x', sizeof(text) - 1);
    text[IMGZ_WIRE_BODY_BYTES_MAX - 4] = '\0';
    imgz_wire_begin(&message, TYPE);
    imgz_wire_put_text(&message, text);
    assert_int_equal(message.body_bytes, IMGZ_WIRE_BODY_BYTES_MAX);
    assert_int_equal(imgz_wire_send(&loop->wire, &message, NULL, 0), 0);
    assert_int_equal(imgz_wire_receive(&loop->wire, &received), 0);
    assert_int_equal(received.body_bytes, IMGZ_WIRE_BODY_BYTES_MAX);
    imgz_wire_put_bytes(&message, "y", 1);
    assert_int_equal(imgz_wire_send(&loop->wire, &message, NULL, 0), -EMSGSIZE);

    text[IMGZ_WIRE_BODY_BYTES_MAX - 4] = 'x';
    imgz_wire_begin(&message, TYPE);
    imgz_wire_put_text(&message, text);
    assert_true(message.body_bytes <= IMGZ_WIRE_BODY_BYTES_MAX);
    assert_int_equal(imgz_wire_send(&loop->wire, &message, NULL, 0), -EMSGSIZE);

    /* Nothing of it was sent. */
    close_fd(&loop->wire.out_fd);
    assert_int_equal(imgz_wire_receive(&loop->wire, &received), -ENODATA);
}

/* ---- Texts -------------------------------------------------------------------------------- */

static void a_text_is_cut_at_its_buffer(void **state)
{
    struct imgz_wire_message message;
    char text[8];

    (void)state;
    memset(text, '#', sizeof(text));
    imgz_wire_begin(&message, TYPE);
    imgz_wire_put_text(&message, "abcdefgh");
    imgz_wire_put_text(&message, "1234567");
    imgz_wire_put_text(&message, "abc");
    imgz_wire_get_text(&message, text, 4);
    assert_string_equal(text, "abc");
    assert_int_equal(text[4], '#');
    imgz_wire_get_text(&message, text, sizeof(text));
    assert_string_equal(text, "1234567");
    imgz_wire_get_text(&message, text, 1);
    assert_string_equal(text, "");
    assert_int_equal(imgz_wire_end(&message), 0);
}

static void a_text_with_nul_is_refused(void **state)
{
    struct imgz_wire_message message;
    char text[16] = "before";

    (void)state;
    imgz_wire_begin(&message, TYPE);
    imgz_wire_put_u32(&message, 3);
    imgz_wire_put_bytes(&message, "a\0b", 3);
    imgz_wire_get_text(&message, text, sizeof(text));
    assert_string_equal(text, "");
    assert_int_equal(imgz_wire_end(&message), -EPROTO);

    /* Behind what is kept, too. */
    imgz_wire_begin(&message, TYPE);
    imgz_wire_put_u32(&message, 8);
    imgz_wire_put_bytes(&message, "abcdefg", 8);
    imgz_wire_get_text(&message, text, 4);
    assert_int_equal(imgz_wire_end(&message), -EPROTO);
}

static void a_text_without_end_is_refused(void **state)
{
    static const uint32_t lengths[] = {4, 5, 8192, 0x7fffffff, 0x80000000, 0xfffffffc, 0xffffffff};

    (void)state;
    for (size_t i = 0; i < IMGZ_COUNT_OF(lengths); i++) {
        struct imgz_wire_message message;
        char text[16] = "before";

        imgz_wire_begin(&message, TYPE);
        imgz_wire_put_u32(&message, lengths[i]);
        imgz_wire_put_bytes(&message, "abc", 3);
        imgz_wire_get_text(&message, text, sizeof(text));
        assert_string_equal(text, "");
        assert_int_equal(imgz_wire_end(&message), -EPROTO);
    }
}

/* ---- Moving ------------------------------------------------------------------------------- */

static void put_head(unsigned char *head, uint32_t body_bytes, uint64_t tail_bytes)
{
    imgz_put_le32(head, TYPE);
    imgz_put_le32(head + 4, body_bytes);
    imgz_put_le64(head + 8, tail_bytes);
}

static void each_cut_is_noticed(void **state)
{
    unsigned char frame[HEAD_BYTES + 10 + 6] = {0};

    (void)state;
    put_head(frame, 10, 6);
    for (size_t bytes = 0; bytes < sizeof(frame); bytes++) {
        void *own;
        struct loop *loop;
        struct imgz_wire_message message;
        unsigned char tail[6];
        int rc;

        assert_int_equal(set_up(&own), 0);
        loop = own;
        arrives(loop, frame, bytes);
        rc = imgz_wire_receive(&loop->wire, &message);
        assert_int_equal(rc, bytes < HEAD_BYTES + 10 ? -ENODATA : 0);
        if (rc == 0)
            assert_int_equal(imgz_wire_take(&loop->wire, &message, tail, 6), -ENODATA);
        assert_int_equal(tear_down(&own), 0);
    }
}

static void a_body_that_is_too_long_is_refused(void **state)
{
    static const uint32_t lengths[] = {IMGZ_WIRE_BODY_BYTES_MAX + 1, 0x7fffffff, 0xffffffff};
    unsigned char head[HEAD_BYTES];
    struct loop *loop = *state;
    struct imgz_wire_message message;

    for (size_t i = 0; i < IMGZ_COUNT_OF(lengths); i++) {
        put_head(head, lengths[i], 0);
        write_all(loop->wire.out_fd, head, sizeof(head));
        assert_int_equal(imgz_wire_receive(&loop->wire, &message), -EPROTO);
    }
}

static void no_more_of_a_tail_is_taken_than_there_is(void **state)
{
    unsigned char frame[HEAD_BYTES + 4] = {0};
    struct loop *loop = *state;
    struct imgz_wire_message message;
    char buffer[8] = "unharmed";

    put_head(frame, 0, 4);
    write_all(loop->wire.out_fd, frame, sizeof(frame));
    assert_int_equal(imgz_wire_receive(&loop->wire, &message), 0);
    assert_int_equal(imgz_wire_take(&loop->wire, &message, buffer, 5), -EPROTO);
    assert_memory_equal(buffer, "unharmed", 8);
    assert_int_equal(imgz_wire_take(&loop->wire, &message, buffer, 4), 0);
    assert_memory_equal(buffer, "\0\0\0\0rmed", 8);
}

static void a_stop_ends_the_wait(void **state)
{
    struct loop *loop = *state;
    struct imgz_wire_message message;
    char byte;

    assert_int_equal(eventfd_write(loop->wire.stop_fd, 1), 0);
    assert_int_equal(imgz_wire_read(&loop->wire, &byte, 1), -ECANCELED);
    assert_int_equal(imgz_wire_receive(&loop->wire, &message), -ECANCELED);
    /* It is heard even while bytes arrive. */
    write_all(loop->wire.out_fd, "x", 1);
    assert_int_equal(imgz_wire_read(&loop->wire, &byte, 1), -ECANCELED);
}

static void a_stop_ends_a_write(void **state)
{
    static char much[1 << 20];
    struct loop *loop = *state;

    assert_int_equal(fcntl(loop->wire.out_fd, F_SETFL, O_NONBLOCK), 0);
    while (write(loop->wire.out_fd, much, 4096) > 0)
        ;
    assert_int_equal(fcntl(loop->wire.out_fd, F_SETFL, 0), 0);
    assert_int_equal(eventfd_write(loop->wire.stop_fd, 1), 0);
    assert_int_equal(imgz_wire_write(&loop->wire, much, sizeof(much)), -ECANCELED);
}

static void without_a_stop_nothing_stops_it(void **state)
{
    struct loop *loop = *state;
    char byte = 0;

    close_fd(&loop->wire.stop_fd);
    write_all(loop->wire.out_fd, "x", 1);
    assert_int_equal(imgz_wire_read(&loop->wire, &byte, 1), 0);
    assert_int_equal(byte, 'x');
}

static void nobody_listens(void **state)
{
    struct loop *loop = *state;
    struct imgz_wire_message message;

    close_fd(&loop->wire.in_fd);
    imgz_wire_begin(&message, TYPE);
    assert_int_equal(imgz_wire_send(&loop->wire, &message, NULL, 0), -ENODATA);
}

/* ---- Remarks ------------------------------------------------------------------------------ */

static void *say_much(void *context)
{
    static const char line[] = "a line of sixteen\n";
    struct loop *loop = context;

    /* Twice what a pipe holds: unless somebody listens, the byte is never sent. */
    for (int i = 0; i < (1 << 17) / (int)sizeof(line); i++)
        write_all(loop->remark_to, line, sizeof(line) - 1);
    write_all(loop->remark_to, "the end", 7);
    write_all(loop->wire.out_fd, "x", 1);
    return NULL;
}

static void remarks_are_heard_while_waiting(void **state)
{
    struct loop *loop = *state;
    pthread_t thread;
    char byte = 0;

    assert_int_equal(pthread_create(&thread, NULL, say_much, loop), 0);
    assert_int_equal(imgz_wire_read(&loop->wire, &byte, 1), 0);
    assert_int_equal(byte, 'x');
    assert_int_equal(pthread_join(thread, NULL), 0);
    imgz_wire_hear(&loop->wire);
    assert_int_equal(loop->wire.remark_bytes, IMGZ_WIRE_REMARK_BYTES - 1);
    assert_int_equal(strlen(loop->wire.remark), IMGZ_WIRE_REMARK_BYTES - 1);
    assert_string_equal(&loop->wire.remark[IMGZ_WIRE_REMARK_BYTES - 1 - 15], "sixteen\nthe end");
}

/* Pieces of every size, compared with the end of all that was said. */
static void the_last_of_remarks_is_kept(void **state)
{
    static char said[1 << 16];
    struct loop *loop = *state;
    size_t bytes = 0;

    memset(loop->wire.remark, '#', sizeof(loop->wire.remark));
    for (size_t piece = 1; piece < 3000; piece += piece / 7 + 1) {
        const size_t from = bytes;

        for (; bytes < from + piece; bytes++)
            said[bytes] = (char)('a' + bytes * bytes % 23);
        write_all(loop->remark_to, said + from, piece);
        imgz_wire_hear(&loop->wire);
        if (bytes < IMGZ_WIRE_REMARK_BYTES) {
            assert_string_equal(loop->wire.remark, said);
        } else {
            assert_int_equal(loop->wire.remark_bytes, IMGZ_WIRE_REMARK_BYTES - 1);
            assert_string_equal(loop->wire.remark, said + bytes - (IMGZ_WIRE_REMARK_BYTES - 1));
        }
    }
    close_fd(&loop->remark_to);
    imgz_wire_hear(&loop->wire);
}

static void the_end_of_remarks_is_no_end(void **state)
{
    struct loop *loop = *state;
    const int fd = loop->wire.remark_fd;
    char byte = 0;

    write_all(loop->remark_to, "bye", 3);
    close_fd(&loop->remark_to);
    write_all(loop->wire.out_fd, "x", 1);
    assert_int_equal(imgz_wire_read(&loop->wire, &byte, 1), 0);
    assert_int_equal(byte, 'x');
    imgz_wire_hear(&loop->wire);
    assert_string_equal(loop->wire.remark, "bye");
    assert_int_equal(loop->wire.remark_fd, -1);
    close(fd);
    imgz_wire_hear(&loop->wire); /* nothing is read of a descriptor that is none */
}

static void *say_late(void *context)
{
    struct loop *loop = context;

    usleep(200000);
    write_all(loop->wire.out_fd, "x", 1);
    return NULL;
}

/* A pipe that ended is readable for ever: who asks for it again and again never sleeps. */
static void nobody_spins_once_remarks_have_ended(void **state)
{
    struct loop *loop = *state;
    struct timespec used;
    pthread_t thread;
    uint64_t before_ns;
    char byte = 0;

    close_fd(&loop->remark_to);
    assert_int_equal(pthread_create(&thread, NULL, say_late, loop), 0);
    assert_int_equal(clock_gettime(CLOCK_THREAD_CPUTIME_ID, &used), 0);
    before_ns = (uint64_t)used.tv_sec * 1000000000u + (uint64_t)used.tv_nsec;
    assert_int_equal(imgz_wire_read(&loop->wire, &byte, 1), 0);
    assert_int_equal(clock_gettime(CLOCK_THREAD_CPUTIME_ID, &used), 0);
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_in_range((uint64_t)used.tv_sec * 1000000000u + (uint64_t)used.tv_nsec - before_ns, 0,
                    50000000);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(what_is_sent_arrives),
        TEST(the_frame_is_as_described),
        TEST(each_missing_field_is_noticed),
        TEST(nothing_is_taken_after_a_missing_field),
        TEST(what_is_left_is_noticed),
        TEST(a_body_that_is_full_is_not_sent),
        TEST(a_text_is_cut_at_its_buffer),
        TEST(a_text_with_nul_is_refused),
        TEST(a_text_without_end_is_refused),
        TEST(each_cut_is_noticed),
        TEST(a_body_that_is_too_long_is_refused),
        TEST(no_more_of_a_tail_is_taken_than_there_is),
        TEST(a_stop_ends_the_wait),
        TEST(a_stop_ends_a_write),
        TEST(without_a_stop_nothing_stops_it),
        TEST(nobody_listens),
        TEST(remarks_are_heard_while_waiting),
        TEST(the_last_of_remarks_is_kept),
        TEST(the_end_of_remarks_is_no_end),
        TEST(nobody_spins_once_remarks_have_ended),
    };

    signal(SIGPIPE, SIG_IGN); /* as the program does */
    return cmocka_run_group_tests(tests, NULL, NULL);
}
