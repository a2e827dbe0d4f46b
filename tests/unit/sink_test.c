/* SPDX-License-Identifier: MIT */
#include "io/sink/sink.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include <cmocka.h>

#include "sink_world.h"

/* ---- Files -------------------------------------------------------------------------------------
 */

static void file_appears_when_committed(void **state)
{
    struct world world;
    struct stat status;

    (void)state;
    open_world(&world);
    assert_int_equal(open_output(&world), 0);
    assert_true(imgz_sink_is(world.output, IMGZ_SINK_NAMED));
    assert_int_equal(imgz_sink_size(world.output), IMGZ_SIZE_UNKNOWN);
    assert_false(imgz_fixture_exists(&world.fixture, "out"));
    assert_true(imgz_fixture_exists(&world.fixture, "out.partial"));
    put(&world, "bytes");
    assert_int_equal(imgz_sink_flush(world.output), 0);
    assert_false(imgz_fixture_exists(&world.fixture, "out"));
    assert_int_equal(imgz_sink_commit(world.output), 0);
    assert_true(holds(&world, "out", "bytes"));
    assert_int_equal(stat(world.path.text, &status), 0);
    assert_int_equal(status.st_mode & 07777, 0600);
    imgz_sink_close(world.output);
    assert_int_equal(imgz_fixture_count(&world.fixture), 1);
    close_world(&world);
}

static void abandon_leaves_nothing(void **state)
{
    struct world world;

    (void)state;
    open_world(&world);
    assert_int_equal(open_output(&world), 0);
    put(&world, "bytes");
    imgz_sink_close(world.output);
    assert_int_equal(imgz_fixture_count(&world.fixture), 0);
    close_world(&world);
}

static void direct_writes_are_of_the_same_file(void **state)
{
    static _Alignas(4096) unsigned char block[4096];
    struct world world;

    (void)state;
    open_world(&world);
    memset(block, 'b', sizeof(block));
    world.config.direct_wanted = true;
    assert_int_equal(open_output(&world), 0);
    if (world.output->direct_fd >= 0) {
        assert_true((fcntl(world.output->direct_fd, F_GETFL) & O_DIRECT) != 0);
        assert_int_equal(pwrite(world.output->direct_fd, block, sizeof(block), 0), sizeof(block));
    } else {
        assert_int_equal(pwrite(imgz_sink_local_fd(world.output), block, sizeof(block), 0),
                         sizeof(block));
    }
    assert_int_equal(imgz_sink_flush(world.output), 0);
    assert_int_equal(imgz_sink_commit(world.output), 0);
    assert_true(imgz_fixture_holds(&world.fixture, "out", block, sizeof(block)));
    imgz_sink_close(world.output);
    close_world(&world);
}

static void existing_file_needs_force(void **state)
{
    struct world world;

    (void)state;
    open_world(&world);
    imgz_fixture_write(&world.fixture, "out", "old", 3);
    expect_refused(&world, -EEXIST, 1);
    assert_true(holds(&world, "out", "old"));
    world.config.force = true;
    assert_int_equal(open_output(&world), 0);
    put(&world, "new");
    assert_true(holds(&world, "out", "old"));
    imgz_sink_close(world.output);
    assert_true(holds(&world, "out", "old"));
    assert_int_equal(open_output(&world), 0);
    put(&world, "new");
    assert_int_equal(imgz_sink_flush(world.output), 0);
    assert_int_equal(imgz_sink_commit(world.output), 0);
    assert_true(holds(&world, "out", "new"));
    assert_int_equal(imgz_fixture_count(&world.fixture), 1);
    imgz_sink_close(world.output);
    close_world(&world);
}

/* Somebody made a file of that name while the job ran: without force it stays. */
static void name_taken_meanwhile_is_kept(void **state)
{
    (void)state;
    for (int force = 0; force < 2; force++) {
        struct world world;

        open_world(&world);
        world.config.force = force;
        assert_int_equal(open_output(&world), 0);
        put(&world, "ours");
        imgz_fixture_write(&world.fixture, "out", "theirs", 6);
        assert_int_equal(imgz_sink_flush(world.output), 0);
        assert_int_equal(imgz_sink_commit(world.output), force ? 0 : -EEXIST);
        imgz_sink_close(world.output);
        assert_true(holds(&world, "out", force ? "ours" : "theirs"));
        assert_int_equal(imgz_fixture_count(&world.fixture), force ? 1 : 2);
        if (!force) {
            /* It is complete: it used to be removed for want of a name. */
            assert_true(holds(&world, "out.partial", "ours"));
            assert_non_null(strstr(story(&world)->text, "out.partial is complete, and is kept"));
            assert_int_equal(story(&world)->code, -EEXIST);
            assert_int_equal(story(&world)->stage, IMGZ_STAGE_FLUSH);
        }
        close_world(&world);
    }
}

/* A close that fails may mean that bytes were lost (close(2)): the file gets no name. */
static void failed_close_is_told(void **state)
{
    (void)state;
    for (int direct = 0; direct < 2; direct++) {
        struct world world;

        open_world(&world);
        world.config.direct_wanted = direct;
        assert_int_equal(open_output(&world), 0);
        if (!direct || world.output->direct_fd >= 0) {
            assert_int_equal(
                close(direct ? world.output->direct_fd : imgz_sink_local_fd(world.output)), 0);
            assert_int_equal(imgz_sink_commit(world.output), -EBADF);
            assert_int_equal(story(&world)->stage, IMGZ_STAGE_FLUSH);
            assert_false(imgz_fixture_exists(&world.fixture, "out"));
        }
        imgz_sink_close(world.output);
        assert_int_equal(imgz_fixture_count(&world.fixture), 0);
        close_world(&world);
    }
}

/* ---- The temporary name ------------------------------------------------------------------------
 */

/* Through a link it is the file that is replaced, not the link. */
static void linked_file_is_replaced_in_its_place(void **state)
{
    struct imgz_fixture_path real;
    struct stat status;
    struct world world;

    (void)state;
    open_world(&world);
    real = imgz_fixture_path(&world.fixture, "real");
    imgz_fixture_write(&world.fixture, "real", "old", 3);
    assert_int_equal(symlink("real", world.path.text), 0);
    expect_refused(&world, -EEXIST, 2);
    world.config.force = true;
    assert_int_equal(open_output(&world), 0);
    put(&world, "new");
    assert_true(imgz_fixture_exists(&world.fixture, "real.partial"));
    assert_int_equal(imgz_sink_flush(world.output), 0);
    assert_int_equal(imgz_sink_commit(world.output), 0);
    imgz_sink_close(world.output);
    assert_true(holds(&world, "real", "new"));
    assert_int_equal(lstat(world.path.text, &status), 0);
    assert_true(S_ISLNK(status.st_mode));
    assert_int_equal(unlink(real.text), 0);
    world.config.force = false;
    expect_refused(&world, -ELOOP, 1);
    close_world(&world);
}

/* ---- Other refusals ----------------------------------------------------------------------------
 */

static void impossible_places_are_refused(void **state)
{
    static const struct {
        const char *path;
        int code;
    } cases[] = {
        {"/nonexistent-folder/out", -ENOENT},
        {"/dev/null/out", -ENOTDIR},
        {"/tmp", -EISDIR},
        {"/tmp/", -EISDIR},
        {"", -ENOENT},
    };
    struct world world;

    (void)state;
    open_world(&world);
    for (size_t i = 0; i < IMGZ_COUNT_OF(cases); i++) {
        world.config.path = cases[i].path;
        if (cases[i].path[0] == '\0') {
            /* Some code, but never success: an empty name is no file. */
            assert_true(open_output(&world) < 0);
            imgz_fixture_renew_stop(&world.fixture);
        } else {
            expect_refused(&world, cases[i].code, 0);
        }
    }
    close_world(&world);
}

static void source_is_never_the_target(void **state)
{
    struct world world;
    struct stat source;

    (void)state;
    open_world(&world);
    imgz_fixture_write(&world.fixture, "out", "disk", 4);
    assert_int_equal(stat(world.path.text, &source), 0);
    world.config.source = &source;
    world.config.force = true;
    expect_refused(&world, -EINVAL, 1);
    assert_true(holds(&world, "out", "disk"));
    close_world(&world);
}

static void source_is_not_replaced_on_the_way(void **state)
{
    static const char *const names[] = {"out.partial", "out.partial.map"};
    struct world world;
    struct stat source;

    (void)state;
    open_world(&world);
    world.config.source = &source;
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        imgz_fixture_write(&world.fixture, names[i], "disk", 4);
        assert_int_equal(stat(imgz_fixture_path(&world.fixture, names[i]).text, &source), 0);
        for (int resume = 0; resume < 2; resume++) {
            world.config.resume = resume != 0;
            expect_refused(&world, -EINVAL, 1);
            assert_true(holds(&world, names[i], "disk"));
        }
        assert_int_equal(unlink(imgz_fixture_path(&world.fixture, names[i]).text), 0);
    }
    close_world(&world);
}

/* Where /dev is no file system of its own there is nothing to be told apart. */
static void no_file_is_made_among_devices(void **state)
{
    struct world world;
    struct stat devices;
    struct stat root;

    (void)state;
    if (stat("/dev", &devices) < 0 || stat("/", &root) < 0 || devices.st_dev == root.st_dev ||
        access("/dev", W_OK) < 0)
        skip();
    open_world(&world);
    world.config.path = "/dev/imgz-no-such-device";
    expect_refused(&world, -ENODEV, 0);
    assert_int_equal(access(world.config.path, F_OK), -1);
    close_world(&world);
}

/* Any block device will do: it is refused before it is opened. */
static void images_need_no_device(void **state)
{
    struct world world;
    char path[32] = "";

    (void)state;
    for (int i = 0; i < 64 && path[0] == '\0'; i++) {
        struct stat status;

        snprintf(path, sizeof(path), "/dev/loop%d", i);
        if (stat(path, &status) < 0 || !S_ISBLK(status.st_mode))
            path[0] = '\0';
    }
    if (path[0] == '\0')
        skip();
    open_world(&world);
    world.config.path = path;
    world.config.device_allowed = false;
    expect_refused(&world, -EINVAL, 0);
    close_world(&world);
}

/* ---- Streams -----------------------------------------------------------------------------------
 */

static void streams_are_written_in_place(void **state)
{
    struct imgz_fixture_path fifo;
    struct world world;
    char got[8] = "";
    int reader;

    (void)state;
    open_world(&world);
    fifo = imgz_fixture_path(&world.fixture, "fifo");
    assert_int_equal(mkfifo(fifo.text, 0600), 0);
    reader = open(fifo.text, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    world.config.path = fifo.text;
    assert_int_equal(open_output(&world), 0);
    assert_false(imgz_sink_is(world.output, IMGZ_SINK_RANDOM));
    put(&world, "bytes");
    assert_int_equal(imgz_sink_flush(world.output), 0);
    assert_int_equal(imgz_sink_commit(world.output), 0);
    assert_int_equal(read(reader, got, sizeof(got)), 5);
    assert_memory_equal(got, "bytes", 5);
    imgz_sink_close(world.output);
    assert_true(imgz_fixture_exists(&world.fixture, "fifo"));
    close(reader);
    world.config.path = "/dev/null";
    assert_int_equal(open_output(&world), 0);
    assert_false(imgz_sink_is(world.output, IMGZ_SINK_RANDOM));
    assert_int_equal(imgz_sink_flush(world.output), 0);
    assert_int_equal(imgz_sink_commit(world.output), 0);
    imgz_sink_close(world.output);
    close_world(&world);
}

static void standard_output_stays_open(void **state)
{
    struct world world;

    (void)state;
    open_world(&world);
    world.config.path = "-";
    assert_int_equal(open_output(&world), 0);
    assert_string_equal(imgz_sink_path(world.output), "standard output");
    assert_true(imgz_sink_local_fd(world.output) > STDERR_FILENO);
    assert_int_equal(imgz_sink_commit(world.output), 0);
    assert_true(fcntl(STDOUT_FILENO, F_GETFD) >= 0);
    imgz_sink_close(world.output);
    close_world(&world);
}

/* ---- Nothing -------------------------------------------------------------------------------- */

/* Its writers take everything; nothing is made. */
static void a_null_sink_takes_everything(void **state)
{
    const struct imgz_pool_config pool = {1, IMGZ_BLOCK_BYTES, 0};
    struct imgz_pipeline *pipeline = NULL;
    struct imgz_append *append = NULL;
    struct imgz_sparse *sparse = NULL;
    struct imgz_slot *slot = NULL;
    struct world world;

    (void)state;
    open_world(&world);
    assert_int_equal(imgz_sink_open_null(&world.config, world.fixture.latch, &world.fixture.log,
                                         &world.output),
                     0);
    assert_int_equal(
        imgz_pipeline_create(&pool, world.fixture.latch, &world.fixture.log, &pipeline), 0);
    assert_int_equal(imgz_append_open(world.output, pipeline, &append), 0);
    assert_int_equal(imgz_append_bytes(append, "bytes", 5), 0);
    assert_int_equal(imgz_append_settle(append), 0);
    assert_int_equal(append->offset, 5);
    assert_int_equal(imgz_append_finish(append), 0);
    imgz_append_close(append);
    assert_int_equal(imgz_sparse_open(world.output, pipeline, IMGZ_SIZE_UNKNOWN, &sparse), 0);
    assert_int_equal(imgz_pipeline_take_free(pipeline, &slot), 0);
    slot->kind = IMGZ_SLOT_DATA;
    slot->raw_bytes = 4000;
    slot->checked = true;
    slot->state = IMGZ_SLOT_DRAIN;
    assert_int_equal(imgz_sparse_put(sparse, &slot), 0);
    assert_null(slot);
    assert_int_equal(sparse->written_bytes, 4000);
    assert_int_equal(imgz_pipeline_try_take_free(pipeline, &slot), 0);
    assert_int_equal(imgz_sparse_finish(sparse, 4000), 0);
    imgz_sparse_close(sparse);
    assert_int_equal(imgz_sink_commit(world.output), 0);
    imgz_sink_close(world.output);
    imgz_pipeline_close(pipeline);
    imgz_pipeline_untake(pipeline, &slot);
    imgz_pipeline_destroy(pipeline);
    assert_int_equal(imgz_fixture_count(&world.fixture), 0);
    close_world(&world);
}

/* Who goes back to an image replaces that, whatever the name has come to mean. */
static void only_what_was_read_is_replaced(void **state)
{
    struct world world;
    struct stat read;

    (void)state;
    open_world(&world);
    world.config.force = true;
    world.config.replaces = &read;
    imgz_fixture_write(&world.fixture, "out", "image", 5);
    assert_int_equal(stat(world.path.text, &read), 0);
    assert_int_equal(open_output(&world), 0);
    imgz_sink_close(world.output);

    imgz_fixture_write(&world.fixture, "victim", "precious", 8);
    assert_int_equal(unlink(world.path.text), 0);
    expect_refused(&world, -ESTALE, 1);
    assert_int_equal(symlink("victim", world.path.text), 0);
    expect_refused(&world, -ESTALE, 2);
    assert_true(holds(&world, "victim", "precious"));
    close_world(&world);
}

struct swapper {
    struct world *world;
    pthread_t thread;
    bool keep; /* the FIFO gets another name, and a reader */
};

/* By name: to look at a descriptor that another thread opens is a race to ThreadSanitizer. */
static bool is_waited_for(const struct stat *fifo)
{
    for (int fd = 3; fd < 64; fd++) {
        struct stat status;
        char name[32];

        snprintf(name, sizeof(name), "/proc/self/fd/%d", fd);
        if (stat(name, &status) == 0 && imgz_same_file(&status, fifo))
            return true;
    }
    return false;
}

/* Somebody who may rename the FIFO puts a link in its place while a reader is waited for. */
static void *swap(void *argument)
{
    struct swapper *swapper = argument;
    const struct imgz_fixture *fixture = &swapper->world->fixture;
    const struct imgz_fixture_path aside = imgz_fixture_path(fixture, "aside");
    struct stat fifo;

    IMGZ_ASSERT(stat(swapper->world->path.text, &fifo) == 0);
    while (!is_waited_for(&fifo))
        usleep(1000);
    IMGZ_ASSERT(rename(swapper->world->path.text, aside.text) == 0);
    IMGZ_ASSERT(symlink("victim", swapper->world->path.text) == 0);
    if (!swapper->keep)
        IMGZ_ASSERT(unlink(aside.text) == 0);
    return swapper->keep ? (void *)(intptr_t)open(aside.text, O_RDONLY | O_NONBLOCK | O_CLOEXEC)
                         : NULL;
}

static void a_fifo_is_waited_for_not_its_name(void **state)
{
    struct world world;
    void *reader;

    (void)state;
    for (int keep = 0; keep < 2; keep++) {
        struct swapper swapper = {.world = &world, .keep = keep};

        open_world(&world);
        imgz_fixture_write(&world.fixture, "victim", "precious", 8);
        assert_int_equal(mkfifo(world.path.text, 0600), 0);
        assert_int_equal(pthread_create(&swapper.thread, NULL, swap, &swapper), 0);
        assert_int_equal(open_output(&world), keep ? 0 : -ESTALE);
        assert_int_equal(pthread_join(swapper.thread, &reader), 0);
        if (keep) {
            char got[5] = "";

            put(&world, "data");
            assert_int_equal(read((int)(intptr_t)reader, got, 4), 4);
            assert_string_equal(got, "data");
            close((int)(intptr_t)reader);
            imgz_sink_close(world.output);
        } else {
            assert_non_null(strstr(story(&world)->text, "replaced by something else"));
        }
        assert_true(holds(&world, "victim", "precious"));
        close_world(&world);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(file_appears_when_committed),
        cmocka_unit_test(abandon_leaves_nothing),
        cmocka_unit_test(direct_writes_are_of_the_same_file),
        cmocka_unit_test(existing_file_needs_force),
        cmocka_unit_test(name_taken_meanwhile_is_kept),
        cmocka_unit_test(failed_close_is_told),
        cmocka_unit_test(linked_file_is_replaced_in_its_place),
        cmocka_unit_test(impossible_places_are_refused),
        cmocka_unit_test(source_is_never_the_target),
        cmocka_unit_test(source_is_not_replaced_on_the_way),
        cmocka_unit_test(no_file_is_made_among_devices),
        cmocka_unit_test(images_need_no_device),
        cmocka_unit_test(streams_are_written_in_place),
        cmocka_unit_test(only_what_was_read_is_replaced),
        cmocka_unit_test(a_fifo_is_waited_for_not_its_name),
        cmocka_unit_test(standard_output_stays_open),
        cmocka_unit_test(a_null_sink_takes_everything),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
