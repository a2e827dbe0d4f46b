/* SPDX-License-Identifier: MIT */
/*
 * The near end of a conversation with imgz on another host.
 *
 * Place: ssh.h, wire.h, protocol.h -> [session] -> remote sources.
 *
 * Threads    ask() from any; requests are made one at a time.
 * Errors     open: raised. ask: a negative errno; -ECONNRESET once the connection is lost.
 * Blocking   until the answer is there, the connection is lost, or the job is stopped.
 */
#ifndef IMGZ_SESSION_H
#define IMGZ_SESSION_H

#include "io/remote/address.h"
#include "io/remote/reach.h"
#include "io/remote/wire.h"
#include "pipeline/latch.h"
#include "pipeline/log.h"

struct imgz_session;

/* Connects, and checks that the other end speaks the same protocol. 'location' says what for; its
 * path is for people and must outlive the session. */
IMGZ_MUST_CHECK int imgz_session_open(const struct imgz_address *address,
                                      const struct imgz_reach *reach, struct imgz_location location,
                                      struct imgz_latch *latch, struct imgz_log *log,
                                      struct imgz_session **result);
void imgz_session_close(struct imgz_session *session); /* accepts NULL */

/*
 * Sends a request and receives its reply. A tail goes to 'buffer' and is at most 'buffer_bytes'
 * long; reply->tail_bytes tells its length afterwards. A reply of another type than 'wanted' is
 * -EPROTO; FAILED is the errno in it.
 */
IMGZ_MUST_CHECK int imgz_session_ask(struct imgz_session *session,
                                     struct imgz_wire_message *request, uint32_t wanted,
                                     struct imgz_wire_message *reply, void *buffer,
                                     size_t buffer_bytes);

/* Sends a request that has many replies: receive() takes them, and nothing else may be asked until
 * the last of them. */
IMGZ_MUST_CHECK int imgz_session_send(struct imgz_session *session,
                                      struct imgz_wire_message *request);

/* The next reply, whose tail is still to be taken. FAILED is the errno in it. */
IMGZ_MUST_CHECK int imgz_session_receive(struct imgz_session *session,
                                         struct imgz_wire_message *reply);
IMGZ_MUST_CHECK int imgz_session_take(struct imgz_session *session, struct imgz_wire_message *reply,
                                      void *buffer, uint64_t bytes);

/* After anything that is not as it should be: nothing can be asked any more. */
void imgz_session_give_up(struct imgz_session *session);

/* The other end's words for the last FAILED, printable; "" if it had none. For the thread that
 * asked, while nobody else does. */
const char *imgz_session_words(const struct imgz_session *session);

#endif /* IMGZ_SESSION_H */
