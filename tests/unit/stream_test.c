/* SPDX-License-Identifier: MIT */
#include "io/aio/stream.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "fixture.h"
#include "sample.h"

#define DOZE_US    20000u
#define BIG_BYTES  ((size_t)3 << 20)
#define PIPE_BYTES ((size_t)64 << 10)

enum end {
    END_READ,
    END_WRITE,
};

struct channel {
    int ends[2];
    int stop_fd;
};

static void open_channel(struct channel *channel, bool use_socket)
{
    if (use_socket)
        assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, channel->ends), 0);
    else
        assert_int_equal(pipe2(channel->ends, O_CLOEXEC), 0);
    channel->stop_fd = eventfd(0, EFD_CLOEXEC);
    assert_true(channel->stop_fd >= 0);
}

static void close_end(struct channel *channel, enum end end)
{
    if (channel->ends[end] >= 0)
        close(channel->ends[end]);
    channel->ends[end] = -1;
}

static void close_channel(struct channel *channel)
{
    close_end(channel, END_READ);
    close_end(channel, END_WRITE);
    close(channel->stop_fd);
}

static void raise_stop(const struct channel *channel)
{
    const uint64_t one = 1;

    assert_int_equal(write(channel->stop_fd, &one, sizeof(one)), sizeof(one));
}

/* ---- A thread at one end -----------------------------------------------------------------------
 */

struct hand {
    const struct channel *channel;
    unsigned char *data;
    size_t bytes;
    size_t done_bytes;
    int rc;
    atomic_bool done;
    pthread_t thread;
};

static void *run_writer(void *argument)
{
    struct hand *hand = argument;

    hand->rc = imgz_stream_write(hand->channel->ends[END_WRITE], hand->channel->stop_fd, hand->data,
                                 hand->bytes);
    atomic_store(&hand->done, true);
    return NULL;
}

static void *run_reader(void *argument)
{
    struct hand *hand = argument;

    hand->rc = imgz_stream_read(hand->channel->ends[END_READ], hand->channel->stop_fd, hand->data,
                                hand->bytes, &hand->done_bytes);
    atomic_store(&hand->done, true);
    return NULL;
}

static void start(struct hand *hand, void *(*body)(void *))
{
    assert_int_equal(pthread_create(&hand->thread, NULL, body, hand), 0);
}

static void start_and_see_blocked(struct hand *hand, void *(*body)(void *))
{
    start(hand, body);
    usleep(DOZE_US);
    assert_false(atomic_load(&hand->done));
}

static void join(struct hand *hand)
{
    assert_int_equal(pthread_join(hand->thread, NULL), 0);
}

/* ---- Tests -------------------------------------------------------------------------------------
 */

static void all_bytes_in_order(void **state)
{
    unsigned char *sent = malloc(BIG_BYTES);
    unsigned char *got = malloc(BIG_BYTES);

    (void)state;
    assert_non_null(sent);
    assert_non_null(got);
    imgz_sample_fill(IMGZ_SAMPLE_RANDOM, 7, sent, BIG_BYTES);
    for (int use_socket = 0; use_socket < 2; use_socket++) {
        struct channel channel;
        struct hand writer = {.channel = &channel, .data = sent, .bytes = BIG_BYTES};
        struct hand reader = {.channel = &channel, .data = got, .bytes = BIG_BYTES};

        memset(got, 0, BIG_BYTES);
        open_channel(&channel, use_socket);
        start(&writer, run_writer);
        start(&reader, run_reader);
        join(&writer);
        join(&reader);
        assert_int_equal(writer.rc, 0);
        assert_int_equal(reader.rc, 0);
        assert_int_equal(reader.done_bytes, BIG_BYTES);
        assert_memory_equal(sent, got, BIG_BYTES);
        close_channel(&channel);
    }
    free(sent);
    free(got);
}

static void end_of_stream_is_a_short_read(void **state)
{
    static const size_t lengths[] = {0, 1, 100, 4096};
    unsigned char got[8192];

    (void)state;
    for (size_t i = 0; i < IMGZ_COUNT_OF(lengths); i++) {
        unsigned char sent[4096];
        struct channel channel;
        size_t done_bytes = 99;

        open_channel(&channel, false);
        memset(sent, (int)i + 1, sizeof(sent));
        assert_int_equal(
            imgz_stream_write(channel.ends[END_WRITE], channel.stop_fd, sent, lengths[i]), 0);
        close_end(&channel, END_WRITE);
        assert_int_equal(imgz_stream_read(channel.ends[END_READ], channel.stop_fd, got, sizeof(got),
                                          &done_bytes),
                         0);
        assert_int_equal(done_bytes, lengths[i]);
        assert_memory_equal(sent, got, lengths[i]);
        close_channel(&channel);
    }
}

/* Bytes that come drop by drop are gathered. */
static void read_gathers(void **state)
{
    unsigned char got[10] = {0};
    struct channel channel;
    struct hand reader = {.channel = &channel, .data = got, .bytes = sizeof(got)};

    (void)state;
    open_channel(&channel, false);
    start(&reader, run_reader);
    for (int i = 0; i < 10; i++) {
        const unsigned char byte = (unsigned char)('a' + i);

        usleep(500);
        assert_int_equal(write(channel.ends[END_WRITE], &byte, 1), 1);
    }
    join(&reader);
    assert_int_equal(reader.rc, 0);
    assert_memory_equal(got, "abcdefghij", 10);
    close_channel(&channel);
}

static void reader_gone_is_epipe(void **state)
{
    unsigned char *data = calloc(1, BIG_BYTES);

    (void)state;
    assert_non_null(data);
    for (int use_socket = 0; use_socket < 2; use_socket++) {
        struct channel channel;
        struct hand writer = {.channel = &channel, .data = data, .bytes = BIG_BYTES};

        open_channel(&channel, use_socket);
        start_and_see_blocked(&writer, run_writer);
        close_end(&channel, END_READ);
        join(&writer);
        assert_int_equal(writer.rc, -EPIPE);
        close_channel(&channel);
    }
    free(data);
}

/* A pipe that polls as writable may have room for less than is written: the stop must still be
 * seen. That is why stream.c never writes more than fits. */
static void stop_wakes_a_blocked_write(void **state)
{
    unsigned char *data = calloc(1, BIG_BYTES);

    (void)state;
    assert_non_null(data);
    for (int use_socket = 0; use_socket < 2; use_socket++) {
        struct channel channel;
        struct hand writer = {.channel = &channel, .data = data, .bytes = BIG_BYTES};

        open_channel(&channel, use_socket);
        start_and_see_blocked(&writer, run_writer);
        raise_stop(&channel);
        join(&writer);
        assert_int_equal(writer.rc, -ECANCELED);
        close_channel(&channel);
    }
    free(data);
}

/* With a page of the pipe free: it polls as writable, yet a write of all would sleep. */
static void stop_wakes_a_write_that_half_fits(void **state)
{
    unsigned char *data = calloc(1, BIG_BYTES);
    struct channel channel;
    struct hand writer = {.channel = &channel, .data = data, .bytes = BIG_BYTES};

    (void)state;
    assert_non_null(data);
    open_channel(&channel, false);
    assert_int_equal(write(channel.ends[END_WRITE], data, PIPE_BYTES - 8192), PIPE_BYTES - 8192);
    start_and_see_blocked(&writer, run_writer);
    raise_stop(&channel);
    join(&writer);
    assert_int_equal(writer.rc, -ECANCELED);
    close_channel(&channel);
    free(data);
}

static void stop_wakes_a_blocked_read(void **state)
{
    unsigned char got[100];
    struct channel channel;
    struct hand reader = {.channel = &channel, .data = got, .bytes = sizeof(got)};

    (void)state;
    open_channel(&channel, false);
    assert_int_equal(write(channel.ends[END_WRITE], "12345", 5), 5);
    start_and_see_blocked(&reader, run_reader);
    raise_stop(&channel);
    join(&reader);
    assert_int_equal(reader.rc, -ECANCELED);
    assert_int_equal(reader.done_bytes, 5);
    close_channel(&channel);
}

static void stopped_already_moves_nothing(void **state)
{
    unsigned char got[4];
    struct channel channel;
    size_t done_bytes = 99;

    (void)state;
    open_channel(&channel, false);
    assert_int_equal(write(channel.ends[END_WRITE], "1234", 4), 4);
    raise_stop(&channel);
    assert_int_equal(imgz_stream_read(channel.ends[END_READ], channel.stop_fd, got, 4, &done_bytes),
                     -ECANCELED);
    assert_int_equal(done_bytes, 0);
    assert_int_equal(imgz_stream_write(channel.ends[END_WRITE], channel.stop_fd, got, 4),
                     -ECANCELED);
    close_channel(&channel);
}

/* What a shell redirects to is often a plain file. */
static void plain_files_are_streams_too(void **state)
{
    unsigned char *data = malloc(BIG_BYTES);
    unsigned char *got = malloc(BIG_BYTES + 1);
    struct imgz_fixture fixture;
    size_t done_bytes = 0;
    int fd;

    (void)state;
    assert_non_null(data);
    assert_non_null(got);
    imgz_fixture_init(&fixture);
    imgz_sample_fill(IMGZ_SAMPLE_RANDOM, 9, data, BIG_BYTES);
    fd = open(imgz_fixture_path(&fixture, "file").text, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    assert_int_equal(imgz_stream_write(fd, imgz_latch_fd(fixture.latch), data, BIG_BYTES), 0);
    assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
    assert_int_equal(
        imgz_stream_read(fd, imgz_latch_fd(fixture.latch), got, BIG_BYTES + 1, &done_bytes), 0);
    assert_int_equal(done_bytes, BIG_BYTES);
    assert_memory_equal(data, got, BIG_BYTES);
    close(fd);
    imgz_fixture_fini(&fixture);
    free(data);
    free(got);
}

static void full_and_closed_outputs_fail(void **state)
{
    struct channel channel;
    int full = open("/dev/full", O_WRONLY | O_CLOEXEC);

    (void)state;
    open_channel(&channel, false);
    assert_true(full >= 0);
    assert_int_equal(imgz_stream_write(full, channel.stop_fd, "x", 1), -ENOSPC);
    assert_int_equal(imgz_stream_write(-1, channel.stop_fd, "x", 1), -EBADF);
    close(full);
    close_channel(&channel);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_bytes_in_order),
        cmocka_unit_test(end_of_stream_is_a_short_read),
        cmocka_unit_test(read_gathers),
        cmocka_unit_test(reader_gone_is_epipe),
        cmocka_unit_test(stop_wakes_a_blocked_write),
        cmocka_unit_test(stop_wakes_a_write_that_half_fits),
        cmocka_unit_test(stop_wakes_a_blocked_read),
        cmocka_unit_test(stopped_already_moves_nothing),
        cmocka_unit_test(plain_files_are_streams_too),
        cmocka_unit_test(full_and_closed_outputs_fail),
    };

    signal(SIGPIPE, SIG_IGN);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
