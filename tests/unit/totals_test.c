/* SPDX-License-Identifier: MIT */
#include "image/totals.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <openssl/evp.h>
#include <xxhash.h>
#include <zlib.h>

#include "checksum/checksum.h"
#include "pipeline/slot.h"
#include "sample.h"

#define CHUNK     ((size_t)IMGZ_CHUNK_BYTES_MIN)
#define DISK_MAX  (40 * CHUNK)
#define PIECE_MAX (DISK_MAX / CHUNK + 1)

/* The reference: the whole disk in memory, by other libraries than the engine's code. */
struct naive {
    uint32_t crc32;
    struct imgz_hash root_hash;
    uint64_t zero_bytes;
    char sha256[65];
};

static struct naive count_naively(const unsigned char *disk, size_t bytes)
{
    static unsigned char hashes[PIECE_MAX * IMGZ_HASH_BYTES];
    unsigned char sha256[32];
    struct naive naive = {.crc32 = (uint32_t)crc32(0, disk, (uInt)bytes)};
    XXH128_canonical_t canonical;
    size_t used = 0;

    for (size_t at = 0; at < bytes; at += CHUNK) {
        XXH128_hash_t hash = XXH3_128bits(disk + at, imgz_min(CHUNK, bytes - at));

        XXH128_canonicalFromHash(&canonical, hash);
        /* Canonical is big-endian; images hold it the other way round. */
        for (size_t i = 0; i < IMGZ_HASH_BYTES; i++)
            hashes[used + i] = canonical.digest[IMGZ_HASH_BYTES - 1 - i];
        used += IMGZ_HASH_BYTES;
    }
    XXH128_canonicalFromHash(&canonical, XXH3_128bits(hashes, used));
    for (size_t i = 0; i < IMGZ_HASH_BYTES; i++)
        naive.root_hash.bytes[i] = canonical.digest[IMGZ_HASH_BYTES - 1 - i];
    assert_int_equal(EVP_Digest(disk, bytes, sha256, NULL, EVP_sha256(), NULL), 1);
    for (size_t i = 0; i < sizeof(sha256); i++)
        snprintf(naive.sha256 + 2 * i, 3, "%02x", sha256[i]);
    return naive;
}

static void add_data(struct imgz_totals *totals, unsigned char *disk, size_t offset, size_t bytes)
{
    const struct imgz_slot slot = {
        .kind = IMGZ_SLOT_DATA,
        .raw_offset = offset,
        .raw_bytes = bytes,
        .raw = disk + offset,
        .raw_hash = imgz_xxh3_128(disk + offset, bytes),
        .raw_crc32 = imgz_crc32(disk + offset, bytes),
    };

    imgz_totals_add(totals, &slot);
}

static void add_zeros(struct imgz_totals *totals, size_t offset, size_t bytes)
{
    const struct imgz_slot slot = {.kind = IMGZ_SLOT_ZERO,
                                   .raw_offset = offset,
                                   .raw_bytes = bytes};

    imgz_totals_add(totals, &slot);
}

static void random_disks_agree_with_naive(void **state)
{
    const struct imgz_totals_config config = {
        .chunk_bytes = CHUNK, .digests = "sha256", .crc_wanted = true, .raw_present = true};
    unsigned char *disk = malloc(DISK_MAX);
    uint64_t random = 3;

    (void)state;
    assert_non_null(disk);
    for (int round = 0; round < 40; round++) {
        const size_t bytes = imgz_sample_random(&random) % DISK_MAX;
        struct imgz_totals *totals = NULL;
        struct imgz_totals_sum sum;
        struct naive naive;
        uint64_t zero_bytes = 0;

        assert_int_equal(imgz_totals_create(&config, &totals), 0);
        imgz_sample_fill(IMGZ_SAMPLE_RANDOM, random, disk, bytes);
        for (size_t at = 0; at < bytes;) {
            const size_t chunks = 1 + imgz_sample_random(&random) % 6;

            if (imgz_sample_random(&random) % 2 == 0) {
                const size_t run_bytes = imgz_min(chunks * CHUNK, bytes - at);

                memset(disk + at, 0, run_bytes);
                add_zeros(totals, at, run_bytes);
                zero_bytes += run_bytes;
                at += run_bytes;
            } else {
                const size_t chunk_bytes = imgz_min(CHUNK, bytes - at);

                add_data(totals, disk, at, chunk_bytes);
                at += chunk_bytes;
            }
        }
        naive = count_naively(disk, bytes);
        imgz_totals_finish(totals, &sum);
        assert_int_equal(sum.raw_bytes, bytes);
        assert_int_equal(sum.zero_bytes, zero_bytes);
        assert_int_equal(sum.chunk_count, imgz_div_up(bytes, CHUNK));
        assert_int_equal(sum.crc32, naive.crc32);
        assert_false(sum.crc_left_out);
        assert_true(imgz_hash_equal(&sum.root_hash, &naive.root_hash));
        assert_int_equal(sum.digest_count, 1);
        assert_string_equal(sum.digests[0].name, "sha256");
        assert_string_equal(sum.digests[0].hex, naive.sha256);
        imgz_totals_destroy(totals);
    }
    free(disk);
}

/* The same disk, its zeros told as holes, as single chunks, or as one run: the same sums. */
static void how_zeros_are_told_does_not_matter(void **state)
{
    const struct imgz_totals_config config = {.chunk_bytes = CHUNK,
                                              .crc_wanted = true,
                                              .raw_present = true};
    static unsigned char disk[5 * CHUNK + 100];
    struct imgz_totals_sum sums[3];

    (void)state;
    disk[0] = 1;
    for (size_t way = 0; way < IMGZ_COUNT_OF(sums); way++) {
        struct imgz_totals *totals = NULL;

        assert_int_equal(imgz_totals_create(&config, &totals), 0);
        add_data(totals, disk, 0, CHUNK);
        if (way == 0)
            add_zeros(totals, CHUNK, 4 * CHUNK + 100);
        for (size_t at = CHUNK; way > 0 && at < sizeof(disk); at += CHUNK) {
            if (way == 1)
                add_zeros(totals, at, imgz_min(CHUNK, sizeof(disk) - at));
            else
                add_data(totals, disk, at, imgz_min(CHUNK, sizeof(disk) - at));
        }
        imgz_totals_finish(totals, &sums[way]);
        imgz_totals_destroy(totals);
    }
    for (size_t way = 1; way < IMGZ_COUNT_OF(sums); way++) {
        assert_int_equal(sums[way].raw_bytes, sums[0].raw_bytes);
        assert_int_equal(sums[way].chunk_count, 6);
        assert_int_equal(sums[way].crc32, sums[0].crc32);
        assert_true(imgz_hash_equal(&sums[way].root_hash, &sums[0].root_hash));
    }
}

static void zero_hashes_are_those_of_zeros(void **state)
{
    static const unsigned char zeros[CHUNK];
    const struct imgz_totals_config config = {.chunk_bytes = CHUNK};
    struct imgz_totals *totals = NULL;

    (void)state;
    assert_int_equal(imgz_totals_create(&config, &totals), 0);
    for (size_t bytes = 1; bytes <= CHUNK; bytes = bytes == 1 ? 4096 : bytes * 2) {
        const struct imgz_hash expected = imgz_xxh3_128(zeros, bytes);
        const struct imgz_hash hash = imgz_totals_zero_hash(totals, bytes).hash;

        assert_true(imgz_hash_equal(&hash, &expected));
    }
    imgz_totals_destroy(totals);
    imgz_totals_destroy(NULL);
}

/* Without raw bytes there are no digests; without CRC-32 it stays 0. */
static void what_is_not_there_is_not_counted(void **state)
{
    static unsigned char disk[CHUNK] = {1};
    const struct imgz_totals_config config = {.chunk_bytes = CHUNK, .digests = "sha256"};
    struct imgz_totals *totals = NULL;
    struct imgz_totals_sum sum;

    (void)state;
    assert_int_equal(imgz_totals_create(&config, &totals), 0);
    add_data(totals, disk, 0, CHUNK);
    add_zeros(totals, CHUNK, CHUNK);
    imgz_totals_finish(totals, &sum);
    assert_int_equal(sum.digest_count, 0);
    assert_true(sum.crc_left_out);
    assert_int_equal(sum.chunk_count, 2);
    imgz_totals_destroy(totals);
}

static void unknown_digests_are_refused(void **state)
{
    const struct imgz_totals_config config = {.chunk_bytes = CHUNK,
                                              .digests = "sha257",
                                              .raw_present = true};
    struct imgz_totals *totals = NULL;

    (void)state;
    assert_int_equal(imgz_totals_create(&config, &totals), -EINVAL);
    assert_null(totals);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_disks_agree_with_naive),
        cmocka_unit_test(how_zeros_are_told_does_not_matter),
        cmocka_unit_test(zero_hashes_are_those_of_zeros),
        cmocka_unit_test(what_is_not_there_is_not_counted),
        cmocka_unit_test(unknown_digests_are_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
