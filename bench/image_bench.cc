/* SPDX-License-Identifier: MIT */
/*
 * What an image needs beside its segments: notes, carriers, zero runs, the index, the sums over the
 * disk. Most of it is work of one thread: items a second, times what an item stands for, is where
 * that thread would be the limit.
 */
#include <errno.h>
#include <zlib.h>

#include "bench.h"
#include "segment.h"

namespace bench
{
namespace
{

/* ---- Notes and carriers ------------------------------------------------------------------- */

imgz_note sample_note()
{
    imgz_note note = {};

    note.kind = IMGZ_NOTE_CHUNK;
    note.payload_bytes = 400000;
    note.raw_offset = 123 * chunk_bytes;
    note.raw_bytes = chunk_bytes;
    note.raw_crc32 = 0x12345678;
    note.payload_xxh3 = 0x0123456789abcdef;
    note.raw_hash = imgz_xxh3_128("note", 4);
    return note;
}

bool is_same_note(const imgz_note &a, const imgz_note &b)
{
    return a.kind == b.kind && a.payload_bytes == b.payload_bytes && a.raw_offset == b.raw_offset &&
           a.raw_bytes == b.raw_bytes && a.raw_crc32 == b.raw_crc32 &&
           a.payload_xxh3 == b.payload_xxh3 && imgz_hash_equal(&a.raw_hash, &b.raw_hash);
}

/* Decoding gives the same note, and for any decoder a note has no output. */
bool check_note(benchmark::State &state, const imgz_note &note, const unsigned char *carrier)
{
    imgz_note decoded = {};

    return check(state, imgz_note_decode(carrier, &decoded) == 0 && is_same_note(note, decoded),
                 "decoded to another note") &&
           check(state, inflates_to(carrier, IMGZ_NOTE_CARRIER_BYTES, Chunk()),
                 "zlib finds data in a note");
}

void encode_note(benchmark::State &state)
{
    unsigned char carrier[IMGZ_NOTE_CARRIER_BYTES];
    const imgz_note note = sample_note();

    imgz_note_encode(&note, carrier);
    if (!check_note(state, note, carrier))
        return;
    for (auto _ : state) {
        imgz_note_encode(&note, carrier);
        benchmark::DoNotOptimize(carrier);
    }
    count_items(state, 1);
}

void decode_note(benchmark::State &state)
{
    unsigned char carrier[IMGZ_NOTE_CARRIER_BYTES];
    imgz_note note = sample_note();

    imgz_note_encode(&note, carrier);
    if (!check_note(state, note, carrier))
        return;
    for (auto _ : state)
        benchmark::DoNotOptimize(imgz_note_decode(carrier, &note));
    count_items(state, 1);
}

/* The payload of an index of a 16 TiB disk would be as large. */
struct Carried {
    Chunk payload = corpus(Kind::random).front();
    std::vector<unsigned char> carrier =
        std::vector<unsigned char>(imgz_carrier_bytes(chunk_bytes));

    bool right()
    {
        Chunk decoded(payload.size());

        imgz_carrier_encode(payload.data(), payload.size(), carrier.data());
        return imgz_carrier_decode(carrier.data(), decoded.size(), decoded.data()) == 0 &&
               decoded == payload && inflates_to(carrier.data(), carrier.size(), Chunk());
    }
};

void encode_carrier(benchmark::State &state)
{
    Carried carried;

    if (!check(state, carried.right(), "decoded to something else"))
        return;
    for (auto _ : state) {
        imgz_carrier_encode(carried.payload.data(), carried.payload.size(), carried.carrier.data());
        benchmark::ClobberMemory();
    }
    count_raw(state, carried.payload.size());
    count_ratio(state, carried.payload.size(), carried.carrier.size());
}

void decode_carrier(benchmark::State &state)
{
    Carried carried;

    if (!check(state, carried.right(), "decoded to something else"))
        return;
    for (auto _ : state)
        benchmark::DoNotOptimize(imgz_carrier_decode(carried.carrier.data(), carried.payload.size(),
                                                     carried.payload.data()));
    count_raw(state, carried.payload.size());
}

/* ---- Zero runs ---------------------------------------------------------------------------- */

struct ZeroRun {
    uint64_t raw_bytes;
    std::vector<unsigned char> segment;

    explicit ZeroRun(uint64_t bytes) : raw_bytes(bytes), segment(imgz_zero_run_segment_bytes(bytes))
    {
        imgz_zero_run_make(raw_bytes, segment.data());
    }

    /* zlib inflates it to zeros: up to 64 MiB; longer runs do not differ. */
    bool right() const
    {
        const ZeroRun judged(imgz_min(raw_bytes, 64 * chunk_bytes));

        return imgz_zero_run_match(raw_bytes, segment.data(), segment.size()) &&
               inflates_to(judged.segment.data(), judged.segment.size(), Chunk(judged.raw_bytes));
    }
};

void make_zerorun(benchmark::State &state, uint64_t raw_bytes)
{
    ZeroRun run(raw_bytes);

    if (!check(state, run.right(), "zlib does not inflate it to zeros"))
        return;
    for (auto _ : state) {
        imgz_zero_run_make(raw_bytes, run.segment.data());
        benchmark::ClobberMemory();
    }
    count_raw(state, raw_bytes);
    count_ratio(state, raw_bytes, run.segment.size());
}

void match_zerorun(benchmark::State &state, uint64_t raw_bytes)
{
    const ZeroRun run(raw_bytes);

    if (!check(state, run.right(), "zlib does not inflate it to zeros"))
        return;
    for (auto _ : state)
        benchmark::DoNotOptimize(
            imgz_zero_run_match(raw_bytes, run.segment.data(), run.segment.size()));
    count_raw(state, raw_bytes);
}

/* ---- The index ---------------------------------------------------------------------------- */

constexpr uint64_t indexed_count = 65536;
constexpr uint64_t indexed_bytes = indexed_count / 8 * 15 * chunk_bytes;

uint32_t entry_segment_bytes(uint64_t entry)
{
    return 400000 + static_cast<uint32_t>(entry % 1000);
}

struct Index {
    imgz_index index;

    Index() : index()
    {
        imgz_index_init(&index, chunk_bytes);
    }
    ~Index()
    {
        imgz_index_fini(&index);
    }
    Index(const Index &) = delete;
    Index &operator=(const Index &) = delete;

    /* Every eighth entry is a run of zeros of eight chunks. */
    bool fill()
    {
        const struct imgz_hash hash = imgz_xxh3_128("chunk", 5);
        int rc = 0;

        for (uint64_t i = 0; rc == 0 && i < indexed_count; i++) {
            if (i % 8 == 7)
                rc = imgz_index_add_zero(&index, 8 * chunk_bytes);
            else
                rc = imgz_index_add_chunk(&index, entry_segment_bytes(i), &hash);
        }
        return rc == 0;
    }
};

/* Walks all of it; the sum of what it stands for, or 0 if it is impossible. */
uint64_t walk_index(const imgz_index &index, uint64_t *segment_bytes)
{
    imgz_index_cursor cursor;
    imgz_index_item item;
    uint64_t raw_bytes = 0;
    int rc;

    *segment_bytes = 0;
    imgz_index_rewind(&index, indexed_bytes, &cursor);
    while ((rc = imgz_index_next(&cursor, &item)) == 0) {
        raw_bytes += item.raw_bytes;
        *segment_bytes += item.segment_bytes;
    }
    return rc == -ENODATA ? raw_bytes : 0;
}

bool check_index(benchmark::State &state, Index &index)
{
    uint64_t expected_bytes = indexed_count / 8 * imgz_zero_run_segment_bytes(8 * chunk_bytes);
    uint64_t segment_bytes = 0;

    for (uint64_t i = 0; i < indexed_count; i++)
        expected_bytes += i % 8 == 7 ? 0 : entry_segment_bytes(i);
    return check(state, index.fill() && walk_index(index.index, &segment_bytes) == indexed_bytes,
                 "entries are lost") &&
           check(state, segment_bytes == expected_bytes, "segments have other sizes");
}

void add_to_index(benchmark::State &state)
{
    Index checked;

    if (!check_index(state, checked))
        return;
    for (auto _ : state) {
        Index index;

        benchmark::DoNotOptimize(index.fill());
    }
    count_items(state, indexed_count);
}

void read_index(benchmark::State &state)
{
    Index index;
    uint64_t segment_bytes = 0;

    if (!check_index(state, index))
        return;
    for (auto _ : state)
        benchmark::DoNotOptimize(walk_index(index.index, &segment_bytes));
    count_items(state, indexed_count);
}

/* ---- The sums over the disk --------------------------------------------------------------- */

class Tally
{
  public:
    Tally()
    {
        imgz_totals_config config = {};

        config.chunk_bytes = chunk_bytes;
        config.crc_wanted = true;
        if (imgz_totals_create(&config, &totals) < 0)
            totals = nullptr;
    }
    ~Tally()
    {
        imgz_totals_destroy(totals);
    }
    Tally(const Tally &) = delete;
    Tally &operator=(const Tally &) = delete;

    /* Moves the slot to where the last one ended. */
    void add(imgz_slot &slot)
    {
        slot.raw_offset = raw_bytes;
        raw_bytes += slot.raw_bytes;
        imgz_totals_add(totals, &slot);
    }
    imgz_totals_sum finish()
    {
        imgz_totals_sum sum = {};

        imgz_totals_finish(totals, &sum);
        return sum;
    }

  private:
    imgz_totals *totals = nullptr;
    uint64_t raw_bytes = 0;
};

imgz_slot make_slot(const Chunk &chunk)
{
    imgz_slot slot = {};

    slot.kind = IMGZ_SLOT_DATA;
    slot.raw_bytes = chunk.size();
    slot.raw_hash = imgz_xxh3_128(chunk.data(), chunk.size());
    slot.raw_crc32 = imgz_crc32(chunk.data(), chunk.size());
    return slot;
}

imgz_slot make_zero_slot(uint64_t raw_bytes)
{
    imgz_slot slot = {};

    slot.kind = IMGZ_SLOT_ZERO;
    slot.raw_bytes = raw_bytes;
    return slot;
}

/* Two chunks of data around one of zeros, beside the same computed over all their bytes. */
bool tallies_right(const Chunk &chunk)
{
    const Chunk zeros(chunk_bytes);
    imgz_slot slots[] = {make_slot(chunk), make_zero_slot(chunk_bytes), make_slot(chunk)};
    std::vector<unsigned char> hashes;
    struct imgz_hash root_hash;
    uLong crc = 0;
    Tally totals;

    for (imgz_slot &slot : slots) {
        const Chunk &raw = slot.kind == IMGZ_SLOT_DATA ? chunk : zeros;
        const struct imgz_hash hash = imgz_xxh3_128(raw.data(), raw.size());

        totals.add(slot);
        crc = crc32(crc, raw.data(), static_cast<uInt>(raw.size()));
        hashes.insert(hashes.end(), hash.bytes, hash.bytes + IMGZ_HASH_BYTES);
    }
    const imgz_totals_sum sum = totals.finish();
    root_hash = imgz_xxh3_128(hashes.data(), hashes.size());
    return sum.crc32 == crc && imgz_hash_equal(&sum.root_hash, &root_hash) &&
           sum.raw_bytes == 3 * chunk_bytes && sum.zero_bytes == chunk_bytes;
}

void add_to_totals(benchmark::State &state, const imgz_slot &sample)
{
    imgz_slot slot = sample;
    Tally totals;

    if (!check(state, tallies_right(corpus(Kind::random).front()), "not the sums of zlib"))
        return;
    for (auto _ : state)
        totals.add(slot);
    count_items(state, 1);
    count_raw(state, slot.raw_bytes);
}

} // namespace

void add_image_benchmarks()
{
    add("note/encode", encode_note);
    add("note/decode", decode_note);
    add("carrier/encode", encode_carrier);
    add("carrier/decode", decode_carrier);
    for (uint64_t mib : {uint64_t(1), uint64_t(1024)}) {
        add("zerorun/make/" + std::to_string(mib) + "MiB", make_zerorun, mib * chunk_bytes);
        add("zerorun/match/" + std::to_string(mib) + "MiB", match_zerorun, mib * chunk_bytes);
    }
    add("index/add", add_to_index);
    add("index/next", read_index);
    add("totals/chunk", [](benchmark::State &state) {
        add_to_totals(state, make_slot(corpus(Kind::random).front()));
    });
    add("totals/zeros", add_to_totals, make_zero_slot(uint64_t(1) << 30));
}

} // namespace bench
