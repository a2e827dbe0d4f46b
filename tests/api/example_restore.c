/* SPDX-License-Identifier: MIT */
/* Restores a disk, reads it back, and stops on SIGINT: example_restore IMAGE TARGET. */
#include <imgz/imgz.h>
#include <signal.h>
#include <stdio.h>

static struct imgz_cancel *cancel;

static void on_interrupt(int number)
{
    (void)number;
    imgz_cancel_request(cancel);
}

int main(int argc, char **argv)
{
    struct imgz_error error = {.struct_bytes = sizeof(error)};
    struct imgz_options options;
    int rc;

    if (argc != 3 || imgz_cancel_create(&cancel) < 0)
        return 2;
    signal(SIGINT, on_interrupt);
    imgz_options_init(&options, sizeof(options));
    options.flags = IMGZ_FLAG_READ_BACK;
    options.cancel = cancel;
    rc = imgz_restore(argv[1], argv[2], &options, NULL, &error);
    if (rc < 0)
        fprintf(stderr, "%s\n", error.text);
    imgz_cancel_destroy(cancel);
    return rc < 0;
}
