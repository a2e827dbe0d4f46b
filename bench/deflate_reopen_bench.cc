/* SPDX-License-Identifier: MIT */
/*
 * The seam: how fast it walks, per raw byte, and which part of compressing it is.
 *
 * Each stream is reopened right after libdeflate made it, as a worker does; only the reopening is
 * timed. 'share' is its part of both together, 'MB/s out' counts the stream's own bytes.
 */
#include "bench.h"
#include "segment.h"

namespace bench
{
namespace
{

constexpr int levels[] = {1, 3, 6, 9, 12};

/* Not as many as take half a second of reopening: compressing takes up to 250 times as long. */
constexpr int iterations = 2;

struct Times {
    uint64_t deflate_ns;
    uint64_t seam_ns;
    uint64_t stream_bytes;
};

/* How the last block is found. */
enum class Way {
    from_behind,
    walk,
};

int reopen(Way way, Segment &segment, size_t stream_bytes, const Chunk &chunk)
{
    if (way == Way::walk)
        return imgz_deflate_reopen(segment.data.data(), stream_bytes, &segment.bytes);
    return imgz_deflate_reopen_known(segment.data.data(), stream_bytes, chunk.data(), chunk.size(),
                                     &segment.bytes);
}

/* Compresses and reopens one chunk. 'segment' has room for it. */
bool reopen_chunk(const Compressor &compressor, Way way, const Chunk &chunk, Segment &segment,
                  Times &times)
{
    const uint64_t start_ns = processor_ns();
    const size_t stream_bytes =
        libdeflate_deflate_compress(compressor.get(), chunk.data(), chunk.size(),
                                    segment.data.data(),
                                    segment.data.size() - IMGZ_DEFLATE_REOPEN_GROWTH_BYTES);
    const uint64_t middle_ns = processor_ns();
    const int rc = reopen(way, segment, stream_bytes, chunk);

    times.seam_ns += processor_ns() - middle_ns;
    times.deflate_ns += middle_ns - start_ns;
    times.stream_bytes += stream_bytes;
    return stream_bytes > 0 && rc == 0;
}

void reopen_chunks(benchmark::State &state, int level, Way way, Kind kind)
{
    const Compressor compressor = make_compressor(level);
    Segment segment = {Chunk(imgz_deflate_bound(chunk_bytes)), 0, IMGZ_DEFLATE_COMPRESSED};
    Times all = {};

    for (const Chunk &chunk : corpus(kind)) {
        if (!check(state, reopen_chunk(compressor, way, chunk, segment, all), "not a stream") ||
            !check(state, inflates_to(segment.data.data(), segment.bytes, chunk),
                   "zlib does not inflate the segment to the chunk"))
            return;
    }
    all = {};
    for (auto _ : state) {
        const uint64_t before_ns = all.seam_ns;

        for (const Chunk &chunk : corpus(kind))
            benchmark::DoNotOptimize(reopen_chunk(compressor, way, chunk, segment, all));
        state.SetIterationTime(static_cast<double>(all.seam_ns - before_ns) / 1e9);
    }
    count_raw(state, corpus_bytes(kind));
    state.counters["share"] =
        static_cast<double>(all.seam_ns) / static_cast<double>(all.seam_ns + all.deflate_ns);
    state.counters["MB/s out"] =
        static_cast<double>(all.stream_bytes) / (static_cast<double>(all.seam_ns) / 1e3);
}

} // namespace

void add_seam_benchmarks()
{
    for (int level : levels)
        add("seam/" + std::to_string(level) + "/files", reopen_chunks, level, Way::from_behind,
            Kind::files)
            ->UseManualTime()
            ->Iterations(iterations)
            ->Unit(benchmark::kMillisecond);
    add("seam/6/files/walk", reopen_chunks, 6, Way::walk, Kind::files)
        ->UseManualTime()
        ->Iterations(iterations)
        ->Unit(benchmark::kMillisecond);
    for (Kind kind : {Kind::text, Kind::code, Kind::records, Kind::bitmap})
        add(std::string("seam/6/") + kind_name(kind), reopen_chunks, 6, Way::from_behind, kind)
            ->UseManualTime()
            ->Iterations(iterations)
            ->Unit(benchmark::kMillisecond);
}

} // namespace bench
