/* SPDX-License-Identifier: MIT */
/* Prints the root hash of a disk, or of the one in an image, and shows progress: example_hash PATH.
 */
#include <imgz/imgz.h>
#include <stdio.h>

static int show(const struct imgz_progress *progress, void *context)
{
    (void)context;
    fprintf(stderr, "%s: %llu bytes\n", imgz_phase_name(progress->phase),
            (unsigned long long)progress->raw_bytes_done);
    return 0; /* go on */
}

int main(int argc, char **argv)
{
    struct imgz_report report = {.struct_bytes = sizeof(report)};
    struct imgz_error error = {.struct_bytes = sizeof(error)};
    struct imgz_options options;

    if (argc != 2)
        return 2;
    imgz_options_init(&options, sizeof(options));
    options.progress = show;
    if (imgz_hash(argv[1], &options, &report, &error) < 0) {
        fprintf(stderr, "%s\n", error.text);
        return 1;
    }
    printf("%s\n", report.root_hash_text);
    return 0;
}
