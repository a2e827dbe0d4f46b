/* SPDX-License-Identifier: MIT */
#include "units.h"

#include <errno.h>
#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Three digits of 'value' and a unit: 1.50, 15.0, 150; but 1, if it is exactly that. */
static struct units_text three_digits(double value, const char *unit)
{
    struct units_text result;
    int decimals = value < 9.995 ? 2 : value < 99.95 ? 1 : 0;

    if (value < 1e6 && value == (double)(unsigned)value)
        decimals = 0;
    snprintf(result.text, sizeof(result.text), "%.*f %s", decimals, value, unit);
    return result;
}

struct units_text units_size(uint64_t bytes)
{
    static const char *const units[] = {"KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
    struct units_text result;
    double value = (double)bytes / 1024;
    size_t i = 0;

    if (bytes < 1024) {
        snprintf(result.text, sizeof(result.text), "%u B", (unsigned)bytes);
        return result;
    }
    for (; value >= 1023.5 && i + 1 < sizeof(units) / sizeof(units[0]); i++)
        value /= 1024;
    return three_digits(value, units[i]);
}

struct units_text units_speed(uint64_t bytes, uint64_t elapsed_ns)
{
    struct units_text none = {"- MB/s"};
    double per_second;

    if (elapsed_ns == 0)
        return none;
    per_second = (double)bytes * 1e9 / (double)elapsed_ns;
    if (per_second >= 999.5e6)
        return three_digits(per_second / 1e9, "GB/s");
    return three_digits(per_second / 1e6, "MB/s");
}

struct units_text units_duration(uint64_t elapsed_ns)
{
    double seconds = (double)elapsed_ns / 1e9;

    if (seconds < 59.95)
        return three_digits(seconds, "s");
    return units_clock((elapsed_ns + 500000000) / 1000000000);
}

struct units_text units_clock(uint64_t seconds)
{
    struct units_text result;
    unsigned long long hours = seconds / 3600;
    unsigned minutes = (unsigned)(seconds / 60 % 60);
    unsigned rest = (unsigned)(seconds % 60);

    if (hours > 0)
        snprintf(result.text, sizeof(result.text), "%llu:%02u:%02u", hours, minutes, rest);
    else
        snprintf(result.text, sizeof(result.text), "%u:%02u", minutes, rest);
    return result;
}

struct units_text units_ratio(uint64_t raw_bytes, uint64_t image_bytes)
{
    struct units_text result = {"-"};
    double ratio;

    if (image_bytes == 0 || raw_bytes == 0)
        return result;
    ratio = (double)raw_bytes / (double)image_bytes;
    snprintf(result.text, sizeof(result.text), "%.*f:1", ratio < 9.995 ? 2 : 1, ratio);
    return result;
}

struct units_text units_share(uint64_t part, uint64_t whole)
{
    struct units_text result = {"-"};
    double percent;

    if (whole == 0)
        return result;
    percent = 100.0 * (double)part / (double)whole;
    if (part < whole && percent > 99.9)
        percent = 99.9;
    snprintf(result.text, sizeof(result.text), "%.1f%%", percent);
    return result;
}

struct units_text units_count(uint64_t count, const char *noun)
{
    struct units_text result;

    snprintf(result.text, sizeof(result.text), "%" PRIu64 " %s%s", count, noun,
             count == 1 ? "" : "s");
    return result;
}

/* The digits at the start of 'text'; *rest is what follows them. */
static int parse_digits(const char *text, uint64_t *result, const char **rest)
{
    unsigned long long value;
    char *end;

    /* strtoull() itself would take " 7", "+7" and, as a huge number, "-7". */
    if (text[0] < '0' || text[0] > '9')
        return -EINVAL;
    errno = 0;
    value = strtoull(text, &end, 10);
    if (errno != 0)
        return -ERANGE;
    *result = value;
    *rest = end;
    return 0;
}

int units_parse_number(const char *text, uint64_t *result)
{
    const char *rest;
    uint64_t value;
    int rc;

    rc = parse_digits(text, &value, &rest);
    if (rc < 0)
        return rc;
    if (rest[0] != '\0')
        return -EINVAL;
    *result = value;
    return 0;
}

int units_parse_size(const char *text, uint64_t *result)
{
    static const char suffixes[] = "KMG";
    const char *rest;
    const char *suffix;
    uint64_t value;
    int rc;

    rc = parse_digits(text, &value, &rest);
    if (rc < 0)
        return rc;
    if (rest[0] != '\0') {
        suffix = strchr(suffixes, rest[0]);
        if (suffix == NULL || (rest[1] != '\0' && strcmp(rest + 1, "iB") != 0))
            return -EINVAL;
        for (ptrdiff_t i = 0; i <= suffix - suffixes; i++)
            if (__builtin_mul_overflow(value, (uint64_t)1024, &value))
                return -ERANGE;
    }
    *result = value;
    return 0;
}
