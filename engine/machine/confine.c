/* SPDX-License-Identifier: MIT */
/*
 * Each version of Landlock can take away more rights than the one before. All that the kernel knows
 * are taken away. The numbers are those of the kernel's interface (linux/landlock.h), which an
 * older system's headers lack.
 *
 *     1  Linux 5.13  files and folders
 *     2        5.19  renames between folders
 *     3        6.2   truncate()
 *     4        6.7   TCP
 *     5        6.10  ioctl() of devices
 *     6        6.12  abstract sockets, signals
 */
#include "machine/confine.h"

#include <errno.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifndef SYS_landlock_create_ruleset
#define SYS_landlock_create_ruleset 444
#define SYS_landlock_add_rule       445
#define SYS_landlock_restrict_self  446
#endif

#define CREATE_RULESET_VERSION 1u
#define RULE_PATH_BENEATH      1

#define FS_EXECUTE     (UINT64_C(1) << 0)
#define FS_WRITE_FILE  (UINT64_C(1) << 1)
#define FS_READ_FILE   (UINT64_C(1) << 2)
#define FS_READ_DIR    (UINT64_C(1) << 3)
#define FS_REMOVE_FILE (UINT64_C(1) << 5)
#define FS_MAKE_REG    (UINT64_C(1) << 8)
#define FS_TRUNCATE    (UINT64_C(1) << 14)
#define FS_IOCTL_DEV   (UINT64_C(1) << 15)

/* All rights of the versions up to this one. */
#define FS_VERSION_1 ((UINT64_C(1) << 13) - 1)
#define FS_VERSION_2 ((UINT64_C(1) << 14) - 1)
#define FS_VERSION_3 ((UINT64_C(1) << 15) - 1)
#define FS_VERSION_5 ((UINT64_C(1) << 16) - 1)
#define NET_ALL      ((UINT64_C(1) << 2) - 1)
#define SCOPE_ALL    ((UINT64_C(1) << 2) - 1)

/* Rights on files; the others are for folders. */
#define FS_OF_FILE (FS_EXECUTE | FS_WRITE_FILE | FS_READ_FILE | FS_TRUNCATE | FS_IOCTL_DEV)

struct ruleset {
    uint64_t handled_fs;
    uint64_t handled_net;
    uint64_t scoped;
};

struct path_beneath {
    uint64_t allowed_access;
    int32_t parent_fd;
} __attribute__((packed));

_Static_assert(sizeof(struct path_beneath) == 12, "as the kernel has it");

static struct ruleset make_ruleset(long version)
{
    struct ruleset ruleset = {.handled_fs = FS_VERSION_1};

    if (version >= 2)
        ruleset.handled_fs = FS_VERSION_2;
    if (version >= 3)
        ruleset.handled_fs = FS_VERSION_3;
    if (version >= 4)
        ruleset.handled_net = NET_ALL;
    if (version >= 5)
        ruleset.handled_fs = FS_VERSION_5;
    if (version >= 6)
        ruleset.scoped = SCOPE_ALL;
    return ruleset;
}

/* How much of the structure this version knows. */
static size_t ruleset_bytes(long version)
{
    if (version >= 6)
        return sizeof(struct ruleset);
    return version >= 4 ? offsetof(struct ruleset, scoped) : offsetof(struct ruleset, handled_net);
}

static uint64_t access_of(uint32_t rights)
{
    uint64_t access = 0;

    if ((rights & IMGZ_CONFINE_READ) != 0)
        access |= FS_READ_FILE | FS_READ_DIR;
    if ((rights & IMGZ_CONFINE_WRITE) != 0)
        access |= FS_WRITE_FILE | FS_TRUNCATE;
    if ((rights & IMGZ_CONFINE_MAKE) != 0)
        access |= FS_MAKE_REG | FS_REMOVE_FILE;
    if ((rights & IMGZ_CONFINE_DEVICE) != 0)
        access |= FS_IOCTL_DEV;
    return access;
}

static int add_grant(int ruleset_fd, const struct ruleset *ruleset,
                     const struct imgz_confine_grant *grant)
{
    struct path_beneath rule = {
        .allowed_access = access_of(grant->rights) & ruleset->handled_fs,
        .parent_fd = grant->fd,
    };
    struct stat status;

    if (fstat(grant->fd, &status) < 0)
        return -errno;
    if (!S_ISDIR(status.st_mode))
        rule.allowed_access &= FS_OF_FILE;
    /* EBADFD: a pipe or a socket, which lies in no folder. */
    if (syscall(SYS_landlock_add_rule, ruleset_fd, RULE_PATH_BENEATH, &rule, 0) < 0)
        return errno == EBADFD ? 0 : -errno;
    return 0;
}

/* The kernel demands that the process cannot gain rights by executing a program. */
static int restrict_self(int ruleset_fd)
{
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ||
        syscall(SYS_landlock_restrict_self, ruleset_fd, 0) < 0)
        return -errno;
    return 0;
}

int imgz_confine(const struct imgz_confine_grant *grants, size_t count)
{
    const long version = syscall(SYS_landlock_create_ruleset, NULL, 0, CREATE_RULESET_VERSION);
    struct ruleset ruleset;
    int ruleset_fd;
    int rc = 0;

    if (version < 0)
        return errno == ENOSYS || errno == EOPNOTSUPP ? -EOPNOTSUPP : -errno;
    ruleset = make_ruleset(version);
    ruleset_fd = (int)syscall(SYS_landlock_create_ruleset, &ruleset, ruleset_bytes(version), 0);
    if (ruleset_fd < 0)
        return -errno;
    for (size_t i = 0; rc == 0 && i < count; i++)
        rc = add_grant(ruleset_fd, &ruleset, &grants[i]);
    if (rc == 0)
        rc = restrict_self(ruleset_fd);
    (void)close(ruleset_fd);
    return rc;
}
