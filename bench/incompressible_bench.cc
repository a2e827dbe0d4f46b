/* SPDX-License-Identifier: MIT */
/*
 * The incompressible test on every kind of data; its answers on many real files are judged by
 * incompressible_loss.c.
 */
#include "bench.h"
#include "segment.h"

namespace bench
{
namespace
{

/* What libdeflate makes of a chunk, as a part of it. */
double deflated_part(const Chunk &chunk)
{
    return static_cast<double>(make_stream(make_compressor(6), chunk).size()) /
           static_cast<double>(chunk.size());
}

/* For generated data: yes for what does not get smaller, no for what does. Any machine's files may
 * have chunks that fool a sample: yes must not be far wrong, no costs nothing but time. */
bool answers_right(Kind kind, const Chunk &chunk)
{
    const double part = deflated_part(chunk);

    if (imgz_incompressible(chunk.data(), chunk.size()))
        return part > (kind == Kind::files ? 0.9 : 0.99);
    return kind == Kind::files || part < 0.99;
}

void test_chunks(benchmark::State &state, Kind kind)
{
    uint64_t yes_count = 0;

    for (const Chunk &chunk : corpus(kind)) {
        if (!check(state, answers_right(kind, chunk), "the answer is wrong"))
            return;
        yes_count += imgz_incompressible(chunk.data(), chunk.size());
    }
    for (auto _ : state) {
        for (const Chunk &chunk : corpus(kind))
            benchmark::DoNotOptimize(imgz_incompressible(chunk.data(), chunk.size()));
    }
    count_raw(state, corpus_bytes(kind));
    count_items(state, corpus(kind).size());
    state.counters["yes"] =
        static_cast<double>(yes_count) / static_cast<double>(corpus(kind).size());
}

} // namespace

void add_entropy_benchmarks()
{
    for (Kind kind : all_kinds())
        add(std::string("incompressible_test/") + kind_name(kind), test_chunks, kind);
}

} // namespace bench
