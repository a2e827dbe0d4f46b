/* SPDX-License-Identifier: MIT */
/*
 * What a machine has: block devices, processors and memory. A part of imgz.h.
 */
#ifndef IMGZ_SYSTEM_H
#define IMGZ_SYSTEM_H

#include "imgz.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ---- Devices ------------------------------------------------------------------------------ */

/* A list of devices. */
struct imgz_devices;

struct imgz_device {
    uint32_t struct_bytes; /* sizeof(struct imgz_device) of the caller */
    char path[64];         /* "/dev/sda" */
    char model[64];        /* "" if not known; the same for all texts below */
    char serial[64];
    char bus[16];         /* "nvme", "usb", "virtio", "loop" ... */
    char contents[64];    /* what libblkid sees on it: "gpt", "ext4" ... */
    char label[64];       /* of the file system on it, or of the partition */
    char mounted_at[256]; /* first mount point of it or of a partition of it */
    char in_use[256];     /* what uses it: "mounted at /mnt", "swap", "held by /dev/md0"; or a part
                             of it: "/dev/sda2 is swap"; several are separated by "; " */
    uint64_t size_bytes;
    uint32_t logical_sector_bytes;
    uint32_t physical_sector_bytes;
    uint8_t read_only;
    uint8_t removable;
    uint8_t running_system; /* it holds the root file system */
    uint32_t partition_count;
};

struct imgz_partition {
    uint32_t struct_bytes; /* sizeof(struct imgz_partition) of the caller */
    char path[64];         /* "/dev/sda1" */
    char contents[64];     /* as for a device; the same for all texts */
    char label[64];
    char mounted_at[256];
    char in_use[256];
    uint64_t offset_bytes; /* on its disk */
    uint64_t size_bytes;
};

/* Lists whole block devices that have a size, sorted by path. */
IMGZ_API int imgz_devices_list(struct imgz_devices **result, struct imgz_error *error);

/* A list of one: the device that 'path' is, or is a partition of. No other is looked at. -ENOTBLK:
 * 'path' is not a block device. */
IMGZ_API int imgz_devices_find(const char *path, struct imgz_devices **result,
                               struct imgz_error *error);

IMGZ_API void imgz_devices_free(struct imgz_devices *devices); /* accepts NULL */

IMGZ_API size_t imgz_devices_count(const struct imgz_devices *devices);

/* The device at 'index' < count, and its partition at 'partition_index' < partition_count, in order
 * of their offsets. 0, or -EINVAL: there is none, or the struct has no size. */
IMGZ_API int imgz_devices_get(const struct imgz_devices *devices, size_t index,
                              struct imgz_device *device);
IMGZ_API int imgz_devices_get_partition(const struct imgz_devices *devices, size_t index,
                                        uint32_t partition_index, struct imgz_partition *partition);

/* ---- Topology ----------------------------------------------------------------------------- */

/* How narrowly a job's workers are bound. */
enum imgz_binding {
    IMGZ_BINDING_NONE, /* not at all: the system places them just as well */
    IMGZ_BINDING_NODE, /* each to the processors of a NUMA node */
    IMGZ_BINDING_CORE, /* each to the processors of a core */
};

/* "none", "node", "core"; "unknown" for any other value. */
IMGZ_API const char *imgz_binding_name(enum imgz_binding binding);

/* This machine, as far as the process may use it, and where a capture with given options would put
 * its workers and slots (a slot: the buffers of one chunk). A snapshot; a job makes its own. */
struct imgz_topology;

struct imgz_topology_info {
    uint32_t struct_bytes; /* sizeof(struct imgz_topology_info) of the caller */
    uint32_t node_count;   /* of the machine, as far as it can be seen */
    uint32_t core_count;
    uint32_t processor_count;
    uint32_t allowed_node_count; /* of it: may be used (affinity, cpusets) */
    uint32_t allowed_core_count;
    uint32_t allowed_processor_count;
    uint64_t quota_millis; /* processor time that control groups allow, in thousandths of a
                              processor; UINT64_MAX: no limit */
    uint32_t worker_count;
    uint32_t slot_count;
    uint64_t slot_bytes;
    uint64_t memory_bytes; /* of all slots */
    enum imgz_binding binding;
    char reason[64];      /* for the binding, for people */
    char processors[256]; /* those that may be used, as "0-3,8"; cut if longer; the same below */
};

struct imgz_topology_node {
    uint32_t struct_bytes; /* sizeof(struct imgz_topology_node) of the caller */
    uint32_t os_index;     /* as the system counts nodes */
    uint32_t core_count;   /* that may be used; the same for processors */
    uint32_t processor_count;
    uint32_t worker_count;
    uint32_t slot_count;
    uint64_t memory_bytes; /* the node's; 0: not known */
    char processors[256];
};

struct imgz_topology_worker {
    uint32_t struct_bytes; /* sizeof(struct imgz_topology_worker) of the caller */
    uint32_t node_index;   /* of the nodes below */
    char processors[256];  /* those it is bound to; "" if it is not */
};

/* 'options' (may be NULL) as for a capture: thread_count and chunk_bytes matter. */
IMGZ_API int imgz_topology_open(const struct imgz_options *options, struct imgz_topology **result,
                                struct imgz_error *error);
IMGZ_API void imgz_topology_close(struct imgz_topology *topology); /* accepts NULL */

/* 'index' < allowed_node_count, < worker_count. 0, or -EINVAL: there is none, or the struct has no
 * size. */
IMGZ_API int imgz_topology_get_info(const struct imgz_topology *topology,
                                    struct imgz_topology_info *info);
IMGZ_API int imgz_topology_get_node(const struct imgz_topology *topology, uint32_t index,
                                    struct imgz_topology_node *node);
IMGZ_API int imgz_topology_get_worker(const struct imgz_topology *topology, uint32_t index,
                                      struct imgz_topology_worker *worker);

#ifdef __cplusplus
}
#endif

#endif /* IMGZ_SYSTEM_H */
