/* SPDX-License-Identifier: MIT */
/*
 * Example: 300 MiB of data in a sparse file lie in two extents, and 64 chunks are wanted. If the
 * data is laid end to end, a place is chosen every 300 / 64 = 4.7 MiB. The chunk that it belongs to
 * is taken as a capture would cut it. Places are at least a chunk apart, in the data and so in the
 * file too: no chunk is taken twice.
 */
#include "job/measure/sample_set.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/pages.h"
#include "base/zero.h"
#include "checksum/checksum.h"
#include "codec/zero_run.h"
#include "format/note.h"
#include "io/aio/page_cache.h"
#include "io/source/extent.h"
#include "job/measure/synthetic.h"

/* More would not change the figures; less would miss kinds of data. */
#define SPECIMEN_BYTES ((uint64_t)64 << 20)

_Static_assert(SPECIMEN_BYTES >= IMGZ_CHUNK_BYTES_MAX, "a chunk at least");

static const struct imgz_location nowhere = {IMGZ_STAGE_SETUP, NULL, IMGZ_OFFSET_NONE};

/* ---- Choosing ------------------------------------------------------------------------------- */

/* The extents of data of a source, one after the other. */
struct walk {
    const struct imgz_source *source;
    struct imgz_extent extent;
    uint64_t data_end; /* bytes of data up to and with this extent */
};

/* Moves on to the next extent. -ENODATA: there is none. */
static int walk_on(struct walk *walk, struct imgz_latch *latch)
{
    const struct imgz_source *source = walk->source;
    const uint64_t from = walk->extent.end;
    int rc;

    if (imgz_latch_raised(latch))
        return -ECANCELED;
    rc = imgz_source_next_extent(source, from, &walk->extent);
    if (rc < 0)
        return imgz_latch_raise_system(latch, rc, imgz_source_location(source, from),
                                       "looking for holes in");
    walk->data_end += walk->extent.end - walk->extent.offset;
    return walk->extent.offset < imgz_source_size(source) ? 0 : -ENODATA;
}

static int count_data(const struct imgz_source *source, struct imgz_latch *latch, uint64_t *bytes)
{
    struct walk walk = {.source = source};
    int rc;

    while ((rc = walk_on(&walk, latch)) == 0)
        continue;
    *bytes = walk.data_end;
    return rc == -ENODATA ? 0 : rc;
}

static void take_chunk(struct imgz_sample_set *samples, uint64_t data_offset)
{
    const uint64_t offset = imgz_align_down(data_offset, samples->chunk_bytes);
    const uint64_t raw_bytes = imgz_min(samples->chunk_bytes, samples->source_bytes - offset);

    samples->chunks[samples->chunk_count] = (struct imgz_sample_set_chunk){
        .source_offset = offset,
        .data_offset = data_offset,
        .raw_bytes = (uint32_t)raw_bytes,
    };
    samples->chunk_count += 1;
    samples->raw_bytes += raw_bytes;
}

static int choose_from_source(struct imgz_sample_set *samples, const struct imgz_source *source,
                              uint32_t count_max, struct imgz_latch *latch)
{
    struct walk walk = {.source = source};
    uint64_t data_bytes = 0;
    uint64_t stride;
    int rc = count_data(source, latch, &data_bytes);

    samples->source_bytes = imgz_source_size(source);
    samples->hole_bytes = imgz_source_size(source) - imgz_min(data_bytes, imgz_source_size(source));
    stride = imgz_max(samples->chunk_bytes, data_bytes / count_max);
    for (uint64_t at = 0; rc == 0 && at < data_bytes; at += stride) {
        while (rc == 0 && walk.data_end <= at)
            rc = walk_on(&walk, latch);
        if (rc == 0 && samples->chunk_count < count_max)
            take_chunk(samples, walk.extent.end - (walk.data_end - at));
    }
    /* Nothing but a hole, or a file that loses its data meanwhile. */
    if (samples->chunk_count == 0)
        take_chunk(samples, 0);
    return rc == -ENODATA ? 0 : rc;
}

static void choose_from_mix(struct imgz_sample_set *samples, uint32_t count_max)
{
    const uint64_t chunk_bytes = samples->chunk_bytes;

    for (uint32_t i = 0; i < count_max; i++)
        samples->chunks[i] = (struct imgz_sample_set_chunk){
            .source_offset = i * chunk_bytes,
            .raw_bytes = samples->chunk_bytes,
        };
    samples->chunk_count = count_max;
    samples->raw_bytes = count_max * chunk_bytes;
}

static uint32_t common_divisor(uint32_t a, uint32_t b)
{
    return b == 0 ? a : common_divisor(b, a % b);
}

/* The golden section of the count: multiples of it spread evenly however many there are. */
static uint32_t choose_step(uint32_t count)
{
    uint32_t step = (uint32_t)((uint64_t)count * 618 / 1000) | 1;

    while (common_divisor(step, count) != 1)
        step += 2;
    return step;
}

uint32_t imgz_sample_set_at(const struct imgz_sample_set *samples, uint64_t turn)
{
    return (uint32_t)(turn % samples->chunk_count * samples->step % samples->chunk_count);
}

/* ---- Memory --------------------------------------------------------------------------------- */

static unsigned char *map(uint64_t bytes)
{
    void *memory = imgz_pages_map(bytes);

    return memory != MAP_FAILED ? memory : NULL;
}

static int raise_memory(struct imgz_latch *latch)
{
    return imgz_latch_raise(
        latch, -ENOMEM, nowhere,
        "holding a sample of %u MiB, raw and compressed: out of memory; free some",
        (unsigned)(SPECIMEN_BYTES >> 20));
}

int imgz_sample_set_create(struct imgz_sample_set *samples, const struct imgz_source *source,
                           uint32_t chunk_bytes, struct imgz_latch *latch)
{
    const uint32_t count_max = (uint32_t)(SPECIMEN_BYTES / chunk_bytes);
    int rc = 0;

    *samples = (struct imgz_sample_set){
        .chunk_bytes = chunk_bytes,
        .stored_room = imgz_align_up(IMGZ_NOTE_CARRIER_BYTES + imgz_deflate_bound(chunk_bytes),
                                     IMGZ_BLOCK_BYTES),
    };
    samples->chunks = calloc(count_max, sizeof(samples->chunks[0]));
    if (samples->chunks == NULL)
        return raise_memory(latch);
    if (source != NULL)
        rc = choose_from_source(samples, source, count_max, latch);
    else
        choose_from_mix(samples, count_max);
    if (rc < 0)
        return rc;
    samples->step = choose_step(samples->chunk_count);
    samples->raw = map((uint64_t)samples->chunk_count * chunk_bytes);
    samples->stored = map(samples->chunk_count * samples->stored_room);
    return samples->raw != NULL && samples->stored != NULL ? 0 : raise_memory(latch);
}

void imgz_sample_set_fini(struct imgz_sample_set *samples)
{
    if (samples->raw != NULL)
        munmap(samples->raw, (uint64_t)samples->chunk_count * samples->chunk_bytes);
    if (samples->stored != NULL)
        munmap(samples->stored, samples->chunk_count * samples->stored_room);
    free(samples->chunks);
    *samples = (struct imgz_sample_set){0};
}

/* ---- Loading -------------------------------------------------------------------------------- */

static int raise_short(const struct imgz_source *source, uint64_t offset, struct imgz_latch *latch)
{
    return imgz_latch_raise(
        latch, -ENODATA, imgz_source_location(source, offset),
        "reading %s: it ended at offset %" PRIu64 " but had %" PRIu64
        " bytes when it was opened; something is shrinking it; stop that, and run again",
        imgz_source_path(source), offset, imgz_source_size(source));
}

/* A direct read asks for whole blocks: at the end of the source, more than there is. */
static int read_chunk(const struct imgz_sample_set_chunk *chunk, const struct imgz_source *source,
                      unsigned char *to, struct imgz_latch *latch)
{
    const size_t want_bytes = (size_t)imgz_align_up(chunk->raw_bytes, IMGZ_BLOCK_BYTES);
    size_t done_bytes = 0;
    int rc = imgz_source_read_at(source, chunk->source_offset, to, want_bytes, &done_bytes);
    const uint64_t offset = chunk->source_offset + done_bytes;

    if (rc < 0)
        return imgz_latch_raise_system(latch, rc, imgz_source_location(source, offset), "reading");
    return done_bytes < chunk->raw_bytes ? raise_short(source, offset, latch) : 0;
}

static void mix_chunk(const struct imgz_sample_set *samples, uint32_t index)
{
    const uint64_t piece_count = samples->chunk_bytes / IMGZ_SYNTHETIC_PIECE_BYTES;

    for (uint64_t i = 0; i < piece_count; i++)
        imgz_synthetic_fill(index * piece_count + i,
                            imgz_sample_set_raw(samples, index) + i * IMGZ_SYNTHETIC_PIECE_BYTES);
}

static uint64_t count_zeros(const struct imgz_sample_set *samples, uint32_t index)
{
    const unsigned char *raw = imgz_sample_set_raw(samples, index);
    const uint64_t raw_bytes = samples->chunks[index].raw_bytes;
    uint64_t zero_bytes = 0;

    for (uint64_t at = 0; at < raw_bytes; at += IMGZ_BLOCK_BYTES) {
        const size_t block_bytes = (size_t)imgz_min(IMGZ_BLOCK_BYTES, raw_bytes - at);

        if (imgz_zero_test(raw + at, block_bytes))
            zero_bytes += block_bytes;
    }
    return zero_bytes;
}

int imgz_sample_set_load(struct imgz_sample_set *samples, const struct imgz_source *source,
                         struct imgz_latch *latch)
{
    for (uint32_t i = 0; i < samples->chunk_count; i++) {
        int rc = 0;

        if (imgz_latch_raised(latch))
            return -ECANCELED;
        if (source != NULL)
            rc = read_chunk(&samples->chunks[i], source, imgz_sample_set_raw(samples, i), latch);
        else
            mix_chunk(samples, i);
        if (rc < 0)
            return rc;
        samples->zero_bytes += count_zeros(samples, i);
        /* Written, not just mapped: pages never touched are all one page, in the cache. */
        memset(imgz_sample_set_stored(samples, i), 0, samples->stored_room);
    }
    return 0;
}

uint32_t imgz_sample_set_cached_percent(const struct imgz_sample_set *samples,
                                        const struct imgz_source *cached_source)
{
    uint64_t cached_count = 0;

    for (uint32_t i = 0; i < samples->chunk_count; i++) {
        bool cached = false;

        if (imgz_page_cache_has(imgz_source_local_fd(cached_source), samples->chunks[i].data_offset,
                                &cached) < 0)
            return UINT32_MAX;
        cached_count += cached;
    }
    return (uint32_t)(cached_count * 100 / samples->chunk_count);
}

/* ---- Packing and unpacking ------------------------------------------------------------------ */

/* The slot as the worker of a capture would have it, with its raw bytes left where they are. */
static struct imgz_slot view_chunk(const struct imgz_sample_set *samples, uint32_t index,
                                   const struct imgz_slot *slot)
{
    struct imgz_slot view = *slot;

    view.kind = IMGZ_SLOT_DATA;
    view.fault = IMGZ_FAULT_NONE;
    view.raw = imgz_sample_set_raw(samples, index);
    view.raw_offset = samples->chunks[index].source_offset;
    view.raw_bytes = samples->chunks[index].raw_bytes;
    return view;
}

/* Zeros join those around them into long runs: the note of a run does not count. */
static uint64_t cost_of(const struct imgz_slot *packed)
{
    return packed->kind == IMGZ_SLOT_ZERO ? imgz_zero_run_segment_bytes(packed->raw_bytes)
                                          : packed->stored_bytes;
}

enum imgz_fault imgz_sample_set_pack(const struct imgz_sample_set *samples, uint32_t index,
                                     const struct imgz_chunk_encoder *encoder,
                                     const struct imgz_slot *slot, uint64_t *image_bytes)
{
    struct imgz_slot view = view_chunk(samples, index, slot);

    imgz_chunk_encode_slot(encoder, &view);
    *image_bytes = cost_of(&view);
    return view.fault;
}

static void keep_packed(struct imgz_sample_set *samples, uint32_t index,
                        const struct imgz_slot *packed)
{
    struct imgz_sample_set_chunk *chunk = &samples->chunks[index];

    IMGZ_ASSERT(packed->stored_bytes <= samples->stored_room);
    chunk->zero = packed->kind == IMGZ_SLOT_ZERO;
    chunk->stored_bytes = (uint32_t)packed->stored_bytes;
    memcpy(imgz_sample_set_stored(samples, index), packed->stored, packed->stored_bytes);
}

enum imgz_fault imgz_sample_set_prove(struct imgz_sample_set *samples, uint32_t index,
                                      const struct imgz_sample_set_proof *proof,
                                      const struct imgz_slot *slot, uint64_t *image_bytes)
{
    struct imgz_slot view = view_chunk(samples, index, slot);
    const unsigned char *raw = view.raw;

    imgz_chunk_encode_slot(proof->encoder, &view);
    *image_bytes = cost_of(&view);
    if (view.fault != IMGZ_FAULT_NONE)
        return view.fault;
    if (view.kind == IMGZ_SLOT_ZERO)
        imgz_chunk_encode_zeros(&view);
    if (proof->keep)
        keep_packed(samples, index, &view);
    view.raw = slot->raw;
    imgz_chunk_decode(proof->decoder, &view);
    if (view.kind == IMGZ_SLOT_DATA && view.fault == IMGZ_FAULT_NONE &&
        memcmp(view.raw, raw, view.raw_bytes) != 0)
        view.fault = IMGZ_FAULT_RAW;
    return view.fault;
}

void imgz_sample_set_unpack(const struct imgz_sample_set *samples, uint32_t index,
                            const struct imgz_chunk_decoder *decoder, struct imgz_slot *slot)
{
    const struct imgz_sample_set_chunk *chunk = &samples->chunks[index];

    slot->kind = chunk->zero ? IMGZ_SLOT_ZERO : IMGZ_SLOT_DATA;
    slot->raw_offset = chunk->source_offset;
    slot->raw_bytes = chunk->raw_bytes;
    slot->stored_bytes = chunk->stored_bytes;
    /* Copied as from the page cache; besides, the inflater may overwrite what follows a segment. */
    memcpy(slot->stored, imgz_sample_set_stored(samples, index), chunk->stored_bytes);
    imgz_chunk_decode(decoder, slot);
}

/* ---- Jobs on a sample set ------------------------------------------------------------------- */

int imgz_sample_set_prepare_job(const struct imgz_sample_set *samples, struct imgz_job *job)
{
    const struct imgz_job_needs needs = {
        .totals = {.chunk_bytes = samples->chunk_bytes, .raw_present = true},
        .raw_bytes = samples->chunk_bytes,
        .stored_bytes = samples->stored_room,
        .raw_bytes_total = IMGZ_SIZE_UNKNOWN,
    };

    return imgz_job_prepare(job, &needs);
}
