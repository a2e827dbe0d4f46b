/* SPDX-License-Identifier: MIT */
#include "io/source/source.h"

#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "fixture.h"

static int open_source(struct imgz_fixture *fixture, const char *path, struct imgz_source **source)
{
    const struct imgz_source_config config = {.path = path,
                                              .stage = IMGZ_STAGE_READ_SOURCE,
                                              .direct = IMGZ_DIRECT_AUTO};

    return imgz_source_open(&config, fixture->latch, &fixture->log, source);
}

static void files_have_a_size(void **state)
{
    static const size_t sizes[] = {0, 1, 511, 4096, 5000};
    unsigned char data[5000];
    struct imgz_fixture fixture;

    (void)state;
    imgz_fixture_init(&fixture);
    memset(data, 'd', sizeof(data));
    for (size_t i = 0; i < IMGZ_COUNT_OF(sizes); i++) {
        const struct imgz_fixture_path path = imgz_fixture_path(&fixture, "file");
        struct imgz_source *source = NULL;

        imgz_fixture_write(&fixture, "file", data, sizes[i]);
        assert_int_equal(open_source(&fixture, path.text, &source), 0);
        assert_string_equal(imgz_source_kind(source), "file");
        assert_true(imgz_source_is(source, IMGZ_SOURCE_RANDOM));
        assert_int_equal(imgz_source_size(source), sizes[i]);
        assert_false(imgz_source_is(source, IMGZ_SOURCE_DIRECT));
        assert_string_equal(imgz_source_path(source), path.text);
        assert_int_equal(fcntl(imgz_source_local_fd(source), F_GETFL) & O_ACCMODE, O_RDONLY);
        assert_int_equal(fcntl(imgz_source_local_fd(source), F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
        imgz_source_close(source);
    }
    imgz_fixture_fini(&fixture);
}

static void the_path_may_go(void **state)
{
    struct imgz_fixture fixture;
    struct imgz_source *source = NULL;
    struct imgz_fixture_path path;
    struct imgz_fixture_path copy;

    (void)state;
    imgz_fixture_init(&fixture);
    imgz_fixture_write(&fixture, "file", "x", 1);
    path = imgz_fixture_path(&fixture, "file");
    copy = path;
    assert_int_equal(open_source(&fixture, path.text, &source), 0);
    memset(&path, '?', sizeof(path));
    assert_string_equal(imgz_source_path(source), copy.text);
    imgz_source_close(source);
    imgz_fixture_fini(&fixture);
}

static void failures_tell_what_to_do(void **state)
{
    static const struct {
        const char *path;
        int code;
        const char *text;
    } cases[] = {
        {"/nonexistent/disk", -ENOENT,
         "opening /nonexistent/disk: No such file or directory; check the name"},
        {"/proc", -EISDIR, "opening /proc: Is a directory; name a file or a device"},
        {"/dev/null/disk", -ENOTDIR, "opening /dev/null/disk: Not a directory; check the name"},
    };
    struct imgz_fixture fixture;

    (void)state;
    imgz_fixture_init(&fixture);
    for (size_t i = 0; i < IMGZ_COUNT_OF(cases); i++) {
        struct imgz_source *source = NULL;

        assert_int_equal(open_source(&fixture, cases[i].path, &source), cases[i].code);
        assert_null(source);
        assert_string_equal(imgz_latch_error(fixture.latch)->text, cases[i].text);
        assert_string_equal(imgz_latch_error(fixture.latch)->path, cases[i].path);
        assert_int_equal(imgz_latch_error(fixture.latch)->stage, IMGZ_STAGE_READ_SOURCE);
        imgz_fixture_renew_stop(&fixture);
    }
    imgz_fixture_fini(&fixture);
}

/* Direct I/O where asked for and possible. */
static void direct_when_asked(void **state)
{
    static const unsigned char data[9000] = {1};
    struct imgz_fixture fixture;
    struct imgz_source_config config = {.stage = IMGZ_STAGE_READ_SOURCE, .direct = IMGZ_DIRECT_ON};
    struct imgz_source *source = NULL;
    unsigned char peeked[64];
    size_t done_bytes;

    (void)state;
    imgz_fixture_init(&fixture);
    imgz_fixture_write(&fixture, "file", data, sizeof(data));
    {
        const struct imgz_fixture_path path = imgz_fixture_path(&fixture, "file");

        config.path = path.text;
        if (imgz_source_open(&config, fixture.latch, &fixture.log, &source) < 0) {
            assert_int_equal(imgz_latch_error(fixture.latch)->code, -EINVAL);
        } else {
            assert_true(imgz_source_is(source, IMGZ_SOURCE_DIRECT));
            assert_true((fcntl(imgz_source_local_fd(source), F_GETFL) & O_DIRECT) != 0);
            assert_int_equal(
                imgz_source_peek(source, fixture.latch, peeked, sizeof(peeked), &done_bytes), 0);
            assert_int_equal(done_bytes, sizeof(peeked));
            assert_int_equal(peeked[0], 1);
            imgz_source_close(source);
        }
        config.direct = IMGZ_DIRECT_OFF;
        imgz_fixture_renew_stop(&fixture);
        assert_int_equal(imgz_source_open(&config, fixture.latch, &fixture.log, &source), 0);
        assert_false(imgz_source_is(source, IMGZ_SOURCE_DIRECT));
        imgz_source_close(source);
    }
    imgz_fixture_fini(&fixture);
}

static void peek_of_a_file_moves_nothing(void **state)
{
    struct imgz_fixture fixture;
    struct imgz_fixture_path path;
    struct imgz_source *source = NULL;
    unsigned char got[64];
    size_t done_bytes;

    (void)state;
    imgz_fixture_init(&fixture);
    imgz_fixture_write(&fixture, "file", "0123456789", 10);
    path = imgz_fixture_path(&fixture, "file");
    assert_int_equal(open_source(&fixture, path.text, &source), 0);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(imgz_source_peek(source, fixture.latch, got, 4, &done_bytes), 0);
        assert_int_equal(done_bytes, 4);
        assert_memory_equal(got, "0123", 4);
        assert_int_equal(imgz_source_peek(source, fixture.latch, got, sizeof(got), &done_bytes), 0);
        assert_int_equal(done_bytes, 10);
    }
    imgz_source_close(source);
    imgz_fixture_fini(&fixture);
}

/* ---- Streams -----------------------------------------------------------------------------------
 */

static void *write_to_fifo(void *argument)
{
    const char *path = argument;
    int fd = open(path, O_WRONLY | O_CLOEXEC);

    IMGZ_ASSERT(fd >= 0);
    IMGZ_ASSERT(write(fd, "abcdefghijklmnopqrstuvwxyz", 26) == 26);
    close(fd);
    return NULL;
}

/* What was peeked at comes again, once, in reads of any length. */
static void peeked_bytes_of_a_stream_come_again(void **state)
{
    struct imgz_fixture fixture;

    (void)state;
    imgz_fixture_init(&fixture);
    for (size_t peek_bytes = 0; peek_bytes <= 40; peek_bytes += 5) {
        for (size_t piece_bytes = 1; piece_bytes <= 40; piece_bytes += 13) {
            struct imgz_fixture_path path = imgz_fixture_path(&fixture, "fifo");
            unsigned char got[128] = {0};
            struct imgz_source *source = NULL;
            size_t done_bytes = 0;
            size_t at = 0;
            pthread_t writer;

            assert_int_equal(mkfifo(path.text, 0600), 0);
            assert_int_equal(pthread_create(&writer, NULL, write_to_fifo, path.text), 0);
            assert_int_equal(open_source(&fixture, path.text, &source), 0);
            assert_string_equal(imgz_source_kind(source), "stream");
            assert_int_equal(imgz_source_size(source), IMGZ_SIZE_UNKNOWN);
            for (int again = 0; again < 2; again++) {
                assert_int_equal(
                    imgz_source_peek(source, fixture.latch, got, peek_bytes, &done_bytes), 0);
                assert_int_equal(done_bytes, imgz_min(peek_bytes, 26));
                assert_memory_equal(got, "abcdefghijklmnopqrstuvwxyz", done_bytes);
            }
            do {
                assert_int_equal(
                    imgz_source_read(source, fixture.latch, got + at, piece_bytes, &done_bytes), 0);
                at += done_bytes;
            } while (done_bytes == piece_bytes);
            assert_int_equal(at, 26);
            assert_memory_equal(got, "abcdefghijklmnopqrstuvwxyz", 26);
            imgz_source_close(source);
            assert_int_equal(pthread_join(writer, NULL), 0);
            imgz_fixture_remove_all(&fixture);
        }
    }
    imgz_fixture_fini(&fixture);
}

/* "-" is a stream even where a file was redirected, and closing it leaves standard input open. */
static void standard_input_is_a_stream(void **state)
{
    struct imgz_fixture fixture;
    struct imgz_source *source = NULL;
    struct imgz_fixture_path path;
    unsigned char got[16];
    size_t done_bytes;
    int kept = dup(STDIN_FILENO);
    int fd;

    (void)state;
    imgz_fixture_init(&fixture);
    imgz_fixture_write(&fixture, "file", "hello", 5);
    path = imgz_fixture_path(&fixture, "file");
    fd = open(path.text, O_RDONLY | O_CLOEXEC);
    assert_int_equal(dup2(fd, STDIN_FILENO), STDIN_FILENO);
    close(fd);
    assert_int_equal(open_source(&fixture, "-", &source), 0);
    assert_string_equal(imgz_source_kind(source), "stream");
    assert_string_equal(imgz_source_path(source), "standard input");
    assert_int_equal(imgz_source_read(source, fixture.latch, got, sizeof(got), &done_bytes), 0);
    assert_int_equal(done_bytes, 5);
    imgz_source_close(source);
    assert_true(fcntl(STDIN_FILENO, F_GETFD) >= 0);
    close(STDIN_FILENO);
    assert_int_equal(open_source(&fixture, "-", &source), -EBADF);
    if (kept >= 0) {
        assert_int_equal(dup2(kept, STDIN_FILENO), STDIN_FILENO);
        close(kept);
    }
    imgz_fixture_fini(&fixture);
}

/* (It used to be taken for an empty file.) */
static void a_file_that_has_content_but_no_size_is_a_stream(void **state)
{
    struct imgz_fixture fixture;
    struct imgz_source *source = NULL;
    unsigned char peeked[13];
    unsigned char got[4096];
    size_t done_bytes;

    (void)state;
    imgz_fixture_init(&fixture);
    assert_int_equal(open_source(&fixture, "/proc/version", &source), 0);
    assert_int_equal(imgz_source_status(source)->st_size, 0);
    assert_string_equal(imgz_source_kind(source), "stream");
    assert_int_equal(imgz_source_size(source), IMGZ_SIZE_UNKNOWN);
    assert_int_equal(imgz_source_peek(source, fixture.latch, peeked, sizeof(peeked), &done_bytes),
                     0);
    assert_int_equal(done_bytes, sizeof(peeked));
    assert_memory_equal(peeked, "Linux version", sizeof(peeked));
    assert_int_equal(imgz_source_read(source, fixture.latch, got, sizeof(got), &done_bytes), 0);
    assert_in_range(done_bytes, sizeof(peeked), sizeof(got) - 1);
    assert_memory_equal(got, "Linux version", sizeof(peeked));
    assert_int_equal(got[done_bytes - 1], '\n');
    imgz_source_close(source);
    imgz_fixture_fini(&fixture);
}

static void read_at_gives_all_or_up_to_the_end(void **state)
{
    unsigned char data[5000];
    unsigned char buffer[5000];
    struct imgz_fixture fixture;
    struct imgz_source *source = NULL;
    size_t done_bytes;

    (void)state;
    imgz_fixture_init(&fixture);
    for (size_t i = 0; i < sizeof(data); i++)
        data[i] = (unsigned char)(i * 7 + i / 256);
    imgz_fixture_write(&fixture, "file", data, sizeof(data));
    assert_int_equal(open_source(&fixture, imgz_fixture_path(&fixture, "file").text, &source), 0);
    assert_int_equal(imgz_source_read_at(source, 100, buffer, 4000, &done_bytes), 0);
    assert_int_equal(done_bytes, 4000);
    assert_memory_equal(buffer, data + 100, 4000);
    assert_int_equal(imgz_source_read_at(source, 4900, buffer, 200, &done_bytes), 0);
    assert_int_equal(done_bytes, 100);
    assert_memory_equal(buffer, data + 4900, 100);
    close(imgz_source_local_fd(source));
    assert_int_equal(imgz_source_read_at(source, 0, buffer, 1, &done_bytes), -EBADF);
    imgz_source_close(source);
    imgz_fixture_fini(&fixture);
}

/* What cannot be read is noted, how and where, and not raised: the drain tells it in order. */
static void a_fetch_notes_what_failed(void **state)
{
    unsigned char data[3000] = {1};
    unsigned char buffer[4096];
    struct imgz_slot slot = {.read_deferred = true};
    struct imgz_fixture fixture;
    struct imgz_source *source = NULL;

    (void)state;
    imgz_fixture_init(&fixture);
    imgz_fixture_write(&fixture, "file", data, sizeof(data));
    assert_int_equal(open_source(&fixture, imgz_fixture_path(&fixture, "file").text, &source), 0);
    imgz_source_fetch(source, 0, buffer, 1000, &slot);
    assert_int_equal(slot.fault, IMGZ_FAULT_NONE);
    assert_int_equal(slot.read_rc, 0);
    imgz_source_fetch(source, 1000, buffer, 4000, &slot);
    assert_int_equal(slot.fault, IMGZ_FAULT_READ);
    assert_int_equal(slot.read_rc, 0);
    assert_int_equal(slot.read_bytes, 3000);
    close(imgz_source_local_fd(source));
    slot = (struct imgz_slot){.read_deferred = true};
    imgz_source_fetch(source, 0, buffer, 10, &slot);
    imgz_source_close(source);
    assert_int_equal(slot.fault, IMGZ_FAULT_READ);
    assert_int_equal(slot.read_rc, -EBADF);
    assert_false(imgz_latch_raised(fixture.latch));
    imgz_fixture_fini(&fixture);
}

static void locations_name_stage_and_path(void **state)
{
    struct imgz_fixture fixture;
    struct imgz_source *source = NULL;
    struct imgz_location location;

    (void)state;
    imgz_fixture_init(&fixture);
    assert_int_equal(open_source(&fixture, "/proc/version", &source), 0);
    imgz_source_set_stage(source, IMGZ_STAGE_READ_IMAGE);
    location = imgz_source_location(source, 12);
    assert_int_equal(location.stage, IMGZ_STAGE_READ_IMAGE);
    assert_string_equal(location.path, "/proc/version");
    assert_int_equal(location.offset, 12);
    imgz_source_close(source);
    imgz_fixture_fini(&fixture);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(files_have_a_size),
        cmocka_unit_test(the_path_may_go),
        cmocka_unit_test(failures_tell_what_to_do),
        cmocka_unit_test(direct_when_asked),
        cmocka_unit_test(peek_of_a_file_moves_nothing),
        cmocka_unit_test(peeked_bytes_of_a_stream_come_again),
        cmocka_unit_test(standard_input_is_a_stream),
        cmocka_unit_test(a_file_that_has_content_but_no_size_is_a_stream),
        cmocka_unit_test(read_at_gives_all_or_up_to_the_end),
        cmocka_unit_test(a_fetch_notes_what_failed),
        cmocka_unit_test(locations_name_stage_and_path),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
