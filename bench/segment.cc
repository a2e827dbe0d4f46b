/* SPDX-License-Identifier: MIT */
#include "segment.h"

#include <algorithm>
#include <zlib.h>

namespace bench
{

Deflate make_deflate(int level)
{
    imgz_deflate *deflate = nullptr;

    return {imgz_deflate_create(level, &deflate) == 0 ? deflate : nullptr, imgz_deflate_destroy};
}

Inflate make_inflate()
{
    imgz_inflate *inflate = nullptr;

    return {imgz_inflate_create(&inflate) == 0 ? inflate : nullptr, imgz_inflate_destroy};
}

Compressor make_compressor(int level)
{
    return {libdeflate_alloc_compressor(level), libdeflate_free_compressor};
}

Decompressor make_decompressor()
{
    return {libdeflate_alloc_decompressor(), libdeflate_free_decompressor};
}

std::vector<unsigned char> make_stream(const Compressor &compressor, const Chunk &chunk)
{
    std::vector<unsigned char> stream(imgz_deflate_bound(chunk.size()));

    stream.resize(libdeflate_deflate_compress(compressor.get(), chunk.data(), chunk.size(),
                                              stream.data(), stream.size()));
    return stream;
}

std::string level_name(int level)
{
    return level == IMGZ_LEVEL_FAST ? "fast" : std::to_string(level);
}

bool make_segment(imgz_deflate *deflate, const Chunk &chunk, Segment &segment)
{
    segment.data.resize(imgz_deflate_bound(chunk.size()));
    return imgz_deflate_compress(deflate, chunk.data(), chunk.size(), segment.data.data(),
                                 &segment.bytes, &segment.form) == 0;
}

bool inflates_to(const unsigned char *segment, size_t segment_bytes, const Chunk &chunk)
{
    static const unsigned char last_block[] = {0x03, 0x00}; /* fixed codes, nothing but the end */
    std::vector<unsigned char> input(segment, segment + segment_bytes);
    Chunk output(chunk.size() + 1);
    z_stream stream = {};
    int rc;

    input.insert(input.end(), last_block, last_block + sizeof(last_block));
    if (inflateInit2(&stream, -MAX_WBITS) != Z_OK)
        return false;
    stream.next_in = input.data();
    stream.avail_in = static_cast<uInt>(input.size());
    stream.next_out = output.data();
    stream.avail_out = static_cast<uInt>(output.size());
    rc = inflate(&stream, Z_FINISH);
    inflateEnd(&stream);
    return rc == Z_STREAM_END && stream.avail_in == 0 && stream.total_out == chunk.size() &&
           std::equal(chunk.begin(), chunk.end(), output.begin());
}

} // namespace bench
