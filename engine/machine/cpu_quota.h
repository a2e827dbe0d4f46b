/* SPDX-License-Identifier: MIT */
/*
 * How much processor time the control groups of this process allow: what a container engine calls
 * "--cpus 1.5".
 *
 * Place: read once by machine.h, to count workers.
 *
 * Threads    any.
 * Errors     none: what cannot be read limits nothing.
 */
#ifndef IMGZ_CPU_QUOTA_H
#define IMGZ_CPU_QUOTA_H

#include "base/base.h"

#define IMGZ_CPU_QUOTA_NONE UINT64_MAX

/* Thousandths of a processor, never 0: the least that cpu.max (version 2) or cpu.cfs_quota_us
 * (version 1) of the process's group and of those above it allow; or IMGZ_CPU_QUOTA_NONE. 'root' is
 * put before the paths of /proc and of the mounts: "" except in tests. */
uint64_t imgz_cpu_quota_read(const char *root);

#endif /* IMGZ_CPU_QUOTA_H */
