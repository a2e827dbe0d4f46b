/* SPDX-License-Identifier: MIT */
/*
 * Makes images in memory: a disk, described piece by piece, goes through a pipeline of two slots to
 * the image writer, as capture does it, but in one thread.
 *
 *     imgz_image_maker_open(&maker, &disk, latch, log);
 *     rc = imgz_image_maker_run(&maker);
 *     imgz_image_maker_close(&maker);           maker.memory.data is the image; the test frees it
 */
#ifndef IMGZ_IMAGE_MAKER_H
#define IMGZ_IMAGE_MAKER_H

#include "image/chunk_encoder.h"
#include "image/image_writer.h"
#include "memory_sink.h"
#include "sample.h"

#define IMGZ_MAKER_CHUNK IMGZ_CHUNK_BYTES_MIN
#define IMGZ_MAKER_SLOTS 2u /* one is held back for a run of zeros */

/* So many whole chunks of one kind. */
struct imgz_maker_piece {
    enum imgz_sample sample;
    uint32_t chunk_count;
};

struct imgz_maker_disk {
    const struct imgz_maker_piece *pieces;
    size_t piece_count;
    uint64_t cut_bytes; /* the last chunk lacks so many */
    enum imgz_hash_kind hash;
    const struct imgz_meta *meta; /* NULL: none */
};

/* How zeros come in. */
enum imgz_maker_zeros {
    IMGZ_MAKER_HOLES,  /* each piece of them as long as a slot may say */
    IMGZ_MAKER_CHUNKS, /* read, chunk by chunk */
    IMGZ_MAKER_MIXED,  /* as both, cut at random */
};

struct imgz_image_maker {
    /* Set by the test before open(). */
    enum imgz_maker_zeros zeros;
    uint64_t seed;                  /* for MIXED, not 0 */
    uint64_t resume_image_bytes;    /* > 0: memory holds so much of the image, */
    uint64_t resume_raw_bytes;      /* which is so much of the disk, */
    struct imgz_index resume_index; /* and these items; taken by run() */
    bool settles;                   /* after every item */
    struct imgz_memory_sink memory;

    /* Kept by the maker. */
    const struct imgz_maker_disk *disk;
    struct imgz_pipeline *pipeline;
    struct imgz_chunk_encoder encoder;
    struct imgz_totals *totals;
    struct imgz_totals_sum sum;
    struct imgz_image_writer writer;
};

static inline uint64_t imgz_maker_disk_bytes(const struct imgz_maker_disk *disk)
{
    uint64_t bytes = 0;

    for (size_t i = 0; i < disk->piece_count; i++)
        bytes += disk->pieces[i].chunk_count * (uint64_t)IMGZ_MAKER_CHUNK;
    return bytes - disk->cut_bytes;
}

/* The piece that holds the disk's 'offset'; '*end': where it ends. */
static inline const struct imgz_maker_piece *imgz_maker_disk_piece(
    const struct imgz_maker_disk *disk, uint64_t offset, uint64_t *end)
{
    const struct imgz_maker_piece *piece = disk->pieces;

    *end = piece->chunk_count * (uint64_t)IMGZ_MAKER_CHUNK;
    while (*end <= offset) {
        piece += 1;
        *end += piece->chunk_count * (uint64_t)IMGZ_MAKER_CHUNK;
    }
    *end = imgz_min(*end, imgz_maker_disk_bytes(disk));
    return piece;
}

/* The disk's bytes from 'offset', where a chunk begins. Returns how many there are: a chunk, or
 * what is left. */
static inline size_t imgz_maker_disk_chunk(const struct imgz_maker_disk *disk, uint64_t offset,
                                           unsigned char *chunk)
{
    uint64_t end;
    const struct imgz_maker_piece *piece = imgz_maker_disk_piece(disk, offset, &end);
    const size_t bytes = (size_t)imgz_min(IMGZ_MAKER_CHUNK, end - offset);

    imgz_sample_fill(piece->sample, offset + 1, chunk, bytes);
    return bytes;
}

static inline void imgz_image_maker_open(struct imgz_image_maker *maker,
                                         const struct imgz_maker_disk *disk,
                                         struct imgz_latch *latch, struct imgz_log *log)
{
    const struct imgz_pool_config pool = {
        .slot_count = IMGZ_MAKER_SLOTS,
        .raw_capacity_bytes = IMGZ_MAKER_CHUNK,
        .stored_capacity_bytes = IMGZ_NOTE_CARRIER_BYTES + imgz_deflate_bound(IMGZ_MAKER_CHUNK)};
    const struct imgz_totals_config totals = {.chunk_bytes = IMGZ_MAKER_CHUNK,
                                              .hash = disk->hash,
                                              .crc_wanted = true};

    maker->disk = disk;
    (void)imgz_memory_sink_open(&maker->memory, latch, log);
    IMGZ_ASSERT(imgz_pipeline_create(&pool, latch, log, &maker->pipeline) == 0);
    IMGZ_ASSERT(imgz_chunk_encoder_init(&maker->encoder, 1, disk->hash) == 0);
    IMGZ_ASSERT(imgz_totals_create(&totals, &maker->totals) == 0);
}

/* How much of the zeros from 'offset' to 'end' the next slot stands for, and whether as a hole. */
static inline uint64_t imgz_image_maker_cut(struct imgz_image_maker *maker, uint64_t offset,
                                            uint64_t end, bool *hole)
{
    const uint64_t most = imgz_min(end - offset, imgz_note_zero_bytes_max(IMGZ_MAKER_CHUNK));
    const uint64_t random = maker->zeros == IMGZ_MAKER_MIXED ? imgz_sample_random(&maker->seed) : 0;

    *hole = maker->zeros == IMGZ_MAKER_HOLES || random % 3 != 0;
    if (maker->zeros == IMGZ_MAKER_CHUNKS)
        *hole = false;
    if (!*hole)
        return imgz_min(most, IMGZ_MAKER_CHUNK);
    return maker->zeros == IMGZ_MAKER_HOLES
               ? most
               : imgz_min(most, (1 + random / 3 % 700) * IMGZ_MAKER_CHUNK);
}

/* The next item at 'offset', which ends at 'end' at the latest, as a worker gives it. */
static inline struct imgz_slot *imgz_image_maker_item(struct imgz_image_maker *maker,
                                                      uint64_t offset, uint64_t end)
{
    struct imgz_slot *slot = NULL;
    uint64_t piece_end;
    bool hole = false;

    IMGZ_ASSERT(imgz_pipeline_try_take_free(maker->pipeline, &slot) == 0);
    slot->kind = IMGZ_SLOT_DATA;
    slot->raw_offset = offset;
    slot->raw_bytes = imgz_maker_disk_chunk(maker->disk, offset, slot->raw);
    if (imgz_maker_disk_piece(maker->disk, offset, &piece_end)->sample == IMGZ_SAMPLE_ZERO)
        slot->raw_bytes = imgz_image_maker_cut(maker, offset, imgz_min(end, piece_end), &hole);
    if (hole)
        slot->kind = IMGZ_SLOT_ZERO;
    IMGZ_ASSERT(imgz_pipeline_feed(maker->pipeline, &slot) == 0);
    IMGZ_ASSERT(imgz_pipeline_take_work(maker->pipeline, 0, &slot) == 0);
    imgz_chunk_encode_slot(&maker->encoder, slot);
    IMGZ_ASSERT(slot->fault == IMGZ_FAULT_NONE);
    IMGZ_ASSERT(imgz_order_give(maker->pipeline->order, &slot) == 0);
    IMGZ_ASSERT(imgz_pipeline_take(maker->pipeline, &slot) == 0);
    return slot;
}

/* Adds up what a run before this one wrote. */
static inline void imgz_image_maker_skip(struct imgz_image_maker *maker, uint64_t end)
{
    uint64_t offset = 0;

    while (offset < end) {
        struct imgz_slot *slot = imgz_image_maker_item(maker, offset, end);

        imgz_totals_add(maker->totals, slot);
        offset += slot->raw_bytes;
        imgz_pipeline_give_back(maker->pipeline, &slot);
    }
}

static inline int imgz_image_maker_put(struct imgz_image_maker *maker, uint64_t offset,
                                       uint64_t end)
{
    int rc = 0;

    while (rc == 0 && offset < end) {
        struct imgz_slot *slot = imgz_image_maker_item(maker, offset, end);

        imgz_totals_add(maker->totals, slot);
        offset += slot->raw_bytes;
        rc = imgz_image_writer_put(&maker->writer, &slot);
        if (slot != NULL)
            imgz_pipeline_give_back(maker->pipeline, &slot); /* it failed, and did not take it */
        if (rc == 0 && maker->settles)
            rc = imgz_image_writer_settle(&maker->writer);
    }
    return rc;
}

static inline int imgz_image_maker_begin(struct imgz_image_maker *maker)
{
    const struct imgz_frame_header header = {.chunk_bytes = IMGZ_MAKER_CHUNK,
                                             .raw_bytes = imgz_maker_disk_bytes(maker->disk),
                                             .hash = maker->disk->hash};

    if (maker->resume_image_bytes == 0)
        return imgz_image_writer_init(&maker->writer, &maker->memory.sink, maker->pipeline,
                                      &header);
    imgz_image_maker_skip(maker, maker->resume_raw_bytes);
    return imgz_image_writer_resume(&maker->writer, &maker->memory.sink, maker->pipeline,
                                    maker->resume_image_bytes, &maker->resume_index);
}

/* Returns the writer's first error, or 0. */
static inline int imgz_image_maker_run(struct imgz_image_maker *maker)
{
    const struct imgz_meta none = {0};
    int rc = imgz_image_maker_begin(maker);

    if (rc == 0)
        rc = imgz_image_maker_put(maker, maker->resume_raw_bytes,
                                  imgz_maker_disk_bytes(maker->disk));
    if (rc == 0) {
        imgz_totals_finish(maker->totals, &maker->sum);
        rc = imgz_image_writer_finish(&maker->writer, &maker->sum,
                                      maker->disk->meta != NULL ? maker->disk->meta : &none);
    }
    if (rc == 0)
        IMGZ_ASSERT(imgz_image_writer_bytes(&maker->writer) == maker->memory.bytes);
    imgz_image_writer_fini(&maker->writer);
    return rc;
}

static inline void imgz_image_maker_close(struct imgz_image_maker *maker)
{
    IMGZ_ASSERT(maker->memory.open_count == 0);
    imgz_totals_destroy(maker->totals);
    imgz_chunk_encoder_fini(&maker->encoder);
    imgz_pipeline_destroy(maker->pipeline); /* asserts that every slot is there */
}

#endif /* IMGZ_IMAGE_MAKER_H */
