/* SPDX-License-Identifier: MIT */
/* Checks an image, or compares it with a source: example_verify IMAGE [SOURCE]. 3: bad data. */
#include <imgz/imgz.h>
#include <stdio.h>

int main(int argc, char **argv)
{
    struct imgz_report report = {.struct_bytes = sizeof(report)};
    struct imgz_error error = {.struct_bytes = sizeof(error)};

    if (argc != 2 && argc != 3)
        return 2;
    if (imgz_verify(argv[1], argv[2], NULL, &report, &error) == 0)
        return 0;
    fprintf(stderr, "%s\n", error.text);
    if (error.kind == IMGZ_ERROR_DATA && report.bad_chunk_count > 0)
        fprintf(stderr, "the first of %llu bad chunks is at %llu\n",
                (unsigned long long)report.bad_chunk_count, (unsigned long long)report.bad_offset);
    return error.kind == IMGZ_ERROR_DATA ? 3 : 1;
}
