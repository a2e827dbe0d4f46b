/* SPDX-License-Identifier: MIT */
/*
 * Names of files and devices on other hosts: ssh://[user@]host[:port]/path, and scp's short form
 * [user@]host:/path.
 *
 * Place: sources and sinks ask it what a name means.
 *
 * Threads    any number; no state.
 * Errors     see parse.
 */
#ifndef IMGZ_ADDRESS_H
#define IMGZ_ADDRESS_H

#include "base/base.h"

struct imgz_address {
    char *host; /* "user@host" or "host", as ssh(1) takes it; never begins with a dash */
    char *port; /* decimal; NULL: what ssh has for this host */
    char *path; /* absolute, on that host; NULL: the host alone was named */
};

enum imgz_address_kind {
    IMGZ_ADDRESS_LOCAL,  /* a name of this system */
    IMGZ_ADDRESS_REMOTE, /* 'result' is set and must be ended by fini */
    IMGZ_ADDRESS_WRONG,  /* 'why' says what is wrong with it */
};

/*
 * What 'name' means. A URL follows RFC 3986: the path may hold %XX, and an IPv6 address stands in
 * brackets. The short form is taken for a local name if a local directory of that name exists:
 * "host:/dev/sda" could be a file in "host:".
 */
enum imgz_address_kind imgz_address_parse(const char *name, struct imgz_address *result,
                                          const char **why);
void imgz_address_fini(struct imgz_address *address);

/* True if 'name' means something on another host, or would if it were right. */
bool imgz_address_is_remote(const char *name);

#endif /* IMGZ_ADDRESS_H */
