/* SPDX-License-Identifier: MIT */
/*
 * Hashes and digests, a chunk at a time; checked against zlib, libxxhash's streaming interface and
 * libcrypto's one-shot one.
 */
#include <openssl/evp.h>
#include <xxhash.h>
#include <zlib.h>

#include "bench.h"
#include "corpus.h"
#include "engine.h"

namespace bench
{
namespace
{

const Chunk &sample()
{
    return corpus(Kind::random).front();
}

/* By pieces: another path through the library than the engine takes. */
template <typename Update> void stream_sample(XXH3_state_t *hash, Update update)
{
    for (size_t at = 0; at < sample().size(); at += 1024)
        update(hash, sample().data() + at, 1024);
}

void hash_crc32(benchmark::State &state)
{
    const uLong expected = crc32(0, sample().data(), static_cast<uInt>(sample().size()));

    if (!check(state, imgz_crc32(sample().data(), sample().size()) == expected,
               "not the CRC-32 that zlib finds"))
        return;
    for (auto _ : state)
        benchmark::DoNotOptimize(imgz_crc32(sample().data(), sample().size()));
    count_raw(state, sample().size());
}

void concat_crc32(benchmark::State &state)
{
    const uint32_t crc = imgz_crc32(sample().data(), sample().size());
    const uLong expected = crc32(crc, sample().data(), static_cast<uInt>(sample().size()));
    uint32_t sum = 0;

    if (!check(state, imgz_crc32_concat(crc, crc, sample().size()) == expected,
               "not the CRC-32 that zlib finds"))
        return;
    for (auto _ : state)
        sum = imgz_crc32_concat(sum, crc, sample().size());
    benchmark::DoNotOptimize(sum);
    count_items(state, 1);
}

void hash_xxh3_64(benchmark::State &state)
{
    XXH3_state_t *hash = XXH3_createState();
    XXH64_hash_t expected;

    XXH3_64bits_reset(hash);
    stream_sample(hash, XXH3_64bits_update);
    expected = XXH3_64bits_digest(hash);
    XXH3_freeState(hash);
    if (!check(state, imgz_xxh3_64(sample().data(), sample().size()) == expected,
               "not the hash that libxxhash finds"))
        return;
    for (auto _ : state)
        benchmark::DoNotOptimize(imgz_xxh3_64(sample().data(), sample().size()));
    count_raw(state, sample().size());
}

void hash_xxh3_128(benchmark::State &state)
{
    XXH3_state_t *hash = XXH3_createState();
    const struct imgz_hash found = imgz_xxh3_128(sample().data(), sample().size());
    struct imgz_hash expected;

    XXH3_128bits_reset(hash);
    stream_sample(hash, XXH3_128bits_update);
    expected =
        imgz_hash_from_words(XXH3_128bits_digest(hash).low64, XXH3_128bits_digest(hash).high64);
    XXH3_freeState(hash);
    if (!check(state, imgz_hash_equal(&found, &expected), "not the hash that libxxhash finds"))
        return;
    for (auto _ : state)
        benchmark::DoNotOptimize(imgz_xxh3_128(sample().data(), sample().size()));
    count_raw(state, sample().size());
}

std::string digest_naively(const char *name)
{
    static const char digits[] = "0123456789abcdef";
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned bytes = 0;
    std::string text;

    if (EVP_Digest(sample().data(), sample().size(), digest, &bytes, EVP_get_digestbyname(name),
                   nullptr) != 1)
        return "";
    for (unsigned i = 0; i < bytes; i++)
        text += {digits[digest[i] >> 4], digits[digest[i] & 15]};
    return text;
}

void make_digest(benchmark::State &state, const char *name, const char *libcrypto_name)
{
    imgz_digest *digest = nullptr;
    imgz_digest_text text = {};

    if (!check(state, imgz_digest_create(name, &digest) == 0, "libcrypto refuses"))
        return;
    imgz_digest_add(digest, sample().data(), sample().size());
    imgz_digest_finish(digest, &text);
    imgz_digest_destroy(digest);
    digest = nullptr;
    if (!check(state, text.hex == digest_naively(libcrypto_name), "not the digest of libcrypto") ||
        !check(state, imgz_digest_create(name, &digest) == 0, "libcrypto refuses"))
        return;
    for (auto _ : state)
        imgz_digest_add(digest, sample().data(), sample().size());
    imgz_digest_finish(digest, &text);
    imgz_digest_destroy(digest);
    count_raw(state, sample().size());
}

} // namespace

void add_checksum_benchmarks()
{
    add("hash/crc32", hash_crc32);
    add("hash/crc32_concat", concat_crc32);
    add("hash/xxh3_64", hash_xxh3_64);
    add("hash/xxh3_128", hash_xxh3_128);
    add("digest/md5", make_digest, "md5", "MD5");
    add("digest/sha1", make_digest, "sha1", "SHA1");
    add("digest/sha256", make_digest, "sha256", "SHA256");
    add("digest/sha512", make_digest, "sha512", "SHA512");
    add("digest/b2", make_digest, "b2", "BLAKE2b512");
}

} // namespace bench
