/* SPDX-License-Identifier: MIT */
#include "job/decode.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "image/damage.h"
#include "image/held.h"

static int create_checkers(struct imgz_decode *decode, struct imgz_job *job)
{
    const uint32_t count = job->options.thread_count;

    decode->checkers = calloc(count, sizeof(decode->checkers[0]));
    if (decode->checkers == NULL)
        return imgz_job_raise_memory(job);
    decode->checker_count = count;
    for (uint32_t i = 0; i < count; i++) {
        if (imgz_checker_init(&decode->checkers[i]) < 0)
            return imgz_job_raise_memory(job);
    }
    return 0;
}

int imgz_decode_prepare(struct imgz_decode *decode, struct imgz_job *job)
{
    const uint32_t chunk_bytes = decode->image.header.chunk_bytes;
    const struct imgz_job_needs needs = {
        .tally = {.chunk_bytes = chunk_bytes,
                  .digests = job->options.digests,
                  .crc_wanted = true,
                  .raw_present = !decode->scrub},
        .stored_bytes = IMGZ_NOTE_CARRIER_BYTES + imgz_note_segment_bytes_max(chunk_bytes) +
                        IMGZ_INFLATE_TAIL_BYTES,
        .raw_bytes_total = imgz_image_raw_bytes(&decode->image),
    };
    int rc;

    job->read_fd = decode->image.source.fd;
    rc = imgz_job_prepare(job, &needs);
    if (decode->image.seekable)
        job->image_bytes = decode->image.source.size_bytes;
    if (rc == 0 && !decode->scrub)
        rc = create_checkers(decode, job);
    return rc;
}

void imgz_decode_release(struct imgz_decode *decode)
{
    for (uint32_t i = 0; i < decode->checker_count; i++)
        imgz_checker_fini(&decode->checkers[i]);
    free(decode->checkers);
    decode->checkers = NULL;
    decode->checker_count = 0;
    imgz_image_fini(&decode->image);
}

int imgz_decode_feed(struct imgz_decode *decode, struct imgz_job *job)
{
    job->io_name = decode->image.seekable ? "pread" : "read";
    return imgz_image_feed(&decode->image, job->line);
}

void imgz_decode_work(struct imgz_decode *decode, uint32_t worker_index, struct imgz_slot *slot)
{
    const struct imgz_checker *checker = &decode->checkers[worker_index];

    imgz_image_fetch(&decode->image, slot);
    if (slot->fault == IMGZ_FAULT_READ)
        return;
    if (decode->scrub)
        imgz_check_stored(slot);
    else if (decode->target == NULL || !imgz_held_test(decode->target, checker->hasher,
                                                       decode->image.header.chunk_bytes, slot))
        imgz_check_slot(checker, slot);
}

void imgz_decode_check_table(struct imgz_decode *decode, struct imgz_slot *slot)
{
    const struct imgz_image *image = &decode->image;

    if (slot->kind != IMGZ_SLOT_DATA)
        return;
    if (image->seekable && slot->fault == IMGZ_FAULT_NONE &&
        !imgz_hash_equal(&slot->raw_hash, &image->index.hashes[decode->hash_index]))
        slot->fault = IMGZ_FAULT_TABLE;
    decode->hash_index += 1;
}

static int check_digests(const struct imgz_decode *decode, struct imgz_job *job)
{
    struct imgz_place place = imgz_source_place(&decode->image.source, IMGZ_OFFSET_NONE);

    place.stage = IMGZ_STAGE_CHECK;
    for (uint32_t i = 0; i < job->sum.digest_count; i++) {
        const struct imgz_digest_text *digest = &job->sum.digests[i];
        const char *recorded;
        char key[32];

        snprintf(key, sizeof(key), "digest.%s", digest->name);
        recorded = imgz_meta_find(&decode->image.meta, key);
        if (recorded != NULL && strcmp(recorded, digest->hex) != 0)
            return imgz_stop_raise(job->stop, -EBADMSG, place,
                                   "checking %s: its %s is %s but was recorded as %s; the image is "
                                   "damaged, use another copy of it",
                                   decode->image.source.path, digest->name, digest->hex, recorded);
    }
    return 0;
}

int imgz_decode_check_sum(const struct imgz_decode *decode, struct imgz_job *job)
{
    const struct imgz_frame_end *end = &decode->image.end;
    struct imgz_place place =
        imgz_source_place(&decode->image.source,
                          decode->image.source.size_bytes - IMGZ_FRAME_TAIL_BYTES);

    IMGZ_ASSERT(job->sum_done);
    job->image_bytes = decode->image.source.size_bytes;
    place.stage = IMGZ_STAGE_CHECK;
    if (job->sum.raw_bytes != end->raw_bytes || job->sum.crc32 != end->raw_crc32 ||
        !imgz_hash_equal(&job->sum.root_hash, &end->root_hash))
        return imgz_stop_raise(job->stop, -EBADMSG, place,
                               "checking %s at offset %" PRIu64
                               ": the chunks do not add up to the size, CRC-32 and root hash here; "
                               "the image is damaged, use another copy of it",
                               decode->image.source.path, place.offset);
    return check_digests(decode, job);
}
