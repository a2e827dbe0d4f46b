/* SPDX-License-Identifier: MIT */
/*
 * Names of what the public headers enumerate. The program uses them in its JSON and options, so
 * they never change.
 */
#include <imgz/imgz.h>

/* For a value that no enumerator has, such as a newer program may pass. */
static const char unknown[] = "unknown";

const char *imgz_stage_name(enum imgz_stage stage)
{
    switch (stage) {
    case IMGZ_STAGE_SETUP:
        return "setup";
    case IMGZ_STAGE_READ_SOURCE:
        return "read-source";
    case IMGZ_STAGE_READ_IMAGE:
        return "read-image";
    case IMGZ_STAGE_CHECK:
        return "check";
    case IMGZ_STAGE_COMPRESS:
        return "compress";
    case IMGZ_STAGE_WRITE_IMAGE:
        return "write-image";
    case IMGZ_STAGE_WRITE_TARGET:
        return "write-target";
    case IMGZ_STAGE_FLUSH:
        return "flush";
    case IMGZ_STAGE_COMPARE:
        return "compare";
    }
    return unknown;
}

const char *imgz_error_kind_name(enum imgz_error_kind kind)
{
    switch (kind) {
    case IMGZ_ERROR_FAILED:
        return "failed";
    case IMGZ_ERROR_USAGE:
        return "usage";
    case IMGZ_ERROR_DATA:
        return "data";
    }
    return unknown;
}

const char *imgz_reason_name(enum imgz_reason reason)
{
    switch (reason) {
    case IMGZ_REASON_NONE:
        return "none";
    case IMGZ_REASON_TAMPERED:
        return "tampered";
    case IMGZ_REASON_CHUNK_HASH:
        return "chunk-hash";
    case IMGZ_REASON_MEMORY:
        return "memory";
    case IMGZ_REASON_TIMEOUT:
        return "timeout";
    case IMGZ_REASON_CHUNK_BYTES:
        return "chunk-bytes";
    case IMGZ_REASON_RESUME_OPTIONS:
        return "resume-options";
    case IMGZ_REASON_RESUME_CHANGED:
        return "resume-changed";
    case IMGZ_REASON_SOURCE_CHANGED:
        return "source-changed";
    case IMGZ_REASON_MAP_NEEDED:
        return "map-needed";
    case IMGZ_REASON_MAP_OTHER:
        return "map-other";
    case IMGZ_REASON_MAP_STREAM:
        return "map-stream";
    case IMGZ_REASON_EXISTS:
        return "exists";
    case IMGZ_REASON_INTERRUPTED:
        return "interrupted";
    case IMGZ_REASON_EMPTY:
        return "empty";
    case IMGZ_REASON_TOO_MANY_CHUNKS:
        return "too-many-chunks";
    case IMGZ_REASON_FLAG:
        return "flag";
    case IMGZ_REASON_OVERRIDE:
        return "override";
    case IMGZ_REASON_THREADS:
        return "threads";
    case IMGZ_REASON_LEVEL:
        return "level";
    case IMGZ_REASON_DIRECT:
        return "direct";
    case IMGZ_REASON_UNREADABLE:
        return "unreadable";
    case IMGZ_REASON_TWO_IMAGES:
        return "two-images";
    case IMGZ_REASON_REMOTE_PROGRAM:
        return "remote-program";
    case IMGZ_REASON_REMOTE_RIGHTS:
        return "remote-rights";
    }
    return unknown;
}

const char *imgz_phase_name(enum imgz_phase phase)
{
    switch (phase) {
    case IMGZ_PHASE_COPY:
        return "copy";
    case IMGZ_PHASE_FLUSH:
        return "flush";
    case IMGZ_PHASE_FINISH:
        return "finish";
    case IMGZ_PHASE_READ_BACK:
        return "read-back";
    case IMGZ_PHASE_OPEN:
        return "open";
    case IMGZ_PHASE_CHECK:
        return "check";
    }
    return unknown;
}

const char *imgz_direct_name(enum imgz_direct direct)
{
    switch (direct) {
    case IMGZ_DIRECT_AUTO:
        return "auto";
    case IMGZ_DIRECT_ON:
        return "on";
    case IMGZ_DIRECT_OFF:
        return "off";
    }
    return unknown;
}

const char *imgz_on_error_name(enum imgz_on_error on_error)
{
    switch (on_error) {
    case IMGZ_ON_ERROR_STOP:
        return "stop";
    case IMGZ_ON_ERROR_ZERO:
        return "zero";
    }
    return unknown;
}

const char *imgz_chunk_hash_name(enum imgz_chunk_hash hash)
{
    switch (hash) {
    case IMGZ_CHUNK_HASH_DEFAULT:
        return "default";
    case IMGZ_CHUNK_HASH_XXH3:
        return "xxh3";
    case IMGZ_CHUNK_HASH_SHA256:
        return "sha256";
    }
    return unknown;
}

const char *imgz_flag_name(enum imgz_flag flag)
{
    switch (flag) {
    case IMGZ_FLAG_FORCE:
        return "force";
    case IMGZ_FLAG_REPRODUCIBLE:
        return "reproducible";
    case IMGZ_FLAG_SCRUB:
        return "scrub";
    case IMGZ_FLAG_ONLY_CHANGED:
        return "only-changed";
    case IMGZ_FLAG_READ_BACK:
        return "read-back";
    case IMGZ_FLAG_RESUME:
        return "resume";
    case IMGZ_FLAG_DISCARD:
        return "discard";
    case IMGZ_FLAG_ALLOW_EMPTY:
        return "allow-empty";
    case IMGZ_FLAG_PARANOID:
        return "paranoid";
    case IMGZ_FLAG_CONFINE:
        return "confine";
    case IMGZ_FLAG_DISCARD_PARTIAL:
        return "discard-partial";
    case IMGZ_FLAG_FIX_GPT:
        return "fix-gpt";
    case IMGZ_FLAG_DRY_RUN:
        return "dry-run";
    case IMGZ_FLAG_SUDO:
        return "sudo";
    }
    return unknown;
}

const char *imgz_override_name(enum imgz_override what)
{
    switch (what) {
    case IMGZ_OVERRIDE_MOUNTED:
        return "mounted";
    case IMGZ_OVERRIDE_SWAP:
        return "swap";
    case IMGZ_OVERRIDE_HELD:
        return "held";
    case IMGZ_OVERRIDE_ROOT:
        return "root";
    case IMGZ_OVERRIDE_IMAGE_DISK:
        return "image-disk";
    case IMGZ_OVERRIDE_SECTOR_SIZE:
        return "sector-size";
    case IMGZ_OVERRIDE_TOO_SMALL:
        return "too-small";
    case IMGZ_OVERRIDE_CHANGED:
        return "changed";
    case IMGZ_OVERRIDE_PARTITION:
        return "partition";
    case IMGZ_OVERRIDE_NO_ROOM:
        return "no-room";
    }
    return unknown;
}

const char *imgz_rest_name(enum imgz_rest rest)
{
    switch (rest) {
    case IMGZ_REST_NONE:
        return "none";
    case IMGZ_REST_ZEROS:
        return "zeros";
    case IMGZ_REST_DATA:
        return "data";
    case IMGZ_REST_UNKNOWN:
        return "not-known";
    }
    return unknown;
}

const char *imgz_bench_kind_name(enum imgz_bench_kind kind)
{
    switch (kind) {
    case IMGZ_BENCH_READ_DIRECT:
        return "read-direct";
    case IMGZ_BENCH_READ_CACHED:
        return "read-cached";
    case IMGZ_BENCH_ZERO_TEST:
        return "zero-test";
    case IMGZ_BENCH_HASH:
        return "hash";
    case IMGZ_BENCH_HASH_SHA256:
        return "hash-sha256";
    case IMGZ_BENCH_CRC32:
        return "crc32";
    case IMGZ_BENCH_CAPTURE:
        return "capture";
    case IMGZ_BENCH_DECODE:
        return "decode";
    case IMGZ_BENCH_RESTORE:
        return "restore";
    }
    return unknown;
}

const char *imgz_binding_name(enum imgz_binding binding)
{
    switch (binding) {
    case IMGZ_BINDING_NONE:
        return "none";
    case IMGZ_BINDING_NODE:
        return "node";
    case IMGZ_BINDING_CORE:
        return "core";
    }
    return unknown;
}
