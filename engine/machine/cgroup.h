/* SPDX-License-Identifier: MIT */
/*
 * The control groups of this process: where their files are.
 *
 * Place: cpu_quota.h and memory.h read limits from them.
 *
 * Threads    any; no state.
 * Errors     none: false where there is no such group, or no such file.
 */
#ifndef IMGZ_CGROUP_H
#define IMGZ_CGROUP_H

#include <limits.h>

#include "base/base.h"

enum imgz_cgroup_version {
    IMGZ_CGROUP_1,
    IMGZ_CGROUP_2,
};

/* A group: the process's own, or one above it. */
struct imgz_cgroup {
    enum imgz_cgroup_version version;
    size_t root_bytes; /* length of the caller's root in 'folder' */
    size_t top_bytes;  /* length of the topmost visible group in 'folder' */
    char folder[PATH_MAX];
};

/* The process's own, in the hierarchy that has 'controller' ("cpu"; version 2 has only one). 'root'
 * is put before the paths of /proc and of the mounts: "" except in tests. */
bool imgz_cgroup_find(const char *root, enum imgz_cgroup_version version, const char *controller,
                      struct imgz_cgroup *group);

/* Moves to the group above; false if there is none, or it is not visible. */
bool imgz_cgroup_up(struct imgz_cgroup *group);

/* The beginning of a file of the group, as a string. */
bool imgz_cgroup_read(const struct imgz_cgroup *group, const char *name, char *text,
                      size_t text_bytes);

#endif /* IMGZ_CGROUP_H */
