/* SPDX-License-Identifier: MIT */
/*
 * A group's usage includes its page cache, which the kernel takes back when memory gets short. So
 * what is left is
 *
 *     memory.max - (memory.current - active_file - inactive_file - slab_reclaimable)
 */
#include "machine/memory.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/text.h"
#include "machine/cgroup.h"

/* Room for the part of memory.stat that matters: some sixty lines. */
#define STAT_BYTES 4096u

/* What glibc reserves for a thread's own heap (HEAP_MAX_SIZE). */
#define THREAD_HEAP_BYTES ((uint64_t)64 << 20)

/* ---- Control groups ----------------------------------------------------------------------- */

/* The number at the beginning; UNLIMITED for "max", for what is not a number, and for what version
 * 1 has instead of "max": the largest signed number of pages. */
static uint64_t parse_bytes(const char *text)
{
    char *end;
    const unsigned long long bytes = strtoull(text, &end, 10);

    return end == text || text[0] == '-' || bytes > INT64_MAX / 2 ? IMGZ_MEMORY_UNLIMITED : bytes;
}

/* The figure of a line "KEY FIGURE"; 0 without one. */
static uint64_t find_figure(const char *text, const char *key)
{
    const size_t length = strlen(key);

    while (text != NULL) {
        if (strncmp(text, key, length) == 0 && text[length] == ' ') {
            const uint64_t bytes = parse_bytes(text + length + 1);

            return bytes == IMGZ_MEMORY_UNLIMITED ? 0 : bytes;
        }
        text = strchr(text, '\n');
        if (text != NULL)
            text += 1;
    }
    return 0;
}

/* What of the group's memory is in use and cannot be taken back. */
static uint64_t held_bytes(const struct imgz_cgroup *group)
{
    static const char *const keys[2][3] = {
        [IMGZ_CGROUP_1] = {"total_active_file", "total_inactive_file", "slab_reclaimable"},
        [IMGZ_CGROUP_2] = {"active_file", "inactive_file", "slab_reclaimable"},
    };
    char text[STAT_BYTES];
    uint64_t used_bytes;
    uint64_t cache_bytes = 0;

    if (!imgz_cgroup_read(
            group, group->version == IMGZ_CGROUP_2 ? "memory.current" : "memory.usage_in_bytes",
            text, sizeof(text)))
        return 0;
    used_bytes = parse_bytes(text);
    if (used_bytes == IMGZ_MEMORY_UNLIMITED ||
        !imgz_cgroup_read(group, "memory.stat", text, sizeof(text)))
        return 0;
    for (size_t i = 0; i < IMGZ_COUNT_OF(keys[0]); i++)
        cache_bytes += find_figure(text, keys[group->version][i]);
    return used_bytes > cache_bytes ? used_bytes - cache_bytes : 0;
}

/* Keeps a limit that leaves less than the others. */
static void add_limit(struct imgz_memory *memory, uint64_t limit_bytes, uint64_t used_bytes,
                      const char *name)
{
    const uint64_t left_bytes = limit_bytes > used_bytes ? limit_bytes - used_bytes : 0;

    if (limit_bytes == IMGZ_MEMORY_UNLIMITED || left_bytes >= memory->left_bytes)
        return;
    memory->left_bytes = left_bytes;
    memory->limit_bytes = limit_bytes;
    imgz_text_copy(memory->limit_name, sizeof(memory->limit_name), name);
}

static void add_group(const struct imgz_cgroup *group, struct imgz_memory *memory)
{
    static const char *const names[2][2] = {
        [IMGZ_CGROUP_1] = {"memory.limit_in_bytes"},
        [IMGZ_CGROUP_2] = {"memory.max", "memory.high"},
    };
    char path[PATH_MAX + 32];
    char text[64];

    for (size_t i = 0; i < 2 && names[group->version][i] != NULL; i++) {
        const char *name = names[group->version][i];

        if (!imgz_cgroup_read(group, name, text, sizeof(text)))
            continue;
        (void)snprintf(path, sizeof(path), "%s/%s", group->folder + group->root_bytes, name);
        add_limit(memory, parse_bytes(text), held_bytes(group), path);
    }
}

static void add_hierarchy(const char *root, enum imgz_cgroup_version version,
                          struct imgz_memory *memory)
{
    struct imgz_cgroup group;

    if (!imgz_cgroup_find(root, version, "memory", &group))
        return;
    do {
        add_group(&group, memory);
    } while (imgz_cgroup_up(&group));
}

/* ---- The process and the machine ---------------------------------------------------------- */

static bool read_text(const char *root, const char *path, char *text, size_t text_bytes)
{
    char whole[PATH_MAX];
    size_t bytes;
    FILE *file;

    (void)snprintf(whole, sizeof(whole), "%s%s", root, path);
    file = fopen(whole, "re");
    if (file == NULL)
        return false;
    bytes = fread(text, 1, text_bytes - 1, file);
    (void)fclose(file);
    text[bytes] = '\0';
    return bytes > 0;
}

static uint64_t limit_of(__rlimit_resource_t resource)
{
    struct rlimit limit;

    return getrlimit(resource, &limit) < 0 || limit.rlim_cur == RLIM_INFINITY
               ? IMGZ_MEMORY_UNLIMITED
               : (uint64_t)limit.rlim_cur;
}

/* /proc/self/statm: pages of address space, resident, shared, text, 0, data and stack. */
static void add_process(struct imgz_memory *memory)
{
    const uint64_t page_bytes = (uint64_t)sysconf(_SC_PAGESIZE);
    char text[256];
    char *at = text;
    uint64_t pages[6] = {0};

    if (!read_text("", "/proc/self/statm", text, sizeof(text)))
        return;
    for (size_t i = 0; i < IMGZ_COUNT_OF(pages); i++)
        pages[i] = strtoull(at, &at, 10);
    if (limit_of(RLIMIT_AS) != IMGZ_MEMORY_UNLIMITED)
        memory->thread_bytes = THREAD_HEAP_BYTES;
    add_limit(memory, limit_of(RLIMIT_AS), pages[0] * page_bytes, "the limit of 'ulimit -v'");
    add_limit(memory, limit_of(RLIMIT_DATA), pages[5] * page_bytes, "the limit of 'ulimit -d'");
}

static uint64_t available_bytes(const char *root)
{
    char text[512]; /* MemAvailable is the third line */
    const char *at;

    if (!read_text(root, "/proc/meminfo", text, sizeof(text)))
        return IMGZ_MEMORY_UNLIMITED;
    at = strstr(text, "MemAvailable:");
    return at == NULL ? IMGZ_MEMORY_UNLIMITED
                      : strtoull(at + strlen("MemAvailable:"), NULL, 10) << 10;
}

void imgz_memory_read(const char *root, struct imgz_memory *memory)
{
    *memory = (struct imgz_memory){
        .left_bytes = IMGZ_MEMORY_UNLIMITED,
        .available_bytes = available_bytes(root),
    };
    add_hierarchy(root, IMGZ_CGROUP_2, memory);
    add_hierarchy(root, IMGZ_CGROUP_1, memory);
    if (root[0] == '\0')
        add_process(memory);
}
