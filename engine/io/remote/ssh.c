/* SPDX-License-Identifier: MIT */
#include "io/remote/ssh.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "io/remote/wire.h"
#include "io/remote/words.h"

/* A host that vanished is noticed after three times that (ssh_config(5), ServerAliveCountMax). */
#define ALIVE "ServerAliveInterval=10"

/* How long a client may take to end once its pipes are closed. */
#define END_MS 2000

/* ---- The client's command line ------------------------------------------------------------ */

static int add_all(struct imgz_words *words, const char *const *list)
{
    int rc = 0;

    for (; rc == 0 && *list != NULL; list++)
        rc = imgz_words_add(words, *list);
    return rc;
}

/* No terminal, no forwarding of X11. The first value of an option counts for ssh, so what the user
 * gave with the client's name wins. */
static int make_command(const struct imgz_ssh_config *config, struct imgz_words *words)
{
    const struct imgz_address *address = config->address;
    const char *const options[] = {"-T", "-x", "-o", ALIVE, NULL};
    const char *const port[] = {"-p", address->port, NULL};
    const char *const command[] = {"--", address->host, config->command, NULL};
    int rc = imgz_words_split(config->client != NULL ? config->client : "ssh", words);

    if (rc == 0 && words->count == 0)
        rc = -EINVAL;
    if (rc == 0)
        rc = add_all(words, options);
    if (rc == 0 && address->port != NULL)
        rc = add_all(words, port);
    return rc < 0 ? rc : add_all(words, command);
}

/* ---- Starting it -------------------------------------------------------------------------- */

struct pipes {
    int in[2];
    int out[2];
    int err[2];
};

static void close_pair(int *pair)
{
    for (int i = 0; i < 2; i++) {
        if (pair[i] >= 0)
            close(pair[i]);
        pair[i] = -1;
    }
}

static void close_pipes(struct pipes *pipes)
{
    close_pair(pipes->in);
    close_pair(pipes->out);
    close_pair(pipes->err);
}

static int open_pipes(struct pipes *pipes)
{
    *pipes = (struct pipes){{-1, -1}, {-1, -1}, {-1, -1}};
    if (pipe2(pipes->in, O_CLOEXEC) == 0 && pipe2(pipes->out, O_CLOEXEC) == 0 &&
        pipe2(pipes->err, O_CLOEXEC) == 0 && fcntl(pipes->err[0], F_SETFL, O_NONBLOCK) == 0) {
        imgz_wire_widen(pipes->in[0]);
        return 0;
    }
    return -errno;
}

/* The child has the usual signals, and its pipes in place of the standard ones. */
static int spawn(const struct imgz_words *words, const struct pipes *pipes, pid_t *child)
{
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    sigset_t none, all;
    int code = posix_spawn_file_actions_init(&actions);

    if (code != 0)
        return -code;
    code = posix_spawnattr_init(&attributes);
    if (code != 0) {
        posix_spawn_file_actions_destroy(&actions);
        return -code;
    }
    sigemptyset(&none);
    sigfillset(&all);
    posix_spawnattr_setsigmask(&attributes, &none);
    posix_spawnattr_setsigdefault(&attributes, &all);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
    code = posix_spawn_file_actions_adddup2(&actions, pipes->out[0], STDIN_FILENO);
    if (code == 0)
        code = posix_spawn_file_actions_adddup2(&actions, pipes->in[1], STDOUT_FILENO);
    if (code == 0)
        code = posix_spawn_file_actions_adddup2(&actions, pipes->err[1], STDERR_FILENO);
    if (code == 0)
        code = posix_spawnp(child, words->list[0], &actions, &attributes, words->list, environ);
    posix_spawnattr_destroy(&attributes);
    posix_spawn_file_actions_destroy(&actions);
    return -code;
}

static int take(int *fd)
{
    const int taken = *fd;

    *fd = -1;
    return taken;
}

int imgz_ssh_start(const struct imgz_ssh_config *config, struct imgz_ssh *ssh)
{
    struct imgz_words words;
    struct pipes pipes;
    int rc = make_command(config, &words);

    *ssh = (struct imgz_ssh){.in_fd = -1, .out_fd = -1, .err_fd = -1};
    if (rc == 0) {
        rc = open_pipes(&pipes);
        if (rc == 0)
            rc = spawn(&words, &pipes, &ssh->child);
        if (rc == 0) {
            ssh->in_fd = take(&pipes.in[0]);
            ssh->out_fd = take(&pipes.out[1]);
            ssh->err_fd = take(&pipes.err[0]);
        }
        close_pipes(&pipes);
    }
    imgz_words_fini(&words);
    return rc;
}

/* ---- Ending it ---------------------------------------------------------------------------- */

static void close_fd(int *fd)
{
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
}

/* True if the child ended within 'limit_ms'. */
static bool ends_within(pid_t child, int limit_ms)
{
    struct pollfd poll_child = {.fd = pidfd_open(child, 0), .events = POLLIN};
    bool ended;

    if (poll_child.fd < 0)
        return false;
    ended = poll(&poll_child, 1, limit_ms) > 0;
    close(poll_child.fd);
    return ended;
}

int imgz_ssh_end(struct imgz_ssh *ssh)
{
    int status = 0;

    close_fd(&ssh->out_fd);
    close_fd(&ssh->in_fd);
    /* EPERM: this process is confined since (Landlock, signals), so it cannot end what was started
     * before. To wait for it could take for ever. */
    if (ssh->child > 0 && (ends_within(ssh->child, END_MS) || kill(ssh->child, SIGKILL) == 0)) {
        while (waitpid(ssh->child, &status, 0) < 0 && errno == EINTR)
            ;
    }
    ssh->child = 0;
    close_fd(&ssh->err_fd);
    return status;
}
