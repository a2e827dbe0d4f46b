/* SPDX-License-Identifier: MIT */
/*
 * "Did you mean ...?": which of some names a misspelt word is nearest to.
 */
#ifndef IMGZ_TOOLS_SUGGEST_H
#define IMGZ_TOOLS_SUGGEST_H

#include <stddef.h>

struct suggest {
    const char *best; /* NULL: nothing near */
    size_t distance;  /* of 'best' */
};

/* Keeps 'name' in 'state', which starts as zeros, if it is nearer to 'word' than those before. */
void suggest_consider(struct suggest *state, const char *word, const char *name);

#endif /* IMGZ_TOOLS_SUGGEST_H */
