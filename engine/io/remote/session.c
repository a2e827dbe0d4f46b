/* SPDX-License-Identifier: MIT */
#include "io/remote/session.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/mutex.h"
#include "base/text.h"
#include "io/remote/protocol.h"
#include "io/remote/ssh.h"

/* What a login shell may print before imgz runs. */
#define NOISE_BYTES_MAX 65536u

/* sh(1): the command was not found; ssh(1): the client itself failed. */
#define EXIT_NOT_FOUND 127
#define EXIT_SSH       255

struct imgz_session {
    struct imgz_ssh ssh;
    struct imgz_location location;
    struct imgz_latch *latch;
    char words[IMGZ_WIRE_REMARK_BYTES];

    struct imgz_mutex lock;
    struct imgz_wire wire; /* guarded by lock */
    int lost_rc;           /* guarded by lock; 0, or why nothing can be asked any more */
};

/* ---- Connecting --------------------------------------------------------------------------- */

/* For the other host's shell, whichever that is. A path of the user travels as a line of input. */
static const char *command_for(const struct imgz_reach *reach)
{
    if (reach->program != NULL)
        return reach->sudo ? "exec sh -c 'IFS= read -r program; exec sudo -n \"$program\" remote'"
                           : "exec sh -c 'IFS= read -r program; exec \"$program\" remote'";
    return reach->sudo ? "exec sudo -n imgz remote" : "exec imgz remote";
}

static int send_program(struct imgz_session *session, const char *program)
{
    int rc = imgz_wire_write(&session->wire, program, strlen(program));

    return rc < 0 ? rc : imgz_wire_write(&session->wire, "\n", 1);
}

/* Reads up to the greeting. */
static int find_greeting(struct imgz_wire *wire)
{
    static const char greeting[] = IMGZ_PROTOCOL_GREETING;
    size_t matched = 1; /* the very first line needs no newline before it */

    for (size_t i = 0; i < NOISE_BYTES_MAX; i++) {
        char byte;
        int rc = imgz_wire_read(wire, &byte, 1);

        if (rc < 0)
            return rc;
        if (byte == greeting[matched])
            matched++;
        else
            matched = byte == greeting[0] ? 1 : 0;
        if (greeting[matched] == '\0')
            return 0;
    }
    return -EPROTO;
}

/* The number after the greeting, and its newline. */
static int read_version(struct imgz_wire *wire, uint32_t *version)
{
    *version = 0;
    for (int digits = 0; digits < 9; digits++) {
        char byte;
        int rc = imgz_wire_read(wire, &byte, 1);

        if (rc < 0)
            return rc;
        if (byte == '\n')
            return digits > 0 ? 0 : -EPROTO;
        if (byte < '0' || byte > '9')
            return -EPROTO;
        *version = *version * 10 + (uint32_t)(byte - '0');
    }
    return -EPROTO;
}

static int greet(struct imgz_session *session, const struct imgz_reach *reach, uint32_t *version)
{
    int rc = reach->program != NULL ? send_program(session, reach->program) : 0;

    if (rc == 0)
        rc = find_greeting(&session->wire);
    return rc < 0 ? rc : read_version(&session->wire, version);
}

/* ---- What went wrong ---------------------------------------------------------------------- */

/* The last line that client or command printed, fit for a message; "" if they were silent. */
static void last_remark(struct imgz_session *session, char *line, size_t line_bytes)
{
    char *text = session->wire.remark;
    size_t bytes = session->wire.remark_bytes;
    char *start;

    while (bytes > 0 && strchr("\r\n.", text[bytes - 1]) != NULL)
        bytes--;
    text[bytes] = '\0';
    start = memrchr(text, '\n', bytes);
    imgz_text_copy(line, line_bytes, start != NULL ? start + 1 : text);
    imgz_make_printable(line);
}

/* The connection ended before the greeting: why is told by the client, and by its exit status. */
static int raise_not_connected(struct imgz_session *session, const struct imgz_reach *reach)
{
    char remark[256];
    int status;

    imgz_wire_hear(&session->wire);
    session->wire.remark_fd = -1;
    status = imgz_ssh_end(&session->ssh);
    last_remark(session, remark, sizeof(remark));
    if (reach->sudo && WIFEXITED(status) && WEXITSTATUS(status) != EXIT_SSH)
        return imgz_latch_raise(session->latch, -EACCES, session->location,
                                "connecting to %s: %s; sudo must be there, find imgz, and ask for "
                                "no password",
                                session->location.path, remark[0] != '\0' ? remark : "sudo failed");
    if (WIFEXITED(status) && WEXITSTATUS(status) == EXIT_NOT_FOUND)
        return imgz_latch_raise_cause(session->latch, imgz_cause(IMGZ_REASON_REMOTE_PROGRAM),
                                      -ENOENT, session->location,
                                      "connecting to %s: there is no %s on that host",
                                      session->location.path,
                                      reach->program != NULL ? reach->program : "imgz in the PATH");
    return imgz_latch_raise(session->latch, -ENOTCONN, session->location,
                            "connecting to %s: %s; see whether ssh to that host works",
                            session->location.path,
                            remark[0] != '\0' ? remark : "the connection was closed");
}

static int raise_greeting(struct imgz_session *session, const struct imgz_reach *reach, int rc)
{
    if (rc == -ENODATA)
        return raise_not_connected(session, reach);
    if (rc == -EPROTO)
        return imgz_latch_raise(session->latch, rc, session->location,
                                "connecting to %s: what answers there is not imgz",
                                session->location.path);
    return imgz_latch_raise_system(session->latch, rc, session->location, "connecting to");
}

static int check_version(struct imgz_session *session, uint32_t version)
{
    if (version == IMGZ_PROTOCOL_VERSION)
        return 0;
    return imgz_latch_raise(session->latch, -EPROTONOSUPPORT, session->location,
                            "connecting to %s: imgz there speaks version %" PRIu32
                            " of the protocol, this one version %u; install the same imgz on both",
                            session->location.path, version, IMGZ_PROTOCOL_VERSION);
}

/* ---- Opening and closing ------------------------------------------------------------------ */

static int start(struct imgz_session *session, const struct imgz_address *address,
                 const struct imgz_reach *reach)
{
    const struct imgz_ssh_config config = {
        .address = address,
        .client = reach->client,
        .command = command_for(reach),
    };
    uint32_t version;
    int rc = imgz_ssh_start(&config, &session->ssh);

    if (rc == -EINVAL)
        return imgz_latch_raise_usage(session->latch, session->location,
                                      "connecting to %s: '%s' is not a command: it is empty, or a "
                                      "quote in it is not closed",
                                      session->location.path, reach->client);
    if (rc < 0)
        return imgz_latch_raise(session->latch, rc, session->location,
                                "connecting to %s: %s cannot be run: %s; is ssh installed?",
                                session->location.path,
                                reach->client != NULL ? reach->client : "ssh",
                                strerrordesc_np(-rc));
    session->wire = (struct imgz_wire){
        .in_fd = session->ssh.in_fd,
        .out_fd = session->ssh.out_fd,
        .remark_fd = session->ssh.err_fd,
        .stop_fd = imgz_latch_fd(session->latch),
    };
    rc = greet(session, reach, &version);
    return rc < 0 ? raise_greeting(session, reach, rc) : check_version(session, version);
}

int imgz_session_open(const struct imgz_address *address, const struct imgz_reach *reach,
                      struct imgz_location location, struct imgz_latch *latch, struct imgz_log *log,
                      struct imgz_session **result)
{
    struct imgz_session *session = calloc(1, sizeof(*session));
    int rc;

    if (session == NULL)
        return imgz_latch_raise_system(latch, -ENOMEM, location, "connecting to");
    session->location = location;
    session->latch = latch;
    imgz_mutex_init(&session->lock);
    rc = start(session, address, reach);
    if (rc < 0) {
        imgz_session_close(session);
        return rc;
    }
    imgz_log_line(log, "connected to imgz on %s", address->host);
    *result = session;
    return 0;
}

void imgz_session_close(struct imgz_session *session)
{
    if (session == NULL)
        return;
    (void)imgz_ssh_end(&session->ssh);
    imgz_mutex_fini(&session->lock);
    free(session);
}

/* ---- Asking ------------------------------------------------------------------------------- */

static int failed_code(struct imgz_session *session, struct imgz_wire_message *reply)
{
    const uint32_t code = imgz_wire_get_u32(reply);

    imgz_wire_get_text(reply, session->words, sizeof(session->words));
    imgz_make_printable(session->words);
    if (imgz_wire_end(reply) < 0 || !imgz_wire_is_errno(code))
        return -EPROTO;
    return -(int)code;
}

/* What became of the conversation: once something fails, nobody knows where it is. */
static int judge(struct imgz_session *session, int rc) IMGZ_REQUIRES(session->lock);
static int judge(struct imgz_session *session, int rc)
{
    if (rc == -ENODATA)
        rc = -ECONNRESET;
    if (rc < 0 && session->lost_rc == 0)
        session->lost_rc = rc;
    return rc;
}

static int send_locked(struct imgz_session *session, struct imgz_wire_message *request)
    IMGZ_REQUIRES(session->lock);
static int send_locked(struct imgz_session *session, struct imgz_wire_message *request)
{
    session->words[0] = '\0';
    if (session->lost_rc < 0)
        return session->lost_rc;
    return judge(session, imgz_wire_send(&session->wire, request, NULL, 0));
}

static int receive_locked(struct imgz_session *session, struct imgz_wire_message *reply)
    IMGZ_REQUIRES(session->lock);
static int receive_locked(struct imgz_session *session, struct imgz_wire_message *reply)
{
    int rc = session->lost_rc < 0 ? session->lost_rc
                                  : judge(session, imgz_wire_receive(&session->wire, reply));

    if (rc < 0 || reply->type != IMGZ_REPLY_FAILED)
        return rc;
    return reply->tail_bytes == 0 ? failed_code(session, reply) : judge(session, -EPROTO);
}

static int take_locked(struct imgz_session *session, struct imgz_wire_message *reply, void *buffer,
                       uint64_t bytes) IMGZ_REQUIRES(session->lock);
static int take_locked(struct imgz_session *session, struct imgz_wire_message *reply, void *buffer,
                       uint64_t bytes)
{
    return judge(session, imgz_wire_take(&session->wire, reply, buffer, bytes));
}

int imgz_session_ask(struct imgz_session *session, struct imgz_wire_message *request,
                     uint32_t wanted, struct imgz_wire_message *reply, void *buffer,
                     size_t buffer_bytes)
{
    uint64_t tail_bytes;
    int rc;

    imgz_mutex_lock(&session->lock);
    rc = send_locked(session, request);
    if (rc == 0)
        rc = receive_locked(session, reply);
    if (rc == 0 && (reply->type != wanted || reply->tail_bytes > buffer_bytes))
        rc = judge(session, -EPROTO);
    if (rc == 0) {
        tail_bytes = reply->tail_bytes;
        rc = take_locked(session, reply, buffer, tail_bytes);
        reply->tail_bytes = tail_bytes;
    }
    imgz_mutex_unlock(&session->lock);
    return rc;
}

int imgz_session_send(struct imgz_session *session, struct imgz_wire_message *request)
{
    int rc;

    imgz_mutex_lock(&session->lock);
    rc = send_locked(session, request);
    imgz_mutex_unlock(&session->lock);
    return rc;
}

int imgz_session_receive(struct imgz_session *session, struct imgz_wire_message *reply)
{
    int rc;

    imgz_mutex_lock(&session->lock);
    rc = receive_locked(session, reply);
    imgz_mutex_unlock(&session->lock);
    return rc;
}

int imgz_session_take(struct imgz_session *session, struct imgz_wire_message *reply, void *buffer,
                      uint64_t bytes)
{
    int rc;

    imgz_mutex_lock(&session->lock);
    rc = take_locked(session, reply, buffer, bytes);
    imgz_mutex_unlock(&session->lock);
    return rc;
}

void imgz_session_give_up(struct imgz_session *session)
{
    imgz_mutex_lock(&session->lock);
    (void)judge(session, -EPROTO);
    imgz_mutex_unlock(&session->lock);
}

const char *imgz_session_words(const struct imgz_session *session)
{
    return session->words;
}
