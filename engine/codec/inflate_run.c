/* SPDX-License-Identifier: MIT */
/*
 * A match is copied in steps, without asking how long it is: most are shorter than two steps of 16
 * bytes. What is hard is one that reaches back less than a step: it repeats what it writes. The
 * portable variant goes through the cases. SSSE3 has an instruction that makes 16 bytes of any
 * pattern of up to 16, so there is no case, and no branch that a processor could mispredict: with
 * that the loop is 4 % faster.
 */
#include "codec/inflate_run.h"

#include <string.h>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

static bool always_usable(void)
{
    return true;
}

static inline uint64_t low_portable(uint64_t bits, uint32_t count)
{
    return bits & (((uint64_t)1 << count) - 1);
}

static inline uint64_t next_portable(uint64_t bits, uint32_t entry, uint32_t count)
{
    return low_portable(bits >> (entry & IMGZ_INFLATE_TAKE_MASK), count);
}

#define STEP_BYTES 16u

static inline void copy_word(unsigned char *out, const unsigned char *from)
{
    uint64_t word;

    memcpy(&word, from, sizeof(word));
    memcpy(out, &word, sizeof(word));
}

/* All of these write up to 31 bytes after 'end', and read only bytes that were written before. */
static inline void copy_far(unsigned char *out, uint32_t distance, const unsigned char *end)
{
    const unsigned char *from = out - distance;

    do {
        memcpy(out, from, STEP_BYTES);
        memcpy(out + STEP_BYTES, from + STEP_BYTES, STEP_BYTES);
        out += 2 * STEP_BYTES;
        from += 2 * STEP_BYTES;
    } while (out < end);
}

/* Of each word the first 'distance' bytes, or all 8, are right; the next one continues there. */
static inline void copy_near(unsigned char *out, uint32_t distance, const unsigned char *end)
{
    const uint32_t step_bytes = distance < 8 ? distance : 8;
    const unsigned char *from = out - distance;

    do {
        copy_word(out, from);
        out += step_bytes;
        from += step_bytes;
    } while (out < end);
}

static inline void copy_portable(unsigned char *out, uint32_t distance, const unsigned char *end)
{
    if (distance >= STEP_BYTES)
        copy_far(out, distance, end);
    else if (distance == 1)
        memset(out, out[-1], (size_t)(end - out));
    else
        copy_near(out, distance, end);
}

#define IMGZ_LOOP_NAME   run_portable
#define IMGZ_LOOP_TARGET /* any processor */
#define IMGZ_LOOP_LOW    low_portable
#define IMGZ_LOOP_NEXT   next_portable
#define IMGZ_LOOP_COPY   copy_portable
#include "codec/inflate_loop.inc"
#undef IMGZ_LOOP_NAME
#undef IMGZ_LOOP_TARGET
#undef IMGZ_LOOP_LOW
#undef IMGZ_LOOP_NEXT
#undef IMGZ_LOOP_COPY

#if defined(__x86_64__)

#define BMI2 __attribute__((target("bmi,bmi2,ssse3")))

/* BEXTR is made for it: the entry's lowest byte says where to start, the next one how many bits to
 * take. (A literal or length is not special, so that byte is the count alone.) */
BMI2 static inline uint64_t next_bmi2(uint64_t bits, uint32_t entry, uint32_t count)
{
    (void)count;
    return __builtin_ia32_bextr_u64(bits, entry);
}

/* For distances up to 15, and 16 for all others: which of the 16 bytes there go into the first
 * step, and which into the second. */
struct pattern {
    unsigned char first[STEP_BYTES];
    unsigned char second[STEP_BYTES];
};

#define MOD_16(first, n)                                                                           \
    {                                                                                              \
        (first) % (n), ((first) + 1) % (n), ((first) + 2) % (n), ((first) + 3) % (n),              \
            ((first) + 4) % (n), ((first) + 5) % (n), ((first) + 6) % (n), ((first) + 7) % (n),    \
            ((first) + 8) % (n), ((first) + 9) % (n), ((first) + 10) % (n), ((first) + 11) % (n),  \
            ((first) + 12) % (n), ((first) + 13) % (n), ((first) + 14) % (n), ((first) + 15) % (n) \
    }
#define PATTERN(n)                                                                                 \
    {                                                                                              \
        MOD_16(0, n), MOD_16(16, n)                                                                \
    }

_Alignas(16) static const struct pattern patterns[STEP_BYTES + 1] = {
    PATTERN(1), /* there is no distance of 0 */
    PATTERN(1),  PATTERN(2),  PATTERN(3),  PATTERN(4),  PATTERN(5),  PATTERN(6),
    PATTERN(7),  PATTERN(8),  PATTERN(9),  PATTERN(10), PATTERN(11), PATTERN(12),
    PATTERN(13), PATTERN(14), PATTERN(15), PATTERN(16),
};

/* For the steps after these: as many bytes of whole patterns as the first two hold. */
static const uint8_t period_bytes[STEP_BYTES] = {0,  32, 32, 30, 32, 30, 30, 28,
                                                 32, 27, 30, 22, 24, 26, 28, 30};

BMI2 static inline __m128i load(const unsigned char *from)
{
    return _mm_loadu_si128((const __m128i_u *)from);
}

BMI2 static inline void store(unsigned char *out, __m128i step)
{
    _mm_storeu_si128((__m128i_u *)out, step);
}

/* Two steps for all; then, for the few that are longer, from a distance of whole patterns. */
BMI2 static inline void copy_bmi2(unsigned char *out, uint32_t distance, const unsigned char *end)
{
    const uint32_t index = distance < STEP_BYTES ? distance : STEP_BYTES;
    const struct pattern *pattern = &patterns[index];
    const unsigned char *from = out - distance;
    const unsigned char *from_second = from + (index & STEP_BYTES); /* a select, not a branch */

    store(out, _mm_shuffle_epi8(load(from), load(pattern->first)));
    store(out + STEP_BYTES, _mm_shuffle_epi8(load(from_second), load(pattern->second)));
    if (__builtin_expect(out + 2 * STEP_BYTES < end, 0))
        copy_far(out + 2 * STEP_BYTES, index < STEP_BYTES ? period_bytes[index] : distance, end);
}

static bool bmi2_usable(void)
{
    return __builtin_cpu_supports("bmi") && __builtin_cpu_supports("bmi2") &&
           __builtin_cpu_supports("ssse3");
}

#define IMGZ_LOOP_NAME   run_bmi2
#define IMGZ_LOOP_TARGET BMI2
#define IMGZ_LOOP_LOW    _bzhi_u64
#define IMGZ_LOOP_NEXT   next_bmi2
#define IMGZ_LOOP_COPY   copy_bmi2
#include "codec/inflate_loop.inc"

#endif /* __x86_64__ */

const struct imgz_inflate_variant *imgz_inflate_variants(size_t *count)
{
    static const struct imgz_inflate_variant variants[] = {
        {"portable", always_usable, run_portable},
#if defined(__x86_64__)
        {"bmi2", bmi2_usable, run_bmi2},
#endif
    };

    *count = IMGZ_COUNT_OF(variants);
    return variants;
}
