/* SPDX-License-Identifier: MIT */
/*
 * imgz: capture, restore, verify and hash disk images, in parallel.
 *
 * An image is one plain gzip member that any gunzip decodes; imgz keeps its own data in bits that
 * every DEFLATE decoder ignores (see FORMAT.md). A job is one blocking call: it starts its own
 * threads, works, joins them, and returns.
 *
 * Paths      "-" is standard input or output wherever a job reads or writes.
 * Returns    0 on success, a negative errno otherwise. -EBADMSG: data is bad (a corrupt image, a
 *            hash that does not match, a device that differs). -EINVAL: the options make no sense.
 *            -ECANCELED: the program asked to stop. Anything else is the system's error code. The
 *            system may also return one of these; imgz_error.kind tells them apart.
 * Errors     when a job fails, 'error' says where and why, in words. It may be NULL.
 * Reports    filled in as far as the job got, even if it failed. It may be NULL.
 * Structs    each begins with 'struct_bytes'. The program writes the struct's size there before a
 *            call (for options, imgz_options_init() does):
 *
 *                struct imgz_report report = {.struct_bytes = sizeof(report)};
 *
 *            The size shows which members the program knows: it may be older or newer than the
 *            library. Members that only the program knows are returned as 0, and must be 0 in
 *            options. Without the size a call returns -EINVAL, before a job starts.
 * Threads    jobs keep no global state; several may run at once, each from its own thread.
 * Processes  a job first runs a short-lived child process that looks at the machine, and waits for
 *            that one alone. Listing devices uses one, too. Neither runs the caller's handlers.
 * Promise    no file gets its final name before it is written, flushed and closed. Only checked
 *            data is written to a target. A source is only ever read.
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

/* The version of this header. Within a major version, programs keep working: functions and
 * constants stay, and structs grow only at their end. */
#define IMGZ_VERSION_MAJOR 1
#define IMGZ_VERSION_MINOR 0
#define IMGZ_VERSION_PATCH 0

/* For comparisons: 10203 is version 1.2.3. */
#define IMGZ_VERSION_NUMBER                                                                        \
    (IMGZ_VERSION_MAJOR * 10000 + IMGZ_VERSION_MINOR * 100 + IMGZ_VERSION_PATCH)

/* The version of the library in use: "1.0.0", and as a number. */
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

/* Reasons that a program can act on, mostly by other options. The text says what happened; the
 * program says which button or option helps. */
enum imgz_reason {
    IMGZ_REASON_NONE,
    IMGZ_REASON_TAMPERED,        /* a recorded digest differs, though all hashes are right */
    IMGZ_REASON_CHUNK_HASH,      /* the image's chunk hash is not options->chunk_hash */
    IMGZ_REASON_MEMORY,          /* fewer threads or smaller chunks need less */
    IMGZ_REASON_TIMEOUT,         /* a read took longer than options->timeout_s */
    IMGZ_REASON_CHUNK_BYTES,     /* the image's chunk size is not options->chunk_bytes */
    IMGZ_REASON_RESUME_OPTIONS,  /* the interrupted run had other options */
    IMGZ_REASON_RESUME_CHANGED,  /* the source has changed since then; see IMGZ_OVERRIDE_CHANGED */
    IMGZ_REASON_SOURCE_CHANGED,  /* ... since the image was made */
    IMGZ_REASON_MAP_NEEDED,      /* options->map_path should name the map of the interrupted run */
    IMGZ_REASON_MAP_OTHER,       /* the map at options->map_path belongs to another image */
    IMGZ_REASON_MAP_STREAM,      /* a pipe has no map */
    IMGZ_REASON_EXISTS,          /* the output exists; see IMGZ_FLAG_FORCE */
    IMGZ_REASON_INTERRUPTED,     /* ... in part; see IMGZ_FLAG_RESUME, IMGZ_FLAG_DISCARD_PARTIAL */
    IMGZ_REASON_EMPTY,           /* the pipe was empty; see IMGZ_FLAG_ALLOW_EMPTY */
    IMGZ_REASON_TOO_MANY_CHUNKS, /* larger chunks may help */
    IMGZ_REASON_FLAG,            /* the flags in error.flags are not possible here */
    IMGZ_REASON_OVERRIDE,        /* error.overrides would allow it */
    IMGZ_REASON_THREADS,         /* fewer threads may work */
    IMGZ_REASON_LEVEL,           /* another level may work */
    IMGZ_REASON_DIRECT,          /* direct I/O may be the cause */
    IMGZ_REASON_UNREADABLE,      /* sectors that cannot be read; see IMGZ_ON_ERROR_ZERO */
    IMGZ_REASON_TWO_IMAGES,      /* two images cannot be compared byte by byte */
    IMGZ_REASON_REMOTE_PROGRAM,  /* the other host has no imgz; see options->remote_program */
    IMGZ_REASON_REMOTE_RIGHTS,   /* it may not do that there; see IMGZ_FLAG_SUDO */
};

struct imgz_error {
    uint32_t struct_bytes; /* sizeof(struct imgz_error) of the caller */
    int code;              /* negative errno; 0: no error, and then the rest is empty */
    enum imgz_error_kind kind;
    enum imgz_stage stage;
    enum imgz_reason reason;
    uint32_t flags;     /* with IMGZ_REASON_FLAG: these */
    uint32_t overrides; /* with IMGZ_REASON_OVERRIDE: these, all of them */
    uint32_t resumable; /* 1: what was done is kept, and IMGZ_FLAG_RESUME continues from there */
    uint64_t offset;    /* bytes from the start of 'path', or IMGZ_OFFSET_NONE */
    char path[512];     /* the file or device; cut if longer, "" if none */
    char text[1024];    /* one line for people: what, where, why, what to do next, what is left */
};

/* Makes a text from outside (names, labels, error and log lines) safe for a terminal, in place.
 * Each byte of these becomes '?': control characters, characters that reorder or break lines, and
 * anything that is not UTF-8. */
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

/* Made by the library. 'struct_bytes' is the size that the library knows; after that come zeros, up
 * to 512 bytes in all. */
struct imgz_progress {
    uint32_t struct_bytes;
    enum imgz_phase phase;
    uint64_t raw_bytes_done;   /* finished in disk order */
    uint64_t raw_bytes_total;  /* IMGZ_SIZE_UNKNOWN while a pipe has not ended */
    uint64_t zero_bytes_done;  /* of raw_bytes_done: zeros and holes */
    uint64_t image_bytes_done; /* of the image, read or written; 0 when there is none */
    uint64_t elapsed_ns; /* since the job began, without the time that the process was stopped */
    /* Work of this phase: what costs time. Data counts in full, and zeros by what they cost this
     * job. If a job looks only at the image, the image's bytes count. What an earlier run did is in
     * both sums and, by itself, in the third. */
    uint64_t work_bytes_done;
    uint64_t work_bytes_total; /* may be corrected on the way; or IMGZ_SIZE_UNKNOWN */
    uint64_t work_bytes_taken_over;
    /* Blank bytes were read and turned out to be zeros. They are full work, but usually take less
     * time than other data. The second figure is an estimate from the free space in the disk's file
     * systems, and from what was read so far. */
    uint64_t blank_bytes_done;  /* part of work_bytes_done; without those of an earlier run */
    uint64_t blank_bytes_ahead; /* part of the work that is left; or IMGZ_SIZE_UNKNOWN */
};

/* Called every progress_interval_ms from the thread that called the job, never under a lock, and
 * once more with IMGZ_PHASE_FINISH. Returns 0 to go on; anything else cancels the job, which then
 * cleans up and returns -ECANCELED. At IMGZ_PHASE_FINISH the job is done and the answer is ignored;
 * a job shorter than the interval makes only that call. */
typedef int (*imgz_progress_fn)(const struct imgz_progress *progress, void *context);

/* One line about what happens ("reading /dev/sda with direct I/O"), without a newline. Called
 * from any of the job's threads, one at a time. */
typedef void (*imgz_log_fn)(const char *line, void *context);

/* ---- Cancelling --------------------------------------------------------------------------- */

/* A request to stop, for all jobs that have it in their options. It must outlive them, and cannot
 * be withdrawn. A job notices it within progress_interval_ms, or before it does anything if the
 * request came first. It then cleans up and returns -ECANCELED, as when the progress callback asks.
 * A job that is already done returns 0. */
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

/* What to do about sectors that cannot be read even when tried again. */
enum imgz_on_error {
    IMGZ_ON_ERROR_STOP, /* fail: -EIO and the like, with the offset of the first one */
    IMGZ_ON_ERROR_ZERO, /* capture: put zeros for exactly these, go on, and report them */
};

/* The hash of chunks; the root hash is made from these. */
enum imgz_chunk_hash {
    IMGZ_CHUNK_HASH_DEFAULT, /* XXH3; for an image, its own */
    IMGZ_CHUNK_HASH_XXH3,    /* XXH3-128, at the speed of memory: finds accidents */
    IMGZ_CHUNK_HASH_SHA256,  /* finds tampering, too; the image is of format version 2 */
};

/* A job refuses a flag that it does not support, and flags that exclude each other: -EINVAL. */
enum imgz_flag {
    IMGZ_FLAG_FORCE = 1,         /* replace an existing file */
    IMGZ_FLAG_REPRODUCIBLE = 2,  /* leave times and names of this machine out of the image */
    IMGZ_FLAG_SCRUB = 4,         /* verify: check what is stored, inflate nothing */
    IMGZ_FLAG_ONLY_CHANGED = 16, /* restore to a device: write only chunks that it does not hold */
    IMGZ_FLAG_READ_BACK = 8,     /* restore: read the target again, past the page cache */
    IMGZ_FLAG_RESUME = 32,       /* capture, restore: go on from what an interrupted run left */
    IMGZ_FLAG_DISCARD = 256,     /* restore to a device: discard all that it holds first */
    IMGZ_FLAG_ALLOW_EMPTY = 512, /* capture: an empty pipe is a disk of 0 bytes */
    IMGZ_FLAG_PARANOID = 1024,   /* verify, restore: compare bytes, not hashes */
    IMGZ_FLAG_CONFINE = 2048,    /* give up rights that are not needed: see below */
    IMGZ_FLAG_DISCARD_PARTIAL = 4096, /* replace what an interrupted run left; FORCE does, too */
    IMGZ_FLAG_FIX_GPT = 8192,  /* restore to a device: move the backup of the GPT to its end */
    IMGZ_FLAG_DRY_RUN = 16384, /* capture, restore: check all, write nothing; see below */
    IMGZ_FLAG_SUDO = 32768,    /* on another host: as root, by "sudo -n" */
};

/* IMGZ_FLAG_CONFINE: when all inputs and outputs are open, the calling thread and the job's threads
 * give up their rights to other files, networks and processes (Landlock; the log says if the kernel
 * has none). They keep what the job still needs: its inputs, the device or the whole folder of the
 * file it writes, and the folder of its map. This cannot be undone: afterwards the thread can open
 * nothing else. For verify, hash, restore, capture and imgz_image_open_with(). verify and hash read
 * nothing before that; a restore reads the image's structure, but no data. */

/* IMGZ_FLAG_DRY_RUN: checks all that can be checked before the first byte is read or written. The
 * job fails as it would then, or succeeds, and changes nothing. The report says what would be done.
 * A device is opened, because that shows whether it is in use; a pipe is not. No confirmation is
 * asked for. imgz_bench(): measures only reading and options->level. */

/* Reasons why a restore refuses a target, or a capture refuses to go on with an existing image. The
 * program may override them. Never overridden: a device that is write-protected, is the source
 * itself, or is too small for the data. */
enum imgz_override {
    IMGZ_OVERRIDE_MOUNTED = 1,      /* it, or a partition of it, is mounted */
    IMGZ_OVERRIDE_SWAP = 2,         /* ... a partition of it is swap space in use */
    IMGZ_OVERRIDE_HELD = 4,         /* ... is part of an LVM, MD or loop device, or open in a
                                       program that may write to it or holds it exclusively */
    IMGZ_OVERRIDE_ROOT = 8,         /* ... holds the running system */
    IMGZ_OVERRIDE_IMAGE_DISK = 16,  /* ... holds the image that is read */
    IMGZ_OVERRIDE_SECTOR_SIZE = 32, /* the disk's partition table is for another sector size */
    IMGZ_OVERRIDE_TOO_SMALL = 64,   /* it has no room for the disk's end, which is all zeros */
    IMGZ_OVERRIDE_CHANGED = 128,    /* capture: the source does not have the bytes it had before */
    IMGZ_OVERRIDE_PARTITION = 256,  /* the disk has a partition table, the target is a partition */
    IMGZ_OVERRIDE_NO_ROOM = 512,    /* restore to a file: less space is free than the data needs */
};
#define IMGZ_OVERRIDE_ALL 1023

struct imgz_image; /* an open image: see info.h */

/* Called once by a restore to a block device, from the thread that called the job. The device has
 * then passed all checks, and nothing has been written to it. Returns 0 to go on; anything else
 * ends the job with -ECANCELED. */
typedef int (*imgz_confirm_fn)(void *context);

/* The same, with the image that will be written. Of an image from a pipe, little is known by
 * then. */
typedef int (*imgz_confirm_image_fn)(const struct imgz_image *image, void *context);

/* Set up by imgz_options_init(), which fills in the defaults. */
struct imgz_options {
    uint32_t struct_bytes;         /* sizeof(struct imgz_options) of the caller */
    uint32_t flags;                /* of enum imgz_flag */
    int32_t level;                 /* default IMGZ_LEVEL_FAST */
    uint32_t thread_count;         /* 0: one per processor that this process may use */
    uint32_t chunk_bytes;          /* default IMGZ_CHUNK_BYTES_DEFAULT */
    enum imgz_direct direct;       /* default IMGZ_DIRECT_AUTO */
    const char *digests;           /* "sha256,md5" of the raw disk, or NULL; see imgz(1) */
    uint32_t progress_interval_ms; /* default 200 */
    imgz_progress_fn progress;     /* may be NULL */
    void *progress_context;
    imgz_log_fn log; /* may be NULL */
    void *log_context;
    uint32_t bench_ms;           /* bench: time in all; 0: 30 s */
    const char *bench_folder;    /* bench: where a temporary file is written; may be NULL */
    enum imgz_on_error on_error; /* default IMGZ_ON_ERROR_STOP */
    uint32_t retry_count;        /* how often an unreadable sector is tried again; default 1 */
    const char *map_path;        /* capture: see imgz_capture(); NULL: none */
    uint32_t timeout_s;          /* capture: how long a read may take; 0, the default: no limit */
    uint32_t overrides;          /* of enum imgz_override: refusals to override */
    uint32_t file_mode;          /* capture, restore: of a new file, exactly, up to 0777; 0: 0600 */
    imgz_confirm_fn confirm;     /* restore; may be NULL */
    void *confirm_context;       /* of either */
    imgz_confirm_image_fn confirm_image; /* restore; called instead of 'confirm' if it is set */
    enum imgz_chunk_hash chunk_hash;     /* capture, hash, bench; default IMGZ_CHUNK_HASH_DEFAULT */
    uint64_t source_bytes; /* capture: the size that it must have; default IMGZ_SIZE_UNKNOWN */
    imgz_log_fn warning;   /* gets each warning as soon as it is found; may be NULL */
    void *warning_context;
    const struct imgz_cancel *cancel; /* may be NULL */
    const char *ssh_client;     /* words, as in a shell: "ssh -F file"; NULL: "ssh"; see below */
    const char *remote_program; /* imgz on the other host; NULL: as its PATH has it */
};

/* Where a job reads a file or a drive, it may be one of another host: "ssh://user@host:port/path",
 * or "host:/path" as scp(1) has it, unless there is a directory "host:" here. The ssh client of
 * this system runs imgz there (imgz_serve()). */

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

/* What a device holds after the end of the disk that is compared with it. */
enum imgz_rest {
    IMGZ_REST_NONE,    /* nothing: it is as large as the disk */
    IMGZ_REST_ZEROS,   /* nothing but zeros */
    IMGZ_REST_DATA,    /* something else */
    IMGZ_REST_UNKNOWN, /* zeros as far as it was read: the disk's size, or 1 GiB if that is more */
};

/* What did not stop a job, but should be known; tools/JSON.md lists the codes. */
#define IMGZ_WARNINGS_MAX 8
struct imgz_warning {
    char code[32];
    char text[480]; /* one line for people */
};

struct imgz_report {
    uint32_t struct_bytes;       /* sizeof(struct imgz_report) of the caller */
    uint64_t raw_bytes;          /* size of the disk; as far as the job got if it failed */
    uint64_t image_bytes;        /* size of the image; 0 without one */
    uint64_t zero_bytes;         /* of raw_bytes: found or recorded as zeros */
    uint64_t written_bytes;      /* restore: bytes written as data; the rest are holes or zeroed */
    uint64_t chunk_count;        /* pieces of chunk_bytes the disk has */
    uint64_t stored_chunk_count; /* capture: kept uncompressed */
    uint64_t bad_chunk_count;    /* verify: chunks that are corrupt or differ */
    uint64_t bad_offset;         /* first such chunk's offset on the disk, or IMGZ_OFFSET_NONE */
    uint64_t elapsed_ns;         /* the whole job */
    uint64_t flush_ns;           /* of it: waiting for stable storage at the end */
    uint64_t feed_cpu_ns;        /* processor time of the thread that feeds the workers */
    uint64_t work_cpu_ns;        /* of all workers */
    uint64_t drain_cpu_ns;       /* of the thread that writes or sums up, in disk order */
    uint32_t chunk_bytes;
    uint32_t thread_count; /* workers used */
    uint32_t crc32;        /* of the raw disk: the gzip trailer's; if crc32_known */
    uint32_t digest_count;
    char root_hash[33]; /* hex; "" if the job did not get that far, or with SHA-256 */
    char io_name[16];   /* "io_uring" or "pread" */
    struct imgz_digest_text digests[IMGZ_DIGESTS_MAX];
    uint64_t same_bytes;             /* restore: what the target held already, so not written */
    uint64_t unreadable_bytes;       /* zeros in the image, because they could not be read */
    uint64_t unreadable_range_count; /* ... in how many ranges */
    struct imgz_range unreadable[IMGZ_UNREADABLE_MAX]; /* the first of these */
    uint64_t resumed_bytes;  /* capture: of raw_bytes, kept from an interrupted run */
    uint32_t mended;         /* capture: 1 if only what an image lacked was read */
    uint32_t crc32_known;    /* 1: crc32 is set; 0: none was made, as when hashing a raw disk */
    uint64_t missing_bytes;  /* if mended: what was missing, and read again */
    uint64_t regained_bytes; /* of it: could be read now; 0: the image is unchanged */

    /* Restore to a device. */
    uint64_t left_out_bytes;    /* zeros at the disk's end that did not fit */
    uint64_t discarded_bytes;   /* IMGZ_FLAG_DISCARD: how much of it was discarded */
    uint64_t backup_gpt_offset; /* where it is, if not at the device's end; or OFFSET_NONE */

    uint32_t compared_digests; /* bit i is set if digests[i] was compared with a recorded one */

    /* Verify with 'against', a device that is larger than the disk. */
    enum imgz_rest rest;
    uint64_t rest_bytes;      /* after the disk's end */
    uint64_t rest_zero_bytes; /* ... of these, zeros at their start, as far as they were read */
    uint32_t against_image;   /* verify: 1 if 'against' is an image: its disk was compared */

    enum imgz_chunk_hash chunk_hash;
    char root_hash_text[65]; /* of either chunk hash: 32 or 64 hex digits; or "" */
    uint32_t warning_count;  /* of any job */
    struct imgz_warning warnings[IMGZ_WARNINGS_MAX];
    uint32_t gpt_moved; /* restore: 1 if FIX_GPT moved it; verify: 1 if it was moved */

    /* With IMGZ_FLAG_DRY_RUN. Of the members above, a capture then sets raw_bytes and
     * missing_bytes; a restore sets raw_bytes, zero_bytes, written_bytes (the most it may write as
     * data), image_bytes and left_out_bytes. */
    uint64_t room_bytes;    /* free where a file would be written; else IMGZ_SIZE_UNKNOWN */
    uint64_t partial_bytes; /* what an interrupted run left, to be resumed; or 0 */
};

/* ---- Jobs --------------------------------------------------------------------------------- */

/* Reads the file, block device or pipe 'source' and writes the image 'image', which is called
 * IMAGE.partial until it is complete. If the run fails, what it wrote stays there. It is removed if
 * 'source' is a pipe, which cannot be read again, or if the written data proved to be bad;
 * error.text says which. Such a partial image is replaced only with IMGZ_FLAG_DISCARD_PARTIAL or
 * IMGZ_FLAG_FORCE; otherwise -ENOTEMPTY. A file of that name that may be something else is never
 * touched (-ENOTUNIQ).
 *
 * With IMGZ_FLAG_RESUME both must be files or devices. What an interrupted run left in
 * IMAGE.partial is checked, and only the rest is read. With the same options the image is the one
 * that an uninterrupted run would have made (with IMGZ_FLAG_REPRODUCIBLE byte for byte). -EEXIST if
 * IMAGE.partial is of another disk, or of one that has changed (IMGZ_OVERRIDE_CHANGED). What could
 * not be read is not tried again: with IMGZ_ON_ERROR_ZERO a map records it, at options->map_path or
 * in IMAGE.partial.map.
 *
 * With options->map_path, a file there records on the way what was read, what is bad and what was
 * not tried, in the format of GNU ddrescue. If both image and map exist, and IMGZ_FLAG_FORCE is not
 * set, only areas that the map does not mark finished are read. The rest is taken from the image,
 * each chunk checked by its hash. The new image replaces the old one, which stays as it is if
 * nothing could be read. -EEXIST as above. With IMGZ_FLAG_RESUME such a run goes on where it was
 * interrupted: IMAGE.partial.map says what it has not read.
 *
 * With options->timeout_s a read of a file or device that takes longer (a device that hangs) ends
 * the job: -ETIMEDOUT. Such a read cannot be cancelled. So its thread, and the memory it may touch,
 * are left behind: the process should end soon. */
IMGZ_API int imgz_capture(const char *source, const char *image, const struct imgz_options *options,
                          struct imgz_report *report, struct imgz_error *error);

/* Writes the disk in 'image' to 'target': a new sparse file, an existing block device at least as
 * large as the disk, or a pipe. A device that is in use or unsuitable is refused before anything is
 * written (see enum imgz_override). If the run fails, TARGET.partial is treated as IMAGE.partial is
 * by imgz_capture(); 'image' may be a pipe.
 *
 * With IMGZ_FLAG_ONLY_CHANGED a device is read first, and chunks whose hash is already right are
 * neither inflated nor written. With IMGZ_FLAG_RESUME a device, or the TARGET.partial of an
 * interrupted run, is read first in the same way. With IMGZ_FLAG_READ_BACK a file or device is read
 * again after the flush, and compared with the hashes in the image: -EBADMSG if it differs. With
 * IMGZ_FLAG_PARANOID all of these compare bytes instead of hashes: see imgz_verify(). */
IMGZ_API int imgz_restore(const char *image, const char *target, const struct imgz_options *options,
                          struct imgz_report *report, struct imgz_error *error);

/* Decodes the whole image and checks everything in it: structure, hashes, CRC-32, size, and the
 * recorded digests that options->digests names.
 *
 * With 'against' (may be NULL) nothing is inflated. That file, device or pipe is hashed and
 * compared with the hashes in the image, and with the recorded digests that options->digests names.
 * If a device is larger than the disk, the report says what follows. The hashes find accidents;
 * with IMGZ_FLAG_PARANOID the image is inflated, and bytes are compared.
 *
 * If 'against' is an image, it is decoded and checked, and the disk in it is compared, by hashes
 * alone (-EOPNOTSUPP with IMGZ_FLAG_PARANOID). But if the disk in 'image' is itself an image of
 * that file's size, the file is compared as it is.
 *
 * With IMGZ_FLAG_SCRUB nothing is inflated either. Every note and segment must be as it was
 * written, and the raw hashes in the notes must add up to the root hash. That finds whatever
 * storage did to an image, at the speed of reading it. Whether data fits its raw hash is not
 * checked.
 */
IMGZ_API int imgz_verify(const char *image, const char *against, const struct imgz_options *options,
                         struct imgz_report *report, struct imgz_error *error);

/* Hashes a raw source, or the disk inside an image if 'path' is one: the same disk gives the same
 * root hash for the same chunk size and chunk hash. An image has its own; asking for another chunk
 * hash is -EINVAL. */
IMGZ_API int imgz_hash(const char *path, const struct imgz_options *options,
                       struct imgz_report *report, struct imgz_error *error);

/* ---- Other hosts -------------------------------------------------------------------------- */

/* Does what imgz on another host asks for, until that closes 'in_fd': it may read every file and
 * device that this process may. What "imgz remote" does, which ssh starts there. */
IMGZ_API int imgz_serve(int in_fd, int out_fd, const struct imgz_options *options,
                        struct imgz_error *error);

/* ---- Bench -------------------------------------------------------------------------------- */

/* Rows come in this order, but HASH_SHA256 after HASH. */
enum imgz_bench_kind {
    IMGZ_BENCH_READ_DIRECT, /* the source, past the page cache: the drive's speed */
    IMGZ_BENCH_READ_CACHED, /* the source, from the page cache, as far as it is there */
    IMGZ_BENCH_ZERO_TEST,   /* kernels, by all workers, on data in memory */
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
    uint64_t bytes;        /* of the raw disk */
    uint64_t elapsed_ns;   /* the time it took; 0: not measured, or not yet */
    uint32_t thread_count; /* workers */
    uint32_t keeps_up;     /* 1: at least as fast as the source is read */

    /* CAPTURE: the size of the compressed sample, and estimates for the whole source: its size, and
     * the time if writing the image does not slow it down. 0: not known. A slow level sees only a
     * part of the sample; the rest is estimated from the previous level. */
    uint64_t sample_image_bytes;
    uint64_t source_image_bytes;
    uint64_t source_ns;
};

#define IMGZ_BENCH_ROWS_MAX   24
#define IMGZ_BENCH_LEVEL_NONE (-2)

/* Filled in as the rows are measured: all are named at the start, and get their figures one by one.
 * The progress callback may read it. */
struct imgz_bench_result {
    uint32_t struct_bytes; /* sizeof(struct imgz_bench_result) of the caller */
    uint32_t thread_count;
    uint32_t chunk_bytes;
    uint32_t chunk_count;       /* in the sample */
    uint64_t source_bytes;      /* size of the file or device; 0: measured on the built-in mix */
    uint64_t source_hole_bytes; /* of it: holes, which are never read */
    uint64_t sample_bytes;      /* in memory, taken evenly from all that is not a hole */
    uint64_t sample_zero_bytes; /* of it: zeros, in blocks of 4 KiB */
    uint64_t elapsed_ns;        /* all of it */
    uint32_t cached_percent;    /* of the sample, found in the page cache; UINT32_MAX: not known */
    uint32_t processor_percent; /* how much of their time the workers had a processor */
    int32_t read_row;           /* whose speed 'keeps_up' compares with: an index, or -1 */
    int32_t level_kept_up;      /* the highest that keeps up; or IMGZ_BENCH_LEVEL_NONE */
    uint32_t row_count;         /* in all */
    uint32_t done_count;        /* of them measured, in order */
    struct imgz_bench_row rows[IMGZ_BENCH_ROWS_MAX];
    enum imgz_chunk_hash chunk_hash; /* of the chunks that are captured and decoded */
};

/* Measures what this machine can do: how fast 'path' (a file or block device, only read; NULL:
 * none) is read, and how fast data like its own (NULL: a synthetic mix) is compressed at each
 * level, checked and restored. Takes about options->bench_ms and up to 200 MiB of memory. 'result'
 * may be NULL. A source that is empty, or not a file or device, is -EINVAL. */
IMGZ_API int imgz_bench(const char *path, const struct imgz_options *options,
                        struct imgz_bench_result *result, struct imgz_error *error);

/* ---- Names -------------------------------------------------------------------------------- */

/* Short ones, for people and for scripts: "read-image", "mounted". Never NULL; "unknown" for any
 * other value, or several flags at once. */
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
