/* SPDX-License-Identifier: MIT */
/*
 * The naive test looks at one byte, compares and goes on: one byte a cycle. OR-ing a whole stride
 * of wide words and comparing once a stride does the same work with one branch per STRIDE_BYTES, so
 * that the loop runs as fast as memory delivers.
 *
 * All variants share one plan: strides first, then single words, then one last word that ends
 * exactly where the buffer does and may overlap what was tested before. Nothing outside the buffer
 * is read, and no byte loop is needed. Buffers shorter than one word go to the next narrower
 * variant.
 */
#include "codec/zero.h"

#include <string.h>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

/* One branch per 256 bytes: eight 32-byte loads are in flight together, and data that is not zero
 * is still noticed after four cache lines. */
#define STRIDE_BYTES 256u

static uint64_t load_word(const unsigned char *at)
{
    uint64_t word;

    memcpy(&word, at, sizeof(word));
    return word;
}

static bool test_short(const unsigned char *at, size_t bytes)
{
    unsigned char any = 0;

    for (size_t i = 0; i < bytes; i++)
        any |= at[i];
    return any == 0;
}

static bool test_words(const void *data, size_t bytes)
{
    const unsigned char *at = data;
    const unsigned char *end = at + bytes;

    if (bytes < sizeof(uint64_t))
        return test_short(at, bytes);
    for (; (size_t)(end - at) >= STRIDE_BYTES; at += STRIDE_BYTES) {
        uint64_t any = 0;

        for (size_t i = 0; i < STRIDE_BYTES; i += sizeof(any))
            any |= load_word(at + i);
        if (any != 0)
            return false;
    }
    for (; (size_t)(end - at) >= sizeof(uint64_t); at += sizeof(uint64_t)) {
        if (load_word(at) != 0)
            return false;
    }
    return load_word(end - sizeof(uint64_t)) == 0;
}

/* 16 bytes in the compiler's own notation: SSE2 on every x86-64, NEON on every aarch64. */
typedef uint64_t vector __attribute__((vector_size(16)));

static vector load_vector(const unsigned char *at)
{
    vector value;

    memcpy(&value, at, sizeof(value));
    return value;
}

static bool is_zero_vector(vector value)
{
    return (value[0] | value[1]) == 0;
}

static bool test_vector(const void *data, size_t bytes)
{
    const unsigned char *at = data;
    const unsigned char *end = at + bytes;
    vector any;

    if (bytes < sizeof(any))
        return test_words(data, bytes);
    for (; (size_t)(end - at) >= STRIDE_BYTES; at += STRIDE_BYTES) {
        any = load_vector(at);
        for (size_t i = sizeof(any); i < STRIDE_BYTES; i += sizeof(any))
            any |= load_vector(at + i);
        if (!is_zero_vector(any))
            return false;
    }
    any = load_vector(end - sizeof(any));
    for (; (size_t)(end - at) >= sizeof(any); at += sizeof(any))
        any |= load_vector(at);
    return is_zero_vector(any);
}

static bool always_usable(void)
{
    return true;
}

#if defined(__x86_64__)

#define AVX2 __attribute__((target("avx2")))

AVX2 static __m256i load_avx2(const unsigned char *at)
{
    return _mm256_loadu_si256((const __m256i *)(const void *)at);
}

AVX2 static bool test_avx2(const void *data, size_t bytes)
{
    const unsigned char *at = data;
    const unsigned char *end = at + bytes;
    __m256i any;

    if (bytes < sizeof(any))
        return test_vector(data, bytes);
    for (; (size_t)(end - at) >= STRIDE_BYTES; at += STRIDE_BYTES) {
        any = load_avx2(at);
        for (size_t i = sizeof(any); i < STRIDE_BYTES; i += sizeof(any))
            any = _mm256_or_si256(any, load_avx2(at + i));
        if (!_mm256_testz_si256(any, any))
            return false;
    }
    any = load_avx2(end - sizeof(any));
    for (; (size_t)(end - at) >= sizeof(any); at += sizeof(any))
        any = _mm256_or_si256(any, load_avx2(at));
    return _mm256_testz_si256(any, any);
}

static bool avx2_usable(void)
{
    return __builtin_cpu_supports("avx2");
}

#define AVX512 __attribute__((target("avx512f")))

AVX512 static __m512i load_avx512(const unsigned char *at)
{
    return _mm512_loadu_si512(at);
}

AVX512 static bool test_avx512(const void *data, size_t bytes)
{
    const unsigned char *at = data;
    const unsigned char *end = at + bytes;
    __m512i any;

    if (bytes < sizeof(any))
        return test_vector(data, bytes);
    for (; (size_t)(end - at) >= STRIDE_BYTES; at += STRIDE_BYTES) {
        any = load_avx512(at);
        for (size_t i = sizeof(any); i < STRIDE_BYTES; i += sizeof(any))
            any = _mm512_or_si512(any, load_avx512(at + i));
        if (_mm512_test_epi64_mask(any, any) != 0)
            return false;
    }
    any = load_avx512(end - sizeof(any));
    for (; (size_t)(end - at) >= sizeof(any); at += sizeof(any))
        any = _mm512_or_si512(any, load_avx512(at));
    return _mm512_test_epi64_mask(any, any) == 0;
}

static bool avx512_usable(void)
{
    return __builtin_cpu_supports("avx512f");
}

#endif

/* From the plainest to the fastest: the last usable one is the best. */
static const struct imgz_zero_variant variants[] = {
    {"words", always_usable, test_words},
    {"vector", always_usable, test_vector},
#if defined(__x86_64__)
    {"avx2", avx2_usable, test_avx2},
    {"avx512", avx512_usable, test_avx512},
#endif
};

const struct imgz_zero_variant *imgz_zero_variants(size_t *count)
{
    *count = IMGZ_COUNT_OF(variants);
    return variants;
}

/* Asking costs a load and a bit test per variant: too little to be worth remembering. */
static const struct imgz_zero_variant *best_variant(void)
{
    size_t i = IMGZ_COUNT_OF(variants) - 1;

    while (!variants[i].usable())
        i -= 1;
    return &variants[i];
}

bool imgz_zero_test(const void *data, size_t bytes)
{
    return best_variant()->test(data, bytes);
}

uint32_t imgz_zero_map(const void *data, size_t bytes, uint8_t *map)
{
    const struct imgz_zero_variant *variant = best_variant();
    const unsigned char *at = data;
    uint32_t zero_count = 0;

    for (size_t offset = 0; offset < bytes; offset += IMGZ_BLOCK_BYTES) {
        size_t block_bytes = imgz_min(bytes - offset, IMGZ_BLOCK_BYTES);
        bool zero = variant->test(at + offset, block_bytes);

        *map++ = zero;
        zero_count += zero;
    }
    return zero_count;
}
