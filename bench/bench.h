/* SPDX-License-Identifier: MIT */
/*
 * What every benchmark of this program shares: checks that come before any timing, counters, and
 * the list of all groups.
 *
 * Threads    the main thread.
 * Errors     a check that fails marks its benchmark, and the program exits with 1.
 */
#ifndef IMGZ_BENCH_H
#define IMGZ_BENCH_H

#include <benchmark/benchmark.h>
#include <stddef.h>
#include <stdint.h>
#include <string>

namespace bench
{

/* Returns 'right'. If it is false, the benchmark is marked as failed and must return. */
bool check(benchmark::State &state, bool right, const char *what);

/* How many checks failed so far. */
unsigned failure_count();

/* How much data there is, in MiB: IMGZ_BENCH_MIB, or 256. Large buffers and the jobs' file have
 * this size; a corpus has a sixteenth of it, but 1 to 16 MiB. */
size_t size_mib();

/* Processor time of this thread: for benchmarks that time a part of their loop. */
uint64_t processor_ns();

/* Bytes of raw data per iteration: what bytes_per_second is made of. */
void count_raw(benchmark::State &state, uint64_t raw_bytes);

/* The counter out/in. */
void count_ratio(benchmark::State &state, uint64_t in_bytes, uint64_t out_bytes);

/* Items per iteration: what items_per_second is made of. */
void count_items(benchmark::State &state, uint64_t item_count);

/* A benchmark 'name' that runs function(state, arguments...). */
template <typename... Arguments>
benchmark::internal::Benchmark *add(const std::string &name, Arguments &&...arguments)
{
    return benchmark::RegisterBenchmark(name.c_str(), std::forward<Arguments>(arguments)...);
}

/* Each declares the benchmarks of one file. */
void add_zero_benchmarks();
void add_entropy_benchmarks();
void add_checksum_benchmarks();
void add_deflate_benchmarks();
void add_seam_benchmarks();
void add_image_benchmarks();
void add_flow_benchmarks();
void add_read_benchmarks();
void add_sparse_benchmarks();
void add_job_benchmarks();

} // namespace bench

#endif /* IMGZ_BENCH_H */
