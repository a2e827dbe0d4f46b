/* SPDX-License-Identifier: MIT */
/*
 * Compressing and decompressing chunks, all levels. One iteration is a whole corpus, so that out/in
 * is the same however often it runs.
 */
#include "bench.h"
#include "segment.h"

namespace bench
{
namespace
{

constexpr int levels[] = {IMGZ_LEVEL_FAST, 0, 1, 3, 6, 9, 12};

void compress_chunks(benchmark::State &state, int level, Kind kind)
{
    const Deflate deflate = make_deflate(level);
    uint64_t out_bytes = 0;
    uint64_t stored_count = 0;
    Segment segment;

    if (!check(state, deflate != nullptr, "out of memory"))
        return;
    for (const Chunk &chunk : corpus(kind)) {
        if (!check(state, make_segment(deflate.get(), chunk, segment), "the engine fails") ||
            !check(state, inflates_to(segment.data.data(), segment.bytes, chunk),
                   "zlib does not inflate the segment to the chunk"))
            return;
        out_bytes += segment.bytes;
        stored_count += segment.form == IMGZ_DEFLATE_STORED;
    }
    for (auto _ : state) {
        for (const Chunk &chunk : corpus(kind))
            benchmark::DoNotOptimize(make_segment(deflate.get(), chunk, segment));
    }
    count_raw(state, corpus_bytes(kind));
    count_ratio(state, corpus_bytes(kind), out_bytes);
    state.counters["stored"] =
        static_cast<double>(stored_count) / static_cast<double>(corpus(kind).size());
}

/* A chunk's segment beside the stream it comes from, where that is libdeflate's. */
struct Pair {
    Segment segment;
    std::vector<unsigned char> stream;
};

bool make_pairs(int level, Kind kind, std::vector<Pair> &pairs)
{
    const Deflate deflate = make_deflate(level);
    const Compressor compressor = make_compressor(level == IMGZ_LEVEL_FAST ? 1 : level);

    for (const Chunk &chunk : corpus(kind)) {
        Pair pair;

        pair.stream = make_stream(compressor, chunk);
        if (!make_segment(deflate.get(), chunk, pair.segment))
            return false;
        pairs.push_back(std::move(pair));
    }
    return true;
}

bool inflate_segment(imgz_inflate *inflate, Segment &segment, Chunk &raw)
{
    return imgz_inflate_segment(inflate, segment.data.data(), segment.bytes, raw.data(),
                                raw.size()) == 0;
}

bool inflate_right(imgz_inflate *inflate, Kind kind, std::vector<Pair> &pairs)
{
    for (size_t i = 0; i < pairs.size(); i++) {
        Chunk raw(chunk_bytes);

        if (!inflate_segment(inflate, pairs[i].segment, raw) || raw != corpus(kind)[i])
            return false;
    }
    return true;
}

/* of_bare: the speed beside that of libdeflate alone, on its own stream of the same level and by
 * turns. */
void inflate_chunks(benchmark::State &state, int level, Kind kind)
{
    const Decompressor bare = make_decompressor();
    const Inflate inflate = make_inflate();
    std::vector<Pair> pairs;
    Chunk raw(chunk_bytes);
    uint64_t engine_ns = 0;
    uint64_t bare_ns = 0;

    if (!check(state, make_pairs(level, kind, pairs), "the engine fails") ||
        !check(state, inflate_right(inflate.get(), kind, pairs), "inflated to something else"))
        return;
    for (auto _ : state) {
        uint64_t iteration_ns = 0;

        for (Pair &pair : pairs) {
            const uint64_t start_ns = processor_ns();
            benchmark::DoNotOptimize(inflate_segment(inflate.get(), pair.segment, raw));
            const uint64_t middle_ns = processor_ns();
            benchmark::DoNotOptimize(libdeflate_deflate_decompress(bare.get(), pair.stream.data(),
                                                                   pair.stream.size(), raw.data(),
                                                                   raw.size(), nullptr));
            bare_ns += processor_ns() - middle_ns;
            iteration_ns += middle_ns - start_ns;
        }
        engine_ns += iteration_ns;
        state.SetIterationTime(static_cast<double>(iteration_ns) / 1e9);
    }
    count_raw(state, corpus_bytes(kind));
    if (level != IMGZ_LEVEL_FAST || !IMGZ_HAVE_ISAL)
        state.counters["of_bare"] = static_cast<double>(bare_ns) / static_cast<double>(engine_ns);
}

} // namespace

void add_deflate_benchmarks()
{
    for (int level : levels)
        add("deflate/" + level_name(level) + "/files", compress_chunks, level, Kind::files)
            ->Unit(benchmark::kMillisecond);
    for (int level : {IMGZ_LEVEL_FAST, 6}) {
        for (Kind kind : {Kind::text, Kind::code, Kind::records, Kind::bitmap, Kind::periodic,
                          Kind::media, Kind::random, Kind::zeros})
            add("deflate/" + level_name(level) + "/" + kind_name(kind), compress_chunks, level,
                kind)
                ->Unit(benchmark::kMillisecond);
    }
    for (int level : {IMGZ_LEVEL_FAST, 1, 6, 12})
        add("inflate/" + level_name(level) + "/files", inflate_chunks, level, Kind::files)
            ->UseManualTime()
            ->Unit(benchmark::kMillisecond);
}

} // namespace bench
