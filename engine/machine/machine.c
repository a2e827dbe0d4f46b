/* SPDX-License-Identifier: MIT */
#include "machine/machine.h"

#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "machine/hwloc_probe.h"

/* hwloc needs 1 ms on a small machine and 20 ms on a large one; more if that is busy. */
#define PROBE_LIMIT_MS 5000u

/* Linux knows 8192 processors at most. */
#define PROCESSORS_MAX (1u << 16)

/* ---- What there is ------------------------------------------------------------------------ */

/* Adds the processors that the calling thread may run on; a negative errno if the system does not
 * say. */
static int ask_system(hwloc_bitmap_t processors)
{
    cpu_set_t *allowed = NULL;
    unsigned count = CPU_SETSIZE;
    int rc = -EINVAL; /* the set is too small for what the system has */

    for (; rc == -EINVAL && count <= PROCESSORS_MAX; count *= 2) {
        CPU_FREE(allowed);
        allowed = CPU_ALLOC(count);
        if (allowed == NULL)
            return -ENOMEM;
        rc = sched_getaffinity(0, CPU_ALLOC_SIZE(count), allowed) < 0 ? -errno : 0;
    }
    for (unsigned i = 0; rc == 0 && i < count / 2; i++) {
        if (CPU_ISSET_S(i, CPU_ALLOC_SIZE(count / 2), allowed) &&
            hwloc_bitmap_set(processors, i) < 0)
            rc = -ENOMEM;
    }
    CPU_FREE(allowed);
    return rc;
}

/* If even that is denied: as many as are online. */
static int assume_processors(hwloc_bitmap_t processors)
{
    const long online_count = sysconf(_SC_NPROCESSORS_ONLN);

    return hwloc_bitmap_set_range(processors, 0, (int)(online_count > 1 ? online_count - 1 : 0));
}

static const char *explain(int rc)
{
    return rc == -ETIMEDOUT ? "hwloc does not answer" : "hwloc does not know this machine";
}

/* hwloc is not asked if it would loop forever. */
static void ask_hwloc(struct imgz_machine *machine, const struct imgz_machine_config *config,
                      int affinity_rc, struct imgz_hwloc_probe *probe)
{
    const struct imgz_hwloc_probe_config probe_config = {
        .synthetic = config->synthetic,
        .xml = config->xml,
        .limit_ms = PROBE_LIMIT_MS,
    };

    if (affinity_rc < 0)
        machine->unknown = "the system denies sched_getaffinity";
    else
        machine->unknown = explain(imgz_hwloc_probe_run(&probe_config, probe));
    if (probe->processor_count > 0)
        machine->unknown = NULL;
    machine->bindable = probe->this_system;
}

/* Keeps the processors that the probe has, too. If there are none, hwloc's answer is of no use. */
static int restrict_to_probe(struct imgz_machine *machine, const struct imgz_machine_config *config,
                             struct imgz_hwloc_probe *probe)
{
    hwloc_bitmap_t known = hwloc_bitmap_alloc();
    int rc = known != NULL ? 0 : -ENOMEM;

    for (uint32_t i = 0; rc == 0 && i < probe->processor_count; i++)
        rc = hwloc_bitmap_set(known, probe->processors[i].os_index) < 0 ? -ENOMEM : 0;
    if (rc == 0 && config->allowed != NULL)
        (void)hwloc_bitmap_list_sscanf(machine->processors, config->allowed);
    if (rc == 0 && config->allowed == NULL && !probe->this_system)
        rc = hwloc_bitmap_copy(machine->processors, known) < 0 ? -ENOMEM : 0;
    if (rc == 0)
        rc = hwloc_bitmap_and(machine->processors, machine->processors, known) < 0 ? -ENOMEM : 0;
    if (rc == 0 && hwloc_bitmap_iszero(machine->processors)) {
        imgz_hwloc_probe_fini(probe);
        machine->bindable = false;
        machine->unknown = explain(0);
    }
    hwloc_bitmap_free(known);
    return rc;
}

/* Fills in what may be used, and how much of it is known. */
static int find_processors(struct imgz_machine *machine, const struct imgz_machine_config *config,
                           struct imgz_hwloc_probe *probe)
{
    int rc = ask_system(machine->processors);

    if (rc == -ENOMEM)
        return rc;
    ask_hwloc(machine, config, rc, probe);
    if (probe->processor_count > 0) {
        rc = restrict_to_probe(machine, config, probe);
        if (rc < 0 || probe->processor_count > 0)
            return rc;
        rc = ask_system(machine->processors);
    }
    return rc == 0 || assume_processors(machine->processors) == 0 ? 0 : -ENOMEM;
}

/* ---- Nodes and cores ---------------------------------------------------------------------- */

/* Adds a node with those processors of the probe's node 'index' that are not in another one yet;
 * NONE: with all that are in no other. */
static int add_node(struct imgz_machine *machine, const struct imgz_hwloc_probe *probe,
                    uint32_t index, hwloc_bitmap_t unassigned)
{
    struct imgz_machine_node *node = &machine->nodes[machine->allowed.node_count];

    node->processors = hwloc_bitmap_dup(unassigned);
    if (node->processors == NULL)
        return -ENOMEM;
    machine->allowed.node_count += 1;
    if (index != IMGZ_HWLOC_PROBE_NONE) {
        node->os_index = probe->nodes[index].os_index;
        node->memory_bytes = probe->nodes[index].memory_bytes;
        for (uint32_t i = 0; i < probe->processor_count; i++) {
            if (probe->processors[i].node_index != index)
                hwloc_bitmap_clr(node->processors, probe->processors[i].os_index);
        }
    }
    return hwloc_bitmap_andnot(unassigned, unassigned, node->processors) < 0 ? -ENOMEM : 0;
}

static bool node_is_used(const struct imgz_hwloc_probe *probe, uint32_t index,
                         hwloc_const_bitmap_t processors)
{
    for (uint32_t i = 0; i < probe->processor_count; i++) {
        if (probe->processors[i].node_index == index &&
            hwloc_bitmap_isset(processors, probe->processors[i].os_index))
            return true;
    }
    return false;
}

/* Each processor belongs to one node; one without memory of its own goes with the first. */
static int add_nodes(struct imgz_machine *machine, const struct imgz_hwloc_probe *probe)
{
    hwloc_bitmap_t unassigned = hwloc_bitmap_dup(machine->processors);
    int rc = unassigned != NULL ? 0 : -ENOMEM;

    for (uint32_t i = 0; rc == 0 && i < probe->node_count; i++) {
        if (node_is_used(probe, i, unassigned))
            rc = add_node(machine, probe, i, unassigned);
    }
    if (rc == 0 && machine->allowed.node_count == 0)
        rc = add_node(machine, probe, IMGZ_HWLOC_PROBE_NONE, unassigned);
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

/* As the probe has them: processors of one core follow one another. */
static int add_known_cores(struct imgz_machine *machine, const struct imgz_hwloc_probe *probe)
{
    uint32_t last_core = IMGZ_HWLOC_PROBE_NONE;
    int rc = 0;

    for (uint32_t i = 0; rc == 0 && i < probe->processor_count; i++) {
        const struct imgz_hwloc_probe_processor *processor = &probe->processors[i];

        if (!hwloc_bitmap_isset(machine->processors, processor->os_index))
            continue;
        if (processor->core_index == IMGZ_HWLOC_PROBE_NONE || processor->core_index != last_core)
            rc = add_core(machine, processor->os_index);
        if (rc == 0)
            rc = add_processor(machine, processor->os_index);
        last_core = processor->core_index;
    }
    return rc;
}

/* If cores are not known, each processor counts as one. */
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

static void measure_whole(struct imgz_machine *machine, const struct imgz_hwloc_probe *probe)
{
    machine->whole = machine->allowed;
    if (machine->unknown != NULL)
        return;
    machine->whole = (struct imgz_machine_extent){
        .node_count = probe->node_count,
        .core_count = probe->core_count > 0 ? probe->core_count : probe->processor_count,
        .processor_count = probe->processor_count,
    };
}

static int fill_machine(struct imgz_machine *machine, const struct imgz_hwloc_probe *probe)
{
    const size_t processor_count = (size_t)hwloc_bitmap_weight(machine->processors);
    int rc;

    /* No more nodes or cores can be in use than there are processors. */
    machine->nodes = calloc(processor_count, sizeof(machine->nodes[0]));
    machine->cores = calloc(processor_count, sizeof(machine->cores[0]));
    if (machine->nodes == NULL || machine->cores == NULL)
        return -ENOMEM;
    rc = add_nodes(machine, probe);
    if (rc == 0)
        rc =
            machine->unknown == NULL ? add_known_cores(machine, probe) : add_assumed_cores(machine);
    measure_whole(machine, probe);
    return rc;
}

/* ---- Life --------------------------------------------------------------------------------- */

int imgz_machine_load(const struct imgz_machine_config *config, struct imgz_machine **result)
{
    struct imgz_machine *machine = calloc(1, sizeof(*machine));
    struct imgz_hwloc_probe probe = {0};
    int rc = -ENOMEM;

    if (machine == NULL)
        return -ENOMEM;
    machine->processors = hwloc_bitmap_alloc();
    if (machine->processors == NULL)
        goto out;
    rc = find_processors(machine, config, &probe);
    if (rc < 0)
        goto out;
    machine->quota_millis = imgz_cpu_quota_read(config->root != NULL ? config->root : "");
    rc = fill_machine(machine, &probe);
    if (rc < 0)
        goto out;
    *result = machine;
    machine = NULL;
out:
    imgz_hwloc_probe_fini(&probe);
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
    free(machine);
}

uint32_t imgz_machine_worker_count(const struct imgz_machine *machine)
{
    const uint64_t count =
        machine->quota_millis == IMGZ_CPU_QUOTA_NONE
            ? machine->allowed.processor_count
            : imgz_min(machine->allowed.processor_count, imgz_div_up(machine->quota_millis, 1000));

    return (uint32_t)count;
}

void imgz_machine_list(hwloc_const_bitmap_t processors, char *text, size_t text_bytes)
{
    static const char cut[] = "...";
    int length;

    text[0] = '\0';
    if (processors == NULL)
        return;
    length = hwloc_bitmap_list_snprintf(text, text_bytes, processors);
    if (length >= (int)text_bytes)
        memcpy(text + text_bytes - sizeof(cut), cut, sizeof(cut));
}
