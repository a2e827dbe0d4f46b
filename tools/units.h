/* SPDX-License-Identifier: MIT */
/*
 * Numbers for people: sizes, speeds, durations; and the strict reading of numbers from people.
 *
 * The texts are returned by value, so that a call can be a printf argument:
 *     printf("%s\n", units_size(bytes).text);
 */
#ifndef IMGZ_TOOLS_UNITS_H
#define IMGZ_TOOLS_UNITS_H

#include <stdint.h>

struct units_text {
    char text[32];
};

/* Binary, three digits: "511 B", "1.50 GiB", "241 MiB", "4 GiB" if it is exactly that. */
struct units_text units_size(uint64_t bytes);

/* Decimal, as drives are rated: "812 MB/s", "1.53 GB/s". "- MB/s" while no time has passed. */
struct units_text units_speed(uint64_t bytes, uint64_t elapsed_ns);

/* "0.42 s", "12.3 s", and from a minute on as units_clock(). */
struct units_text units_duration(uint64_t elapsed_ns);

/* "0:03", "2:05", "1:02:05". */
struct units_text units_clock(uint64_t seconds);

/* raw:image, as "17.0:1"; "-" while there is no image. */
struct units_text units_ratio(uint64_t raw_bytes, uint64_t image_bytes);

/* "85.1%", and never "100.0%" for less than all. "-" of nothing. */
struct units_text units_share(uint64_t part, uint64_t whole);

/* "1 chunk", "2 chunks". */
struct units_text units_count(uint64_t count, const char *noun);

/* A decimal number without sign, space or anything after it. 0, or -EINVAL (not a number) or
 * -ERANGE (does not fit 64 bits). */
__attribute__((warn_unused_result)) int units_parse_number(const char *text, uint64_t *result);

/* A number of bytes, or of KiB, MiB or GiB with the suffix K, M or G ("iB" may follow). Same
 * returns. */
__attribute__((warn_unused_result)) int units_parse_size(const char *text, uint64_t *result);

#endif /* IMGZ_TOOLS_UNITS_H */
