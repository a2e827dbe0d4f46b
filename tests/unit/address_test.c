/* SPDX-License-Identifier: MIT */
#include "io/remote/address.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static void check_remote(const char *name, const char *host, const char *port, const char *path)
{
    struct imgz_address address;
    const char *why = NULL;

    assert_int_equal(imgz_address_parse(name, &address, &why), IMGZ_ADDRESS_REMOTE);
    assert_string_equal(address.host, host);
    assert_true((port == NULL) == (address.port == NULL));
    assert_true((path == NULL) == (address.path == NULL));
    if (port != NULL)
        assert_string_equal(address.port, port);
    if (path != NULL)
        assert_string_equal(address.path, path);
    imgz_address_fini(&address);
}

static void urls_have_parts(void **state)
{
    (void)state;
    check_remote("ssh://samurai/dev/xvda", "samurai", NULL, "/dev/xvda");
    check_remote("ssh://root@samurai:2222/dev/xvda", "root@samurai", "2222", "/dev/xvda");
    check_remote("ssh://me@corp@10.0.0.7/x", "me@corp@10.0.0.7", NULL, "/x");
    check_remote("ssh://[fe80::1%eth0]:22/x", "fe80::1%eth0", "22", "/x");
    check_remote("ssh://root@[::1]/x", "root@::1", NULL, "/x");
    check_remote("ssh://samurai", "samurai", NULL, NULL);
    check_remote("ssh://samurai:1", "samurai", "1", NULL);
    check_remote("ssh://a/with%20space%2f%25", "a", NULL, "/with space/%");
    check_remote("ssh://a/it's $(here)\n-x", "a", NULL, "/it's $(here)\n-x");
    check_remote("ssh://a//dev/x", "a", NULL, "//dev/x");
}

static void short_forms_have_parts(void **state)
{
    (void)state;
    check_remote("samurai:/dev/xvda", "samurai", NULL, "/dev/xvda");
    check_remote("root@samurai:/dev/100%", "root@samurai", NULL, "/dev/100%");
}

static void other_names_are_local(void **state)
{
    static const char *const names[] = {
        "",       "-",      "disk.img",  "/dev/sda",   "./samurai:/dev/sda",
        "a:b",    "a/b:/c", ":/dev/sda", "http://a/b", "-a:/b",
        "a b:/c", "$x:/c",  "@a:/b",     "SSH://a/b",  "a:",
        "a;b:/c",
    };
    struct imgz_address address;
    const char *why = NULL;

    (void)state;
    for (size_t i = 0; i < IMGZ_COUNT_OF(names); i++) {
        if (imgz_address_parse(names[i], &address, &why) != IMGZ_ADDRESS_LOCAL)
            fail_msg("%s is not local", names[i]);
    }
}

/* "samurai:" may be a directory. */
static void an_existing_directory_wins(void **state)
{
    char place[] = "/tmp/imgz-address-XXXXXX";
    struct imgz_address address;
    const char *why = NULL;

    (void)state;
    assert_non_null(mkdtemp(place));
    assert_int_equal(chdir(place), 0);
    assert_int_equal(imgz_address_parse("samurai:/x", &address, &why), IMGZ_ADDRESS_REMOTE);
    imgz_address_fini(&address);
    assert_int_equal(mkdir("samurai:", 0700), 0);
    assert_int_equal(imgz_address_parse("samurai:/x", &address, &why), IMGZ_ADDRESS_LOCAL);
    assert_int_equal(rmdir("samurai:"), 0);
    assert_int_equal(chdir("/"), 0);
    assert_int_equal(rmdir(place), 0);
}

/* Nothing that ssh, or a shell that its configuration runs, could take for something else. */
static void wrong_urls_are_refused(void **state)
{
    static const struct {
        const char *name;
        const char *why;
    } cases[] = {
        {"ssh://", "no host"},         {"ssh:///dev/sda", "no host"},
        {"ssh://:22/x", "no host"},    {"ssh://-oProxyCommand=id/x", "the host"},
        {"ssh://a b/x", "the host"},   {"ssh://$(id)/x", "the host"},
        {"ssh://`id`/x", "the host"},  {"ssh://a;id/x", "the host"},
        {"ssh://a\nb/x", "the host"},  {"ssh://-l@a/x", "the user"},
        {"ssh://'x'@a/x", "the user"}, {"ssh://@a/x", "the user"},
        {"ssh://[::1/x", "no ]"},      {"ssh://[::1]22/x", "after ]"},
        {"ssh://[-x]/x", "the host"},  {"ssh://a:/x", "the port"},
        {"ssh://a:0/x", "the port"},   {"ssh://a:65536/x", "the port"},
        {"ssh://a:-1/x", "the port"},  {"ssh://a:99999999999999999999/x", "the port"},
        {"ssh://a:2x/x", "the port"},  {"ssh://a/%", "hexadecimal"},
        {"ssh://a/%4", "hexadecimal"}, {"ssh://a/%zz", "hexadecimal"},
        {"ssh://a/x%00", "%00"},
    };

    (void)state;
    for (size_t i = 0; i < IMGZ_COUNT_OF(cases); i++) {
        struct imgz_address address;
        const char *why = NULL;

        if (imgz_address_parse(cases[i].name, &address, &why) != IMGZ_ADDRESS_WRONG)
            fail_msg("%s is not refused", cases[i].name);
        if (strstr(why, cases[i].why) == NULL)
            fail_msg("%s: %s", cases[i].name, why);
        assert_null(address.host);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(urls_have_parts),        cmocka_unit_test(short_forms_have_parts),
        cmocka_unit_test(other_names_are_local),  cmocka_unit_test(an_existing_directory_wins),
        cmocka_unit_test(wrong_urls_are_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
