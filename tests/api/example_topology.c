/* SPDX-License-Identifier: MIT */
/* Shows where a capture would put its workers: example_topology. */
#include <imgz/imgz.h>
#include <stdio.h>

int main(void)
{
    struct imgz_topology_info info = {.struct_bytes = sizeof(info)};
    struct imgz_topology_worker worker = {.struct_bytes = sizeof(worker)};
    struct imgz_error error = {.struct_bytes = sizeof(error)};
    struct imgz_topology *topology = NULL;

    if (imgz_topology_open(NULL, &topology, &error) < 0) {
        fprintf(stderr, "%s\n", error.text);
        return 1;
    }
    imgz_topology_get_info(topology, &info);
    printf("%u processors, %u workers, binding %s\n", (unsigned)info.allowed_processor_count,
           (unsigned)info.worker_count, imgz_binding_name(info.binding));
    for (uint32_t i = 0; imgz_topology_get_worker(topology, i, &worker) == 0; i++)
        printf("worker %u: node %u, processors %s\n", (unsigned)i, (unsigned)worker.node_index,
               worker.processors);
    imgz_topology_close(topology);
    return 0;
}
