/* SPDX-License-Identifier: MIT */
/*
 * A map of a source: what was read, what is bad, and what was not tried. Its file has the format of
 * GNU ddrescue ("Mapfile structure" in its manual), so either program can go on from what the other
 * did.
 *
 *     # comment
 *     0x00200000     ?               1           position, status, pass
 *     0x00000000  0x00100200  +                  blocks: offset, bytes, status
 *     0x00100200  0x00000200  -
 *     0x00100400  0x00300000  ?
 *
 * Place: loaded by a job before it starts; made from a range list and saved by its drain
 * (map_tracker.h).
 *
 * Threads    one.
 * Ownership  the map owns its blocks.
 * Errors     -ENOMEM; parse: -EBADMSG, see there; load raises, save does not.
 * Memory     24 bytes per block.
 */
#ifndef IMGZ_MAPFILE_H
#define IMGZ_MAPFILE_H

#include "base/range_list.h"
#include "io/file/name.h"
#include "pipeline/latch.h"

/* The most that is read of a file, and kept of it: two million bad places. A disk with more of them
 * is not worth another try; a file with more is not a map. */
#define IMGZ_MAPFILE_BYTES_MAX  ((size_t)256 << 20)
#define IMGZ_MAPFILE_BLOCKS_MAX ((size_t)1 << 22)

/* As written in the file. */
enum imgz_mapfile_status {
    IMGZ_MAPFILE_UNTRIED = '?',
    IMGZ_MAPFILE_UNTRIMMED = '*', /* failed; its edges were not looked for */
    IMGZ_MAPFILE_UNSCRAPED = '/', /* failed; its sectors were not read one by one */
    IMGZ_MAPFILE_BAD = '-',       /* sectors that cannot be read */
    IMGZ_MAPFILE_FINISHED = '+',
};

struct imgz_mapfile_block {
    uint64_t offset;
    uint64_t bytes; /* > 0 */
    enum imgz_mapfile_status status;
};

struct imgz_mapfile {
    struct imgz_mapfile_block *blocks; /* from offset 0 on, without gaps; neighbours differ */
    size_t count;
    size_t capacity;
};

void imgz_mapfile_init(struct imgz_mapfile *map);
void imgz_mapfile_fini(struct imgz_mapfile *map);

/* ---- Reading ------------------------------------------------------------------------------ */

struct imgz_mapfile_problem {
    uint64_t line; /* counted from 1 */
    const char *what;
};

/* Fills an empty map from a file's text. What lies before the first block was not tried. A text of
 * comments alone is an empty map. After a failure the map is empty; -EBADMSG: the text is not a
 * map, and 'problem' says where and why. */
IMGZ_MUST_CHECK int imgz_mapfile_parse(const char *text, size_t bytes, struct imgz_mapfile *map,
                                       struct imgz_mapfile_problem *problem);

/* The same for a file. -ENOENT if there is none, which is not raised; all else is. */
IMGZ_MUST_CHECK int imgz_mapfile_load(const struct imgz_name *name, struct imgz_latch *latch,
                                      struct imgz_mapfile *map);

/* Makes the map cover a source of 'size_bytes' exactly: what it does not mention was not tried.
 * -ERANGE: it goes beyond that, and not only with what was not tried. */
IMGZ_MUST_CHECK int imgz_mapfile_fit(struct imgz_mapfile *map, uint64_t size_bytes);

/* ---- Asking ------------------------------------------------------------------------------- */

/* Where its last block ends. */
uint64_t imgz_mapfile_end(const struct imgz_mapfile *map);

/* How much of the source has this status. */
uint64_t imgz_mapfile_bytes(const struct imgz_mapfile *map, enum imgz_mapfile_status status);

/* Everything from 0 up to here is finished or bad. */
uint64_t imgz_mapfile_settled_bytes(const struct imgz_mapfile *map);

/* Adds what is bad below 'end' to 'list', whose ranges must lie before that. */
IMGZ_MUST_CHECK int imgz_mapfile_add_bad(const struct imgz_mapfile *map, uint64_t end,
                                         struct imgz_range_list *list);

/* The same with everything that is not finished, all of it. */
IMGZ_MUST_CHECK int imgz_mapfile_add_missing(const struct imgz_mapfile *map,
                                             struct imgz_range_list *list);

/* ---- Making ------------------------------------------------------------------------------- */

/* Adds a block after the last one, joined to it if it has the same status. 'bytes' > 0. */
IMGZ_MUST_CHECK int imgz_mapfile_add(struct imgz_mapfile *map, uint64_t bytes,
                                     enum imgz_mapfile_status status);

/* Fills an empty map: 'size_bytes' in all, of which what lies before 'done_bytes' is of status
 * 'done', apart from the ranges in 'bad'. The rest counts as not tried, even what is bad there. */
IMGZ_MUST_CHECK int imgz_mapfile_make(struct imgz_mapfile *map, uint64_t size_bytes,
                                      uint64_t done_bytes, enum imgz_mapfile_status done,
                                      const struct imgz_range_list *bad);

/* The file's text, which the caller frees. Where the run is, and whether it is finished, come
 * first. */
IMGZ_MUST_CHECK int imgz_mapfile_format(const struct imgz_mapfile *map, uint64_t position,
                                        bool finished, char **text, size_t *bytes);

/* Writes the file under a temporary name beside it (NAME.partial), flushes it and renames it. So
 * there is always either this map or the one before, whose mode it keeps. -EEXIST: the name is not
 * that of a regular file. Errors are not raised. */
IMGZ_MUST_CHECK int imgz_mapfile_save(const struct imgz_mapfile *map, const struct imgz_name *name,
                                      uint64_t position, bool finished);

#endif /* IMGZ_MAPFILE_H */
