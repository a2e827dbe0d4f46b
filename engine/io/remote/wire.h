/* SPDX-License-Identifier: MIT */
/*
 * Messages between two imgz over a pair of pipes: what one asks and the other answers.
 *
 *     frame = type (4 bytes), body bytes (4), tail bytes (8), body, tail
 *
 * All numbers are little-endian. The body is a few fields in a fixed order; the tail is data that
 * goes to and comes from a buffer of its own, such as a segment.
 *
 * The other end may be anybody: a body is never longer than its buffer, what is missing or too
 * much in it is -EPROTO, and a reader bounds the tail before it takes it.
 *
 * Place: ssh.h -> [wire] -> session.h, and the serving end.
 *
 * Threads    one that sends, one that receives.
 * Ownership  the caller's descriptors.
 * Errors     -ENODATA: the other end closed; -EPROTO: it does not keep to this; -ECANCELED: the
 *            stop descriptor became readable; otherwise the system's.
 * Blocking   until all is moved.
 */
#ifndef IMGZ_WIRE_H
#define IMGZ_WIRE_H

#include <sys/types.h>

#include "base/base.h"

/* The longest path (PATH_MAX) and the fields beside it. */
#define IMGZ_WIRE_BODY_BYTES_MAX 8192u

/* What is kept of what the client and the other host say on standard error. */
#define IMGZ_WIRE_REMARK_BYTES 1024u

struct imgz_wire {
    int in_fd;
    int out_fd;
    int stop_fd;   /* -1: nothing stops it */
    int remark_fd; /* -1: none; never blocks */

    /* It is of no use to wait for more once nobody reads what is sent: for the end that answers.
     * The other may still have to read why. */
    bool needs_reader;

    char remark[IMGZ_WIRE_REMARK_BYTES]; /* the last of it, ends with NUL */
    size_t remark_bytes;
};

/* ---- A message ---------------------------------------------------------------------------- */

struct imgz_wire_message {
    uint32_t type;
    uint64_t tail_bytes;
    uint32_t body_bytes;
    uint32_t taken_bytes; /* of a message that was received */
    bool broken;          /* a field did not fit, or was not there */
    unsigned char body[IMGZ_WIRE_BODY_BYTES_MAX];
};

void imgz_wire_begin(struct imgz_wire_message *message, uint32_t type);
void imgz_wire_put_u32(struct imgz_wire_message *message, uint32_t value);
void imgz_wire_put_u64(struct imgz_wire_message *message, uint64_t value);
void imgz_wire_put_bytes(struct imgz_wire_message *message, const void *data, size_t bytes);
void imgz_wire_put_text(struct imgz_wire_message *message, const char *text);

uint32_t imgz_wire_get_u32(struct imgz_wire_message *message);
uint64_t imgz_wire_get_u64(struct imgz_wire_message *message);
void imgz_wire_get_bytes(struct imgz_wire_message *message, void *data, size_t bytes);

/* A text without NUL, cut at the end of 'text'. */
void imgz_wire_get_text(struct imgz_wire_message *message, char *text, size_t text_bytes);

/* True if 'code' is an errno of this system that says what happened to the other end's file. An
 * unknown one has no words; 0 would be taken for success; and those of a call (ECANCELED, EINTR,
 * EAGAIN) mean here that this job was stopped, or that the same is to be tried again, forever. */
bool imgz_wire_is_errno(uint32_t code);

/* After the last field: 0, or -EPROTO if one was missing or something is left. */
IMGZ_MUST_CHECK int imgz_wire_end(const struct imgz_wire_message *message);

/* ---- Moving it ---------------------------------------------------------------------------- */

/* Sends the message with 'tail_bytes' of 'tail'. A message that does not fit is -EMSGSIZE. */
IMGZ_MUST_CHECK int imgz_wire_send(struct imgz_wire *wire, struct imgz_wire_message *message,
                                   const void *tail, uint64_t tail_bytes);

/* Receives the next message; then take() its tail, all of it. */
IMGZ_MUST_CHECK int imgz_wire_receive(struct imgz_wire *wire, struct imgz_wire_message *message);
IMGZ_MUST_CHECK int imgz_wire_take(struct imgz_wire *wire, struct imgz_wire_message *message,
                                   void *buffer, uint64_t bytes);

/* Moves exactly 'bytes' that belong to no message: for a greeting. */
IMGZ_MUST_CHECK int imgz_wire_read(struct imgz_wire *wire, void *buffer, size_t bytes);
IMGZ_MUST_CHECK int imgz_wire_write(struct imgz_wire *wire, const void *data, size_t bytes);

/* Gives a pipe room for a chunk, so that its two ends need not take turns; as far as the system
 * lets it (pipe(7), pipe-max-size). Nothing for what is no pipe. */
void imgz_wire_widen(int fd);

/* Takes what is there of remarks. */
void imgz_wire_hear(struct imgz_wire *wire);

#endif /* IMGZ_WIRE_H */
