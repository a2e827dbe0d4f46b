/* SPDX-License-Identifier: MIT */
#include "base/text.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

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
