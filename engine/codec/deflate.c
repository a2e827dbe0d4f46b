/* SPDX-License-Identifier: MIT */
#include "codec/deflate.h"

#include <errno.h>
#include <imgz/imgz.h>
#include <libdeflate.h>
#include <stdlib.h>

#include "codec/deflate_reopen.h"
#include "codec/incompressible.h"
#include "codec/isal.h"
#include "codec/stored.h"

/* Exactly one of the two compressors exists; at level 0 none. */
struct imgz_deflate {
    int level;
    struct imgz_isal *isal;
    struct libdeflate_compressor *libdeflate;
};

bool imgz_deflate_level_valid(int level)
{
    return level == IMGZ_LEVEL_FAST || (level >= 0 && level <= IMGZ_LEVEL_MAX);
}

#define LIBDEFLATE_NAME(level) "libdeflate " LIBDEFLATE_VERSION_STRING " level " level

const char *imgz_deflate_level_name(int level)
{
    static const char *const names[IMGZ_LEVEL_MAX + 1] = {
        "stored",
        LIBDEFLATE_NAME("1"),
        LIBDEFLATE_NAME("2"),
        LIBDEFLATE_NAME("3"),
        LIBDEFLATE_NAME("4"),
        LIBDEFLATE_NAME("5"),
        LIBDEFLATE_NAME("6"),
        LIBDEFLATE_NAME("7"),
        LIBDEFLATE_NAME("8"),
        LIBDEFLATE_NAME("9"),
        LIBDEFLATE_NAME("10"),
        LIBDEFLATE_NAME("11"),
        LIBDEFLATE_NAME("12"),
    };

    IMGZ_ASSERT(imgz_deflate_level_valid(level));
    if (level == IMGZ_LEVEL_FAST) {
#if IMGZ_HAVE_ISAL
        return imgz_isal_name();
#else
        return names[1];
#endif
    }
    return names[level];
}

/*
 * libdeflate's bound covers stored blocks and its own working room: it refuses to fill the last few
 * bytes of a buffer, so a smaller one would lose results that are just worth having. ISA-L needs no
 * more than stored blocks and one flush.
 */
size_t imgz_deflate_bound(size_t raw_bytes)
{
    size_t libdeflate_bytes = libdeflate_deflate_compress_bound(NULL, raw_bytes);
    size_t stored_bytes = imgz_stored_segment_bytes(raw_bytes);

    return imgz_max(libdeflate_bytes, stored_bytes) + IMGZ_DEFLATE_REOPEN_GROWTH_BYTES;
}

int imgz_deflate_create(int level, struct imgz_deflate **result)
{
    struct imgz_deflate *deflate;
    int rc = -ENOMEM;

    IMGZ_ASSERT(imgz_deflate_level_valid(level));
    deflate = calloc(1, sizeof(*deflate));
    if (deflate == NULL)
        goto out;
    deflate->level = level;
#if IMGZ_HAVE_ISAL
    if (level == IMGZ_LEVEL_FAST) {
        rc = imgz_isal_create(&deflate->isal);
        if (rc < 0)
            goto out;
    }
#endif
    if (level != 0 && deflate->isal == NULL) {
        deflate->libdeflate = libdeflate_alloc_compressor(level == IMGZ_LEVEL_FAST ? 1 : level);
        if (deflate->libdeflate == NULL)
            goto out;
    }
    *result = deflate;
    deflate = NULL;
    rc = 0;
out:
    imgz_deflate_destroy(deflate);
    return rc;
}

void imgz_deflate_destroy(struct imgz_deflate *deflate)
{
    if (deflate == NULL)
        return;
#if IMGZ_HAVE_ISAL
    imgz_isal_destroy(deflate->isal);
#endif
    if (deflate->libdeflate != NULL)
        libdeflate_free_compressor(deflate->libdeflate);
    free(deflate);
}

/* 0; -ENOSPC: no smaller than stored blocks; -EBADMSG: not a valid stream. */
static int compress_libdeflate(struct libdeflate_compressor *compressor, const unsigned char *raw,
                               size_t raw_bytes, unsigned char *out, size_t *segment_bytes)
{
    size_t room_bytes = imgz_deflate_bound(raw_bytes) - IMGZ_DEFLATE_REOPEN_GROWTH_BYTES;
    size_t stream_bytes = libdeflate_deflate_compress(compressor, raw, raw_bytes, out, room_bytes);

    if (stream_bytes == 0 || stream_bytes >= imgz_stored_segment_bytes(raw_bytes))
        return -ENOSPC;
    return imgz_deflate_reopen_known(out, stream_bytes, raw, raw_bytes, segment_bytes);
}

static int compress(struct imgz_deflate *deflate, const unsigned char *raw, size_t raw_bytes,
                    unsigned char *out, size_t *segment_bytes)
{
    if (deflate->level == 0 || imgz_incompressible(raw, raw_bytes))
        return -ENOSPC;
#if IMGZ_HAVE_ISAL
    if (deflate->isal != NULL)
        return imgz_isal_compress(deflate->isal, raw, raw_bytes, out, imgz_deflate_bound(raw_bytes),
                                  segment_bytes);
#endif
    return compress_libdeflate(deflate->libdeflate, raw, raw_bytes, out, segment_bytes);
}

int imgz_deflate_compress(struct imgz_deflate *deflate, const unsigned char *raw, size_t raw_bytes,
                          unsigned char *out, size_t *segment_bytes, enum imgz_deflate_form *form)
{
    size_t stored_bytes = imgz_stored_segment_bytes(raw_bytes);
    size_t compressed_bytes = stored_bytes;
    int rc;

    IMGZ_ASSERT(raw_bytes > 0);
    rc = compress(deflate, raw, raw_bytes, out, &compressed_bytes);
    if (rc < 0 && rc != -ENOSPC)
        return rc;
    if (compressed_bytes < stored_bytes) {
        *segment_bytes = compressed_bytes;
        *form = IMGZ_DEFLATE_COMPRESSED;
        return 0;
    }
    imgz_stored_make(raw, raw_bytes, out);
    *segment_bytes = stored_bytes;
    *form = IMGZ_DEFLATE_STORED;
    return 0;
}
