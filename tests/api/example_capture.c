/* SPDX-License-Identifier: MIT */
/* Captures a disk, at level 6 and with a digest: example_capture SOURCE IMAGE. */
#include <imgz/imgz.h>
#include <stdio.h>

int main(int argc, char **argv)
{
    struct imgz_report report = {.struct_bytes = sizeof(report)};
    struct imgz_error error = {.struct_bytes = sizeof(error)};
    struct imgz_options options;

    if (argc != 3)
        return 2;
    imgz_options_init(&options, sizeof(options));
    options.level = 6;
    options.digests = "sha256";
    if (imgz_capture(argv[1], argv[2], &options, &report, &error) < 0) {
        fprintf(stderr, "%s\n", error.text);
        return 1;
    }
    printf("%s\n%s\n", report.root_hash_text, report.digests[0].hex);
    return 0;
}
