/* SPDX-License-Identifier: MIT */
/*
 * A process of its own for what may loop, crash or hang in a library or in the kernel. It sends
 * plain bytes through a pipe; whatever becomes of it, the job goes on.
 *
 * The child is a fork: it has a copy of the parent's memory, and shares nothing else. Every signal
 * is blocked, so the parent's handlers do not run. Only /dev/null and its end of the pipe are open.
 * It dumps no core. Its memory and processor time are limited. It ends by _exit(), so the parent's
 * exit handlers do not run.
 *
 * Place: machine/hwloc_probe.h asks hwloc in one, io/device/contents.h reads devices in one.
 *
 * Threads    any; several may be under way. One handle: one thread.
 * Ownership  start() opens, end() closes. Unless the child is an orphan, end() also kills it and
 *            waits for it alone. It is no error if the process has reaped it already.
 * Errors     the system's; read: -ETIMEDOUT, or -EPROTO if the child ended before.
 * Blocking   read until the deadline; end for a moment only.
 */
#ifndef IMGZ_SUBPROCESS_H
#define IMGZ_SUBPROCESS_H

#include <sys/types.h>

#include "base/base.h"

enum imgz_subprocess_kind {
    IMGZ_SUBPROCESS_CHILD,  /* killed by the parent, or when it dies */
    IMGZ_SUBPROCESS_ORPHAN, /* nobody waits for it: one that hangs in the kernel cannot be killed */
};

struct imgz_subprocess_config {
    enum imgz_subprocess_kind kind;
    void (*body)(const void *context, int pipe_fd); /* in the child; it may return or _exit() */
    const void *context;
    uint32_t limit_ms; /* > 0 */
};

struct imgz_subprocess {
    pid_t child; /* 0: none to wait for */
    int pipe_fd;
    uint64_t deadline_ns;
};

IMGZ_MUST_CHECK int imgz_subprocess_start(const struct imgz_subprocess_config *config,
                                          struct imgz_subprocess *apart);

/* For the parent: the next bytes that the child sends. */
IMGZ_MUST_CHECK int imgz_subprocess_read(const struct imgz_subprocess *apart, void *data,
                                         size_t bytes);

void imgz_subprocess_end(struct imgz_subprocess *apart);

/* For the child: sends bytes, or ends the child if nobody listens any more. */
void imgz_subprocess_write(int pipe_fd, const void *data, size_t bytes);

#endif /* IMGZ_SUBPROCESS_H */
