/* SPDX-License-Identifier: MIT */
#include "flow/machine.h"

#include <errno.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* What is not needed is not discovered: with caches and devices a load takes ten times as long.
 * Some of hwloc's ways of looking move the calling thread from processor to processor. */
#define LOAD_FLAGS                                                                                 \
    (HWLOC_TOPOLOGY_FLAG_DONT_CHANGE_BINDING | HWLOC_TOPOLOGY_FLAG_NO_DISTANCES |                  \
     HWLOC_TOPOLOGY_FLAG_NO_MEMATTRS | HWLOC_TOPOLOGY_FLAG_NO_CPUKINDS)

/* ---- Loading ------------------------------------------------------------------------------ */

/* NULL if hwloc cannot tell. */
static hwloc_topology_t load_topology(const struct imgz_machine_config *config)
{
    hwloc_topology_t topology = NULL;
    int rc;

    if (hwloc_topology_init(&topology) < 0)
        return NULL;
    /* Devices are left out unless asked for. Groups and packages must stay: nodes hang on them. */
    rc = hwloc_topology_set_cache_types_filter(topology, HWLOC_TYPE_FILTER_KEEP_NONE);
    if (rc == 0)
        rc = hwloc_topology_set_flags(topology, LOAD_FLAGS);
    if (rc == 0 && config->synthetic != NULL)
        rc = hwloc_topology_set_synthetic(topology, config->synthetic);
    if (rc == 0 && config->xml != NULL)
        rc = hwloc_topology_set_xmlbuffer(topology, config->xml, (int)strlen(config->xml) + 1);
    if (rc == 0)
        rc = hwloc_topology_load(topology);
    if (rc == 0)
        return topology;
    hwloc_topology_destroy(topology);
    return NULL;
}

/* Processors the calling thread may run on, by the system's own call. */
static int ask_system(hwloc_bitmap_t processors)
{
    cpu_set_t allowed;

    if (sched_getaffinity(0, sizeof(allowed), &allowed) < 0) {
        const long online_count = sysconf(_SC_NPROCESSORS_ONLN);

        return hwloc_bitmap_set_range(processors, 0,
                                      (int)(online_count > 1 ? online_count - 1 : 0));
    }
    for (unsigned i = 0; i < CPU_SETSIZE; i++) {
        if (CPU_ISSET(i, &allowed) && hwloc_bitmap_set(processors, i) < 0)
            return -1;
    }
    return 0;
}

/* Fills in what may be used; false if that and the topology have nothing in common, or no memory
 * is left. */
static bool find_allowed(struct imgz_machine *machine, const struct imgz_machine_config *config)
{
    hwloc_bitmap_t processors = machine->processors;
    int rc;

    hwloc_bitmap_zero(processors);
    if (config->allowed != NULL)
        rc = hwloc_bitmap_list_sscanf(processors, config->allowed);
    else if (machine->topology != NULL)
        rc = hwloc_get_cpubind(machine->topology, processors, HWLOC_CPUBIND_THREAD);
    else
        rc = ask_system(processors);
    if (rc == 0 && machine->topology != NULL)
        rc = hwloc_bitmap_and(processors, processors,
                              hwloc_topology_get_topology_cpuset(machine->topology));
    return rc == 0 && hwloc_bitmap_weight(processors) > 0;
}

/* ---- Nodes and cores ---------------------------------------------------------------------- */

static int add_node(struct imgz_machine *machine, hwloc_obj_t object, hwloc_bitmap_t unassigned)
{
    struct imgz_machine_node *node = &machine->nodes[machine->allowed.node_count];

    node->processors =
        object != NULL ? hwloc_bitmap_dup(object->cpuset) : hwloc_bitmap_dup(unassigned);
    if (node->processors == NULL)
        return -ENOMEM;
    machine->allowed.node_count += 1;
    if (hwloc_bitmap_and(node->processors, node->processors, unassigned) < 0 ||
        hwloc_bitmap_andnot(unassigned, unassigned, node->processors) < 0)
        return -ENOMEM;
    if (object == NULL)
        return 0;
    node->os_index = object->os_index;
    node->memory_bytes = object->attr->numanode.local_memory;
    node->memory = object->nodeset;
    return 0;
}

/* Each processor belongs to one node. A second node of the same processors (slower or faster
 * memory, which is not what buffers need) is passed over; processors without memory of their own
 * go with the first node. */
static int add_nodes(struct imgz_machine *machine)
{
    hwloc_bitmap_t unassigned = hwloc_bitmap_dup(machine->processors);
    hwloc_obj_t object = NULL;
    int rc = unassigned != NULL ? 0 : -ENOMEM;

    while (rc == 0 && machine->topology != NULL &&
           (object = hwloc_get_next_obj_by_type(machine->topology, HWLOC_OBJ_NUMANODE, object)) !=
               NULL) {
        if (hwloc_bitmap_intersects(object->cpuset, unassigned))
            rc = add_node(machine, object, unassigned);
    }
    if (rc == 0 && machine->allowed.node_count == 0)
        rc = add_node(machine, NULL, unassigned);
    if (rc == 0 &&
        hwloc_bitmap_or(machine->nodes[0].processors, machine->nodes[0].processors, unassigned) < 0)
        rc = -ENOMEM;
    hwloc_bitmap_free(unassigned);
    return rc;
}

static uint32_t find_node(const struct imgz_machine *machine, unsigned processor)
{
    uint32_t index = machine->allowed.node_count - 1;

    while (index > 0 && !hwloc_bitmap_isset(machine->nodes[index].processors, processor))
        index -= 1;
    return index;
}

static int add_core(struct imgz_machine *machine, unsigned processor)
{
    struct imgz_machine_core *core = &machine->cores[machine->allowed.core_count];

    core->processors = hwloc_bitmap_alloc();
    if (core->processors == NULL)
        return -ENOMEM;
    core->node_index = find_node(machine, processor);
    machine->allowed.core_count += 1;
    machine->nodes[core->node_index].core_count += 1;
    return 0;
}

static int add_processor(struct imgz_machine *machine, unsigned processor)
{
    struct imgz_machine_core *core = &machine->cores[machine->allowed.core_count - 1];

    if (hwloc_bitmap_set(core->processors, processor) < 0)
        return -ENOMEM;
    core->processor_count += 1;
    machine->nodes[core->node_index].processor_count += 1;
    machine->allowed.processor_count += 1;
    return 0;
}

/* By the topology: processors of one core follow one another in its order. */
static int add_known_cores(struct imgz_machine *machine)
{
    hwloc_obj_t last_core = NULL;
    hwloc_obj_t object = NULL;
    int rc = 0;

    while (rc == 0 && (object = hwloc_get_next_obj_inside_cpuset_by_type(
                           machine->topology, machine->processors, HWLOC_OBJ_PU, object)) != NULL) {
        hwloc_obj_t core =
            hwloc_get_ancestor_obj_by_type(machine->topology, HWLOC_OBJ_CORE, object);

        if (core == NULL || core != last_core)
            rc = add_core(machine, object->os_index);
        if (rc == 0)
            rc = add_processor(machine, object->os_index);
        last_core = core;
    }
    return rc;
}

/* Where cores are not known each processor passes for one. */
static int add_assumed_cores(struct imgz_machine *machine)
{
    int rc = 0;

    for (int at = hwloc_bitmap_first(machine->processors); rc == 0 && at >= 0;
         at = hwloc_bitmap_next(machine->processors, at)) {
        rc = add_core(machine, (unsigned)at);
        if (rc == 0)
            rc = add_processor(machine, (unsigned)at);
    }
    return rc;
}

static void measure_whole(struct imgz_machine *machine)
{
    hwloc_topology_t topology = machine->topology;

    machine->whole = machine->allowed;
    if (topology == NULL)
        return;
    machine->whole.node_count = (uint32_t)hwloc_get_nbobjs_by_type(topology, HWLOC_OBJ_NUMANODE);
    machine->whole.processor_count = (uint32_t)hwloc_get_nbobjs_by_type(topology, HWLOC_OBJ_PU);
    machine->whole.core_count = (uint32_t)hwloc_get_nbobjs_by_type(topology, HWLOC_OBJ_CORE);
    if (machine->whole.core_count == 0)
        machine->whole.core_count = machine->whole.processor_count;
}

static int fill_machine(struct imgz_machine *machine)
{
    const size_t processor_count = (size_t)hwloc_bitmap_weight(machine->processors);
    int rc;

    /* No more nodes or cores can be in use than there are processors. */
    machine->nodes = calloc(processor_count, sizeof(machine->nodes[0]));
    machine->cores = calloc(processor_count, sizeof(machine->cores[0]));
    if (machine->nodes == NULL || machine->cores == NULL)
        return -ENOMEM;
    rc = add_nodes(machine);
    if (rc == 0)
        rc = machine->topology != NULL ? add_known_cores(machine) : add_assumed_cores(machine);
    measure_whole(machine);
    return rc;
}

/* ---- Life --------------------------------------------------------------------------------- */

int imgz_machine_load(const struct imgz_machine_config *config, struct imgz_machine **result)
{
    struct imgz_machine *machine = calloc(1, sizeof(*machine));
    int rc = -ENOMEM;

    if (machine == NULL)
        return -ENOMEM;
    machine->processors = hwloc_bitmap_alloc();
    if (machine->processors == NULL)
        goto out;
    machine->topology = load_topology(config);
    if (!find_allowed(machine, config) && machine->topology != NULL) {
        const struct imgz_machine_config this_machine = {0};

        hwloc_topology_destroy(machine->topology);
        machine->topology = NULL;
        (void)find_allowed(machine, &this_machine);
    }
    if (hwloc_bitmap_weight(machine->processors) <= 0)
        goto out;
    machine->quota_millis = imgz_quota_read(config->root != NULL ? config->root : "");
    rc = fill_machine(machine);
    if (rc < 0)
        goto out;
    *result = machine;
    machine = NULL;
out:
    imgz_machine_destroy(machine);
    return rc;
}

void imgz_machine_destroy(struct imgz_machine *machine)
{
    if (machine == NULL)
        return;
    for (uint32_t i = 0; i < machine->allowed.core_count; i++)
        hwloc_bitmap_free(machine->cores[i].processors);
    for (uint32_t i = 0; i < machine->allowed.node_count; i++)
        hwloc_bitmap_free(machine->nodes[i].processors);
    free(machine->cores);
    free(machine->nodes);
    hwloc_bitmap_free(machine->processors);
    if (machine->topology != NULL)
        hwloc_topology_destroy(machine->topology);
    free(machine);
}

uint32_t imgz_machine_worker_count(const struct imgz_machine *machine)
{
    const uint64_t count =
        machine->quota_millis == IMGZ_QUOTA_NONE
            ? machine->allowed.processor_count
            : imgz_min(machine->allowed.processor_count, imgz_div_up(machine->quota_millis, 1000));

    return (uint32_t)count;
}
