/* SPDX-License-Identifier: MIT */
/*
 * A command on another host, run by the user's ssh client: its standard input and output as
 * pipes. The client brings its own configuration, keys, agent and known hosts, and asks for
 * passwords at the terminal.
 *
 * No text of the user becomes part of the command: it is one of this program's own constants, and
 * names and paths travel as data afterwards.
 *
 * Place: [ssh] -> wire.h.
 *
 * Threads    one at a time.
 * Ownership  start() opens, end() closes and waits for the client.
 * Errors     the system's: see each function.
 * Blocking   see end().
 */
#ifndef IMGZ_SSH_H
#define IMGZ_SSH_H

#include <sys/types.h>

#include "io/remote/address.h"

struct imgz_ssh_config {
    const struct imgz_address *address;
    const char *client;  /* "ssh -F file": words, with quotes as in a shell; NULL: "ssh" */
    const char *command; /* for the shell of the other host */
};

struct imgz_ssh {
    pid_t child; /* 0: none */
    int in_fd;   /* to read what the command writes */
    int out_fd;  /* to write what it reads */
    int err_fd;  /* to read what client and command have to say; never blocks */
};

/* 0; -EINVAL: a quote in 'client' is not closed, or it has no word; -ENOENT and the like: the
 * client cannot be run. */
IMGZ_MUST_CHECK int imgz_ssh_start(const struct imgz_ssh_config *config, struct imgz_ssh *ssh);

/* Closes the pipes and waits for the client: a moment for its own end, then it is killed. Gives
 * its exit status, as waitpid(2) has it; 0 if it may not be killed, and is left to itself. */
int imgz_ssh_end(struct imgz_ssh *ssh);

#endif /* IMGZ_SSH_H */
