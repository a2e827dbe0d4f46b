/* SPDX-License-Identifier: MIT */
#include "machine/cpu_quota.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "machine/cgroup.h"

#define MILLIS_PER_PROCESSOR 1000u

/* "150000 100000" or "max 100000": microseconds of processor time, and of the period. */
static uint64_t read_group(const struct imgz_cgroup *group)
{
    char quota[64];
    char period[64];
    const char *period_text = period;
    char *end = quota;
    long long quota_us;
    long long period_us;

    if (group->version == IMGZ_CGROUP_2) {
        if (!imgz_cgroup_read(group, "cpu.max", quota, sizeof(quota)))
            return IMGZ_CPU_QUOTA_NONE;
        period_text = quota + strcspn(quota, " ");
    } else if (!imgz_cgroup_read(group, "cpu.cfs_quota_us", quota, sizeof(quota)) ||
               !imgz_cgroup_read(group, "cpu.cfs_period_us", period, sizeof(period))) {
        return IMGZ_CPU_QUOTA_NONE;
    }
    quota_us = strtoll(quota, &end, 10);
    period_us = strtoll(period_text, NULL, 10);
    if (end == quota || quota_us <= 0 || period_us <= 0 ||
        quota_us > LLONG_MAX / MILLIS_PER_PROCESSOR)
        return IMGZ_CPU_QUOTA_NONE;
    return imgz_max(1, (uint64_t)(quota_us * MILLIS_PER_PROCESSOR / period_us));
}

/* The tightest of the process's group and all above it. */
static uint64_t read_hierarchy(const char *root, enum imgz_cgroup_version version)
{
    uint64_t millis = IMGZ_CPU_QUOTA_NONE;
    struct imgz_cgroup group;

    if (!imgz_cgroup_find(root, version, "cpu", &group))
        return IMGZ_CPU_QUOTA_NONE;
    do {
        millis = imgz_min(millis, read_group(&group));
    } while (imgz_cgroup_up(&group));
    return millis;
}

uint64_t imgz_cpu_quota_read(const char *root)
{
    return imgz_min(read_hierarchy(root, IMGZ_CGROUP_2), read_hierarchy(root, IMGZ_CGROUP_1));
}
