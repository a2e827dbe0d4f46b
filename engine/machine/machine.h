/* SPDX-License-Identifier: MIT */
/*
 * The machine as far as this process may use it: NUMA nodes, cores, processors, processor time.
 *
 * Place: loaded when a job begins; placement.h decides from it who runs where.
 *
 * Threads    loaded by one; read by any afterwards.
 * Ownership  the bitmaps are the machine's.
 * Errors     -ENOMEM only. If hwloc does not know the machine, or does not answer, there is one
 *            node, each processor is a core, and nothing can be bound.
 * Memory     all in load().
 */
#ifndef IMGZ_MACHINE_H
#define IMGZ_MACHINE_H

#include <hwloc.h>

#include "machine/cpu_quota.h"

/* A node with at least one processor that this process may use. */
struct imgz_machine_node {
    uint32_t os_index;
    uint64_t memory_bytes;     /* 0: not known */
    hwloc_bitmap_t processors; /* those that may be used */
    uint32_t core_count;
    uint32_t processor_count;
};

struct imgz_machine_core {
    uint32_t node_index;
    hwloc_bitmap_t processors; /* those that may be used */
    uint32_t processor_count;  /* > 0 */
};

struct imgz_machine_extent {
    uint32_t node_count;
    uint32_t core_count;
    uint32_t processor_count;
};

struct imgz_machine {
    const char *unknown; /* why nodes and cores are not known, for people; NULL: they are */
    bool bindable;       /* they are known, and are those of this system */

    struct imgz_machine_extent whole;   /* what is there, as far as it may be seen */
    struct imgz_machine_extent allowed; /* what may be used: the lengths of these arrays */
    struct imgz_machine_node *nodes;    /* in hwloc's logical order, as the cores are */
    struct imgz_machine_core *cores;
    hwloc_bitmap_t processors; /* those that may be used */
    uint64_t quota_millis;     /* thousandths of a processor, or IMGZ_CPU_QUOTA_NONE */
};

/* All zero for this machine and the calling thread's affinity. */
struct imgz_machine_config {
    const char *synthetic; /* hwloc's description of a machine, such as "node:2 core:8 pu:2" */
    const char *xml;       /* or one that it exported */
    const char *allowed;   /* a list of processors, such as "0-3,8", in place of the affinity */
    const char *root;      /* before /proc, see cpu_quota.h */
};

IMGZ_MUST_CHECK int imgz_machine_load(const struct imgz_machine_config *config,
                                      struct imgz_machine **result);
void imgz_machine_destroy(struct imgz_machine *machine); /* accepts NULL */

/* One worker per processor that may be used, up to the processor time that is allowed. */
uint32_t imgz_machine_worker_count(const struct imgz_machine *machine);

/* Writes a set of processors as "0-3,8"; "" for NULL. A list that does not fit ends in "...". */
void imgz_machine_list(hwloc_const_bitmap_t processors, char *text, size_t text_bytes);

#endif /* IMGZ_MACHINE_H */
