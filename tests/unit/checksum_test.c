/* SPDX-License-Identifier: MIT */
#include "checksum/checksum.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "checksum/crc32.h"
#include "checksum/hasher.h"
#include "guard.h"
#include "sample.h"

/* The reference model: RFC 1952 section 8, a bit at a time. */
static uint32_t naive_crc32(const unsigned char *data, size_t bytes)
{
    uint32_t crc = UINT32_MAX;

    for (size_t i = 0; i < bytes; i++) {
        crc ^= data[i];
        for (int bit = 0; bit < 8; bit++)
            crc = crc >> 1 ^ (crc & 1 ? 0xedb88320u : 0);
    }
    return ~crc;
}

static void crc32_agrees_with_naive(void **state)
{
    (void)state;
    assert_int_equal(imgz_crc32("123456789", 9), 0xcbf43926u);
    for (size_t bytes = 0; bytes <= 5000; bytes = bytes < 700 ? bytes + 1 : bytes + 101) {
        unsigned char *data = imgz_guard_create(bytes);

        imgz_sample_fill(IMGZ_SAMPLE_RANDOM, bytes + 1, data, bytes);
        assert_int_equal(imgz_crc32(data, bytes), naive_crc32(data, bytes));
        imgz_guard_destroy(data, bytes);
    }
}

/* Every variant, whole and continued in the middle, however the data lies. */
static void crc32_variants_agree_with_naive(void **state)
{
    size_t count;
    const struct imgz_crc32_variant *variants = imgz_crc32_variants(&count);
    size_t used_count = 0;

    (void)state;
    for (size_t i = 0; i < count; i++) {
        if (!variants[i].usable())
            continue;
        used_count += 1;
        for (size_t bytes = 0; bytes <= 5000; bytes = bytes < 1100 ? bytes + 1 : bytes + 101) {
            unsigned char *data = imgz_guard_create(bytes);
            const size_t first_bytes = bytes * (i + 1) / (count + 1);
            uint32_t crc;

            imgz_sample_fill(IMGZ_SAMPLE_RANDOM, bytes + 1, data, bytes);
            crc = variants[i].update(0, data, first_bytes);
            assert_int_equal(crc, naive_crc32(data, first_bytes));
            crc = variants[i].update(crc, data + first_bytes, bytes - first_bytes);
            assert_int_equal(crc, naive_crc32(data, bytes));
            imgz_guard_destroy(data, bytes);
        }
    }
    assert_true(used_count > 0);
}

static void hasher_makes_the_same_sums(void **state)
{
    static const size_t sizes[] = {0, 1, 240, 241, 4096, 16384, 16385, 100000, 1 << 20};
    struct imgz_hasher *hasher = NULL;

    (void)state;
    assert_int_equal(imgz_hasher_create(IMGZ_HASH_XXH3, &hasher), 0);
    for (size_t i = 0; i < IMGZ_COUNT_OF(sizes); i++) {
        unsigned char *data = imgz_guard_create(sizes[i]);
        struct imgz_hash expected;
        struct imgz_hash hash;
        struct imgz_hasher_sums sums;

        imgz_sample_fill(IMGZ_SAMPLE_RANDOM, i, data, sizes[i]);
        expected = imgz_xxh3_128(data, sizes[i]);
        sums = imgz_hasher_sum(hasher, data, sizes[i]);
        assert_true(imgz_hash_equal(&sums.hash, &expected));
        assert_int_equal(sums.crc32, naive_crc32(data, sizes[i]));
        imgz_hasher_reset(hasher);
        for (size_t at = 0; at < sizes[i]; at += 1000)
            imgz_hasher_add(hasher, data + at, imgz_min(1000, sizes[i] - at));
        hash = imgz_hasher_take(hasher).hash;
        assert_true(imgz_hash_equal(&hash, &expected));
        hash = imgz_hasher_hash(hasher, data, sizes[i]).hash;
        assert_true(imgz_hash_equal(&hash, &expected));
        imgz_guard_destroy(data, sizes[i]);
    }
    imgz_hasher_destroy(hasher);
    imgz_hasher_destroy(NULL);
}

/* FIPS 180-2, appendix B, and what sha256sum prints for nothing. A note has the first 16 bytes. */
static void sha256_is_that_of_the_standard(void **state)
{
    static const struct {
        const char *data;
        const char *sha256;
    } cases[] = {
        {"", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},
        {"abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"},
        {"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
         "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"},
    };
    struct imgz_hasher *hasher = NULL;

    (void)state;
    assert_int_equal(imgz_hasher_create(IMGZ_HASH_SHA256, &hasher), 0);
    assert_int_equal(imgz_hasher_kind(hasher), IMGZ_HASH_SHA256);
    for (size_t i = 0; i < IMGZ_COUNT_OF(cases); i++) {
        const size_t bytes = strlen(cases[i].data);
        struct imgz_hasher_sums sums = imgz_hasher_sum(hasher, cases[i].data, bytes);
        char text[IMGZ_SHA256_TEXT_BYTES];

        imgz_sha256_format(&sums.sha256, text);
        assert_string_equal(text, cases[i].sha256);
        assert_memory_equal(sums.hash.bytes, sums.sha256.bytes, IMGZ_HASH_BYTES);
        assert_int_equal(sums.crc32, imgz_crc32(cases[i].data, bytes));
        sums = imgz_hasher_hash(hasher, cases[i].data, bytes);
        imgz_root_format(IMGZ_HASH_SHA256, &sums.hash, &sums.sha256, text);
        assert_string_equal(text, cases[i].sha256);
    }
    imgz_hasher_destroy(hasher);
}

static void concat_is_the_crc_of_both(void **state)
{
    unsigned char data[3000];

    (void)state;
    imgz_sample_fill(IMGZ_SAMPLE_RANDOM, 1, data, sizeof(data));
    for (size_t split = 0; split <= sizeof(data); split += 7) {
        uint32_t a_crc = imgz_crc32(data, split);
        uint32_t b_crc = imgz_crc32(data + split, sizeof(data) - split);

        assert_int_equal(imgz_crc32_concat(a_crc, b_crc, sizeof(data) - split),
                         naive_crc32(data, sizeof(data)));
    }
}

static void zeros_have_the_crc_of_zeros(void **state)
{
    unsigned char *zeros = calloc(1, 70000);

    (void)state;
    assert_non_null(zeros);
    for (size_t bytes = 0; bytes <= 70000; bytes = bytes < 300 ? bytes + 1 : bytes * 5 / 4)
        assert_int_equal(imgz_crc32_zeros(bytes), imgz_crc32(zeros, bytes));
    /* Lengths no buffer has: 2^n + 1 as 2^n and one more. */
    for (int bit = 33; bit < 62; bit++) {
        uint64_t bytes = (uint64_t)1 << bit;
        uint32_t crc = imgz_crc32_concat(imgz_crc32_zeros(bytes), imgz_crc32(zeros, 1), 1);

        assert_int_equal(imgz_crc32_zeros(bytes + 1), crc);
        assert_int_equal(imgz_crc32_concat(imgz_crc32(zeros, 1), imgz_crc32_zeros(bytes), bytes),
                         crc);
    }
    free(zeros);
}

struct hash_case {
    const char *text;
    uint64_t xxh3_64;
    const char *xxh3_128;
};

/* The first is in xxHash's documentation, the second was printed by xxHash 0.8.1: XXH3 is frozen
 * since 0.8.0. */
static const struct hash_case hash_cases[] = {
    {"", 0x2d06800538d394c2u, "99aa06d3014798d86001c324468d497f"},
    {"imgz", 0x9dd3bb1b7d3c6fccu, "efc308085dae799d7f6f289bbfd19966"},
};

static void hashes_are_those_of_xxhash(void **state)
{
    (void)state;
    for (size_t i = 0; i < IMGZ_COUNT_OF(hash_cases); i++) {
        const char *data = hash_cases[i].text;
        struct imgz_hash hash = imgz_xxh3_128(data, strlen(data));
        char text[IMGZ_HASH_TEXT_BYTES];

        imgz_hash_format(&hash, text);
        assert_string_equal(text, hash_cases[i].xxh3_128);
        assert_true(imgz_xxh3_64(data, strlen(data)) == hash_cases[i].xxh3_64);
    }
}

/* The format stores the low half first, the text shows the high half first. */
static void hash_bytes_are_in_format_order(void **state)
{
    struct imgz_hash hash = imgz_xxh3_128("", 0);
    static const unsigned char expected[IMGZ_HASH_BYTES] = {
        0x7f, 0x49, 0x8d, 0x46, 0x24, 0xc3, 0x01, 0x60,
        0xd8, 0x98, 0x47, 0x01, 0xd3, 0x06, 0xaa, 0x99,
    };

    (void)state;
    assert_memory_equal(hash.bytes, expected, sizeof(expected));
}

static void equal_looks_at_every_byte(void **state)
{
    struct imgz_hash a = imgz_xxh3_128("a", 1);
    struct imgz_hash b = a;

    (void)state;
    assert_true(imgz_hash_equal(&a, &b));
    for (size_t i = 0; i < IMGZ_HASH_BYTES; i++) {
        b.bytes[i] ^= 0x10;
        assert_false(imgz_hash_equal(&a, &b));
        b.bytes[i] ^= 0x10;
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(crc32_agrees_with_naive),
        cmocka_unit_test(crc32_variants_agree_with_naive),
        cmocka_unit_test(hasher_makes_the_same_sums),
        cmocka_unit_test(sha256_is_that_of_the_standard),
        cmocka_unit_test(concat_is_the_crc_of_both),
        cmocka_unit_test(zeros_have_the_crc_of_zeros),
        cmocka_unit_test(hashes_are_those_of_xxhash),
        cmocka_unit_test(hash_bytes_are_in_format_order),
        cmocka_unit_test(equal_looks_at_every_byte),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
