/* SPDX-License-Identifier: MIT */
/* What hwloc says of machines that it makes up; and an hwloc that loops, crashes or takes all
 * memory, which this file puts before the library's. */
#include "machine/hwloc_probe.h"

#include <dlfcn.h>
#include <errno.h>
#include <hwloc.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "machine/machine.h"

static volatile enum behaviour {
    WELL,
    LOOPS,
    CRASHES,
    FAILS,
    EATS_MEMORY,
    PRINTS_AND_EXITS,
    HAS_NO_PROCESSORS,
    FORGETS_A_CORE,
} behaviour;

static void *volatile eaten; /* a compiler may leave out malloc() of what nobody looks at */

static bool affinity_denied;

int hwloc_topology_load(hwloc_topology_t topology)
{
    int (*next)(hwloc_topology_t);

    *(void **)&next = dlsym(RTLD_NEXT, "hwloc_topology_load");
    switch (behaviour) {
    case WELL:
    case HAS_NO_PROCESSORS:
    case FORGETS_A_CORE:
        break;
    case LOOPS:
        while (behaviour == LOOPS)
            ;
        break;
    case CRASHES:
        __builtin_trap();
        break;
    case FAILS:
        errno = EIO;
        return -1;
    case EATS_MEMORY:
        while ((eaten = malloc((size_t)1 << 20)) != NULL)
            ;
        __builtin_trap();
        break;
    case PRINTS_AND_EXITS:
        (void)!write(STDOUT_FILENO, "seen\n", 5);
        exit(0);
    }
    return next(topology);
}

unsigned hwloc_get_nbobjs_by_depth(hwloc_topology_t topology, int depth)
{
    unsigned (*next)(hwloc_topology_t, int);
    unsigned count;

    *(void **)&next = dlsym(RTLD_NEXT, "hwloc_get_nbobjs_by_depth");
    count = next(topology, depth);
    if (behaviour == HAS_NO_PROCESSORS)
        return 0;
    return behaviour == FORGETS_A_CORE && hwloc_get_depth_type(topology, depth) == HWLOC_OBJ_CORE
               ? count - 1
               : count;
}

int sched_getaffinity(pid_t thread, size_t bytes, cpu_set_t *set)
{
    long rc;

    if (affinity_denied) {
        errno = EPERM;
        return -1;
    }
    CPU_ZERO_S(bytes, set);
    rc = syscall(SYS_sched_getaffinity, thread, bytes, set);
    return rc < 0 ? -1 : 0;
}

static void figures_come_through(void **state)
{
    const struct imgz_hwloc_probe_config config = {.synthetic = "node:2 core:3 pu:2",
                                                   .limit_ms = 60000};
    struct imgz_hwloc_probe probe;

    (void)state;
    behaviour = WELL;
    assert_int_equal(imgz_hwloc_probe_run(&config, &probe), 0);
    assert_false(probe.this_system);
    assert_int_equal(probe.node_count, 2);
    assert_int_equal(probe.core_count, 6);
    assert_int_equal(probe.processor_count, 12);
    for (uint32_t i = 0; i < 12; i++) {
        assert_int_equal(probe.processors[i].os_index, i);
        assert_int_equal(probe.processors[i].core_index, i / 2);
        assert_int_equal(probe.processors[i].node_index, i / 6);
    }
    assert_int_equal(probe.nodes[1].os_index, 1);
    imgz_hwloc_probe_fini(&probe);
    imgz_hwloc_probe_fini(&probe);
}

static void nothing_of_hwloc_reaches_the_job(void **state)
{
    static const struct {
        enum behaviour behaviour;
        uint32_t limit_ms;
        int rc;
    } cases[] = {
        {LOOPS, 100, -ETIMEDOUT},
        {CRASHES, 60000, -EPROTO},
        {FAILS, 60000, -EPROTO},
        {EATS_MEMORY, 60000, -EPROTO},
        {PRINTS_AND_EXITS, 60000, -EPROTO},
        {HAS_NO_PROCESSORS, 60000, -EPROTO},
        {FORGETS_A_CORE, 60000, -EPROTO},
    };

    (void)state;
    for (size_t i = 0; i < IMGZ_COUNT_OF(cases); i++) {
        const struct imgz_hwloc_probe_config config = {.synthetic = "core:2 pu:1",
                                                       .limit_ms = cases[i].limit_ms};
        struct imgz_hwloc_probe probe;

        behaviour = cases[i].behaviour;
        assert_int_equal(imgz_hwloc_probe_run(&config, &probe), cases[i].rc);
        assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
    }
}

/* The job goes on with what the system says. */
static void a_machine_without_hwloc_is_plain(void **state)
{
    const struct imgz_machine_config config = {.root = "/nonexistent"};
    struct imgz_machine *machine = NULL;
    cpu_set_t allowed;

    (void)state;
    behaviour = CRASHES;
    assert_int_equal(sched_getaffinity(0, sizeof(allowed), &allowed), 0);
    assert_int_equal(imgz_machine_load(&config, &machine), 0);
    assert_string_equal(machine->unknown, "hwloc does not know this machine");
    assert_int_equal(machine->allowed.processor_count, CPU_COUNT(&allowed));
    imgz_machine_destroy(machine);
}

/* hwloc would ask for ever. */
static void without_affinity_hwloc_is_not_asked(void **state)
{
    const struct imgz_machine_config config = {.root = "/nonexistent"};
    struct imgz_machine *machine = NULL;

    (void)state;
    behaviour = LOOPS;
    affinity_denied = true;
    assert_int_equal(imgz_machine_load(&config, &machine), 0);
    affinity_denied = false;
    assert_string_equal(machine->unknown, "the system denies sched_getaffinity");
    assert_int_equal(machine->allowed.processor_count, sysconf(_SC_NPROCESSORS_ONLN));
    assert_false(machine->bindable);
    imgz_machine_destroy(machine);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(figures_come_through),
        cmocka_unit_test(nothing_of_hwloc_reaches_the_job),
        cmocka_unit_test(a_machine_without_hwloc_is_plain),
        cmocka_unit_test(without_affinity_hwloc_is_not_asked),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
