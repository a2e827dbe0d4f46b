/* SPDX-License-Identifier: MIT */
/*
 * Asks hwloc what this machine is made of, in a process of its own.
 *
 * hwloc loops forever if sched_getaffinity is denied, and crashes without memory. So it runs in a
 * process of its own (subprocess.h), which sends back plain figures.
 *
 * Place: called by machine.c when a job begins.
 *
 * Threads    any; several may run at once.
 * Ownership  the result's arrays are the caller's, see fini().
 * Errors     -ETIMEDOUT, -EPROTO (it crashed, or hwloc does not know the machine), -ENOMEM, or why
 *            there is no process or pipe.
 * Blocking   until the child has answered and ended: 2 ms, or limit_ms at most.
 */
#ifndef IMGZ_HWLOC_PROBE_H
#define IMGZ_HWLOC_PROBE_H

#include "base/base.h"

#define IMGZ_HWLOC_PROBE_NONE UINT32_MAX

struct imgz_hwloc_probe_node {
    uint32_t os_index;
    uint64_t memory_bytes; /* 0: not known */
};

struct imgz_hwloc_probe_processor {
    uint32_t os_index;
    uint32_t core_index; /* processors of one core follow one another; or NONE */
    uint32_t node_index; /* the first node that has it; or NONE */
};

struct imgz_hwloc_probe {
    bool this_system; /* false: made up, by HWLOC_SYNTHETIC and the like; nothing can be bound */
    uint32_t node_count;
    uint32_t core_count;
    uint32_t processor_count;
    struct imgz_hwloc_probe_node *nodes; /* in hwloc's logical order, as the processors are */
    struct imgz_hwloc_probe_processor *processors;
};

struct imgz_hwloc_probe_config {
    const char *synthetic; /* hwloc's description of a machine, or NULL */
    const char *xml;       /* or one that it exported, or NULL */
    uint32_t limit_ms;     /* > 0 */
};

IMGZ_MUST_CHECK int imgz_hwloc_probe_run(const struct imgz_hwloc_probe_config *config,
                                         struct imgz_hwloc_probe *result);
void imgz_hwloc_probe_fini(struct imgz_hwloc_probe *probe); /* accepts one that is all zero */

#endif /* IMGZ_HWLOC_PROBE_H */
