/* SPDX-License-Identifier: MIT */
/*
 * Example: version 2, in a container that sees only its own groups:
 *
 *     /proc/self/cgroup     0::/job
 *     /proc/self/mountinfo  30 24 0:26 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw
 *
 * so the groups are /sys/fs/cgroup/job and /sys/fs/cgroup. If the mount shows only a part of the
 * tree (its root is /docker/ab12), that prefix is removed from the process's path. Version 1 is the
 * same under other names: the line says "4:cpu,cpuacct:/job" and the mount has "cpu" among its
 * options.
 */
#include "machine/cgroup.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct hierarchy {
    const char *root;
    enum imgz_cgroup_version version;
    const char *controller;
    char group[PATH_MAX]; /* the process's, as /proc/self/cgroup says */
};

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
        found = hierarchy->version == IMGZ_CGROUP_2
                    ? controllers[1] == '\0'
                    : has_word(controllers + 1, hierarchy->controller);
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

/* Undoes what the kernel does to blanks: "\040" is one. */
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
    if (hierarchy->version == IMGZ_CGROUP_2)
        return strcmp(mount->type, "cgroup2") == 0;
    return strcmp(mount->type, "cgroup") == 0 && has_word(mount->options, hierarchy->controller);
}

/* What is left of the group's path below the mount's root: "" if the root is not above it. */
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

static bool find_folder(const struct hierarchy *hierarchy, struct imgz_cgroup *group)
{
    char path[PATH_MAX];
    struct mount mount;
    size_t line_bytes = 0;
    char *line = NULL;
    bool found = false;
    FILE *file;

    snprintf(path, sizeof(path), "%s/proc/self/mountinfo", hierarchy->root);
    file = fopen(path, "re");
    if (file == NULL)
        return false;
    while (!found && getline(&line, &line_bytes, file) > 0) {
        int length;

        if (!parse_mount(line, &mount) || !is_mount_of(hierarchy, &mount))
            continue;
        length =
            snprintf(group->folder, sizeof(group->folder), "%s%s", hierarchy->root, mount.target);
        if (length >= (int)sizeof(group->folder))
            continue;
        group->top_bytes = (size_t)length;
        snprintf(group->folder + length, sizeof(group->folder) - (size_t)length, "%s",
                 path_below(hierarchy->group, mount.root));
        found = true;
    }
    free(line);
    fclose(file);
    return found;
}

bool imgz_cgroup_find(const char *root, enum imgz_cgroup_version version, const char *controller,
                      struct imgz_cgroup *group)
{
    struct hierarchy hierarchy = {.root = root, .version = version, .controller = controller};

    *group = (struct imgz_cgroup){.version = version, .root_bytes = strlen(root)};
    return find_group(&hierarchy) && find_folder(&hierarchy, group);
}

bool imgz_cgroup_up(struct imgz_cgroup *group)
{
    if (strlen(group->folder) <= group->top_bytes)
        return false;
    *strrchr(group->folder, '/') = '\0';
    return true;
}

bool imgz_cgroup_read(const struct imgz_cgroup *group, const char *name, char *text,
                      size_t text_bytes)
{
    char path[PATH_MAX];
    size_t bytes;
    FILE *file;

    if (snprintf(path, sizeof(path), "%s/%s", group->folder, name) >= (int)sizeof(path))
        return false;
    file = fopen(path, "re");
    if (file == NULL)
        return false;
    bytes = fread(text, 1, text_bytes - 1, file);
    fclose(file);
    text[bytes] = '\0';
    return bytes > 0;
}
