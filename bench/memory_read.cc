/* SPDX-License-Identifier: MIT */
/*
 * Four sums by turns, so that no addition waits for the one before it: then it is the loads that
 * count. The loops are unrolled by hand, because compilers leave arrays of sums in memory.
 */
#include "memory_read.h"

#include <numeric>
#include <string.h>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace bench
{
namespace
{

template <typename Word> Word load(const unsigned char *at)
{
    Word word;

    memcpy(&word, at, sizeof(word));
    return word;
}

uint64_t sum_words(const unsigned char *data, size_t bytes)
{
    uint64_t a = 0, b = 0, c = 0, d = 0;

    for (size_t at = 0; at < bytes; at += 4 * sizeof(a)) {
        a += load<uint64_t>(data + at);
        b += load<uint64_t>(data + at + 8);
        c += load<uint64_t>(data + at + 16);
        d += load<uint64_t>(data + at + 24);
    }
    return a + b + c + d;
}

typedef uint64_t vector __attribute__((vector_size(16)));

uint64_t sum_vector(const unsigned char *data, size_t bytes)
{
    vector a = {}, b = {}, c = {}, d = {};

    for (size_t at = 0; at < bytes; at += 4 * sizeof(a)) {
        a += load<vector>(data + at);
        b += load<vector>(data + at + 16);
        c += load<vector>(data + at + 32);
        d += load<vector>(data + at + 48);
    }
    a += b + c + d;
    return a[0] + a[1];
}

#if defined(__x86_64__)

#define AVX2 __attribute__((target("avx2")))

AVX2 __m256i load_avx2(const unsigned char *at)
{
    return _mm256_loadu_si256(static_cast<const __m256i *>(static_cast<const void *>(at)));
}

AVX2 uint64_t sum_avx2(const unsigned char *data, size_t bytes)
{
    __m256i a = _mm256_setzero_si256(), b = a, c = a, d = a;
    uint64_t words[4];

    for (size_t at = 0; at < bytes; at += 4 * sizeof(a)) {
        a = _mm256_add_epi64(a, load_avx2(data + at));
        b = _mm256_add_epi64(b, load_avx2(data + at + 32));
        c = _mm256_add_epi64(c, load_avx2(data + at + 64));
        d = _mm256_add_epi64(d, load_avx2(data + at + 96));
    }
    a = _mm256_add_epi64(_mm256_add_epi64(a, b), _mm256_add_epi64(c, d));
    memcpy(words, &a, sizeof(words));
    return words[0] + words[1] + words[2] + words[3];
}

#define AVX512 __attribute__((target("avx512f")))

AVX512 uint64_t sum_avx512(const unsigned char *data, size_t bytes)
{
    __m512i a = _mm512_setzero_si512(), b = a, c = a, d = a;
    uint64_t words[8];

    for (size_t at = 0; at < bytes; at += 4 * sizeof(a)) {
        a = _mm512_add_epi64(a, _mm512_loadu_si512(data + at));
        b = _mm512_add_epi64(b, _mm512_loadu_si512(data + at + 64));
        c = _mm512_add_epi64(c, _mm512_loadu_si512(data + at + 128));
        d = _mm512_add_epi64(d, _mm512_loadu_si512(data + at + 192));
    }
    a = _mm512_add_epi64(_mm512_add_epi64(a, b), _mm512_add_epi64(c, d));
    memcpy(words, &a, sizeof(words));
    return std::accumulate(words, words + 8, uint64_t(0));
}

#endif

} // namespace

sum_function find_sum(const char *name)
{
#if defined(__x86_64__)
    if (strcmp(name, "avx2") == 0)
        return sum_avx2;
    if (strcmp(name, "avx512") == 0)
        return sum_avx512;
#endif
    return strcmp(name, "vector") == 0 ? sum_vector : sum_words;
}

} // namespace bench
