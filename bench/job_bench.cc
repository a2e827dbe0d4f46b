/* SPDX-License-Identifier: MIT */
/*
 * Whole jobs through imgz.h, on a disk of size_mib() MiB in the page cache, in TMPDIR; see
 * write_disk() for what is on it. To a file, a job's time includes its flush. To /dev/null there is
 * none: that shows what the processors alone can do.
 */
#include <memory>
#include <zlib.h>

#include "bench.h"
#include "corpus.h"
#include "engine.h"
#include "scratch.h"

namespace bench
{
namespace
{

struct Job {
    imgz_options options;
    imgz_report report;
    imgz_error error;

    explicit Job(int level = IMGZ_LEVEL_FAST) : options(), report(), error()
    {
        imgz_options_init(&options, sizeof(options));
        report.struct_bytes = sizeof(report);
        error.struct_bytes = sizeof(error);
        options.level = level;
    }
    bool capture(const std::string &image)
    {
        options.flags = IMGZ_FLAG_FORCE;
        return imgz_capture(disk_path().c_str(), image.c_str(), &options, &report, &error) == 0;
    }
    bool restore(const std::string &image, const std::string &target)
    {
        options.flags = IMGZ_FLAG_FORCE;
        return imgz_restore(image.c_str(), target.c_str(), &options, &report, &error) == 0;
    }
    bool verify(const std::string &image, const char *against)
    {
        options.flags = 0;
        return imgz_verify(image.c_str(), against, &options, &report, &error) == 0;
    }
    bool hash(const std::string &path)
    {
        options.flags = 0;
        return imgz_hash(path.c_str(), &options, &report, &error) == 0;
    }
};

/* What the disk's root hash must be, by its definition. */
std::string naive_root_hash()
{
    const std::string disk = read_file(disk_path());
    char text[IMGZ_HASH_TEXT_BYTES];
    std::vector<unsigned char> hashes;
    struct imgz_hash hash;

    for (size_t at = 0; at < disk.size(); at += chunk_bytes) {
        hash = imgz_xxh3_128(disk.data() + at, imgz_min(chunk_bytes, disk.size() - at));
        hashes.insert(hashes.end(), hash.bytes, hash.bytes + IMGZ_HASH_BYTES);
    }
    hash = imgz_xxh3_128(hashes.data(), hashes.size());
    imgz_hash_format(&hash, text);
    return text;
}

const std::string &disk_root_hash()
{
    static const std::string text = naive_root_hash();

    return text;
}

/* zlib reads the image as any gunzip does. */
bool gunzips_to_disk(const std::string &image)
{
    const std::string disk = read_file(disk_path());
    std::vector<char> piece(chunk_bytes);
    gzFile file = gzopen(image.c_str(), "rb");
    size_t done = 0;
    bool right = file != nullptr;

    while (right && done < disk.size()) {
        const int bytes = gzread(file, piece.data(), static_cast<unsigned>(piece.size()));

        right = bytes > 0 && done + static_cast<size_t>(bytes) <= disk.size() &&
                memcmp(disk.data() + done, piece.data(), static_cast<size_t>(bytes)) == 0;
        done += static_cast<size_t>(bytes > 0 ? bytes : 0);
    }
    right = right && gzread(file, piece.data(), 1) == 0;
    if (file != nullptr)
        right = gzclose(file) == Z_OK && right;
    return right;
}

/* The image that restore, verify and hash read: made and judged once. "" if that failed. */
const std::string &image_path()
{
    static const Scratch scratch;
    static const std::string path = [] {
        const std::string image = scratch.path("image");

        return Job().capture(image) && gunzips_to_disk(image) ? image : std::string();
    }();

    return path;
}

void count_job(benchmark::State &state, const Job &job)
{
    count_raw(state, job.report.raw_bytes);
    if (job.report.image_bytes > 0)
        count_ratio(state, job.report.raw_bytes, job.report.image_bytes);
    state.SetLabel(job.report.io_name);
}

void capture_disk(benchmark::State &state, int level)
{
    const Scratch scratch;
    const std::string image = scratch.path("image");
    Job job(level);

    if (!check(state, job.capture(image) && gunzips_to_disk(image), "zlib reads another disk"))
        return;
    for (auto _ : state) {
        if (!check(state, job.capture(image), job.error.text))
            break;
    }
    count_job(state, job);
}

void capture_to_null(benchmark::State &state, int level)
{
    Job job(level);

    if (!check(state, job.capture("/dev/null") && job.report.root_hash == disk_root_hash(),
               "not the disk's root hash"))
        return;
    for (auto _ : state) {
        if (!check(state, job.capture("/dev/null"), job.error.text))
            break;
    }
    count_job(state, job);
}

void restore_disk(benchmark::State &state)
{
    const Scratch scratch;
    const std::string target = scratch.path("target");
    Job job;

    if (!check(state, job.restore(image_path(), target), job.error.text) ||
        !check(state, read_file(target) == read_file(disk_path()), "restored to another disk"))
        return;
    for (auto _ : state) {
        if (!check(state, job.restore(image_path(), target), job.error.text))
            break;
    }
    count_job(state, job);
}

/* One of the jobs that leave nothing behind but a report. */
void run_job(benchmark::State &state, bool (*run)(Job &job))
{
    Job job;

    if (!check(state, run(job), job.error.text) ||
        !check(state, job.report.root_hash == disk_root_hash(), "not the disk's root hash"))
        return;
    for (auto _ : state) {
        if (!check(state, run(job), job.error.text))
            break;
    }
    count_job(state, job);
}

void add_job(const std::string &name, bool (*run)(Job &job))
{
    add("job/" + name, run_job, run)
        ->UseRealTime()
        ->MeasureProcessCPUTime()
        ->Unit(benchmark::kMillisecond);
}

void add_capture(int level)
{
    const std::string name =
        "job/capture/" + std::string(level < 0 ? "fast" : std::to_string(level));

    add(name + "/file", capture_disk, level)
        ->UseRealTime()
        ->MeasureProcessCPUTime()
        ->Unit(benchmark::kMillisecond);
    add(name + "/null", capture_to_null, level)
        ->UseRealTime()
        ->MeasureProcessCPUTime()
        ->Unit(benchmark::kMillisecond);
}

} // namespace

void add_job_benchmarks()
{
    add_capture(IMGZ_LEVEL_FAST);
    add_capture(6);
    add("job/restore/file", restore_disk)
        ->UseRealTime()
        ->MeasureProcessCPUTime()
        ->Unit(benchmark::kMillisecond);
    add_job("restore/null", [](Job &job) { return job.restore(image_path(), "/dev/null"); });
    add_job("verify", [](Job &job) { return job.verify(image_path(), nullptr); });
    add_job("verify/against",
            [](Job &job) { return job.verify(image_path(), disk_path().c_str()); });
    add_job("hash/disk", [](Job &job) { return job.hash(disk_path()); });
    add_job("hash/image", [](Job &job) { return job.hash(image_path()); });
}

} // namespace bench
