/* SPDX-License-Identifier: MIT */
#include "habits.h"

#include <stddef.h>
#include <string.h>

#define WORDS_MAX 12

struct habit {
    const char *hint;
    const char *words[WORDS_MAX + 1]; /* NULL at the end */
};

#define CAPTURE "use 'imgz capture SOURCE IMAGE'"
#define RESTORE "use 'imgz restore IMAGE TARGET'"
#define VERIFY  "use 'imgz verify IMAGE'"
#define COMPARE "use 'imgz verify IMAGE --against SOURCE'"
#define HASH    "use 'imgz hash --digest sha256 SOURCE'"
#define INFO    "use 'imgz info IMAGE'"
#define DEVICES "use 'imgz devices'"
#define DD      "imgz takes plain paths: 'imgz capture SOURCE IMAGE' or 'imgz restore IMAGE TARGET'"

static const struct habit of_commands[] = {
    {CAPTURE, {"compress", "backup", "create", "save", "read", "dump", "clone", "convert"}},
    {RESTORE, {"decompress", "uncompress", "extract", "unpack", "write", "flash", "burn"}},
    {VERIFY, {"check", "test", "scrub"}},
    {COMPARE, {"compare", "cmp", "diff"}},
    {HASH, {"checksum", "digest", "sum", "md5sum", "sha256sum"}},
    {INFO " to see what is in an image, 'imgz devices' to see the drives", {"list", "ls"}},
    {INFO, {"show", "inspect", "stat"}},
    {DEVICES, {"drives", "disks", "lsblk"}},
    {"use 'imgz bench'", {"benchmark", "measure"}},
    {"use 'imgz --version'", {"version"}},
    {NULL, {NULL}},
};

static const struct habit of_options[] = {
    {"name '-' as the output", {"-c", "--stdout", "--to-stdout"}},
    {"imgz never removes what it reads", {"-k", "--keep"}},
    {RESTORE, {"-d", "--decompress", "--uncompress", "--extract"}},
    {CAPTURE, {"-z", "--compress"}},
    {VERIFY, {"-t", "--test", "--check"}},
    {INFO, {"-l", "--list"}},
    {"the last argument is the output", {"-o", "--output"}},
    {"the first argument is the input", {"-i", "--input"}},
    {"use --progress=bar", {"-p"}},
    {"use --chunk-size", {"-b", "--block-size", "--blocksize"}},
    {"use --level fast", {"--fast"}},
    {"use -12", {"--best", "--ultra"}},
    {"a restored file is always sparse", {"-S", "--sparse"}},
    {"use --force", {"--overwrite", "--replace"}},
    {"use --digest, such as --digest sha256", {"--md5", "--sha1", "--sha256", "--sha512", "-a"}},
    {COMPARE, {"--compare"}},
    {"imgz always flushes what it writes", {"--sync", "--fsync"}},
    {NULL, {NULL}},
};

static const struct habit of_operands[] = {
    {DD, {"if=", "of=", "bs=", "ibs=", "obs=", "count=", "skip=", "seek=", "conv=", "status="}},
    {DD, {"iflag=", "oflag="}},
    {NULL, {NULL}},
};

/* 'word' up to 'length' is one of the words. */
static const char *find(const struct habit *habits, const char *word, size_t length)
{
    for (; habits->hint != NULL; habits++)
        for (const char *const *known = habits->words; *known != NULL; known++)
            if (strlen(*known) == length && memcmp(*known, word, length) == 0)
                return habits->hint;
    return NULL;
}

const char *habits_of_command(const char *word)
{
    const char *hint = habits_of_operand(word);

    return hint != NULL ? hint : find(of_commands, word, strlen(word));
}

const char *habits_of_option(const char *word)
{
    return find(of_options, word, strcspn(word, "="));
}

const char *habits_of_operand(const char *word)
{
    const char *equals = strchr(word, '=');

    return equals != NULL ? find(of_operands, word, (size_t)(equals - word) + 1) : NULL;
}
