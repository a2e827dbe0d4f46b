/* SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <time.h>
#include <utility>

#include "bench.h"

namespace bench
{

static unsigned failures;

bool check(benchmark::State &state, bool right, const char *what)
{
    if (!right) {
        failures += 1;
        state.SkipWithError(what);
    }
    return right;
}

unsigned failure_count()
{
    return failures;
}

size_t size_mib()
{
    const char *text = getenv("IMGZ_BENCH_MIB");
    const unsigned long wanted = text != nullptr ? strtoul(text, nullptr, 10) : 256;

    return wanted >= 1 && wanted <= 65536 ? wanted : 256;
}

uint64_t processor_ns()
{
    struct timespec now;

    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return static_cast<uint64_t>(now.tv_sec) * 1000000000u + static_cast<uint64_t>(now.tv_nsec);
}

void count_raw(benchmark::State &state, uint64_t raw_bytes)
{
    state.SetBytesProcessed(static_cast<int64_t>(raw_bytes) * state.iterations());
}

void count_ratio(benchmark::State &state, uint64_t in_bytes, uint64_t out_bytes)
{
    state.counters["out/in"] = static_cast<double>(out_bytes) / static_cast<double>(in_bytes);
}

void count_items(benchmark::State &state, uint64_t item_count)
{
    state.SetItemsProcessed(static_cast<int64_t>(item_count) * state.iterations());
}

static void add_all()
{
    add_zero_benchmarks();
    add_entropy_benchmarks();
    add_checksum_benchmarks();
    add_deflate_benchmarks();
    add_seam_benchmarks();
    add_image_benchmarks();
    add_flow_benchmarks();
    add_read_benchmarks();
    add_sparse_benchmarks();
    add_job_benchmarks();
}

} // namespace bench

int main(int argc, char **argv)
{
    benchmark::Initialize(&argc, argv);
    if (benchmark::ReportUnrecognizedArguments(argc, argv))
        return 2;
    bench::add_all();
    benchmark::RunSpecifiedBenchmarks();
    benchmark::Shutdown();
    return bench::failure_count() == 0 ? 0 : 1;
}
