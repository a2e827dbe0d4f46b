/* SPDX-License-Identifier: MIT */
#include "image/chunk_encoder.h"

#include <errno.h>

#include "base/zero.h"
#include "checksum/checksum.h"
#include "codec/zero_run.h"
#include "format/note.h"

/* libdeflate's slow levels keep all matches of a chunk: 9 MiB, measured. */
#define SLOW_LEVEL_MIN        10
#define SLOW_COMPRESSOR_BYTES ((uint64_t)10 << 20)
#define COMPRESSOR_BYTES      ((uint64_t)1 << 20)

uint64_t imgz_chunk_encoder_bytes(int level)
{
    return level >= SLOW_LEVEL_MIN ? SLOW_COMPRESSOR_BYTES : COMPRESSOR_BYTES;
}

int imgz_chunk_encoder_init(struct imgz_chunk_encoder *encoder, int level, enum imgz_hash_kind hash)
{
    int rc;

    *encoder = (struct imgz_chunk_encoder){0};
    rc = imgz_deflate_create(level, &encoder->deflate);
    return rc < 0 ? rc : imgz_hasher_create(hash, &encoder->hasher);
}

int imgz_chunk_encoder_want_raw(struct imgz_chunk_encoder *encoder, enum imgz_hash_kind hash)
{
    return imgz_chunk_decoder_init(&encoder->decoder, hash);
}

void imgz_chunk_encoder_fini(struct imgz_chunk_encoder *encoder)
{
    imgz_chunk_decoder_fini(&encoder->decoder);
    imgz_deflate_destroy(encoder->deflate);
    imgz_hasher_destroy(encoder->hasher);
}

static int pack_data(const struct imgz_chunk_encoder *encoder, struct imgz_slot *slot)
{
    const size_t raw_bytes = (size_t)slot->raw_bytes;
    unsigned char *segment = slot->stored + IMGZ_NOTE_CARRIER_BYTES;
    enum imgz_deflate_form form;
    struct imgz_hasher_sums sums;
    size_t segment_bytes;
    struct imgz_note note;
    int rc = imgz_deflate_compress(encoder->deflate, slot->raw, raw_bytes, segment, &segment_bytes,
                                   &form);

    if (rc < 0)
        return rc;
    sums = imgz_hasher_sum(encoder->hasher, slot->raw, raw_bytes);
    slot->raw_hash = sums.hash;
    slot->raw_sha256 = sums.sha256;
    slot->raw_crc32 = sums.crc32;
    slot->is_stored = form == IMGZ_DEFLATE_STORED;
    slot->stored_bytes = IMGZ_NOTE_CARRIER_BYTES + segment_bytes;
    note = (struct imgz_note){
        .kind = IMGZ_NOTE_CHUNK,
        .payload_bytes = (uint32_t)segment_bytes,
        .raw_offset = slot->raw_offset,
        .raw_bytes = (uint32_t)raw_bytes,
        .raw_crc32 = slot->raw_crc32,
        .payload_xxh3 = imgz_xxh3_64(segment, segment_bytes),
        .raw_hash = slot->raw_hash,
    };
    imgz_note_encode(&note, slot->stored);
    return 0;
}

/* What another host has encoded arrives as it was sent, or not at all. */
static void take_encoded(const struct imgz_chunk_encoder *encoder, struct imgz_slot *slot)
{
    if (encoder->decoder.inflate != NULL)
        imgz_chunk_decode(&encoder->decoder, slot);
    else
        imgz_chunk_check_stored(slot);
}

void imgz_chunk_encode_slot(const struct imgz_chunk_encoder *encoder, struct imgz_slot *slot)
{
    if (slot->kind == IMGZ_SLOT_ZERO)
        return;
    if (slot->is_encoded)
        take_encoded(encoder, slot);
    else if (imgz_zero_test(slot->raw, (size_t)slot->raw_bytes))
        slot->kind = IMGZ_SLOT_ZERO;
    else if (pack_data(encoder, slot) < 0)
        slot->fault = IMGZ_FAULT_CODEC;
}

void imgz_chunk_hash_slot(struct imgz_hasher *hasher, struct imgz_slot *slot)
{
    struct imgz_hasher_sums sums;

    if (slot->kind == IMGZ_SLOT_ZERO)
        return;
    if (imgz_zero_test(slot->raw, (size_t)slot->raw_bytes)) {
        slot->kind = IMGZ_SLOT_ZERO;
        return;
    }
    sums = imgz_hasher_hash(hasher, slot->raw, (size_t)slot->raw_bytes);
    slot->raw_hash = sums.hash;
    slot->raw_sha256 = sums.sha256;
}

void imgz_chunk_encode_zeros(struct imgz_slot *slot)
{
    const uint64_t segment_bytes = imgz_zero_run_segment_bytes(slot->raw_bytes);
    unsigned char *segment = slot->stored + IMGZ_NOTE_CARRIER_BYTES;
    struct imgz_note note = {
        .kind = IMGZ_NOTE_ZERO,
        .payload_bytes = (uint32_t)segment_bytes,
        .raw_offset = slot->raw_offset,
        .raw_bytes = (uint32_t)slot->raw_bytes,
        .raw_crc32 = imgz_crc32_zeros(slot->raw_bytes),
    };

    imgz_zero_run_make(slot->raw_bytes, segment);
    note.payload_xxh3 = imgz_xxh3_64(segment, (size_t)segment_bytes);
    imgz_note_encode(&note, slot->stored);
    slot->stored_bytes = IMGZ_NOTE_CARRIER_BYTES + segment_bytes;
}

int imgz_chunk_encode_raise(struct imgz_latch *latch, const struct imgz_source *source, int level,
                            const struct imgz_slot *slot)
{
    struct imgz_location location = imgz_source_location(source, slot->raw_offset);

    if (slot->is_encoded)
        return imgz_latch_raise(latch, -EBADMSG, location,
                                "reading %s at offset %llu: the chunk that arrived does not match "
                                "its hash; run again",
                                imgz_source_path(source), (unsigned long long)slot->raw_offset);
    location.stage = IMGZ_STAGE_COMPRESS;
    return imgz_latch_raise_cause(
        latch, imgz_cause(IMGZ_REASON_LEVEL), -EPROTO, location,
        "compressing %s at offset %llu: %s made an invalid stream; please report this",
        imgz_source_path(source), (unsigned long long)slot->raw_offset,
        imgz_deflate_level_name(level));
}
