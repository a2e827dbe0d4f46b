/* SPDX-License-Identifier: MIT */
/*
 * imgz: capture, restore, verify and hash disk images, in parallel.
 *
 * An image is one plain gzip member that any gunzip decodes; what imgz adds rides in bits that
 * every DEFLATE decoder ignores (see FORMAT.md). A job is one blocking call: it starts its own
 * threads, works, joins them, and returns.
 *
 * Paths      "-" is standard input or output wherever a job reads or writes.
 * Returns    0 on success, a negative errno otherwise. -EBADMSG: data is bad (a corrupt image, a
 *            hash that does not match, a device that differs). -EINVAL: the options make no sense.
 *            -ECANCELED: the program asked to stop. Anything else: the system's reason; which
 *            may be one of these, too: imgz_error.kind tells.
 * Errors     when a job fails, 'error' tells where and why, in words. It may be NULL.
 * Reports    filled as far as the job came, also when it failed. It may be NULL.
 * Structs    each begins with 'struct_bytes', and the program that owns one writes its size there
 *            before a call (options: by imgz_options_init()):
 *
 *                struct imgz_report report = {.struct_bytes = sizeof(report)};
 *
 *            By it the library knows what the program knows: a program may be older or newer. What
 *            a newer one has and the library has not is 0 in what it is given, and must be 0 in
 *            options. A struct without its size is -EINVAL; then a job has not begun.
 * Threads    jobs keep no global state; several may run at once, each from its own thread.
 * Processes  a job begins with a short-lived child process that looks at the machine, and waits for
 *            exactly that one; a look at devices has one, too. Neither runs handlers of the caller.
 * Promise    nothing is shown under a final name before it is written, flushed and closed; nothing
 *            is written to a target that was not checked; a source is only ever read.
 */
#ifndef IMGZ_H
#define IMGZ_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define IMGZ_API __attribute__((visibility("default")))

/* ---- Version ------------------------------------------------------------------------------ */

/* Of this header. Within a major version what a program was compiled with keeps working: functions
 * and constants stay, structs grow at their end. */
#define IMGZ_VERSION_MAJOR 1
#define IMGZ_VERSION_MINOR 0
#define IMGZ_VERSION_PATCH 0

/* To compare by: 10203 is version 1.2.3. */
#define IMGZ_VERSION_NUMBER                                                                        \
    (IMGZ_VERSION_MAJOR * 10000 + IMGZ_VERSION_MINOR * 100 + IMGZ_VERSION_PATCH)

/* Of the library that runs: "1.0.0", and as above. */
IMGZ_API const char *imgz_version(void);
IMGZ_API uint32_t imgz_version_number(void);

/* ---- Constants ---------------------------------------------------------------------------- */

/* Compression levels: fast (ISA-L where built in, otherwise libdeflate's level 1), 0 (stored),
 * 1 to 12 (libdeflate). */
#define IMGZ_LEVEL_FAST (-1)
#define IMGZ_LEVEL_MAX  12

/* Sizes of a chunk, the unit of compression, checking and hashing: a power of two. */
#define IMGZ_CHUNK_BYTES_MIN     ((uint32_t)1 << 16)
#define IMGZ_CHUNK_BYTES_MAX     ((uint32_t)1 << 24)
#define IMGZ_CHUNK_BYTES_DEFAULT ((uint32_t)1 << 20)

#define IMGZ_THREADS_MAX 1024
#define IMGZ_DIGESTS_MAX 6

/* "No such offset" in an error, "not known" for a size (a pipe has none until it ends). */
#define IMGZ_OFFSET_NONE  UINT64_MAX
#define IMGZ_SIZE_UNKNOWN UINT64_MAX

/* ---- Errors ------------------------------------------------------------------------------- */

/* What a job was doing when it failed. */
enum imgz_stage {
    IMGZ_STAGE_SETUP,        /* checking options, starting threads, getting memory */
    IMGZ_STAGE_READ_SOURCE,  /* opening or reading the raw source */
    IMGZ_STAGE_READ_IMAGE,   /* opening or reading the image, checking its structure */
    IMGZ_STAGE_CHECK,        /* checking data against its hash */
    IMGZ_STAGE_COMPRESS,     /* making a segment */
    IMGZ_STAGE_WRITE_IMAGE,  /* creating or writing the image */
    IMGZ_STAGE_WRITE_TARGET, /* creating or writing the restore target */
    IMGZ_STAGE_FLUSH,        /* fsync, close, rename */
    IMGZ_STAGE_COMPARE,      /* comparing a source with an image */
};

/* What an error is about. The code does not tell: file systems answer EINVAL and EBADMSG, too. */
enum imgz_error_kind {
    IMGZ_ERROR_FAILED, /* the system refused something, or the job could not be done */
    IMGZ_ERROR_USAGE,  /* what was asked for makes no sense, or not together; code -EINVAL */
    IMGZ_ERROR_DATA,   /* an image, or what was read back, is not what it must be; code -EBADMSG */
};

/* What a program can do something about: what it gave, or might give, in the options. The text says
 * what happened; which button or option helps is for the program to say. */
enum imgz_reason {
    IMGZ_REASON_NONE,
    IMGZ_REASON_TAMPERED,        /* a recorded digest differs, though all hashes are right */
    IMGZ_REASON_CHUNK_HASH,      /* the image has another chunk hash than options->chunk_hash */
    IMGZ_REASON_MEMORY,          /* fewer threads or smaller chunks need less */
    IMGZ_REASON_TIMEOUT,         /* options->timeout_s is over */
    IMGZ_REASON_CHUNK_BYTES,     /* the image has other chunks than options->chunk_bytes */
    IMGZ_REASON_RESUME_OPTIONS,  /* the interrupted run had other options */
    IMGZ_REASON_RESUME_CHANGED,  /* the source has changed since that; see IMGZ_OVERRIDE_CHANGED */
    IMGZ_REASON_SOURCE_CHANGED,  /* ... since the image was made */
    IMGZ_REASON_MAP_NEEDED,      /* options->map_path should name the map of the interrupted run */
    IMGZ_REASON_MAP_OTHER,       /* the map at options->map_path is of another image */
    IMGZ_REASON_MAP_STREAM,      /* a pipe has no map */
    IMGZ_REASON_EXISTS,          /* the output exists; see IMGZ_FLAG_FORCE */
    IMGZ_REASON_INTERRUPTED,     /* or is begun; see IMGZ_FLAG_RESUME, IMGZ_FLAG_DISCARD_PARTIAL */
    IMGZ_REASON_EMPTY,           /* the pipe gave nothing; see IMGZ_FLAG_ALLOW_EMPTY */
    IMGZ_REASON_TOO_MANY_CHUNKS, /* larger chunks would be fewer */
    IMGZ_REASON_FLAG,            /* the flags in error.flags do not fit here */
    IMGZ_REASON_OVERRIDE,        /* error.overrides would go on in spite of it */
    IMGZ_REASON_THREADS,         /* fewer threads could be started */
    IMGZ_REASON_LEVEL,           /* another level may do */
    IMGZ_REASON_DIRECT,          /* reading past the page cache may be why */
    IMGZ_REASON_UNREADABLE,      /* sectors that cannot be read; see IMGZ_ON_ERROR_ZERO */
    IMGZ_REASON_TWO_IMAGES,      /* of two images no bytes are compared */
};

struct imgz_error {
    uint32_t struct_bytes; /* sizeof(struct imgz_error) of the caller */
    int code;              /* negative errno; 0: no error, and then the rest is empty */
    enum imgz_error_kind kind;
    enum imgz_stage stage;
    enum imgz_reason reason;
    uint32_t flags;     /* with IMGZ_REASON_FLAG: these */
    uint32_t overrides; /* with IMGZ_REASON_OVERRIDE: these, all of them */
    uint32_t resumable; /* 1: what was done is kept, and IMGZ_FLAG_RESUME goes on from there */
    uint64_t offset;    /* bytes from the start of 'path', or IMGZ_OFFSET_NONE */
    char path[512];     /* what was worked on; cut if longer, "" if nothing */
    char text[1024];    /* one line for people: what, where, why, what to do next, what is left */
};

/* Makes a text that may hold what comes from outside (names, labels, error and log lines) fit for a
 * terminal, in place: each byte of a control character, of a character that reorders or breaks
 * lines, and of what is not UTF-8, becomes '?'. */
IMGZ_API void imgz_make_printable(char *text);

/* ---- Progress ----------------------------------------------------------------------------- */

enum imgz_phase {
    IMGZ_PHASE_COPY,      /* data moves */
    IMGZ_PHASE_FLUSH,     /* all data is handed over; the system writes it to stable storage */
    IMGZ_PHASE_FINISH,    /* closed and renamed: the last call of a job that succeeded */
    IMGZ_PHASE_READ_BACK, /* after the flush: what was written is read from the drive again */
    IMGZ_PHASE_OPEN,  /* before anything else: opens what is read and written, and waits for it */
    IMGZ_PHASE_CHECK, /* before the copy: what an interrupted run left is checked */
};

/* Made by the library: 'struct_bytes' is what it knows, and 0 can be read behind that, up to 512
 * bytes in all. */
struct imgz_progress {
    uint32_t struct_bytes;
    enum imgz_phase phase;
    uint64_t raw_bytes_done;   /* finished in disk order */
    uint64_t raw_bytes_total;  /* IMGZ_SIZE_UNKNOWN while a pipe has not ended */
    uint64_t zero_bytes_done;  /* of raw_bytes_done: zeros and holes */
    uint64_t image_bytes_done; /* of the image, read or written; 0 when there is none */
    uint64_t elapsed_ns; /* since the job began, without the time that the process was stopped */
    /* Of this phase: what costs time. Data counts in full; zeros as much as they cost this job; and
     * of the image what is looked at, where that is all. What an earlier run has done already is in
     * both sums, and in the third. */
    uint64_t work_bytes_done;
    uint64_t work_bytes_total; /* may be corrected on the way; IMGZ_SIZE_UNKNOWN: cannot be told */
    uint64_t work_bytes_taken_over;
    /* Blank bytes were read and turned out to be zeros. They are full work, but mostly take less
     * time than other data. The second figure is an estimate: from the free space that the file
     * systems on the disk count, and from what was read so far. */
    uint64_t blank_bytes_done;  /* part of work_bytes_done; without those of an earlier run */
    uint64_t blank_bytes_ahead; /* part of the work that is left; or IMGZ_SIZE_UNKNOWN */
};

/* Called every progress_interval_ms from the thread that called the job, never under a lock, and
 * once more with IMGZ_PHASE_FINISH. Returns 0 to go on; anything else cancels the job, which then
 * cleans up and returns -ECANCELED. At IMGZ_PHASE_FINISH the job is done and the answer is ignored;
 * a job shorter than the interval makes that call only. */
typedef int (*imgz_progress_fn)(const struct imgz_progress *progress, void *context);

/* One line about what happens ("reading /dev/sda with direct I/O"), without a newline. Called
 * from any of the job's threads, one at a time. */
typedef void (*imgz_log_fn)(const char *line, void *context);

/* ---- Cancelling --------------------------------------------------------------------------- */

/* A wish to stop, for jobs that have it in their options. It outlives them, and is for good. A job
 * hears it within progress_interval_ms, before it does anything if the wish was there first; it
 * then cleans up and returns -ECANCELED, as when the progress callback asks. Only a job that is
 * done by then returns 0. */
struct imgz_cancel;

/* 0, or -ENOMEM. */
IMGZ_API int imgz_cancel_create(struct imgz_cancel **result);
IMGZ_API void imgz_cancel_destroy(struct imgz_cancel *cancel); /* accepts NULL */

/* From any thread, and from a signal handler. */
IMGZ_API void imgz_cancel_request(struct imgz_cancel *cancel);

/* 1 once it was requested, or 0. From any thread, and from a signal handler. */
IMGZ_API int imgz_cancel_requested(const struct imgz_cancel *cancel);

/* ---- Options ------------------------------------------------------------------------------ */

/* Whether reads of a source bypass the page cache. */
enum imgz_direct {
    IMGZ_DIRECT_AUTO, /* block devices yes, files no */
    IMGZ_DIRECT_ON,
    IMGZ_DIRECT_OFF,
};

/* What to do about sectors that cannot be read, however often they are tried. */
enum imgz_on_error {
    IMGZ_ON_ERROR_STOP, /* fail: -EIO and the like, with the offset of the first one */
    IMGZ_ON_ERROR_ZERO, /* capture: take exactly them for zeros, go on, and tell which */
};

/* How chunks are hashed, and from that the root hash. */
enum imgz_chunk_hash {
    IMGZ_CHUNK_HASH_DEFAULT, /* XXH3; for what is in an image: its own */
    IMGZ_CHUNK_HASH_XXH3,    /* XXH3-128, at the speed of memory: finds accidents */
    IMGZ_CHUNK_HASH_SHA256,  /* finds tampering, too; the image is of format version 2 */
};

/* A job refuses one that it does not take (-EINVAL), and two that do not go together. */
enum imgz_flag {
    IMGZ_FLAG_FORCE = 1,         /* replace an existing file */
    IMGZ_FLAG_REPRODUCIBLE = 2,  /* leave times and names of this machine out of the image */
    IMGZ_FLAG_SCRUB = 4,         /* verify: check what is stored, inflate nothing */
    IMGZ_FLAG_ONLY_CHANGED = 16, /* restore to a device: write only chunks that it does not hold */
    IMGZ_FLAG_READ_BACK = 8,     /* restore: read the target again, past the page cache */
    IMGZ_FLAG_RESUME = 32,       /* capture, restore: go on from what an interrupted run left */
    IMGZ_FLAG_DISCARD = 256,     /* restore to a device: let it forget all it holds before */
    IMGZ_FLAG_ALLOW_EMPTY = 512, /* capture: a pipe that gives nothing is a disk of 0 bytes */
    IMGZ_FLAG_PARANOID = 1024,   /* verify, restore: compare bytes, not hashes */
    IMGZ_FLAG_CONFINE = 2048,    /* what may break has nowhere to go: see below */
    IMGZ_FLAG_DISCARD_PARTIAL = 4096, /* start over what was interrupted; FORCE does, too */
    IMGZ_FLAG_FIX_GPT = 8192,  /* restore to a device: move the backup of the GPT to its end */
    IMGZ_FLAG_DRY_RUN = 16384, /* capture, restore: look at all, and write nothing; see below */
};

/* IMGZ_FLAG_CONFINE: once all that it reads and writes is open, the calling thread and those of the
 * job can use no file, network or other process any more (Landlock, where the kernel has it; the
 * log says if not). What stays is what the job goes on with: what it reads, the device or the whole
 * folder of the file that it writes, and that of its map. It is for good: afterwards the thread can
 * open nothing else. For verify, hash, restore, capture and imgz_image_open_with(). verify and hash
 * look at nothing before that, of a restore the end of the image is read before. */

/* IMGZ_FLAG_DRY_RUN: all that can be found out before the first byte is read or written is looked
 * at: the job fails as it would then, or succeeds, and nothing is changed. The report tells what
 * would be done. A device is opened, as its open tells whether it is in use; a pipe is not, and
 * nobody is asked to confirm. imgz_bench(): no more than what reading and options->level take. */

/* Why a restore refuses a block device, unless told to write it all the same; and a capture to go
 * on with what there is of an image. What is never overruled: a device that is write-protected, one
 * that is what is read, and one that is too small for data. */
enum imgz_override {
    IMGZ_OVERRIDE_MOUNTED = 1,      /* it, or a partition of it, is mounted */
    IMGZ_OVERRIDE_SWAP = 2,         /* ... a partition of it is swap space in use */
    IMGZ_OVERRIDE_HELD = 4,         /* ... is part of an LVM, MD or loop device, or is open in a
                                       program that may write to it, or has it alone */
    IMGZ_OVERRIDE_ROOT = 8,         /* ... holds the running system */
    IMGZ_OVERRIDE_IMAGE_DISK = 16,  /* ... holds the image that is read */
    IMGZ_OVERRIDE_SECTOR_SIZE = 32, /* the disk's partition table is made for other sectors */
    IMGZ_OVERRIDE_TOO_SMALL = 64,   /* it has no room for the disk's end, which is all zeros */
    IMGZ_OVERRIDE_CHANGED = 128,    /* capture: the source has not the bytes that it had before */
    IMGZ_OVERRIDE_PARTITION = 256,  /* the disk has a partition table, and it is a partition */
    IMGZ_OVERRIDE_NO_ROOM = 512,    /* restore to a file: less is free than the disk has of data */
};
#define IMGZ_OVERRIDE_ALL 1023

struct imgz_image; /* an open image: see info.h */

/* Asked once by a restore to a block device, from the thread that called the job, when the device
 * was found fit and nothing has been written to it yet. 0: go on; anything else ends the job with
 * -ECANCELED. */
typedef int (*imgz_confirm_fn)(void *context);

/* The same, told what is to be written; of an image through a pipe little is known by then. */
typedef int (*imgz_confirm_image_fn)(const struct imgz_image *image, void *context);

/* Set up by imgz_options_init(); a field left as that sets it means the default. */
struct imgz_options {
    uint32_t struct_bytes;         /* sizeof(struct imgz_options) of the caller */
    uint32_t flags;                /* of enum imgz_flag */
    int32_t level;                 /* default IMGZ_LEVEL_FAST */
    uint32_t thread_count;         /* 0: one per processor, as far as this process may use them */
    uint32_t chunk_bytes;          /* default IMGZ_CHUNK_BYTES_DEFAULT */
    enum imgz_direct direct;       /* default IMGZ_DIRECT_AUTO */
    const char *digests;           /* "sha256,md5" of the raw disk, or NULL; see imgz(1) */
    uint32_t progress_interval_ms; /* default 200 */
    imgz_progress_fn progress;     /* may be NULL */
    void *progress_context;
    imgz_log_fn log; /* may be NULL */
    void *log_context;
    uint32_t bench_ms;           /* bench: time for all of it; 0: 30 s */
    const char *bench_folder;    /* bench: where a temporary file is written; may be NULL */
    enum imgz_on_error on_error; /* default IMGZ_ON_ERROR_STOP */
    uint32_t retry_count;        /* how often an unreadable sector is tried again; default 1 */
    const char *map_path;        /* capture: see imgz_capture(); NULL: none */
    uint32_t timeout_s;          /* capture: how long a read may take; 0, the default: for ever */
    uint32_t overrides;          /* of enum imgz_override; what is overruled if it is found */
    uint32_t file_mode;          /* capture, restore: of a new file, exactly, up to 0777; 0: 0600 */
    imgz_confirm_fn confirm;     /* restore; may be NULL */
    void *confirm_context;       /* of either */
    imgz_confirm_image_fn confirm_image; /* restore; called instead of 'confirm' if it is set */
    enum imgz_chunk_hash chunk_hash;     /* capture, hash, bench; default IMGZ_CHUNK_HASH_DEFAULT */
    uint64_t source_bytes; /* capture: the only size that will do; default IMGZ_SIZE_UNKNOWN */
    imgz_log_fn warning;   /* told each warning as soon as it is found; may be NULL */
    void *warning_context;
    const struct imgz_cancel *cancel; /* may be NULL */
};

/* Fills in the defaults. 'struct_bytes' is sizeof(*options). */
IMGZ_API void imgz_options_init(struct imgz_options *options, size_t struct_bytes);

/* ---- Reports ------------------------------------------------------------------------------ */

struct imgz_digest_text {
    char name[16]; /* as asked for: "sha256" */
    char hex[136]; /* lower case, as the standard tools print it */
};

struct imgz_range { /* a stretch of a disk */
    uint64_t offset;
    uint64_t bytes;
};

#define IMGZ_UNREADABLE_MAX 32

/* What a device has behind the disk that is compared with it. */
enum imgz_rest {
    IMGZ_REST_NONE,    /* nothing: it is as large as the disk */
    IMGZ_REST_ZEROS,   /* nothing but zeros */
    IMGZ_REST_DATA,    /* something else */
    IMGZ_REST_UNKNOWN, /* zeros as far as it was read: the disk's size, or 1 GiB if that is more */
};

/* What did not stop a job, but should be known; tools/JSON.md has the codes. */
#define IMGZ_WARNINGS_MAX 8
struct imgz_warning {
    char code[32];
    char text[480]; /* one line for people */
};

struct imgz_report {
    uint32_t struct_bytes;       /* sizeof(struct imgz_report) of the caller */
    uint64_t raw_bytes;          /* size of the disk; as far as the job came if it failed */
    uint64_t image_bytes;        /* size of the image; 0 when none took part */
    uint64_t zero_bytes;         /* of raw_bytes: found or recorded as zeros */
    uint64_t written_bytes;      /* restore: bytes written as data; the rest are holes or zeroing */
    uint64_t chunk_count;        /* pieces of chunk_bytes the disk has */
    uint64_t stored_chunk_count; /* capture: kept uncompressed */
    uint64_t bad_chunk_count;    /* verify: chunks that are corrupt or differ */
    uint64_t bad_offset;         /* first such chunk's offset on the disk, or IMGZ_OFFSET_NONE */
    uint64_t elapsed_ns;         /* the whole job */
    uint64_t flush_ns;           /* of it: waiting for stable storage at the end */
    uint64_t feed_cpu_ns;        /* processor time of the thread that reads or hands out */
    uint64_t work_cpu_ns;        /* of all workers */
    uint64_t drain_cpu_ns;       /* of the thread that writes or sums up, in disk order */
    uint32_t chunk_bytes;
    uint32_t thread_count; /* workers used */
    uint32_t crc32;        /* of the raw disk: the gzip trailer's; if crc32_known */
    uint32_t digest_count;
    char root_hash[33]; /* hex; "" if the job did not come that far, or with SHA-256 */
    char io_name[16];   /* "io_uring" or "pread" */
    struct imgz_digest_text digests[IMGZ_DIGESTS_MAX];
    uint64_t same_bytes;       /* restore: what the target held already, and was not written */
    uint64_t unreadable_bytes; /* zeros in the image, because they could not be captured */
    uint64_t unreadable_range_count;                   /* so many stretches of them */
    struct imgz_range unreadable[IMGZ_UNREADABLE_MAX]; /* the first of these */
    uint64_t resumed_bytes; /* capture: of raw_bytes, taken over from an interrupted run */
    uint32_t mended;        /* capture: 1 if it went back for what an image lacked, not for all */
    uint32_t crc32_known; /* 1: crc32 is told; 0: none was made, as of a raw disk that is hashed */
    uint64_t missing_bytes;  /* then: so much was missing, and read again */
    uint64_t regained_bytes; /* of it: could be read. 0: the image is as it was */

    /* Restore to a device. */
    uint64_t left_out_bytes;    /* zeros at the disk's end, for which it has no room */
    uint64_t discarded_bytes;   /* IMGZ_FLAG_DISCARD: so much of it took that */
    uint64_t backup_gpt_offset; /* of the disk's GPT, if not the device's end; or OFFSET_NONE */

    uint32_t compared_digests; /* bit i is set if digests[i] was compared with a recorded one */

    /* Verify with 'against', a device that is larger than the disk. */
    enum imgz_rest rest;
    uint64_t rest_bytes;      /* behind the disk */
    uint64_t rest_zero_bytes; /* zeros that these begin with, as far as they were read */
    uint32_t against_image;   /* verify: 1 if 'against' is an image: its disk was compared */

    enum imgz_chunk_hash chunk_hash;
    char root_hash_text[65]; /* of either chunk hash: 32 or 64 hex digits; or "" */
    uint32_t warning_count;  /* of all jobs */
    struct imgz_warning warnings[IMGZ_WARNINGS_MAX];
    uint32_t gpt_moved; /* restore: 1 if FIX_GPT did something; verify: if somebody did so */

    /* With IMGZ_FLAG_DRY_RUN; of the others raw_bytes and missing_bytes of a capture, raw_bytes,
     * zero_bytes, written_bytes (at most, as data), image_bytes and left_out_bytes of a restore. */
    uint64_t room_bytes;    /* free where a file would be written; else IMGZ_SIZE_UNKNOWN */
    uint64_t partial_bytes; /* what an interrupted run left, that it would go on from; or 0 */
};

/* ---- Jobs --------------------------------------------------------------------------------- */

/* Reads the file, block device or pipe 'source' and writes the image 'image', which is called
 * IMAGE.partial until it is complete. If the run fails, what it did is left there, unless 'source'
 * is a pipe, which nobody can go on reading, or what was written proved to be bad; error.text says
 * which. What an interrupted run left is not replaced (-ENOTEMPTY) but by
 * IMGZ_FLAG_DISCARD_PARTIAL or IMGZ_FLAG_FORCE; a file of that name that is not known to be that is
 * never touched (-ENOTUNIQ).
 *
 * With IMGZ_FLAG_RESUME both must be files or devices: what an interrupted run left in
 * IMAGE.partial is checked, and only the rest is read. With the same options the image is the one
 * that an uninterrupted run would have made (with IMGZ_FLAG_REPRODUCIBLE byte for byte). -EEXIST if
 * IMAGE.partial is of another disk, or of one that has changed (IMGZ_OVERRIDE_CHANGED). What
 * could not be read is not tried again: with IMGZ_ON_ERROR_ZERO a map remembers it, that of
 * options->map_path, or IMAGE.partial.map.
 *
 * With options->map_path a file there is kept up to date on the way: what of the source was read,
 * what is bad, and what was not tried, in the format of GNU ddrescue. If image and map are there
 * already, and IMGZ_FLAG_FORCE is not set, only what the map has not as finished is read again. The
 * rest is taken from the image, each chunk checked by its hash, and the new image replaces the old
 * one; or that stays as it is if nothing could be read. -EEXIST as above. With IMGZ_FLAG_RESUME
 * what an interrupted run of that did read is not read again: IMAGE.partial.map tells what it did
 * not.
 *
 * With options->timeout_s a read of a file or device that takes longer (a device that hangs) ends
 * the job: -ETIMEDOUT. Such a read cannot be cancelled, so its thread, and what that may touch, are
 * left behind: the process should end soon. */
IMGZ_API int imgz_capture(const char *source, const char *image, const struct imgz_options *options,
                          struct imgz_report *report, struct imgz_error *error);

/* Writes the disk in 'image' to 'target': a new sparse file, an existing block device at least as
 * large as the disk, or a pipe. A device that is in use, or that does not fit, is refused before
 * anything is written (see enum imgz_override). With IMGZ_FLAG_ONLY_CHANGED a device is read first,
 * and a chunk that has its hash already is neither inflated nor written. With IMGZ_FLAG_READ_BACK a
 * file or device is read again after the flush, and held against the hashes in the image: -EBADMSG
 * if it does not keep what it was given. With IMGZ_FLAG_PARANOID each of these compares bytes
 * instead of hashes: see imgz_verify(). With IMGZ_FLAG_RESUME what a device, or the TARGET.partial
 * of an interrupted run, holds already is read first, as with IMGZ_FLAG_ONLY_CHANGED. What becomes
 * of TARGET.partial if the run fails is as with imgz_capture(); 'image' may be a pipe. */
IMGZ_API int imgz_restore(const char *image, const char *target, const struct imgz_options *options,
                          struct imgz_report *report, struct imgz_error *error);

/* Decodes the whole image and checks everything it says: structure, hashes, CRC-32, size, and
 * the digests it carries where options->digests names them. With 'against' (may be NULL) nothing
 * is inflated: that file, device or pipe is hashed and compared with the hashes in the image, and
 * with the digests it carries where options->digests names them. Of a device that is larger, as
 * much as the disk has is compared, and the report tells what is behind it. The hashes find
 * accidents; with IMGZ_FLAG_PARANOID the image is inflated, and bytes are compared.
 *
 * If 'against' is an image, it is decoded and checked, and the disk in it compared (by hashes:
 * -EOPNOTSUPP with IMGZ_FLAG_PARANOID); unless the disk in 'image' is itself an image, of the size
 * of that file.
 *
 * With
 * IMGZ_FLAG_SCRUB nothing is inflated either: every note and segment must be as it was written, and
 * the raw hashes in the notes must add up to the root hash. That finds all that storage does to an
 * image, at the speed of reading it; it takes the raw hashes on the word of who captured.
 */
IMGZ_API int imgz_verify(const char *image, const char *against, const struct imgz_options *options,
                         struct imgz_report *report, struct imgz_error *error);

/* Hashes a raw source, or the disk inside an image if 'path' is one: the same disk gives the same
 * root hash for the same chunk size and chunk hash. Of an image these are its own; to ask for
 * another chunk hash is -EINVAL. */
IMGZ_API int imgz_hash(const char *path, const struct imgz_options *options,
                       struct imgz_report *report, struct imgz_error *error);

/* ---- Bench -------------------------------------------------------------------------------- */

/* Rows come in this order, HASH_SHA256 behind HASH. */
enum imgz_bench_kind {
    IMGZ_BENCH_READ_DIRECT, /* the source, past the page cache: what the drive gives */
    IMGZ_BENCH_READ_CACHED, /* the source, through the page cache, as much as is in it */
    IMGZ_BENCH_ZERO_TEST,   /* kernels, by all workers, over data that lies in memory */
    IMGZ_BENCH_HASH,        /* by XXH3-128 */
    IMGZ_BENCH_CRC32,
    IMGZ_BENCH_CAPTURE, /* all that a capture's workers do, at one level */
    IMGZ_BENCH_DECODE,  /* all that the workers of verify and restore do */
    IMGZ_BENCH_RESTORE, /* the same, with writing to bench_folder, and its flush */
    IMGZ_BENCH_HASH_SHA256,
};

struct imgz_bench_row {
    enum imgz_bench_kind kind;
    int32_t level;         /* CAPTURE: IMGZ_LEVEL_FAST or 0 to 12; DECODE, RESTORE: FAST */
    char name[24];         /* "capture 6" */
    uint64_t bytes;        /* of the raw disk, that were worked on */
    uint64_t elapsed_ns;   /* the time it took; 0: not measured, or not yet */
    uint32_t thread_count; /* that worked at it */
    uint32_t keeps_up;     /* 1: at least as fast as the source is read */

    /* CAPTURE: what becomes of the sample, and about what the whole source would become and how
     * long it would take, if writing the image does not hold it up. 0: not known. A slow level sees
     * a part of the sample only; what it makes of the rest is worked out from the level before. */
    uint64_t sample_image_bytes;
    uint64_t source_image_bytes;
    uint64_t source_ns;
};

#define IMGZ_BENCH_ROWS_MAX   24
#define IMGZ_BENCH_LEVEL_NONE (-2)

/* Filled as the rows are measured: all are named at the start, and get their figures one after the
 * other. The progress callback may read it. */
struct imgz_bench_result {
    uint32_t struct_bytes; /* sizeof(struct imgz_bench_result) of the caller */
    uint32_t thread_count;
    uint32_t chunk_bytes;
    uint32_t chunk_count;       /* in the sample */
    uint64_t source_bytes;      /* size of the file or device; 0: measured on the built-in mix */
    uint64_t source_hole_bytes; /* of it: holes, which are never read */
    uint64_t sample_bytes;      /* taken into memory, evenly from all that is no hole */
    uint64_t sample_zero_bytes; /* of it: zeros, in blocks of 4 KiB */
    uint64_t elapsed_ns;        /* all of it */
    uint32_t cached_percent;    /* of the sample, found in the page cache; UINT32_MAX: not known */
    uint32_t processor_percent; /* of their time, that the workers had a processor */
    int32_t read_row;           /* whose speed 'keeps_up' compares with: an index, or -1 */
    int32_t level_kept_up;      /* the highest that keeps up; or IMGZ_BENCH_LEVEL_NONE */
    uint32_t row_count;         /* that there will be */
    uint32_t done_count;        /* of them done with, in their order */
    struct imgz_bench_row rows[IMGZ_BENCH_ROWS_MAX];
    enum imgz_chunk_hash chunk_hash; /* of the chunks that are captured and decoded */
};

/* Measures what this machine can do: how fast 'path' (a file or block device, only read; NULL:
 * none) is read, and how fast data like its own (NULL: a synthetic mix) is compressed at each
 * level, checked and restored. Takes about options->bench_ms and up to 200 MiB of memory. 'result'
 * may be NULL. A source that is no file or device, or is empty, is -EINVAL. */
IMGZ_API int imgz_bench(const char *path, const struct imgz_options *options,
                        struct imgz_bench_result *result, struct imgz_error *error);

/* ---- Names -------------------------------------------------------------------------------- */

/* Short ones, for people and for scripts: "read-image", "mounted". Never NULL; "unknown" for what
 * is none of them, or several. */
IMGZ_API const char *imgz_stage_name(enum imgz_stage stage);
IMGZ_API const char *imgz_error_kind_name(enum imgz_error_kind kind);
IMGZ_API const char *imgz_reason_name(enum imgz_reason reason);
IMGZ_API const char *imgz_phase_name(enum imgz_phase phase);
IMGZ_API const char *imgz_direct_name(enum imgz_direct direct);
IMGZ_API const char *imgz_on_error_name(enum imgz_on_error on_error);
IMGZ_API const char *imgz_chunk_hash_name(enum imgz_chunk_hash hash);
IMGZ_API const char *imgz_flag_name(enum imgz_flag flag);
IMGZ_API const char *imgz_override_name(enum imgz_override what);
IMGZ_API const char *imgz_rest_name(enum imgz_rest rest);
IMGZ_API const char *imgz_bench_kind_name(enum imgz_bench_kind kind);

#ifdef __cplusplus
}
#endif

#include "info.h"
#include "system.h"

#endif /* IMGZ_H */
