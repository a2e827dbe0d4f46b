/* SPDX-License-Identifier: MIT */
/*
 * Chunks of a sparse file by example: 300 MiB of data lie in two extents, and 64 chunks are wanted.
 * Laid end to end, the data is looked at every 300 / 64 = 4.7 MiB; the chunk that each of these
 * places belongs to is taken as a capture would cut it. Places are at least a chunk apart, in the
 * data and so in the file too: no chunk is taken twice.
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

static const struct imgz_place nowhere = {IMGZ_STAGE_SETUP, NULL, IMGZ_OFFSET_NONE};

/* ---- Choosing ------------------------------------------------------------------------------- */

/* The extents of data of a source, one after the other. */
struct walk {
    const struct imgz_source *source;
    struct imgz_extent extent;
    uint64_t data_end; /* bytes of data up to and with this extent */
};

/* Moves on to the extent behind. -ENODATA: there is none. */
static int walk_on(struct walk *walk, struct imgz_stop *stop)
{
    const struct imgz_source *source = walk->source;
    const uint64_t from = walk->extent.end;
    int rc = 0;

    if (imgz_stop_raised(stop))
        return -ECANCELED;
    if (source->kind == IMGZ_SOURCE_FILE)
        rc = imgz_extent_next(source->fd, from, source->size_bytes, &walk->extent);
    else
        walk->extent = (struct imgz_extent){from, source->size_bytes};
    if (rc < 0)
        return imgz_stop_raise_system(stop, rc, imgz_source_place(source, from),
                                      "looking for holes in");
    walk->data_end += walk->extent.end - walk->extent.offset;
    return walk->extent.offset < source->size_bytes ? 0 : -ENODATA;
}

static int count_data(const struct imgz_source *source, struct imgz_stop *stop, uint64_t *bytes)
{
    struct walk walk = {.source = source};
    int rc;

    while ((rc = walk_on(&walk, stop)) == 0)
        continue;
    *bytes = walk.data_end;
    return rc == -ENODATA ? 0 : rc;
}

static void take_chunk(struct imgz_specimen *specimen, uint64_t data_offset)
{
    const uint64_t offset = imgz_align_down(data_offset, specimen->chunk_bytes);
    const uint64_t raw_bytes = imgz_min(specimen->chunk_bytes, specimen->source_bytes - offset);

    specimen->chunks[specimen->chunk_count] = (struct imgz_specimen_chunk){
        .source_offset = offset,
        .data_offset = data_offset,
        .raw_bytes = (uint32_t)raw_bytes,
    };
    specimen->chunk_count += 1;
    specimen->raw_bytes += raw_bytes;
}

static int choose_from_source(struct imgz_specimen *specimen, const struct imgz_source *source,
                              uint32_t count_max, struct imgz_stop *stop)
{
    struct walk walk = {.source = source};
    uint64_t data_bytes = 0;
    uint64_t stride;
    int rc = count_data(source, stop, &data_bytes);

    specimen->source_bytes = source->size_bytes;
    specimen->hole_bytes = source->size_bytes - imgz_min(data_bytes, source->size_bytes);
    stride = imgz_max(specimen->chunk_bytes, data_bytes / count_max);
    for (uint64_t at = 0; rc == 0 && at < data_bytes; at += stride) {
        while (rc == 0 && walk.data_end <= at)
            rc = walk_on(&walk, stop);
        if (rc == 0 && specimen->chunk_count < count_max)
            take_chunk(specimen, walk.extent.end - (walk.data_end - at));
    }
    /* Nothing but a hole, or a file that loses its data meanwhile. */
    if (specimen->chunk_count == 0)
        take_chunk(specimen, 0);
    return rc == -ENODATA ? 0 : rc;
}

static void choose_from_mix(struct imgz_specimen *specimen, uint32_t count_max)
{
    const uint64_t chunk_bytes = specimen->chunk_bytes;

    for (uint32_t i = 0; i < count_max; i++)
        specimen->chunks[i] = (struct imgz_specimen_chunk){
            .source_offset = i * chunk_bytes,
            .raw_bytes = specimen->chunk_bytes,
        };
    specimen->chunk_count = count_max;
    specimen->raw_bytes = count_max * chunk_bytes;
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

uint32_t imgz_specimen_at(const struct imgz_specimen *specimen, uint64_t turn)
{
    return (uint32_t)(turn % specimen->chunk_count * specimen->step % specimen->chunk_count);
}

/* ---- Memory --------------------------------------------------------------------------------- */

static unsigned char *map(uint64_t bytes)
{
    void *memory = imgz_pages_map(bytes);

    return memory != MAP_FAILED ? memory : NULL;
}

static int raise_memory(struct imgz_stop *stop)
{
    return imgz_stop_raise(stop, -ENOMEM, nowhere,
                           "getting memory for a sample of %u MiB, raw and packed: out of memory; "
                           "free some",
                           (unsigned)(SPECIMEN_BYTES >> 20));
}

int imgz_specimen_create(struct imgz_specimen *specimen, const struct imgz_source *source,
                         uint32_t chunk_bytes, struct imgz_stop *stop)
{
    const uint32_t count_max = (uint32_t)(SPECIMEN_BYTES / chunk_bytes);
    int rc = 0;

    *specimen = (struct imgz_specimen){
        .chunk_bytes = chunk_bytes,
        .stored_room = imgz_align_up(IMGZ_NOTE_CARRIER_BYTES + imgz_deflate_bound(chunk_bytes),
                                     IMGZ_BLOCK_BYTES),
    };
    specimen->chunks = calloc(count_max, sizeof(specimen->chunks[0]));
    if (specimen->chunks == NULL)
        return raise_memory(stop);
    if (source != NULL)
        rc = choose_from_source(specimen, source, count_max, stop);
    else
        choose_from_mix(specimen, count_max);
    if (rc < 0)
        return rc;
    specimen->step = choose_step(specimen->chunk_count);
    specimen->raw = map((uint64_t)specimen->chunk_count * chunk_bytes);
    specimen->stored = map(specimen->chunk_count * specimen->stored_room);
    return specimen->raw != NULL && specimen->stored != NULL ? 0 : raise_memory(stop);
}

void imgz_specimen_fini(struct imgz_specimen *specimen)
{
    if (specimen->raw != NULL)
        munmap(specimen->raw, (uint64_t)specimen->chunk_count * specimen->chunk_bytes);
    if (specimen->stored != NULL)
        munmap(specimen->stored, specimen->chunk_count * specimen->stored_room);
    free(specimen->chunks);
    *specimen = (struct imgz_specimen){0};
}

/* ---- Loading -------------------------------------------------------------------------------- */

static int raise_short(const struct imgz_source *source, uint64_t offset, struct imgz_stop *stop)
{
    return imgz_stop_raise(stop, -ENODATA, imgz_source_place(source, offset),
                           "reading %s: it ended at offset %" PRIu64 " but had %" PRIu64
                           " bytes when it was opened; something shrinks it, stop that and run "
                           "again",
                           source->path, offset, source->size_bytes);
}

/* A direct read asks for whole blocks: at the end of the source for more than there is. */
static int read_chunk(const struct imgz_specimen_chunk *chunk, const struct imgz_source *source,
                      unsigned char *to, struct imgz_stop *stop)
{
    const uint64_t want_bytes = imgz_align_up(chunk->raw_bytes, IMGZ_BLOCK_BYTES);
    uint64_t done_bytes = 0;

    while (done_bytes < chunk->raw_bytes) {
        const uint64_t offset = chunk->source_offset + done_bytes;
        ssize_t moved = pread(source->fd, to + done_bytes, want_bytes - done_bytes, (off_t)offset);

        if (moved < 0 && errno == EINTR)
            continue;
        if (moved < 0)
            return imgz_stop_raise_system(stop, -errno, imgz_source_place(source, offset),
                                          "reading");
        if (moved == 0)
            return raise_short(source, offset, stop);
        done_bytes += (uint64_t)moved;
    }
    return 0;
}

static void mix_chunk(const struct imgz_specimen *specimen, uint32_t index)
{
    const uint64_t piece_count = specimen->chunk_bytes / IMGZ_MIX_PIECE_BYTES;

    for (uint64_t i = 0; i < piece_count; i++)
        imgz_mix_fill(index * piece_count + i,
                      imgz_specimen_raw(specimen, index) + i * IMGZ_MIX_PIECE_BYTES);
}

static uint64_t count_zeros(const struct imgz_specimen *specimen, uint32_t index)
{
    const unsigned char *raw = imgz_specimen_raw(specimen, index);
    const uint64_t raw_bytes = specimen->chunks[index].raw_bytes;
    uint64_t zero_bytes = 0;

    for (uint64_t at = 0; at < raw_bytes; at += IMGZ_BLOCK_BYTES) {
        const size_t block_bytes = (size_t)imgz_min(IMGZ_BLOCK_BYTES, raw_bytes - at);

        if (imgz_zero_test(raw + at, block_bytes))
            zero_bytes += block_bytes;
    }
    return zero_bytes;
}

int imgz_specimen_load(struct imgz_specimen *specimen, const struct imgz_source *source,
                       struct imgz_stop *stop)
{
    for (uint32_t i = 0; i < specimen->chunk_count; i++) {
        int rc = 0;

        if (imgz_stop_raised(stop))
            return -ECANCELED;
        if (source != NULL)
            rc = read_chunk(&specimen->chunks[i], source, imgz_specimen_raw(specimen, i), stop);
        else
            mix_chunk(specimen, i);
        if (rc < 0)
            return rc;
        specimen->zero_bytes += count_zeros(specimen, i);
        /* Written, not just mapped: pages never touched are all one page, in the cache. */
        memset(imgz_specimen_stored(specimen, i), 0, specimen->stored_room);
    }
    return 0;
}

uint32_t imgz_specimen_cached_percent(const struct imgz_specimen *specimen,
                                      const struct imgz_source *cached_source)
{
    uint64_t cached_count = 0;

    for (uint32_t i = 0; i < specimen->chunk_count; i++) {
        bool cached = false;

        if (imgz_cached_probe(cached_source->fd, specimen->chunks[i].data_offset, &cached) < 0)
            return UINT32_MAX;
        cached_count += cached;
    }
    return (uint32_t)(cached_count * 100 / specimen->chunk_count);
}

/* ---- Packing and unpacking ------------------------------------------------------------------ */

/* The slot as the worker of a capture would have it, its raw bytes where they lie already. */
static struct imgz_slot view_chunk(const struct imgz_specimen *specimen, uint32_t index,
                                   const struct imgz_slot *slot)
{
    struct imgz_slot view = *slot;

    view.kind = IMGZ_SLOT_DATA;
    view.fault = IMGZ_FAULT_NONE;
    view.raw = imgz_specimen_raw(specimen, index);
    view.raw_offset = specimen->chunks[index].source_offset;
    view.raw_bytes = specimen->chunks[index].raw_bytes;
    return view;
}

/* Zeros join those around them into long runs: the note of a run does not count. */
static uint64_t cost_of(const struct imgz_slot *packed)
{
    return packed->kind == IMGZ_SLOT_ZERO ? imgz_zerorun_segment_bytes(packed->raw_bytes)
                                          : packed->stored_bytes;
}

enum imgz_fault imgz_specimen_pack(const struct imgz_specimen *specimen, uint32_t index,
                                   const struct imgz_packer *packer, const struct imgz_slot *slot,
                                   uint64_t *image_bytes)
{
    struct imgz_slot view = view_chunk(specimen, index, slot);

    imgz_pack_slot(packer, &view);
    *image_bytes = cost_of(&view);
    return view.fault;
}

static void keep_packed(struct imgz_specimen *specimen, uint32_t index,
                        const struct imgz_slot *packed)
{
    struct imgz_specimen_chunk *chunk = &specimen->chunks[index];

    IMGZ_ASSERT(packed->stored_bytes <= specimen->stored_room);
    chunk->zero = packed->kind == IMGZ_SLOT_ZERO;
    chunk->stored_bytes = (uint32_t)packed->stored_bytes;
    memcpy(imgz_specimen_stored(specimen, index), packed->stored, packed->stored_bytes);
}

enum imgz_fault imgz_specimen_prove(struct imgz_specimen *specimen, uint32_t index,
                                    const struct imgz_specimen_proof *proof,
                                    const struct imgz_slot *slot, uint64_t *image_bytes)
{
    struct imgz_slot view = view_chunk(specimen, index, slot);
    const unsigned char *raw = view.raw;

    imgz_pack_slot(proof->packer, &view);
    *image_bytes = cost_of(&view);
    if (view.fault != IMGZ_FAULT_NONE)
        return view.fault;
    if (view.kind == IMGZ_SLOT_ZERO)
        imgz_pack_zeros(&view);
    if (proof->keep)
        keep_packed(specimen, index, &view);
    view.raw = slot->raw;
    imgz_check_slot(proof->checker, &view);
    if (view.kind == IMGZ_SLOT_DATA && view.fault == IMGZ_FAULT_NONE &&
        memcmp(view.raw, raw, view.raw_bytes) != 0)
        view.fault = IMGZ_FAULT_RAW;
    return view.fault;
}

void imgz_specimen_unpack(const struct imgz_specimen *specimen, uint32_t index,
                          const struct imgz_checker *checker, struct imgz_slot *slot)
{
    const struct imgz_specimen_chunk *chunk = &specimen->chunks[index];

    slot->kind = chunk->zero ? IMGZ_SLOT_ZERO : IMGZ_SLOT_DATA;
    slot->raw_offset = chunk->source_offset;
    slot->raw_bytes = chunk->raw_bytes;
    slot->stored_bytes = chunk->stored_bytes;
    /* As from the page cache; and what lies behind a segment is the inflater's to overwrite. */
    memcpy(slot->stored, imgz_specimen_stored(specimen, index), chunk->stored_bytes);
    imgz_check_slot(checker, slot);
}
