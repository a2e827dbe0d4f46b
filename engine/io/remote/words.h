/* SPDX-License-Identifier: MIT */
/*
 * A command that the user gave as one text, cut into words: "ssh -o 'ProxyJump a'". Quotes and
 * backslashes mean what they mean in a shell (POSIX, 2.2 Quoting); nothing is expanded.
 *
 * Threads    any number; no state.
 * Errors     see split.
 */
#ifndef IMGZ_WORDS_H
#define IMGZ_WORDS_H

#include "base/base.h"

struct imgz_words {
    char **list; /* ends with NULL, as execve(2) wants it */
    size_t count;
};

/* 0; -EINVAL: a quote is not closed; -ENOMEM. To be ended by fini in any case. */
IMGZ_MUST_CHECK int imgz_words_split(const char *text, struct imgz_words *words);

/* Adds a copy of 'word'. 0, or -ENOMEM. */
IMGZ_MUST_CHECK int imgz_words_add(struct imgz_words *words, const char *word);
void imgz_words_fini(struct imgz_words *words);

#endif /* IMGZ_WORDS_H */
