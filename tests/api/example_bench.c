/* SPDX-License-Identifier: MIT */
/* Measures for a second how fast each level is on data like that of a disk: example_bench DISK. */
#include <imgz/imgz.h>
#include <stdio.h>

int main(int argc, char **argv)
{
    static struct imgz_bench_result result = {.struct_bytes = sizeof(result)};
    struct imgz_error error = {.struct_bytes = sizeof(error)};
    struct imgz_options options;

    if (argc != 2)
        return 2;
    imgz_options_init(&options, sizeof(options));
    options.bench_ms = 1000;
    if (imgz_bench(argv[1], &options, &result, &error) < 0) {
        fprintf(stderr, "%s\n", error.text);
        return 1;
    }
    for (uint32_t i = 0; i < result.done_count; i++) {
        const struct imgz_bench_row *row = &result.rows[i];

        if (row->elapsed_ns > 0)
            printf("%-14s %8.0f MB/s\n", row->name,
                   (double)row->bytes * 1e3 / (double)row->elapsed_ns);
    }
    return 0;
}
