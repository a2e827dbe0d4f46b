/* SPDX-License-Identifier: MIT */
/*
 * By example, version 2, in a container that sees its own groups only:
 *
 *     /proc/self/cgroup     0::/job
 *     /proc/self/mountinfo  30 24 0:26 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw
 *
 * so the files are /sys/fs/cgroup/job/cpu.max and /sys/fs/cgroup/cpu.max; the tightest counts.
 * Where the mount shows only a part of the tree (its root is /docker/ab12), that part is taken off
 * the process's path. Version 1 is the same by other names: the line says "4:cpu,cpuacct:/job" and
 * the mount has "cpu" among its options.
 */
#include "flow/quota.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MILLIS_PER_PROCESSOR 1000u

enum version {
    VERSION_1,
    VERSION_2,
};

struct hierarchy {
    const char *root;
    enum version version;
    char group[PATH_MAX]; /* the process's, as /proc/self/cgroup says */
};

/* ---- Where the groups are ----------------------------------------------------------------- */

static bool has_word(const char *list, const char *word)
{
    const size_t length = strlen(word);

    while (list != NULL) {
        if (strncmp(list, word, length) == 0 && (list[length] == ',' || list[length] == '\0'))
            return true;
        list = strchr(list, ',');
        if (list != NULL)
            list += 1;
    }
    return false;
}

/* The process's group in this hierarchy; false if it is in none. */
static bool find_group(struct hierarchy *hierarchy)
{
    char path[PATH_MAX];
    char line[PATH_MAX + 256];
    bool found = false;
    FILE *file;

    snprintf(path, sizeof(path), "%s/proc/self/cgroup", hierarchy->root);
    file = fopen(path, "re");
    if (file == NULL)
        return false;
    while (!found && fgets(line, sizeof(line), file) != NULL) {
        char *controllers = strchr(line, ':');
        char *group = controllers != NULL ? strchr(controllers + 1, ':') : NULL;

        if (group == NULL)
            continue;
        *group = '\0';
        group[1 + strcspn(group + 1, "\n")] = '\0';
        found = hierarchy->version == VERSION_2 ? controllers[1] == '\0'
                                                : has_word(controllers + 1, "cpu");
        if (found)
            snprintf(hierarchy->group, sizeof(hierarchy->group), "%s", group + 1);
    }
    fclose(file);
    return found;
}

/* A line of mountinfo (proc(5)): id, parent, device, root, target, options ... - type, source,
 * super options. */
struct mount {
    char *root;
    char *target;
    char *type;
    char *options; /* those of the file system */
};

/* Takes back what the kernel does to blanks: "\040" is one. */
static void unescape(char *text)
{
    char *to = text;

    while (*text != '\0') {
        const bool escaped = text[0] == '\\' && strspn(text + 1, "01234567") >= 3;

        *to++ =
            escaped ? (char)((text[1] - '0') * 64 + (text[2] - '0') * 8 + (text[3] - '0')) : *text;
        text += escaped ? 4 : 1;
    }
    *to = '\0';
}

static bool parse_mount(char *line, struct mount *mount)
{
    char *tail = strstr(line, " - ");

    line[strcspn(line, "\n")] = '\0';
    if (tail == NULL)
        return false;
    *tail = '\0';
    tail += strlen(" - ");
    for (int skipped = 0; skipped < 3; skipped++)
        (void)strsep(&line, " ");
    mount->root = strsep(&line, " ");
    mount->target = strsep(&line, " ");
    mount->type = strsep(&tail, " ");
    (void)strsep(&tail, " ");
    mount->options = tail;
    if (mount->target == NULL || mount->options == NULL)
        return false;
    unescape(mount->root);
    unescape(mount->target);
    return true;
}

static bool is_mount_of(const struct hierarchy *hierarchy, const struct mount *mount)
{
    if (hierarchy->version == VERSION_2)
        return strcmp(mount->type, "cgroup2") == 0;
    return strcmp(mount->type, "cgroup") == 0 && has_word(mount->options, "cpu");
}

/* What is left of the group's path below the mount's root: "" where that does not lie above it. */
static const char *path_below(const char *group, const char *mount_root)
{
    size_t length = strlen(mount_root);

    if (length > 0 && mount_root[length - 1] == '/')
        length -= 1;
    if (length > 0 && (strncmp(group, mount_root, length) != 0 ||
                       (group[length] != '/' && group[length] != '\0')))
        return "";
    return strcmp(group + length, "/") == 0 ? "" : group + length;
}

/* The folders of the topmost group that can be seen ('top_bytes' long) and of the process's own. */
static bool find_folder(const struct hierarchy *hierarchy, char folder[PATH_MAX], size_t *top_bytes)
{
    struct mount mount;
    size_t line_bytes = 0;
    char *line = NULL;
    bool found = false;
    FILE *file;

    snprintf(folder, PATH_MAX, "%s/proc/self/mountinfo", hierarchy->root);
    file = fopen(folder, "re");
    if (file == NULL)
        return false;
    while (!found && getline(&line, &line_bytes, file) > 0) {
        int length;

        if (!parse_mount(line, &mount) || !is_mount_of(hierarchy, &mount))
            continue;
        length = snprintf(folder, PATH_MAX, "%s%s", hierarchy->root, mount.target);
        if (length >= PATH_MAX)
            continue;
        *top_bytes = (size_t)length;
        snprintf(folder + length, PATH_MAX - (size_t)length, "%s",
                 path_below(hierarchy->group, mount.root));
        found = true;
    }
    free(line);
    fclose(file);
    return found;
}

/* ---- What they allow ---------------------------------------------------------------------- */

/* The first line of folder/name; false if there is none. */
static bool read_line(const char *folder, const char *name, char line[64])
{
    char path[PATH_MAX];
    FILE *file;
    bool read;

    if (snprintf(path, sizeof(path), "%s/%s", folder, name) >= (int)sizeof(path))
        return false;
    file = fopen(path, "re");
    if (file == NULL)
        return false;
    read = fgets(line, 64, file) != NULL;
    fclose(file);
    return read;
}

/* "150000 100000" or "max 100000": microseconds of processor time in each period of so many. */
static uint64_t read_group(const struct hierarchy *hierarchy, const char *folder)
{
    char quota[64];
    char period[64];
    const char *period_text = period;
    char *end = quota;
    long long quota_us;
    long long period_us;

    if (hierarchy->version == VERSION_2) {
        if (!read_line(folder, "cpu.max", quota))
            return IMGZ_QUOTA_NONE;
        period_text = quota + strcspn(quota, " ");
    } else if (!read_line(folder, "cpu.cfs_quota_us", quota) ||
               !read_line(folder, "cpu.cfs_period_us", period)) {
        return IMGZ_QUOTA_NONE;
    }
    quota_us = strtoll(quota, &end, 10);
    period_us = strtoll(period_text, NULL, 10);
    if (end == quota || quota_us <= 0 || period_us <= 0 ||
        quota_us > LLONG_MAX / MILLIS_PER_PROCESSOR)
        return IMGZ_QUOTA_NONE;
    return imgz_max(1, (uint64_t)(quota_us * MILLIS_PER_PROCESSOR / period_us));
}

static uint64_t read_hierarchy(const char *root, enum version version)
{
    struct hierarchy hierarchy = {.root = root, .version = version};
    uint64_t millis = IMGZ_QUOTA_NONE;
    char folder[PATH_MAX];
    size_t top_bytes;

    if (!find_group(&hierarchy) || !find_folder(&hierarchy, folder, &top_bytes))
        return IMGZ_QUOTA_NONE;
    for (;;) {
        millis = imgz_min(millis, read_group(&hierarchy, folder));
        if (strlen(folder) <= top_bytes)
            return millis;
        *strrchr(folder, '/') = '\0';
    }
}

uint64_t imgz_quota_read(const char *root)
{
    return imgz_min(read_hierarchy(root, VERSION_2), read_hierarchy(root, VERSION_1));
}
