/* SPDX-License-Identifier: MIT */
#include <unistd.h>

#include "command.h"
#include "options.h"
#include "runner.h"

static int run(const struct options *options)
{
    struct imgz_error error = {.struct_bytes = sizeof(error)};
    int rc;

    if (isatty(STDIN_FILENO))
        return command_refuse(options, "this command is not for people: imgz on another host "
                                       "starts it by ssh");
    rc = imgz_serve(STDIN_FILENO, STDOUT_FILENO, &options->job, &error);
    return rc < 0 ? runner_say_error(options, rc, &error) : EXIT_CODE_DONE;
}

const struct command cmd_remote = {
    .name = "remote",
    .bit = COMMAND_REMOTE,
    .summary = "serve imgz on another host (started by ssh)",
    .about = "Answers imgz on another host, which starts it by ssh: reads files and drives of\n"
             "this host for it. It speaks on standard input and output, and ends with them.\n",
    .examples = "  ssh host imgz remote    what imgz runs for ssh://host/dev/sda\n",
    .run = run,
};
