/* SPDX-License-Identifier: MIT */
/*
 * Instead of imgz_hwloc_probe_run(), for fuzz targets that run whole jobs: asking the machine takes
 * a process for each, and that takes longer than the rest.
 *
 * The linker puts it in place (CMakeLists.txt).
 */
#include <errno.h>

#include "machine/hwloc_probe.h"

int __wrap_imgz_hwloc_probe_run(const struct imgz_hwloc_probe_config *config,
                                struct imgz_hwloc_probe *result);

int __wrap_imgz_hwloc_probe_run(const struct imgz_hwloc_probe_config *config,
                                struct imgz_hwloc_probe *result)
{
    (void)config;
    *result = (struct imgz_hwloc_probe){0};
    return -EPROTO;
}
