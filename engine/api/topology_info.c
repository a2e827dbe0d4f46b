/* SPDX-License-Identifier: MIT */
/*
 * Topology: nothing is read or written; a job is begun up to its placement, which is shown.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/sized.h"
#include "codec/deflate.h"
#include "format/note.h"
#include "job/common/job.h"

struct imgz_topology {
    struct imgz_job job;
};

int imgz_topology_open(const struct imgz_options *options, struct imgz_topology **result,
                       struct imgz_error *error)
{
    const struct imgz_job_request request = {IMGZ_JOB_TOPOLOGY, options, NULL, error, NULL};
    struct imgz_topology *topology = calloc(1, sizeof(*topology));
    int rc;

    if (topology == NULL)
        return imgz_job_refuse(&request, -ENOMEM);
    rc = imgz_job_begin(&topology->job, &request);
    if (rc == 0)
        rc = imgz_job_place(&topology->job);
    if (rc < 0) {
        rc = imgz_job_end(&topology->job, rc);
        free(topology);
        return rc;
    }
    topology->job.request.error = NULL; /* the caller's, which may not exist any more */
    *result = topology;
    return 0;
}

void imgz_topology_close(struct imgz_topology *topology)
{
    int rc;

    if (topology == NULL)
        return;
    rc = imgz_job_end(&topology->job, 0);
    IMGZ_ASSERT(rc == 0);
    free(topology);
}

int imgz_topology_get_info(const struct imgz_topology *topology, struct imgz_topology_info *info)
{
    const struct imgz_machine *machine = topology->job.machine;
    const struct imgz_placement *placement = topology->job.placement;
    const uint64_t chunk_bytes = topology->job.options.chunk_bytes;
    const uint64_t stored_bytes = IMGZ_NOTE_CARRIER_BYTES + imgz_deflate_bound((size_t)chunk_bytes);
    struct imgz_topology_info ours = {0};

    if (!IMGZ_SIZED_IS_SET_UP(info))
        return -EINVAL;
    ours.node_count = machine->whole.node_count;
    ours.core_count = machine->whole.core_count;
    ours.processor_count = machine->whole.processor_count;
    ours.allowed_node_count = machine->allowed.node_count;
    ours.allowed_core_count = machine->allowed.core_count;
    ours.allowed_processor_count = machine->allowed.processor_count;
    ours.quota_millis = machine->quota_millis;
    ours.worker_count = placement->config.worker_count;
    ours.slot_count = placement->config.slot_count;
    ours.slot_bytes = chunk_bytes + imgz_align_up(stored_bytes, IMGZ_BLOCK_BYTES);
    ours.memory_bytes = ours.slot_count * ours.slot_bytes;
    ours.binding = placement->binding;
    snprintf(ours.reason, sizeof(ours.reason), "%s", placement->reason);
    imgz_machine_list(machine->processors, ours.processors, sizeof(ours.processors));
    IMGZ_SIZED_GIVE(info, &ours);
    return 0;
}

int imgz_topology_get_node(const struct imgz_topology *topology, uint32_t index,
                           struct imgz_topology_node *node)
{
    const struct imgz_machine *machine = topology->job.machine;
    const struct imgz_placement_share *share;
    struct imgz_topology_node ours = {0};

    if (index >= machine->allowed.node_count || !IMGZ_SIZED_IS_SET_UP(node))
        return -EINVAL;
    share = &topology->job.placement->shares[index];
    ours.os_index = machine->nodes[index].os_index;
    ours.core_count = machine->nodes[index].core_count;
    ours.processor_count = machine->nodes[index].processor_count;
    ours.worker_count = share->worker_count;
    ours.slot_count = share->slot_count;
    ours.memory_bytes = machine->nodes[index].memory_bytes;
    imgz_machine_list(machine->nodes[index].processors, ours.processors, sizeof(ours.processors));
    IMGZ_SIZED_GIVE(node, &ours);
    return 0;
}

int imgz_topology_get_worker(const struct imgz_topology *topology, uint32_t index,
                             struct imgz_topology_worker *worker)
{
    const struct imgz_placement *placement = topology->job.placement;
    struct imgz_topology_worker ours = {0};

    if (index >= placement->config.worker_count || !IMGZ_SIZED_IS_SET_UP(worker))
        return -EINVAL;
    ours.node_index = imgz_placement_worker_node(placement, index);
    imgz_machine_list(imgz_placement_worker_processors(placement, index), ours.processors,
                      sizeof(ours.processors));
    IMGZ_SIZED_GIVE(worker, &ours);
    return 0;
}
