/* SPDX-License-Identifier: MIT */
#include "io/ddmap/mapfile.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "own_fixture.h"

static struct imgz_mapfile parse(const char *text)
{
    struct imgz_mapfile_problem problem;
    struct imgz_mapfile map;

    imgz_mapfile_init(&map);
    assert_int_equal(imgz_mapfile_parse(text, strlen(text), &map, &problem), 0);
    return map;
}

/* The blocks as "offset+bytes status" with blanks between. */
static void assert_blocks(const struct imgz_mapfile *map, const char *wanted)
{
    char text[512] = "";
    size_t used = 0;

    for (size_t i = 0; i < map->count; i++)
        used +=
            (size_t)snprintf(text + used, sizeof(text) - used, "%s%llu+%llu%c", i == 0 ? "" : " ",
                             (unsigned long long)map->blocks[i].offset,
                             (unsigned long long)map->blocks[i].bytes, (char)map->blocks[i].status);
    assert_string_equal(text, wanted);
}

/* ---- Parsing ------------------------------------------------------------------------------ */

static const char manual_example[] = "# Mapfile. Created by GNU ddrescue version 1.27\n"
                                     "# Command line: ddrescue -d -c18 /dev/fd0 fdimage mapfile\n"
                                     "# current_pos  current_status  current_pass\n"
                                     "0x00120000     ?               1\n"
                                     "#      pos        size  status\n"
                                     "0x00000000  0x00117000  +\n"
                                     "0x00117000  0x00000200  -\n"
                                     "0x00117200  0x00001000  /\n"
                                     "0x00118200  0x00007E00  *\n"
                                     "0x00120000  0x00048000  ?\n";

static void the_manuals_example_is_read(void **state)
{
    struct imgz_mapfile map = parse(manual_example);

    (void)state;
    assert_blocks(&map, "0+1142784+ 1142784+512- 1143296+4096/ 1147392+32256* 1179648+294912?");
    assert_int_equal(imgz_mapfile_end(&map), 1474560);
    assert_int_equal(imgz_mapfile_settled_bytes(&map), 1143296);
    assert_int_equal(imgz_mapfile_bytes(&map, IMGZ_MAPFILE_BAD), 512);
    assert_int_equal(imgz_mapfile_bytes(&map, IMGZ_MAPFILE_UNTRIED), 294912);
    imgz_mapfile_fini(&map);
}

static void what_people_write_is_read(void **state)
{
    static const struct {
        const char *text;
        const char *blocks;
    } cases[] = {
        {"", ""},
        {"# only a comment", ""},
        {"0x0 + 1\n", ""},
        {"0 +\n0 512 +", "0+512+"},                         /* before ddrescue 1.20 */
        {"0 ? 1\n0 01000 +\n0x200 1 -\n", "0+512+ 512+1-"}, /* octal, as C has it */
        {"\r\n 0 ? 1\t\r\n\t0x0\t0X20 + # here\r\n\n", "0+32+"},
        {"0 F 1\n0 1 +\n1 1 +\n2 1 -\n", "0+2+ 2+1-"}, /* neighbours of one status */
        {"0 G 1\n1024 512 +\n", "0+1024? 1024+512+"},  /* begins later */
        {"0 ? 1\n0 0x7fffffffffffffff ?\n", "0+9223372036854775807?"},
    };

    (void)state;
    for (size_t i = 0; i < IMGZ_COUNT_OF(cases); i++) {
        struct imgz_mapfile map = parse(cases[i].text);

        assert_blocks(&map, cases[i].blocks);
        imgz_mapfile_fini(&map);
    }
}

static void what_is_no_map_is_refused(void **state)
{
    static const struct {
        const char *text;
        uint64_t line;
        const char *what;
    } cases[] = {
        {"hello, disk\n", 1, "POSITION STATUS PASS"},
        {"# c\n\n-1 ? 1\n", 3, "POSITION STATUS PASS"},
        {"0 x 1\n", 1, "run's status must"},
        {"0 ?? 1\n", 1, "run's status must"},
        {"0\n", 1, "run's status must"},
        {"0 ? one\n", 1, "POSITION"},
        {"0 ? 1 2\n", 1, "unexpected text"},
        {"0 ? 1\n0\n", 2, "OFFSET SIZE STATUS"},
        {"0 ? 1\n0 512\n", 2, "block's status must"},
        {"0 ? 1\n0 512 F\n", 2, "block's status must"},
        {"0 ? 1\n0 512 + 7\n", 2, "unexpected text"},
        {"0 ? 1\n0 512 +#\n", 2, "block's status must"},
        {"0 ? 1\n0 512K +\n", 2, "OFFSET SIZE STATUS"},
        {"0 ? 1\n0 0x +\n", 2, "OFFSET SIZE STATUS"},
        {"0 ? 1\n0 08 +\n", 2, "OFFSET SIZE STATUS"},
        {"0 ? 1\n0 0 +\n", 2, "no bytes"},
        {"0 ? 1\n0 9223372036854775808 +\n", 2, "too large"},
        {"0 ? 1\n0 99999999999999999999999 +\n", 2, "too large"},
        {"0 ? 1\n1 0x7fffffffffffffff +\n", 2, "too many"},
        {"0 ? 1\n0 512 +\n1024 512 -\n", 3, "does not start where"},
        {"0 ? 1\n0 512 +\n\n256 512 -\n", 4, "does not start where"},
        {"0 ? 1\n0 512 +\n0 512 +\n", 3, "does not start where"},
    };

    (void)state;
    for (size_t i = 0; i < IMGZ_COUNT_OF(cases); i++) {
        struct imgz_mapfile_problem problem = {0};
        struct imgz_mapfile map;

        imgz_mapfile_init(&map);
        assert_int_equal(imgz_mapfile_parse(cases[i].text, strlen(cases[i].text), &map, &problem),
                         -EBADMSG);
        assert_int_equal(problem.line, cases[i].line);
        assert_non_null(strstr(problem.what, cases[i].what));
        assert_int_equal(map.count, 0);
        assert_null(map.blocks);
    }
}

/* A NUL is no status, though strchr() finds it in every string. */
static void a_nul_is_refused(void **state)
{
    static const char text[] = "0 \0 1\n";
    struct imgz_mapfile_problem problem;
    struct imgz_mapfile map;

    (void)state;
    imgz_mapfile_init(&map);
    assert_int_equal(imgz_mapfile_parse(text, sizeof(text) - 1, &map, &problem), -EBADMSG);
}

/* ---- Making and asking -------------------------------------------------------------------- */

static void a_map_is_made_of_what_is_known(void **state)
{
    struct imgz_mapfile map;
    struct imgz_range_list bad;

    (void)state;
    imgz_range_list_init(&bad);
    imgz_mapfile_init(&map);
    assert_int_equal(imgz_mapfile_make(&map, 0, 0, IMGZ_MAPFILE_FINISHED, &bad), 0);
    assert_blocks(&map, "");
    assert_int_equal(imgz_range_list_add(&bad, 0, 512), 0);
    assert_int_equal(imgz_range_list_add(&bad, 1024, 1024), 0);
    assert_int_equal(imgz_mapfile_make(&map, 8192, 2048, IMGZ_MAPFILE_FINISHED, &bad), 0);
    assert_blocks(&map, "0+512- 512+512+ 1024+1024- 2048+6144?");
    assert_int_equal(imgz_mapfile_settled_bytes(&map), 2048);
    imgz_mapfile_fini(&map);
    assert_int_equal(imgz_mapfile_make(&map, 4096, 4096, IMGZ_MAPFILE_FINISHED, &bad), 0);
    assert_blocks(&map, "0+512- 512+512+ 1024+1024- 2048+2048+");
    assert_int_equal(imgz_mapfile_settled_bytes(&map), 4096);
    imgz_mapfile_fini(&map);
    assert_int_equal(imgz_mapfile_make(&map, 4096, 3000, IMGZ_MAPFILE_UNTRIED, &bad), 0);
    assert_blocks(&map, "0+512- 512+512? 1024+1024- 2048+2048?");
    imgz_mapfile_fini(&map);
    assert_int_equal(imgz_mapfile_make(&map, 4096, 1536, IMGZ_MAPFILE_FINISHED, &bad), 0);
    assert_blocks(&map, "0+512- 512+512+ 1024+512- 1536+2560?");
    imgz_mapfile_fini(&map);
    assert_int_equal(imgz_mapfile_make(&map, 4096, 1024, IMGZ_MAPFILE_FINISHED, &bad), 0);
    assert_blocks(&map, "0+512- 512+512+ 1024+3072?");
    imgz_mapfile_fini(&map);
    imgz_range_list_fini(&bad);
}

static void it_tells_what_is_bad_and_what_is_missing(void **state)
{
    struct imgz_mapfile map =
        parse("0 ? 1\n0 512 -\n512 512 +\n1024 1024 -\n2048 512 /\n2560 512 *\n3072 512 +\n");
    struct imgz_range_list list;

    (void)state;
    imgz_range_list_init(&list);
    assert_int_equal(imgz_mapfile_add_bad(&map, 1536, &list), 0);
    assert_int_equal(list.count, 2);
    assert_int_equal(list.bytes, 1024);
    assert_int_equal(list.ranges[1].offset, 1024);
    assert_int_equal(list.ranges[1].bytes, 512);
    imgz_range_list_fini(&list);
    assert_int_equal(imgz_mapfile_add_bad(&map, 512, &list), 0);
    assert_int_equal(list.count, 1);
    imgz_range_list_fini(&list);
    assert_int_equal(imgz_mapfile_add_missing(&map, &list), 0);
    assert_int_equal(list.count, 2); /* neighbours make one range */
    assert_int_equal(list.ranges[1].offset, 1024);
    assert_int_equal(list.ranges[1].bytes, 2048);
    imgz_range_list_fini(&list);
    imgz_mapfile_fini(&map);
}

static void it_is_fitted_to_a_source(void **state)
{
    struct imgz_mapfile map = parse("0 ? 1\n0 512 +\n512 0x7ffffffffffffdff ?\n");

    (void)state;
    assert_int_equal(imgz_mapfile_fit(&map, 4096), 0);
    assert_blocks(&map, "0+512+ 512+3584?");
    assert_int_equal(imgz_mapfile_fit(&map, 4096), 0);
    assert_int_equal(imgz_mapfile_fit(&map, 512), 0);
    assert_blocks(&map, "0+512+");
    assert_int_equal(imgz_mapfile_fit(&map, 1024), 0);
    assert_blocks(&map, "0+512+ 512+512?");
    assert_int_equal(imgz_mapfile_fit(&map, 511), -ERANGE);
    imgz_mapfile_fini(&map);
    map = parse("0 ? 1\n0 512 -\n");
    assert_int_equal(imgz_mapfile_fit(&map, 511), -ERANGE);
    imgz_mapfile_fini(&map);
    assert_int_equal(imgz_mapfile_fit(&map, 0), 0);
    assert_int_equal(imgz_mapfile_fit(&map, 512), 0);
    assert_blocks(&map, "0+512?");
    imgz_mapfile_fini(&map);
}

/* ---- Files -------------------------------------------------------------------------------- */

static int save(const struct imgz_mapfile *map, const char *path)
{
    struct imgz_name name;
    int rc = imgz_name_open(&name, path);

    if (rc == 0)
        rc = imgz_mapfile_save(map, &name, 0x120000, false);
    imgz_name_close(&name);
    return rc;
}

static int load(struct imgz_mapfile *map, const char *path)
{
    struct imgz_name name;
    int rc = imgz_name_open(&name, path);

    if (rc == 0)
        rc = imgz_mapfile_load(&name, fixture.latch, map);
    imgz_name_close(&name);
    return rc;
}

static void what_is_saved_is_loaded(void **state)
{
    const struct imgz_fixture_path path = imgz_fixture_path(&fixture, "map");
    struct imgz_mapfile map = parse(manual_example);
    struct imgz_mapfile again;

    (void)state;
    imgz_mapfile_init(&again);
    assert_int_equal(load(&again, path.text), -ENOENT);
    assert_false(imgz_latch_raised(fixture.latch));
    assert_int_equal(save(&map, path.text), 0);
    imgz_fixture_write(&fixture, "map.partial", "left", 4); /* by a killed run */
    assert_int_equal(save(&map, path.text), 0);
    assert_int_equal(imgz_fixture_count(&fixture), 1);
    assert_int_equal(load(&again, path.text), 0);
    assert_blocks(&again, "0+1142784+ 1142784+512- 1143296+4096/ 1147392+32256* 1179648+294912?");
    imgz_mapfile_fini(&again);
    imgz_mapfile_fini(&map);
}

/* The link stays, and what it points to is replaced. */
static void a_link_is_followed(void **state)
{
    const struct imgz_fixture_path link = imgz_fixture_path(&fixture, "link");
    struct imgz_mapfile map = parse("0 ? 1\n0 512 +\n");
    struct stat status;

    (void)state;
    imgz_fixture_write(&fixture, "real", "", 0);
    assert_int_equal(symlink("real", link.text), 0);
    assert_int_equal(save(&map, link.text), 0);
    assert_int_equal(lstat(link.text, &status), 0);
    assert_true(S_ISLNK(status.st_mode));
    assert_int_equal(stat(link.text, &status), 0);
    assert_true(status.st_size > 0);
    imgz_mapfile_fini(&map);
}

static void only_plain_files_are_maps(void **state)
{
    const struct imgz_fixture_path fifo = imgz_fixture_path(&fixture, "fifo");
    struct imgz_mapfile map = parse("0 ? 1\n0 512 +\n");
    struct imgz_mapfile none;

    (void)state;
    imgz_mapfile_init(&none);
    assert_int_equal(mkfifo(fifo.text, 0600), 0);
    assert_int_equal(save(&map, fifo.text), -EEXIST);
    assert_int_equal(save(&map, fixture.folder), -EEXIST);
    assert_int_equal(save(&map, "/dev/null"), -EEXIST);
    assert_int_equal(save(&map, imgz_fixture_path(&fixture, "no/map").text), -ENOENT);
    assert_int_equal(load(&none, fifo.text), -EEXIST);
    assert_non_null(strstr(imgz_latch_error(fixture.latch)->text, "not a regular file"));
    imgz_mapfile_fini(&map);
}

/* What stands where the temporary file would be is not followed, nor removed. */
static void a_link_in_the_way_is_left(void **state)
{
    const struct imgz_fixture_path path = imgz_fixture_path(&fixture, "map");
    struct imgz_mapfile map = parse("0 ? 1\n0 512 +\n");

    (void)state;
    imgz_fixture_write(&fixture, "victim", "precious", 8);
    assert_int_equal(symlink("victim", imgz_fixture_path(&fixture, "map.partial").text), 0);
    assert_int_equal(save(&map, path.text), -EEXIST);
    assert_true(imgz_fixture_holds(&fixture, "victim", "precious", 8));
    assert_false(imgz_fixture_exists(&fixture, "map"));
    imgz_mapfile_fini(&map);
}

static void a_bad_line_is_named(void **state)
{
    static const char text[] = "0 ? 1\n0 512 +\n513 512 -\n";
    struct imgz_mapfile map;

    (void)state;
    imgz_mapfile_init(&map);
    imgz_fixture_write(&fixture, "map", text, sizeof(text) - 1);
    assert_int_equal(load(&map, imgz_fixture_path(&fixture, "map").text), -EBADMSG);
    assert_non_null(strstr(imgz_latch_error(fixture.latch)->text, "line 3: the block does not"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_manuals_example_is_read),
        cmocka_unit_test(what_people_write_is_read),
        cmocka_unit_test(what_is_no_map_is_refused),
        cmocka_unit_test(a_nul_is_refused),
        cmocka_unit_test(a_map_is_made_of_what_is_known),
        cmocka_unit_test(it_tells_what_is_bad_and_what_is_missing),
        cmocka_unit_test(it_is_fitted_to_a_source),
        cmocka_unit_test_setup_teardown(what_is_saved_is_loaded, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_link_is_followed, set_up, tear_down),
        cmocka_unit_test_setup_teardown(only_plain_files_are_maps, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_link_in_the_way_is_left, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_bad_line_is_named, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
