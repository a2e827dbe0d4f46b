/* SPDX-License-Identifier: MIT */
#include "image/chunk_reader.h"

#include <errno.h>
#include <sys/mman.h>

#include "checksum/checksum.h"
#include "image/image_feeder.h"

/* The buffers of one item, one behind the other in one mapping: each begins with a page. */
static int create_buffers(struct imgz_unpacker *unpacker)
{
    const struct imgz_image *image = unpacker->image;
    const uint64_t raw_bytes = imgz_align_up(imgz_image_data_bytes_max(image), IMGZ_BLOCK_BYTES);
    const uint64_t stored_bytes =
        imgz_align_up(imgz_check_stored_bytes(imgz_image_segment_bytes_max(image)),
                      IMGZ_BLOCK_BYTES);
    unsigned char *at;

    unpacker->memory_bytes = raw_bytes + stored_bytes + raw_bytes / IMGZ_BLOCK_BYTES;
    at = mmap(NULL, unpacker->memory_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1,
              0);
    if (at == MAP_FAILED)
        return -ENOMEM;
    unpacker->memory = at;
    unpacker->slot.raw = at;
    unpacker->slot.stored = at + raw_bytes;
    unpacker->slot.zero_map = at + raw_bytes + stored_bytes;
    return 0;
}

int imgz_unpacker_init(struct imgz_unpacker *unpacker, const struct imgz_image *image)
{
    int rc;

    *unpacker = (struct imgz_unpacker){.image = image};
    imgz_index_rewind(&image->index, image->end.raw_bytes, &unpacker->cursor);
    rc = imgz_checker_init(&unpacker->checker, image->header.hash);
    return rc < 0 ? rc : create_buffers(unpacker);
}

void imgz_unpacker_fini(struct imgz_unpacker *unpacker)
{
    imgz_checker_fini(&unpacker->checker);
    if (unpacker->memory != NULL)
        munmap(unpacker->memory, unpacker->memory_bytes);
    unpacker->memory = NULL;
}

/* What the note says must be what the table of hashes says, which the root hash stands for. */
static void check_table(const struct imgz_unpacker *unpacker, struct imgz_slot *slot)
{
    if (unpacker->image->index.hashes == NULL)
        return;
    if (slot->kind == IMGZ_SLOT_DATA && slot->fault == IMGZ_FAULT_NONE &&
        !imgz_hash_equal(&slot->raw_hash,
                         &unpacker->image->index.hashes[unpacker->item.hash_index]))
        slot->fault = IMGZ_FAULT_TABLE;
}

void imgz_unpacker_seek(struct imgz_unpacker *unpacker, uint64_t offset)
{
    struct imgz_slot *slot = &unpacker->slot;
    int rc;

    if (offset < unpacker->item.raw_offset) {
        imgz_index_rewind(&unpacker->image->index, unpacker->image->end.raw_bytes,
                          &unpacker->cursor);
        unpacker->item = (struct imgz_index_item){0};
    }
    if (offset < unpacker->item.raw_offset + unpacker->item.raw_bytes)
        return;
    rc = imgz_index_seek(&unpacker->cursor, offset, &unpacker->item);
    IMGZ_ASSERT(rc == 0); /* the index was checked when it was loaded */
    *slot = (struct imgz_slot){
        .raw = slot->raw,
        .stored = slot->stored,
        .zero_map = slot->zero_map,
    };
    imgz_image_place_item(slot, &unpacker->item);
    imgz_image_fetch(unpacker->image, slot);
    if (slot->fault == IMGZ_FAULT_READ)
        return;
    imgz_check_slot(&unpacker->checker, slot);
    check_table(unpacker, slot);
}
