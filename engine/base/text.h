/* SPDX-License-Identifier: MIT */
/*
 * Texts in arrays of a fixed size, cut where they do not fit; and what of a text is safe on a
 * terminal.
 *
 * Threads    any; no state.
 */
#ifndef IMGZ_TEXT_H
#define IMGZ_TEXT_H

#include "base/base.h"

/* Cut at the end of 'to'. */
void imgz_text_copy(char *to, size_t to_bytes, const char *from);

/* As snprintf(3). */
void imgz_text_set(char *to, size_t to_bytes, const char *format, ...) IMGZ_PRINTF(3, 4);

/* Adds 'item' to a list in words, after 'separator' unless it is the first. If it does not fit, the
 * first is cut, and any other is left out; the result is then false. */
bool imgz_text_append(char *list, size_t list_bytes, const char *separator, const char *item);

/* Words for people, for use as a printf argument: imgz_text_count(1, "chunk").text. */
struct imgz_text_words {
    char text[56];
};

/* "1 chunk", "2 chunks". */
struct imgz_text_words imgz_text_count(uint64_t count, const char *noun);

/* "2.86 MiB (3000000 bytes)", "1 GiB (1073741824 bytes)"; "512 bytes" below a KiB. */
struct imgz_text_words imgz_text_size(uint64_t bytes);

/* Length of the character that 'text' begins with. 0 if it cannot be shown as it is: the end of the
 * text, a control character (U+0080 to U+009F, too), one that reorders or breaks lines, or a byte
 * that is not UTF-8. */
size_t imgz_text_printable_bytes(const char *text);

#endif /* IMGZ_TEXT_H */
