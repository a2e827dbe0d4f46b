/* SPDX-License-Identifier: MIT */
/*
 * What two imgz say to each other: the near one, which the user called, asks; the far one, which
 * ssh started, answers each request before it takes the next.
 *
 * The far one begins with a line of its own, IMGZ_PROTOCOL_GREETING, the version and a newline.
 * What a login shell printed before that is passed over. Then messages follow (wire.h).
 *
 * Fields stand in the order given here. A version that changes one gets a new number.
 *
 * Place: for session.c and job/serve.
 */
#ifndef IMGZ_PROTOCOL_H
#define IMGZ_PROTOCOL_H

#define IMGZ_PROTOCOL_GREETING "\nimgz-remote "
#define IMGZ_PROTOCOL_VERSION  1u

/* What one READ may ask for: the largest chunk. */
#define IMGZ_PROTOCOL_READ_BYTES_MAX ((uint32_t)1 << 24)

enum imgz_request {
    IMGZ_REQUEST_OPEN = 1, /* u32 direct, u32 on error, u32 retries, text path: a file or device to
                              read; OPENED */
    IMGZ_REQUEST_READ,     /* u64 offset, u32 bytes: of what is open; DATA */
    IMGZ_REQUEST_EXTENT,   /* u64 from: the first data at or after it; EXTENT */
    IMGZ_REQUEST_ENCODED,  /* u64 from, u64 end, u32 chunk bytes, u32 level, u32 hash, u32 segments
                              wanted: chunks and runs of zeros, in disk order; ITEM ... END */
};

enum imgz_reply {
    IMGZ_REPLY_FAILED = 128, /* u32 errno, text: what could not be done and why, or "" */
    IMGZ_REPLY_OPENED, /* u64 bytes, u32 sector bytes, u32 kind, u32 holes, u64 data bytes; and
                          text model, text serial, u32 logical, u32 physical sector bytes */
    IMGZ_REPLY_DATA,   /* tail: the bytes, fewer at the end */
    IMGZ_REPLY_EXTENT, /* u64 offset, u64 end */
    IMGZ_REPLY_ITEM,   /* as item.h has it; tail: note and segment */
    IMGZ_REPLY_END,    /* there are no more */
};

/* Of what is open. */
enum imgz_protocol_kind {
    IMGZ_PROTOCOL_FILE = 1,
    IMGZ_PROTOCOL_DEVICE = 2,
};

#endif /* IMGZ_PROTOCOL_H */
