/* SPDX-License-Identifier: MIT */
/*
 * Workers are dealt out in rounds: in the first each core gets one, in the second each core with a
 * second processor gets another, and so on; when every processor has its worker it starts over.
 * Within a round the nodes take turns in proportion to what they have. Example: node 0 with the
 * cores a (2 processors), b (2), c (1) and node 1 with the core d (2):
 *
 *     worker   0  1  2  3 | 4  5  6 | 7 ...
 *     core     a  b  d  c | a  d  b | a ...
 *
 * Workers are bound to cores only if each core has one. Fewer are bound to nodes: two jobs of four
 * threads each on a machine of eight cores would otherwise share the same four.
 *
 * Slots are dealt out to workers in turn, and each lies on its worker's node. Then slots are sorted
 * by node, so that a node's slots are one range of memory.
 */
#include "machine/placement.h"

#include <errno.h>
#include <limits.h>
#include <linux/mempolicy.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Linux knows no more (MAX_NUMNODES). */
#define NODES_MAX  1024u
#define ULONG_BITS (CHAR_BIT * sizeof(unsigned long))

/* ---- Workers ------------------------------------------------------------------------------ */

/* One or more rounds of dealing out cores. */
struct deal {
    const struct imgz_machine *machine;
    uint32_t *seats;     /* of each worker: index of machine->cores */
    uint32_t seat_count; /* to be filled */
    uint32_t done_count;
    uint32_t *next_cores;     /* of each node: where to continue */
    uint32_t *given_counts;   /* of each node: seats of this round */
    uint32_t *waiting_counts; /* of each node: cores that still get a seat in this round */
};

static bool takes_part(const struct imgz_machine_core *core, uint32_t round)
{
    return core->processor_count > round;
}

static void begin_round(struct deal *deal, uint32_t round)
{
    const struct imgz_machine *machine = deal->machine;

    for (uint32_t i = 0; i < machine->allowed.node_count; i++) {
        deal->next_cores[i] = 0;
        deal->given_counts[i] = 0;
        deal->waiting_counts[i] = 0;
    }
    for (uint32_t i = 0; i < machine->allowed.core_count; i++) {
        if (takes_part(&machine->cores[i], round))
            deal->waiting_counts[machine->cores[i].node_index] += 1;
    }
}

/* The node whose turn it is: the one that would be the first to have half a core more than its part
 * (the method of Sainte-Lague). -1: none has a core left. */
static int choose_node(const struct deal *deal)
{
    uint64_t best_given = 0;
    uint64_t best_whole = 0;
    int best = -1;

    for (uint32_t i = 0; i < deal->machine->allowed.node_count; i++) {
        const uint64_t given = deal->given_counts[i];
        const uint64_t whole = given + deal->waiting_counts[i];

        if (deal->waiting_counts[i] == 0)
            continue;
        /* (given + 1/2) / whole < (best_given + 1/2) / best_whole */
        if (best < 0 || (2 * given + 1) * best_whole < (2 * best_given + 1) * whole) {
            best = (int)i;
            best_given = given;
            best_whole = whole;
        }
    }
    return best;
}

static void give_seat(struct deal *deal, uint32_t node, uint32_t round)
{
    const struct imgz_machine_core *cores = deal->machine->cores;
    uint32_t core = deal->next_cores[node];

    while (cores[core].node_index != node || !takes_part(&cores[core], round))
        core += 1;
    deal->next_cores[node] = core + 1;
    deal->given_counts[node] += 1;
    deal->waiting_counts[node] -= 1;
    deal->seats[deal->done_count] = core;
    deal->done_count += 1;
}

/* Deals out one round; false if no core took part. */
static bool deal_round(struct deal *deal, uint32_t round)
{
    const uint32_t before_count = deal->done_count;
    int node;

    begin_round(deal, round);
    while (deal->done_count < deal->seat_count && (node = choose_node(deal)) >= 0)
        give_seat(deal, (uint32_t)node, round);
    return deal->done_count > before_count;
}

static int deal_workers(struct imgz_placement *placement)
{
    const uint32_t node_count = placement->machine->allowed.node_count;
    uint32_t *counts = calloc(node_count, 3 * sizeof(counts[0]));
    struct deal deal = {
        .machine = placement->machine,
        .seats = placement->worker_cores,
        .seat_count = placement->config.worker_count,
        .next_cores = counts,
        .given_counts = counts + node_count,
        .waiting_counts = counts + 2 * (size_t)node_count,
    };
    uint32_t round = 0;

    if (counts == NULL)
        return -ENOMEM;
    while (deal.done_count < deal.seat_count)
        round = deal_round(&deal, round) ? round + 1 : 0;
    free(counts);
    return 0;
}

static void choose_binding(struct imgz_placement *placement)
{
    const struct imgz_machine *machine = placement->machine;
    const struct imgz_machine_extent *allowed = &machine->allowed;
    const bool many_nodes = allowed->node_count > 1;

    if (machine->unknown != NULL) {
        placement->binding = IMGZ_BINDING_NONE;
        placement->reason = machine->unknown;
    } else if (!many_nodes && allowed->processor_count == allowed->core_count) {
        placement->binding = IMGZ_BINDING_NONE;
        placement->reason = "one node, and one processor per core";
    } else if (placement->config.worker_count >= allowed->core_count) {
        placement->binding = IMGZ_BINDING_CORE;
        placement->reason = "a worker for every core";
    } else if (many_nodes) {
        placement->binding = IMGZ_BINDING_NODE;
        placement->reason = "fewer workers than cores";
    } else {
        placement->binding = IMGZ_BINDING_NONE;
        placement->reason = "one node, and fewer workers than cores";
    }
}

/* ---- Nodes -------------------------------------------------------------------------------- */

static void share_out(struct imgz_placement *placement)
{
    const struct imgz_placement_config *config = &placement->config;

    for (uint32_t i = 0; i < config->worker_count; i++)
        placement->shares[imgz_placement_worker_node(placement, i)].worker_count += 1;
    for (uint32_t i = 0; i < config->slot_count; i++) {
        const uint32_t node = imgz_placement_worker_node(placement, i % config->worker_count);

        placement->shares[node].slot_count += 1;
    }
}

static int find_node(const struct imgz_placement *placement, int os_node)
{
    const struct imgz_machine *machine = placement->machine;

    if (os_node < 0 || machine->unknown != NULL || machine->allowed.node_count == 1)
        return IMGZ_PLACEMENT_NODE_UNKNOWN;
    for (uint32_t i = 0; i < machine->allowed.node_count; i++) {
        if (machine->nodes[i].os_index == (uint32_t)os_node)
            return (int)i;
    }
    return IMGZ_PLACEMENT_NODE_UNKNOWN;
}

/* ---- Life --------------------------------------------------------------------------------- */

int imgz_placement_create(const struct imgz_machine *machine,
                          const struct imgz_placement_config *config,
                          struct imgz_placement **result)
{
    struct imgz_placement *placement = calloc(1, sizeof(*placement));
    int rc = -ENOMEM;

    IMGZ_ASSERT(config->worker_count > 0);
    IMGZ_ASSERT(config->slot_count > 0);
    if (placement == NULL)
        return -ENOMEM;
    placement->machine = machine;
    placement->config = *config;
    placement->worker_cores = calloc(config->worker_count, sizeof(placement->worker_cores[0]));
    placement->shares = calloc(machine->allowed.node_count, sizeof(placement->shares[0]));
    if (placement->worker_cores == NULL || placement->shares == NULL)
        goto out;
    rc = deal_workers(placement);
    if (rc < 0)
        goto out;
    choose_binding(placement);
    share_out(placement);
    placement->feeder_node_index = find_node(placement, config->feeder_os_node);
    placement->drain_node_index = find_node(placement, config->drain_os_node);
    *result = placement;
    placement = NULL;
out:
    imgz_placement_destroy(placement);
    return rc;
}

void imgz_placement_destroy(struct imgz_placement *placement)
{
    if (placement == NULL)
        return;
    free(placement->shares);
    free(placement->worker_cores);
    free(placement);
}

/* ---- The plan ----------------------------------------------------------------------------- */

uint32_t imgz_placement_node_count(const struct imgz_placement *placement)
{
    return placement != NULL ? placement->machine->allowed.node_count : 1;
}

uint32_t imgz_placement_worker_node(const struct imgz_placement *placement, uint32_t worker_index)
{
    if (placement == NULL)
        return 0;
    IMGZ_ASSERT(worker_index < placement->config.worker_count);
    return placement->machine->cores[placement->worker_cores[worker_index]].node_index;
}

uint32_t imgz_placement_slot_node(const struct imgz_placement *placement, uint32_t slot_index)
{
    uint32_t node = 0;

    if (placement == NULL)
        return 0;
    IMGZ_ASSERT(slot_index < placement->config.slot_count);
    while (slot_index >= placement->shares[node].slot_count) {
        slot_index -= placement->shares[node].slot_count;
        node += 1;
    }
    return node;
}

hwloc_const_cpuset_t imgz_placement_worker_processors(const struct imgz_placement *placement,
                                                      uint32_t worker_index)
{
    if (placement == NULL)
        return NULL;
    switch (placement->binding) {
    case IMGZ_BINDING_NONE:
        return NULL;
    case IMGZ_BINDING_NODE:
        return placement->machine->nodes[imgz_placement_worker_node(placement, worker_index)]
            .processors;
    case IMGZ_BINDING_CORE:
        return placement->machine->cores[placement->worker_cores[worker_index]].processors;
    }
    return NULL;
}

static hwloc_const_cpuset_t node_processors(const struct imgz_placement *placement, int node_index)
{
    if (node_index == IMGZ_PLACEMENT_NODE_UNKNOWN)
        return NULL;
    return placement->machine->nodes[node_index].processors;
}

hwloc_const_cpuset_t imgz_placement_feeder_processors(const struct imgz_placement *placement)
{
    return placement != NULL ? node_processors(placement, placement->feeder_node_index) : NULL;
}

hwloc_const_cpuset_t imgz_placement_drain_processors(const struct imgz_placement *placement)
{
    return placement != NULL ? node_processors(placement, placement->drain_node_index) : NULL;
}

int imgz_placement_bind_thread(const struct imgz_placement *placement,
                               hwloc_const_cpuset_t processors)
{
    size_t count;
    size_t bytes;
    cpu_set_t *set;
    int rc = 0;

    if (placement == NULL || processors == NULL || !placement->machine->bindable)
        return 0;
    count = (size_t)(hwloc_bitmap_last(processors) + 1);
    bytes = CPU_ALLOC_SIZE(count);
    set = CPU_ALLOC(count);
    if (set == NULL)
        return -ENOMEM;
    CPU_ZERO_S(bytes, set);
    for (size_t i = 0; i < count; i++) {
        if (hwloc_bitmap_isset(processors, (unsigned)i))
            CPU_SET_S(i, bytes, set);
    }
    if (sched_setaffinity(0, bytes, set) < 0)
        rc = -errno;
    CPU_FREE(set);
    return rc;
}

/* A preference (MPOL_PREFERRED), not a rule: a full node must not get the process killed. */
int imgz_placement_bind_memory(const struct imgz_placement *placement, uint32_t node_index,
                               const void *memory, uint64_t bytes)
{
    unsigned long nodes[NODES_MAX / ULONG_BITS] = {0};
    uint32_t os_index;

    if (imgz_placement_node_count(placement) == 1 || !placement->machine->bindable)
        return 0;
    os_index = placement->machine->nodes[node_index].os_index;
    if (os_index >= NODES_MAX)
        return -EINVAL;
    nodes[os_index / ULONG_BITS] = 1ul << os_index % ULONG_BITS;
    return syscall(SYS_mbind, memory, bytes, MPOL_PREFERRED, nodes, NODES_MAX + 1, 0) < 0 ? -errno
                                                                                          : 0;
}
