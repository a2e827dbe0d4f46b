/* SPDX-License-Identifier: MIT */
/* Limits of memory: control groups as files in a folder that stands for the root, and this
 * process's own. */
#include "machine/memory.h"

#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "group_tree.h"

#define V2_MOUNT "30 24 0:26 / /cg rw,nosuid - cgroup2 cgroup2 rw,nsdelegate\n"
#define V1_MOUNT                                                                                   \
    "32 24 0:28 / /cg/cpu rw - cgroup cgroup rw,cpu\n"                                             \
    "31 24 0:27 / /cg/mem rw - cgroup cgroup rw,memory\n"

static const struct {
    const char *name;
    const char *cgroup;
    const char *mountinfo;
    struct group_file files[GROUP_FILES_MAX];
    uint64_t left_bytes;
    const char *limit_name;
} trees[] = {
    {"nothing is known", NULL, NULL, {{0}}, IMGZ_MEMORY_UNLIMITED, ""},
    {"no limit",
     "0::/job\n",
     V2_MOUNT,
     {{"/cg/job/memory.max", "max\n"}, {"/cg/job/memory.current", "5000\n"}},
     IMGZ_MEMORY_UNLIMITED,
     ""},
    {"what is used is not left",
     "0::/job\n",
     V2_MOUNT,
     {{"/cg/job/memory.max", "1000000\n"},
      {"/cg/job/memory.current", "300000\n"},
      {"/cg/job/memory.stat", "anon 300000\nfile 0\n"}},
     700000,
     "/cg/job/memory.max"},
    {"but for what the page cache holds",
     "0::/job\n",
     V2_MOUNT,
     {{"/cg/job/memory.max", "1000000\n"},
      {"/cg/job/memory.current", "900000\n"},
      {"/cg/job/memory.stat",
       "anon 100\ninactive_anon 100\nactive_files 90000\ninactive_file 500000\n"
       "active_file 200000\nslab_reclaimable 50000\n"}},
     850000,
     "/cg/job/memory.max"},
    {"figures of two moments",
     "0::/job\n",
     V2_MOUNT,
     {{"/cg/job/memory.max", "1000000\n"},
      {"/cg/job/memory.current", "4000\n"},
      {"/cg/job/memory.stat", "active_file 5000\n"}},
     1000000,
     "/cg/job/memory.max"},
    {"without figures the limit is left",
     "0::/job\n",
     V2_MOUNT,
     {{"/cg/job/memory.max", "1000000\n"}},
     1000000,
     "/cg/job/memory.max"},
    {"more is used than may be",
     "0::/job\n",
     V2_MOUNT,
     {{"/cg/job/memory.max", "1000\n"},
      {"/cg/job/memory.current", "3000\n"},
      {"/cg/job/memory.stat", "file 0\n"}},
     0,
     "/cg/job/memory.max"},
    {"the group above leaves less",
     "0::/a/b\n",
     V2_MOUNT,
     {{"/cg/a/b/memory.max", "5000\n"},
      {"/cg/a/memory.max", "9000\n"},
      {"/cg/a/memory.current", "8000\n"},
      {"/cg/a/memory.stat", "anon 8000\n"}},
     1000,
     "/cg/a/memory.max"},
    {"the group above leaves more",
     "0::/a/b\n",
     V2_MOUNT,
     {{"/cg/a/b/memory.max", "5000\n"}, {"/cg/a/memory.max", "9000\n"}},
     5000,
     "/cg/a/b/memory.max"},
    {"memory.high slows down what memory.max ends",
     "0::/job\n",
     V2_MOUNT,
     {{"/cg/job/memory.max", "5000\n"}, {"/cg/job/memory.high", "4000\n"}},
     4000,
     "/cg/job/memory.high"},
    {"garbage",
     "0::/job\n",
     V2_MOUNT,
     {{"/cg/job/memory.max", "some\n"}, {"/cg/memory.max", "-7\n"}},
     IMGZ_MEMORY_UNLIMITED,
     ""},
    {"version 1",
     "3:cpu:/x\n4:memory:/job\n0::/\n",
     V1_MOUNT,
     {{"/cg/mem/job/memory.limit_in_bytes", "1000000\n"},
      {"/cg/mem/job/memory.usage_in_bytes", "900000\n"},
      {"/cg/mem/job/memory.stat", "active_file 1\ntotal_inactive_file 300000\n"
                                  "total_active_file 200000\n"}},
     600000,
     "/cg/mem/job/memory.limit_in_bytes"},
    {"version 1, no limit",
     "4:memory:/job\n",
     V1_MOUNT,
     {{"/cg/mem/job/memory.limit_in_bytes", "9223372036854771712\n"}},
     IMGZ_MEMORY_UNLIMITED,
     ""},
};

static void the_group_that_leaves_least_counts(void **state)
{
    (void)state;
    for (size_t i = 0; i < IMGZ_COUNT_OF(trees); i++) {
        struct imgz_memory memory;
        struct group_tree groups;

        group_tree_make(&groups, trees[i].cgroup, trees[i].mountinfo, trees[i].files);
        imgz_memory_read(groups.root, &memory);
        if (memory.left_bytes != trees[i].left_bytes ||
            strcmp(memory.limit_name, trees[i].limit_name) != 0)
            fail_msg("%s: %llu by %s", trees[i].name, (unsigned long long)memory.left_bytes,
                     memory.limit_name);
        assert_int_equal(memory.thread_bytes, 0);
        group_tree_remove(&groups);
    }
}

static void the_machine_says_what_it_has(void **state)
{
    static const struct group_file files[GROUP_FILES_MAX] = {
        {"/proc/meminfo", "MemTotal:       24684388 kB\nMemFree:         1000 kB\n"
                          "MemAvailable:   2048 kB\n"}};
    struct imgz_memory memory;
    struct group_tree groups;

    (void)state;
    group_tree_make(&groups, NULL, NULL, files);
    imgz_memory_read(groups.root, &memory);
    assert_int_equal(memory.available_bytes, 2048 << 10);
    group_tree_remove(&groups);
    imgz_memory_read("", &memory);
    assert_in_range(memory.available_bytes, 1, IMGZ_MEMORY_UNLIMITED - 1);
}

/* In a child: limits cannot be taken back. 0: as it should be. */
static int check_limit(__rlimit_resource_t resource, const char *name)
{
    /* Beyond what a sanitizer reserves, which may be most of 47 bits. */
    const uint64_t limit_bytes = (uint64_t)1 << 50;
    const size_t taken_bytes = (size_t)64 << 20;
    const struct rlimit limit = {limit_bytes, limit_bytes};
    struct imgz_memory before;
    struct imgz_memory after;
    void *taken;

    if (setrlimit(resource, &limit) < 0)
        return 1;
    imgz_memory_read("", &before);
    taken = mmap(NULL, taken_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    imgz_memory_read("", &after);
    if (strcmp(before.limit_name, name) != 0)
        return 77; /* a control group here leaves less than that */
    if (taken == MAP_FAILED || before.limit_bytes != limit_bytes)
        return 2;
    /* Only of address space is more taken than is used. */
    if ((after.thread_bytes > 0) != (resource == RLIMIT_AS))
        return 4;
    return before.left_bytes - after.left_bytes >= taken_bytes &&
                   before.left_bytes - after.left_bytes < 2 * taken_bytes
               ? 0
               : 3;
}

static void limits_of_the_process_count(void **state)
{
    static const struct {
        __rlimit_resource_t resource;
        const char *name;
    } limits[] = {{RLIMIT_AS, "the limit of 'ulimit -v'"},
                  {RLIMIT_DATA, "the limit of 'ulimit -d'"}};

    (void)state;
    for (size_t i = 0; i < IMGZ_COUNT_OF(limits); i++) {
        int status = 0;
        pid_t child = fork();

        assert_true(child >= 0);
        if (child == 0)
            _exit(check_limit(limits[i].resource, limits[i].name));
        assert_int_equal(waitpid(child, &status, 0), child);
        assert_true(WIFEXITED(status));
        if (WEXITSTATUS(status) != 77)
            assert_int_equal(WEXITSTATUS(status), 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_group_that_leaves_least_counts),
        cmocka_unit_test(the_machine_says_what_it_has),
        cmocka_unit_test(limits_of_the_process_count),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
