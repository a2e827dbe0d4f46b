/* SPDX-License-Identifier: MIT */
/*
 * Topology: nothing is read or written; a job is begun as far as its placement, and shown.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "codec/deflate.h"
#include "format/note.h"
#include "job/common/job.h"

struct imgz_topology {
    struct imgz_job job;
};

int imgz_topology_open(const struct imgz_options *options, struct imgz_topology **result,
                       struct imgz_error *error)
{
    struct imgz_topology *topology = calloc(1, sizeof(*topology));
    int rc;

    if (topology == NULL) {
        struct imgz_job none = {0};

        imgz_log_init(&none.log, NULL, NULL);
        return imgz_job_end(&none, -ENOMEM, NULL, error);
    }
    rc = imgz_job_begin(&topology->job, options);
    if (rc == 0)
        rc = imgz_job_place(&topology->job);
    if (rc < 0) {
        rc = imgz_job_end(&topology->job, rc, NULL, error);
        free(topology);
        return rc;
    }
    *result = topology;
    return 0;
}

void imgz_topology_close(struct imgz_topology *topology)
{
    int rc;

    if (topology == NULL)
        return;
    rc = imgz_job_end(&topology->job, 0, NULL, NULL);
    IMGZ_ASSERT(rc == 0);
    free(topology);
}

void imgz_topology_get_info(const struct imgz_topology *topology, struct imgz_topology_info *info)
{
    const struct imgz_machine *machine = topology->job.machine;
    const struct imgz_placement *placement = topology->job.placement;
    const uint64_t chunk_bytes = topology->job.options.chunk_bytes;
    const uint64_t stored_bytes = IMGZ_NOTE_CARRIER_BYTES + imgz_deflate_bound((size_t)chunk_bytes);

    memset(info, 0, sizeof(*info));
    info->node_count = machine->whole.node_count;
    info->core_count = machine->whole.core_count;
    info->processor_count = machine->whole.processor_count;
    info->allowed_node_count = machine->allowed.node_count;
    info->allowed_core_count = machine->allowed.core_count;
    info->allowed_processor_count = machine->allowed.processor_count;
    info->quota_millis = machine->quota_millis;
    info->worker_count = placement->config.worker_count;
    info->slot_count = placement->config.slot_count;
    info->slot_bytes = chunk_bytes + imgz_align_up(stored_bytes, IMGZ_BLOCK_BYTES);
    info->memory_bytes = info->slot_count * info->slot_bytes;
    info->binding = placement->binding;
    snprintf(info->reason, sizeof(info->reason), "%s", placement->reason);
    imgz_machine_list(machine->processors, info->processors, sizeof(info->processors));
}

void imgz_topology_get_node(const struct imgz_topology *topology, uint32_t index,
                            struct imgz_topology_node *node)
{
    const struct imgz_machine *machine = topology->job.machine;
    const struct imgz_placement_share *share;

    IMGZ_ASSERT(index < machine->allowed.node_count);
    share = &topology->job.placement->shares[index];
    memset(node, 0, sizeof(*node));
    node->os_index = machine->nodes[index].os_index;
    node->core_count = machine->nodes[index].core_count;
    node->processor_count = machine->nodes[index].processor_count;
    node->worker_count = share->worker_count;
    node->slot_count = share->slot_count;
    node->memory_bytes = machine->nodes[index].memory_bytes;
    imgz_machine_list(machine->nodes[index].processors, node->processors, sizeof(node->processors));
}

void imgz_topology_get_worker(const struct imgz_topology *topology, uint32_t index,
                              struct imgz_topology_worker *worker)
{
    const struct imgz_placement *placement = topology->job.placement;

    memset(worker, 0, sizeof(*worker));
    worker->node_index = imgz_placement_worker_node(placement, index);
    imgz_machine_list(imgz_placement_worker_processors(placement, index), worker->processors,
                      sizeof(worker->processors));
}
