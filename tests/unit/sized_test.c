/* SPDX-License-Identifier: MIT */
/*
 * Structs that cross the border: programs that are older or newer than the library, and those that
 * forgot to say how large their structs are.
 */
#include "base/sized.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <imgz/imgz.h>

#include "fixture.h"

/* A program older than the library knows the first of these, one that is newer the last. */
struct old_thing {
    uint32_t struct_bytes;
    uint32_t first;
};

struct thing {
    uint32_t struct_bytes;
    uint32_t first;
    uint64_t second;
};

struct new_thing {
    uint32_t struct_bytes;
    uint32_t first;
    uint64_t second;
    uint64_t third;
};

/* ---- The mechanism ------------------------------------------------------------------------- */

static void tells_what_was_set_up(void **state)
{
    static const struct {
        uint32_t struct_bytes;
        bool is_set_up;
    } cases[] = {
        {0, false},    {4, false},     {5, true},           {16, true},
        {65536, true}, {65537, false}, {UINT32_MAX, false},
    };
    const struct thing *none = NULL;

    (void)state;
    for (size_t i = 0; i < IMGZ_COUNT_OF(cases); i++) {
        const struct thing thing = {.struct_bytes = cases[i].struct_bytes};

        assert_int_equal(IMGZ_SIZED_IS_SET_UP(&thing), cases[i].is_set_up);
    }
    assert_true(IMGZ_SIZED_IS_SET_UP(none));
}

static void gives_what_there_is_room_for(void **state)
{
    const struct thing ours = {.first = 1, .second = 2};
    struct {
        struct old_thing thing;
        unsigned char behind[16];
    } old;
    struct new_thing new;
    struct thing same;

    (void)state;
    memset(&old, 0xaa, sizeof(old));
    memset(&new, 0xaa, sizeof(new));
    memset(&same, 0xaa, sizeof(same));
    old.thing.struct_bytes = sizeof(old.thing);
    new.struct_bytes = sizeof(new);
    same.struct_bytes = sizeof(same);
    IMGZ_SIZED_GIVE(&old.thing, &ours);
    IMGZ_SIZED_GIVE(&new, &ours);
    IMGZ_SIZED_GIVE(&same, &ours);
    assert_int_equal(old.thing.struct_bytes, sizeof(old.thing));
    assert_int_equal(old.thing.first, 1);
    for (size_t i = 0; i < sizeof(old.behind); i++)
        assert_int_equal(old.behind[i], 0xaa);
    assert_int_equal(new.struct_bytes, sizeof(new));
    assert_int_equal(new.first, 1);
    assert_int_equal(new.second, 2);
    assert_int_equal(new.third, 0);
    assert_int_equal(same.struct_bytes, sizeof(same));
    assert_int_equal(same.second, 2);
}

static void takes_what_it_knows(void **state)
{
    const struct thing defaults = {.struct_bytes = sizeof(struct thing), .first = 7, .second = 8};
    const struct old_thing old = {.struct_bytes = sizeof(old), .first = 1};
    struct new_thing new = {.struct_bytes = sizeof(new), .first = 1, .second = 2};
    struct thing ours = defaults;

    (void)state;
    assert_int_equal(IMGZ_SIZED_TAKE(&ours, &old), 0);
    assert_int_equal(ours.first, 1);
    assert_int_equal(ours.second, 8);
    assert_int_equal(ours.struct_bytes, sizeof(ours));
    assert_int_equal(IMGZ_SIZED_TAKE(&ours, &new), 0);
    assert_int_equal(ours.second, 2);
    new.third = (uint64_t)1 << 63;
    ours = defaults;
    assert_int_equal(IMGZ_SIZED_TAKE(&ours, &new), -E2BIG);
    assert_int_equal(ours.first, 7);
}

/* ---- Jobs ---------------------------------------------------------------------------------- */

/* A struct of a program compiled with a header that knows more, which follows it. */
#define NEWER(type)                                                                                \
    struct {                                                                                       \
        struct type known;                                                                         \
        unsigned char unknown[200];                                                                \
    }

static void old_program(void **state)
{
    struct imgz_options options;
    struct imgz_report report;
    struct imgz_error error;

    (void)state;
    /* It knows nothing behind these, and has something else there. */
    memset(&options, 0xaa, sizeof(options));
    memset(&report, 0xaa, sizeof(report));
    memset(&error, 0xaa, sizeof(error));
    imgz_options_init(&options, offsetof(struct imgz_options, digests));
    report.struct_bytes = offsetof(struct imgz_report, zero_bytes);
    error.struct_bytes = offsetof(struct imgz_error, path);
    assert_int_equal(imgz_hash("no-such-disk", &options, &report, &error), -ENOENT);
    assert_int_equal(error.code, -ENOENT);
    assert_int_equal((unsigned char)error.path[0], 0xaa);
    assert_int_equal(report.raw_bytes, 0);
    assert_int_equal(report.zero_bytes, 0xaaaaaaaaaaaaaaaa);
}

static void new_program(void **state)
{
    static NEWER(imgz_options) options;
    static NEWER(imgz_report) report;
    static NEWER(imgz_error) error;

    (void)state;
    memset(report.unknown, 0xaa, sizeof(report.unknown));
    memset(error.unknown, 0xaa, sizeof(error.unknown));
    imgz_options_init(&options.known, sizeof(options));
    report.known.struct_bytes = sizeof(report);
    error.known.struct_bytes = sizeof(error);
    assert_int_equal(imgz_hash("no-such-disk", &options.known, &report.known, &error.known),
                     -ENOENT);
    for (size_t i = 0; i < sizeof(report.unknown); i++)
        assert_int_equal(report.unknown[i] + error.unknown[i], 0);
    options.unknown[0] = 1; /* asks for what this library cannot do */
    assert_int_equal(imgz_hash("no-such-disk", &options.known, NULL, &error.known), -EINVAL);
    assert_int_equal(error.known.kind, IMGZ_ERROR_USAGE);
    assert_non_null(strstr(error.known.text, "does not know"));
}

static void forgotten(void **state)
{
    struct imgz_options options;
    struct imgz_bench_result result = {.struct_bytes = 0};
    struct imgz_report report = {.struct_bytes = 0};
    struct imgz_error error = {.struct_bytes = sizeof(error)};
    struct imgz_error unsized = {.struct_bytes = 0};
    struct imgz_devices *devices = NULL;
    struct imgz_image *image = NULL;

    (void)state;
    memset(&options, 0, sizeof(options));
    assert_int_equal(imgz_hash("no-such-disk", &options, NULL, &error), -EINVAL);
    assert_int_equal(error.kind, IMGZ_ERROR_USAGE);
    assert_non_null(strstr(error.text, "imgz_options_init()"));
    assert_int_equal(imgz_capture("no-such-disk", "image", &options, NULL, NULL), -EINVAL);
    assert_int_equal(imgz_image_open_with("no-such-image", &options, &image, NULL), -EINVAL);
    assert_int_equal(imgz_hash("no-such-disk", NULL, &report, &error), -EINVAL);
    assert_non_null(strstr(error.text, "struct imgz_report"));
    assert_int_equal(imgz_bench(NULL, NULL, &result, &error), -EINVAL);
    assert_non_null(strstr(error.text, "struct imgz_bench_result"));
    assert_int_equal(imgz_hash("no-such-disk", NULL, NULL, &unsized), -EINVAL);
    assert_int_equal(imgz_devices_list(&devices, &unsized), -EINVAL);
    assert_int_equal(unsized.code, 0);
}

/* ---- Progress ------------------------------------------------------------------------------ */

struct newer_progress {
    struct imgz_progress known;
    uint64_t unknown[16];
};

static int look(const struct imgz_progress *progress, void *context)
{
    const struct newer_progress *newer = (const struct newer_progress *)(const void *)progress;

    assert_int_equal(progress->struct_bytes, sizeof(*progress));
    for (size_t i = 0; i < IMGZ_COUNT_OF(newer->unknown); i++)
        assert_int_equal(newer->unknown[i], 0);
    *(unsigned *)context += 1;
    return 0;
}

static void progress_of_a_newer_program(void **state)
{
    struct imgz_fixture fixture;
    struct imgz_options options;
    unsigned calls = 0;

    (void)state;
    imgz_fixture_init(&fixture);
    imgz_fixture_write(&fixture, "disk", "a disk", 6);
    imgz_options_init(&options, sizeof(options));
    options.progress = look;
    options.progress_context = &calls;
    assert_int_equal(imgz_hash(imgz_fixture_path(&fixture, "disk").text, &options, NULL, NULL), 0);
    assert_true(calls > 0);
    imgz_fixture_fini(&fixture);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tells_what_was_set_up),
        cmocka_unit_test(gives_what_there_is_room_for),
        cmocka_unit_test(takes_what_it_knows),
        cmocka_unit_test(old_program),
        cmocka_unit_test(new_program),
        cmocka_unit_test(forgotten),
        cmocka_unit_test(progress_of_a_newer_program),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
