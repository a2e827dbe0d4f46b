/* SPDX-License-Identifier: MIT */
#include "checksum/digest.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

struct digest_case {
    const char *name;
    const char *abc_hex; /* as the tool of coreutils prints it for "abc" */
};

static const struct digest_case cases[] = {
    {"md5", "900150983cd24fb0d6963f7d28e17f72"},
    {"sha1", "a9993e364706816aba3e25717850c26c9cd0d89d"},
    {"sha224", "23097d223405d8228642a477bda255b32aadbce4bda0b3f7e36c9da7"},
    {"sha256", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"},
    {"sha384", "cb00753f45a35e8bb5a03d699ac65007272c32ab0eded1631a8b605a43ff5bed"
               "8086072ba1e7cc2358baeca134c825a7"},
    {"sha512", "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a"
               "2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f"},
    {"b2", "ba80a53f981c4d0d6a2797b69f12f6e94c212f14685ac4b74b12bb6fdbffa2d1"
           "7d87c5392aab792dc252d5de4533cc9518d38aa8dbf1925ab92386edd4009923"},
};

static void every_name_gives_the_standard_digest(void **state)
{
    (void)state;
    for (size_t i = 0; i < IMGZ_COUNT_OF(cases); i++) {
        struct imgz_digest_text text;
        struct imgz_digest *digest;

        assert_int_equal(imgz_digest_create(cases[i].name, &digest), 0);
        assert_int_equal(imgz_digest_count(digest), 1);
        imgz_digest_add(digest, "a", 1);
        imgz_digest_add(digest, "", 0);
        imgz_digest_add(digest, "bc", 2);
        imgz_digest_finish(digest, &text);
        assert_string_equal(text.name, cases[i].name);
        assert_string_equal(text.hex, cases[i].abc_hex);
        imgz_digest_destroy(digest);
    }
}

static void several_keep_their_order(void **state)
{
    struct imgz_digest_text texts[IMGZ_DIGESTS_MAX];
    struct imgz_digest *digest;

    (void)state;
    assert_int_equal(imgz_digest_create("sha256,md5,b2,sha1,sha512,sha384", &digest), 0);
    assert_int_equal(imgz_digest_count(digest), 6);
    imgz_digest_add(digest, "abc", 3);
    imgz_digest_finish(digest, texts);
    assert_string_equal(texts[0].name, "sha256");
    assert_string_equal(texts[0].hex, cases[3].abc_hex);
    assert_string_equal(texts[1].hex, cases[0].abc_hex);
    assert_string_equal(texts[2].hex, cases[6].abc_hex);
    assert_string_equal(texts[5].name, "sha384");
    imgz_digest_destroy(digest);
}

static void none_is_an_empty_set(void **state)
{
    struct imgz_digest *digest;
    struct imgz_digest_text untouched = {.name = "x"};

    (void)state;
    assert_int_equal(imgz_digest_create(NULL, &digest), 0);
    assert_int_equal(imgz_digest_count(digest), 0);
    imgz_digest_add(digest, "abc", 3);
    imgz_digest_add_zeros(digest, UINT64_MAX); /* at once */
    imgz_digest_finish(digest, &untouched);
    assert_string_equal(untouched.name, "x");
    imgz_digest_destroy(digest);
    assert_int_equal(imgz_digest_create("", &digest), 0);
    assert_int_equal(imgz_digest_count(digest), 0);
    imgz_digest_destroy(digest);
    imgz_digest_destroy(NULL);
}

static void bad_names_are_refused(void **state)
{
    static const char *const bad[] = {
        "sha3",
        "SHA256",
        "md5,",
        ",md5",
        ",",
        "md5,,sha1",
        "md5 ",
        "md",
        "md55",
        "md5,sha1,md5",
        "md5,sha1,sha224,sha256,sha384,sha512,b2",
    };

    (void)state;
    for (size_t i = 0; i < IMGZ_COUNT_OF(bad); i++) {
        struct imgz_digest *digest = NULL;

        assert_int_equal(imgz_digest_create(bad[i], &digest), -EINVAL);
        assert_null(digest);
    }
}

static void zeros_are_zeros(void **state)
{
    static const uint64_t lengths[] = {0, 1, 16383, 16384, 16385, 1000000};
    unsigned char *zeros = calloc(1, 1000000);

    (void)state;
    assert_non_null(zeros);
    for (size_t i = 0; i < IMGZ_COUNT_OF(lengths); i++) {
        struct imgz_digest_text texts[2][2];
        struct imgz_digest *digest;

        assert_int_equal(imgz_digest_create("sha1,md5", &digest), 0);
        imgz_digest_add(digest, "abc", 3);
        imgz_digest_add_zeros(digest, lengths[i]);
        imgz_digest_finish(digest, texts[0]);
        imgz_digest_destroy(digest);
        assert_int_equal(imgz_digest_create("sha1,md5", &digest), 0);
        imgz_digest_add(digest, "abc", 3);
        imgz_digest_add(digest, zeros, lengths[i]);
        imgz_digest_finish(digest, texts[1]);
        imgz_digest_destroy(digest);
        assert_string_equal(texts[0][0].hex, texts[1][0].hex);
        assert_string_equal(texts[0][1].hex, texts[1][1].hex);
    }
    free(zeros);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_name_gives_the_standard_digest),
        cmocka_unit_test(several_keep_their_order),
        cmocka_unit_test(none_is_an_empty_set),
        cmocka_unit_test(bad_names_are_refused),
        cmocka_unit_test(zeros_are_zeros),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
