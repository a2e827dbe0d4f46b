/* SPDX-License-Identifier: MIT */
/*
 * getopt_long() finds the options, and the table below says what each is. Two things getopt does
 * not do by itself: levels such as -12 are ten short options with optional arguments ("-1" with
 * the argument "2"), and abbreviations of long options are refused, because a script that uses
 * one would break when an option is added.
 */
#include "options.h"

#include <errno.h>
#include <getopt.h>
#include <stdarg.h>
#include <string.h>

#include "suggest.h"
#include "units.h"

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

/* More would only repeat itself. */
#define SECONDS_MAX 3600u

/* What getopt_long() returns for the option at 'index' of the table: beyond every character. */
#define CODE_OF_INDEX(index) (256 + (int)(index))

typedef int (*option_apply)(struct options *options, const char *value,
                            struct options_problem *problem);

struct option_spec {
    enum option_bit bit;
    const char *name;
    char letter;          /* 0: none */
    const char *argument; /* what its value is called, NULL: takes none */
    const char *help;
    option_apply apply; /* reads the value; NULL: takes none */
};

__attribute__((format(printf, 2, 3))) static int refuse(struct options_problem *problem,
                                                        const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(problem->text, sizeof(problem->text), format, arguments);
    va_end(arguments);
    return -EINVAL;
}

/* ---- Values ------------------------------------------------------------------------------- */

static int apply_level(struct options *options, const char *value, struct options_problem *problem)
{
    uint64_t level;

    if (strcmp(value, "fast") == 0) {
        options->job.level = IMGZ_LEVEL_FAST;
        return 0;
    }
    if (units_parse_number(value, &level) < 0 || level > IMGZ_LEVEL_MAX)
        return refuse(problem, "there is no level '%s': it is fast, or 0 to %d", value,
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
        return refuse(problem, "--%s '%s': a %s from %u to %u is needed", rule->option, value,
                      rule->what, rule->min, rule->max);
    *count = (uint32_t)number;
    return 0;
}

static int apply_threads(struct options *options, const char *value,
                         struct options_problem *problem)
{
    static const struct count_rule rule = {"threads", "number", 1, IMGZ_THREADS_MAX};

    return parse_count(&rule, value, &options->job.thread_count, problem);
}

static int apply_chunk_size(struct options *options, const char *value,
                            struct options_problem *problem)
{
    uint64_t bytes;

    if (units_parse_size(value, &bytes) < 0 || bytes < IMGZ_CHUNK_BYTES_MIN ||
        bytes > IMGZ_CHUNK_BYTES_MAX || (bytes & (bytes - 1)) != 0)
        return refuse(problem, "--chunk-size '%s': a power of two from %s to %s is needed", value,
                      "64K", "16M");
    options->job.chunk_bytes = (uint32_t)bytes;
    return 0;
}

static int apply_digest(struct options *options, const char *value, struct options_problem *problem)
{
    if (value[0] == '\0')
        return refuse(problem, "--digest: a list such as sha256,md5 is needed");
    options->job.digests = value;
    return 0;
}

static int apply_against(struct options *options, const char *value,
                         struct options_problem *problem)
{
    if (value[0] == '\0')
        return refuse(problem, "--against: a file or device is needed");
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
        return refuse(problem, "--write-to: a folder is needed");
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
        return refuse(problem, "--direct '%s': it is auto, on or off", value);
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
        return refuse(problem, "--on-error '%s': it is stop or zero", value);
    return 0;
}

/* Each may take a drive many seconds: a larger number is a slip. */
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
        return refuse(problem, "--map: a file is needed");
    options->job.map_path = value;
    return 0;
}

/* Longer than any device takes that will answer. */
#define TIMEOUT_SECONDS_MAX 86400u

static int apply_timeout(struct options *options, const char *value,
                         struct options_problem *problem)
{
    static const struct count_rule rule = {"timeout", "number of seconds", 1, TIMEOUT_SECONDS_MAX};

    return parse_count(&rule, value, &options->job.timeout_s, problem);
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
            return refuse(problem, "--override '%.*s' is not known: 'imgz %s' takes a list of %s",
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
            return refuse(problem, "--mode '%s': an octal number up to 0777, such as 0640", value);
        mode = mode * 8 + (uint32_t)(*at - '0');
    }
    if (mode == 0 || mode > 0777)
        return refuse(problem, "--mode '%s': an octal number up to 0777, such as 0640", value);
    options->job.file_mode = mode;
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
    return refuse(problem, "--progress '%s': it is auto, bar, json or none", value);
}

/* ---- The table, in the order of the help ---------------------------------------------------- */

static const struct option_spec specs[] = {
    {OPTION_LEVEL, "level", 0, "LEVEL", "fast (the default), or 0 to 12; also as -0 to -12",
     apply_level},
    {OPTION_CHUNK_SIZE, "chunk-size", 0, "SIZE", "bytes hashed as one, 64K to 16M (1M)",
     apply_chunk_size},
    {OPTION_AGAINST, "against", 0, "SOURCE", "compare this file or device with the image",
     apply_against},
    {OPTION_SCRUB, "scrub", 0, NULL, "check what is stored, inflate nothing", NULL},
    {OPTION_DIGEST, "digest", 0, "LIST", "of the raw disk: sha256,md5,sha1,sha224,sha384,sha512,b2",
     apply_digest},
    {OPTION_TOPOLOGY, "topology", 0, NULL, "show where a capture's threads and buffers would go",
     NULL},
    {OPTION_THREADS, "threads", 0, "N", "workers (one per processor)", apply_threads},
    {OPTION_DIRECT, "direct", 0, "WHEN", "read past the page cache: auto (devices), on, off",
     apply_direct},
    {OPTION_SECONDS, "seconds", 0, "N", "time for all of it (30)", apply_seconds},
    {OPTION_WRITE_TO, "write-to", 0, "FOLDER", "also restore to a temporary file in there",
     apply_write_to},
    {OPTION_ON_ERROR, "on-error", 0, "WHAT", "unreadable sectors: stop (the default), or zero them",
     apply_on_error},
    {OPTION_RETRIES, "retries", 0, "N", "how often to try such a sector again (1)", apply_retries},
    {OPTION_MAP, "map", 0, "FILE",
     "keep what was read, and read again what was not (ddrescue's map)", apply_map},
    {OPTION_TIMEOUT, "timeout", 0, "SECONDS",
     "end when a read takes longer: the device hangs (never)", apply_timeout},
    {OPTION_ONLY_CHANGED, "only-changed", 0, NULL,
     "write only chunks that the device does not hold", NULL},
    {OPTION_READ_BACK, "read-back", 0, NULL, "read what was written from the drive, and check it",
     NULL},
    {OPTION_RESUME, "resume", 0, NULL, "go on from where an interrupted run stopped", NULL},
    {OPTION_DISCARD, "discard", 0, NULL, "first let the device forget all it holds", NULL},
    {OPTION_OVERRIDE, "override", 0, "LIST", "do it all the same: mounted,held... (see above)",
     apply_override},
    {OPTION_YES, "yes", 'y', NULL, "do not ask before a device is overwritten", NULL},
    {OPTION_FORCE, "force", 0, NULL, "replace an existing file", NULL},
    {OPTION_MODE, "mode", 0, "OCTAL", "who may read a new file: exactly this (0600)", apply_mode},
    {OPTION_REPRODUCIBLE, "reproducible", 0, NULL, "leave times and names out of the image", NULL},
    {OPTION_JSON, "json", 0, NULL, "print one JSON object on standard output", NULL},
    {OPTION_PROGRESS, "progress", 0, "HOW", "auto, bar, json (lines on standard error), none",
     apply_progress},
    {OPTION_QUIET, "quiet", 'q', NULL, "say nothing but errors", NULL},
    {OPTION_VERBOSE, "verbose", 'v', NULL, "say what happens", NULL},
    {OPTION_HELP, "help", 'h', NULL, "show this help", NULL},
};

#define LONG_COUNT (COUNT_OF(specs) + 1)

static void make_getopt_table(struct option table[LONG_COUNT])
{
    for (size_t i = 0; i < COUNT_OF(specs); i++) {
        table[i] = (struct option){
            .name = specs[i].name,
            .has_arg = specs[i].argument != NULL ? required_argument : no_argument,
            .val = CODE_OF_INDEX(i),
        };
    }
    table[COUNT_OF(specs)] = (struct option){0};
}

/* The option getopt_long() means by 'code', or NULL. */
static const struct option_spec *find_code(int code)
{
    for (size_t i = 0; i < COUNT_OF(specs); i++)
        if (code == CODE_OF_INDEX(i) || (specs[i].letter != 0 && code == specs[i].letter))
            return &specs[i];
    return code >= '0' && code <= '9' ? &specs[0] : NULL;
}

static const struct option_spec *find_name(const char *name, size_t length)
{
    for (size_t i = 0; i < COUNT_OF(specs); i++)
        if (strlen(specs[i].name) == length && memcmp(specs[i].name, name, length) == 0)
            return &specs[i];
    return NULL;
}

/* ---- Parsing -------------------------------------------------------------------------------- */

static int refuse_unknown(const struct command *command, const char *argument,
                          struct options_problem *problem)
{
    struct suggest suggest = {0};
    char name[64];

    snprintf(name, sizeof(name), "%.*s", (int)strcspn(argument + 2, "="), argument + 2);
    for (size_t i = 0; i < COUNT_OF(specs); i++)
        if ((specs[i].bit & command->options) != 0)
            suggest_consider(&suggest, name, specs[i].name);
    if (suggest.best != NULL)
        return refuse(problem, "unknown option '--%s'; did you mean '--%s'?", name, suggest.best);
    return refuse(problem, "unknown option '--%s'", name);
}

/* Refuses long options that are not spelt out in full, before getopt_long() guesses. */
static int check_long_names(const struct command *command, int argc, char **argv,
                            struct options_problem *problem)
{
    for (int i = 1; i < argc && strcmp(argv[i], "--") != 0; i++) {
        const struct option_spec *spec;
        size_t length;

        if (strncmp(argv[i], "--", 2) != 0)
            continue;
        length = strcspn(argv[i] + 2, "=");
        spec = find_name(argv[i] + 2, length);
        if (spec == NULL)
            return refuse_unknown(command, argv[i], problem);
        if (spec->argument != NULL && argv[i][2 + length] == '\0')
            i += 1; /* the value */
    }
    return 0;
}

static int add_operand(struct options *options, unsigned *count, const char *value,
                       struct options_problem *problem)
{
    const struct command *command = options->command;

    if (*count == command->operand_count)
        return refuse(problem, "'%s' is one argument too many", value);
    if (value[0] == '\0')
        return refuse(problem, "%s is empty", command->operands[*count].name);
    options->operands[*count] = value;
    *count += 1;
    return 0;
}

/* What getopt_long() gave ':' or '?' for. 'argument' is the one it looked at. */
static int refuse_malformed(int code, const char *argument, struct options_problem *problem)
{
    const struct option_spec *spec = optopt != 0 ? find_code(optopt) : NULL;

    if (code == ':' && spec != NULL)
        return refuse(problem, "--%s needs a value: --%s %s", spec->name, spec->name,
                      spec->argument);
    if (spec != NULL)
        return refuse(problem, "--%s takes no value", spec->name);
    if (optopt > ' ' && optopt < 0x7f)
        return refuse(problem, "unknown option '-%c'", optopt);
    return refuse(problem, "unknown option in '%s'", argument);
}

static int apply_option(struct options *options, int code, const char *value,
                        struct options_problem *problem)
{
    const struct option_spec *spec = find_code(code);
    char level[16];

    if ((spec->bit & options->command->options) == 0)
        return refuse(problem, "'imgz %s' takes no --%s", options->command->name, spec->name);
    options->given |= spec->bit;
    if (spec->apply == NULL)
        return 0;
    if (code < '0' || code > '9')
        return spec->apply(options, value, problem);
    snprintf(level, sizeof(level), "%c%s", code, value != NULL ? value : "");
    return spec->apply(options, level, problem);
}

/* info shows an image, or with --topology this machine; the options of a plan go with that. */
static int check_topology(const struct options *options, unsigned operand_count,
                          struct options_problem *problem)
{
    if (!options_has(options, OPTION_TOPOLOGY))
        return (options->given & (OPTION_THREADS | OPTION_CHUNK_SIZE)) != 0
                   ? refuse(problem, "--threads and --chunk-size go with --topology")
                   : 0;
    return operand_count > 0 ? refuse(problem, "--topology is about this machine: no %s is needed",
                                      options->command->operands[0].name)
                             : 0;
}

/* What only the whole line can tell. */
static int check_together(const struct options *options, unsigned operand_count,
                          struct options_problem *problem)
{
    const struct command *command = options->command;

    if (options_has(options, OPTION_HELP))
        return 0;
    if ((command->options & OPTION_TOPOLOGY) != 0) {
        int rc = check_topology(options, operand_count, problem);

        if (rc < 0)
            return rc;
    }
    if (operand_count < command->operand_count - command->optional_count &&
        !options_has(options, OPTION_TOPOLOGY))
        return refuse(problem, "%s is missing", command->operands[operand_count].name);
    if (options_has(options, OPTION_QUIET) && options_has(options, OPTION_VERBOSE))
        return refuse(problem, "--quiet and --verbose contradict each other");
    if (options_has(options, OPTION_SCRUB) &&
        (options_has(options, OPTION_AGAINST) || options_has(options, OPTION_DIGEST)))
        return refuse(problem, "--scrub inflates nothing: it cannot be given with --%s",
                      options_has(options, OPTION_AGAINST) ? "against" : "digest");
    if (options_has(options, OPTION_DISCARD) &&
        (options_has(options, OPTION_ONLY_CHANGED) || options_has(options, OPTION_RESUME)))
        return refuse(problem, "--discard drops what --%s would keep: leave out one",
                      options_has(options, OPTION_RESUME) ? "resume" : "only-changed");
    return 0;
}

int options_parse(const struct command *command, int argc, char **argv, struct options *result,
                  struct options_problem *problem)
{
    /* "-": operands come in order, as code 1, wherever they stand and whatever POSIXLY_CORRECT
     * says; ":": a missing value is told apart. */
    static const char letters[] = "-:qvhy0::1::2::3::4::5::6::7::8::9::";
    struct option table[LONG_COUNT];
    unsigned operand_count = 0;
    int code;
    int rc;

    *result = (struct options){.command = command};
    imgz_options_init(&result->job, sizeof(result->job));
    make_getopt_table(table);
    rc = check_long_names(command, argc, argv, problem);
    opterr = 0;
    optind = 0; /* glibc: start afresh, with these letters */
    while (rc == 0) {
        const char *argument = argv[optind > 0 ? optind : 1];

        code = getopt_long(argc, argv, letters, table, NULL);
        if (code == -1)
            break;
        if (code == 1)
            rc = add_operand(result, &operand_count, optarg, problem);
        else if (code == ':' || code == '?')
            rc = refuse_malformed(code, argument, problem);
        else
            rc = apply_option(result, code, optarg, problem);
    }
    for (; rc == 0 && optind < argc; optind++)
        rc = add_operand(result, &operand_count, argv[optind], problem);
    if (options_has(result, OPTION_FORCE))
        result->job.flags |= IMGZ_FLAG_FORCE;
    if (options_has(result, OPTION_REPRODUCIBLE))
        result->job.flags |= IMGZ_FLAG_REPRODUCIBLE;
    if (options_has(result, OPTION_ONLY_CHANGED))
        result->job.flags |= IMGZ_FLAG_ONLY_CHANGED;
    if (options_has(result, OPTION_RESUME))
        result->job.flags |= IMGZ_FLAG_RESUME;
    if (options_has(result, OPTION_DISCARD))
        result->job.flags |= IMGZ_FLAG_DISCARD;
    if (options_has(result, OPTION_READ_BACK))
        result->job.flags |= IMGZ_FLAG_READ_BACK;
    if (options_has(result, OPTION_SCRUB))
        result->job.flags |= IMGZ_FLAG_SCRUB;
    return rc < 0 ? rc : check_together(result, operand_count, problem);
}

/* ---- Help ----------------------------------------------------------------------------------- */

void options_print_help(const struct command *command, FILE *stream)
{
    for (size_t i = 0; i < COUNT_OF(specs); i++) {
        const struct option_spec *spec = &specs[i];
        char left[32];

        if ((spec->bit & command->options) == 0)
            continue;
        snprintf(left, sizeof(left), "--%s%s%s", spec->name, spec->argument != NULL ? " " : "",
                 spec->argument != NULL ? spec->argument : "");
        if (spec->letter != 0)
            fprintf(stream, "  -%c, %-18s %s\n", spec->letter, left, spec->help);
        else
            fprintf(stream, "      %-18s %s\n", left, spec->help);
    }
}
