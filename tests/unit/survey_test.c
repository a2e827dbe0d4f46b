/* SPDX-License-Identifier: MIT */
/* What has to be read of sparse files, beside the same told chunk by chunk. */
#include "io/source/survey.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "fixture.h"
#include "memory_source.h"

#define CHUNK_BYTES 65536u
#define CHUNKS      64u
#define SIZE_BYTES  (CHUNKS * CHUNK_BYTES - 5000)
#define ENOUGH_NS   ((uint64_t)60 * 1000000000)

static uint64_t chunk_bytes_at(uint64_t chunk)
{
    return imgz_min(CHUNK_BYTES, SIZE_BYTES - chunk * CHUNK_BYTES);
}

static bool has_data(int fd, uint64_t chunk)
{
    const uint64_t offset = chunk * CHUNK_BYTES;
    struct imgz_extent extent;

    assert_int_equal(imgz_extent_next(fd, offset, SIZE_BYTES, &extent), 0);
    return extent.offset < offset + chunk_bytes_at(chunk);
}

static void check_survey(const struct imgz_source *source, uint64_t from_chunk)
{
    struct imgz_survey survey = {.chunk_bytes = CHUNK_BYTES,
                                 .size_bytes = SIZE_BYTES,
                                 .from_bytes = imgz_min(from_chunk * CHUNK_BYTES, SIZE_BYTES),
                                 .ns_max = ENOUGH_NS};
    struct imgz_survey_part parts[2] = {{0, 0}, {0, 0}};

    for (uint64_t chunk = 0; chunk < CHUNKS; chunk++) {
        struct imgz_survey_part *part = &parts[chunk < from_chunk ? 0 : 1];

        if (has_data(imgz_source_local_fd(source), chunk))
            part->data_bytes += chunk_bytes_at(chunk);
        else
            part->hole_bytes += chunk_bytes_at(chunk);
    }
    assert_int_equal(imgz_survey_run(&survey, source), 0);
    assert_int_equal(survey.before.data_bytes, parts[0].data_bytes);
    assert_int_equal(survey.before.hole_bytes, parts[0].hole_bytes);
    assert_int_equal(survey.behind.data_bytes, parts[1].data_bytes);
    assert_int_equal(survey.behind.hole_bytes, parts[1].hole_bytes);
    assert_int_equal(survey.end, SIZE_BYTES);
}

/* No time at all: everything is data. */
static void check_no_time(const struct imgz_source *source)
{
    struct imgz_survey survey = {.chunk_bytes = CHUNK_BYTES,
                                 .size_bytes = SIZE_BYTES,
                                 .from_bytes = CHUNK_BYTES};

    assert_int_equal(imgz_survey_run(&survey, source), 0);
    assert_int_equal(survey.before.data_bytes, CHUNK_BYTES);
    assert_int_equal(survey.behind.data_bytes, SIZE_BYTES - CHUNK_BYTES);
    assert_int_equal(survey.before.hole_bytes + survey.behind.hole_bytes, 0);
    assert_int_equal(survey.end, 0);
}

static struct imgz_source *open_file(struct imgz_fixture *fixture, const char *path)
{
    const struct imgz_source_config config = {.path = path, .direct = IMGZ_DIRECT_OFF};
    struct imgz_source *source = NULL;

    assert_int_equal(imgz_source_open(&config, fixture->latch, &fixture->log, &source), 0);
    return source;
}

static void sums_are_those_of_the_chunks(void **state)
{
    struct imgz_fixture fixture;
    struct imgz_fixture_path path;
    struct imgz_source *source;
    uint32_t seed = 1;
    int fd;

    (void)state;
    imgz_fixture_init(&fixture);
    path = imgz_fixture_path(&fixture, "file");
    fd = open(path.text, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    assert_int_equal(ftruncate(fd, SIZE_BYTES), 0);
    source = open_file(&fixture, path.text);
    for (int i = 0; i < 40; i++) {
        assert_int_equal(ftruncate(fd, 0), 0);
        assert_int_equal(ftruncate(fd, SIZE_BYTES), 0);
        for (int k = 0; k < i; k++) {
            seed = seed * 1664525 + 1013904223;
            assert_int_equal(pwrite(fd, "x", 1, seed % SIZE_BYTES), 1);
        }
        for (uint64_t from = 0; from <= CHUNKS; from += 7)
            check_survey(source, from);
        check_no_time(source);
    }
    imgz_source_close(source);
    close(fd);
    imgz_fixture_fini(&fixture);
}

static void a_source_without_holes_is_all_data(void **state)
{
    struct imgz_memory_source memory = {.bytes = SIZE_BYTES};
    struct imgz_survey survey = {.chunk_bytes = CHUNK_BYTES,
                                 .size_bytes = SIZE_BYTES,
                                 .from_bytes = CHUNK_BYTES,
                                 .ns_max = ENOUGH_NS};
    struct imgz_source *source = imgz_memory_source_open(&memory);

    (void)state;
    assert_int_equal(imgz_survey_run(&survey, source), 0);
    assert_int_equal(survey.before.data_bytes, CHUNK_BYTES);
    assert_int_equal(survey.behind.data_bytes, SIZE_BYTES - CHUNK_BYTES);
    imgz_source_close(source);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sums_are_those_of_the_chunks),
        cmocka_unit_test(a_source_without_holes_is_all_data),
    };

    return cmocka_run_group_tests_name("survey", tests, NULL, NULL);
}
