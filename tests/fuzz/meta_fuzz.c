/* SPDX-License-Identifier: MIT */
/*
 * Metadata, twice: the input as the text of an image, which if accepted is written again to the
 * very same bytes; and as a value, which once escaped is accepted and printable.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "format/meta.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

static void check_text(const char *text, size_t bytes)
{
    struct imgz_meta meta;
    char *again = NULL;
    size_t again_bytes = 0;
    int rc;

    imgz_meta_init(&meta);
    rc = imgz_meta_decode(text, bytes, &meta);
    IMGZ_ASSERT(rc == 0 || rc == -EBADMSG);
    IMGZ_ASSERT(rc == 0 || meta.count == 0);
    if (rc == 0) {
        IMGZ_ASSERT(imgz_meta_encode(&meta, &again, &again_bytes) == 0);
        IMGZ_ASSERT(again_bytes == bytes);
        IMGZ_ASSERT(bytes == 0 || memcmp(again, text, bytes) == 0);
    }
    free(again);
    imgz_meta_fini(&meta);
}

static void check_value(const char *value)
{
    struct imgz_meta meta;
    char *text = NULL;
    size_t bytes = 0;

    imgz_meta_init(&meta);
    IMGZ_ASSERT(imgz_meta_add(&meta, "key", value) == 0);
    IMGZ_ASSERT(imgz_meta_encode(&meta, &text, &bytes) == 0);
    for (size_t i = 0; i + 1 < bytes; i++)
        IMGZ_ASSERT((unsigned char)text[i] >= 0x20 && text[i] != 0x7f);
    check_text(text, bytes);
    free(text);
    imgz_meta_fini(&meta);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    char *text = malloc(bytes + 1);

    IMGZ_ASSERT(text != NULL);
    if (bytes > 0)
        memcpy(text, data, bytes);
    text[bytes] = '\0';
    check_value(text);
    free(text);
    /* Exactly as long as the input, so that a sanitizer sees a read beyond it. */
    text = malloc(bytes > 0 ? bytes : 1);
    IMGZ_ASSERT(text != NULL);
    if (bytes > 0)
        memcpy(text, data, bytes);
    check_text(text, bytes);
    free(text);
    return 0;
}
