/* SPDX-License-Identifier: MIT */
/*
 * What a bench found, for people: a line for each row, and what follows from them.
 */
#ifndef IMGZ_TOOLS_BENCH_TABLE_H
#define IMGZ_TOOLS_BENCH_TABLE_H

#include <imgz/imgz.h>

/* "fast", "0" to "12". */
struct bench_level {
    char text[8];
};
struct bench_level bench_level_name(int32_t level);

/* The table's head, and one of its lines, to standard output. 'path' is NULL for the built-in mix.
 */
void bench_table_print_head(const struct imgz_bench_result *result, const char *path);
void bench_table_print_row(const struct imgz_bench_result *result,
                           const struct imgz_bench_row *row);

#define BENCH_ADVICE_MAX 6

struct bench_advice {
    unsigned count;
    char lines[BENCH_ADVICE_MAX][256];
};

/* Sentences about what was measured, all of it: what keeps up, what is in the way, how long it
 * would take, how large it would be. */
void bench_table_advise(const struct imgz_bench_result *result, const char *path,
                        const char *folder, struct bench_advice *advice);

#endif /* IMGZ_TOOLS_BENCH_TABLE_H */
