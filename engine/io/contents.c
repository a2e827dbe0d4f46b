/* SPDX-License-Identifier: MIT */
#include "io/contents.h"

#include <blkid/blkid.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/* The first of two values that there is. */
static void look_up(blkid_probe probe, const char *first, const char *second, char *text,
                    size_t text_bytes)
{
    const char *value = NULL;

    if (blkid_probe_lookup_value(probe, first, &value, NULL) == 0 ||
        blkid_probe_lookup_value(probe, second, &value, NULL) == 0)
        (void)snprintf(text, text_bytes, "%s", value);
}

static void look(blkid_probe probe, struct imgz_contents *contents)
{
    blkid_probe_enable_superblocks(probe, 1);
    blkid_probe_set_superblocks_flags(probe, BLKID_SUBLKS_TYPE | BLKID_SUBLKS_LABEL);
    blkid_probe_enable_partitions(probe, 1);
    blkid_probe_set_partitions_flags(probe, BLKID_PARTS_ENTRY_DETAILS);
    if (blkid_do_safeprobe(probe) == 0) {
        look_up(probe, "TYPE", "PTTYPE", contents->type, sizeof(contents->type));
        look_up(probe, "LABEL", "PART_ENTRY_NAME", contents->label, sizeof(contents->label));
    }
}

static void probe_device(const char *path, struct imgz_contents *contents)
{
    blkid_probe probe = blkid_new_probe_from_filename(path);

    memset(contents, 0, sizeof(*contents));
    if (probe == NULL)
        return;
    look(probe, contents);
    blkid_free_probe(probe);
}

void imgz_contents_probe_part(int fd, uint64_t offset, uint64_t bytes,
                              struct imgz_contents *contents)
{
    blkid_probe probe = blkid_new_probe();

    memset(contents, 0, sizeof(*contents));
    if (probe == NULL)
        return;
    if (blkid_probe_set_device(probe, fd, (blkid_loff_t)offset, (blkid_loff_t)bytes) == 0)
        look(probe, contents);
    blkid_free_probe(probe);
}

/* ---- Not for ever ------------------------------------------------------------------------- */

/* A thread that the kernel does not let go of, deep in a read of a device that does not answer,
 * would keep the whole process from ending. So it is a process that reads, and nobody waits for it:
 * its parent ends at once. It holds nothing of ours but the pipe. */
static void probe_apart(const char *path, int pipe_fd)
{
    struct imgz_contents contents;

    if (fork() != 0)
        _exit(0);
    if (dup2(pipe_fd, STDIN_FILENO) < 0 || close_range(STDIN_FILENO + 1, ~0U, 0) < 0)
        _exit(1);
    probe_device(path, &contents);
    (void)!write(STDIN_FILENO, &contents, sizeof(contents));
    _exit(0);
}

/* False if nothing came in time. */
static bool receive(int pipe_fd, struct imgz_contents *contents)
{
    struct pollfd ready = {.fd = pipe_fd, .events = POLLIN};
    int count;

    do
        count = poll(&ready, 1, IMGZ_CONTENTS_WAIT_MS);
    while (count < 0 && errno == EINTR);
    /* So few bytes come through a pipe at once, or, where there was no process, none. */
    if (count == 1 && read(pipe_fd, contents, sizeof(*contents)) != (ssize_t)sizeof(*contents))
        memset(contents, 0, sizeof(*contents));
    return count == 1;
}

void imgz_contents_probe(const char *path, struct imgz_contents *contents)
{
    int pipe_fds[2];
    pid_t child;

    memset(contents, 0, sizeof(*contents));
    if (pipe2(pipe_fds, O_CLOEXEC) < 0)
        return;
    child = fork();
    if (child == 0)
        probe_apart(path, pipe_fds[1]);
    close(pipe_fds[1]);
    if (child > 0) {
        while (waitpid(child, NULL, 0) < 0 && errno == EINTR)
            ;
        if (!receive(pipe_fds[0], contents))
            (void)snprintf(contents->type, sizeof(contents->type), "does not answer");
    }
    close(pipe_fds[0]);
}
