/* SPDX-License-Identifier: MIT */
#include "checksum/digest.h"

#include <errno.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The name users know from the md5sum, sha256sum, b2sum tools, and the algorithm behind it. */
struct algorithm {
    const char *name;
    const EVP_MD *(*get)(void);
};

static const struct algorithm algorithms[] = {
    {"md5", EVP_md5},       {"sha1", EVP_sha1},     {"sha224", EVP_sha224}, {"sha256", EVP_sha256},
    {"sha384", EVP_sha384}, {"sha512", EVP_sha512}, {"b2", EVP_blake2b512},
};

struct imgz_digest {
    uint32_t count;
    const struct algorithm *algorithms[IMGZ_DIGESTS_MAX];
    EVP_MD_CTX *contexts[IMGZ_DIGESTS_MAX];
};

_Static_assert(sizeof(((struct imgz_digest_text *)0)->hex) > 2 * EVP_MAX_MD_SIZE,
               "the longest digest fits as hex");

static const struct algorithm *find_algorithm(const char *name, size_t name_bytes)
{
    for (size_t i = 0; i < IMGZ_COUNT_OF(algorithms); i++) {
        const struct algorithm *algorithm = &algorithms[i];

        if (strlen(algorithm->name) == name_bytes && memcmp(algorithm->name, name, name_bytes) == 0)
            return algorithm;
    }
    return NULL;
}

bool imgz_digest_known(const char *name)
{
    return find_algorithm(name, strlen(name)) != NULL;
}

static int add_algorithm(struct imgz_digest *digest, const struct algorithm *algorithm)
{
    EVP_MD_CTX *context;

    if (algorithm == NULL || digest->count == IMGZ_DIGESTS_MAX)
        return -EINVAL;
    for (uint32_t i = 0; i < digest->count; i++) {
        if (digest->algorithms[i] == algorithm)
            return -EINVAL;
    }
    context = EVP_MD_CTX_new();
    if (context == NULL)
        return -ENOMEM;
    digest->algorithms[digest->count] = algorithm;
    digest->contexts[digest->count] = context;
    digest->count += 1;
    return EVP_DigestInit_ex(context, algorithm->get(), NULL) == 1 ? 0 : -EOPNOTSUPP;
}

static int add_names(struct imgz_digest *digest, const char *names)
{
    const char *name = names;

    for (;;) {
        size_t name_bytes = strcspn(name, ",");
        int rc = add_algorithm(digest, find_algorithm(name, name_bytes));

        if (rc < 0)
            return rc;
        if (name[name_bytes] == '\0')
            return 0;
        name += name_bytes + 1;
    }
}

int imgz_digest_create(const char *names, struct imgz_digest **result)
{
    struct imgz_digest *digest;
    int rc = 0;

    digest = calloc(1, sizeof(*digest));
    if (digest == NULL)
        return -ENOMEM;
    if (names != NULL && names[0] != '\0')
        rc = add_names(digest, names);
    if (rc < 0)
        goto out;
    *result = digest;
    digest = NULL;
out:
    imgz_digest_destroy(digest);
    return rc;
}

void imgz_digest_destroy(struct imgz_digest *digest)
{
    if (digest == NULL)
        return;
    for (uint32_t i = 0; i < digest->count; i++)
        EVP_MD_CTX_free(digest->contexts[i]);
    free(digest);
}

uint32_t imgz_digest_count(const struct imgz_digest *digest)
{
    return digest->count;
}

void imgz_digest_add(struct imgz_digest *digest, const void *data, size_t bytes)
{
    for (uint32_t i = 0; i < digest->count; i++)
        IMGZ_ASSERT(EVP_DigestUpdate(digest->contexts[i], data, bytes) == 1);
}

void imgz_digest_add_zeros(struct imgz_digest *digest, uint64_t bytes)
{
    /* Large enough that the call costs nothing beside the hashing, small enough to stay in
     * cache. */
    static const unsigned char zeros[16384];

    if (digest->count == 0)
        return;
    while (bytes > 0) {
        size_t part_bytes = imgz_min(bytes, sizeof(zeros));

        imgz_digest_add(digest, zeros, part_bytes);
        bytes -= part_bytes;
    }
}

static void format_hex(const unsigned char *value, unsigned int value_bytes, char *hex)
{
    static const char digits[] = "0123456789abcdef";

    for (unsigned int i = 0; i < value_bytes; i++) {
        *hex++ = digits[value[i] >> 4];
        *hex++ = digits[value[i] & 15];
    }
    *hex = '\0';
}

void imgz_digest_finish(struct imgz_digest *digest, struct imgz_digest_text *texts)
{
    for (uint32_t i = 0; i < digest->count; i++) {
        struct imgz_digest_text *text = &texts[i];
        unsigned char value[EVP_MAX_MD_SIZE];
        unsigned int value_bytes = 0;

        IMGZ_ASSERT(EVP_DigestFinal_ex(digest->contexts[i], value, &value_bytes) == 1);
        snprintf(text->name, sizeof(text->name), "%s", digest->algorithms[i]->name);
        format_hex(value, value_bytes, text->hex);
    }
}

void imgz_digest_prepare(void)
{
    (void)OPENSSL_init_crypto(OPENSSL_INIT_LOAD_CONFIG, NULL);
}
