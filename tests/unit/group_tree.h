/* SPDX-License-Identifier: MIT */
/* A folder that stands for the root, with control groups as plain files. */
#ifndef IMGZ_GROUP_TREE_H
#define IMGZ_GROUP_TREE_H

#include <ftw.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

#include "fixture.h"

/* What one file holds. */
struct group_file {
    const char *path;
    const char *text;
};

#define GROUP_FILES_MAX 6u

struct group_tree {
    struct imgz_fixture fixture;
    char root[200];
};

static inline void group_tree_put(const struct group_tree *tree, const char *path, const char *text)
{
    char full[512];
    FILE *file;

    snprintf(full, sizeof(full), "%s%s", tree->root, path);
    for (char *at = full + strlen(tree->root) + 1; (at = strchr(at, '/')) != NULL; at++) {
        *at = '\0';
        (void)mkdir(full, 0700);
        *at = '/';
    }
    file = fopen(full, "we");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

/* 'cgroup' and 'mountinfo' of /proc/self, each NULL for none. */
static inline void group_tree_make(struct group_tree *tree, const char *cgroup,
                                   const char *mountinfo,
                                   const struct group_file files[GROUP_FILES_MAX])
{
    imgz_fixture_init(&tree->fixture);
    snprintf(tree->root, sizeof(tree->root), "%s/root", tree->fixture.folder);
    assert_int_equal(mkdir(tree->root, 0700), 0);
    if (cgroup != NULL)
        group_tree_put(tree, "/proc/self/cgroup", cgroup);
    if (mountinfo != NULL)
        group_tree_put(tree, "/proc/self/mountinfo", mountinfo);
    for (size_t i = 0; i < GROUP_FILES_MAX && files[i].path != NULL; i++)
        group_tree_put(tree, files[i].path, files[i].text);
}

static inline int group_tree_remove_one(const char *path, const struct stat *status, int kind,
                                        struct FTW *where)
{
    (void)status;
    (void)kind;
    (void)where;
    return remove(path);
}

static inline void group_tree_remove(struct group_tree *tree)
{
    assert_int_equal(nftw(tree->root, group_tree_remove_one, 8, FTW_DEPTH | FTW_PHYS), 0);
    imgz_fixture_fini(&tree->fixture);
}

#endif /* IMGZ_GROUP_TREE_H */
