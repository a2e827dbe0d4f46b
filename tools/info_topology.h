/* SPDX-License-Identifier: MIT */
/* imgz info --topology: this machine, its limits, and where a job's workers and slots would go. */
#ifndef IMGZ_TOOLS_INFO_TOPOLOGY_H
#define IMGZ_TOOLS_INFO_TOPOLOGY_H

#include "options.h"

/* Returns the exit code. */
int info_topology_run(const struct options *options);

#endif /* IMGZ_TOOLS_INFO_TOPOLOGY_H */
