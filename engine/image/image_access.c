/* SPDX-License-Identifier: MIT */
#include "image/image_access.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/mutex.h"
#include "image/chunk_reader.h"
#include "image/image_error.h"

struct reader {
    struct imgz_chunk_reader chunks;
    struct reader *next;
};

struct imgz_image_readers {
    /* Guarded by lock. */
    struct imgz_mutex lock;
    struct reader *idle; /* the one that was used last comes first */
};

int imgz_image_readers_create(struct imgz_image_readers **result)
{
    struct imgz_image_readers *readers = calloc(1, sizeof(*readers));

    if (readers == NULL)
        return -ENOMEM;
    imgz_mutex_init(&readers->lock);
    *result = readers;
    return 0;
}

static void destroy_reader(struct reader *reader)
{
    imgz_chunk_reader_fini(&reader->chunks);
    free(reader);
}

void imgz_image_readers_destroy(struct imgz_image_readers *readers)
{
    if (readers == NULL)
        return;
    while (readers->idle != NULL) {
        struct reader *reader = readers->idle;

        readers->idle = reader->next;
        destroy_reader(reader);
    }
    imgz_mutex_fini(&readers->lock);
    free(readers);
}

/* ---- Readers ------------------------------------------------------------------------------ */

static bool has(const struct reader *reader, uint64_t offset)
{
    const struct imgz_slot *slot = &reader->chunks.slot;

    return offset >= slot->raw_offset && offset < slot->raw_offset + slot->raw_bytes;
}

/* An idle reader: the one that has the chunk already, or any; NULL if there is none. */
static struct reader *take_idle(struct imgz_image_readers *readers, uint64_t offset)
{
    struct reader **at = &readers->idle;
    struct reader *reader;

    imgz_mutex_lock(&readers->lock);
    while (*at != NULL && !has(*at, offset))
        at = &(*at)->next;
    if (*at == NULL)
        at = &readers->idle;
    reader = *at;
    if (reader != NULL)
        *at = reader->next;
    imgz_mutex_unlock(&readers->lock);
    return reader;
}

static void give_back(struct imgz_image_readers *readers, struct reader *reader)
{
    imgz_mutex_lock(&readers->lock);
    reader->next = readers->idle;
    readers->idle = reader;
    imgz_mutex_unlock(&readers->lock);
}

static int take_reader(const struct imgz_image *image, uint64_t offset, struct reader **result)
{
    struct reader *reader = take_idle(image->readers, offset);
    int rc;

    if (reader == NULL) {
        reader = calloc(1, sizeof(*reader));
        if (reader == NULL)
            return -ENOMEM;
        rc = imgz_chunk_reader_init(&reader->chunks, image);
        if (rc < 0) {
            destroy_reader(reader);
            return rc;
        }
    }
    *result = reader;
    return 0;
}

/* ---- Errors ------------------------------------------------------------------------------- */

/* With a latch of this call's own. Without memory for one there is only the code. */
static int fail(const struct imgz_image *image, const struct imgz_slot *slot, int rc,
                struct imgz_error *error)
{
    struct imgz_latch *latch = NULL;

    if (error == NULL || imgz_latch_create(&latch) < 0)
        return slot != NULL && slot->fault != IMGZ_FAULT_READ ? -EBADMSG : rc;
    rc = slot != NULL
             ? imgz_image_error_raise_fault(latch, image->source, slot)
             : imgz_latch_raise_system(latch, rc,
                                       imgz_source_location(image->source, IMGZ_OFFSET_NONE),
                                       "reading");
    *error = *imgz_latch_error(latch);
    imgz_latch_destroy(latch);
    return rc;
}

/* ---- Reading ------------------------------------------------------------------------------ */

/* Copies as much as the reader's item has of what is wanted. */
static size_t copy_item(const struct imgz_slot *slot, uint64_t offset, unsigned char *to,
                        size_t bytes)
{
    const uint64_t within = offset - slot->raw_offset;
    const size_t taken = (size_t)imgz_min(bytes, slot->raw_bytes - within);

    if (slot->kind == IMGZ_SLOT_DATA)
        memcpy(to, slot->raw + within, taken);
    else
        memset(to, 0, taken);
    return taken;
}

static int read_fault(const struct imgz_slot *slot)
{
    if (slot->fault != IMGZ_FAULT_READ)
        return -EBADMSG;
    return slot->read_rc < 0 ? slot->read_rc : -EBADMSG;
}

int imgz_image_read_disk(const struct imgz_image *image, uint64_t offset, void *buffer,
                         size_t bytes, struct imgz_error *error)
{
    unsigned char *to = buffer;
    struct reader *reader = NULL;
    int rc;

    IMGZ_ASSERT(image->seekable);
    if (offset > image->end.raw_bytes || bytes > image->end.raw_bytes - offset)
        return fail(image, NULL, -ENODATA, error);
    rc = take_reader(image, offset, &reader);
    if (rc < 0)
        return fail(image, NULL, rc, error);
    while (rc == 0 && bytes > 0) {
        const struct imgz_slot *slot = &reader->chunks.slot;
        size_t taken;

        imgz_chunk_reader_seek(&reader->chunks, offset);
        if (slot->fault != IMGZ_FAULT_NONE) {
            rc = fail(image, slot, read_fault(slot), error);
            break;
        }
        taken = copy_item(slot, offset, to, bytes);
        offset += taken;
        to += taken;
        bytes -= taken;
    }
    give_back(image->readers, reader);
    return rc;
}
