/* SPDX-License-Identifier: MIT */
/* The node of a drive, in folders like those of sysfs. */
#include "io/device/device.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <unistd.h>

#include <cmocka.h>

#include "fixture.h"

static void write_node(const char *folder, const char *text)
{
    char path[512];
    FILE *file;

    snprintf(path, sizeof(path), "%s/numa_node", folder);
    file = fopen(path, "we");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

static void the_nearest_that_knows_its_node_is_asked(void **state)
{
    static const struct {
        const char *controller; /* the text in numa_node; NULL: no such file */
        const char *bus;
        int node;
    } cases[] = {
        {NULL, NULL, -1},     {"0\n", NULL, 0},     {NULL, "1\n", 1},   {"2\n", "1\n", 2},
        {"-1\n", NULL, -1},   {"-1\n", "3\n", 3},   {NULL, "-1\n", -1}, {"", "12\n", 12},
        {"junk\n", NULL, -1}, {"junk\n", "1\n", 1}, {"0\n", "-1\n", 0},
    };
    struct imgz_fixture fixture;
    struct imgz_fixture_path bus, controller, disk;

    (void)state;
    imgz_fixture_init(&fixture);
    bus = imgz_fixture_path(&fixture, "bus");
    controller = imgz_fixture_path(&fixture, "bus/controller");
    disk = imgz_fixture_path(&fixture, "bus/controller/disk");
    for (size_t i = 0; i < IMGZ_COUNT_OF(cases); i++) {
        assert_int_equal(mkdir(bus.text, 0700), 0);
        assert_int_equal(mkdir(controller.text, 0700), 0);
        assert_int_equal(mkdir(disk.text, 0700), 0);
        if (cases[i].bus != NULL)
            write_node(bus.text, cases[i].bus);
        if (cases[i].controller != NULL)
            write_node(controller.text, cases[i].controller);
        assert_int_equal(imgz_device_node_above(disk.text), cases[i].node);
        (void)unlink(imgz_fixture_path(&fixture, "bus/numa_node").text);
        (void)unlink(imgz_fixture_path(&fixture, "bus/controller/numa_node").text);
        assert_int_equal(rmdir(disk.text), 0);
        assert_int_equal(rmdir(controller.text), 0);
        assert_int_equal(rmdir(bus.text), 0);
    }
    assert_int_equal(imgz_device_node_above("no/such/folder"), -1);
    imgz_fixture_fini(&fixture);
}

/* Files, pipes, no file at all: some node or none, and no harm. */
static void anything_open_can_be_asked(void **state)
{
    const int file = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
    int pipe_fds[2];

    (void)state;
    assert_true(file >= 0);
    assert_int_equal(pipe(pipe_fds), 0);
    assert_true(imgz_device_node(file) >= -1);
    assert_int_equal(imgz_device_node(pipe_fds[0]), -1);
    assert_int_equal(imgz_device_node(-1), -1);
    close(pipe_fds[0]);
    close(pipe_fds[1]);
    close(file);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_nearest_that_knows_its_node_is_asked),
        cmocka_unit_test(anything_open_can_be_asked),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
