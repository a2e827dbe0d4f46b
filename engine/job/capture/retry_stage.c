/* SPDX-License-Identifier: MIT */
#include "job/capture/retry_stage.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "codec/stored.h"
#include "image/chunk_encoder.h"
#include "image/image_error.h"
#include "io/source/reader.h"
#include "job/capture/retry_feed.h"
#include "job/capture/retry_read.h"
#include "job/common/provenance.h"

/* What a worker has of its own. */
struct imgz_mender_hand {
    struct imgz_packer packer;
    struct imgz_reread reread;
    uint64_t regained_bytes;
};

/* What a slot held as it came from the image; the image's sums are over that. */
struct imgz_mender_was {
    enum imgz_slot_kind kind;
    struct imgz_hash raw_hash;
    struct imgz_sha256 raw_sha256;
    uint32_t raw_crc32;
    unsigned char *raw; /* for digests */
    bool source_failed; /* the slot's fault is the source's, not the image's */
};

/* Before the slot's raw bytes are changed. */
static void keep_raw(const struct imgz_mender *mender, const struct imgz_slot *slot)
{
    unsigned char *kept;

    if (mender->was_raw == NULL || slot->kind == IMGZ_SLOT_ZERO)
        return;
    kept = mender->was_raw + (size_t)slot->slot_index * mender->job->chunk_bytes;
    memcpy(kept, slot->raw, (size_t)slot->raw_bytes);
    mender->was[slot->slot_index].raw = kept;
}

static int feed(void *context, struct imgz_line *line)
{
    struct imgz_mender *mender = context;
    const struct imgz_mend_feed feed = {
        .image = &mender->decode.image,
        .missing = mender->missing,
        .there_bytes = mender->earlier.whole.raw_bytes,
    };

    mender->job->io_name = "pread";
    return imgz_mend_feed(&feed, line);
}

/* True for a chunk that the image has in stored blocks: a compressed one is never so long. */
static bool is_stored(const struct imgz_slot *slot)
{
    return slot->kind == IMGZ_SLOT_DATA &&
           slot->stored_bytes ==
               IMGZ_NOTE_CARRIER_BYTES + imgz_stored_segment_bytes((size_t)slot->raw_bytes);
}

/* True if the new image has the item already. No item that is fed is there in part. */
static bool is_there(const struct imgz_mender *mender, const struct imgz_slot *slot)
{
    return slot->raw_offset < mender->earlier.whole.raw_bytes;
}

/* A slot that the feeder has read is a part of a run of zeros, and checked; or wrong, and to be
 * told. */
static int work(void *context, uint32_t worker_index, struct imgz_slot *slot)
{
    struct imgz_mender *mender = context;
    struct imgz_mender_hand *hand = &mender->hands[worker_index];
    struct imgz_mender_was *was = &mender->was[slot->slot_index];

    if (slot->unread)
        imgz_decode_work(&mender->decode, worker_index, slot);
    slot->stored_form = is_stored(slot);
    *was = (struct imgz_mender_was){.kind = slot->kind,
                                    .raw_hash = slot->raw_hash,
                                    .raw_sha256 = slot->raw_sha256,
                                    .raw_crc32 = slot->raw_crc32,
                                    .raw = slot->raw};
    if (slot->fault != IMGZ_FAULT_NONE || is_there(mender, slot) ||
        !imgz_badlist_within(mender->missing, slot->raw_offset, slot->raw_bytes))
        return 0;
    IMGZ_ASSERT(slot->raw_bytes <= mender->job->chunk_bytes);
    keep_raw(mender, slot);
    if (slot->kind == IMGZ_SLOT_ZERO)
        memset(slot->raw, 0, (size_t)slot->raw_bytes);
    hand->regained_bytes += imgz_reread_slot(&hand->reread, slot);
    was->source_failed = slot->fault != IMGZ_FAULT_NONE;
    if (was->source_failed)
        return 0;
    slot->kind = IMGZ_SLOT_DATA;
    imgz_pack_slot(&hand->packer, slot);
    return 0;
}

/* Holds what the image said of the item against the rest of the image. */
static int accept_old(struct imgz_mender *mender, const struct imgz_slot *slot)
{
    const struct imgz_mender_was *was = &mender->was[slot->slot_index];
    struct imgz_slot old = *slot;

    old.kind = was->kind;
    old.raw_hash = was->raw_hash;
    old.raw_sha256 = was->raw_sha256;
    old.raw_crc32 = was->raw_crc32;
    old.raw = was->raw;
    if (was->source_failed || slot->fault == IMGZ_FAULT_CODEC)
        old.fault = IMGZ_FAULT_NONE;
    imgz_decode_check_table(&mender->decode, &old);
    if (old.fault != IMGZ_FAULT_NONE)
        return imgz_damage_raise_fault(mender->job->stop, &mender->decode.image.source, &old);
    imgz_tally_add(mender->old_tally, &old);
    return 0;
}

static int accept_item(struct imgz_mender *mender, const struct imgz_slot *slot)
{
    int rc = accept_old(mender, slot);

    if (rc < 0)
        return rc;
    if (slot->fault == IMGZ_FAULT_READ)
        return imgz_reader_raise(mender->source, mender->job->stop, slot);
    if (slot->fault != IMGZ_FAULT_NONE)
        return imgz_pack_raise(mender->job->stop, mender->source, mender->job->options.level, slot);
    if (slot->bad_count == 0)
        return 0;
    rc = imgz_output_mark(mender->output);
    if (rc < 0)
        return rc;
    return imgz_slot_list_unreadable(slot, &mender->job->unreadable) < 0
               ? imgz_job_raise_memory(mender->job)
               : 0;
}

static int write_item(struct imgz_mender *mender, struct imgz_slot **slot)
{
    const uint64_t end = (*slot)->raw_offset + (*slot)->raw_bytes;
    int rc;

    imgz_job_count(mender->job, *slot, imgz_image_writer_bytes(&mender->writer));
    rc = imgz_image_writer_put(&mender->writer, slot);
    if (rc == 0 && imgz_mapkeep_due(mender->partial_map))
        rc = imgz_image_writer_settle(&mender->writer);
    if (rc == 0)
        imgz_mapkeep_move(mender->partial_map, end);
    return rc;
}

static int write_items(struct imgz_mender *mender)
{
    struct imgz_slot *slot = NULL;
    int rc;

    while ((rc = imgz_line_take(mender->job->line, &slot)) == 0) {
        rc = accept_item(mender, slot);
        if (rc < 0)
            return rc;
        if (is_there(mender, slot)) /* counted when it was found */
            imgz_line_give_back(mender->job->line, &slot);
        else
            rc = write_item(mender, &slot);
        if (rc < 0)
            return rc;
    }
    return rc == -ENODATA ? 0 : rc;
}

/* The old image as a whole, then the new one's sums. */
static int sum_up(struct imgz_mender *mender)
{
    struct imgz_tally_sum old;

    imgz_tally_finish(mender->old_tally, &old);
    imgz_job_sum_up(mender->job);
    mender->regained_bytes = mender->earlier.regained_bytes;
    for (uint32_t i = 0; i < mender->job->options.thread_count; i++)
        mender->regained_bytes += mender->hands[i].regained_bytes;
    return imgz_decode_check_total(&mender->decode, mender->job, &old);
}

static int add_meta(struct imgz_mender *mender)
{
    const struct imgz_provenance provenance = {
        .job = mender->job,
        .source = mender->source,
        .start_time = mender->start_time,
    };
    int rc = imgz_provenance_renew(&provenance, &mender->decode.image.meta, &mender->meta);

    if (rc == -E2BIG)
        return imgz_damage_raise(mender->job->stop, &mender->decode.image.source,
                                 mender->decode.image.end.meta_offset,
                                 "there is far more metadata than any capture writes");
    return rc < 0 ? imgz_job_raise_memory(mender->job) : 0;
}

/* Where nothing was gained the image stays as it is. */
static int finish_image(struct imgz_mender *mender)
{
    int rc = sum_up(mender);

    if (rc < 0 || mender->regained_bytes == 0)
        return rc;
    rc = add_meta(mender);
    if (rc < 0)
        return rc;
    rc = imgz_image_writer_finish(&mender->writer, &mender->job->sum, &mender->meta);
    mender->job->image_bytes = imgz_image_writer_bytes(&mender->writer);
    return rc;
}

static int init_writer(struct imgz_mender *mender, struct imgz_line *line)
{
    struct imgz_whole *there = &mender->earlier.whole;

    if (there->image_bytes == 0)
        return imgz_image_writer_init(&mender->writer, mender->output, line,
                                      &mender->decode.image.header);
    return imgz_image_writer_resume(&mender->writer, mender->output, line, there->image_bytes,
                                    &there->index);
}

static int drain(void *context, struct imgz_line *line)
{
    struct imgz_mender *mender = context;
    int rc = init_writer(mender, line);

    if (rc == 0)
        rc = write_items(mender);
    if (rc == 0)
        rc = finish_image(mender);
    imgz_image_writer_fini(&mender->writer);
    return rc;
}

const struct imgz_job_bodies imgz_mender_bodies = {.feed = feed, .work = work, .drain = drain};

/* ---- Making it ---------------------------------------------------------------------------- */

static int create_was(struct imgz_mender *mender)
{
    const uint32_t count = imgz_pool_slot_count(mender->job->line->pool);

    mender->was = calloc(count, sizeof(mender->was[0]));
    if (mender->was == NULL)
        return imgz_job_raise_memory(mender->job);
    if (mender->recorded[0] == '\0')
        return 0;
    mender->was_raw = calloc(count, mender->job->chunk_bytes);
    return mender->was_raw == NULL ? imgz_job_raise_memory(mender->job) : 0;
}

static int create_hands(struct imgz_mender *mender)
{
    const enum imgz_hash_kind hash = mender->decode.image.header.hash;
    const uint32_t count = mender->job->options.thread_count;

    mender->hands = calloc(count, sizeof(mender->hands[0]));
    if (mender->hands == NULL)
        return imgz_job_raise_memory(mender->job);
    for (uint32_t i = 0; i < count; i++) {
        struct imgz_mender_hand *hand = &mender->hands[i];

        hand->reread = (struct imgz_reread){.source = mender->source, .missing = mender->missing};
        hand->reread.scratch = malloc(mender->job->chunk_bytes);
        if (hand->reread.scratch == NULL ||
            imgz_packer_init(&hand->packer, mender->job->options.level, hash) < 0)
            return imgz_job_raise_memory(mender->job);
    }
    return 0;
}

int imgz_mender_prepare(struct imgz_mender *mender)
{
    const uint32_t chunk_bytes = mender->decode.image.header.chunk_bytes;
    const struct imgz_tally_config old_config = {.chunk_bytes = chunk_bytes,
                                                 .hash = mender->decode.image.header.hash,
                                                 .digests = mender->recorded,
                                                 .crc_wanted = true,
                                                 .raw_present = true};
    int rc;

    mender->decode.raw_wanted = true;
    mender->decode.continues = mender->earlier.whole.raw_bytes > 0;
    mender->decode.worker_bytes = chunk_bytes + imgz_packer_bytes(mender->job->options.level);
    mender->decode.raw_bytes_min = chunk_bytes;
    mender->decode.stored_bytes_min = IMGZ_NOTE_CARRIER_BYTES + imgz_deflate_bound(chunk_bytes);
    rc = imgz_decode_prepare(&mender->decode, mender->job);
    if (rc < 0)
        return rc;
    imgz_meter_take_over(&mender->job->line->meter,
                         imgz_decode_weigh(&mender->decode, mender->job,
                                           mender->earlier.whole.raw_bytes));
    if (imgz_tally_create(&old_config, &mender->old_tally) < 0)
        return imgz_job_raise_memory(mender->job);
    rc = create_was(mender);
    return rc < 0 ? rc : create_hands(mender);
}

void imgz_mender_release(struct imgz_mender *mender)
{
    for (uint32_t i = 0; mender->hands != NULL && i < mender->job->options.thread_count; i++) {
        imgz_packer_fini(&mender->hands[i].packer);
        free(mender->hands[i].reread.scratch);
    }
    free(mender->hands);
    free(mender->was);
    free(mender->was_raw);
    imgz_tally_destroy(mender->old_tally);
    imgz_meta_fini(&mender->meta);
    imgz_earlier_fini(&mender->earlier);
    imgz_decode_release(&mender->decode);
}
