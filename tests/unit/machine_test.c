/* SPDX-License-Identifier: MIT */
/* Machines that hwloc makes up, and the one the test runs on. */
#include "machine/machine.h"

#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define NOWHERE "/nonexistent" /* no quota there */

static struct imgz_machine *load(const struct imgz_machine_config *config)
{
    struct imgz_machine *machine = NULL;

    assert_int_equal(imgz_machine_load(config, &machine), 0);
    return machine;
}

static void expect_extent(const struct imgz_machine_extent *extent, uint32_t nodes, uint32_t cores,
                          uint32_t processors)
{
    assert_int_equal(extent->node_count, nodes);
    assert_int_equal(extent->core_count, cores);
    assert_int_equal(extent->processor_count, processors);
}

static void expect_processors(hwloc_const_bitmap_t processors, const char *list)
{
    char text[256];

    hwloc_bitmap_list_snprintf(text, sizeof(text), processors);
    assert_string_equal(text, list);
}

/* Nodes and cores each part the allowed processors, and the numbers add up. */
static void check_parts(const struct imgz_machine *machine)
{
    hwloc_bitmap_t seen = hwloc_bitmap_alloc();
    uint32_t core_count = 0;
    uint32_t processor_count = 0;

    for (uint32_t i = 0; i < machine->allowed.node_count; i++) {
        const struct imgz_machine_node *node = &machine->nodes[i];

        assert_false(hwloc_bitmap_intersects(seen, node->processors));
        hwloc_bitmap_or(seen, seen, node->processors);
        assert_int_equal(node->processor_count, hwloc_bitmap_weight(node->processors));
        assert_true(node->core_count > 0);
        core_count += node->core_count;
        processor_count += node->processor_count;
    }
    assert_true(hwloc_bitmap_isequal(seen, machine->processors));
    assert_int_equal(core_count, machine->allowed.core_count);
    assert_int_equal(processor_count, machine->allowed.processor_count);
    hwloc_bitmap_zero(seen);
    for (uint32_t i = 0; i < machine->allowed.core_count; i++) {
        const struct imgz_machine_core *core = &machine->cores[i];

        assert_false(hwloc_bitmap_intersects(seen, core->processors));
        hwloc_bitmap_or(seen, seen, core->processors);
        assert_int_equal(core->processor_count, hwloc_bitmap_weight(core->processors));
        assert_true(
            hwloc_bitmap_isincluded(core->processors, machine->nodes[core->node_index].processors));
    }
    assert_true(hwloc_bitmap_isequal(seen, machine->processors));
    hwloc_bitmap_free(seen);
}

/* ---- Made up -----------------------------------------------------------------------------------
 */

static void synthetic_machines(void **state)
{
    static const struct {
        const char *synthetic;
        const char *allowed;
        struct imgz_machine_extent whole;
        struct imgz_machine_extent usable;
        const char *first_node;
        const char *first_core;
    } cases[] = {
        {"core:1 pu:1", NULL, {1, 1, 1}, {1, 1, 1}, "0", "0"},
        {"pu:3", NULL, {1, 3, 3}, {1, 3, 3}, "0-2", "0"},
        {"core:4 pu:2", NULL, {1, 4, 8}, {1, 4, 8}, "0-7", "0-1"},
        {"pack:2 core:8 pu:2", NULL, {1, 16, 32}, {1, 16, 32}, "0-31", "0-1"},
        {"pack:2 [numa] core:8 pu:2", NULL, {2, 16, 32}, {2, 16, 32}, "0-15", "0-1"},
        {"node:2 core:8 pu:2", NULL, {2, 16, 32}, {2, 16, 32}, "0-15", "0-1"},
        {"pack:2 l3:2 [numa] core:4 pu:1", NULL, {4, 16, 16}, {4, 16, 16}, "0-3", "0"},
        {"node:4 core:64 pu:2", NULL, {4, 256, 512}, {4, 256, 512}, "0-127", "0-1"},
        /* Two kinds of memory at the same processors. */
        {"[numa] [numa] core:4 pu:2", NULL, {2, 4, 8}, {1, 4, 8}, "0-7", "0-1"},
        /* Asymmetric by what is allowed. */
        {"node:2 core:8 pu:2", "0-15", {2, 16, 32}, {1, 8, 16}, "0-15", "0-1"},
        {"node:2 core:8 pu:2", "16-31", {2, 16, 32}, {1, 8, 16}, "16-31", "16-17"},
        {"node:2 core:8 pu:2", "1,3-6,20", {2, 16, 32}, {2, 5, 6}, "1,3-6", "1"},
        {"node:2 core:8 pu:2", "0,2,4,6", {2, 16, 32}, {1, 4, 4}, "0,2,4,6", "0"},
        {"node:4 core:2 pu:2", "5,15,99", {4, 8, 16}, {2, 2, 2}, "5", "5"},
    };

    (void)state;
    for (size_t i = 0; i < IMGZ_COUNT_OF(cases); i++) {
        const struct imgz_machine_config config = {.synthetic = cases[i].synthetic,
                                                   .allowed = cases[i].allowed,
                                                   .root = NOWHERE};
        struct imgz_machine *machine = load(&config);
        const struct imgz_machine_extent *whole = &cases[i].whole;
        const struct imgz_machine_extent *usable = &cases[i].usable;

        assert_null(machine->unknown);
        assert_false(machine->bindable);
        expect_extent(&machine->whole, whole->node_count, whole->core_count,
                      whole->processor_count);
        expect_extent(&machine->allowed, usable->node_count, usable->core_count,
                      usable->processor_count);
        expect_processors(machine->nodes[0].processors, cases[i].first_node);
        expect_processors(machine->cores[0].processors, cases[i].first_core);
        check_parts(machine);
        assert_int_equal(imgz_machine_worker_count(machine), usable->processor_count);
        imgz_machine_destroy(machine);
    }
    imgz_machine_destroy(NULL);
}

/* The XML of what is left of a symmetric machine; to be freed. */
static char *make_xml(const char *synthetic, const char *kept, unsigned long flags)
{
    hwloc_bitmap_t set = hwloc_bitmap_alloc();
    hwloc_topology_t topology;
    char *xml = NULL;
    char *copy;
    int bytes;

    assert_int_equal(hwloc_topology_init(&topology), 0);
    assert_int_equal(hwloc_topology_set_synthetic(topology, synthetic), 0);
    assert_int_equal(hwloc_topology_load(topology), 0);
    hwloc_bitmap_list_sscanf(set, kept);
    assert_int_equal(hwloc_topology_restrict(topology, set, flags), 0);
    assert_int_equal(hwloc_topology_export_xmlbuffer(topology, &xml, &bytes, 0), 0);
    copy = strdup(xml);
    assert_non_null(copy);
    hwloc_free_xmlbuffer(topology, xml);
    hwloc_topology_destroy(topology);
    hwloc_bitmap_free(set);
    return copy;
}

static void asymmetric_machines(void **state)
{
    static const struct {
        const char *synthetic;
        const char *kept;
        unsigned long flags;
        const char *allowed;
        struct imgz_machine_extent usable;
        const char *nodes[2];
    } cases[] = {
        /* One node of three cores of two, two and one, another of one core of two. */
        {"node:2 core:4 pu:2", "0-4,8-9", 0, NULL, {2, 4, 7}, {"0-4", "8-9"}},
        {"node:2 core:4 pu:2", "0-4,8-9", 0, "1-3,9", {2, 3, 4}, {"1-3", "9"}},
        /* A node without memory: its processors go with the other. */
        {"node:2 core:2 pu:2", "0", HWLOC_RESTRICT_FLAG_BYNODESET, NULL, {1, 4, 8}, {"0-7", NULL}},
        /* A node without processors is none to work on. */
        {"node:2 core:2 pu:2", "0-3", 0, NULL, {1, 2, 4}, {"0-3", NULL}},
    };

    (void)state;
    for (size_t i = 0; i < IMGZ_COUNT_OF(cases); i++) {
        char *xml = make_xml(cases[i].synthetic, cases[i].kept, cases[i].flags);
        const struct imgz_machine_config config = {.xml = xml,
                                                   .allowed = cases[i].allowed,
                                                   .root = NOWHERE};
        struct imgz_machine *machine = load(&config);
        const struct imgz_machine_extent *usable = &cases[i].usable;

        assert_null(machine->unknown);
        assert_false(machine->bindable);
        expect_extent(&machine->allowed, usable->node_count, usable->core_count,
                      usable->processor_count);
        for (size_t n = 0; n < 2 && cases[i].nodes[n] != NULL; n++)
            expect_processors(machine->nodes[n].processors, cases[i].nodes[n]);
        check_parts(machine);
        imgz_machine_destroy(machine);
        free(xml);
    }
}

static void quota_limits_workers(void **state)
{
    static const struct {
        uint64_t quota_millis;
        uint32_t worker_count;
    } cases[] = {{IMGZ_CPU_QUOTA_NONE, 8},
                 {1, 1},
                 {999, 1},
                 {1000, 1},
                 {1001, 2},
                 {1500, 2},
                 {7001, 8},
                 {64000, 8}};
    const struct imgz_machine_config config = {.synthetic = "core:4 pu:2", .root = NOWHERE};
    struct imgz_machine *machine = load(&config);

    (void)state;
    for (size_t i = 0; i < IMGZ_COUNT_OF(cases); i++) {
        machine->quota_millis = cases[i].quota_millis;
        assert_int_equal(imgz_machine_worker_count(machine), cases[i].worker_count);
    }
    imgz_machine_destroy(machine);
}

/* ---- This one ----------------------------------------------------------------------------------
 */

static void *load_on_one_processor(void *argument)
{
    const struct imgz_machine_config this_machine = {.root = NOWHERE};
    struct imgz_machine *machine;
    cpu_set_t allowed;

    (void)argument;
    assert_int_equal(sched_getaffinity(0, sizeof(allowed), &allowed), 0);
    for (size_t i = CPU_SETSIZE - 1; CPU_COUNT(&allowed) > 1; i--)
        CPU_CLR(i, &allowed);
    assert_int_equal(sched_setaffinity(0, sizeof(allowed), &allowed), 0);
    machine = load(&this_machine);
    expect_extent(&machine->allowed, 1, 1, 1);
    assert_int_equal(imgz_machine_worker_count(machine), 1);
    assert_true(CPU_ISSET((size_t)hwloc_bitmap_first(machine->processors), &allowed));
    check_parts(machine);
    imgz_machine_destroy(machine);
    return NULL;
}

static void affinity_is_respected(void **state)
{
    const struct imgz_machine_config this_machine = {.root = NOWHERE};
    struct imgz_machine *machine = load(&this_machine);
    cpu_set_t allowed;
    pthread_t thread;

    (void)state;
    assert_int_equal(sched_getaffinity(0, sizeof(allowed), &allowed), 0);
    assert_int_equal(machine->allowed.processor_count, CPU_COUNT(&allowed));
    check_parts(machine);
    imgz_machine_destroy(machine);
    /* In a thread of its own: it is not made free again. */
    assert_int_equal(pthread_create(&thread, NULL, load_on_one_processor, NULL), 0);
    assert_int_equal(pthread_join(thread, NULL), 0);
}

/* What hwloc cannot make out leaves a machine without nodes and cores, as good as before it. */
static void without_hwloc_processors_are_counted(void **state)
{
    static const struct imgz_machine_config configs[] = {
        {.synthetic = "core:many", .root = NOWHERE},
        {.xml = "<topology", .root = NOWHERE},
        {.synthetic = "core:4 pu:2", .allowed = "64-70", .root = NOWHERE},
        {.synthetic = "core:4 pu:2", .allowed = "a few", .root = NOWHERE},
    };
    cpu_set_t allowed;

    (void)state;
    assert_int_equal(sched_getaffinity(0, sizeof(allowed), &allowed), 0);
    for (size_t i = 0; i < IMGZ_COUNT_OF(configs); i++) {
        struct imgz_machine *machine = load(&configs[i]);
        const uint32_t count = (uint32_t)CPU_COUNT(&allowed);

        assert_string_equal(machine->unknown, "hwloc does not know this machine");
        assert_false(machine->bindable);
        expect_extent(&machine->whole, 1, count, count);
        expect_extent(&machine->allowed, 1, count, count);
        check_parts(machine);
        imgz_machine_destroy(machine);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(synthetic_machines),
        cmocka_unit_test(asymmetric_machines),
        cmocka_unit_test(quota_limits_workers),
        cmocka_unit_test(affinity_is_respected),
        cmocka_unit_test(without_hwloc_processors_are_counted),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
