/* SPDX-License-Identifier: MIT */
/*
 * Which flags and overrides each job takes, and which go together. A job is asked for what is not
 * there: it fails with -EINVAL if it refuses the options, and later if it takes them.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>
#include <imgz/imgz.h>

#include "base/base.h"

#define NOWHERE "/dev/null/nothing"

static struct imgz_error error;

static int capture(const struct imgz_options *options)
{
    return imgz_capture(NOWHERE, NOWHERE, options, NULL, &error);
}

static int restore(const struct imgz_options *options)
{
    return imgz_restore(NOWHERE, NOWHERE, options, NULL, &error);
}

static int verify(const struct imgz_options *options)
{
    return imgz_verify(NOWHERE, NULL, options, NULL, &error);
}

static int verify_against(const struct imgz_options *options)
{
    return imgz_verify(NOWHERE, NOWHERE, options, NULL, &error);
}

static int hash(const struct imgz_options *options)
{
    return imgz_hash(NOWHERE, options, NULL, &error);
}

static int bench(const struct imgz_options *options)
{
    return imgz_bench(NOWHERE, options, NULL, &error);
}

static int open_image(const struct imgz_options *options)
{
    struct imgz_image *image = NULL;

    return imgz_image_open_with(NOWHERE, options, &image, &error);
}

static int run(int (*job)(const struct imgz_options *options), uint32_t flags, uint32_t overrides,
               const char *digests)
{
    struct imgz_options options;

    imgz_options_init(&options, sizeof(options));
    options.flags = flags;
    options.overrides = overrides;
    options.digests = digests;
    error.struct_bytes = sizeof(error);
    return job(&options);
}

/* As the manual has it, a letter for each: c(apture), r(estore), v(erify), h(ash), b(ench), o(pen
 * an image). CONFINE is for all but the bench, and is for good, so it is not tried. */
static const struct {
    enum imgz_flag flag;
    const char *name;
    const char *taken_by;
} flags[] = {
    {IMGZ_FLAG_FORCE, "force", "cr"},
    {IMGZ_FLAG_REPRODUCIBLE, "reproducible", "c"},
    {IMGZ_FLAG_SCRUB, "scrub", "v"},
    {IMGZ_FLAG_READ_BACK, "read-back", "r"},
    {IMGZ_FLAG_ONLY_CHANGED, "only-changed", "r"},
    {IMGZ_FLAG_RESUME, "resume", "cr"},
    {IMGZ_FLAG_DISCARD, "discard", "r"},
    {IMGZ_FLAG_ALLOW_EMPTY, "allow-empty", "c"},
    {IMGZ_FLAG_DISCARD_PARTIAL, "discard-partial", "cr"},
    {IMGZ_FLAG_FIX_GPT, "fix-gpt", "r"},
    {IMGZ_FLAG_DRY_RUN, "dry-run", "crb"},
    {(enum imgz_flag)64, "unknown", ""},
    {(enum imgz_flag)(1u << 30), "unknown", ""},
};

static const struct {
    char letter;
    int (*job)(const struct imgz_options *options);
} jobs[] = {
    {'c', capture}, {'r', restore}, {'v', verify}, {'h', hash}, {'b', bench}, {'o', open_image},
};

static void each_flag_for_each_job(void **state)
{
    (void)state;
    for (size_t i = 0; i < IMGZ_COUNT_OF(flags); i++) {
        for (size_t k = 0; k < IMGZ_COUNT_OF(jobs); k++) {
            const bool taken = strchr(flags[i].taken_by, jobs[k].letter) != NULL;
            const int rc = run(jobs[k].job, flags[i].flag, 0, NULL);

            if (taken == (rc == -EINVAL))
                fail_msg("%c with %s: %d, %s", jobs[k].letter, flags[i].name, rc, error.text);
            if (taken)
                continue;
            assert_int_equal(error.kind, IMGZ_ERROR_USAGE);
            assert_non_null(strstr(error.text, flags[i].name));
        }
    }
}

static void each_override_for_each_job(void **state)
{
    (void)state;
    for (uint32_t bit = 1; bit <= IMGZ_OVERRIDE_ALL; bit <<= 1) {
        assert_int_equal(run(capture, 0, bit, NULL) == -EINVAL, bit != IMGZ_OVERRIDE_CHANGED);
        assert_int_equal(run(restore, 0, bit, NULL) == -EINVAL, bit == IMGZ_OVERRIDE_CHANGED);
        assert_int_equal(run(verify, 0, bit, NULL), -EINVAL);
        assert_non_null(strstr(error.text, imgz_override_name((enum imgz_override)bit)));
    }
    assert_int_equal(run(restore, 0, IMGZ_OVERRIDE_ALL + 1, NULL), -EINVAL);
}

static void together(void **state)
{
    static const struct {
        int (*job)(const struct imgz_options *options);
        uint32_t flags;
        const char *digests;
        const char *refusal; /* NULL: it is taken */
    } cases[] = {
        {verify, IMGZ_FLAG_SCRUB, NULL, NULL},
        {verify, IMGZ_FLAG_SCRUB, "md5", "scrub cannot be combined with digest"},
        {verify_against, IMGZ_FLAG_SCRUB, NULL, "scrub cannot be combined with against"},
        {verify, IMGZ_FLAG_PARANOID, NULL, "paranoid needs against"},
        {verify_against, IMGZ_FLAG_PARANOID, NULL, NULL},
        {restore, IMGZ_FLAG_PARANOID, NULL, "paranoid needs read-back or only-changed or resume"},
        {restore, IMGZ_FLAG_PARANOID | IMGZ_FLAG_RESUME, NULL, NULL},
        {restore, IMGZ_FLAG_DISCARD | IMGZ_FLAG_RESUME, NULL,
         "discard cannot be combined with resume"},
        {restore, IMGZ_FLAG_DISCARD | IMGZ_FLAG_ONLY_CHANGED, NULL,
         "discard cannot be combined with only-changed"},
        {restore, IMGZ_FLAG_DISCARD | IMGZ_FLAG_READ_BACK, NULL, NULL},
        {restore, IMGZ_FLAG_DISCARD_PARTIAL | IMGZ_FLAG_RESUME, NULL,
         "discard-partial cannot be combined with resume"},
        {capture, IMGZ_FLAG_DISCARD_PARTIAL | IMGZ_FLAG_RESUME, NULL,
         "discard-partial cannot be combined with resume"},
    };

    (void)state;
    for (size_t i = 0; i < IMGZ_COUNT_OF(cases); i++) {
        const int rc = run(cases[i].job, cases[i].flags, 0, cases[i].digests);

        if (cases[i].refusal == NULL) {
            assert_int_not_equal(rc, -EINVAL);
            continue;
        }
        assert_int_equal(rc, -EINVAL);
        if (strstr(error.text, cases[i].refusal) == NULL)
            fail_msg("\"%s\" says nothing of \"%s\"", error.text, cases[i].refusal);
    }
}

static void names(void **state)
{
    (void)state;
    for (size_t i = 0; i < IMGZ_COUNT_OF(flags); i++)
        assert_string_equal(imgz_flag_name(flags[i].flag), flags[i].name);
    assert_string_equal(imgz_flag_name((enum imgz_flag)(IMGZ_FLAG_FORCE | IMGZ_FLAG_RESUME)),
                        "unknown");
    for (uint32_t bit = 1; bit <= IMGZ_OVERRIDE_ALL; bit <<= 1)
        assert_string_not_equal(imgz_override_name((enum imgz_override)bit), "unknown");
    assert_string_equal(imgz_override_name((enum imgz_override)1024), "unknown");
    assert_string_equal(imgz_stage_name(IMGZ_STAGE_READ_IMAGE), "read-image");
    assert_string_equal(imgz_stage_name((enum imgz_stage)99), "unknown");
    assert_string_equal(imgz_error_kind_name(IMGZ_ERROR_DATA), "data");
    assert_string_equal(imgz_phase_name(IMGZ_PHASE_READ_BACK), "read-back");
    assert_string_equal(imgz_direct_name(IMGZ_DIRECT_OFF), "off");
    assert_string_equal(imgz_on_error_name(IMGZ_ON_ERROR_ZERO), "zero");
    assert_string_equal(imgz_chunk_hash_name(IMGZ_CHUNK_HASH_SHA256), "sha256");
    assert_string_equal(imgz_rest_name(IMGZ_REST_ZEROS), "zeros");
    assert_string_equal(imgz_bench_kind_name(IMGZ_BENCH_HASH_SHA256), "hash-sha256");
    assert_string_equal(imgz_binding_name(IMGZ_BINDING_CORE), "core");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_flag_for_each_job),
        cmocka_unit_test(each_override_for_each_job),
        cmocka_unit_test(together),
        cmocka_unit_test(names),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
