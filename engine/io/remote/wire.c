/* SPDX-License-Identifier: MIT */
#include "io/remote/wire.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/text.h"
#include "io/aio/stream.h"

#define HEAD_BYTES 16u
#define PIPE_BYTES (1 << 20)

/* ---- A message ---------------------------------------------------------------------------- */

void imgz_wire_begin(struct imgz_wire_message *message, uint32_t type)
{
    message->type = type;
    message->tail_bytes = 0;
    message->body_bytes = 0;
    message->taken_bytes = 0;
    message->broken = false;
}

void imgz_wire_put_bytes(struct imgz_wire_message *message, const void *data, size_t bytes)
{
    if (bytes > sizeof(message->body) - message->body_bytes) {
        message->broken = true;
        return;
    }
    memcpy(message->body + message->body_bytes, data, bytes);
    message->body_bytes += (uint32_t)bytes;
}

void imgz_wire_put_u32(struct imgz_wire_message *message, uint32_t value)
{
    unsigned char field[sizeof(value)];

    imgz_put_le32(field, value);
    imgz_wire_put_bytes(message, field, sizeof(field));
}

void imgz_wire_put_u64(struct imgz_wire_message *message, uint64_t value)
{
    unsigned char field[sizeof(value)];

    imgz_put_le64(field, value);
    imgz_wire_put_bytes(message, field, sizeof(field));
}

void imgz_wire_put_text(struct imgz_wire_message *message, const char *text)
{
    const size_t bytes = strlen(text);

    imgz_wire_put_u32(message, (uint32_t)imgz_min(bytes, sizeof(message->body)));
    imgz_wire_put_bytes(message, text, bytes);
}

/* The next field of so many bytes; NULL: there is none. */
static const unsigned char *take_field(struct imgz_wire_message *message, size_t bytes)
{
    const unsigned char *field = message->body + message->taken_bytes;

    if (message->broken || bytes > message->body_bytes - message->taken_bytes) {
        message->broken = true;
        return NULL;
    }
    message->taken_bytes += (uint32_t)bytes;
    return field;
}

uint32_t imgz_wire_get_u32(struct imgz_wire_message *message)
{
    const unsigned char *field = take_field(message, sizeof(uint32_t));

    return field != NULL ? imgz_get_le32(field) : 0;
}

uint64_t imgz_wire_get_u64(struct imgz_wire_message *message)
{
    const unsigned char *field = take_field(message, sizeof(uint64_t));

    return field != NULL ? imgz_get_le64(field) : 0;
}

void imgz_wire_get_bytes(struct imgz_wire_message *message, void *data, size_t bytes)
{
    const unsigned char *field = take_field(message, bytes);

    if (field != NULL)
        memcpy(data, field, bytes);
    else
        memset(data, 0, bytes);
}

void imgz_wire_get_text(struct imgz_wire_message *message, char *text, size_t text_bytes)
{
    const size_t bytes = imgz_wire_get_u32(message);
    const unsigned char *field = take_field(message, bytes);
    const size_t kept_bytes = imgz_min(bytes, text_bytes - 1);

    text[0] = '\0';
    if (field == NULL)
        return;
    if (memchr(field, '\0', bytes) != NULL) {
        message->broken = true;
        return;
    }
    memcpy(text, field, kept_bytes);
    text[kept_bytes] = '\0';
}

bool imgz_wire_is_errno(uint32_t code)
{
    return code > 0 && code <= INT32_MAX && strerrorname_np((int)code) != NULL &&
           code != ECANCELED && code != EINTR && code != EAGAIN;
}

int imgz_wire_end(const struct imgz_wire_message *message)
{
    return message->broken || message->taken_bytes != message->body_bytes ? -EPROTO : 0;
}

/* ---- Moving it ---------------------------------------------------------------------------- */

int imgz_wire_write(struct imgz_wire *wire, const void *data, size_t bytes)
{
    int rc = imgz_stream_write(wire->out_fd, wire->stop_fd, data, bytes);

    return rc == -EPIPE ? -ENODATA : rc;
}

int imgz_wire_send(struct imgz_wire *wire, struct imgz_wire_message *message, const void *tail,
                   uint64_t tail_bytes)
{
    unsigned char head[HEAD_BYTES];
    int rc;

    if (message->broken)
        return -EMSGSIZE;
    imgz_put_le32(head, message->type);
    imgz_put_le32(head + 4, message->body_bytes);
    imgz_put_le64(head + 8, tail_bytes);
    rc = imgz_wire_write(wire, head, sizeof(head));
    if (rc == 0)
        rc = imgz_wire_write(wire, message->body, message->body_bytes);
    return rc < 0 ? rc : imgz_wire_write(wire, tail, (size_t)tail_bytes);
}

/* Keeps the last of what was said. */
static void keep_remark(struct imgz_wire *wire, const char *text, size_t bytes)
{
    const size_t room_bytes = sizeof(wire->remark) - 1;
    size_t old_bytes;

    if (bytes > room_bytes) {
        text += bytes - room_bytes;
        bytes = room_bytes;
    }
    old_bytes = imgz_min(wire->remark_bytes, room_bytes - bytes);
    memmove(wire->remark, wire->remark + wire->remark_bytes - old_bytes, old_bytes);
    memcpy(wire->remark + old_bytes, text, bytes);
    wire->remark_bytes = old_bytes + bytes;
    wire->remark[wire->remark_bytes] = '\0';
}

void imgz_wire_widen(int fd)
{
    (void)fcntl(fd, F_SETPIPE_SZ, PIPE_BYTES);
}

void imgz_wire_hear(struct imgz_wire *wire)
{
    char text[4096];

    while (wire->remark_fd >= 0) {
        const ssize_t bytes = read(wire->remark_fd, text, sizeof(text));

        if (bytes > 0)
            keep_remark(wire, text, (size_t)bytes);
        else if (bytes == 0)
            wire->remark_fd = -1;
        else if (errno != EINTR)
            return;
    }
}

/* Until there is something to read. Remarks are heard meanwhile, or the client would wait for
 * somebody to listen. */
static int wait_readable(struct imgz_wire *wire)
{
    struct pollfd polls[] = {{.fd = wire->in_fd, .events = POLLIN},
                             {.fd = wire->stop_fd, .events = POLLIN},
                             {.fd = wire->remark_fd, .events = POLLIN},
                             {.fd = wire->needs_reader ? wire->out_fd : -1}};

    for (;;) {
        if (poll(polls, IMGZ_COUNT_OF(polls), -1) < 0) {
            if (errno != EINTR)
                return -errno;
            continue;
        }
        if (polls[1].revents != 0)
            return -ECANCELED;
        if (polls[2].revents != 0)
            imgz_wire_hear(wire);
        if (polls[0].revents != 0)
            return 0;
        if (polls[3].revents != 0)
            return -ENODATA;
        polls[2].fd = wire->remark_fd;
    }
}

static int read_all(struct imgz_wire *wire, void *buffer, size_t bytes)
{
    size_t done_bytes = 0;

    while (done_bytes < bytes) {
        ssize_t moved;
        int rc = wait_readable(wire);

        if (rc < 0)
            return rc;
        moved = read(wire->in_fd, (unsigned char *)buffer + done_bytes, bytes - done_bytes);
        if (moved == 0)
            return -ENODATA;
        if (moved > 0)
            done_bytes += (size_t)moved;
        else if (errno != EINTR && errno != EAGAIN)
            return -errno;
    }
    return 0;
}

int imgz_wire_read(struct imgz_wire *wire, void *buffer, size_t bytes)
{
    return read_all(wire, buffer, bytes);
}

int imgz_wire_receive(struct imgz_wire *wire, struct imgz_wire_message *message)
{
    unsigned char head[HEAD_BYTES];
    int rc = read_all(wire, head, sizeof(head));

    if (rc < 0)
        return rc;
    imgz_wire_begin(message, imgz_get_le32(head));
    message->body_bytes = imgz_get_le32(head + 4);
    message->tail_bytes = imgz_get_le64(head + 8);
    if (message->body_bytes > sizeof(message->body))
        return -EPROTO;
    return read_all(wire, message->body, message->body_bytes);
}

int imgz_wire_take(struct imgz_wire *wire, struct imgz_wire_message *message, void *buffer,
                   uint64_t bytes)
{
    if (bytes > message->tail_bytes)
        return -EPROTO;
    message->tail_bytes -= bytes;
    return read_all(wire, buffer, (size_t)bytes);
}
