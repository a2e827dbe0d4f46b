/* SPDX-License-Identifier: MIT */
#include "codec/isal.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "sample.h"

#if IMGZ_HAVE_ISAL

#include <isa-l.h>
#include <sys/mman.h>

#define COMPRESSORS 64

/* Bit by bit, from the polynomial: what ISA-L hashes a word to. */
static uint32_t crc32c(uint32_t word)
{
    for (int bit = 0; bit < 32; bit++)
        word = (word & 1) != 0 ? word >> 1 ^ 0x82f63b78 : word >> 1;
    return word;
}

static uint32_t hash_at(const void *address)
{
    return crc32c((uint32_t)((uintptr_t)address >> 16)) & 0x7fff;
}

/* A fault of ISA-L makes its output depend on this hash and on nothing else of an address. */
static void all_compressors_lie_at_one_hash(void **state)
{
    struct imgz_isal *isal[COMPRESSORS];

    (void)state;
    for (int i = 0; i < COMPRESSORS; i++) {
        assert_int_equal(imgz_isal_create(&isal[i]), 0);
        assert_int_equal((uintptr_t)isal[i] % 65536, 0);
        assert_int_equal(hash_at(isal[i]), 0);
        for (int j = 0; j < i; j++)
            assert_ptr_not_equal(isal[i], isal[j]);
    }
    for (int i = 0; i < COMPRESSORS; i++)
        imgz_isal_destroy(isal[i]);
}

/*
 * Data that shows the fault: a match ends just behind position 65536 + 2, so a string that begins
 * there is in no table, and it comes a second time. Only the entry at the wrong hash leads there:
 * it says position 2, in 16 bits. Gives the string's first four bytes.
 */
static uint32_t fill_with_alias(unsigned char *raw, size_t raw_bytes)
{
    enum { ALIAS = 65536 + 2, COPY = 38, TAIL = 60 };
    unsigned char unit[COPY + TAIL];
    uint32_t word;

    imgz_sample_fill(IMGZ_SAMPLE_RANDOM, 9, unit, sizeof(unit));
    memset(raw, 'a', raw_bytes);
    memcpy(raw + ALIAS - 200, unit, COPY + 2);
    memcpy(raw + ALIAS - COPY, unit, sizeof(unit));
    memcpy(raw + ALIAS + 1000, unit + COPY, TAIL);
    memcpy(&word, unit + COPY, sizeof(word));
    return word;
}

/* What ISA-L itself makes of it with its stream at 'stream'. */
static size_t compress_at(struct isal_zstream *stream, unsigned char *raw, size_t raw_bytes,
                          unsigned char *out, size_t out_bytes)
{
    static uint8_t level_buffer[ISAL_DEF_LVL2_LARGE] __attribute__((aligned(64)));

    isal_deflate_stateless_init(stream);
    stream->hist_bits = 0;
    stream->level = 2;
    stream->level_buf = level_buffer;
    stream->level_buf_size = sizeof(level_buffer);
    stream->flush = FULL_FLUSH;
    stream->next_in = raw;
    stream->avail_in = (uint32_t)raw_bytes;
    stream->next_out = out;
    stream->avail_out = (uint32_t)out_bytes;
    assert_int_equal(isal_deflate_stateless(stream), COMP_OK);
    return stream->total_out;
}

/* A free place for a stream whose hash is 'hash', below 'above'. */
static struct isal_zstream *map_stream(const void *above, uint32_t hash)
{
    for (uintptr_t number = (uintptr_t)above >> 16; number > 0; number--) {
        void *want = (void *)(number << 16);
        void *got;

        if (hash_at(want) != hash)
            continue;
        got = mmap(want, sizeof(struct isal_zstream), PROT_READ | PROT_WRITE,
                   MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
        if (got != MAP_FAILED)
            return got;
    }
    return NULL;
}

/* Shows that the hash matters: this test says when a later ISA-L has lost the fault. */
static void another_hash_gives_other_bytes(void **state)
{
    enum { RAW_BYTES = 100000, OUT_BYTES = 2 * RAW_BYTES };
    unsigned char *raw = malloc(RAW_BYTES), *ours = malloc(OUT_BYTES), *theirs = malloc(OUT_BYTES);
    struct imgz_isal *isal;
    struct isal_zstream *good, *bad;
    size_t bytes;

    (void)state;
    assert_non_null(raw);
    assert_non_null(ours);
    assert_non_null(theirs);
    assert_int_equal(imgz_isal_create(&isal), 0);
    good = map_stream(isal, 0);
    bad = map_stream(isal, crc32c(fill_with_alias(raw, RAW_BYTES)) & 0x7fff);
    assert_non_null(good);
    assert_non_null(bad);
    assert_int_equal(imgz_isal_compress(isal, raw, RAW_BYTES, ours, OUT_BYTES, &bytes), 0);
    assert_int_equal(compress_at(good, raw, RAW_BYTES, theirs, OUT_BYTES), bytes);
    assert_memory_equal(theirs, ours, bytes);
    if (compress_at(bad, raw, RAW_BYTES, theirs, OUT_BYTES) == bytes)
        assert_memory_not_equal(theirs, ours, bytes);
    imgz_isal_destroy(isal);
    munmap(good, sizeof(*good));
    munmap(bad, sizeof(*bad));
    free(raw);
    free(ours);
    free(theirs);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_compressors_lie_at_one_hash),
        cmocka_unit_test(another_hash_gives_other_bytes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

#else

int main(void)
{
    return 77; /* built without ISA-L */
}

#endif
