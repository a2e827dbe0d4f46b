/* SPDX-License-Identifier: MIT */
/*
 * The sparse writer: chunks cut into runs by their zero map, written to a file in TMPDIR. What the
 * runs cost shows between a dense chunk and one of many short runs, without the disk's own speed on
 * a TMPDIR in memory. Not flushed.
 */
#include <fcntl.h>
#include <memory>
#include <unistd.h>

#include "bench.h"
#include "corpus.h"
#include "engine.h"
#include "scratch.h"
#include "sparse_shim.h"

namespace bench
{
namespace
{

constexpr uint64_t chunk_count = 16;

using Shim = std::unique_ptr<imgz_sparse_shim, void (*)(imgz_sparse_shim *)>;

/* Turns of 'run_blocks' blocks of data and as many of zeros; 0: data all over. */
Chunk make_pattern(size_t run_blocks)
{
    Chunk chunk = corpus(Kind::random).front();

    for (size_t i = 0; run_blocks > 0 && i < chunk.size() / IMGZ_BLOCK_BYTES; i++) {
        if (i / run_blocks % 2 == 1)
            memset(chunk.data() + i * IMGZ_BLOCK_BYTES, 0, IMGZ_BLOCK_BYTES);
    }
    return chunk;
}

Shim make_shim(const std::string &path, const Chunk &chunk)
{
    imgz_sparse_shim *shim = nullptr;

    if (imgz_sparse_shim_create(path.c_str(), chunk.data(), chunk.size(), &shim) < 0)
        shim = nullptr;
    return {shim, imgz_sparse_shim_destroy};
}

/* Bytes that the file system says are data. */
uint64_t data_bytes(const std::string &path, uint64_t size_bytes)
{
    const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC);
    imgz_extent extent = {0, 0};
    uint64_t bytes = 0;

    while (extent.end < size_bytes && imgz_extent_next(fd, extent.end, size_bytes, &extent) == 0)
        bytes += extent.end - extent.offset;
    close(fd);
    return bytes;
}

bool wrote_right(const std::string &path, const Chunk &chunk)
{
    const std::string written = read_file(path);

    if (written.size() != chunk_count * chunk.size())
        return false;
    for (size_t at = 0; at < written.size(); at += chunk.size()) {
        if (memcmp(written.data() + at, chunk.data(), chunk.size()) != 0)
            return false;
    }
    return true;
}

void write_chunks(benchmark::State &state, size_t run_blocks)
{
    const Scratch scratch;
    const std::string path = scratch.path("target");
    const Chunk chunk = make_pattern(run_blocks);
    const Shim shim = make_shim(path, chunk);
    const uint64_t raw_bytes = chunk_count * chunk.size();
    uint64_t written_bytes = 0;

    if (!check(state, shim != nullptr, "out of memory") ||
        !check(state, imgz_sparse_shim_write(shim.get(), chunk_count, &written_bytes) == 0,
               "writing fails") ||
        !check(state, wrote_right(path, chunk), "other bytes are in the file") ||
        !check(state, written_bytes == raw_bytes / (run_blocks > 0 ? 2 : 1), "zeros were written"))
        return;
    state.counters["data"] =
        static_cast<double>(data_bytes(path, raw_bytes)) / static_cast<double>(raw_bytes);
    for (auto _ : state)
        benchmark::DoNotOptimize(imgz_sparse_shim_write(shim.get(), chunk_count, &written_bytes));
    count_raw(state, raw_bytes);
    count_items(state,
                run_blocks > 0 ? raw_bytes / IMGZ_BLOCK_BYTES / run_blocks / 2 : chunk_count);
}

} // namespace

void add_sparse_benchmarks()
{
    add("sparse/dense", write_chunks, 0)->UseRealTime()->Unit(benchmark::kMillisecond);
    for (size_t run_blocks : {size_t(32), size_t(4), size_t(1)})
        add("sparse/runs/" + std::to_string(run_blocks * IMGZ_BLOCK_BYTES / 1024) + "KiB",
            write_chunks, run_blocks)
            ->UseRealTime()
            ->Unit(benchmark::kMillisecond);
}

} // namespace bench
