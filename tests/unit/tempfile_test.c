/* SPDX-License-Identifier: MIT */
/* What lies under the temporary name, and what becomes of it: by way of an output, which has it. */
#include "io/file/tempfile.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include <cmocka.h>

#include "sink_world.h"

/* What a run left is replaced only when that is said. */
static void what_was_left_is_replaced_by_request(void **state)
{
    struct world world;

    (void)state;
    open_world(&world);
    imgz_fixture_leave(&world.fixture, "out.partial", "left by a killed run", 20);
    expect_refused(&world, -ENOTEMPTY, 1);
    assert_true(holds(&world, "out.partial", "left by a killed run"));
    world.config.discard = true;
    assert_int_equal(open_output(&world), 0);
    put(&world, "new");
    assert_int_equal(imgz_sink_flush(world.output), 0);
    assert_int_equal(imgz_sink_commit(world.output), 0);
    assert_true(holds(&world, "out", "new"));
    assert_int_equal(imgz_fixture_count(&world.fixture), 1);
    imgz_sink_close(world.output);
    close_world(&world);
}

static bool begins_as_ours(const unsigned char *head, size_t bytes)
{
    return bytes >= 4 && memcmp(head, "ours", 4) == 0;
}

/* It used to be removed without a word. */
static void what_is_not_known_is_let_be(void **state)
{
    struct world world;

    (void)state;
    open_world(&world);
    imgz_fixture_write(&world.fixture, "out.partial", "precious", 8);
    assert_int_equal(chmod(imgz_fixture_path(&world.fixture, "out.partial").text, 0600), 0);
    for (int i = 0; i < 8; i++) {
        world.config.discard = (i & 1) != 0;
        world.config.force = (i & 2) != 0;
        world.config.resume = (i & 4) != 0;
        world.config.begins = begins_as_ours;
        expect_refused(&world, -ENOTUNIQ, 1);
        assert_true(holds(&world, "out.partial", "precious"));
    }
    imgz_fixture_write(&world.fixture, "out.partial", "ours, copied", 12);
    assert_int_equal(chmod(imgz_fixture_path(&world.fixture, "out.partial").text, 0600), 0);
    world.config.resume = true;
    assert_int_equal(open_output(&world), 0);
    assert_true(imgz_sink_taken_over(world.output));
    imgz_sink_close(world.output);
    close_world(&world);
}

/* What a run that fails leaves: what is worth it, and can be resumed. */
static void what_is_worth_it_is_kept(void **state)
{
    static const struct {
        bool keep;
        uint64_t stored_bytes;
        int code;
        bool kept;
    } cases[] = {
        {true, 5, -EIO, true},      {true, 5, -ECANCELED, true}, {true, 5, -ENOSPC, true},
        {true, 4, -EIO, false},     {true, 0, -EIO, false},      {false, 5, -EIO, false},
        {true, 5, -EBADMSG, false},
    };
    struct world world;

    (void)state;
    open_world(&world);
    for (size_t i = 0; i < IMGZ_COUNT_OF(cases); i++) {
        world.config.keep = cases[i].keep;
        world.config.head_bytes = 4;
        world.config.discard = true;
        assert_int_equal(open_output(&world), 0);
        put(&world, "bytes");
        world.output->begun = true;
        world.output->stored_bytes = cases[i].stored_bytes;
        (void)imgz_latch_raise(world.fixture.latch, cases[i].code,
                               imgz_sink_location(world.output, 0), "it failed");
        imgz_sink_close(world.output);
        assert_int_equal(imgz_fixture_exists(&world.fixture, "out.partial"), cases[i].kept);
        assert_non_null(strstr(story(&world)->text,
                               cases[i].kept ? "out.partial is kept" : "; nothing is left of "));
        imgz_fixture_renew_stop(&world.fixture);
    }
    close_world(&world);
}

/* With resume: taken over as it is, and left again; nothing is left of what held nothing. */
static void a_partial_is_taken_over_and_left(void **state)
{
    struct world world;
    char text[8];

    (void)state;
    open_world(&world);
    world.config.resume = true;
    world.config.keep = true;
    assert_int_equal(open_output(&world), 0);
    assert_false(imgz_sink_taken_over(world.output));
    imgz_sink_close(world.output);
    assert_int_equal(imgz_fixture_count(&world.fixture), 0);

    imgz_fixture_write(&world.fixture, "out.partial", "", 0);
    assert_int_equal(chmod(imgz_fixture_path(&world.fixture, "out.partial").text, 0600), 0);
    imgz_fixture_write(&world.fixture, "out.partial.map", "of another", 10);
    assert_int_equal(open_output(&world), 0);
    assert_false(imgz_sink_taken_over(world.output));
    imgz_sink_close(world.output);
    assert_int_equal(imgz_fixture_count(&world.fixture), 0);

    imgz_fixture_leave(&world.fixture, "out.partial", "bytes", 5);
    assert_int_equal(open_output(&world), 0);
    assert_true(imgz_sink_taken_over(world.output));
    assert_int_equal(pread(imgz_sink_local_fd(world.output), text, sizeof(text), 0), 5);
    assert_memory_equal(text, "bytes", 5);
    imgz_sink_close(world.output);
    assert_true(holds(&world, "out.partial", "bytes"));

    assert_int_equal(open_output(&world), 0);
    assert_int_equal(imgz_sink_commit(world.output), 0);
    imgz_sink_close(world.output);
    assert_true(holds(&world, "out", "bytes"));
    assert_int_equal(imgz_fixture_count(&world.fixture), 1);
    close_world(&world);
}

static bool begins_as_zeros(const unsigned char *head, size_t bytes)
{
    return bytes >= 5 && memcmp(head, "zeros", 5) == 0;
}

/* It is nobody else's business until it is complete, whatever it was. */
static void a_mark_lasts_until_it_is_shown(void **state)
{
    struct imgz_fixture_path partial;
    struct world world;
    struct stat status;

    (void)state;
    open_world(&world);
    world.config.resume = true;
    world.config.keep = true;
    world.config.file_mode = 0640;
    partial = imgz_fixture_path(&world.fixture, "out.partial");
    assert_int_equal(open_output(&world), 0);
    put(&world, "zeros");
    world.output->stored_bytes = 5;
    assert_int_equal(imgz_sink_mark(world.output), 0);
    imgz_sink_close(world.output);
    assert_int_equal(chmod(partial.text, 01644), 0);

    assert_int_equal(open_output(&world), 0);
    assert_true(imgz_sink_marked(world.output));
    assert_int_equal(stat(partial.text, &status), 0);
    assert_int_equal(status.st_mode & 07777, 01600);
    imgz_fixture_write(&world.fixture, "out", "theirs", 6);
    assert_int_equal(imgz_sink_commit(world.output), -EEXIST);
    imgz_sink_close(world.output);
    imgz_fixture_renew_stop(&world.fixture);
    assert_int_equal(stat(partial.text, &status), 0);
    assert_int_equal(status.st_mode & 07777, 01640);

    /* It was complete: from then on it is its owner's, until he says otherwise. */
    world.config.force = true;
    world.config.begins = begins_as_zeros;
    assert_int_equal(open_output(&world), 0);
    assert_true(imgz_sink_marked(world.output));
    assert_int_equal(imgz_sink_commit(world.output), 0);
    imgz_sink_close(world.output);
    assert_int_equal(stat(world.path.text, &status), 0);
    assert_int_equal(status.st_mode & 07777, 0640);
    assert_true(holds(&world, "out", "zeros"));
    close_world(&world);
}

static void a_partial_that_was_replaced_is_let_be(void **state)
{
    struct imgz_fixture_path partial;
    struct world world;

    (void)state;
    open_world(&world);
    partial = imgz_fixture_path(&world.fixture, "out.partial");
    for (int round = 0; round < 2; round++) {
        assert_int_equal(open_output(&world), 0);
        put(&world, "mine");
        assert_int_equal(unlink(partial.text), 0);
        imgz_fixture_write(&world.fixture, "out.partial", "theirs", 6);
        if (round == 0) {
            assert_int_equal(imgz_sink_commit(world.output), -ESTALE);
            assert_non_null(strstr(story(&world)->text, "out.partial was removed"));
        }
        imgz_sink_close(world.output);
        assert_true(holds(&world, "out.partial", "theirs"));
        assert_int_equal(imgz_fixture_count(&world.fixture), 1);
        assert_int_equal(unlink(partial.text), 0);
    }
    close_world(&world);
}

static void live_partial_is_respected(void **state)
{
    struct imgz_fixture_path partial;
    struct world world;
    int fd;

    (void)state;
    open_world(&world);
    imgz_fixture_write(&world.fixture, "out.partial", "theirs", 6);
    partial = imgz_fixture_path(&world.fixture, "out.partial");
    fd = open(partial.text, O_RDONLY | O_CLOEXEC);
    assert_int_equal(flock(fd, LOCK_EX), 0);
    expect_refused(&world, -EBUSY, 1);
    assert_true(holds(&world, "out.partial", "theirs"));
    close(fd);
    close_world(&world);
}

/* A sink holds the lock itself, until it has its final name. */
static void second_writer_is_refused(void **state)
{
    struct imgz_sink *first;
    struct world world;

    (void)state;
    open_world(&world);
    assert_int_equal(open_output(&world), 0);
    put(&world, "first");
    first = world.output;
    expect_refused(&world, -EBUSY, 1);
    first->latch = world.fixture.latch; /* which is another by now */
    assert_int_equal(imgz_sink_flush(first), 0);
    assert_int_equal(imgz_sink_commit(first), 0);
    imgz_sink_close(first);
    assert_true(holds(&world, "out", "first"));
    close_world(&world);
}

/* A link planted under the temporary name is neither followed nor removed. */
static void links_and_folders_are_not_followed(void **state)
{
    struct imgz_fixture_path partial;
    struct world world;

    (void)state;
    open_world(&world);
    partial = imgz_fixture_path(&world.fixture, "out.partial");
    imgz_fixture_write(&world.fixture, "victim", "precious", 8);
    assert_int_equal(symlink("victim", partial.text), 0);
    assert_int_not_equal(open_output(&world), 0);
    imgz_fixture_renew_stop(&world.fixture);
    assert_true(holds(&world, "victim", "precious"));
    assert_true(imgz_fixture_exists(&world.fixture, "out.partial"));
    assert_int_equal(unlink(partial.text), 0);
    assert_int_equal(symlink("nowhere", partial.text), 0);
    assert_int_not_equal(open_output(&world), 0);
    imgz_fixture_renew_stop(&world.fixture);
    assert_false(imgz_fixture_exists(&world.fixture, "nowhere"));
    assert_int_equal(unlink(partial.text), 0);
    assert_int_equal(mkdir(partial.text, 0700), 0);
    expect_refused(&world, -EEXIST, 2);
    assert_int_equal(rmdir(partial.text), 0);
    assert_int_equal(mkfifo(partial.text, 0600), 0);
    expect_refused(&world, -EEXIST, 2);
    close_world(&world);
}

/* All of it happens in the directory that was opened. What is removed with the file, too. */
static void a_directory_that_is_swapped_is_left_alone(void **state)
{
    struct imgz_fixture_path inside;
    struct imgz_fixture_path ours;
    struct world world;

    (void)state;
    open_world(&world);
    ours = imgz_fixture_path(&world.fixture, "ours");
    inside = imgz_fixture_path(&world.fixture, "ours/out");
    assert_int_equal(mkdir(ours.text, 0700), 0);
    world.config.path = inside.text;
    assert_int_equal(open_output(&world), 0);
    imgz_fixture_write(&world.fixture, "ours/out.partial.map", "ours", 4);
    assert_int_equal(rename(ours.text, imgz_fixture_path(&world.fixture, "moved").text), 0);
    assert_int_equal(mkdir(ours.text, 0700), 0);
    imgz_fixture_write(&world.fixture, "ours/out.partial", "theirs", 6);
    imgz_fixture_write(&world.fixture, "ours/out.partial.map", "theirs", 6);

    put(&world, "new");
    assert_int_equal(imgz_sink_flush(world.output), 0);
    assert_int_equal(imgz_sink_commit(world.output), 0);
    imgz_sink_close(world.output);
    assert_true(holds(&world, "moved/out", "new"));
    assert_false(imgz_fixture_exists(&world.fixture, "moved/out.partial.map"));
    assert_true(holds(&world, "ours/out.partial", "theirs"));
    assert_true(holds(&world, "ours/out.partial.map", "theirs"));
    assert_int_equal(unlink(imgz_fixture_path(&world.fixture, "moved/out").text), 0);
    assert_int_equal(unlink(imgz_fixture_path(&world.fixture, "ours/out.partial").text), 0);
    assert_int_equal(unlink(imgz_fixture_path(&world.fixture, "ours/out.partial.map").text), 0);
    close_world(&world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_left_is_replaced_by_request),
        cmocka_unit_test(what_is_not_known_is_let_be),
        cmocka_unit_test(what_is_worth_it_is_kept),
        cmocka_unit_test(a_directory_that_is_swapped_is_left_alone),
        cmocka_unit_test(a_partial_is_taken_over_and_left),
        cmocka_unit_test(a_mark_lasts_until_it_is_shown),
        cmocka_unit_test(a_partial_that_was_replaced_is_let_be),
        cmocka_unit_test(live_partial_is_respected),
        cmocka_unit_test(second_writer_is_refused),
        cmocka_unit_test(links_and_folders_are_not_followed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
