/* SPDX-License-Identifier: MIT */
#include "format/meta.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"

#define FIRST_CAPACITY 16u

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

/* A printable copy of 'value', in which '%' is used for escapes alone. */
static char *escape(const char *value)
{
    const char *at = value;
    char *text = malloc(3 * strlen(value) + 1);
    char *to = text;

    if (text == NULL)
        return NULL;
    while (*at != '\0') {
        const size_t length = imgz_text_printable_bytes(at);

        if (length > 0 && *at != '%') {
            memcpy(to, at, length);
            to += length;
            at += length;
        } else {
            to += snprintf(to, 4, "%%%02X", (unsigned char)*at);
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

/* Puts a pair, whose strings become the meta's, at 'at', and moves those after it. */
static int put_pair(struct imgz_meta *meta, uint32_t at, char *key, char *value)
{
    struct imgz_meta_pair *pairs;

    if (meta->count == meta->capacity) {
        const uint32_t wanted = meta->capacity == 0 ? FIRST_CAPACITY : meta->capacity * 2;

        pairs = reallocarray(meta->pairs, wanted, sizeof(meta->pairs[0]));
        if (pairs == NULL)
            return -ENOMEM;
        meta->pairs = pairs;
        meta->capacity = wanted;
    }
    pairs = meta->pairs;
    memmove(pairs + at + 1, pairs + at, (meta->count - at) * sizeof(pairs[0]));
    pairs[at] = (struct imgz_meta_pair){key, value};
    meta->count += 1;
    return 0;
}

/* The same with a copy of the key; 'value' is freed on failure, NULL stands for no memory. */
static int put_copy(struct imgz_meta *meta, uint32_t at, const char *key, char *value)
{
    char *key_copy = strdup(key);
    int rc = -ENOMEM;

    if (key_copy != NULL && value != NULL)
        rc = put_pair(meta, at, key_copy, value);
    if (rc < 0) {
        free(key_copy);
        free(value);
    }
    return rc;
}

/* Where a key that is new belongs. */
static uint32_t find_place(const struct imgz_meta *meta, const char *key)
{
    uint32_t at = meta->count;

    IMGZ_ASSERT(key_valid(key));
    while (at > 0 && strcmp(meta->pairs[at - 1].key, key) > 0)
        at -= 1;
    IMGZ_ASSERT(at == 0 || strcmp(meta->pairs[at - 1].key, key) != 0);
    return at;
}

int imgz_meta_add(struct imgz_meta *meta, const char *key, const char *value)
{
    if (value[0] == '\0')
        return 0;
    return put_copy(meta, find_place(meta, key), key, escape(value));
}

int imgz_meta_add_pair(struct imgz_meta *meta, const struct imgz_meta_pair *pair)
{
    return put_copy(meta, find_place(meta, pair->key), pair->key, strdup(pair->value));
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

/* Without memory a stream of open_memstream(3) has its error flag set, or only leaves NULL for a
 * text. */
int imgz_meta_encode(const struct imgz_meta *meta, char **text, size_t *bytes)
{
    FILE *stream;
    bool failed;

    *text = NULL;
    *bytes = 0;
    stream = open_memstream(text, bytes);
    if (stream == NULL)
        return -errno;
    for (uint32_t i = 0; i < meta->count; i++)
        fprintf(stream, "%s=%s\n", meta->pairs[i].key, meta->pairs[i].value);
    failed = ferror(stream) != 0;
    if (fclose(stream) != 0 || failed || *text == NULL) {
        free(*text);
        *text = NULL;
        return -ENOMEM;
    }
    return 0;
}

/* Undoes escape(), in place; false if a '%' is not followed by two digits. */
static bool unescape(char *value)
{
    static const char digits[] = "0123456789ABCDEF";
    char *to = value;

    for (const char *at = value; *at != '\0'; at++) {
        if (*at == '%') {
            const char *high = at[1] != '\0' ? strchr(digits, at[1]) : NULL;
            const char *low = high != NULL && at[2] != '\0' ? strchr(digits, at[2]) : NULL;

            if (low == NULL)
                return false;
            *to++ = (char)((high - digits) << 4 | (low - digits));
            at += 2;
        } else {
            *to++ = *at;
        }
    }
    *to = '\0';
    return true;
}

/* A value has only one valid form: escaping what it stands for gives it again. '*valid' is the
 * answer. */
static int check_value(const char *value, bool *valid)
{
    char *plain = strdup(value);
    char *again = NULL;
    int rc = -ENOMEM;

    if (plain == NULL)
        return -ENOMEM;
    *valid = value[0] != '\0' && unescape(plain);
    if (*valid)
        again = escape(plain);
    if (!*valid || again != NULL) {
        *valid = *valid && strcmp(again, value) == 0;
        rc = 0;
    }
    free(again);
    free(plain);
    return rc;
}

static bool key_follows(const struct imgz_meta *meta, const char *key)
{
    return key_valid(key) &&
           (meta->count == 0 || strcmp(meta->pairs[meta->count - 1].key, key) < 0);
}

/* Adds a line, which is changed: its '=' becomes the end of the key. */
static int decode_line(char *line, struct imgz_meta *meta)
{
    char *equals = strchr(line, '=');
    bool valid = false;
    int rc;

    if (equals == NULL)
        return -EBADMSG;
    *equals = '\0';
    if (!key_follows(meta, line))
        return -EBADMSG;
    rc = check_value(equals + 1, &valid);
    if (rc == 0 && !valid)
        rc = -EBADMSG;
    return rc < 0 ? rc : put_copy(meta, meta->count, line, strdup(equals + 1));
}

/* Cuts off the first line of the text and adds it. */
static int decode_first(const char **text, size_t *bytes, struct imgz_meta *meta)
{
    const char *newline = memchr(*text, '\n', *bytes);
    size_t length;
    char *line;
    int rc;

    if (newline == NULL)
        return -EBADMSG;
    length = (size_t)(newline - *text);
    if (memchr(*text, '\0', length) != NULL)
        return -EBADMSG;
    line = strndup(*text, length);
    if (line == NULL)
        return -ENOMEM;
    rc = decode_line(line, meta);
    free(line);
    *text += length + 1;
    *bytes -= length + 1;
    return rc;
}

int imgz_meta_decode(const char *text, size_t bytes, struct imgz_meta *meta)
{
    int rc = bytes > 0 ? 0 : -EBADMSG;

    IMGZ_ASSERT(meta->count == 0);
    while (rc == 0 && bytes > 0)
        rc = decode_first(&text, &bytes, meta);
    if (rc < 0)
        imgz_meta_fini(meta);
    return rc;
}
