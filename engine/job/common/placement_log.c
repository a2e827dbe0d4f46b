/* SPDX-License-Identifier: MIT */
#include "job/common/placement_log.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/text.h"

static const char *binding_text(enum imgz_binding binding)
{
    switch (binding) {
    case IMGZ_BINDING_NONE:
        return "workers run on any of them";
    case IMGZ_BINDING_NODE:
        return "workers are bound to nodes";
    case IMGZ_BINDING_CORE:
        return "workers are bound to cores";
    }
    return "";
}

/* ", time for 1.500 of them", or nothing. */
static const char *quota_text(const struct imgz_machine *machine, char *text, size_t text_bytes)
{
    text[0] = '\0';
    if (machine->quota_millis != IMGZ_CPU_QUOTA_NONE)
        snprintf(text, text_bytes, ", time for %" PRIu64 ".%03" PRIu64 " of them",
                 machine->quota_millis / 1000, machine->quota_millis % 1000);
    return text;
}

void imgz_placement_log(struct imgz_job *job)
{
    const struct imgz_machine *machine = job->machine;
    const struct imgz_placement *placement = job->placement;
    const uint32_t slot_count = imgz_pool_slot_count(job->pipeline->pool);
    unsigned char *memory;
    uint64_t memory_bytes;
    char processors[256];
    char quota[64];

    imgz_machine_list(machine->processors, processors, sizeof(processors));
    imgz_log_line(&job->log, "%u of %u nodes, %u of %u cores, %u of %u processors (%s)%s; %s: %s",
                  machine->allowed.node_count, machine->whole.node_count,
                  machine->allowed.core_count, machine->whole.core_count,
                  machine->allowed.processor_count, machine->whole.processor_count, processors,
                  quota_text(machine, quota, sizeof(quota)), binding_text(placement->binding),
                  placement->reason);
    imgz_pool_memory(job->pipeline->pool, &memory, &memory_bytes);
    imgz_log_line(&job->log, "%s, %s of %s, chunks of %u KiB",
                  imgz_text_count(placement->config.worker_count, "worker").text,
                  imgz_text_count(slot_count, "slot").text,
                  imgz_text_size(memory_bytes / slot_count).text, job->chunk_bytes / 1024);
}
