/* SPDX-License-Identifier: MIT */
/* Control groups as files in a folder that stands for the root. */
#include "machine/cpu_quota.h"

#include "group_tree.h"

#define V2_MOUNT "30 24 0:26 / /cg rw,nosuid - cgroup2 cgroup2 rw,nsdelegate\n"
#define V1_MOUNT                                                                                   \
    "31 24 0:27 / /cg/mem rw - cgroup cgroup rw,memory\n"                                          \
    "32 24 0:28 / /cg/set rw - cgroup cgroup rw,cpuset\n"                                          \
    "33 24 0:29 / /cg/cpu rw - cgroup cgroup rw,cpuacct,cpu\n"

struct tree {
    const char *name;
    const char *cgroup;    /* /proc/self/cgroup; NULL: none */
    const char *mountinfo; /* NULL: none */
    struct group_file files[GROUP_FILES_MAX];
    uint64_t millis;
};

static const struct tree trees[] = {
    {"nothing is known", NULL, NULL, {{0}}, IMGZ_CPU_QUOTA_NONE},
    {"no mounts", "0::/job\n", NULL, {{"/cg/job/cpu.max", "1 1\n"}}, IMGZ_CPU_QUOTA_NONE},
    {"no group", NULL, V2_MOUNT, {{"/cg/cpu.max", "1 1\n"}}, IMGZ_CPU_QUOTA_NONE},
    {"no limit", "0::/job\n", V2_MOUNT, {{"/cg/job/cpu.max", "max 100000\n"}}, IMGZ_CPU_QUOTA_NONE},
    {"one and a half", "0::/job\n", V2_MOUNT, {{"/cg/job/cpu.max", "150000 100000\n"}}, 1500},
    {"of the root as it is seen", "0::/\n", V2_MOUNT, {{"/cg/cpu.max", "200000 50000\n"}}, 4000},
    {"the tightest of all, here above",
     "0::/a/b\n",
     V2_MOUNT,
     {{"/cg/a/b/cpu.max", "300000 100000\n"}, {"/cg/a/cpu.max", "20000 10000\n"}},
     2000},
    {"the tightest of all, here below",
     "0::/a/b\n",
     V2_MOUNT,
     {{"/cg/a/b/cpu.max", "100000 100000\n"}, {"/cg/a/cpu.max", "20000 10000\n"}},
     1000},
    {"a gap in between",
     "0::/a/b/c\n",
     V2_MOUNT,
     {{"/cg/a/b/c/cpu.max", "max 100000\n"}, {"/cg/a/cpu.max", "50000 100000\n"}},
     500},
    {"next to nothing", "0::/job\n", V2_MOUNT, {{"/cg/job/cpu.max", "1 1000000\n"}}, 1},
    {"a mount of a part",
     "0::/docker/ab12/job\n",
     "30 24 0:26 /docker/ab12 /cg rw - cgroup2 cgroup2 rw\n",
     {{"/cg/job/cpu.max", "70000 100000\n"}, {"/cg/cpu.max", "max 100000\n"}},
     700},
    {"a mount of another part",
     "0::/docker/ab123\n",
     "30 24 0:26 /docker/ab12 /cg rw - cgroup2 cgroup2 rw\n",
     {{"/cg/cpu.max", "80000 100000\n"}, {"/cg/3/cpu.max", "1 1\n"}},
     800},
    {"a space in the path",
     "0::/job\n",
     "30 24 0:26 / /c\\040g rw - cgroup2 cgroup2 rw\n",
     {{"/c g/job/cpu.max", "90000 100000\n"}},
     900},
    {"mounts that are none",
     "0::/job\n",
     "\n-\n - \n1 - cgroup2\n1 2 3 4 5 - cgroup2 x\n30 24 0:26 / /\\04 rw - cgroup2\n" V2_MOUNT,
     {{"/cg/job/cpu.max", "60000 100000\n"}},
     600},
    {"garbage", "0::/job\n", V2_MOUNT, {{"/cg/job/cpu.max", "many few\n"}}, IMGZ_CPU_QUOTA_NONE},
    {"no period", "0::/job\n", V2_MOUNT, {{"/cg/job/cpu.max", "150000\n"}}, IMGZ_CPU_QUOTA_NONE},
    {"a period of 0",
     "0::/job\n",
     V2_MOUNT,
     {{"/cg/job/cpu.max", "150000 0\n"}},
     IMGZ_CPU_QUOTA_NONE},
    {"less than 0", "0::/job\n", V2_MOUNT, {{"/cg/job/cpu.max", "-5 100\n"}}, IMGZ_CPU_QUOTA_NONE},
    {"an empty file", "0::/job\n", V2_MOUNT, {{"/cg/job/cpu.max", ""}}, IMGZ_CPU_QUOTA_NONE},
    {"lines that are none", "x\n\n0:\n0::/job\n", V2_MOUNT, {{"/cg/job/cpu.max", "1 1\n"}}, 1000},
    {"version 1",
     "9:memory:/job\n5:cpuset:/job\n4:cpu,cpuacct:/job\n0::/\n",
     V1_MOUNT,
     {{"/cg/cpu/job/cpu.cfs_quota_us", "250000\n"}, {"/cg/cpu/job/cpu.cfs_period_us", "100000\n"}},
     2500},
    {"version 1, no limit",
     "4:cpu:/job\n",
     V1_MOUNT,
     {{"/cg/cpu/job/cpu.cfs_quota_us", "-1\n"}, {"/cg/cpu/job/cpu.cfs_period_us", "100000\n"}},
     IMGZ_CPU_QUOTA_NONE},
    {"version 1, not that of cpuset",
     "5:cpuset:/job\n",
     V1_MOUNT,
     {{"/cg/cpu/job/cpu.cfs_quota_us", "1000\n"}, {"/cg/cpu/job/cpu.cfs_period_us", "1000\n"}},
     IMGZ_CPU_QUOTA_NONE},
};

static void the_tightest_group_counts(void **state)
{
    (void)state;
    for (size_t i = 0; i < IMGZ_COUNT_OF(trees); i++) {
        const struct tree *tree = &trees[i];
        struct group_tree groups;

        group_tree_make(&groups, tree->cgroup, tree->mountinfo, tree->files);
        if (imgz_cpu_quota_read(groups.root) != tree->millis)
            fail_msg("%s: %llu instead of %llu", tree->name,
                     (unsigned long long)imgz_cpu_quota_read(groups.root),
                     (unsigned long long)tree->millis);
        group_tree_remove(&groups);
    }
}

/* Whatever this machine says: it is read without harm. */
static void this_machine_can_be_asked(void **state)
{
    (void)state;
    assert_true(imgz_cpu_quota_read("") > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_tightest_group_counts),
        cmocka_unit_test(this_machine_can_be_asked),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
