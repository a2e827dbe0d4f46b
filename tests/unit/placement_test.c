/* SPDX-License-Identifier: MIT */
/* Plans for machines that hwloc makes up, by what must hold of every plan and by example; and
 * binding, on the machine the test runs on. */
#include "machine/placement.h"

#include <linux/mempolicy.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cmocka.h>

#include "pipeline/slot.h"

#define NOWHERE "/nonexistent" /* no quota there */
#define UNKNOWN IMGZ_PLACEMENT_NODE_UNKNOWN

static struct imgz_machine *load(const char *synthetic, const char *allowed)
{
    const struct imgz_machine_config config = {.synthetic = synthetic,
                                               .allowed = allowed,
                                               .root = NOWHERE};
    struct imgz_machine *machine = NULL;

    assert_int_equal(imgz_machine_load(&config, &machine), 0);
    return machine;
}

static struct imgz_placement *place(const struct imgz_machine *machine, uint32_t worker_count,
                                    uint32_t slot_count)
{
    const struct imgz_placement_config config = {worker_count, slot_count, UNKNOWN, UNKNOWN};
    struct imgz_placement *placement = NULL;

    assert_int_equal(imgz_placement_create(machine, &config, &placement), 0);
    return placement;
}

/* ---- What holds of every plan ------------------------------------------------------------------
 */

/* No core gets worker k+1 while another one that could has less than k, and none more than it has
 * processors, until all processors are in use. */
static void check_order_of_cores(const struct imgz_placement *placement)
{
    const struct imgz_machine *machine = placement->machine;
    uint32_t *counts = calloc(machine->allowed.core_count, sizeof(counts[0]));

    assert_non_null(counts);
    for (uint32_t i = 0; i < placement->config.worker_count; i++) {
        const uint32_t core = placement->worker_cores[i];

        if (i % machine->allowed.processor_count == 0)
            memset(counts, 0, machine->allowed.core_count * sizeof(counts[0]));
        counts[core] += 1;
        assert_true(counts[core] <= machine->cores[core].processor_count);
        for (uint32_t c = 0; c < machine->allowed.core_count; c++)
            assert_true(counts[c] >= imgz_min(counts[core] - 1, machine->cores[c].processor_count));
    }
    free(counts);
}

/* As long as there is a core for each worker, no node has more than its part of them. */
static void check_parts_of_nodes(const struct imgz_placement *placement)
{
    const struct imgz_machine *machine = placement->machine;
    uint32_t worker_count = 0;
    uint32_t slot_count = 0;

    for (uint32_t i = 0; i < machine->allowed.node_count; i++) {
        const struct imgz_placement_share *share = &placement->shares[i];
        const double part = (double)placement->config.worker_count * machine->nodes[i].core_count /
                            machine->allowed.core_count;

        worker_count += share->worker_count;
        slot_count += share->slot_count;
        if (placement->config.worker_count <= machine->allowed.core_count) {
            assert_true(share->worker_count < part + 1);
            assert_true(share->worker_count > part - 1);
        }
        /* A node's workers each have as many slots as if there were no other node. */
        assert_true(share->slot_count >= placement->config.slot_count /
                                             placement->config.worker_count * share->worker_count);
    }
    assert_int_equal(worker_count, placement->config.worker_count);
    assert_int_equal(slot_count, placement->config.slot_count);
}

static void check_slots(const struct imgz_placement *placement)
{
    uint32_t last = 0;

    for (uint32_t i = 0; i < placement->config.slot_count; i++) {
        const uint32_t node = imgz_placement_slot_node(placement, i);

        assert_true(node >= last);
        assert_true(placement->shares[node].worker_count > 0);
        last = node;
    }
}

static void check_bindings(const struct imgz_placement *placement)
{
    const struct imgz_machine *machine = placement->machine;

    for (uint32_t i = 0; i < placement->config.worker_count; i++) {
        hwloc_const_cpuset_t processors = imgz_placement_worker_processors(placement, i);
        const uint32_t node = imgz_placement_worker_node(placement, i);

        assert_true((processors == NULL) == (placement->binding == IMGZ_BINDING_NONE));
        if (processors == NULL)
            continue;
        assert_true(hwloc_bitmap_weight(processors) > 0);
        assert_true(hwloc_bitmap_isincluded(processors, machine->processors));
        assert_true(hwloc_bitmap_isincluded(processors, machine->nodes[node].processors));
    }
}

static void every_plan_is_fair(void **state)
{
    static const struct {
        const char *synthetic;
        const char *allowed;
    } machines[] = {
        {"core:1 pu:1", NULL},
        {"core:4 pu:1", NULL},
        {"core:8 pu:2", NULL},
        {"node:2 core:8 pu:2", NULL},
        {"pack:2 l3:2 [numa] core:4 pu:1", NULL},
        {"node:4 core:2 pu:4", NULL},
        {"node:2 core:8 pu:2", "1,3-6,20"},
        {"node:2 core:8 pu:2", "0-4,16-31"},
        {"node:4 core:2 pu:2", "0,4-7,8,10,15"},
        {"node:8 core:16 pu:2", "3-250"},
    };
    static const uint32_t worker_counts[] = {1, 2, 3, 5, 8, 15, 16, 17, 32, 33, 100, 1024};

    (void)state;
    for (size_t m = 0; m < IMGZ_COUNT_OF(machines); m++) {
        struct imgz_machine *machine = load(machines[m].synthetic, machines[m].allowed);

        for (size_t w = 0; w < IMGZ_COUNT_OF(worker_counts); w++) {
            const uint32_t workers = worker_counts[w];
            struct imgz_placement *placement = place(machine, workers, 8 + 2 * workers);

            check_order_of_cores(placement);
            check_parts_of_nodes(placement);
            check_slots(placement);
            check_bindings(placement);
            imgz_placement_destroy(placement);
        }
        imgz_machine_destroy(machine);
    }
    imgz_placement_destroy(NULL);
}

/* ---- By example --------------------------------------------------------------------------------
 */

/* That of placement.c: cores a, b (two processors each), c (one) on node 0, d (two) on node 1. */
static void cores_first_then_second_processors(void **state)
{
    static const uint32_t cores[] = {0, 1, 3, 2, 0, 3, 1, 0, 1, 3, 2};
    static const uint32_t nodes[] = {0, 0, 1, 0, 0, 1, 0, 0, 0, 1, 0};
    struct imgz_machine *machine = load("node:2 core:4 pu:2", "0-4,8-9");
    struct imgz_placement *placement = place(machine, IMGZ_COUNT_OF(cores), 30);

    (void)state;
    for (uint32_t i = 0; i < IMGZ_COUNT_OF(cores); i++) {
        assert_int_equal(placement->worker_cores[i], cores[i]);
        assert_int_equal(imgz_placement_worker_node(placement, i), nodes[i]);
    }
    imgz_placement_destroy(placement);
    imgz_machine_destroy(machine);
}

static void bound_only_where_it_helps(void **state)
{
    static const struct {
        const char *synthetic;
        const char *allowed;
        uint32_t workers;
        enum imgz_binding binding;
    } cases[] = {
        {"core:1 pu:1", NULL, 1, IMGZ_BINDING_NONE},
        {"core:8 pu:1", NULL, 8, IMGZ_BINDING_NONE},
        {"core:8 pu:1", NULL, 100, IMGZ_BINDING_NONE},
        {"core:8 pu:2", NULL, 16, IMGZ_BINDING_CORE},
        {"core:8 pu:2", NULL, 8, IMGZ_BINDING_CORE},
        {"core:8 pu:2", NULL, 7, IMGZ_BINDING_NONE},
        {"core:8 pu:2", "0,2,4", 3, IMGZ_BINDING_NONE}, /* no second processor left */
        {"node:2 core:8 pu:1", NULL, 16, IMGZ_BINDING_CORE},
        {"node:2 core:8 pu:1", NULL, 15, IMGZ_BINDING_NODE},
        {"node:2 core:8 pu:1", "8-15", 8, IMGZ_BINDING_NONE}, /* one node left */
        {"node:4 core:8 pu:2", NULL, 4, IMGZ_BINDING_NODE},
        {"core:many", NULL, 4, IMGZ_BINDING_NONE}, /* hwloc cannot tell */
    };

    (void)state;
    for (size_t i = 0; i < IMGZ_COUNT_OF(cases); i++) {
        struct imgz_machine *machine = load(cases[i].synthetic, cases[i].allowed);
        struct imgz_placement *placement = place(machine, cases[i].workers, 20);

        assert_int_equal(placement->binding, cases[i].binding);
        assert_true(strlen(placement->reason) > 0);
        check_bindings(placement);
        imgz_placement_destroy(placement);
        imgz_machine_destroy(machine);
    }
}

static void feeder_and_drain_go_near_their_drives(void **state)
{
    static const struct {
        const char *synthetic;
        const char *allowed;
        int os_node;
        const char *processors; /* NULL: not bound */
    } cases[] = {
        {"node:2 core:2 pu:2", NULL, 0, "0-3"},
        {"node:2 core:2 pu:2", NULL, 1, "4-7"},
        {"node:2 core:2 pu:2", NULL, 2, NULL},
        {"node:2 core:2 pu:2", NULL, UNKNOWN, NULL},
        {"node:2 core:2 pu:2", "1-5", 1, "4-5"},
        {"node:2 core:2 pu:2", "0-3", 1, NULL},
        {"node:2 core:2 pu:2", "0-3", 0, NULL},
        {"core:4 pu:2", NULL, 0, NULL},
        {"core:many", NULL, 0, NULL},
    };

    (void)state;
    for (size_t i = 0; i < IMGZ_COUNT_OF(cases); i++) {
        struct imgz_machine *machine = load(cases[i].synthetic, cases[i].allowed);
        const struct imgz_placement_config config = {2, 12, cases[i].os_node, cases[i].os_node};
        struct imgz_placement *placement = NULL;
        hwloc_const_cpuset_t processors;
        char text[64];

        assert_int_equal(imgz_placement_create(machine, &config, &placement), 0);
        processors = imgz_placement_feeder_processors(placement);
        assert_ptr_equal(imgz_placement_drain_processors(placement), processors);
        assert_true((processors == NULL) == (cases[i].processors == NULL));
        if (processors != NULL) {
            hwloc_bitmap_list_snprintf(text, sizeof(text), processors);
            assert_string_equal(text, cases[i].processors);
        }
        imgz_placement_destroy(placement);
        imgz_machine_destroy(machine);
    }
}

static void none_is_one_node_and_free(void **state)
{
    (void)state;
    assert_int_equal(imgz_placement_node_count(NULL), 1);
    assert_int_equal(imgz_placement_worker_node(NULL, 7), 0);
    assert_int_equal(imgz_placement_slot_node(NULL, 7), 0);
    assert_null(imgz_placement_worker_processors(NULL, 7));
    assert_null(imgz_placement_feeder_processors(NULL));
    assert_null(imgz_placement_drain_processors(NULL));
    assert_int_equal(imgz_placement_bind_thread(NULL, NULL), 0);
    assert_int_equal(imgz_placement_bind_memory(NULL, 0, NULL, 0), 0);
}

/* ---- Binding -----------------------------------------------------------------------------------
 */

static void *bind_to_last_core(void *argument)
{
    const struct imgz_placement *placement = argument;
    const struct imgz_machine *machine = placement->machine;
    const uint32_t last = machine->allowed.core_count - 1;
    cpu_set_t bound;

    assert_int_equal(imgz_placement_bind_thread(placement, machine->cores[last].processors), 0);
    assert_int_equal(sched_getaffinity(0, sizeof(bound), &bound), 0);
    for (unsigned i = 0; i < CPU_SETSIZE; i++)
        assert_int_equal(CPU_ISSET(i, &bound) != 0,
                         hwloc_bitmap_isset(machine->cores[last].processors, i));
    return NULL;
}

static void a_thread_binds_itself(void **state)
{
    struct imgz_machine *machine = load(NULL, NULL);
    struct imgz_placement *placement;
    cpu_set_t before;
    cpu_set_t after;
    pthread_t thread;

    (void)state;
    if (!machine->bindable) {
        imgz_machine_destroy(machine);
        skip();
    }
    placement = place(machine, 2, 12);
    assert_int_equal(sched_getaffinity(0, sizeof(before), &before), 0);
    assert_int_equal(pthread_create(&thread, NULL, bind_to_last_core, placement), 0);
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_int_equal(imgz_placement_bind_thread(placement, NULL), 0);
    assert_int_equal(sched_getaffinity(0, sizeof(after), &after), 0);
    assert_true(CPU_EQUAL(&before, &after));
    imgz_placement_destroy(placement);
    imgz_machine_destroy(machine);
}

/* Binding on a machine that is not this one does nothing, and says nothing. */
static void other_machines_cannot_be_bound_to(void **state)
{
    struct imgz_machine *machine = load("node:2 core:64 pu:2", NULL);
    struct imgz_placement *placement = place(machine, 256, 520);
    cpu_set_t before;
    cpu_set_t after;

    (void)state;
    assert_int_equal(sched_getaffinity(0, sizeof(before), &before), 0);
    for (uint32_t i = 0; i < 256; i++)
        assert_int_equal(imgz_placement_bind_thread(placement,
                                                    imgz_placement_worker_processors(placement, i)),
                         0);
    assert_int_equal(sched_getaffinity(0, sizeof(after), &after), 0);
    assert_true(CPU_EQUAL(&before, &after));
    imgz_placement_destroy(placement);
    imgz_machine_destroy(machine);
}

/* This machine passes for one of two nodes, both with the memory of its first. */
static void slots_lie_on_their_nodes(void **state)
{
    const struct imgz_pool_config config = {7, IMGZ_BLOCK_BYTES, 3 * IMGZ_BLOCK_BYTES};
    struct imgz_machine *machine = load(NULL, NULL);
    struct imgz_machine_node nodes[2] = {machine->nodes[0], machine->nodes[0]};
    struct imgz_placement_share shares[2] = {{1, 3}, {1, 4}};
    struct imgz_machine twofold = *machine;
    struct imgz_placement placement = {.machine = &twofold,
                                       .config = {.worker_count = 2, .slot_count = 7},
                                       .shares = shares};
    struct imgz_pool *pool = NULL;
    struct imgz_slot *slots[7];

    (void)state;
    twofold.nodes = nodes;
    twofold.allowed.node_count = 2;
    assert_int_equal(imgz_pool_create(&config, &pool), 0);
    assert_int_equal(imgz_pool_place(pool, &placement), 0);
    for (uint32_t i = 0; i < 7; i++) {
        unsigned long set[1024 / (8 * sizeof(unsigned long))] = {0};
        int policy = MPOL_DEFAULT;

        assert_int_equal(imgz_pool_take(pool, &slots[i]), 0);
        assert_int_equal(slots[i]->node_index, i < 3 ? 0 : 1);
        if (!machine->bindable ||
            syscall(SYS_get_mempolicy, &policy, set, 1024 + 1, slots[i]->stored, MPOL_F_ADDR) < 0)
            continue; /* not known here, or forbidden in a container */
        assert_int_equal(policy, MPOL_PREFERRED);
        assert_int_equal(set[0], 1ul << nodes[0].os_index);
    }
    for (uint32_t i = 0; i < 7; i++)
        imgz_pool_give(pool, &slots[i]);
    imgz_pool_destroy(pool);
    imgz_machine_destroy(machine);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_plan_is_fair),
        cmocka_unit_test(cores_first_then_second_processors),
        cmocka_unit_test(bound_only_where_it_helps),
        cmocka_unit_test(feeder_and_drain_go_near_their_drives),
        cmocka_unit_test(none_is_one_node_and_free),
        cmocka_unit_test(a_thread_binds_itself),
        cmocka_unit_test(other_machines_cannot_be_bound_to),
        cmocka_unit_test(slots_lie_on_their_nodes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
