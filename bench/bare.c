/* SPDX-License-Identifier: MIT */
/*
 * The bare libraries, which bench/rivals compares imgz with: threads that read, compress or inflate
 * and write chunks of 1 MiB, and do nothing else. No hash, no check, no order, no flush.
 *
 *     imgz_bare isal-LEVEL|libdeflate-LEVEL THREADS INPUT PACK
 *     imgz_bare inflate THREADS PACK [OUTPUT]
 *
 * The first compresses INPUT into PACK: complete DEFLATE streams in the order in which they were
 * done, then a table of where they lie (struct segment, in disk order), then its length. The
 * second inflates them, and writes them to where they were if OUTPUT is given. Both print the
 * wall seconds from first to last chunk. Exit 77: built without ISA-L.
 *
 * Threads    a shared counter gives each its next chunk, another one its place in PACK.
 * Errors     printed on stderr; exit 1. A lack of memory is an error like any other.
 */
#include <err.h>
#include <fcntl.h>
#include <libdeflate.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#if IMGZ_HAVE_ISAL
#include <isa-l.h>
#endif

#define CHUNK_BYTES ((size_t)1 << 20)
/* Room for a chunk that does not shrink: far over what either library adds to it. */
#define PACKED_BYTES_MAX (2 * CHUNK_BYTES)
#define THREAD_COUNT_MAX 1024

struct segment {
    uint64_t offset; /* in the pack */
    uint64_t packed_bytes;
    uint64_t raw_bytes;
};

enum mode { MODE_ISAL, MODE_LIBDEFLATE, MODE_INFLATE };

struct run {
    /* set before the threads start */
    enum mode mode;
    int level;
    int source;
    int target; /* -1: nothing is written */
    uint64_t chunk_count;
    uint64_t source_bytes;
    /* each element is written by the thread that has the chunk */
    struct segment *segments;
    /* relaxed: they only hand out numbers */
    atomic_uint_fast64_t next_index;
    atomic_uint_fast64_t pack_bytes;
};

/* ---- Input and output ------------------------------------------------------------------------ */

static void *allocate(size_t bytes)
{
    void *memory = calloc(1, bytes);

    if (memory == NULL)
        err(1, "memory");
    return memory;
}

static void read_at(int fd, void *buffer, size_t bytes, uint64_t offset)
{
    for (size_t done = 0; done < bytes;) {
        ssize_t got = pread(fd, (char *)buffer + done, bytes - done, (off_t)(offset + done));

        if (got <= 0)
            err(1, "read");
        done += (size_t)got;
    }
}

static void write_at(int fd, const void *buffer, size_t bytes, uint64_t offset)
{
    for (size_t done = 0; done < bytes;) {
        ssize_t put = pwrite(fd, (const char *)buffer + done, bytes - done, (off_t)(offset + done));

        if (put <= 0)
            err(1, "write");
        done += (size_t)put;
    }
}

static uint64_t size_of(int fd)
{
    struct stat status;

    if (fstat(fd, &status) < 0)
        err(1, "fstat");
    return (uint64_t)status.st_size;
}

/* ---- Codecs ---------------------------------------------------------------------------------- */

/* A function that packs 'raw' into 'packed' (PACKED_BYTES_MAX) and returns how many bytes it took;
 * 'state' is the thread's own. */
typedef size_t pack_function(void *state, const void *raw, size_t raw_bytes, void *packed);

static size_t pack_libdeflate(void *state, const void *raw, size_t raw_bytes, void *packed)
{
    return libdeflate_deflate_compress(state, raw, raw_bytes, packed, PACKED_BYTES_MAX);
}

#if IMGZ_HAVE_ISAL

struct isal {
    struct isal_zstream stream;
    uint32_t level;
    uint32_t level_bytes;
    uint8_t level_buffer[ISAL_DEF_LVL3_LARGE];
};

static void *create_isal(int level)
{
    static const uint32_t level_bytes[] = {0, ISAL_DEF_LVL1_LARGE, ISAL_DEF_LVL2_LARGE,
                                           ISAL_DEF_LVL3_LARGE};
    struct isal *isal = allocate(sizeof(*isal));

    isal->level = (uint32_t)level;
    isal->level_bytes = level_bytes[level];
    return isal;
}

static size_t pack_isal(void *state, const void *raw, size_t raw_bytes, void *packed)
{
    struct isal *isal = state;
    struct isal_zstream *stream = &isal->stream;

    isal_deflate_stateless_init(stream);
    stream->level = isal->level;
    stream->level_buf = isal->level_buffer;
    stream->level_buf_size = isal->level_bytes;
    stream->end_of_stream = 1;
    stream->next_in = (uint8_t *)(uintptr_t)raw; /* only read, though not declared const */
    stream->avail_in = (uint32_t)raw_bytes;
    stream->next_out = packed;
    stream->avail_out = (uint32_t)PACKED_BYTES_MAX;
    return isal_deflate_stateless(stream) == COMP_OK ? stream->total_out : 0;
}

#else

static void *create_isal(int level)
{
    (void)level;
    fprintf(stderr, "imgz_bare: built without ISA-L\n");
    exit(77);
}

static size_t pack_isal(void *state, const void *raw, size_t raw_bytes, void *packed)
{
    (void)state, (void)raw, (void)raw_bytes, (void)packed;
    return 0;
}

#endif

/* ---- Threads --------------------------------------------------------------------------------- */

static bool next_chunk(struct run *run, uint64_t *index)
{
    *index = atomic_fetch_add_explicit(&run->next_index, 1, memory_order_relaxed);
    return *index < run->chunk_count;
}

static void *pack_chunks(void *argument)
{
    struct run *run = argument;
    bool isal = run->mode == MODE_ISAL;
    pack_function *pack = isal ? pack_isal : pack_libdeflate;
    void *state = isal ? create_isal(run->level) : libdeflate_alloc_compressor(run->level);
    unsigned char *raw = allocate(CHUNK_BYTES);
    unsigned char *packed = allocate(PACKED_BYTES_MAX);
    uint64_t index;

    if (state == NULL)
        errx(1, "no compressor of level %d", run->level);
    while (next_chunk(run, &index)) {
        struct segment *segment = &run->segments[index];
        uint64_t left_bytes = run->source_bytes - index * CHUNK_BYTES;

        segment->raw_bytes = left_bytes < CHUNK_BYTES ? left_bytes : CHUNK_BYTES;
        read_at(run->source, raw, segment->raw_bytes, index * CHUNK_BYTES);
        segment->packed_bytes = pack(state, raw, segment->raw_bytes, packed);
        if (segment->packed_bytes == 0)
            errx(1, "chunk %ju does not compress", (uintmax_t)index);
        segment->offset = atomic_fetch_add_explicit(&run->pack_bytes, segment->packed_bytes,
                                                    memory_order_relaxed);
        write_at(run->target, packed, segment->packed_bytes, segment->offset);
    }
    free(packed);
    free(raw);
    if (isal)
        free(state);
    else
        libdeflate_free_compressor(state);
    return NULL;
}

static void *inflate_chunks(void *argument)
{
    struct run *run = argument;
    struct libdeflate_decompressor *inflater = libdeflate_alloc_decompressor();
    unsigned char *raw = allocate(CHUNK_BYTES);
    unsigned char *packed = allocate(PACKED_BYTES_MAX);
    uint64_t index;

    if (inflater == NULL)
        errx(1, "no decompressor");
    while (next_chunk(run, &index)) {
        const struct segment *segment = &run->segments[index];

        if (segment->packed_bytes > PACKED_BYTES_MAX || segment->raw_bytes > CHUNK_BYTES)
            errx(1, "not a pack");
        read_at(run->source, packed, segment->packed_bytes, segment->offset);
        if (libdeflate_deflate_decompress(inflater, packed, segment->packed_bytes, raw,
                                          segment->raw_bytes, NULL) != LIBDEFLATE_SUCCESS)
            errx(1, "chunk %ju does not inflate", (uintmax_t)index);
        if (run->target >= 0)
            write_at(run->target, raw, segment->raw_bytes, index * CHUNK_BYTES);
    }
    libdeflate_free_decompressor(inflater);
    free(packed);
    free(raw);
    return NULL;
}

static void run_threads(struct run *run, long thread_count)
{
    void *(*work)(void *) = run->mode == MODE_INFLATE ? inflate_chunks : pack_chunks;
    pthread_t threads[THREAD_COUNT_MAX];
    struct timespec start;
    struct timespec end;

    clock_gettime(CLOCK_MONOTONIC, &start);
    for (long i = 0; i < thread_count; i++)
        if (pthread_create(&threads[i], NULL, work, run) != 0)
            errx(1, "no thread");
    for (long i = 0; i < thread_count; i++)
        pthread_join(threads[i], NULL);
    clock_gettime(CLOCK_MONOTONIC, &end);
    printf("%.6f\n",
           (double)(end.tv_sec - start.tv_sec) + (double)(end.tv_nsec - start.tv_nsec) / 1e9);
}

/* ---- Packs ----------------------------------------------------------------------------------- */

static void load_table(struct run *run)
{
    uint64_t pack_bytes = size_of(run->source);
    uint64_t table_bytes;

    if (pack_bytes < sizeof(run->chunk_count))
        errx(1, "not a pack");
    pack_bytes -= sizeof(run->chunk_count);
    read_at(run->source, &run->chunk_count, sizeof(run->chunk_count), pack_bytes);
    if (run->chunk_count > pack_bytes / sizeof(struct segment))
        errx(1, "not a pack");
    table_bytes = run->chunk_count * sizeof(struct segment);
    run->segments = allocate(table_bytes + 1);
    read_at(run->source, run->segments, table_bytes, pack_bytes - table_bytes);
}

static void make_table(struct run *run)
{
    run->source_bytes = size_of(run->source);
    run->chunk_count = (run->source_bytes + CHUNK_BYTES - 1) / CHUNK_BYTES;
    run->segments = allocate(run->chunk_count * sizeof(struct segment) + 1);
}

static void store_table(const struct run *run)
{
    uint64_t offset = atomic_load_explicit(&run->pack_bytes, memory_order_relaxed);
    uint64_t table_bytes = run->chunk_count * sizeof(struct segment);

    write_at(run->target, run->segments, table_bytes, offset);
    write_at(run->target, &run->chunk_count, sizeof(run->chunk_count), offset + table_bytes);
}

/* ---- The command line ------------------------------------------------------------------------ */

static bool parse_mode(const char *text, struct run *run)
{
    static const struct {
        const char *name;
        enum mode mode;
        long level_max;
    } modes[] = {{"isal-", MODE_ISAL, 3}, {"libdeflate-", MODE_LIBDEFLATE, 12}};

    run->mode = MODE_INFLATE;
    if (strcmp(text, "inflate") == 0)
        return true;
    for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++) {
        size_t length = strlen(modes[i].name);
        char *end;
        long level;

        if (strncmp(text, modes[i].name, length) != 0)
            continue;
        level = strtol(text + length, &end, 10);
        run->mode = modes[i].mode;
        run->level = (int)level;
        return end != text + length && *end == '\0' && level >= 0 && level <= modes[i].level_max;
    }
    return false;
}

static void open_files(struct run *run, const char *source, const char *target)
{
    run->source = open(source, O_RDONLY | O_CLOEXEC);
    if (run->source < 0)
        err(1, "%s", source);
    if (target == NULL)
        return;
    run->target = open(target, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (run->target < 0)
        err(1, "%s", target);
}

int main(int argc, char **argv)
{
    struct run run = {.source = -1, .target = -1};
    long thread_count = argc > 2 ? strtol(argv[2], NULL, 10) : 0;
    bool inflate;

    if (argc < 4 || argc > 5 || !parse_mode(argv[1], &run) || thread_count < 1 ||
        thread_count > THREAD_COUNT_MAX || (run.mode != MODE_INFLATE && argc != 5))
        errx(2, "usage: imgz_bare isal-LEVEL|libdeflate-LEVEL THREADS INPUT PACK\n"
                "       imgz_bare inflate THREADS PACK [OUTPUT]");
    inflate = run.mode == MODE_INFLATE;
    open_files(&run, argv[3], argv[4]);
    if (inflate)
        load_table(&run);
    else
        make_table(&run);
    run_threads(&run, thread_count);
    if (!inflate)
        store_table(&run);
    free(run.segments);
    if (run.target >= 0 && close(run.target) < 0)
        err(1, "close");
    return 0;
}
