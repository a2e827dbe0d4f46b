/* SPDX-License-Identifier: MIT */
#include "image/image_error.h"
#include "base/text.h"

#include <errno.h>
#include <inttypes.h>

int imgz_image_error_raise(struct imgz_latch *latch, const struct imgz_source *source,
                           uint64_t offset, const char *what)
{
    return imgz_latch_raise(latch, -EBADMSG, imgz_source_location(source, offset),
                            "reading %s at offset %" PRIu64
                            ": %s; the image is damaged, use another copy of it",
                            imgz_source_path(source), offset, what);
}

int imgz_image_error_raise_cut(struct imgz_latch *latch, const struct imgz_source *source,
                               uint64_t offset)
{
    return imgz_latch_raise(
        latch, -EBADMSG, imgz_source_location(source, offset),
        "reading %s at offset %" PRIu64
        ": the input ended early, so the image is incomplete; was the transfer interrupted? %s",
        imgz_source_path(source), offset,
        !imgz_source_is(source, IMGZ_SOURCE_RANDOM)
            ? "check whether the command that sends it failed, and run again"
            : "copy all of it again");
}

int imgz_image_error_raise_trailing(struct imgz_latch *latch, const struct imgz_source *source,
                                    uint64_t image_bytes, uint64_t behind_bytes)
{
    const bool stream = !imgz_source_is(source, IMGZ_SOURCE_RANDOM);

    return imgz_latch_raise(latch, -EBADMSG, imgz_source_location(source, image_bytes),
                            "reading %s at offset %" PRIu64
                            ": %s follow%s the image, not just zeros (padding); some decoders "
                            "would unpack them too; 'head -c %" PRIu64
                            "%s%s' prints the image alone",
                            imgz_source_path(source), image_bytes,
                            imgz_text_count(behind_bytes, "byte").text,
                            behind_bytes == 1 ? "s" : "", image_bytes, stream ? "" : " ",
                            stream ? "" : imgz_source_path(source));
}

/* No gzip file is shorter (RFC 1952): 10 bytes of header, 2 of data, 8 of trailer. */
#define GZIP_BYTES_MIN 20u

/* True if it begins as an image does, or as one may. */
static bool header_cut(enum imgz_frame_probe sort, size_t bytes)
{
    return (sort == IMGZ_FRAME_GZIP && bytes < GZIP_BYTES_MIN) ||
           (sort == IMGZ_FRAME_IMAGE_BAD && bytes < IMGZ_FRAME_HEADER_BYTES);
}

int imgz_image_error_raise_not_image(struct imgz_latch *latch, const struct imgz_source *source,
                                     enum imgz_frame_probe sort, size_t bytes)
{
    const struct imgz_location location = imgz_source_location(source, 0);

    if (header_cut(sort, bytes))
        return imgz_image_error_raise_cut(latch, source, bytes);
    if (bytes == 0 && !imgz_source_is(source, IMGZ_SOURCE_RANDOM))
        return imgz_latch_raise(
            latch, -EBADMSG, location,
            "reading %s at offset 0: it is empty; did the command that sends it "
            "fail?",
            imgz_source_path(source));
    switch (sort) {
    case IMGZ_FRAME_GZIP:
        return imgz_latch_raise(
            latch, -EBADMSG, location,
            "reading %s at offset 0: this is a plain gzip file, not an imgz image; unpack it with "
            "gunzip, then make an image with 'imgz capture'",
            imgz_source_path(source));
    case IMGZ_FRAME_IMAGE_NEWER:
        return imgz_latch_raise(latch, -EBADMSG, location,
                                "reading %s at offset 16: this image has a format version unknown "
                                "to imgz %s (it knows versions 1 to %u); use a newer imgz, or "
                                "gunzip",
                                imgz_source_path(source), IMGZ_VERSION, IMGZ_FRAME_VERSION_MAX);
    case IMGZ_FRAME_IMAGE:
    case IMGZ_FRAME_IMAGE_BAD:
        return imgz_image_error_raise(latch, source, 0, "the image header is invalid");
    case IMGZ_FRAME_OTHER:
        break;
    }
    return imgz_latch_raise(latch, -EBADMSG, location,
                            "reading %s at offset 0: %s; name a file that 'imgz capture' made",
                            imgz_source_path(source),
                            bytes == 0 ? "the file is empty" : "this is not a gzip file");
}

static const char *describe_fault(enum imgz_fault fault)
{
    switch (fault) {
    case IMGZ_FAULT_NOTE:
        return "the chunk's note is unreadable or out of place";
    case IMGZ_FAULT_PAYLOAD:
        return "the chunk's compressed bytes do not match their hash";
    case IMGZ_FAULT_INFLATE:
        return "the chunk does not inflate to its length";
    case IMGZ_FAULT_RAW:
        return "the chunk's contents do not match their hash";
    case IMGZ_FAULT_ZERO:
        return "the run of zeros is not stored as zeros";
    case IMGZ_FAULT_TABLE:
        return "the chunk's hash is not the one in the table of hashes";
    case IMGZ_FAULT_READ:
    case IMGZ_FAULT_CODEC:
    case IMGZ_FAULT_NONE:
        break;
    }
    return "internal error";
}

int imgz_image_error_raise_fault(struct imgz_latch *latch, const struct imgz_source *source,
                                 const struct imgz_slot *slot)
{
    struct imgz_location location = imgz_source_location(source, slot->image_offset);

    if (slot->fault == IMGZ_FAULT_READ) {
        location.offset += slot->read_bytes;
        return slot->read_rc == 0
                   ? imgz_image_error_raise_cut(latch, source, location.offset)
                   : imgz_latch_raise_system(latch, slot->read_rc, location, "reading");
    }
    location.stage = IMGZ_STAGE_CHECK;
    return imgz_latch_raise(latch, -EBADMSG, location,
                            "checking %s at offset %" PRIu64 " (disk offset %" PRIu64
                            "): %s; the image is damaged, use another copy of it",
                            imgz_source_path(source), slot->image_offset, slot->raw_offset,
                            describe_fault(slot->fault));
}
