/* SPDX-License-Identifier: MIT */
/*
 * The zero test, every variant, beside a plain read of the same bytes by loads of the same width.
 * The two take turns over the same buffer, so that both meet the same machine; of_read is the
 * speed of the test over that of the read. From memory: a buffer larger than any cache; from cache:
 * a chunk of 256 KiB.
 */
#include <algorithm>
#include <stdlib.h>
#include <sys/mman.h>

#include "bench.h"
#include "corpus.h"
#include "engine.h"
#include "memory_read.h"

namespace bench
{
namespace
{

constexpr size_t cached_bytes = size_t(256) << 10;

/* size_mib() MiB of real zeros: pages that were never written would be one and the same page. */
unsigned char *zero_buffer()
{
    static unsigned char *buffer = nullptr;

    if (buffer == nullptr) {
        void *memory = mmap(nullptr, size_mib() << 20, PROT_READ | PROT_WRITE,
                            MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

        if (memory == MAP_FAILED)
            abort();
        buffer = static_cast<unsigned char *>(memory);
        memset(buffer, 0, size_mib() << 20);
    }
    return buffer;
}

bool is_zero_naively(const unsigned char *data, size_t bytes)
{
    return std::all_of(data, data + bytes, [](unsigned char byte) { return byte == 0; });
}

/* One byte that is not zero is found wherever it is, or the test is wrong. */
bool finds_single_bytes(const imgz_zero_variant &variant)
{
    Chunk chunk(3 * 4096 + 77);

    for (size_t i = 0; i < chunk.size(); i++) {
        chunk[i] = 1;
        if (variant.test(chunk.data(), chunk.size()) != is_zero_naively(chunk.data(), chunk.size()))
            return false;
        chunk[i] = 0;
    }
    return variant.test(chunk.data(), chunk.size());
}

/* A pass: what is read and tested in one go, in pieces. */
struct Pass {
    size_t bytes;
    size_t piece_bytes;
    size_t round_count; /* how often */
};

Pass memory_pass()
{
    return {size_mib() << 20, chunk_bytes, 1};
}

Pass cache_pass()
{
    return {cached_bytes, cached_bytes, 64};
}

template <typename Function> uint64_t time_pass(const Pass &pass, Function function)
{
    const unsigned char *data = zero_buffer();
    const uint64_t start_ns = processor_ns();

    for (size_t round = 0; round < pass.round_count; round++) {
        for (size_t at = 0; at < pass.bytes; at += pass.piece_bytes)
            benchmark::DoNotOptimize(function(data + at, pass.piece_bytes));
    }
    return processor_ns() - start_ns;
}

void test_zeros(benchmark::State &state, const imgz_zero_variant &variant, const Pass &pass)
{
    const sum_function sum = find_sum(variant.name);
    uint64_t read_ns = 0;
    uint64_t test_ns = 0;

    if (!check(state, finds_single_bytes(variant), "the test differs from the naive one") ||
        !check(state, sum(zero_buffer(), cached_bytes) == 0, "the sum of zeros is not 0"))
        return;
    for (auto _ : state) {
        const uint64_t ns = time_pass(pass, variant.test);

        read_ns += time_pass(pass, sum);
        test_ns += ns;
        state.SetIterationTime(static_cast<double>(ns) / 1e9);
    }
    count_raw(state, pass.bytes * pass.round_count);
    state.counters["of_read"] = static_cast<double>(read_ns) / static_cast<double>(test_ns);
}

void read_memory(benchmark::State &state, const imgz_zero_variant &variant, const Pass &pass)
{
    const sum_function sum = find_sum(variant.name);
    const Chunk &chunk = corpus(Kind::random).front();

    if (!check(state, sum(chunk.data(), chunk.size()) == find_sum("")(chunk.data(), chunk.size()),
               "the sums differ"))
        return;
    for (auto _ : state)
        state.SetIterationTime(static_cast<double>(time_pass(pass, sum)) / 1e9);
    count_raw(state, pass.bytes * pass.round_count);
}

/* As a worker meets it: whole chunks of any kind. */
void test_chunks(benchmark::State &state, Kind kind)
{
    for (const Chunk &chunk : corpus(kind)) {
        if (!check(state,
                   imgz_zero_test(chunk.data(), chunk.size()) ==
                       is_zero_naively(chunk.data(), chunk.size()),
                   "the answer is wrong"))
            return;
    }
    for (auto _ : state) {
        for (const Chunk &chunk : corpus(kind))
            benchmark::DoNotOptimize(imgz_zero_test(chunk.data(), chunk.size()));
    }
    count_items(state, corpus(kind).size());
}

bool maps_right(const Chunk &chunk, std::vector<uint8_t> &map)
{
    uint32_t zero_count = 0;

    if (imgz_zero_map(chunk.data(), chunk.size(), map.data()) > map.size())
        return false;
    for (size_t i = 0; i < map.size(); i++) {
        const bool zero = is_zero_naively(chunk.data() + i * IMGZ_BLOCK_BYTES, IMGZ_BLOCK_BYTES);

        if (map[i] != zero)
            return false;
        zero_count += zero;
    }
    return imgz_zero_map(chunk.data(), chunk.size(), map.data()) == zero_count;
}

void map_chunks(benchmark::State &state, Kind kind)
{
    std::vector<uint8_t> map(chunk_bytes / IMGZ_BLOCK_BYTES);
    uint64_t zero_count = 0;

    for (const Chunk &chunk : corpus(kind)) {
        if (!check(state, maps_right(chunk, map), "the map differs from the naive one"))
            return;
        zero_count += imgz_zero_map(chunk.data(), chunk.size(), map.data());
    }
    for (auto _ : state) {
        for (const Chunk &chunk : corpus(kind))
            benchmark::DoNotOptimize(imgz_zero_map(chunk.data(), chunk.size(), map.data()));
    }
    count_raw(state, corpus_bytes(kind));
    state.counters["zeros"] = static_cast<double>(zero_count) /
                              static_cast<double>(corpus_bytes(kind) / IMGZ_BLOCK_BYTES);
}

void add_variant(const imgz_zero_variant &variant)
{
    const std::string name = variant.name;

    add("zero_test/" + name + "/memory", test_zeros, variant, memory_pass())->UseManualTime();
    add("memory_read/" + name + "/memory", read_memory, variant, memory_pass())->UseManualTime();
    add("zero_test/" + name + "/cache", test_zeros, variant, cache_pass())->UseManualTime();
    add("memory_read/" + name + "/cache", read_memory, variant, cache_pass())->UseManualTime();
}

} // namespace

void add_zero_benchmarks()
{
    size_t count = 0;
    const imgz_zero_variant *variants = imgz_zero_variants(&count);

    for (size_t i = 0; i < count; i++) {
        if (variants[i].usable())
            add_variant(variants[i]);
    }
    for (Kind kind : {Kind::files, Kind::random, Kind::zeros})
        add(std::string("zero_test/") + kind_name(kind), test_chunks, kind);
    for (Kind kind : {Kind::files, Kind::media, Kind::zeros})
        add(std::string("zero_map/") + kind_name(kind), map_chunks, kind);
}

} // namespace bench
