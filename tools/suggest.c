/* SPDX-License-Identifier: MIT */
/*
 * The distance is Levenshtein's with swaps of neighbours (optimal string alignment): how many
 * letters have to be added, dropped, replaced or swapped. Row i of the table holds the distances of
 * the first i letters of the word from every beginning of the name; three rows are enough.
 */
#include "suggest.h"

#include <string.h>

#define LENGTH_MAX 24u /* longer words are not misspelt names of ours */

static size_t least(size_t a, size_t b, size_t c)
{
    size_t less = a < b ? a : b;

    return less < c ? less : c;
}

static size_t distance(const char *word, const char *name)
{
    size_t rows[3][LENGTH_MAX + 1];
    size_t *two_above = rows[0], *above = rows[1], *row = rows[2];
    size_t name_length = strlen(name);

    for (size_t j = 0; j <= name_length; j++)
        above[j] = j;
    for (size_t i = 1; word[i - 1] != '\0'; i++) {
        size_t *oldest = two_above;

        row[0] = i;
        for (size_t j = 1; j <= name_length; j++) {
            row[j] = least(above[j] + 1, row[j - 1] + 1,
                           above[j - 1] + (word[i - 1] != name[j - 1] ? 1 : 0));
            if (i > 1 && j > 1 && word[i - 1] == name[j - 2] && word[i - 2] == name[j - 1])
                row[j] = least(row[j], two_above[j - 2] + 1, row[j]);
        }
        two_above = above;
        above = row;
        row = oldest;
    }
    return above[name_length];
}

void suggest_consider(struct suggest *state, const char *word, const char *name)
{
    size_t length = strlen(word);
    size_t far;

    if (length > LENGTH_MAX || strlen(name) > LENGTH_MAX)
        return;
    /* A third of the word may be wrong: "capure" is near, "cat" is not. */
    far = distance(word, name);
    if (far <= (length + 1) / 3 && (state->best == NULL || far < state->distance)) {
        state->best = name;
        state->distance = far;
    }
}
