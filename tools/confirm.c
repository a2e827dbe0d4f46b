/* SPDX-License-Identifier: MIT */
#include "confirm.h"

#include <errno.h>
#include <string.h>

#include "describe.h"
#include "streams.h"
#include "terminal.h"

/* The device's name, for somebody to look at before it is overwritten. */
static struct describe_name describe(FILE *out, const struct options *options,
                                     const struct imgz_image *image)
{
    describe_image(out, options->operands[0], image);
    return describe_target(out, options->operands[1]);
}

static bool is_name(const char *answer, const char *name)
{
    static const char folder[] = "/dev/";

    if (strcmp(answer, name) == 0)
        return true;
    return strncmp(name, folder, strlen(folder)) == 0 && strcmp(answer, name + strlen(folder)) == 0;
}

static int ask(struct terminal *terminal, const char *name)
{
    char answer[256];
    char shown[256];

    snprintf(shown, sizeof(shown), "%s", name);
    imgz_make_printable(shown);
    fprintf(terminal->out, "Everything on %s will be lost. Type its name to go on: ", shown);
    if (!terminal_read(terminal, answer, sizeof(answer))) {
        fputc('\n', terminal->out);
        return -ECANCELED;
    }
    return is_name(answer, name) ? 0 : -ECANCELED;
}

static int ask_at(struct terminal *terminal, const struct options *options,
                  const struct imgz_image *image)
{
    const struct describe_name name = describe(terminal->out, options, image);
    int rc = ask(terminal, name.text);

    terminal_close(terminal);
    return rc;
}

int confirm_overwrite(const struct imgz_image *image, void *context)
{
    struct runner *runner = context;
    const struct options *options = runner->options;
    enum terminal_state state = TERMINAL_NONE;
    struct terminal terminal;

    progress_detach(&runner->progress); /* a bar comes back by itself */
    if (!options_has(options, OPTION_YES))
        state = terminal_open(&terminal);
    switch (state) {
    case TERMINAL_READY:
        return ask_at(&terminal, options, image);
    case TERMINAL_BACKGROUND:
        streams_error("a background job cannot ask at its terminal whether to overwrite %s; bring "
                      "it to the foreground, or give --yes if it is the right device",
                      options->operands[1]);
        return -ECANCELED;
    case TERMINAL_NONE:
        break;
    }
    if (!options_has(options, OPTION_QUIET))
        (void)describe(stderr, options, image);
    return 0;
}
