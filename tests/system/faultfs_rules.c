/* SPDX-License-Identifier: MIT */
#define _GNU_SOURCE
#include "faultfs_rules.h"

#include <errno.h>
#include <fnmatch.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define RULES_MAX 64
#define WORD_MAX  128

struct rule {
    char what[WORD_MAX]; /* "size": the size below */
    char names[WORD_MAX];
    int error;
    long count; /* left; -1: for ever */
    off_t size_bytes;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct rule rules[RULES_MAX]; /* guarded by lock, and so on */
static int rule_count;
static char asked[1 << 18]; /* as faultfs_show() has it */
static size_t asked_bytes;

/* ---- What is refused ---------------------------------------------------------------------- */

static const char *name_of(const char *path)
{
    return strrchr(path, '/') + 1;
}

static void note_locked(const char *what, const char *name)
{
    char line[512];
    const int length = snprintf(line, sizeof(line), "%s %s\n", what, name);

    if (length > 0 && asked_bytes + (size_t)length <= sizeof(asked) &&
        (size_t)length < sizeof(line)) {
        memcpy(asked + asked_bytes, line, (size_t)length);
        asked_bytes += (size_t)length;
    }
}

static int find_error_locked(const char *what, const char *name)
{
    for (int i = 0; i < rule_count; i++) {
        struct rule *rule = &rules[i];

        if (strcmp(rule->what, what) != 0 || rule->count == 0 || fnmatch(rule->names, name, 0) != 0)
            continue;
        if (rule->count > 0)
            rule->count -= 1;
        return rule->error;
    }
    return 0;
}

int faultfs_refusal(const char *what, const char *path)
{
    const char *name = path != NULL ? name_of(path) : "";
    int error = 0;

    pthread_mutex_lock(&lock);
    if (strchr(name, ':') != NULL)
        error = find_error_locked("colon", name);
    if (error == 0)
        error = find_error_locked(what, name);
    if (strcmp(what, "stat") != 0 && strcmp(what, "read") != 0 && strcmp(what, "write") != 0)
        note_locked(what, name);
    pthread_mutex_unlock(&lock);
    return -error;
}

int faultfs_told_size(const char *path, off_t *bytes)
{
    int told = 0;

    pthread_mutex_lock(&lock);
    for (int i = 0; i < rule_count; i++) {
        if (strcmp(rules[i].what, "size") == 0 && fnmatch(rules[i].names, name_of(path), 0) == 0) {
            *bytes = rules[i].size_bytes;
            told = 1;
        }
    }
    pthread_mutex_unlock(&lock);
    return told;
}

/* ---- What is said in DIR/.faultfs --------------------------------------------------------- */

static int find_error_number(const char *name)
{
    for (int error = 1; error < 134; error++) {
        const char *known = strerrorname_np(error);

        if (known != NULL && strcmp(known, name) == 0)
            return error;
    }
    return 0;
}

static int take_rule_locked(char **words, int word_count)
{
    static const char known[] =
        " open create read write allocate truncate fsync unlink link rename "
        "mkdir chmod xattr lock stat reopen direct fsyncdir noreplace colon ";
    char what[WORD_MAX];
    struct rule rule = {.names = "*", .count = -1};

    if (strcmp(words[0], "size") == 0 && word_count == 3) {
        (void)snprintf(rule.what, sizeof(rule.what), "size");
        (void)snprintf(rule.names, sizeof(rule.names), "%s", words[1]);
        rule.size_bytes = strtoll(words[2], NULL, 10);
        rules[rule_count++] = rule;
        return 0;
    }
    if (strcmp(words[0], "refuse") != 0 || word_count < 3)
        return -EINVAL;
    (void)snprintf(what, sizeof(what), " %s ", words[1]);
    (void)snprintf(rule.what, sizeof(rule.what), "%s", words[1]);
    rule.error = find_error_number(words[2]);
    if (strstr(known, what) == NULL || rule.error == 0)
        return -EINVAL;
    if (word_count > 3)
        rule.count = strtol(words[3], NULL, 10);
    if (word_count > 4)
        (void)snprintf(rule.names, sizeof(rule.names), "%s", words[4]);
    rules[rule_count++] = rule;
    return 0;
}

static int take_line_locked(char *line)
{
    char *words[5];
    char *rest = NULL;
    int word_count = 0;

    for (char *word = strtok_r(line, " ", &rest); word != NULL; word = strtok_r(NULL, " ", &rest)) {
        if (word_count == 5)
            return -EINVAL;
        words[word_count++] = word;
    }
    if (word_count == 1 && strcmp(words[0], "clear") == 0) {
        rule_count = 0;
        asked_bytes = 0;
        return 0;
    }
    return word_count == 0 || rule_count == RULES_MAX ? -EINVAL
                                                      : take_rule_locked(words, word_count);
}

int faultfs_tell(const char *text, size_t bytes)
{
    char *copy = strndup(text, bytes);
    char *rest = NULL;
    int rc = copy == NULL ? -ENOMEM : 0;

    pthread_mutex_lock(&lock);
    for (char *line = rc == 0 ? strtok_r(copy, "\n", &rest) : NULL; line != NULL && rc == 0;
         line = strtok_r(NULL, "\n", &rest))
        rc = take_line_locked(line);
    pthread_mutex_unlock(&lock);
    free(copy);
    return rc == 0 ? (int)bytes : rc;
}

int faultfs_show(char *buffer, size_t bytes, off_t offset)
{
    size_t shown_bytes = 0;

    pthread_mutex_lock(&lock);
    if ((size_t)offset < asked_bytes) {
        shown_bytes = asked_bytes - (size_t)offset;
        shown_bytes = shown_bytes < bytes ? shown_bytes : bytes;
        memcpy(buffer, asked + offset, shown_bytes);
    }
    pthread_mutex_unlock(&lock);
    return (int)shown_bytes;
}
