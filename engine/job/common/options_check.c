/* SPDX-License-Identifier: MIT */
#include "job/common/options_check.h"

#include <errno.h>

#include "base/text.h"
#include "codec/deflate.h"

static const struct imgz_location nowhere = {IMGZ_STAGE_SETUP, NULL, IMGZ_OFFSET_NONE};

/* ---- What a job takes --------------------------------------------------------------------- */

struct terms {
    const char *function; /* for people */
    uint32_t flags;
    uint32_t overrides;
};

/* A topology is that of a capture. */
#define CAPTURE_FLAGS                                                                              \
    (IMGZ_FLAG_FORCE | IMGZ_FLAG_REPRODUCIBLE | IMGZ_FLAG_RESUME | IMGZ_FLAG_ALLOW_EMPTY |         \
     IMGZ_FLAG_CONFINE | IMGZ_FLAG_DISCARD_PARTIAL | IMGZ_FLAG_DRY_RUN | IMGZ_FLAG_SUDO)

static const struct terms terms_of[] = {
    [IMGZ_JOB_CAPTURE] = {"imgz_capture()", CAPTURE_FLAGS, IMGZ_OVERRIDE_CHANGED},
    [IMGZ_JOB_RESTORE] = {"imgz_restore()",
                          IMGZ_FLAG_FORCE | IMGZ_FLAG_ONLY_CHANGED | IMGZ_FLAG_READ_BACK |
                              IMGZ_FLAG_RESUME | IMGZ_FLAG_DISCARD | IMGZ_FLAG_PARANOID |
                              IMGZ_FLAG_CONFINE | IMGZ_FLAG_DISCARD_PARTIAL | IMGZ_FLAG_FIX_GPT |
                              IMGZ_FLAG_DRY_RUN | IMGZ_FLAG_SUDO,
                          IMGZ_OVERRIDE_ALL & ~IMGZ_OVERRIDE_CHANGED},
    [IMGZ_JOB_VERIFY] = {"imgz_verify()",
                         IMGZ_FLAG_SCRUB | IMGZ_FLAG_PARANOID | IMGZ_FLAG_CONFINE | IMGZ_FLAG_SUDO,
                         0},
    [IMGZ_JOB_HASH] = {"imgz_hash()", IMGZ_FLAG_CONFINE | IMGZ_FLAG_SUDO, 0},
    [IMGZ_JOB_BENCH] = {"imgz_bench()", IMGZ_FLAG_DRY_RUN, 0},
    [IMGZ_JOB_OPEN_IMAGE] = {"imgz_image_open_with()", IMGZ_FLAG_CONFINE | IMGZ_FLAG_SUDO, 0},
    [IMGZ_JOB_TOPOLOGY] = {"imgz_topology_open()", CAPTURE_FLAGS, IMGZ_OVERRIDE_CHANGED},
    [IMGZ_JOB_SERVE] = {"imgz_serve()", 0, 0},
    [IMGZ_JOB_SERVE_ENCODED] = {"imgz_serve()", 0, 0},
};

/* "force, resume". */
static void list_flags(uint32_t flags, char *text, size_t text_bytes)
{
    text[0] = '\0';
    for (uint32_t bit = 1; bit != 0; bit <<= 1)
        if ((flags & bit) != 0)
            (void)imgz_text_append(text, text_bytes, ", ", imgz_flag_name((enum imgz_flag)bit));
}

static void list_overrides(uint32_t overrides, char *text, size_t text_bytes)
{
    text[0] = '\0';
    for (uint32_t bit = 1; bit != 0; bit <<= 1)
        if ((overrides & bit) != 0)
            (void)imgz_text_append(text, text_bytes, ", ",
                                   imgz_override_name((enum imgz_override)bit));
}

static int check_taken(const struct imgz_job *job)
{
    const struct terms *terms = &terms_of[job->request.kind];
    const uint32_t flags = job->options.flags & ~terms->flags;
    const uint32_t overrides = job->options.overrides & ~terms->overrides;
    char names[200];

    if (flags != 0) {
        list_flags(flags, names, sizeof(names));
        return imgz_latch_raise_usage(job->latch, nowhere, "%s does not take the flag %s (0x%x)",
                                      terms->function, names, flags);
    }
    if (overrides != 0) {
        list_overrides(overrides, names, sizeof(names));
        return imgz_latch_raise_usage(job->latch, nowhere,
                                      "%s does not take the override %s (0x%x)", terms->function,
                                      names, overrides);
    }
    return 0;
}

/* ---- What goes together ------------------------------------------------------------------- */

/* What is given without a flag, as bits that no flag has. */
#define GIVEN_AGAINST ((uint32_t)1 << 30)
#define GIVEN_DIGESTS ((uint32_t)1 << 31)

struct rule {
    enum imgz_job_kind kind;
    uint32_t flag;
    uint32_t excludes; /* none of these may be with it */
    uint32_t needs;    /* one of these must be with it; 0: none */
    const char *why;
};

static const struct rule rules[] = {
    {IMGZ_JOB_VERIFY, IMGZ_FLAG_SCRUB, GIVEN_AGAINST | GIVEN_DIGESTS, 0,
     "a scrub checks what is stored and inflates nothing"},
    {IMGZ_JOB_VERIFY, IMGZ_FLAG_PARANOID, 0, GIVEN_AGAINST, "it changes how that compares"},
    {IMGZ_JOB_RESTORE, IMGZ_FLAG_PARANOID, 0,
     IMGZ_FLAG_ONLY_CHANGED | IMGZ_FLAG_RESUME | IMGZ_FLAG_READ_BACK,
     "it changes how these compare"},
    {IMGZ_JOB_RESTORE, IMGZ_FLAG_DISCARD, IMGZ_FLAG_ONLY_CHANGED | IMGZ_FLAG_RESUME, 0,
     "one drops what the other keeps"},
    {IMGZ_JOB_RESTORE, IMGZ_FLAG_DISCARD_PARTIAL, IMGZ_FLAG_RESUME, 0,
     "one deletes what the other needs"},
    {IMGZ_JOB_CAPTURE, IMGZ_FLAG_DISCARD_PARTIAL, IMGZ_FLAG_RESUME, 0,
     "one deletes what the other needs"},
};

static const char *name_given(uint32_t bit)
{
    if (bit == GIVEN_AGAINST)
        return "against";
    return bit == GIVEN_DIGESTS ? "digest" : imgz_flag_name((enum imgz_flag)bit);
}

static int raise_together(const struct imgz_job *job, const struct rule *rule, uint32_t others)
{
    char names[100] = "";

    for (uint32_t bit = 1; bit != 0; bit <<= 1)
        if ((others & bit) != 0)
            (void)imgz_text_append(names, sizeof(names), " or ", name_given(bit));
    return imgz_latch_raise_usage(job->latch, nowhere, "%s %s %s: %s%s", name_given(rule->flag),
                                  rule->needs != 0 ? "needs" : "cannot be combined with", names,
                                  rule->why, rule->needs != 0 ? "" : "; leave out one");
}

static int check_together(const struct imgz_job *job)
{
    const uint32_t given = job->options.flags | (job->request.against != NULL ? GIVEN_AGAINST : 0) |
                           (job->options.digests != NULL ? GIVEN_DIGESTS : 0);

    for (size_t i = 0; i < IMGZ_COUNT_OF(rules); i++) {
        const struct rule *rule = &rules[i];

        if (rule->kind != job->request.kind || (given & rule->flag) == 0)
            continue;
        if ((given & rule->excludes) != 0)
            return raise_together(job, rule, given & rule->excludes);
        if (rule->needs != 0 && (given & rule->needs) == 0)
            return raise_together(job, rule, rule->needs);
    }
    return 0;
}

/* ---- Each by itself ----------------------------------------------------------------------- */

static int check_numbers(const struct imgz_job *job)
{
    const struct imgz_options *options = &job->options;

    if (!imgz_deflate_level_valid(options->level))
        return imgz_latch_raise_usage(job->latch, nowhere,
                                      "level %d is out of range: use fast, or 0 to %d",
                                      options->level, IMGZ_LEVEL_MAX);
    if (options->thread_count > IMGZ_THREADS_MAX)
        return imgz_latch_raise_usage(
            job->latch, nowhere,
            "%u threads are too many: use at most %d, or 0 for one per processor",
            options->thread_count, IMGZ_THREADS_MAX);
    if (options->chunk_bytes < IMGZ_CHUNK_BYTES_MIN ||
        options->chunk_bytes > IMGZ_CHUNK_BYTES_MAX ||
        (options->chunk_bytes & (options->chunk_bytes - 1)) != 0)
        return imgz_latch_raise_usage(
            job->latch, nowhere,
            "a chunk size of %u bytes is invalid: use a power of two from %u to %u",
            options->chunk_bytes, IMGZ_CHUNK_BYTES_MIN, IMGZ_CHUNK_BYTES_MAX);
    if (options->file_mode > 0777)
        return imgz_latch_raise_usage(job->latch, nowhere,
                                      "file mode 0%o is out of range: use at most 0777",
                                      options->file_mode);
    return 0;
}

static int check_choices(const struct imgz_job *job)
{
    const struct imgz_options *options = &job->options;

    if ((unsigned)options->direct > IMGZ_DIRECT_OFF)
        return imgz_latch_raise_usage(job->latch, nowhere,
                                      "direct %d is unknown: use auto, on or off",
                                      (int)options->direct);
    if ((unsigned)options->on_error > IMGZ_ON_ERROR_ZERO)
        return imgz_latch_raise_usage(job->latch, nowhere,
                                      "on_error %d is unknown: use stop or zero",
                                      (int)options->on_error);
    if ((unsigned)options->chunk_hash > IMGZ_CHUNK_HASH_SHA256)
        return imgz_latch_raise_usage(job->latch, nowhere, "there is no chunk hash %d",
                                      (int)options->chunk_hash);
    return 0;
}

int imgz_options_check(struct imgz_job *job)
{
    int rc = check_numbers(job);

    if (rc == 0)
        rc = check_choices(job);
    if (rc == 0)
        rc = check_taken(job);
    return rc < 0 ? rc : check_together(job);
}
