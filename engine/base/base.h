/* SPDX-License-Identifier: MIT */
/*
 * What every engine file uses: attributes, assertions and checked arithmetic.
 *
 * Place: the bottom of the engine; includes nothing of it.
 *
 * Errors     a fallible function returns int: 0 or a negative errno. Fixed meanings: -EBADMSG data
 *            is corrupt or does not match, -ENODATA input ended early, -ECANCELED another stage
 *            failed first or the caller asked to stop.
 */
#ifndef IMGZ_BASE_H
#define IMGZ_BASE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define IMGZ_MUST_CHECK __attribute__((warn_unused_result))
#define IMGZ_PRINTF(format_index, first_index)                                                     \
    __attribute__((format(printf, format_index, first_index)))

/* For programming errors, never for data, devices or memory. On in every build: better no copy of a
 * disk than a wrong one. */
#define IMGZ_ASSERT(condition)                                                                     \
    do {                                                                                           \
        if (__builtin_expect(!(condition), 0))                                                     \
            imgz_assert_fail(#condition, __FILE__, __LINE__);                                      \
    } while (0)

/* Prints the condition and its place on standard error and aborts. */
__attribute__((noreturn, cold)) void imgz_assert_fail(const char *condition, const char *file,
                                                      int line);

/* For calls that cannot fail on Linux when used as here: 'rc' must be 0. */
static inline void imgz_never_fails(int rc)
{
    IMGZ_ASSERT(rc == 0);
}

#define IMGZ_COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

/* The unit of sparseness, of direct I/O and of buffer alignment: a page, and a multiple of every
 * logical sector size in use (512 and 4096). */
#define IMGZ_BLOCK_BYTES 4096u

/* The least a device reads or writes: the unit in which unreadable places are kept. */
#define IMGZ_SECTOR_BYTES 512u

static inline uint64_t imgz_min(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

static inline uint64_t imgz_max(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

/* 'unit' is a power of two. down(4097, 4096) = 4096, up(4097, 4096) = 8192. up() must stay below
 * 2^64. */
static inline uint64_t imgz_align_down(uint64_t value, uint64_t unit)
{
    return value & ~(unit - 1);
}

static inline uint64_t imgz_align_up(uint64_t value, uint64_t unit)
{
    return imgz_align_down(value + unit - 1, unit);
}

/* ceil(value / unit) for any unit > 0, without overflow. */
static inline uint64_t imgz_div_up(uint64_t value, uint64_t unit)
{
    return value / unit + (value % unit != 0);
}

#endif /* IMGZ_BASE_H */
