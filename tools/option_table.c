/* SPDX-License-Identifier: MIT */
#include "option_table.h"

#include <string.h>

#include "units.h"

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

/* More would only repeat itself. */
#define SECONDS_MAX 3600u

/* ---- Values ------------------------------------------------------------------------------- */

static int apply_level(struct options *options, const char *value, struct options_problem *problem)
{
    uint64_t level;

    if (strcmp(value, "fast") == 0) {
        options->job.level = IMGZ_LEVEL_FAST;
        return 0;
    }
    if (units_parse_number(value, &level) < 0 || level > IMGZ_LEVEL_MAX)
        return options_refuse(problem, "there is no level '%s': use fast, or 0 to %d", value,
                              IMGZ_LEVEL_MAX);
    options->job.level = (int32_t)level;
    return 0;
}

/* What is counted: what of, from how many, to how many. */
struct count_rule {
    const char *option;
    const char *what;
    uint32_t min;
    uint32_t max;
};

static int parse_count(const struct count_rule *rule, const char *value, uint32_t *count,
                       struct options_problem *problem)
{
    uint64_t number;

    if (units_parse_number(value, &number) < 0 || number < rule->min || number > rule->max)
        return options_refuse(problem, "--%s '%s': it must be a %s from %u to %u", rule->option,
                              value, rule->what, rule->min, rule->max);
    *count = (uint32_t)number;
    return 0;
}

static int apply_threads(struct options *options, const char *value,
                         struct options_problem *problem)
{
    static const struct count_rule rule = {"threads", "number", 0, IMGZ_THREADS_MAX};

    return parse_count(&rule, value, &options->job.thread_count, problem);
}

static int apply_chunk_size(struct options *options, const char *value,
                            struct options_problem *problem)
{
    uint64_t bytes;

    if (units_parse_size(value, &bytes) < 0 || bytes < IMGZ_CHUNK_BYTES_MIN ||
        bytes > IMGZ_CHUNK_BYTES_MAX || (bytes & (bytes - 1)) != 0)
        return options_refuse(problem, "--chunk-size '%s': it must be a power of two from %s to %s",
                              value, "64K", "16M");
    options->job.chunk_bytes = (uint32_t)bytes;
    return 0;
}

static int apply_chunk_hash(struct options *options, const char *value,
                            struct options_problem *problem)
{
    static const enum imgz_chunk_hash hashes[] = {IMGZ_CHUNK_HASH_XXH3, IMGZ_CHUNK_HASH_SHA256};

    for (size_t i = 0; i < COUNT_OF(hashes); i++) {
        if (strcmp(value, imgz_chunk_hash_name(hashes[i])) == 0) {
            options->job.chunk_hash = hashes[i];
            return 0;
        }
    }
    return options_refuse(problem, "--chunk-hash '%s': it must be xxh3 or sha256", value);
}

static int apply_digest(struct options *options, const char *value, struct options_problem *problem)
{
    if (value[0] == '\0')
        return options_refuse(problem, "--digest needs a list, such as sha256,md5");
    options->job.digests = value;
    return 0;
}

static int apply_against(struct options *options, const char *value,
                         struct options_problem *problem)
{
    if (value[0] == '\0')
        return options_refuse(problem, "--against needs a file or device");
    options->against = value;
    return 0;
}

static int apply_seconds(struct options *options, const char *value,
                         struct options_problem *problem)
{
    static const struct count_rule rule = {"seconds", "number", 1, SECONDS_MAX};
    uint32_t seconds = 0;
    int rc = parse_count(&rule, value, &seconds, problem);

    if (rc == 0)
        options->job.bench_ms = seconds * 1000;
    return rc;
}

static int apply_write_to(struct options *options, const char *value,
                          struct options_problem *problem)
{
    if (value[0] == '\0')
        return options_refuse(problem, "--write-to needs a folder");
    options->job.bench_folder = value;
    return 0;
}

static int apply_direct(struct options *options, const char *value, struct options_problem *problem)
{
    if (strcmp(value, "auto") == 0)
        options->job.direct = IMGZ_DIRECT_AUTO;
    else if (strcmp(value, "on") == 0)
        options->job.direct = IMGZ_DIRECT_ON;
    else if (strcmp(value, "off") == 0)
        options->job.direct = IMGZ_DIRECT_OFF;
    else
        return options_refuse(problem, "--direct '%s': it must be auto, on or off", value);
    return 0;
}

static int apply_on_error(struct options *options, const char *value,
                          struct options_problem *problem)
{
    if (strcmp(value, "stop") == 0)
        options->job.on_error = IMGZ_ON_ERROR_STOP;
    else if (strcmp(value, "zero") == 0)
        options->job.on_error = IMGZ_ON_ERROR_ZERO;
    else
        return options_refuse(problem, "--on-error '%s': it must be stop or zero", value);
    return 0;
}

/* Each may take a drive many seconds: a larger number is a mistake. */
#define RETRIES_MAX 1000

static int apply_retries(struct options *options, const char *value,
                         struct options_problem *problem)
{
    static const struct count_rule rule = {"retries", "number", 0, RETRIES_MAX};

    return parse_count(&rule, value, &options->job.retry_count, problem);
}

static int apply_map(struct options *options, const char *value, struct options_problem *problem)
{
    if (value[0] == '\0' || strcmp(value, "-") == 0)
        return options_refuse(problem, "--map needs a file");
    options->job.map_path = value;
    return 0;
}

/* Longer than any device takes to answer, if it ever does. */
#define TIMEOUT_SECONDS_MAX 86400u

static int apply_timeout(struct options *options, const char *value,
                         struct options_problem *problem)
{
    static const struct count_rule rule = {"timeout", "number of seconds", 1, TIMEOUT_SECONDS_MAX};

    return parse_count(&rule, value, &options->job.timeout_s, problem);
}

static int apply_size(struct options *options, const char *value, struct options_problem *problem)
{
    if (units_parse_size(value, &options->job.source_bytes) < 0 ||
        options->job.source_bytes > INT64_MAX)
        return options_refuse(problem, "--size '%s': it must be a size, such as 512110190592 or 2G",
                              value);
    return 0;
}

/* The flag of a name of 'length' characters; 0: there is none of that name in 'known'. */
static uint32_t find_override(uint32_t known, const char *name, size_t length)
{
    for (uint32_t bit = 1; bit <= IMGZ_OVERRIDE_ALL; bit <<= 1) {
        const char *text = imgz_override_name((enum imgz_override)bit);

        if ((known & bit) != 0 && strlen(text) == length && memcmp(text, name, length) == 0)
            return bit;
    }
    return 0;
}

/* "mounted, swap, held". */
static void list_overrides(uint32_t known, char *text, size_t text_bytes)
{
    size_t used = 0;

    for (uint32_t bit = 1; bit <= IMGZ_OVERRIDE_ALL; bit <<= 1)
        if ((known & bit) != 0 && used < text_bytes)
            used += (size_t)snprintf(text + used, text_bytes - used, "%s%s", used > 0 ? ", " : "",
                                     imgz_override_name((enum imgz_override)bit));
}

static int apply_override(struct options *options, const char *value,
                          struct options_problem *problem)
{
    const uint32_t known = options->command->overrides;
    char list[128];

    for (;;) {
        const size_t length = strcspn(value, ",");
        const uint32_t bit = find_override(known, value, length);

        if (bit == 0) {
            list_overrides(known, list, sizeof(list));
            return options_refuse(problem,
                                  "--override '%.*s' is not known: 'imgz %s' takes a list of %s",
                                  (int)length, value, options->command->name, list);
        }
        options->job.overrides |= bit;
        if (value[length] == '\0')
            return 0;
        value += length + 1;
    }
}

static int apply_mode(struct options *options, const char *value, struct options_problem *problem)
{
    uint32_t mode = 0;

    for (const char *at = value; *at != '\0'; at++) {
        if (*at < '0' || *at > '7' || mode > 0777)
            return options_refuse(problem,
                                  "--mode '%s': it must be octal, up to 0777, such as 0640", value);
        mode = mode * 8 + (uint32_t)(*at - '0');
    }
    if (mode == 0 || mode > 0777)
        return options_refuse(problem, "--mode '%s': it must be octal, up to 0777, such as 0640",
                              value);
    options->job.file_mode = mode;
    return 0;
}

static int apply_ssh(struct options *options, const char *value, struct options_problem *problem)
{
    if (value[0] == '\0')
        return options_refuse(problem, "--ssh: a command is needed, such as 'ssh -F file'");
    options->job.ssh_client = value;
    return 0;
}

/* It travels as one line. */
static int apply_remote_imgz(struct options *options, const char *value,
                             struct options_problem *problem)
{
    if (value[0] == '\0' || strchr(value, '\n') != NULL)
        return options_refuse(problem, "--remote-imgz: a path without line breaks is needed");
    options->job.remote_program = value;
    return 0;
}

static int apply_progress(struct options *options, const char *value,
                          struct options_problem *problem)
{
    static const struct {
        const char *name;
        enum progress_mode mode;
    } modes[] = {
        {"auto", PROGRESS_AUTO},
        {"bar", PROGRESS_BAR},
        {"json", PROGRESS_JSON},
        {"none", PROGRESS_NONE},
    };

    for (size_t i = 0; i < COUNT_OF(modes); i++) {
        if (strcmp(value, modes[i].name) == 0) {
            options->progress = modes[i].mode;
            return 0;
        }
    }
    return options_refuse(problem, "--progress '%s': it must be auto, bar, json or none", value);
}

/* ---- The table ------------------------------------------------------------------------------ */

#define CAPTURE COMMAND_CAPTURE
#define RESTORE COMMAND_RESTORE
#define VERIFY  COMMAND_VERIFY
#define HASH    COMMAND_HASH
#define INFO    COMMAND_INFO
#define BENCH   COMMAND_BENCH
#define JOBS    (CAPTURE | RESTORE | VERIFY | HASH)
#define READERS (JOBS | INFO)
#define ALL     (JOBS | INFO | COMMAND_DEVICES | BENCH)

const struct option_spec option_table[OPTION_COUNT] = {
    [OPTION_LEVEL] = {"level", 0, "LEVEL", CAPTURE, 0, apply_level,
                      "fast (the default), or 0 to 12; also as -0 to -12"},
    [OPTION_CHUNK_SIZE] = {"chunk-size", 0, "SIZE", CAPTURE | HASH | INFO | BENCH, 0,
                           apply_chunk_size, "unit of compression and hashing, 64K to 16M (1M)"},
    [OPTION_CHUNK_HASH] = {"chunk-hash", 0, "HASH", CAPTURE | HASH | BENCH, 0, apply_chunk_hash,
                           "xxh3 (fast, the default), or sha256: finds tampering"},
    [OPTION_AGAINST] = {"against", 0, "SOURCE", VERIFY, 0, apply_against,
                        "compare this file or device with the image"},
    [OPTION_SCRUB] = {"scrub", 0, NULL, VERIFY, IMGZ_FLAG_SCRUB, NULL,
                      "check chunks as they are stored, without decoding"},
    [OPTION_DIGEST] = {"digest", 0, "LIST", JOBS, 0, apply_digest,
                       "hash the raw disk: sha256,md5,sha1,sha224,sha384,sha512,b2"},
    [OPTION_TOPOLOGY] = {"topology", 0, NULL, INFO, 0, NULL,
                         "show where a capture's threads and buffers would go"},
    [OPTION_THREADS] = {"threads", 'T', "N", JOBS | INFO | BENCH, 0, apply_threads,
                        "number of workers; 0: one per processor (the default)"},
    [OPTION_DIRECT] = {"direct", 0, "WHEN", CAPTURE | VERIFY | HASH | BENCH, 0, apply_direct,
                       "bypass the page cache: auto (devices only), on, off"},
    [OPTION_SECONDS] = {"seconds", 0, "N", BENCH, 0, apply_seconds, "total time (30)"},
    [OPTION_WRITE_TO] = {"write-to", 0, "FOLDER", BENCH, 0, apply_write_to,
                         "also measure a restore, to a temporary file there"},
    [OPTION_ON_ERROR] = {"on-error", 0, "WHAT", CAPTURE, 0, apply_on_error,
                         "unreadable sectors: stop (the default), or zero them"},
    [OPTION_RETRIES] = {"retries", 0, "N", CAPTURE, 0, apply_retries,
                        "how many times to retry an unreadable sector (1)"},
    [OPTION_MAP] = {"map", 0, "FILE", CAPTURE, 0, apply_map,
                    "keep a map in ddrescue's format; read again what it lacks"},
    [OPTION_TIMEOUT] = {"timeout", 0, "SECONDS", CAPTURE, 0, apply_timeout,
                        "end the job if a read takes longer (default: never)"},
    [OPTION_SIZE] = {"size", 0, "SIZE", CAPTURE, 0, apply_size,
                     "how large SOURCE must be: detects a pipe cut short"},
    [OPTION_ONLY_CHANGED] = {"only-changed", 0, NULL, RESTORE, IMGZ_FLAG_ONLY_CHANGED, NULL,
                             "write only the chunks that differ on the device"},
    [OPTION_READ_BACK] = {"read-back", 0, NULL, RESTORE, IMGZ_FLAG_READ_BACK, NULL,
                          "when done, read the target again and check it"},
    [OPTION_RESUME] = {"resume", 0, NULL, CAPTURE | RESTORE, IMGZ_FLAG_RESUME, NULL,
                       "go on from where an interrupted run stopped"},
    [OPTION_PARANOID] = {"paranoid", 0, NULL, RESTORE | VERIFY, IMGZ_FLAG_PARANOID, NULL,
                         "compare bytes, not hashes: finds tampering"},
    [OPTION_DISCARD_PARTIAL] = {"discard-partial", 0, NULL, CAPTURE | RESTORE,
                                IMGZ_FLAG_DISCARD_PARTIAL, NULL,
                                "delete what an interrupted run left, and start over"},
    [OPTION_DISCARD] = {"discard", 0, NULL, RESTORE, IMGZ_FLAG_DISCARD, NULL,
                        "first discard everything on the device"},
    [OPTION_FIX_GPT] = {"fix-gpt", 0, NULL, RESTORE, IMGZ_FLAG_FIX_GPT, NULL,
                        "move the backup of the GPT to the end of a larger device"},
    [OPTION_OVERRIDE] = {"override", 0, "LIST", CAPTURE | RESTORE, 0, apply_override,
                         "override these refusals, by the names above"},
    [OPTION_YES] = {"yes", 'y', NULL, RESTORE, 0, NULL,
                    "do not ask before a device is overwritten"},
    [OPTION_FORCE] = {"force", 'f', NULL, CAPTURE | RESTORE, IMGZ_FLAG_FORCE, NULL,
                      "replace an existing file"},
    [OPTION_DRY_RUN] = {"dry-run", 'n', NULL, CAPTURE | RESTORE, IMGZ_FLAG_DRY_RUN, NULL,
                        "show what imgz would do, and write nothing"},
    [OPTION_MODE] = {"mode", 0, "OCTAL", CAPTURE | RESTORE, 0, apply_mode,
                     "permissions of a new file (0600)"},
    [OPTION_REPRODUCIBLE] = {"reproducible", 0, NULL, CAPTURE, IMGZ_FLAG_REPRODUCIBLE, NULL,
                             "leave times and names out of the image"},
    [OPTION_ALLOW_EMPTY] = {"allow-empty", 0, NULL, CAPTURE, IMGZ_FLAG_ALLOW_EMPTY, NULL,
                            "accept an empty pipe as an empty disk"},
    [OPTION_SSH] = {"ssh", 0, "COMMAND", READERS, 0, apply_ssh,
                    "the ssh client to use, such as 'ssh -F file' (IMGZ_SSH)"},
    [OPTION_REMOTE_IMGZ] = {"remote-imgz", 0, "PATH", READERS, 0, apply_remote_imgz,
                            "where the other host has imgz (its PATH)"},
    [OPTION_SUDO] = {"sudo", 0, NULL, READERS, IMGZ_FLAG_SUDO, NULL,
                     "run imgz there as root, by 'sudo -n'"},
    [OPTION_JSON] = {"json", 0, NULL, ALL, 0, NULL, "print one JSON object on standard output"},
    [OPTION_PROGRESS] = {"progress", 0, "HOW", JOBS | BENCH, 0, apply_progress,
                         "auto, bar, json (lines on standard error), none"},
    [OPTION_QUIET] = {"quiet", 'q', NULL, JOBS | BENCH, 0, NULL, "print only errors"},
    [OPTION_VERBOSE] = {"verbose", 'v', NULL, JOBS | BENCH, 0, NULL, "print what happens"},
    [OPTION_HELP] = {"help", 'h', NULL, ALL | COMMAND_REMOTE, 0, NULL, "show this help"},
};
