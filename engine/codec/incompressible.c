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
 * The excess is taken over all windows together, which shows the weakest skew. It is also taken
 * over each window alone, which shows the few that differ in a chunk of otherwise random data (a
 * video that ends in zeros): in the sum they would be lost.
 *
 * Padding. A file system fills up a file's last block with zeros. Among small compressed files that
 * is often all there is to gain, 2 KiB a file, and windows far apart miss it. But it always ends
 * where a block ends: a glance at the last bytes of every block finds it all.
 *
 * Repeats. Equal frequencies prove nothing about matches: a counter, or a random block that is
 * repeated. Comparing every position with every other in reach is out of the question, but a repeat
 * repeats everything inside it, so also what follows one byte value. In a region longer than
 * DEFLATE's window the positions of that value are found at the speed of memchr. What the matches
 * after them would save, at any distance, is the least that DEFLATE would save there. The value is
 * zero: among random bytes as good as any other, and frequent in headers and tables, which is what
 * repeats in archives of small compressed files (zip, jar).
 */
#include "codec/incompressible.h"

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
 * One window: 1, a gain of at most one bit in eight; compressed files have stretches of 1/2 on
 * which DEFLATE gains nothing.
 */
#define DEVIATIONS_MAX    8u
#define WINDOW_EXCESS_MAX 1024u /* in 1/1024 */

/* A gain of less than one byte in this many is not worth deflating a chunk for. Windows are judged
 * by what frequencies prove, a gain of 0.2 % at most; padding and repeats by the same. */
#define GAIN_SHARE 512u

/* At the end of a block; less than a cache line, and more zeros than data ends in by chance. */
#define TAIL_BYTES 32u

/* Regions: matches reach back 32 KiB, so a region this long sees repeats at every distance. 10 us.
 */
#define REGION_COUNT       2u
#define REGION_BYTES       49152u
#define MATCH_DISTANCE_MAX 32768u

/* Random bytes give 192 candidates in a region. More means that the byte is a frequent one. Less
 * than a quarter, which random bytes never give (in 4096 bytes they do once in 10^4), means that
 * the data lacks it: a counter, or a pattern without all bytes. */
#define CANDIDATE_COUNT_MAX 1024u
#define CANDIDATE_SHARE     1024u
#define CANDIDATE_BYTE      0
#define PREFIX_BYTES        4u
#define HASH_BITS           10u

/* Length and distance of a match far back take 3 bytes or less. By chance two of 192 candidates
 * share a prefix once in 10^5 regions. */
#define MATCH_BYTES_MAX  258u
#define MATCH_COST_BYTES 3u

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

static bool is_zero_tail(const unsigned char *tail)
{
    uint64_t any = 0;

    for (size_t i = 0; i < TAIL_BYTES; i += sizeof(any))
        any |= imgz_get_le64(tail + i);
    return any == 0;
}

/* How many zeros a block ends in. */
static size_t count_padding(const unsigned char *block)
{
    size_t bytes = 0;

    while (bytes < IMGZ_BLOCK_BYTES && block[IMGZ_BLOCK_BYTES - 1 - bytes] == 0)
        bytes += 1;
    return bytes;
}

static bool has_padding(const unsigned char *data, size_t bytes)
{
    size_t padding_bytes = 0;

    for (size_t at = 0; bytes - at >= IMGZ_BLOCK_BYTES; at += IMGZ_BLOCK_BYTES) {
        if (is_zero_tail(data + at + IMGZ_BLOCK_BYTES - TAIL_BYTES))
            padding_bytes += count_padding(data + at);
    }
    return padding_bytes >= bytes / GAIN_SHARE;
}

/* 'b' is after 'a'. */
static size_t count_match(const unsigned char *a, const unsigned char *b, const unsigned char *end)
{
    size_t bytes_max = imgz_min((size_t)(end - b), MATCH_BYTES_MAX);
    size_t bytes = 0;

    while (bytes < bytes_max && a[bytes] == b[bytes])
        bytes += 1;
    return bytes;
}

static bool region_repeats(const unsigned char *region, size_t bytes)
{
    uint32_t seen_offsets[1u << HASH_BITS] = {0}; /* of the byte after a candidate; 0: none */
    const unsigned char *end = region + bytes - PREFIX_BYTES;
    const unsigned char *at = region;
    size_t gain_bytes = 0;
    uint32_t count = 0;

    for (; count < CANDIDATE_COUNT_MAX && at < end; count++) {
        uint32_t offset;
        uint32_t prefix;
        uint32_t *seen;

        at = memchr(at, CANDIDATE_BYTE, (size_t)(end - at));
        if (at == NULL)
            break;
        at += 1;
        offset = (uint32_t)(at - region);
        prefix = imgz_get_le32(at);
        seen = &seen_offsets[prefix * 0x9e3779b1u >> (32 - HASH_BITS)];
        if (*seen != 0 && offset - *seen <= MATCH_DISTANCE_MAX &&
            imgz_get_le32(region + *seen) == prefix) {
            size_t match_bytes = count_match(region + *seen, at, region + bytes);

            gain_bytes += match_bytes - MATCH_COST_BYTES;
            at += match_bytes;
        }
        *seen = offset;
        if (gain_bytes >= bytes / GAIN_SHARE)
            return true;
    }
    return count < bytes / CANDIDATE_SHARE;
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

bool imgz_incompressible(const void *data, size_t bytes)
{
    if (bytes < CHUNK_BYTES_MIN)
        return false;
    return !has_skew(data, bytes) && !has_padding(data, bytes) && !has_repeats(data, bytes);
}
