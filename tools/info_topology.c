/* SPDX-License-Identifier: MIT */
#include "info_topology.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "report.h"
#include "runner.h"
#include "units.h"

/* ---- For people --------------------------------------------------------------------------- */

static void print_extent(const char *name, uint32_t nodes, uint32_t cores, uint32_t processors)
{
    printf("%-11s %s, %s, %s", name, units_count(nodes, "node").text,
           units_count(cores, "core").text, units_count(processors, "processor").text);
}

static void print_binding(const struct imgz_topology_info *info)
{
    const char *text = "none: the system places the workers";

    switch (info->binding) {
    case IMGZ_BINDING_NONE:
        break;
    case IMGZ_BINDING_NODE:
        text = "each worker to a node";
        break;
    case IMGZ_BINDING_CORE:
        text = "each worker to a core";
        break;
    }
    printf("%-11s %s (%s)\n", "binding", text, info->reason);
}

static void print_summary(const struct imgz_topology_info *info)
{
    print_extent("machine", info->node_count, info->core_count, info->processor_count);
    printf("\n");
    print_extent("may use", info->allowed_node_count, info->allowed_core_count,
                 info->allowed_processor_count);
    printf(": %s\n", info->processors);
    if (info->quota_millis == UINT64_MAX)
        printf("%-11s none\n", "quota");
    else
        printf("%-11s time for %" PRIu64 ".%03" PRIu64 " processors\n", "quota",
               info->quota_millis / 1000, info->quota_millis % 1000);
    printf("%-11s %" PRIu32 "\n", "workers", info->worker_count);
    print_binding(info);
    if (info->allowed_node_count > 1)
        printf("%-11s each on the node of its drive, where that is known\n", "in and out");
    printf("%-11s %" PRIu32 " of %s: %s\n", "slots", info->slot_count,
           units_size(info->slot_bytes).text, units_size(info->memory_bytes).text);
}

static void print_nodes(const struct imgz_topology *topology, uint32_t count)
{
    printf("\n%-5s %-10s %-6s %-8s %-6s %s\n", "NODE", "MEMORY", "CORES", "WORKERS", "SLOTS",
           "PROCESSORS");
    for (uint32_t i = 0; i < count; i++) {
        struct imgz_topology_node node = {.struct_bytes = sizeof(node)};

        imgz_topology_get_node(topology, i, &node);
        printf("%-5" PRIu32 " %-10s %-6" PRIu32 " %-8" PRIu32 " %-6" PRIu32 " %s\n", node.os_index,
               node.memory_bytes > 0 ? units_size(node.memory_bytes).text : "-", node.core_count,
               node.worker_count, node.slot_count, node.processors);
    }
}

static void print_workers(const struct imgz_topology *topology, uint32_t count)
{
    printf("\n%-7s %-5s %s\n", "WORKER", "NODE", "PROCESSORS");
    for (uint32_t i = 0; i < count; i++) {
        struct imgz_topology_worker worker = {.struct_bytes = sizeof(worker)};
        struct imgz_topology_node node = {.struct_bytes = sizeof(node)};

        imgz_topology_get_worker(topology, i, &worker);
        imgz_topology_get_node(topology, worker.node_index, &node);
        printf("%-7" PRIu32 " %-5" PRIu32 " %s\n", i, node.os_index, worker.processors);
    }
}

/* ---- For scripts -------------------------------------------------------------------------- */

static json_t *json_extent(uint32_t nodes, uint32_t cores, uint32_t processors)
{
    json_t *object = json_object();
    const struct report_pair pairs[] = {
        {"node_count", report_json_number(nodes)},
        {"core_count", report_json_number(cores)},
        {"processor_count", report_json_number(processors)},
    };

    report_json_add(object, pairs, sizeof(pairs) / sizeof(pairs[0]));
    return object;
}

static json_t *json_nodes(const struct imgz_topology *topology, uint32_t count)
{
    json_t *array = json_array();

    for (uint32_t i = 0; i < count; i++) {
        json_t *object = json_object();
        struct imgz_topology_node node = {.struct_bytes = sizeof(node)};

        imgz_topology_get_node(topology, i, &node);
        const struct report_pair pairs[] = {
            {"node", report_json_number(node.os_index)},
            {"memory_bytes", report_json_number(node.memory_bytes)},
            {"core_count", report_json_number(node.core_count)},
            {"processor_count", report_json_number(node.processor_count)},
            {"processors", json_string(node.processors)},
            {"worker_count", report_json_number(node.worker_count)},
            {"slot_count", report_json_number(node.slot_count)},
        };
        report_json_add(object, pairs, sizeof(pairs) / sizeof(pairs[0]));
        json_array_append_new(array, object);
    }
    return array;
}

static json_t *json_workers(const struct imgz_topology *topology, uint32_t count)
{
    json_t *array = json_array();

    for (uint32_t i = 0; i < count; i++) {
        json_t *object = json_object();
        struct imgz_topology_worker worker = {.struct_bytes = sizeof(worker)};
        struct imgz_topology_node node = {.struct_bytes = sizeof(node)};
        bool bound;

        imgz_topology_get_worker(topology, i, &worker);
        imgz_topology_get_node(topology, worker.node_index, &node);
        bound = worker.processors[0] != '\0';
        json_object_set_new(object, "node", report_json_number(node.os_index));
        json_object_set_new(object, "processors",
                            bound ? json_string(worker.processors) : json_null());
        json_array_append_new(array, object);
    }
    return array;
}

static json_t *json_topology(const struct imgz_topology *topology,
                             const struct imgz_topology_info *info)
{
    json_t *object = json_object();
    json_t *allowed = json_extent(info->allowed_node_count, info->allowed_core_count,
                                  info->allowed_processor_count);
    const struct report_pair pairs[] = {
        {"machine", json_extent(info->node_count, info->core_count, info->processor_count)},
        {"allowed", allowed},
        {"quota_millis", report_json_number(info->quota_millis)},
        {"worker_count", report_json_number(info->worker_count)},
        {"slot_count", report_json_number(info->slot_count)},
        {"slot_bytes", report_json_number(info->slot_bytes)},
        {"memory_bytes", report_json_number(info->memory_bytes)},
        {"binding", json_string(imgz_binding_name(info->binding))},
        {"reason", json_string(info->reason)},
        {"nodes", json_nodes(topology, info->allowed_node_count)},
        {"workers", json_workers(topology, info->worker_count)},
    };

    json_object_set_new(allowed, "processors", json_string(info->processors));
    report_json_add(object, pairs, sizeof(pairs) / sizeof(pairs[0]));
    return object;
}

/* ---- The command -------------------------------------------------------------------------- */

int info_topology_run(const struct options *options)
{
    struct report report = {.command = options->command->name, .options = options};
    struct imgz_topology *topology = NULL;
    struct imgz_topology_info info = {.struct_bytes = sizeof(info)};
    struct imgz_error error = {.struct_bytes = sizeof(error)};
    int rc = imgz_topology_open(&options->job, &topology, &error);

    if (rc < 0) {
        report.exit_code = runner_say_error(options, rc, &error);
        report.error = &error;
    } else {
        imgz_topology_get_info(topology, &info);
    }
    if (rc == 0 && !options_has(options, OPTION_JSON)) {
        print_summary(&info);
        print_nodes(topology, info.allowed_node_count);
        if (info.binding != IMGZ_BINDING_NONE)
            print_workers(topology, info.worker_count);
    }
    if (rc == 0 && options_has(options, OPTION_JSON))
        report.details = json_topology(topology, &info);
    if (options_has(options, OPTION_JSON))
        report_print_json(&report);
    imgz_topology_close(topology);
    return report.exit_code;
}
