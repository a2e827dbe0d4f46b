/* SPDX-License-Identifier: MIT */
#include "base/text.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <imgz/imgz.h>

void imgz_text_copy(char *to, size_t to_bytes, const char *from)
{
    const size_t length = strnlen(from, to_bytes - 1);

    IMGZ_ASSERT(to_bytes > 0);
    memmove(to, from, length);
    to[length] = '\0';
}

void imgz_text_set(char *to, size_t to_bytes, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    (void)vsnprintf(to, to_bytes, format, arguments);
    va_end(arguments);
}

bool imgz_text_append(char *list, size_t list_bytes, const char *separator, const char *item)
{
    const size_t length = strlen(list);
    const size_t lead_bytes = length > 0 ? strlen(separator) : 0;
    const bool fits = length + lead_bytes + strlen(item) < list_bytes;

    IMGZ_ASSERT(length < list_bytes);
    if (!fits && length > 0)
        return false;
    memcpy(list + length, separator, lead_bytes);
    imgz_text_copy(list + length + lead_bytes, list_bytes - length - lead_bytes, item);
    return fits;
}

struct imgz_text_words imgz_text_count(uint64_t count, const char *noun)
{
    struct imgz_text_words words;

    imgz_text_set(words.text, sizeof(words.text), "%" PRIu64 " %s%s", count, noun,
                  count == 1 ? "" : "s");
    return words;
}

/* Three digits; zeros after the point are left out if the size is exactly that. */
struct imgz_text_words imgz_text_size(uint64_t bytes)
{
    static const char *const units[] = {"KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
    struct imgz_text_words words = imgz_text_count(bytes, "byte");
    double value = (double)bytes / 1024;
    size_t unit = 0;
    int decimals;

    if (bytes < 1024)
        return words;
    for (; value >= 1023.5 && unit + 1 < IMGZ_COUNT_OF(units); unit++)
        value /= 1024;
    decimals = value == (double)(uint64_t)value ? 0 : value < 9.995 ? 2 : value < 99.95 ? 1 : 0;
    imgz_text_set(words.text, sizeof(words.text), "%.*f %s (%" PRIu64 " bytes)", decimals, value,
                  units[unit], bytes);
    return words;
}

/* ---- Texts on a terminal -------------------------------------------------------------------- */

/* Length of the UTF-8 character at 'at' (RFC 3629), 0 if there is none. */
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

/* Characters that reorder or break what a terminal shows: U+061C, U+200E, U+200F, U+2028 to U+202E,
 * U+2066 to U+2069. */
static bool is_trick(const unsigned char *at, size_t length)
{
    if (length == 2)
        return at[0] == 0xd8 && at[1] == 0x9c;
    if (length != 3 || at[0] != 0xe2)
        return false;
    if (at[1] == 0x80)
        return at[2] == 0x8e || at[2] == 0x8f || (at[2] >= 0xa8 && at[2] <= 0xae);
    return at[1] == 0x81 && at[2] >= 0xa6 && at[2] <= 0xa9;
}

size_t imgz_text_printable_bytes(const char *text)
{
    const unsigned char *at = (const unsigned char *)text;
    const size_t length = utf8_length(at);

    if (length == 1)
        return at[0] >= 0x20 && at[0] != 0x7f ? 1 : 0;
    return is_trick(at, length) ? 0 : length;
}

void imgz_make_printable(char *text)
{
    while (*text != '\0') {
        const size_t length = imgz_text_printable_bytes(text);

        if (length == 0)
            *text = '?';
        text += imgz_max(length, 1);
    }
}
