/* SPDX-License-Identifier: MIT */
#include "io/remote/words.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

int imgz_words_add(struct imgz_words *words, const char *word)
{
    char **list = reallocarray(words->list, words->count + 2, sizeof(*list));
    char *copy = strdup(word);

    if (list != NULL)
        words->list = list;
    if (list == NULL || copy == NULL) {
        free(copy);
        return -ENOMEM;
    }
    list[words->count++] = copy;
    list[words->count] = NULL;
    return 0;
}

void imgz_words_fini(struct imgz_words *words)
{
    for (size_t i = 0; i < words->count; i++)
        free(words->list[i]);
    free(words->list);
    *words = (struct imgz_words){0};
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\n';
}

/* True if a backslash keeps its meaning before 'c' within double quotes. */
static bool is_escaped_in_quotes(char c)
{
    return c != '\0' && strchr("$`\"\\", c) != NULL;
}

/* Unquotes one word at '*at', which is moved behind it. */
static int take_word(const char **at, char *word)
{
    const char *from = *at;
    char quote = '\0';

    for (; *from != '\0' && (quote != '\0' || !is_blank(*from)); from++) {
        if (quote == '\0' && (*from == '\'' || *from == '"'))
            quote = *from;
        else if (quote != '\0' && *from == quote)
            quote = '\0';
        else if (*from == '\\' && ((quote == '\0' && from[1] != '\0') ||
                                   (quote == '"' && is_escaped_in_quotes(from[1]))))
            *word++ = *++from;
        else
            *word++ = *from;
    }
    *word = '\0';
    *at = from;
    return quote == '\0' ? 0 : -EINVAL;
}

int imgz_words_split(const char *text, struct imgz_words *words)
{
    char *word = malloc(strlen(text) + 1); /* no word is longer */
    int rc = word == NULL ? -ENOMEM : 0;

    *words = (struct imgz_words){0};
    while (rc == 0) {
        while (is_blank(*text))
            text++;
        if (*text == '\0')
            break;
        rc = take_word(&text, word);
        if (rc == 0)
            rc = imgz_words_add(words, word);
    }
    free(word);
    return rc;
}
