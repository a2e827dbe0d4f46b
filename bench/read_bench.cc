/* SPDX-License-Identifier: MIT */
/*
 * Reading a file that is in the page cache, by pieces of 1 MiB: the ring with its buffers and files
 * registered, the plain backend, and a loop of pread(2) that knows nothing of either. The rest of a
 * capture can be no faster.
 */
#include <fcntl.h>
#include <memory>
#include <sys/mman.h>
#include <unistd.h>
#include <vector>

#include "bench.h"
#include "corpus.h"
#include "engine.h"
#include "scratch.h"

namespace bench
{
namespace
{

constexpr uint32_t depth_count = 8;

/* The disk's file and, as a job has them, as many page-aligned buffers as there are requests. */
class Disk
{
  public:
    Disk() : fd(open(disk_path().c_str(), O_RDONLY | O_CLOEXEC))
    {
        void *mapped = mmap(nullptr, depth_count * chunk_bytes, PROT_READ | PROT_WRITE,
                            MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

        if (mapped != MAP_FAILED)
            memory = static_cast<unsigned char *>(mapped);
        hashes.resize(size_mib());
    }
    ~Disk()
    {
        if (memory != nullptr)
            munmap(memory, depth_count * chunk_bytes);
        if (fd >= 0)
            close(fd);
    }
    Disk(const Disk &) = delete;
    Disk &operator=(const Disk &) = delete;

    bool ready() const
    {
        return fd >= 0 && memory != nullptr;
    }
    unsigned char *buffer(size_t piece) const
    {
        return memory + piece % depth_count * chunk_bytes;
    }

    int fd;
    unsigned char *memory = nullptr;
    std::vector<uint64_t> hashes; /* of each piece, if asked for */
};

enum class Hashing { no, yes };

void note_piece(Disk &disk, Hashing hashing, size_t piece, const unsigned char *data)
{
    if (hashing == Hashing::yes)
        disk.hashes[piece] = imgz_xxh3_64(data, chunk_bytes);
}

bool read_plainly(Disk &disk, Hashing hashing)
{
    for (size_t piece = 0; piece < size_mib(); piece++) {
        if (pread(disk.fd, disk.buffer(piece), chunk_bytes,
                  static_cast<off_t>(piece * chunk_bytes)) != static_cast<ssize_t>(chunk_bytes))
            return false;
        note_piece(disk, hashing, piece, disk.buffer(piece));
    }
    return true;
}

bool submit_piece(imgz_aio *io, size_t piece, unsigned char *buffer)
{
    imgz_aio_request request = {};

    request.kind = IMGZ_AIO_READ;
    request.offset = piece * chunk_bytes;
    request.bytes = chunk_bytes;
    request.need_bytes = chunk_bytes;
    request.buffer = buffer;
    return imgz_aio_submit(io, &request) == 0;
}

/* A buffer that comes back is sent out again at once. */
bool read_by_io(Disk &disk, imgz_aio *io, Hashing hashing)
{
    size_t submitted = 0;
    imgz_aio_result result;

    for (; submitted < imgz_min(depth_count, size_mib()); submitted++) {
        if (!submit_piece(io, submitted, disk.buffer(submitted)))
            return false;
    }
    for (size_t reaped = 0; reaped < size_mib(); reaped++) {
        if (imgz_aio_reap(io, &result) < 0 || result.rc < 0 || result.done_bytes != chunk_bytes)
            return false;
        note_piece(disk, hashing, result.request.offset / chunk_bytes, result.request.buffer);
        if (submitted < size_mib() && !submit_piece(io, submitted++, result.request.buffer))
            return false;
    }
    return true;
}

imgz_aio *open_io(const Disk &disk, const imgz_aio_backend *backend)
{
    imgz_aio_config config = {};
    imgz_aio *io = nullptr;

    config.depth_count = depth_count;
    config.fds = &disk.fd;
    config.fd_count = 1;
    config.memory = disk.memory;
    config.memory_bytes = depth_count * chunk_bytes;
    config.backend = backend;
    return imgz_aio_create(&config, &io) == 0 ? io : nullptr;
}

void read_backend(benchmark::State &state, const imgz_aio_backend *backend)
{
    Disk disk;
    const std::unique_ptr<imgz_aio, void (*)(imgz_aio *)> io(
        disk.ready() ? open_io(disk, backend) : nullptr, imgz_aio_destroy);
    std::vector<uint64_t> expected;

    if (!check(state, io != nullptr, "the disk or the backend cannot be opened") ||
        !check(state, read_plainly(disk, Hashing::yes), "pread fails"))
        return;
    expected.swap(disk.hashes);
    disk.hashes.resize(size_mib());
    if (!check(state, read_by_io(disk, io.get(), Hashing::yes), "reading fails") ||
        !check(state, disk.hashes == expected, "pread gives other bytes"))
        return;
    for (auto _ : state)
        benchmark::DoNotOptimize(read_by_io(disk, io.get(), Hashing::no));
    count_raw(state, size_mib() * chunk_bytes);
    state.SetLabel(imgz_aio_describe(io.get()));
}

void read_pread(benchmark::State &state)
{
    Disk disk;

    if (!check(state, disk.ready() && read_plainly(disk, Hashing::no), "the disk cannot be read"))
        return;
    for (auto _ : state)
        benchmark::DoNotOptimize(read_plainly(disk, Hashing::no));
    count_raw(state, size_mib() * chunk_bytes);
}

/* Containers often refuse io_uring. */
bool ring_is_allowed()
{
    imgz_aio_config config = {};
    const int fd = STDIN_FILENO;
    imgz_aio *io = nullptr;

    config.depth_count = 1;
    config.fds = &fd;
    config.fd_count = 1;
    config.backend = &imgz_aio_uring;
    if (imgz_aio_create(&config, &io) < 0)
        return false;
    imgz_aio_destroy(io);
    return true;
}

} // namespace

void add_read_benchmarks()
{
    if (ring_is_allowed())
        add("read/ring", read_backend, &imgz_aio_uring)
            ->UseRealTime()
            ->Unit(benchmark::kMillisecond);
    add("read/plain", read_backend, &imgz_aio_pread)->UseRealTime()->Unit(benchmark::kMillisecond);
    add("read/pread", read_pread)->UseRealTime()->Unit(benchmark::kMillisecond);
}

} // namespace bench
