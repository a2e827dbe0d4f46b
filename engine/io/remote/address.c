/* SPDX-License-Identifier: MIT */
#include "io/remote/address.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SCHEME     "ssh://"
#define PORT_MAX   65535u
#define HOST_CHARS "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"

/* A part of a name, between two of its characters. */
struct span {
    const char *text;
    size_t bytes;
};

static struct span span_of(const char *from, const char *end)
{
    return (struct span){from, (size_t)(end - from)};
}

static const char no_memory[] = "out of memory";

/* NULL, or why it failed, as all that take a part of a name return. */
static const char *keep(struct span span, char **result)
{
    *result = strndup(span.text, span.bytes);
    return *result == NULL ? no_memory : NULL;
}

/* ---- Checks ------------------------------------------------------------------------------- */

/* ssh's configuration can put user and host into a command for a shell (ProxyCommand with %h and
 * %r), so neither may hold what a shell gives a meaning to; and neither may look like an option. */
static bool holds_only(struct span span, const char *others)
{
    for (size_t i = 0; i < span.bytes; i++) {
        if (strchr(HOST_CHARS, span.text[i]) == NULL && strchr(others, span.text[i]) == NULL)
            return false;
    }
    return span.bytes > 0 && span.text[0] != '-';
}

static const char *check_user_host(struct span user, bool has_user, struct span host)
{
    if (host.bytes == 0)
        return "it names no host";
    if (!holds_only(host, "._-:%"))
        return "the host may hold only letters, digits and . _ - and must not begin with -";
    if (has_user && !holds_only(user, "._-+@"))
        return "the user may hold only letters, digits and . _ - + @ and must not begin with -";
    return NULL;
}

static const char *check_port(struct span port)
{
    unsigned value = 0;

    for (size_t i = 0; i < port.bytes; i++) {
        if (!isdigit((unsigned char)port.text[i]) || value > PORT_MAX)
            return "the port is not a number from 1 to 65535";
        value = value * 10 + (unsigned)(port.text[i] - '0');
    }
    return value < 1 || value > PORT_MAX ? "the port is not a number from 1 to 65535" : NULL;
}

/* ---- Parts -------------------------------------------------------------------------------- */

/* The first 'c' in a span, or its end. */
static const char *find(struct span span, char c)
{
    const char *found = memchr(span.text, c, span.bytes);

    return found != NULL ? found : span.text + span.bytes;
}

/* "user@host": a user may hold @ itself, a host may not. */
static const char *take_user_host(struct span both, struct imgz_address *result)
{
    const char *end = both.text + both.bytes;
    const char *at = memrchr(both.text, '@', both.bytes);
    struct span user = span_of(both.text, at != NULL ? at : both.text);
    struct span host = span_of(at != NULL ? at + 1 : both.text, end);
    const char *why = check_user_host(user, at != NULL, host);

    return why != NULL ? why : keep(both, &result->host);
}

static int hex_digit(char c)
{
    static const char digits[] = "0123456789abcdef";
    const char *found = c != '\0' ? strchr(digits, tolower((unsigned char)c)) : NULL;

    return found != NULL ? (int)(found - digits) : -1;
}

/* Replaces %XX in place. */
static const char *decode_path(char *path)
{
    char *to = path;

    for (const char *from = path; *from != '\0'; from++) {
        int high, low;

        if (*from != '%') {
            *to++ = *from;
            continue;
        }
        high = hex_digit(from[1]);
        low = high < 0 ? -1 : hex_digit(from[2]);
        if (low < 0)
            return "a % in it is not followed by two hexadecimal digits";
        if (high == 0 && low == 0)
            return "a path cannot hold %00";
        *to++ = (char)(high * 16 + low);
        from += 2;
    }
    *to = '\0';
    return NULL;
}

/* ---- The two forms ------------------------------------------------------------------------ */

/* "host", "[host]", with ":port" after it or not. */
static const char *take_authority(struct span authority, struct imgz_address *result)
{
    const char *end = authority.text + authority.bytes;
    const char *at = memrchr(authority.text, '@', authority.bytes);
    const char *host = at != NULL ? at + 1 : authority.text;
    const bool bracketed = host < end && *host == '[';
    const char *host_end = find(span_of(host, end), bracketed ? ']' : ':');
    const char *after = bracketed && host_end < end ? host_end + 1 : host_end;
    const char *why;

    if (bracketed && host_end == end)
        return "the [ in it has no ]";
    if (after < end && *after != ':')
        return "after ] only :PORT and the path may follow";
    if (after < end) {
        why = check_port(span_of(after + 1, end));
        if (why == NULL)
            why = keep(span_of(after + 1, end), &result->port);
        if (why != NULL)
            return why;
    }
    if (!bracketed)
        return take_user_host(span_of(authority.text, host_end), result);
    why = check_user_host(span_of(authority.text, at != NULL ? at : authority.text), at != NULL,
                          span_of(host + 1, host_end));
    if (why != NULL)
        return why;
    if (asprintf(&result->host, "%.*s%.*s", (int)(host - authority.text), authority.text,
                 (int)(host_end - host - 1), host + 1) < 0) {
        result->host = NULL;
        return no_memory;
    }
    return NULL;
}

static const char *take_url(const char *rest, struct imgz_address *result)
{
    const char *path = strchrnul(rest, '/');
    const char *why = take_authority(span_of(rest, path), result);

    if (why != NULL || *path == '\0')
        return why;
    why = keep((struct span){path, strlen(path)}, &result->path);
    return why != NULL ? why : decode_path(result->path);
}

/* "[user@]host:" up to the path, which begins with one slash; 0: it is another kind of name. */
static size_t short_prefix_bytes(const char *name)
{
    const char *colon = strchr(name, ':');
    const char *at = memrchr(name, '@', colon != NULL ? (size_t)(colon - name) : 0);
    struct span user = span_of(name, at != NULL ? at : name);
    struct span host = span_of(at != NULL ? at + 1 : name, colon != NULL ? colon : name);

    if (colon == NULL || colon[1] != '/' || colon[2] == '/' ||
        check_user_host(user, at != NULL, host) != NULL)
        return 0;
    return (size_t)(colon - name) + 1;
}

static bool exists_here(const char *name, size_t bytes)
{
    char *directory = strndup(name, bytes);
    bool there = directory == NULL || access(directory, F_OK) == 0;

    free(directory);
    return there;
}

static const char *take_short(const char *name, size_t prefix_bytes, struct imgz_address *result)
{
    const char *why = take_user_host((struct span){name, prefix_bytes - 1}, result);
    const char *path = name + prefix_bytes;

    return why != NULL ? why : keep((struct span){path, strlen(path)}, &result->path);
}

/* ---- Parsing ------------------------------------------------------------------------------ */

enum imgz_address_kind imgz_address_parse(const char *name, struct imgz_address *result,
                                          const char **why)
{
    const size_t scheme_bytes = strlen(SCHEME);
    const size_t prefix_bytes = short_prefix_bytes(name);

    *result = (struct imgz_address){0};
    if (strncmp(name, SCHEME, scheme_bytes) == 0)
        *why = take_url(name + scheme_bytes, result);
    else if (prefix_bytes > 0 && !exists_here(name, prefix_bytes))
        *why = take_short(name, prefix_bytes, result);
    else
        return IMGZ_ADDRESS_LOCAL;
    if (*why == NULL)
        return IMGZ_ADDRESS_REMOTE;
    imgz_address_fini(result);
    return IMGZ_ADDRESS_WRONG;
}

bool imgz_address_is_remote(const char *name)
{
    struct imgz_address address;
    const char *why;
    const enum imgz_address_kind kind = imgz_address_parse(name, &address, &why);

    if (kind == IMGZ_ADDRESS_REMOTE)
        imgz_address_fini(&address);
    return kind != IMGZ_ADDRESS_LOCAL;
}

void imgz_address_fini(struct imgz_address *address)
{
    free(address->host);
    free(address->port);
    free(address->path);
    *address = (struct imgz_address){0};
}
