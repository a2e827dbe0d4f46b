/* SPDX-License-Identifier: MIT */
#include "job/common/recorded.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

/* SHA-256 and MD5 of nothing (FIPS 180-4, RFC 1321). */
static const char sha256[] = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
static const char md5[] = "d41d8cd98f00b204e9800998ecf8427e";

static struct imgz_totals_sum make_sum(void)
{
    struct imgz_totals_sum sum = {.digest_count = 2};

    snprintf(sum.digests[0].name, sizeof(sum.digests[0].name), "md5");
    snprintf(sum.digests[0].hex, sizeof(sum.digests[0].hex), "%s", md5);
    snprintf(sum.digests[1].name, sizeof(sum.digests[1].name), "sha256");
    snprintf(sum.digests[1].hex, sizeof(sum.digests[1].hex), "%s", sha256);
    return sum;
}

/* Whether the sum agrees with an image that records this SHA-256 alone. */
static bool agrees(const char *recorded, uint32_t *compared,
                   struct imgz_recorded_difference *difference)
{
    const struct imgz_totals_sum sum = make_sum();
    struct imgz_meta meta;
    bool agreed;

    imgz_meta_init(&meta);
    assert_int_equal(imgz_meta_add(&meta, "digest.sha256", recorded), 0);
    agreed = imgz_recorded_agree(&sum, &meta, compared, difference);
    if (!agreed) {
        assert_string_equal(difference->name, "sha256");
        assert_string_equal(difference->made, sha256);
        assert_string_equal(difference->recorded, recorded);
    }
    imgz_meta_fini(&meta);
    return agreed;
}

static void every_digit_counts(void **state)
{
    struct imgz_recorded_difference difference;
    uint32_t compared;

    (void)state;
    assert_true(agrees(sha256, &compared, &difference));
    assert_int_equal(compared, 2);
    for (size_t i = 0; i < strlen(sha256); i++) {
        char other[sizeof(sha256)];

        memcpy(other, sha256, sizeof(other));
        other[i] = other[i] == '0' ? '1' : '0';
        assert_false(agrees(other, &compared, &difference));
    }
    assert_false(agrees("e3b0c442", &compared, &difference));
    assert_false(agrees("e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b8550",
                        &compared, &difference));
}

static void what_is_not_recorded_is_not_compared(void **state)
{
    const struct imgz_totals_sum sum = make_sum();
    struct imgz_recorded_difference difference;
    struct imgz_meta meta;
    uint32_t compared = 7;

    (void)state;
    imgz_meta_init(&meta);
    assert_true(imgz_recorded_agree(&sum, &meta, &compared, &difference));
    assert_int_equal(compared, 0);
    assert_int_equal(imgz_meta_add(&meta, "digest.sha512", md5), 0);
    assert_true(imgz_recorded_agree(&sum, &meta, &compared, &difference));
    assert_int_equal(compared, 0);
    imgz_meta_fini(&meta);
}

/* What an image may have been made to record. */
static void only_known_names_are_listed(void **state)
{
    static const char *const keys[] = {"digest.crc1000", "digest.",     "digest.sha256-md5",
                                       "digest",         "digests.md5", "source.path"};
    char names[IMGZ_RECORDED_NAMES_BYTES];
    struct imgz_meta meta;

    (void)state;
    imgz_meta_init(&meta);
    for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
        assert_int_equal(imgz_meta_add(&meta, keys[i], "1"), 0);
    imgz_recorded_list(&meta, names);
    assert_string_equal(names, "");
    assert_int_equal(imgz_meta_add(&meta, "digest.sha256", sha256), 0);
    assert_int_equal(imgz_meta_add(&meta, "digest.md5", md5), 0);
    imgz_recorded_list(&meta, names);
    assert_string_equal(names, "md5,sha256");
    imgz_meta_fini(&meta);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_digit_counts),
        cmocka_unit_test(what_is_not_recorded_is_not_compared),
        cmocka_unit_test(only_known_names_are_listed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
