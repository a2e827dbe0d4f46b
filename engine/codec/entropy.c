/* SPDX-License-Identifier: MIT */
/*
 * DEFLATE gains in two ways: by Huffman codes, where some bytes are more frequent than others, and
 * by matches, where bytes repeat within 32 KiB. The sure test is to deflate; this one looks at a
 * sample for signs of either, and takes a hundredth of the time: 20 us for random data, under 1 us
 * for most else.
 *
 * Frequencies. With p the frequencies of the 256 byte values, Huffman codes need at least the
 * entropy H(p) bits a byte, and H(p) is at least -log2(sum p^2), the collision entropy. With
 *     excess = 256 * sum p^2 - 1        (0 for bytes that are all equally frequent)
 * the gain, 8 - H(p), is at most log2(1 + excess) bits a byte: a small excess proves a small gain.
 * From n sampled bytes of which byte value b was seen c[b] times,
 *     sum c[b] * (c[b] - 1) / (n * (n - 1))
 * estimates sum p^2 without bias. Of equally frequent bytes its excess is 0 with a deviation of
 * sqrt(2 * 255) / n, or 22.6 / n.
 *
 * The excess is taken over all windows together, which sees the weakest skew, and over each window
 * alone, which sees the few that differ in a chunk of otherwise random data (a video that ends in
 * zeros); there it would drown in the sum.
 *
 * Repeats. Equal frequencies prove nothing about matches: a counter, or a random block that
 * is repeated. Comparing every position with every other in reach is out of the question, but a
 * repeat is a repeat of everything inside it: of the positions of one byte value, too. In a
 * region longer than DEFLATE's window they are found at the speed of memchr; how many of them begin
 * the same bytes as an earlier one tells how much of the region is repeated, at any distance.
 */
#include "codec/entropy.h"

#include <string.h>

#include "base/bytes.h"

/* Compressing little is quick, and a small sample says little. */
#define CHUNK_BYTES_MIN 4096u

/* Windows: 16 KiB in all, 8 us. An object of 32 KiB in a chunk of 1 MiB meets one. */
#define WINDOW_COUNT 32u
#define WINDOW_BYTES 512u

_Static_assert(WINDOW_COUNT *WINDOW_BYTES < 1u << 16, "counts have 16 bits, squares 32");

/*
 * Limits of the excess. All windows: 8 deviations, which for the whole sample is 0.011, a gain of
 * at most 0.2 %; files that are half compressed (fonts, archives with large indexes) begin there.
 * One window: 1, a gain of at most one bit in eight; compressed files have stretches of 1/2 that
 * DEFLATE makes nothing of.
 */
#define DEVIATIONS_MAX    8u
#define WINDOW_EXCESS_MAX 1024u /* in 1/1024 */

/* Regions: matches reach back 32 KiB, so a region this long sees repeats at every distance. 10 us.
 */
#define REGION_COUNT       2u
#define REGION_BYTES       49152u
#define MATCH_DISTANCE_MAX 32768u

/* Random bytes give 192 candidates in a region. More means that the byte is a frequent one. */
#define CANDIDATE_COUNT_MAX 1024u
#define PREFIX_BYTES        4u
#define HASH_BITS           10u

/* One candidate in 64: about 1.5 % of the region can be had as matches. By chance two of 192
 * candidates share the next 4 bytes once in 10^5 regions, and two such pairs are never seen. */
#define REPEAT_SHARE     64u
#define REPEAT_COUNT_MIN 2u

/* sum c * (c - 1) = sum c^2 - total. That is below 2^32 for less than 2^16 bytes, and in 32 bits
 * the compiler makes vectors of it. */
static bool is_skewed(const uint16_t counts[256], uint32_t total, uint32_t limit)
{
    uint64_t pairs = (uint64_t)total * (total - 1);
    uint32_t squares = 0;

    for (uint32_t i = 0; i < 256; i++)
        squares += (uint32_t)counts[i] * counts[i];
    /* (squares - total) / pairs > (1 + limit / 1024) / 256, in integers below 2^50. */
    return (uint64_t)(squares - total) * 256 * 1024 > pairs * (1024 + limit);
}

/* Two histograms by turns, so that equal bytes in a row do not wait for each other's count. */
static void count_window(const unsigned char *data, uint16_t counts[256])
{
    uint16_t odd_counts[256] = {0};

    memset(counts, 0, sizeof(odd_counts));
    for (size_t i = 0; i < WINDOW_BYTES; i += 2) {
        counts[data[i]] += 1;
        odd_counts[data[i + 1]] += 1;
    }
    for (size_t i = 0; i < 256; i++)
        counts[i] = (uint16_t)(counts[i] + odd_counts[i]);
}

/* DEVIATIONS_MAX * 22.6 / total, in 1/1024. */
static uint32_t excess_max(uint32_t total)
{
    return DEVIATIONS_MAX * 23142 / total;
}

static bool has_skew(const unsigned char *data, size_t bytes)
{
    size_t window_count = imgz_min(WINDOW_COUNT, bytes / WINDOW_BYTES);
    uint32_t total = (uint32_t)(window_count * WINDOW_BYTES);
    uint16_t counts[256] = {0};

    for (size_t i = 0; i < window_count; i++) {
        size_t offset = (bytes - WINDOW_BYTES) * i / (window_count - 1);
        uint16_t window_counts[256];

        count_window(data + offset, window_counts);
        if (is_skewed(window_counts, WINDOW_BYTES, WINDOW_EXCESS_MAX))
            return true;
        for (size_t j = 0; j < 256; j++)
            counts[j] = (uint16_t)(counts[j] + window_counts[j]);
    }
    return is_skewed(counts, total, excess_max(total));
}

static bool region_repeats(const unsigned char *region, size_t bytes)
{
    uint32_t seen_offsets[1u << HASH_BITS] = {0}; /* of the byte behind a candidate; 0: none */
    const unsigned char *end = region + bytes - PREFIX_BYTES;
    const unsigned char *at = region;
    unsigned char byte = region[bytes / 2];
    uint32_t candidate_count = 0;
    uint32_t repeat_count = 0;

    while (candidate_count < CANDIDATE_COUNT_MAX) {
        uint32_t prefix;
        uint32_t offset;
        uint32_t *seen;

        at = memchr(at, byte, (size_t)(end - at));
        if (at == NULL)
            break;
        at += 1;
        offset = (uint32_t)(at - region);
        prefix = imgz_get_le32(at);
        seen = &seen_offsets[prefix * 0x9e3779b1u >> (32 - HASH_BITS)];
        if (*seen != 0 && offset - *seen <= MATCH_DISTANCE_MAX &&
            imgz_get_le32(region + *seen) == prefix)
            repeat_count += 1;
        *seen = offset;
        candidate_count += 1;
    }
    return repeat_count >= REPEAT_COUNT_MIN && repeat_count >= candidate_count / REPEAT_SHARE;
}

static bool has_repeats(const unsigned char *data, size_t bytes)
{
    size_t region_bytes = imgz_min(REGION_BYTES, bytes);
    /* Two regions at 1/4 and 3/4 of what is left around them; of a small chunk one is enough. */
    size_t region_count = bytes < REGION_COUNT * REGION_BYTES ? 1 : REGION_COUNT;

    for (size_t i = 0; i < region_count; i++) {
        size_t offset = (bytes - region_bytes) * (2 * i + 1) / (2 * region_count);

        if (region_repeats(data + offset, region_bytes))
            return true;
    }
    return false;
}

bool imgz_entropy_incompressible(const void *data, size_t bytes)
{
    if (bytes < CHUNK_BYTES_MIN)
        return false;
    return !has_skew(data, bytes) && !has_repeats(data, bytes);
}
