/* SPDX-License-Identifier: MIT */
/*
 * The data benchmarks work on: several kinds, each in chunks of 1 MiB, made when first asked for.
 *
 * Generated data is the same in every run and on every machine. FILES is read from this machine:
 * from the file that IMGZ_BENCH_FILE names, or from programs and libraries, the same ones in every
 * run on one system; if there are none, from the other kinds.
 *
 * Threads    the main thread.
 * Ownership  the chunks stay here until the program ends.
 */
#ifndef IMGZ_BENCH_CORPUS_H
#define IMGZ_BENCH_CORPUS_H

#include <stddef.h>
#include <vector>

namespace bench
{

constexpr size_t chunk_bytes = size_t(1) << 20;

enum class Kind {
    files,
    text,     /* words of a language that nobody speaks, by their rank */
    code,     /* lines, indented, of few words and many signs */
    records,  /* counters, small numbers, some noise */
    bitmap,   /* a picture of smooth colours with a little noise */
    periodic, /* random bytes, repeated after 20,011 */
    media,    /* random bytes with gaps of zeros, as videos in a file system */
    random,
    zeros,
};

/* "files", "text" and so on. */
const char *kind_name(Kind kind);

/* All of the above. */
const std::vector<Kind> &all_kinds();

using Chunk = std::vector<unsigned char>; /* of chunk_bytes */

/* One to sixteen, see size_mib(). */
const std::vector<Chunk> &corpus(Kind kind);

/* The length of all chunks of 'kind'. */
size_t corpus_bytes(Kind kind);

/* Writes a disk of size_mib() MiB to 'path': half FILES, an eighth generated data, an eighth
 * random, an eighth zeros, an eighth holes. False if that failed. */
bool write_disk(const char *path);

} // namespace bench

#endif /* IMGZ_BENCH_CORPUS_H */
