/* SPDX-License-Identifier: MIT */
/*
 * Segments, what makes them, and zlib, which judges them.
 *
 * Ownership  every maker here returns an object that frees itself.
 */
#ifndef IMGZ_BENCH_SEGMENT_H
#define IMGZ_BENCH_SEGMENT_H

#include <libdeflate.h>
#include <memory>
#include <string>
#include <vector>

#include "corpus.h"
#include "engine.h"

namespace bench
{

using Deflate = std::unique_ptr<imgz_deflate, void (*)(imgz_deflate *)>;
using Inflate = std::unique_ptr<imgz_inflate, void (*)(imgz_inflate *)>;

using Compressor = std::unique_ptr<libdeflate_compressor, void (*)(libdeflate_compressor *)>;
using Decompressor = std::unique_ptr<libdeflate_decompressor, void (*)(libdeflate_decompressor *)>;

/* The engine's. Empty if there is no memory. */
Deflate make_deflate(int level);
Inflate make_inflate();

/* libdeflate alone. */
Compressor make_compressor(int level);
Decompressor make_decompressor();

/* The raw DEFLATE stream that libdeflate makes of a chunk; empty if it has no room. */
std::vector<unsigned char> make_stream(const Compressor &compressor, const Chunk &chunk);

/* "fast", "0" to "12". */
std::string level_name(int level);

struct Segment {
    std::vector<unsigned char> data;
    size_t bytes;
    imgz_deflate_form form;
};

/* The segment of one chunk. False if the engine failed. */
bool make_segment(imgz_deflate *deflate, const Chunk &chunk, Segment &segment);

/* True if zlib inflates the segment, followed by an empty last block, to exactly 'chunk'. */
bool inflates_to(const unsigned char *segment, size_t segment_bytes, const Chunk &chunk);

} // namespace bench

#endif /* IMGZ_BENCH_SEGMENT_H */
