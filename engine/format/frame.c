/* SPDX-License-Identifier: MIT */
#include "format/frame.h"

#include <errno.h>
#include <imgz/imgz.h>
#include <string.h>

#include "base/bytes.h"
#include "checksum/checksum.h"
#include "format/carrier.h"
#include "format/note.h"

enum header_offset {
    AT_FIXED = 0, /* ID1 ID2 CM FLG, MTIME, XFL, OS, XLEN, SI1 SI2, LEN */
    AT_VERSION = 16,
    AT_FLAGS = 17, /* version 1: 0; version 2: the chunk hash */
    AT_CHUNK_BYTES = 18,
    AT_RAW_BYTES = 22,
    AT_HEADER_CHECK = 30,
    HEADER_END = 34,
};

/* RFC 1952 section 2.3: deflate, FLG.FEXTRA, no time, no XFL, OS 255 (unknown: an image is not a
 * file of this system); one subfield 'IZ' of 18 bytes. */
static const unsigned char header_fixed[AT_VERSION] = {0x1f, 0x8b, 8,  4, 0,   0,   0,  0,
                                                       0,    255,  22, 0, 'I', 'Z', 18, 0};

/* The chunk hash as version 2 names it. */
#define HASH_SHA256 1

enum end_offset {
    AT_INDEX_OFFSET = 0,
    AT_HASHES_OFFSET = 8,
    AT_META_OFFSET = 16,
    AT_ENTRY_COUNT = 24,
    AT_END_CHUNK_BYTES = 32,
    AT_END_VERSION = 36,
    AT_ROOT_SHA256 = 40, /* version 2 */
    END_BYTES_MAX = 72,
};

static uint32_t end_bytes(enum imgz_hash_kind hash)
{
    return hash == IMGZ_HASH_XXH3 ? AT_ROOT_SHA256 : END_BYTES_MAX;
}

/* An empty final block (RFC 1951 section 3.2.4), CRC-32 and ISIZE. */
static const unsigned char final_block[5] = {0x01, 0x00, 0x00, 0xff, 0xff};
#define TRAILER_BYTES 8u

_Static_assert(HEADER_END == IMGZ_FRAME_HEADER_BYTES, "the header has no gap");
_Static_assert(IMGZ_FRAME_TAIL_BYTES == IMGZ_NOTE_CARRIER_BYTES + AT_ROOT_SHA256 * 8 +
                                            sizeof(final_block) + TRAILER_BYTES,
               "the tail has no gap");
_Static_assert(IMGZ_FRAME_TAIL_BYTES_MAX == IMGZ_NOTE_CARRIER_BYTES +
                                                5 * ((8 * END_BYTES_MAX + 4) / 5) +
                                                sizeof(final_block) + TRAILER_BYTES,
               "the longer one has none, too");

void imgz_frame_encode_header(const struct imgz_frame_header *header, unsigned char *out)
{
    memcpy(out + AT_FIXED, header_fixed, sizeof(header_fixed));
    out[AT_VERSION] = (unsigned char)imgz_frame_version(header->hash);
    out[AT_FLAGS] = header->hash == IMGZ_HASH_XXH3 ? 0 : HASH_SHA256;
    imgz_put_le32(out + AT_CHUNK_BYTES, header->chunk_bytes);
    imgz_put_le64(out + AT_RAW_BYTES, header->raw_bytes);
    imgz_put_le32(out + AT_HEADER_CHECK, (uint32_t)imgz_xxh3_64(out, AT_HEADER_CHECK));
}

static bool chunk_bytes_valid(uint32_t bytes)
{
    return bytes >= IMGZ_CHUNK_BYTES_MIN && bytes <= IMGZ_CHUNK_BYTES_MAX &&
           (bytes & (bytes - 1)) == 0;
}

/* Whether the bytes of a complete header are as they were written. */
static bool header_sound(const unsigned char *data)
{
    return memcmp(data, header_fixed, sizeof(header_fixed)) == 0 &&
           imgz_get_le32(data + AT_HEADER_CHECK) == (uint32_t)imgz_xxh3_64(data, AT_HEADER_CHECK) &&
           chunk_bytes_valid(imgz_get_le32(data + AT_CHUNK_BYTES));
}

enum imgz_frame_probe imgz_frame_decode_header(const unsigned char *data, size_t bytes,
                                               struct imgz_frame_header *header)
{
    enum imgz_hash_kind hash;

    if (bytes < 3 || memcmp(data, header_fixed, 3) != 0)
        return IMGZ_FRAME_OTHER;
    if (bytes < AT_VERSION || memcmp(data + 12, header_fixed + 12, 2) != 0)
        return IMGZ_FRAME_GZIP;
    /* Before the check: a later version may keep its check elsewhere. */
    if (bytes > AT_VERSION && (data[AT_VERSION] < 1 || data[AT_VERSION] > IMGZ_FRAME_VERSION_MAX))
        return IMGZ_FRAME_IMAGE_NEWER;
    if (bytes < HEADER_END || !header_sound(data))
        return IMGZ_FRAME_IMAGE_BAD;
    hash = data[AT_VERSION] == 1 ? IMGZ_HASH_XXH3 : IMGZ_HASH_SHA256;
    if (hash == IMGZ_HASH_XXH3 && data[AT_FLAGS] != 0)
        return IMGZ_FRAME_IMAGE_BAD;
    if (hash == IMGZ_HASH_SHA256 && data[AT_FLAGS] != HASH_SHA256)
        return IMGZ_FRAME_IMAGE_NEWER;
    header->hash = hash;
    header->chunk_bytes = imgz_get_le32(data + AT_CHUNK_BYTES);
    header->raw_bytes = imgz_get_le64(data + AT_RAW_BYTES);
    return IMGZ_FRAME_IMAGE;
}

void imgz_frame_encode_tail(const struct imgz_frame_end *end, unsigned char *out)
{
    const uint32_t bytes = end_bytes(end->hash);
    unsigned char record[END_BYTES_MAX];
    struct imgz_note note = {
        .kind = IMGZ_NOTE_END,
        .payload_bytes = bytes,
        .raw_offset = end->raw_bytes,
        .raw_crc32 = end->raw_crc32,
        .raw_hash = end->root_hash,
    };

    imgz_put_le64(record + AT_INDEX_OFFSET, end->index_offset);
    imgz_put_le64(record + AT_HASHES_OFFSET, end->hashes_offset);
    imgz_put_le64(record + AT_META_OFFSET, end->meta_offset);
    imgz_put_le64(record + AT_ENTRY_COUNT, end->entry_count);
    imgz_put_le32(record + AT_END_CHUNK_BYTES, end->chunk_bytes);
    imgz_put_le32(record + AT_END_VERSION, imgz_frame_version(end->hash));
    memcpy(record + AT_ROOT_SHA256, end->root_sha256.bytes, IMGZ_SHA256_BYTES);
    note.payload_xxh3 = imgz_xxh3_64(record, bytes);
    imgz_note_encode(&note, out);
    out += IMGZ_NOTE_CARRIER_BYTES;
    imgz_carrier_encode(record, bytes, out);
    out += imgz_carrier_bytes(bytes);
    memcpy(out, final_block, sizeof(final_block));
    out += sizeof(final_block);
    imgz_put_le32(out, end->raw_crc32);
    imgz_put_le32(out + 4, (uint32_t)end->raw_bytes);
}

static int decode_record(const unsigned char *tail, uint32_t bytes, struct imgz_note *note,
                         unsigned char *record)
{
    int rc = imgz_note_decode(tail, note);

    if (rc < 0)
        return rc;
    if (note->kind != IMGZ_NOTE_END || note->payload_bytes != bytes || note->raw_bytes != 0)
        return -EBADMSG;
    rc = imgz_carrier_decode(tail + IMGZ_NOTE_CARRIER_BYTES, bytes, record);
    if (rc < 0)
        return rc;
    return imgz_xxh3_64(record, bytes) == note->payload_xxh3 ? 0 : -EBADMSG;
}

/* The final block and the trailer must say of the disk what the end record says. */
static bool trailer_fits(const unsigned char *final, const struct imgz_frame_end *end)
{
    const unsigned char *trailer = final + sizeof(final_block);

    return memcmp(final, final_block, sizeof(final_block)) == 0 &&
           imgz_get_le32(trailer) == end->raw_crc32 &&
           imgz_get_le32(trailer + 4) == (uint32_t)end->raw_bytes;
}

int imgz_frame_decode_tail(enum imgz_hash_kind hash, const unsigned char *tail,
                           struct imgz_frame_end *end)
{
    const uint32_t bytes = end_bytes(hash);
    unsigned char record[END_BYTES_MAX];
    struct imgz_frame_end found;
    struct imgz_note note;
    int rc = decode_record(tail, bytes, &note, record);

    if (rc < 0)
        return rc;
    found = (struct imgz_frame_end){
        .hash = hash,
        .raw_bytes = note.raw_offset,
        .raw_crc32 = note.raw_crc32,
        .root_hash = note.raw_hash,
        .chunk_bytes = imgz_get_le32(record + AT_END_CHUNK_BYTES),
        .entry_count = imgz_get_le64(record + AT_ENTRY_COUNT),
        .index_offset = imgz_get_le64(record + AT_INDEX_OFFSET),
        .hashes_offset = imgz_get_le64(record + AT_HASHES_OFFSET),
        .meta_offset = imgz_get_le64(record + AT_META_OFFSET),
    };
    if (hash == IMGZ_HASH_SHA256)
        memcpy(found.root_sha256.bytes, record + AT_ROOT_SHA256, IMGZ_SHA256_BYTES);
    if (imgz_get_le32(record + AT_END_VERSION) != imgz_frame_version(hash) ||
        !chunk_bytes_valid(found.chunk_bytes))
        return -EBADMSG;
    if (!trailer_fits(tail + IMGZ_NOTE_CARRIER_BYTES + imgz_carrier_bytes(bytes), &found))
        return -EPROTO;
    *end = found;
    return 0;
}
