/* SPDX-License-Identifier: MIT */
/*
 * Who runs where: the plan that puts workers on cores and slots on the workers' NUMA nodes.
 *
 * Place: made by the job; pipeline.c places slots by it, threads.c binds threads by it.
 *
 * Threads    made by one; read by any afterwards. A thread binds itself.
 * Ownership  the machine must outlive it.
 * Errors     create: -ENOMEM. What cannot be bound runs where the system puts it: a placement is
 *            advice. NULL means no placement.
 * Memory     all in create().
 */
#ifndef IMGZ_PLACEMENT_H
#define IMGZ_PLACEMENT_H

#include <imgz/imgz.h>

#include "machine/machine.h"

#define IMGZ_PLACEMENT_NODE_UNKNOWN (-1)

struct imgz_placement_config {
    uint32_t worker_count; /* > 0 */
    uint32_t slot_count;   /* > 0 */
    int feeder_os_node;    /* of the drive that is read, as the system counts nodes; or UNKNOWN */
    int drain_os_node;     /* of the drive that is written */
};

struct imgz_placement_share {
    uint32_t worker_count;
    uint32_t slot_count;
};

struct imgz_placement {
    const struct imgz_machine *machine;
    struct imgz_placement_config config;
    enum imgz_binding binding;
    const char *reason;    /* for the binding, for people */
    int feeder_node_index; /* of machine->nodes; or UNKNOWN: not bound */
    int drain_node_index;
    uint32_t *worker_cores;              /* of each worker: index of machine->cores */
    struct imgz_placement_share *shares; /* of each of machine->nodes */
};

IMGZ_MUST_CHECK int imgz_placement_create(const struct imgz_machine *machine,
                                          const struct imgz_placement_config *config,
                                          struct imgz_placement **result);
void imgz_placement_destroy(struct imgz_placement *placement); /* accepts NULL */

/* These accept NULL: one node, nothing bound. Slots of one node follow one another. */
uint32_t imgz_placement_node_count(const struct imgz_placement *placement);
uint32_t imgz_placement_worker_node(const struct imgz_placement *placement, uint32_t worker_index);
uint32_t imgz_placement_slot_node(const struct imgz_placement *placement, uint32_t slot_index);

/* The processors a thread is bound to; NULL: it is not bound. */
hwloc_const_cpuset_t imgz_placement_worker_processors(const struct imgz_placement *placement,
                                                      uint32_t worker_index);
hwloc_const_cpuset_t imgz_placement_feeder_processors(const struct imgz_placement *placement);
hwloc_const_cpuset_t imgz_placement_drain_processors(const struct imgz_placement *placement);

/* Binds the calling thread; NULL, and a NULL placement, leave it as it is. 0, or what the system
 * says. */
IMGZ_MUST_CHECK int imgz_placement_bind_thread(const struct imgz_placement *placement,
                                               hwloc_const_cpuset_t processors);

/* Pages of this range that were not touched yet will come from the node while it has any. 0, or
 * what the system says. */
IMGZ_MUST_CHECK int imgz_placement_bind_memory(const struct imgz_placement *placement,
                                               uint32_t node_index, const void *memory,
                                               uint64_t bytes);

#endif /* IMGZ_PLACEMENT_H */
