/* SPDX-License-Identifier: MIT */
#include "job/common/unreadable.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "job/common/provenance.h"

#define DISK_BYTES 8000u /* the last sector is short */

static struct imgz_mapfile make_map(const char *text, uint64_t size_bytes)
{
    struct imgz_mapfile_problem problem;
    struct imgz_mapfile map;

    imgz_mapfile_init(&map);
    assert_int_equal(imgz_mapfile_parse(text, strlen(text), &map, &problem), 0);
    assert_int_equal(imgz_mapfile_fit(&map, size_bytes), 0);
    return map;
}

/* Finds what is missing; the ranges as "offset+bytes" with blanks between. */
static int find(const char *map_text, const char *recorded, char text[256])
{
    struct imgz_mapfile map = make_map(map_text, DISK_BYTES);
    struct imgz_range_list list;
    struct imgz_meta meta;
    size_t used = 0;
    int rc;

    imgz_range_list_init(&list);
    imgz_meta_init(&meta);
    assert_int_equal(imgz_meta_add(&meta, "unreadable.ranges", recorded), 0);
    rc = imgz_unreadable_find(&map, &meta, DISK_BYTES, &list);
    text[0] = '\0';
    for (size_t i = 0; rc == 0 && i < list.count; i++)
        used += (size_t)snprintf(text + used, 256 - used, "%s%llu+%llu", i == 0 ? "" : " ",
                                 (unsigned long long)list.ranges[i].offset,
                                 (unsigned long long)list.ranges[i].bytes);
    imgz_range_list_fini(&list);
    imgz_mapfile_fini(&map);
    imgz_meta_fini(&meta);
    return rc;
}

static void both_words_count(void **state)
{
    static const struct {
        const char *map;
        const char *recorded;
        const char *wanted;
    } cases[] = {
        {"0 + 1\n0 8000 +\n", "", ""},
        {"0 + 1\n0 512 +\n512 512 -\n1024 6976 +\n", "", "512+512"},
        {"0 + 1\n0 8000 +\n", "512+512 7680+320", "512+512 7680+320"},
        {"0 + 1\n0 512 +\n512 512 *\n1024 6976 +\n", "512+512", "512+512"},
        {"0 + 1\n0 512 +\n512 512 /\n1024 6976 +\n", "0+512 1024+512", "0+1536"},
        {"0 + 1\n0 1024 ?\n1024 6976 +\n", "512+2048 4096+512", "0+2560 4096+512"},
        {"0 + 1\n0 4096 +\n", "0+512", "0+512 4096+3904"}, /* ends early */
        {"0 + 1\n0 700 +\n700 1 -\n701 7299 +\n", "", "512+512"},
        {"0 + 1\n0 100 -\n100 100 +\n200 100 -\n300 7700 +\n", "", "0+512"},
        {"0 + 1\n0 7990 +\n7990 1 -\n7991 9 +\n", "", "7680+320"},
    };
    char text[256];

    (void)state;
    for (size_t i = 0; i < IMGZ_COUNT_OF(cases); i++) {
        assert_int_equal(find(cases[i].map, cases[i].recorded, text), 0);
        assert_string_equal(text, cases[i].wanted);
    }
}

static void a_list_that_cannot_be_right_is_refused(void **state)
{
    static const char *const cases[] = {
        "x",
        "512",
        "512+",
        "+512",
        "512+0",
        "512+512,1024+512",
        "1024+512 512+512",
        "512+512 700+1",
        "7680+321",
        "8001+1",
        "512+18446744073709551615",
        "18446744073709551616+1",
        "512+512 x",
    };
    char text[256];

    (void)state;
    for (size_t i = 0; i < IMGZ_COUNT_OF(cases); i++)
        assert_int_equal(find("0 + 1\n0 8000 +\n", cases[i], text), -EBADMSG);
}

struct word {
    const char *ranges;
    const char *bytes;
    const char *count;
};

static int read_word(const struct word *word, uint64_t size_bytes,
                     struct imgz_unreadable_record *record)
{
    struct imgz_meta meta;
    int rc;

    imgz_meta_init(&meta);
    assert_int_equal(imgz_meta_add(&meta, "unreadable.ranges", word->ranges), 0);
    assert_int_equal(imgz_meta_add(&meta, "unreadable.bytes", word->bytes), 0);
    assert_int_equal(imgz_meta_add(&meta, "unreadable.range-count", word->count), 0);
    rc = imgz_unreadable_read(&meta, size_bytes, record);
    imgz_meta_fini(&meta);
    return rc;
}

static void numbers_that_do_not_fit_the_list_are_refused(void **state)
{
    static const struct word good[] = {
        {"512+512", "512", "1"}, {"512+512", "", ""}, {"", "", ""}, {"", "0", "0"}};
    static const struct word bad[] = {
        {"", "512", "1"},
        {"512+512", "511", "1"},
        {"512+512", "513", "1"},
        {"512+512", "512", "0"},
        {"512+512", "512", "2"},
        {"512+512", "1024", "2"}, /* both of two are listed */
        {"512+512", "512 ", "1"},
        {"512+512", "512", "x"},
        {"512+512", "18446744073709551616", "1"},
        {"512+512 1024+512", "1024", "2"}, /* they are one */
    };
    struct imgz_unreadable_record record;

    (void)state;
    for (size_t i = 0; i < IMGZ_COUNT_OF(bad); i++)
        assert_int_equal(read_word(&bad[i], DISK_BYTES, &record), -EBADMSG);
    for (size_t i = 0; i < IMGZ_COUNT_OF(good); i++) {
        assert_int_equal(read_word(&good[i], DISK_BYTES, &record), 0);
        assert_int_equal(record.listed.bytes, good[i].ranges[0] == '\0' ? 0 : 512);
        assert_int_equal(record.unlisted_bytes, 0);
        assert_int_equal(record.unlisted_count, 0);
        imgz_range_list_fini(&record.listed);
    }
}

/* As many ranges as are listed, of a byte each, with one between; to be freed. */
static char *make_full_list(void)
{
    const size_t bytes = IMGZ_PROVENANCE_RANGES_MAX * 8;
    char *text = malloc(bytes);
    size_t used = 0;

    assert_non_null(text);
    for (unsigned i = 0; i < IMGZ_PROVENANCE_RANGES_MAX; i++)
        used += (size_t)snprintf(text + used, bytes - used, "%s%u+1", i == 0 ? "" : " ", 2 * i);
    return text;
}

#define FULL_LIST_BYTES (2 * IMGZ_PROVENANCE_RANGES_MAX - 1)

static void what_a_full_list_leaves_out_is_counted(void **state)
{
    static const struct {
        const char *bytes;
        const char *count;
        int rc;
        uint64_t unlisted_bytes;
        uint64_t unlisted_count;
    } cases[] = {
        {"4096", "4096", 0, 0, 0},        {"4098", "4097", 0, 2, 1},
        {"4098", "4098", 0, 2, 2},        {"4116", "4097", 0, 20, 1}, /* all that there is */
        {"4117", "4097", -EBADMSG, 0, 0}, {"4098", "4099", -EBADMSG, 0, 0},
        {"4098", "4096", -EBADMSG, 0, 0}, {"4096", "4097", -EBADMSG, 0, 0},
    };
    struct imgz_unreadable_record record;
    char *text = make_full_list();

    (void)state;
    for (size_t i = 0; i < IMGZ_COUNT_OF(cases); i++) {
        const struct word word = {text, cases[i].bytes, cases[i].count};

        assert_int_equal(read_word(&word, FULL_LIST_BYTES + 20, &record), cases[i].rc);
        if (cases[i].rc < 0)
            continue;
        assert_int_equal(record.listed.count, IMGZ_PROVENANCE_RANGES_MAX);
        assert_int_equal(record.unlisted_bytes, cases[i].unlisted_bytes);
        assert_int_equal(record.unlisted_count, cases[i].unlisted_count);
        imgz_range_list_fini(&record.listed);
    }
    free(text);
}

static void what_a_full_list_leaves_out_is_missing(void **state)
{
    /* A sector lies behind the one where the list ends; 20 bytes are there that are not listed. */
    static const struct {
        const char *map;
        uint64_t missing_bytes; /* of the last two sectors */
    } cases[] = {
        {"0 + 1\n0 9216 +\n", 1024},
        {"0 + 1\n0 9000 +\n9000 19 -\n9019 197 +\n", 1024},
        {"0 + 1\n0 9000 +\n9000 20 -\n9020 196 +\n", 512},
        {"0 + 1\n0 20 -\n20 9196 +\n", 1024}, /* it has others */
        {"0 + 1\n0 9196 +\n", 512},
    };
    char *text = make_full_list();
    struct imgz_meta meta;

    (void)state;
    imgz_meta_init(&meta);
    assert_int_equal(imgz_meta_add(&meta, "unreadable.ranges", text), 0);
    assert_int_equal(imgz_meta_add_number(&meta, "unreadable.bytes", 4096 + 20), 0);
    assert_int_equal(imgz_meta_add_number(&meta, "unreadable.range-count", 4096 + 1), 0);
    for (size_t i = 0; i < IMGZ_COUNT_OF(cases); i++) {
        struct imgz_mapfile map = make_map(cases[i].map, 9216);
        struct imgz_range_list list;

        imgz_range_list_init(&list);
        assert_int_equal(imgz_unreadable_find(&map, &meta, 9216, &list), 0);
        assert_int_equal(list.bytes, 8192 + cases[i].missing_bytes);
        imgz_range_list_fini(&list);
        imgz_mapfile_fini(&map);
    }
    imgz_meta_fini(&meta);
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(both_words_count),
        cmocka_unit_test(a_list_that_cannot_be_right_is_refused),
        cmocka_unit_test(numbers_that_do_not_fit_the_list_are_refused),
        cmocka_unit_test(what_a_full_list_leaves_out_is_counted),
        cmocka_unit_test(what_a_full_list_leaves_out_is_missing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
