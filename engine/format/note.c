/* SPDX-License-Identifier: MIT */
#include "format/note.h"

#include <errno.h>
#include <string.h>

#include "base/bytes.h"
#include "checksum/checksum.h"
#include "format/carrier.h"

/* Together with the 00 00 FF FF of its carrier this makes a scan for notes cheap. */
#define NOTE_MAGIC 0xa7u

enum record_offset {
    AT_MAGIC = 0,
    AT_KIND = 1,
    AT_PAYLOAD_BYTES = 2,
    AT_RAW_OFFSET = 6,
    AT_RAW_BYTES = 14,
    AT_RAW_CRC32 = 18,
    AT_PAYLOAD_XXH3 = 22,
    AT_RAW_HASH = 30,
    AT_CHECK = 46,
    RECORD_END = 50,
};

_Static_assert(RECORD_END == IMGZ_NOTE_RECORD_BYTES, "the record has no gap");
_Static_assert(IMGZ_NOTE_RECORD_BYTES % 5 == 0, "the record fills its carrier");
_Static_assert(IMGZ_NOTE_CARRIER_BYTES == IMGZ_NOTE_RECORD_BYTES * 8, "eight for one");

void imgz_note_encode(const struct imgz_note *note, unsigned char *out)
{
    unsigned char record[IMGZ_NOTE_RECORD_BYTES];

    record[AT_MAGIC] = NOTE_MAGIC;
    record[AT_KIND] = (unsigned char)note->kind;
    imgz_put_le32(record + AT_PAYLOAD_BYTES, note->payload_bytes);
    imgz_put_le64(record + AT_RAW_OFFSET, note->raw_offset);
    imgz_put_le32(record + AT_RAW_BYTES, note->raw_bytes);
    imgz_put_le32(record + AT_RAW_CRC32, note->raw_crc32);
    imgz_put_le64(record + AT_PAYLOAD_XXH3, note->payload_xxh3);
    memcpy(record + AT_RAW_HASH, note->raw_hash.bytes, IMGZ_HASH_BYTES);
    imgz_put_le32(record + AT_CHECK, (uint32_t)imgz_xxh3_64(record, AT_CHECK));
    imgz_carrier_encode(record, sizeof(record), out);
}

bool imgz_note_is_bare(const struct imgz_note *note)
{
    static const struct imgz_hash no_hash;

    return note->raw_offset == 0 && note->raw_bytes == 0 && note->raw_crc32 == 0 &&
           imgz_hash_equal(&note->raw_hash, &no_hash);
}

int imgz_note_decode(const unsigned char *carrier, struct imgz_note *note)
{
    unsigned char record[IMGZ_NOTE_RECORD_BYTES];

    if (imgz_carrier_decode(carrier, sizeof(record), record) < 0)
        return -EBADMSG;
    if (record[AT_MAGIC] != NOTE_MAGIC || record[AT_KIND] < IMGZ_NOTE_CHUNK ||
        record[AT_KIND] > IMGZ_NOTE_END)
        return -EBADMSG;
    if (imgz_get_le32(record + AT_CHECK) != (uint32_t)imgz_xxh3_64(record, AT_CHECK))
        return -EBADMSG;
    note->kind = (enum imgz_note_kind)record[AT_KIND];
    note->payload_bytes = imgz_get_le32(record + AT_PAYLOAD_BYTES);
    note->raw_offset = imgz_get_le64(record + AT_RAW_OFFSET);
    note->raw_bytes = imgz_get_le32(record + AT_RAW_BYTES);
    note->raw_crc32 = imgz_get_le32(record + AT_RAW_CRC32);
    note->payload_xxh3 = imgz_get_le64(record + AT_PAYLOAD_XXH3);
    memcpy(note->raw_hash.bytes, record + AT_RAW_HASH, IMGZ_HASH_BYTES);
    return 0;
}
