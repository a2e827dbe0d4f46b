/* SPDX-License-Identifier: MIT */
#include "io/ddmap/map_tracker.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "fixture.h"

#define DISK_BYTES 8192u

static struct imgz_fixture fixture;
static struct imgz_fixture_path path;
static struct imgz_name name; /* of the same */
static struct imgz_range_list bad;

static int set_up(void **state)
{
    (void)state;
    imgz_fixture_init(&fixture);
    path = imgz_fixture_path(&fixture, "map");
    assert_int_equal(imgz_name_open(&name, path.text), 0);
    imgz_range_list_init(&bad);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    imgz_range_list_fini(&bad);
    imgz_name_close(&name);
    imgz_fixture_fini(&fixture);
    return 0;
}

static int load_keep(struct imgz_map_tracker *keep, const char *map_path, bool force, bool resume)
{
    const struct imgz_map_tracker_config config = {
        .name = map_path != NULL ? &name : NULL,
        .image_path = "image",
        .size_bytes = DISK_BYTES,
        .bad = &bad,
        .force = force,
        .resume = resume,
    };

    return imgz_map_tracker_load(keep, &config, fixture.latch, &fixture.log);
}

static int open_keep(struct imgz_map_tracker *keep, const char *map_path, bool force)
{
    int rc = load_keep(keep, map_path, force, false);

    return rc < 0 ? rc : imgz_map_tracker_begin(keep, IMGZ_MAP_TRACKER_ANEW, 0, fixture.latch);
}

static void write_map(const char *text)
{
    imgz_fixture_write(&fixture, "map", text, strlen(text));
}

/* The file's blocks. */
static void assert_says(const char *wanted)
{
    struct imgz_mapfile map;
    char text[256] = "";
    size_t used = 0;

    imgz_mapfile_init(&map);
    assert_int_equal(imgz_mapfile_load(&name, fixture.latch, &map), 0);
    for (size_t i = 0; i < map.count; i++)
        used +=
            (size_t)snprintf(text + used, sizeof(text) - used, "%s%llu%c", i == 0 ? "" : " ",
                             (unsigned long long)map.blocks[i].bytes, (char)map.blocks[i].status);
    assert_string_equal(text, wanted);
    imgz_mapfile_fini(&map);
}

static void without_a_path_nothing_is_kept(void **state)
{
    struct imgz_map_tracker keep;

    (void)state;
    assert_int_equal(open_keep(&keep, NULL, false), 0);
    imgz_map_tracker_move(&keep, 4096);
    assert_int_equal(imgz_map_tracker_close(&keep, IMGZ_MAP_TRACKER_WHOLE, fixture.latch), 0);
    assert_int_equal(imgz_fixture_count(&fixture), 0);
}

static void it_tells_what_became_of_the_image(void **state)
{
    static const struct {
        enum imgz_map_tracker_end end;
        uint64_t done_bytes;
        const char *says;
    } cases[] = {
        {IMGZ_MAP_TRACKER_WHOLE, DISK_BYTES, "512+ 512- 7168+"},
        {IMGZ_MAP_TRACKER_KEPT, 4096, "512+ 512- 3072+ 4096?"},
        {IMGZ_MAP_TRACKER_LOST, 4096, "512? 512- 7168?"},
    };

    (void)state;
    for (size_t i = 0; i < IMGZ_COUNT_OF(cases); i++) {
        struct imgz_map_tracker keep;

        unlink(path.text);
        imgz_range_list_fini(&bad);
        assert_int_equal(open_keep(&keep, path.text, false), 0);
        assert_says("8192?");
        assert_int_equal(imgz_range_list_add(&bad, 512, 512), 0);
        imgz_map_tracker_move(&keep, cases[i].done_bytes);
        assert_int_equal(imgz_map_tracker_close(&keep, cases[i].end, fixture.latch), 0);
        assert_says(cases[i].says);
        assert_int_equal(imgz_map_tracker_close(&keep, cases[i].end, fixture.latch), 0); /* again */
    }
}

/* Not at every move, but soon after a bad place was found. */
static void it_is_saved_on_the_way(void **state)
{
    struct imgz_map_tracker keep;

    (void)state;
    assert_int_equal(open_keep(&keep, path.text, false), 0);
    imgz_map_tracker_move(&keep, 512);
    assert_says("8192?");
    assert_int_equal(imgz_range_list_add(&bad, 512, 512), 0);
    imgz_map_tracker_move(&keep, 1024);
    assert_says("8192?");
    /* As if time had passed: nobody waits for a test. */
    keep.cost_ns = 0;
    keep.saved_ns -= 300000000;
    imgz_map_tracker_move(&keep, 2048);
    assert_says("512+ 512- 1024+ 6144?");
    keep.cost_ns = 0;
    keep.saved_ns -= 300000000;
    imgz_map_tracker_move(&keep, 4096);
    assert_says("512+ 512- 1024+ 6144?");
    keep.saved_ns -= 1000000000;
    imgz_map_tracker_move(&keep, 4096);
    assert_says("512+ 512- 3072+ 4096?");
    /* Saving that took long is not done again soon. */
    keep.cost_ns = 1000000000;
    keep.saved_ns -= 10000000000;
    imgz_map_tracker_move(&keep, 8192);
    assert_says("512+ 512- 3072+ 4096?");
    assert_int_equal(imgz_map_tracker_close(&keep, IMGZ_MAP_TRACKER_WHOLE, fixture.latch), 0);
    assert_says("512+ 512- 7168+");
}

/* A rescue does not end because its map cannot be written for a while. */
static void a_failure_on_the_way_is_not_the_end(void **state)
{
    struct imgz_map_tracker keep;

    (void)state;
    assert_int_equal(open_keep(&keep, path.text, false), 0);
    assert_int_equal(mkdir(imgz_fixture_path(&fixture, "map.partial").text, 0700), 0);
    keep.cost_ns = 0;
    keep.saved_ns -= 2000000000;
    imgz_map_tracker_move(&keep, 4096);
    assert_false(imgz_latch_raised(fixture.latch));
    assert_says("8192?");
    assert_int_equal(imgz_map_tracker_close(&keep, IMGZ_MAP_TRACKER_KEPT, fixture.latch), -EEXIST);
    assert_non_null(strstr(imgz_latch_error(fixture.latch)->text, "map.partial"));
    rmdir(imgz_fixture_path(&fixture, "map.partial").text);
}

static void a_map_of_another_image_is_kept(void **state)
{
    struct imgz_map_tracker keep;

    (void)state;
    write_map("0 ? 1\n0 4096 +\n4096 512 -\n4608 3584 +\n");
    assert_int_equal(open_keep(&keep, path.text, true), 0);
    assert_says("8192?");
    imgz_map_tracker_move(&keep, 512);
    assert_int_equal(imgz_map_tracker_close(&keep, IMGZ_MAP_TRACKER_LOST, fixture.latch), 0);
    assert_says("4096+ 512- 3584+");
    assert_int_equal(open_keep(&keep, path.text, false), -EEXIST);
    assert_non_null(strstr(imgz_latch_error(fixture.latch)->text, "(7680 bytes) were read before"));
    assert_says("4096+ 512- 3584+");
}

/* Only begin() knows whether anything is there to resume. */
static void what_is_resumed_is_gone_on_with(void **state)
{
    struct imgz_map_tracker keep;

    (void)state;
    write_map("0 ? 1\n0 512 +\n512 512 -\n1024 3072 +\n4096 4096 ?\n");
    assert_int_equal(load_keep(&keep, path.text, false, true), 0);
    assert_says("512+ 512- 3072+ 4096?");
    assert_int_equal(imgz_map_tracker_begin(&keep, IMGZ_MAP_TRACKER_ANEW, 0, fixture.latch),
                     -EEXIST);
    assert_int_equal(imgz_map_tracker_close(&keep, IMGZ_MAP_TRACKER_KEPT, fixture.latch), 0);
    assert_says("512+ 512- 3072+ 4096?");
    assert_int_equal(load_keep(&keep, path.text, false, true), 0);
    assert_int_equal(imgz_range_list_add(&bad, 512, 512), 0);
    assert_int_equal(imgz_map_tracker_begin(&keep, IMGZ_MAP_TRACKER_ON, 2048, fixture.latch), 0);
    assert_says("512+ 512- 1024+ 6144?");
    imgz_map_tracker_move(&keep, 8192);
    assert_int_equal(imgz_map_tracker_close(&keep, IMGZ_MAP_TRACKER_WHOLE, fixture.latch), 0);
    assert_says("512+ 512- 7168+");
}

static void a_map_with_nothing_finished_is_begun_anew(void **state)
{
    struct imgz_map_tracker keep;

    (void)state;
    write_map("0 ? 1\n0 4096 ?\n4096 512 -\n");
    assert_int_equal(open_keep(&keep, path.text, false), 0);
    assert_says("8192?");
    assert_int_equal(imgz_map_tracker_close(&keep, IMGZ_MAP_TRACKER_LOST, fixture.latch), 0);
}

static void names_must_not_clash(void **state)
{
    static const struct {
        const char *map;
        const char *image;
        const char *source;
        int rc;
    } cases[] = {
        {"map", "image", "source", 0},
        {"map", "image", "map.partial.partial", 0},
        {"map", "map.map", "source", 0},
        {"map", "map", "source", -EINVAL},
        {"map", "./map", "source", -EINVAL},
        {"image.partial", "image", "source", -EINVAL},
        {"image.partial.map", "image", "source", -EINVAL},
        {"map", "map.partial", "source", -EINVAL},
        {"source", "image", "source", -EINVAL},
        {"source", "image", "source.partial", -EINVAL},
    };
    struct stat source;

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const struct imgz_fixture_path map = imgz_fixture_path(&fixture, cases[i].map);
        const struct imgz_fixture_path image = imgz_fixture_path(&fixture, cases[i].image);
        const struct imgz_fixture_path source_path = imgz_fixture_path(&fixture, cases[i].source);
        struct imgz_name map_name;

        imgz_fixture_write(&fixture, cases[i].source, "", 0);
        assert_int_equal(stat(source_path.text, &source), 0);
        assert_int_equal(imgz_map_tracker_open_name(&map_name, map.text, fixture.latch), 0);
        assert_int_equal(imgz_map_tracker_check_names(&map_name, image.text, &source,
                                                      fixture.latch),
                         cases[i].rc);
        imgz_name_close(&map_name);
        imgz_fixture_renew_stop(&fixture);
        assert_int_equal(unlink(source_path.text), 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(without_a_path_nothing_is_kept, set_up, tear_down),
        cmocka_unit_test_setup_teardown(it_tells_what_became_of_the_image, set_up, tear_down),
        cmocka_unit_test_setup_teardown(it_is_saved_on_the_way, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_failure_on_the_way_is_not_the_end, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_map_of_another_image_is_kept, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_is_resumed_is_gone_on_with, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_map_with_nothing_finished_is_begun_anew, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(names_must_not_clash, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
