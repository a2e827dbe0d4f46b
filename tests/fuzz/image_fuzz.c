/* SPDX-License-Identifier: MIT */
/*
 * A whole image, by the library's own door: verified as a file and, its bytes through a pipe, as a
 * stream. Both must end, and agree on whether it is right.
 *
 * Most changes are caught by a check before they reach what is behind it. So the input is also
 * repaired: the checks of header, notes and tail are made to fit what they say.
 */
#include <errno.h>
#include <fcntl.h>
#include <imgz/imgz.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/bytes.h"
#include "codec/checksum.h"
#include "image/carrier.h"
#include "image/frame.h"
#include "image/note.h"

/* A run of zeros makes much of little: an input may not make the fuzzer slow. */
#define INPUT_BYTES_MAX ((size_t)64 << 10)
#define HEADER_CHECK_AT 30u
#define NOTE_CHECK_AT   46u
#define NOTE_HASH_AT    22u
#define NOTE_PAYLOAD_AT 2u
#define NOTE_KIND_AT    1u

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

static int verify(const char *path, struct imgz_report *report)
{
    struct imgz_options options;
    struct imgz_error error;
    int rc;

    imgz_options_init(&options, sizeof(options));
    options.thread_count = 1;
    rc = imgz_verify(path, NULL, &options, report, &error);
    IMGZ_ASSERT(error.code == rc);
    IMGZ_ASSERT(rc == 0 || rc == -EBADMSG || rc == -ENOMEM);
    return rc;
}

static int make_file(const unsigned char *data, size_t bytes, char path[32])
{
    int fd = memfd_create("imgz", MFD_CLOEXEC);

    IMGZ_ASSERT(fd >= 0);
    IMGZ_ASSERT(write(fd, data, bytes) == (ssize_t)bytes);
    snprintf(path, 32, "/proc/self/fd/%d", fd);
    return fd;
}

/* The same bytes by standard input, which is a stream whatever it is. */
static int verify_stream(int fd, struct imgz_report *report)
{
    static int kept = -1;
    int rc;

    if (kept < 0)
        kept = fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
    IMGZ_ASSERT(lseek(fd, 0, SEEK_SET) == 0);
    IMGZ_ASSERT(dup2(fd, STDIN_FILENO) == STDIN_FILENO);
    rc = verify("-", report);
    if (kept >= 0)
        IMGZ_ASSERT(dup2(kept, STDIN_FILENO) == STDIN_FILENO);
    return rc;
}

static void check_image(const unsigned char *data, size_t bytes)
{
    struct imgz_report by_file;
    struct imgz_report by_stream;
    char path[32];
    int fd = make_file(data, bytes, path);
    int rc = verify(path, &by_file);

    IMGZ_ASSERT(verify_stream(fd, &by_stream) == rc);
    if (rc == 0) {
        IMGZ_ASSERT(by_file.raw_bytes == by_stream.raw_bytes);
        IMGZ_ASSERT(strcmp(by_file.root_hash, by_stream.root_hash) == 0);
    }
    close(fd);
}

/* Makes the check of the note at 'carrier' fit, and its payload's hash if that is in the file.
 * Returns how long note and payload are, 0 if there is no note. */
static size_t repair_note(unsigned char *carrier, size_t bytes)
{
    unsigned char record[IMGZ_NOTE_RECORD_BYTES];
    unsigned char payload[4096];
    uint64_t behind_bytes;

    if (bytes < IMGZ_NOTE_CARRIER_BYTES || imgz_carrier_decode(carrier, sizeof(record), record) < 0)
        return 0;
    behind_bytes = imgz_get_le32(record + NOTE_PAYLOAD_AT);
    if (record[NOTE_KIND_AT] > IMGZ_NOTE_ZERO) {
        const uint32_t payload_bytes = (uint32_t)behind_bytes;

        behind_bytes = imgz_carrier_bytes(payload_bytes);
        if (payload_bytes <= sizeof(payload) && behind_bytes <= bytes - IMGZ_NOTE_CARRIER_BYTES &&
            imgz_carrier_decode(carrier + IMGZ_NOTE_CARRIER_BYTES, payload_bytes, payload) == 0)
            imgz_put_le64(record + NOTE_HASH_AT, imgz_xxh3_64(payload, payload_bytes));
    } else if (behind_bytes <= bytes - IMGZ_NOTE_CARRIER_BYTES) {
        imgz_put_le64(record + NOTE_HASH_AT,
                      imgz_xxh3_64(carrier + IMGZ_NOTE_CARRIER_BYTES, behind_bytes));
    }
    imgz_put_le32(record + NOTE_CHECK_AT, (uint32_t)imgz_xxh3_64(record, NOTE_CHECK_AT));
    imgz_carrier_encode(record, sizeof(record), carrier);
    return IMGZ_NOTE_CARRIER_BYTES + (size_t)imgz_min(behind_bytes, bytes);
}

static void repair(unsigned char *image, size_t bytes)
{
    size_t at = IMGZ_FRAME_HEADER_BYTES;

    if (bytes < at)
        return;
    imgz_put_le32(image + HEADER_CHECK_AT, (uint32_t)imgz_xxh3_64(image, HEADER_CHECK_AT));
    while (at < bytes) {
        const size_t step = repair_note(image + at, bytes - at);

        if (step == 0)
            break;
        at += step;
    }
    if (bytes >= IMGZ_FRAME_HEADER_BYTES + IMGZ_FRAME_TAIL_BYTES)
        (void)repair_note(image + bytes - IMGZ_FRAME_TAIL_BYTES, IMGZ_FRAME_TAIL_BYTES);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    unsigned char *image;

    if (bytes == 0 || bytes > INPUT_BYTES_MAX)
        return 0;
    image = malloc(bytes);
    IMGZ_ASSERT(image != NULL);
    memcpy(image, data, bytes);
    check_image(image, bytes);
    repair(image, bytes);
    if (memcmp(image, data, bytes) != 0)
        check_image(image, bytes);
    free(image);
    return 0;
}
