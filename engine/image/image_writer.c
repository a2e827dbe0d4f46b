/* SPDX-License-Identifier: MIT */
#include "image/image_writer.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "checksum/checksum.h"
#include "format/carrier.h"
#include "image/chunk_encoder.h"
#include "io/sink/sink.h"

/* Payload carried per write: a multiple of the carrier's group of 5. */
#define PAYLOAD_PIECE_BYTES 1000u /* eight times that on the stack */

static int raise_memory(struct imgz_image_writer *writer)
{
    const struct imgz_append *append = writer->append;

    return imgz_latch_raise_system(append->pipeline->latch, -ENOMEM,
                                   imgz_sink_location(append->sink, append->offset),
                                   "growing the index of");
}

int imgz_image_writer_init(struct imgz_image_writer *writer, struct imgz_sink *sink,
                           struct imgz_pipeline *pipeline, const struct imgz_frame_header *header)
{
    unsigned char bytes[IMGZ_FRAME_HEADER_BYTES];
    int rc;

    memset(writer, 0, sizeof(*writer));
    writer->chunk_bytes = header->chunk_bytes;
    imgz_index_init(&writer->index, header->chunk_bytes);
    rc = imgz_append_open(sink, pipeline, &writer->append);
    if (rc < 0)
        return rc;
    imgz_frame_encode_header(header, bytes);
    return imgz_append_bytes(writer->append, bytes, sizeof(bytes));
}

int imgz_image_writer_resume(struct imgz_image_writer *writer, struct imgz_sink *sink,
                             struct imgz_pipeline *pipeline, uint64_t image_bytes,
                             struct imgz_index *index)
{
    int rc;

    memset(writer, 0, sizeof(*writer));
    writer->chunk_bytes = index->chunk_bytes;
    writer->index = *index;
    imgz_index_init(index, index->chunk_bytes);
    rc = imgz_append_open(sink, pipeline, &writer->append);
    return rc < 0 ? rc : imgz_append_resume(writer->append, image_bytes);
}

void imgz_image_writer_fini(struct imgz_image_writer *writer)
{
    if (writer->run != NULL)
        imgz_pipeline_give_back(writer->append->pipeline, &writer->run);
    imgz_append_close(writer->append);
    writer->append = NULL;
    imgz_index_fini(&writer->index);
}

uint64_t imgz_image_writer_bytes(const struct imgz_image_writer *writer)
{
    return writer->append != NULL ? writer->append->offset : 0;
}

/* Appends note and segment, and gives the slot back. */
static int append_item(struct imgz_image_writer *writer, uint64_t bytes, struct imgz_slot **slot)
{
    int rc = imgz_append_bytes(writer->append, (*slot)->stored, bytes);

    if (rc == 0)
        imgz_pipeline_give_back(writer->append->pipeline, slot);
    return rc;
}

/* Makes note and segment of the current zero run in the buffer of the slot that carries it. */
static int write_run(struct imgz_image_writer *writer)
{
    struct imgz_slot *slot = writer->run;

    imgz_chunk_encode_zeros(slot);
    if (imgz_index_add_zero(&writer->index, slot->raw_bytes) < 0)
        return raise_memory(writer);
    return append_item(writer, slot->stored_bytes, &writer->run);
}

/* Joins zeros to the current run. What goes beyond the limit begins the next run. */
static int put_zeros(struct imgz_image_writer *writer, struct imgz_slot **slot)
{
    const uint64_t run_bytes_max = imgz_note_zero_bytes_max(writer->chunk_bytes);
    struct imgz_slot *run = writer->run;
    uint64_t moved_bytes;
    int rc;

    IMGZ_ASSERT((*slot)->raw_bytes <= run_bytes_max);
    if (run == NULL) {
        writer->run = *slot;
        *slot = NULL;
        return 0;
    }
    IMGZ_ASSERT(run->raw_offset + run->raw_bytes == (*slot)->raw_offset);
    moved_bytes = imgz_min(run_bytes_max - run->raw_bytes, (*slot)->raw_bytes);
    run->raw_bytes += moved_bytes;
    (*slot)->raw_offset += moved_bytes;
    (*slot)->raw_bytes -= moved_bytes;
    if ((*slot)->raw_bytes == 0) {
        imgz_pipeline_give_back(writer->append->pipeline, slot);
        return 0;
    }
    rc = write_run(writer);
    if (rc < 0)
        return rc;
    writer->run = *slot;
    *slot = NULL;
    return 0;
}

static int end_run(struct imgz_image_writer *writer)
{
    return writer->run != NULL ? write_run(writer) : 0;
}

int imgz_image_writer_put(struct imgz_image_writer *writer, struct imgz_slot **slot)
{
    uint32_t segment_bytes;
    int rc;

    if ((*slot)->kind == IMGZ_SLOT_ZERO)
        return put_zeros(writer, slot);
    rc = end_run(writer);
    if (rc < 0)
        return rc;
    segment_bytes = (uint32_t)((*slot)->stored_bytes - IMGZ_NOTE_CARRIER_BYTES);
    if (imgz_index_add_chunk(&writer->index, segment_bytes, &(*slot)->raw_hash) < 0)
        return raise_memory(writer);
    return append_item(writer, (*slot)->stored_bytes, slot);
}

int imgz_image_writer_settle(struct imgz_image_writer *writer)
{
    return imgz_append_settle(writer->append);
}

/* A note and the payload it announces. */
static int write_payload(struct imgz_image_writer *writer, enum imgz_note_kind kind,
                         const void *payload, uint64_t bytes)
{
    const struct imgz_note note = {
        .kind = kind,
        .payload_bytes = (uint32_t)bytes,
        .payload_xxh3 = imgz_xxh3_64(payload, (size_t)bytes),
    };
    unsigned char piece[PAYLOAD_PIECE_BYTES * 8];
    const unsigned char *from = payload;
    int rc;

    if (bytes > UINT32_MAX)
        return imgz_latch_raise_cause(
            writer->append->pipeline->latch, imgz_cause(IMGZ_REASON_TOO_MANY_CHUNKS), -EFBIG,
            imgz_sink_location(writer->append->sink, writer->append->offset),
            "writing %s: too many chunks for its index", imgz_sink_path(writer->append->sink));
    imgz_note_encode(&note, piece);
    rc = imgz_append_bytes(writer->append, piece, IMGZ_NOTE_CARRIER_BYTES);
    while (rc == 0 && bytes > 0) {
        const size_t taken = (size_t)imgz_min(bytes, PAYLOAD_PIECE_BYTES);

        imgz_carrier_encode(from, taken, piece);
        rc = imgz_append_bytes(writer->append, piece, imgz_carrier_bytes(taken));
        from += taken;
        bytes -= taken;
    }
    return rc;
}

static int write_meta(struct imgz_image_writer *writer, const struct imgz_meta *meta)
{
    char *text = NULL;
    size_t bytes = 0;
    int rc;

    if (meta->count == 0)
        return 0;
    if (imgz_meta_encode(meta, &text, &bytes) < 0)
        return raise_memory(writer);
    IMGZ_ASSERT(bytes <= IMGZ_META_BYTES_MAX);
    rc = write_payload(writer, IMGZ_NOTE_META, text, bytes);
    free(text);
    return rc;
}

int imgz_image_writer_finish(struct imgz_image_writer *writer, const struct imgz_totals_sum *sum,
                             const struct imgz_meta *meta)
{
    const struct imgz_index *index = &writer->index;
    struct imgz_frame_end end = {
        .hash = sum->hash,
        .raw_bytes = sum->raw_bytes,
        .raw_crc32 = sum->crc32,
        .root_hash = sum->root_hash,
        .root_sha256 = sum->root_sha256,
        .chunk_bytes = writer->chunk_bytes,
    };
    unsigned char tail[IMGZ_FRAME_TAIL_BYTES_MAX];
    int rc = end_run(writer);

    end.entry_count = index->entry_count;
    end.index_offset = writer->append->offset;
    if (rc == 0)
        rc = write_payload(writer, IMGZ_NOTE_INDEX, index->entries,
                           index->entry_count * IMGZ_INDEX_ENTRY_BYTES);
    end.hashes_offset = writer->append->offset;
    if (rc == 0)
        rc = write_payload(writer, IMGZ_NOTE_HASHES, index->hashes,
                           index->hash_count * IMGZ_HASH_BYTES);
    end.meta_offset = writer->append->offset;
    if (rc == 0)
        rc = write_meta(writer, meta);
    if (rc < 0)
        return rc;
    imgz_frame_encode_tail(&end, tail);
    rc = imgz_append_bytes(writer->append, tail, imgz_frame_tail_bytes(end.hash));
    return rc < 0 ? rc : imgz_append_finish(writer->append);
}

_Static_assert(PAYLOAD_PIECE_BYTES % 5 == 0, "pieces fill their carriers");
_Static_assert(PAYLOAD_PIECE_BYTES * 8 >= IMGZ_NOTE_CARRIER_BYTES, "a note fits in a piece");
