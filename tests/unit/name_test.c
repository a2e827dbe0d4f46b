/* SPDX-License-Identifier: MIT */
#include "io/file/name.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "own_fixture.h"

static struct imgz_fixture_path at(const char *name)
{
    return imgz_fixture_path(&fixture, name);
}

static int open_name(struct imgz_name *name, const char *text)
{
    return imgz_name_open(name, at(text).text);
}

static void links_are_followed_to_the_end(void **state)
{
    static const struct {
        const char *path;
        const char *base;
    } cases[] = {{"real", "real"}, {"one", "real"}, {"two", "real"}, {"sub/up", "real"}};
    struct imgz_name name;
    struct stat real;

    (void)state;
    imgz_fixture_write(&fixture, "real", "", 0);
    assert_int_equal(mkdir(at("sub").text, 0700), 0);
    assert_int_equal(symlink("real", at("one").text), 0);
    assert_int_equal(symlink(at("one").text, at("two").text), 0);
    assert_int_equal(symlink("../two", at("sub/up").text), 0);
    assert_int_equal(stat(at("real").text, &real), 0);
    for (size_t i = 0; i < IMGZ_COUNT_OF(cases); i++) {
        assert_int_equal(open_name(&name, cases[i].path), 0);
        assert_string_equal(name.base, cases[i].base);
        assert_string_equal(name.path, at(cases[i].path).text);
        assert_true(imgz_name_means(&name, "", &real));
        imgz_name_close(&name);
    }
    assert_int_equal(unlink(at("sub/up").text), 0);
}

static void what_leads_nowhere_is_refused(void **state)
{
    struct imgz_name name;

    (void)state;
    assert_int_equal(symlink("nothing", at("dangling").text), 0);
    assert_int_equal(symlink("circle", at("circle").text), 0);
    assert_int_equal(open_name(&name, "dangling"), -ELOOP);
    assert_int_equal(name.directory_fd, -1);
    assert_int_equal(open_name(&name, "circle"), -ELOOP);
    assert_int_equal(open_name(&name, "no/file"), -ENOENT);
    assert_int_equal(open_name(&name, "new/"), -EISDIR);
    assert_non_null(strstr(imgz_name_explain(-ELOOP), "broken symbolic link"));
    assert_null(imgz_name_explain(-ENOENT));
    assert_int_equal(open_name(&name, "new"), 0); /* it need not exist */
    imgz_name_close(&name);
}

/* A name stays where it was opened, whoever gets the path. */
static void what_the_path_means_later_does_not_matter(void **state)
{
    struct imgz_name name;
    struct imgz_name beside;
    struct stat status;
    struct stat moved;

    (void)state;
    assert_int_equal(mkdir(at("ours").text, 0700), 0);
    imgz_fixture_write(&fixture, "ours/file", "1", 1);
    imgz_fixture_write(&fixture, "ours/file.map", "1", 1);
    assert_int_equal(open_name(&name, "ours/file"), 0);
    assert_int_equal(imgz_name_open_beside(&beside, &name, ".map"), 0);
    assert_int_equal(rename(at("ours").text, at("moved").text), 0);
    assert_int_equal(symlink("/etc", at("ours").text), 0);

    assert_int_equal(imgz_name_stat(&name, &status), 0);
    assert_int_equal(stat(at("moved/file").text, &moved), 0);
    assert_true(imgz_same_file(&status, &moved));
    assert_int_equal(imgz_name_stat(&beside, &status), 0);
    assert_int_equal(stat(at("moved/file.map").text, &moved), 0);
    assert_true(imgz_same_file(&status, &moved));
    assert_true(imgz_name_is(&beside, &name, ".map"));
    assert_false(imgz_name_is(&beside, &name, ""));
    imgz_name_close(&beside);
    imgz_name_close(&name);
    assert_int_equal(unlink(at("moved/file").text), 0);
    assert_int_equal(unlink(at("moved/file.map").text), 0);
}

/* Whoever owns a link must not choose which of our files is replaced. */
static void a_link_of_another_user_leads_to_their_files_alone(void **state)
{
    static const uid_t them = 65534;
    struct imgz_name name;

    (void)state;
    if (geteuid() != 0)
        skip();
    imgz_fixture_write(&fixture, "ours", "", 0);
    imgz_fixture_write(&fixture, "theirs", "", 0);
    assert_int_equal(chown(at("theirs").text, them, (gid_t)-1), 0);
    assert_int_equal(symlink("ours", at("to_ours").text), 0);
    assert_int_equal(symlink("theirs", at("to_theirs").text), 0);
    assert_int_equal(symlink("nothing", at("to_nothing").text), 0);
    assert_int_equal(symlink("to_ours", at("by_another").text), 0);
    assert_int_equal(open_name(&name, "to_ours"), 0);
    imgz_name_close(&name);
    assert_int_equal(lchown(at("to_ours").text, them, (gid_t)-1), 0);
    assert_int_equal(lchown(at("to_theirs").text, them, (gid_t)-1), 0);
    assert_int_equal(lchown(at("to_nothing").text, them, (gid_t)-1), 0);
    assert_int_equal(lchown(at("by_another").text, them - 1, (gid_t)-1), 0);

    assert_int_equal(open_name(&name, "to_theirs"), 0);
    imgz_name_close(&name);
    assert_int_equal(open_name(&name, "to_ours"), -EXDEV);
    assert_int_equal(open_name(&name, "to_nothing"), -ELOOP);
    assert_int_equal(open_name(&name, "by_another"), -EXDEV);
    assert_non_null(strstr(imgz_name_explain(-EXDEV), "another user"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(links_are_followed_to_the_end, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_leads_nowhere_is_refused, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_the_path_means_later_does_not_matter, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_link_of_another_user_leads_to_their_files_alone, set_up,
                                        tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
