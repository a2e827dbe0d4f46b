/* SPDX-License-Identifier: MIT */
#include "option_advice.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define ALL_COMMANDS UINT32_MAX

struct advice {
    enum imgz_reason reason;
    uint32_t commands; /* of enum command_bit */
    const char *text;
};

/* The first that fits is taken. */
static const struct advice advices[] = {
    {IMGZ_REASON_TAMPERED, COMMAND_RESTORE,
     "verify the image with the same --digest, then restore all of it"},
    {IMGZ_REASON_TAMPERED, COMMAND_VERIFY,
     "verify the image alone with the same --digest, and if it is right, restore it"},
    {IMGZ_REASON_CHUNK_HASH, COMMAND_HASH,
     "leave out --chunk-hash, or hash the disk in it: 'imgz restore IMAGE - | imgz hash "
     "--chunk-hash HASH -'"},
    {IMGZ_REASON_CHUNK_HASH, COMMAND_CAPTURE, "leave out --chunk-hash, or name another image"},
    {IMGZ_REASON_MEMORY, COMMAND_CAPTURE | COMMAND_HASH | COMMAND_BENCH,
     "use fewer --threads or a smaller --chunk-size"},
    {IMGZ_REASON_MEMORY, COMMAND_RESTORE | COMMAND_VERIFY,
     "use fewer --threads, or capture with a smaller --chunk-size"},
    {IMGZ_REASON_TIMEOUT, ALL_COMMANDS, "a slow device needs a longer --timeout"},
    {IMGZ_REASON_CHUNK_BYTES, ALL_COMMANDS, "use its --chunk-size, or name another image"},
    {IMGZ_REASON_RESUME_OPTIONS, ALL_COMMANDS,
     "use the --chunk-size and --chunk-hash it was started with, or remove it"},
    {IMGZ_REASON_RESUME_CHANGED, ALL_COMMANDS,
     "start over with --discard-partial instead, or go on anyway with --override changed"},
    {IMGZ_REASON_SOURCE_CHANGED, ALL_COMMANDS,
     "name the right one, or go on anyway with --override changed"},
    {IMGZ_REASON_MAP_NEEDED, ALL_COMMANDS, "give the --map that was kept with it, or remove it"},
    {IMGZ_REASON_MAP_OTHER, ALL_COMMANDS,
     "name the image that has them, go on with --resume if that capture was interrupted, or read "
     "everything again: with another map, or --force"},
    {IMGZ_REASON_MAP_STREAM, ALL_COMMANDS, "leave out --map"},
    {IMGZ_REASON_EXISTS, ALL_COMMANDS, "use --force to replace it"},
    {IMGZ_REASON_INTERRUPTED, ALL_COMMANDS,
     "go on from there with --resume, or start over with --discard-partial"},
    {IMGZ_REASON_EMPTY, ALL_COMMANDS, "--allow-empty makes an image of nothing"},
    {IMGZ_REASON_TOO_MANY_CHUNKS, ALL_COMMANDS, "use a larger --chunk-size"},
    {IMGZ_REASON_THREADS, ALL_COMMANDS, "try fewer with --threads"},
    {IMGZ_REASON_LEVEL, COMMAND_CAPTURE, "choose another --level"},
    {IMGZ_REASON_DIRECT, COMMAND_CAPTURE | COMMAND_HASH | COMMAND_VERIFY | COMMAND_BENCH,
     "try --direct=off"},
    {IMGZ_REASON_UNREADABLE, COMMAND_CAPTURE,
     "--on-error=zero goes on, with zeros for what cannot be read"},
    {IMGZ_REASON_REMOTE_PROGRAM, ALL_COMMANDS,
     "install it there, or say where it is with --remote-imgz"},
    {IMGZ_REASON_REMOTE_RIGHTS, ALL_COMMANDS, "try --sudo"},
    {IMGZ_REASON_TWO_IMAGES, ALL_COMMANDS,
     "'gunzip -c {against} | imgz verify --paranoid {operand} --against -' does it"},
};

/* With --map somebody wants to retry, but the map does not exist. */
static const char go_back[] = "to read what it lacks, name the map that was kept with it, or make "
                              "one (see --map in the manual); --force reads the whole source again";

static const char *find(const struct options *options, enum imgz_reason reason)
{
    if (reason == IMGZ_REASON_EXISTS && options_has(options, OPTION_MAP))
        return go_back;
    for (size_t i = 0; i < sizeof(advices) / sizeof(advices[0]); i++)
        if (advices[i].reason == reason &&
            (advices[i].commands & (uint32_t)options->command->bit) != 0)
            return advices[i].text;
    return NULL;
}

__attribute__((format(printf, 2, 3))) static void add(struct imgz_error *error, const char *format,
                                                      ...)
{
    const size_t used = strlen(error->text);
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(error->text + used, sizeof(error->text) - used, format, arguments);
    va_end(arguments);
}

/* Adds a piece of advice. "{operand}" is replaced by the first operand, "{against}" by the value of
 * --against. */
static void add_advice(const struct options *options, struct imgz_error *error, const char *text)
{
    const struct {
        const char *place;
        const char *value;
    } names[] = {
        {"{operand}", options->operands[0]},
        {"{against}", options->against},
    };

    add(error, "; ");
    while (*text != '\0') {
        size_t length = strcspn(text + 1, "{") + 1;

        for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
            const size_t place_length = strlen(names[i].place);

            if (strncmp(text, names[i].place, place_length) != 0 || names[i].value == NULL)
                continue;
            add(error, "%s", names[i].value);
            text += place_length;
            length = 0;
        }
        add(error, "%.*s", (int)length, text);
        text += length;
    }
}

static void add_flags(struct imgz_error *error)
{
    for (uint32_t bit = 1; bit != 0; bit <<= 1)
        if ((error->flags & bit) != 0)
            add(error, "; leave out --%s", imgz_flag_name((enum imgz_flag)bit));
}

static void add_overrides(struct imgz_error *error)
{
    const char *before = ", or use --override ";

    for (uint32_t bit = 1; bit != 0; bit <<= 1) {
        if ((error->overrides & bit) == 0)
            continue;
        add(error, "%s%s", before, imgz_override_name((enum imgz_override)bit));
        before = ",";
    }
}

void option_advice_complete(const struct options *options, struct imgz_error *error)
{
    const char *text = find(options, error->reason);

    if (error->resumable != 0)
        add(error, ": %s",
            options_has(options, OPTION_RESUME) ? "run the same command to go on from there"
                                                : "add --resume to go on from there");
    if (error->reason == IMGZ_REASON_FLAG)
        add_flags(error);
    if (error->reason == IMGZ_REASON_OVERRIDE)
        add_overrides(error);
    if (text != NULL)
        add_advice(options, error, text);
}
