/* SPDX-License-Identifier: MIT */
#include "image/chunk_reader.h"

#include <errno.h>
#include <sys/mman.h>

#include "checksum/checksum.h"
#include "image/image_feeder.h"

/* The buffers of one item, one after the other in one mapping: each begins with a page. */
static int create_buffers(struct imgz_chunk_reader *chunks)
{
    const struct imgz_image *image = chunks->image;
    const uint64_t raw_bytes = imgz_align_up(imgz_image_data_bytes_max(image), IMGZ_BLOCK_BYTES);
    const uint64_t stored_bytes =
        imgz_align_up(imgz_chunk_stored_bytes(imgz_image_segment_bytes_max(image)),
                      IMGZ_BLOCK_BYTES);
    unsigned char *at;

    chunks->memory_bytes = raw_bytes + stored_bytes + raw_bytes / IMGZ_BLOCK_BYTES;
    at = mmap(NULL, chunks->memory_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1,
              0);
    if (at == MAP_FAILED)
        return -ENOMEM;
    chunks->memory = at;
    chunks->slot.raw = at;
    chunks->slot.stored = at + raw_bytes;
    chunks->slot.zero_map = at + raw_bytes + stored_bytes;
    return 0;
}

int imgz_chunk_reader_init(struct imgz_chunk_reader *chunks, const struct imgz_image *image)
{
    int rc;

    *chunks = (struct imgz_chunk_reader){.image = image};
    imgz_index_rewind(&image->index, image->end.raw_bytes, &chunks->cursor);
    rc = imgz_chunk_decoder_init(&chunks->decoder, image->header.hash);
    return rc < 0 ? rc : create_buffers(chunks);
}

void imgz_chunk_reader_fini(struct imgz_chunk_reader *chunks)
{
    imgz_chunk_decoder_fini(&chunks->decoder);
    if (chunks->memory != NULL)
        munmap(chunks->memory, chunks->memory_bytes);
    chunks->memory = NULL;
}

/* The note must agree with the table of hashes, which the root hash covers. */
static void check_table(const struct imgz_chunk_reader *chunks, struct imgz_slot *slot)
{
    if (chunks->image->index.hashes == NULL)
        return;
    if (slot->kind == IMGZ_SLOT_DATA && slot->fault == IMGZ_FAULT_NONE &&
        !imgz_hash_equal(&slot->raw_hash, &chunks->image->index.hashes[chunks->item.hash_index]))
        slot->fault = IMGZ_FAULT_TABLE;
}

void imgz_chunk_reader_seek(struct imgz_chunk_reader *chunks, uint64_t offset)
{
    struct imgz_slot *slot = &chunks->slot;
    int rc;

    /* What failed is tried again: an error belongs to one call. */
    if (slot->fault == IMGZ_FAULT_NONE && offset >= chunks->item.raw_offset &&
        offset < chunks->item.raw_offset + chunks->item.raw_bytes)
        return;
    rc = imgz_index_seek(&chunks->cursor, offset, &chunks->item);
    IMGZ_ASSERT(rc == 0); /* the index was checked when it was loaded */
    *slot = (struct imgz_slot){
        .raw = slot->raw,
        .stored = slot->stored,
        .zero_map = slot->zero_map,
    };
    imgz_image_item_location(slot, &chunks->item);
    imgz_image_fetch(chunks->image, slot);
    if (slot->fault == IMGZ_FAULT_READ)
        return;
    imgz_chunk_decode(&chunks->decoder, slot);
    check_table(chunks, slot);
}
