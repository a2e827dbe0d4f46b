/* SPDX-License-Identifier: MIT */
#include "image/meta.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void imgz_meta_init(struct imgz_meta *meta)
{
    *meta = (struct imgz_meta){0};
}

void imgz_meta_fini(struct imgz_meta *meta)
{
    for (uint32_t i = 0; i < meta->count; i++) {
        free(meta->pairs[i].key);
        free(meta->pairs[i].value);
    }
    free(meta->pairs);
    imgz_meta_init(meta);
}

/* Length of the UTF-8 character at 'at' (RFC 3629), 0 if it is none. */
static size_t utf8_length(const unsigned char *at)
{
    const size_t length = at[0] < 0x80                     ? 1
                          : at[0] >= 0xc2 && at[0] <= 0xdf ? 2
                          : at[0] >= 0xe0 && at[0] <= 0xef ? 3
                          : at[0] >= 0xf0 && at[0] <= 0xf4 ? 4
                                                           : 0;

    for (size_t i = 1; i < length; i++) {
        if ((at[i] & 0xc0) != 0x80)
            return 0;
    }
    /* Overlong forms, surrogates, beyond U+10FFFF; and the control characters U+0080 to U+009F. */
    if ((at[0] == 0xe0 && at[1] < 0xa0) || (at[0] == 0xed && at[1] > 0x9f) ||
        (at[0] == 0xf0 && at[1] < 0x90) || (at[0] == 0xf4 && at[1] > 0x8f) ||
        (at[0] == 0xc2 && at[1] < 0xa0))
        return 0;
    return length;
}

static bool is_plain(const unsigned char *at, size_t length)
{
    return length > 1 || (length == 1 && at[0] >= 0x20 && at[0] != 0x7f && at[0] != '%');
}

/* A printable copy of 'value'. */
static char *escape(const char *value)
{
    const unsigned char *at = (const unsigned char *)value;
    char *text = malloc(3 * strlen(value) + 1);
    char *to = text;

    if (text == NULL)
        return NULL;
    while (*at != '\0') {
        const size_t length = utf8_length(at);

        if (is_plain(at, length)) {
            memcpy(to, at, length);
            to += length;
            at += length;
        } else {
            to += snprintf(to, 4, "%%%02X", *at);
            at += 1;
        }
    }
    *to = '\0';
    return text;
}

static bool key_valid(const char *key)
{
    const size_t length = strlen(key);

    return length > 0 && length == strspn(key, "abcdefghijklmnopqrstuvwxyz0123456789.-");
}

/* Inserts a pair whose strings become the meta's; -EBADMSG if the key is there already. */
static int insert(struct imgz_meta *meta, char *key, char *value)
{
    struct imgz_meta_pair *pairs =
        reallocarray(meta->pairs, meta->count + 1, sizeof(meta->pairs[0]));
    uint32_t at = meta->count;

    if (pairs == NULL)
        return -ENOMEM;
    meta->pairs = pairs;
    while (at > 0 && strcmp(pairs[at - 1].key, key) > 0)
        at -= 1;
    if (at > 0 && strcmp(pairs[at - 1].key, key) == 0)
        return -EBADMSG;
    memmove(pairs + at + 1, pairs + at, (meta->count - at) * sizeof(pairs[0]));
    pairs[at] = (struct imgz_meta_pair){key, value};
    meta->count += 1;
    return 0;
}

static int insert_copy(struct imgz_meta *meta, const char *key, char *value)
{
    char *key_copy = strdup(key);
    int rc = -ENOMEM;

    if (key_copy != NULL && value != NULL)
        rc = insert(meta, key_copy, value);
    if (rc < 0) {
        free(key_copy);
        free(value);
    }
    return rc;
}

int imgz_meta_add(struct imgz_meta *meta, const char *key, const char *value)
{
    int rc;

    IMGZ_ASSERT(key_valid(key));
    if (value[0] == '\0')
        return 0;
    rc = insert_copy(meta, key, escape(value));
    IMGZ_ASSERT(rc != -EBADMSG);
    return rc;
}

int imgz_meta_add_number(struct imgz_meta *meta, const char *key, uint64_t value)
{
    char text[32];

    snprintf(text, sizeof(text), "%" PRIu64, value);
    return imgz_meta_add(meta, key, text);
}

const char *imgz_meta_find(const struct imgz_meta *meta, const char *key)
{
    for (uint32_t i = 0; i < meta->count; i++) {
        if (strcmp(meta->pairs[i].key, key) == 0)
            return meta->pairs[i].value;
    }
    return NULL;
}

int imgz_meta_encode(const struct imgz_meta *meta, char **text, size_t *bytes)
{
    FILE *stream;

    *text = NULL;
    *bytes = 0;
    stream = open_memstream(text, bytes);
    if (stream == NULL)
        return -errno;
    for (uint32_t i = 0; i < meta->count; i++)
        fprintf(stream, "%s=%s\n", meta->pairs[i].key, meta->pairs[i].value);
    if (fclose(stream) != 0) {
        free(*text);
        *text = NULL;
        return -ENOMEM;
    }
    return 0;
}

static bool value_valid(const char *value)
{
    const unsigned char *at = (const unsigned char *)value;

    while (*at != '\0') {
        const size_t length = utf8_length(at);

        if (*at == '%' ? !(isxdigit(at[1]) && isxdigit(at[2])) : !is_plain(at, length))
            return false;
        at += *at == '%' ? 1 : length;
    }
    return true;
}

/* Adds the line of 'bytes', without its newline. */
static int decode_line(const char *line, size_t bytes, struct imgz_meta *meta)
{
    char *copy = strndup(line, bytes);
    char *equals;
    int rc = -EBADMSG;

    if (copy == NULL)
        return -ENOMEM;
    equals = strchr(copy, '=');
    if (equals != NULL && strlen(copy) == bytes) {
        *equals = '\0';
        if (key_valid(copy) && value_valid(equals + 1))
            rc = insert_copy(meta, copy, strdup(equals + 1));
    }
    free(copy);
    return rc;
}

int imgz_meta_decode(const char *text, size_t bytes, struct imgz_meta *meta)
{
    int rc = 0;

    IMGZ_ASSERT(meta->count == 0);
    while (rc == 0 && bytes > 0) {
        const char *newline = memchr(text, '\n', bytes);

        if (newline == NULL) {
            rc = -EBADMSG;
        } else {
            rc = decode_line(text, (size_t)(newline - text), meta);
            bytes -= (size_t)(newline - text) + 1;
            text = newline + 1;
        }
    }
    if (rc < 0)
        imgz_meta_fini(meta);
    return rc;
}
