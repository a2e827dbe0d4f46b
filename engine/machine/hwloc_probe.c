/* SPDX-License-Identifier: MIT */
/*
 * Through the pipe go a header, the nodes and the processors, as they lie in memory: both ends are
 * the same program. The parent checks every number before it uses any.
 */
#include "machine/hwloc_probe.h"

#include <errno.h>
#include <hwloc.h>
#include <stdlib.h>
#include <string.h>

#include "machine/subprocess.h"

/* More than any machine has: Linux knows 8192 processors and 1024 nodes at most. */
#define COUNT_MAX ((uint32_t)1 << 16)

/* What is not needed is not discovered: with caches and devices a load takes ten times as long.
 * Some of hwloc's ways of looking move the calling thread from processor to processor. */
#define LOAD_FLAGS                                                                                 \
    (HWLOC_TOPOLOGY_FLAG_DONT_CHANGE_BINDING | HWLOC_TOPOLOGY_FLAG_NO_DISTANCES |                  \
     HWLOC_TOPOLOGY_FLAG_NO_MEMATTRS | HWLOC_TOPOLOGY_FLAG_NO_CPUKINDS)

struct header {
    uint32_t this_system;
    uint32_t node_count;
    uint32_t core_count;
    uint32_t processor_count;
};

/* ---- The child ---------------------------------------------------------------------------- */

/* NULL if hwloc does not know. */
static hwloc_topology_t load_topology(const struct imgz_hwloc_probe_config *config)
{
    hwloc_topology_t topology = NULL;
    int rc;

    if (hwloc_topology_init(&topology) < 0)
        return NULL;
    /* Devices are left out unless asked for. Groups and packages must stay: nodes are attached to
     * them. */
    rc = hwloc_topology_set_cache_types_filter(topology, HWLOC_TYPE_FILTER_KEEP_NONE);
    if (rc == 0)
        rc = hwloc_topology_set_flags(topology, LOAD_FLAGS);
    if (rc == 0 && config->synthetic != NULL)
        rc = hwloc_topology_set_synthetic(topology, config->synthetic);
    if (rc == 0 && config->xml != NULL)
        rc = hwloc_topology_set_xmlbuffer(topology, config->xml, (int)strlen(config->xml) + 1);
    if (rc == 0)
        rc = hwloc_topology_load(topology);
    return rc == 0 ? topology : NULL;
}

/* Each processor belongs to the first node that has it: a second node of the same processors
 * (slower or faster memory, which is not what buffers need) is ignored. */
static uint32_t find_node(hwloc_topology_t topology, hwloc_obj_t processor)
{
    hwloc_obj_t node = NULL;
    uint32_t index = 0;

    while ((node = hwloc_get_next_obj_by_type(topology, HWLOC_OBJ_NUMANODE, node)) != NULL) {
        if (hwloc_bitmap_isset(node->cpuset, processor->os_index))
            return index;
        index += 1;
    }
    return IMGZ_HWLOC_PROBE_NONE;
}

static void send_nodes(hwloc_topology_t topology, int fd)
{
    hwloc_obj_t object = NULL;

    while ((object = hwloc_get_next_obj_by_type(topology, HWLOC_OBJ_NUMANODE, object)) != NULL) {
        struct imgz_hwloc_probe_node node;

        memset(&node, 0, sizeof(node)); /* also the padding */
        node.os_index = object->os_index;
        node.memory_bytes = object->attr->numanode.local_memory;
        imgz_subprocess_write(fd, &node, sizeof(node));
    }
}

static void send_processors(hwloc_topology_t topology, int fd)
{
    hwloc_obj_t object = NULL;

    while ((object = hwloc_get_next_obj_by_type(topology, HWLOC_OBJ_PU, object)) != NULL) {
        hwloc_obj_t core = hwloc_get_ancestor_obj_by_type(topology, HWLOC_OBJ_CORE, object);
        const struct imgz_hwloc_probe_processor processor = {
            .os_index = object->os_index,
            .core_index = core != NULL ? core->logical_index : IMGZ_HWLOC_PROBE_NONE,
            .node_index = find_node(topology, object),
        };

        imgz_subprocess_write(fd, &processor, sizeof(processor));
    }
}

/* In the child. Sends no answer if hwloc does not know. */
static void ask(const void *context, int fd)
{
    hwloc_topology_t topology = load_topology(context);
    struct header header;

    if (topology == NULL)
        return;
    header = (struct header){
        .this_system = hwloc_topology_is_thissystem(topology) != 0,
        .node_count = (uint32_t)hwloc_get_nbobjs_by_type(topology, HWLOC_OBJ_NUMANODE),
        .core_count = (uint32_t)hwloc_get_nbobjs_by_type(topology, HWLOC_OBJ_CORE),
        .processor_count = (uint32_t)hwloc_get_nbobjs_by_type(topology, HWLOC_OBJ_PU),
    };
    imgz_subprocess_write(fd, &header, sizeof(header));
    send_nodes(topology, fd);
    send_processors(topology, fd);
}

/* ---- The parent --------------------------------------------------------------------------- */

static int read_array(const struct imgz_subprocess *apart, uint32_t count, size_t element_bytes,
                      void **result)
{
    *result = calloc((size_t)count + 1, element_bytes);
    return *result == NULL ? -ENOMEM : imgz_subprocess_read(apart, *result, count * element_bytes);
}

static bool is_index(uint32_t index, uint32_t count)
{
    return index < count || index == IMGZ_HWLOC_PROBE_NONE;
}

static bool plausible(const struct imgz_hwloc_probe *probe)
{
    for (uint32_t i = 0; i < probe->processor_count; i++) {
        const struct imgz_hwloc_probe_processor *processor = &probe->processors[i];

        if (processor->os_index >= COUNT_MAX ||
            !is_index(processor->core_index, probe->core_count) ||
            !is_index(processor->node_index, probe->node_count))
            return false;
    }
    return true;
}

static int read_answer(const struct imgz_subprocess *apart, struct imgz_hwloc_probe *probe)
{
    struct header header;
    void *nodes = NULL;
    void *processors = NULL;
    int rc = imgz_subprocess_read(apart, &header, sizeof(header));

    if (rc < 0)
        return rc;
    if (header.processor_count == 0 || header.processor_count > COUNT_MAX ||
        header.core_count > COUNT_MAX || header.node_count > COUNT_MAX)
        return -EPROTO;
    *probe = (struct imgz_hwloc_probe){
        .this_system = header.this_system != 0,
        .node_count = header.node_count,
        .core_count = header.core_count,
        .processor_count = header.processor_count,
    };
    rc = read_array(apart, header.node_count, sizeof(probe->nodes[0]), &nodes);
    probe->nodes = nodes;
    if (rc == 0)
        rc = read_array(apart, header.processor_count, sizeof(probe->processors[0]), &processors);
    probe->processors = processors;
    if (rc == 0 && !plausible(probe))
        rc = -EPROTO;
    return rc;
}

int imgz_hwloc_probe_run(const struct imgz_hwloc_probe_config *config,
                         struct imgz_hwloc_probe *result)
{
    const struct imgz_subprocess_config apart_config = {
        .kind = IMGZ_SUBPROCESS_CHILD,
        .body = ask,
        .context = config,
        .limit_ms = config->limit_ms,
    };
    struct imgz_hwloc_probe probe = {0};
    struct imgz_subprocess apart;
    int rc = imgz_subprocess_start(&apart_config, &apart);

    if (rc < 0)
        return rc;
    rc = read_answer(&apart, &probe);
    imgz_subprocess_end(&apart);
    if (rc < 0) {
        imgz_hwloc_probe_fini(&probe);
        return rc;
    }
    *result = probe;
    return 0;
}

void imgz_hwloc_probe_fini(struct imgz_hwloc_probe *probe)
{
    free(probe->nodes);
    free(probe->processors);
    *probe = (struct imgz_hwloc_probe){0};
}
