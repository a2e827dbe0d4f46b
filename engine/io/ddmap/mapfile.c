/* SPDX-License-Identifier: MIT */
#include "io/ddmap/mapfile.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CAPACITY_MIN ((size_t)16)

/* Offsets of files are signed. */
#define OFFSET_MAX ((uint64_t)INT64_MAX)

void imgz_mapfile_init(struct imgz_mapfile *map)
{
    *map = (struct imgz_mapfile){0};
}

void imgz_mapfile_fini(struct imgz_mapfile *map)
{
    free(map->blocks);
    imgz_mapfile_init(map);
}

uint64_t imgz_mapfile_end(const struct imgz_mapfile *map)
{
    const struct imgz_mapfile_block *last;

    if (map->count == 0)
        return 0;
    last = &map->blocks[map->count - 1];
    return last->offset + last->bytes;
}

/* ---- Making ------------------------------------------------------------------------------- */

static int grow(struct imgz_mapfile *map)
{
    const size_t capacity = map->capacity == 0 ? CAPACITY_MIN : 2 * map->capacity;
    struct imgz_mapfile_block *blocks = reallocarray(map->blocks, capacity, sizeof(blocks[0]));

    if (blocks == NULL)
        return -ENOMEM;
    map->blocks = blocks;
    map->capacity = capacity;
    return 0;
}

int imgz_mapfile_add(struct imgz_mapfile *map, uint64_t bytes, enum imgz_mapfile_status status)
{
    const uint64_t offset = imgz_mapfile_end(map);

    IMGZ_ASSERT(bytes > 0 && bytes <= OFFSET_MAX - offset);
    if (map->count > 0 && map->blocks[map->count - 1].status == status) {
        map->blocks[map->count - 1].bytes += bytes;
        return 0;
    }
    if (map->count == map->capacity) {
        int rc = grow(map);

        if (rc < 0)
            return rc;
    }
    map->blocks[map->count] = (struct imgz_mapfile_block){offset, bytes, status};
    map->count += 1;
    return 0;
}

/* Adds a block that ends at 'end', unless that is where the map ends already. */
static int add_up_to(struct imgz_mapfile *map, uint64_t end, enum imgz_mapfile_status status)
{
    const uint64_t offset = imgz_mapfile_end(map);

    IMGZ_ASSERT(offset <= end);
    return offset < end ? imgz_mapfile_add(map, end - offset, status) : 0;
}

int imgz_mapfile_make(struct imgz_mapfile *map, uint64_t size_bytes, uint64_t done_bytes,
                      enum imgz_mapfile_status done, const struct imgz_range_list *bad)
{
    int rc = 0;

    IMGZ_ASSERT(map->count == 0 && done_bytes <= size_bytes);
    for (size_t i = 0; rc == 0 && i < bad->count && bad->ranges[i].offset < done_bytes; i++) {
        const struct imgz_range *range = &bad->ranges[i];

        rc = add_up_to(map, range->offset, done);
        if (rc == 0)
            rc = imgz_mapfile_add(map, imgz_min(range->bytes, done_bytes - range->offset),
                                  IMGZ_MAPFILE_BAD);
    }
    if (rc == 0)
        rc = add_up_to(map, done_bytes, done);
    return rc < 0 ? rc : add_up_to(map, size_bytes, IMGZ_MAPFILE_UNTRIED);
}

int imgz_mapfile_fit(struct imgz_mapfile *map, uint64_t size_bytes)
{
    struct imgz_mapfile_block *last;

    if (imgz_mapfile_end(map) <= size_bytes)
        return add_up_to(map, size_bytes, IMGZ_MAPFILE_UNTRIED);
    /* ddrescue writes a last block without an end as long as it does not know the size. */
    last = &map->blocks[map->count - 1];
    if (last->status != IMGZ_MAPFILE_UNTRIED || last->offset > size_bytes)
        return -ERANGE;
    last->bytes = size_bytes - last->offset;
    if (last->bytes == 0)
        map->count -= 1;
    return 0;
}

int imgz_mapfile_format(const struct imgz_mapfile *map, uint64_t position, bool finished,
                        char **text, size_t *bytes)
{
    FILE *stream;
    bool failed;

    *text = NULL;
    stream = open_memstream(text, bytes);
    if (stream == NULL)
        return -ENOMEM;
    fprintf(stream, "# Mapfile. Created by imgz %s\n", IMGZ_VERSION);
    fprintf(stream, "# current_pos  current_status  current_pass\n");
    fprintf(stream, "0x%08" PRIX64 "     %c               1\n", position, finished ? '+' : '?');
    fprintf(stream, "#      pos        size  status\n");
    for (size_t i = 0; i < map->count; i++)
        fprintf(stream, "0x%08" PRIX64 "  0x%08" PRIX64 "  %c\n", map->blocks[i].offset,
                map->blocks[i].bytes, (char)map->blocks[i].status);
    /* Without memory the stream has its error flag set, or only leaves NULL for a text. */
    failed = ferror(stream) != 0;
    if (fclose(stream) == 0 && !failed && *text != NULL)
        return 0;
    free(*text);
    *text = NULL;
    return -ENOMEM;
}

/* ---- Asking ------------------------------------------------------------------------------- */

uint64_t imgz_mapfile_bytes(const struct imgz_mapfile *map, enum imgz_mapfile_status status)
{
    uint64_t bytes = 0;

    for (size_t i = 0; i < map->count; i++)
        if (map->blocks[i].status == status)
            bytes += map->blocks[i].bytes;
    return bytes;
}

uint64_t imgz_mapfile_settled_bytes(const struct imgz_mapfile *map)
{
    for (size_t i = 0; i < map->count; i++)
        if (map->blocks[i].status != IMGZ_MAPFILE_FINISHED &&
            map->blocks[i].status != IMGZ_MAPFILE_BAD)
            return map->blocks[i].offset;
    return imgz_mapfile_end(map);
}

int imgz_mapfile_add_bad(const struct imgz_mapfile *map, uint64_t end, struct imgz_range_list *list)
{
    int rc = 0;

    for (size_t i = 0; rc == 0 && i < map->count && map->blocks[i].offset < end; i++) {
        const struct imgz_mapfile_block *block = &map->blocks[i];

        if (block->status == IMGZ_MAPFILE_BAD)
            rc = imgz_range_list_add(list, block->offset,
                                     imgz_min(block->bytes, end - block->offset));
    }
    return rc;
}

int imgz_mapfile_add_missing(const struct imgz_mapfile *map, struct imgz_range_list *list)
{
    int rc = 0;

    for (size_t i = 0; rc == 0 && i < map->count; i++)
        if (map->blocks[i].status != IMGZ_MAPFILE_FINISHED)
            rc = imgz_range_list_add(list, map->blocks[i].offset, map->blocks[i].bytes);
    return rc;
}

/* ---- Parsing ------------------------------------------------------------------------------ */

/* Where the parser is in a text. */
struct scan {
    const char *at;
    const char *end; /* of the line, without its comment */
    struct imgz_mapfile *map;
    bool status_seen;
    const char *what; /* is wrong with the line */
};

static bool is_blank(char byte)
{
    return byte == ' ' || byte == '\t' || byte == '\r' || byte == '\v' || byte == '\f';
}

static void skip_blanks(struct scan *scan)
{
    while (scan->at < scan->end && is_blank(*scan->at))
        scan->at += 1;
}

/* Cuts off a comment, which begins with '#' at the start of the line or after a blank. */
static void cut_comment(struct scan *scan)
{
    for (const char *at = scan->at; at < scan->end; at++) {
        if (*at == '#' && (at == scan->at || is_blank(at[-1]))) {
            scan->end = at;
            return;
        }
    }
}

static int refuse(struct scan *scan, const char *what)
{
    scan->what = what;
    return -EBADMSG;
}

/* The value of a digit of any base, or 99. */
static unsigned digit_value(char byte)
{
    if (byte >= '0' && byte <= '9')
        return (unsigned)(byte - '0');
    if (byte >= 'a' && byte <= 'f')
        return (unsigned)(byte - 'a') + 10;
    if (byte >= 'A' && byte <= 'F')
        return (unsigned)(byte - 'A') + 10;
    return 99;
}

/* As C writes integers: 0x120000, 1179648, 04400000. */
static unsigned take_base(struct scan *scan)
{
    const size_t left = (size_t)(scan->end - scan->at);

    if (left >= 2 && scan->at[0] == '0' && (scan->at[1] == 'x' || scan->at[1] == 'X')) {
        scan->at += 2;
        return 16;
    }
    return left >= 2 && scan->at[0] == '0' ? 8 : 10;
}

static int take_number(struct scan *scan, uint64_t *number)
{
    unsigned base;
    uint64_t value = 0;
    const char *first;

    skip_blanks(scan);
    base = take_base(scan);
    first = scan->at;
    while (scan->at < scan->end && digit_value(*scan->at) < base) {
        value = value * base + digit_value(*scan->at);
        if (value > OFFSET_MAX)
            return refuse(scan, "a number is too large");
        scan->at += 1;
    }
    if (scan->at == first || (scan->at < scan->end && !is_blank(*scan->at)))
        return refuse(scan, scan->status_seen ? "a block must be OFFSET SIZE STATUS"
                                              : "the first line must be POSITION STATUS PASS");
    *number = value;
    return 0;
}

/* One character among 'known'. */
static int take_status(struct scan *scan, const char *known, char *status)
{
    skip_blanks(scan);
    if (scan->at == scan->end || *scan->at == '\0' || strchr(known, *scan->at) == NULL ||
        (scan->at + 1 < scan->end && !is_blank(scan->at[1])))
        return refuse(scan, scan->status_seen ? "a block's status must be one of ? * / - +"
                                              : "the run's status must be one of ? * / - F G +");
    *status = *scan->at;
    scan->at += 1;
    return 0;
}

static int take_end(struct scan *scan)
{
    skip_blanks(scan);
    return scan->at == scan->end ? 0 : refuse(scan, "unexpected text at the end of the line");
}

/* "0x00120000 ? 1": of no use here, but without it the text is not a map. Before ddrescue 1.20
 * there was no pass. */
static int take_status_line(struct scan *scan)
{
    uint64_t number;
    char status;
    int rc = take_number(scan, &number);

    if (rc == 0)
        rc = take_status(scan, "?*/-FG+", &status);
    if (rc == 0) {
        skip_blanks(scan);
        if (scan->at < scan->end)
            rc = take_number(scan, &number);
    }
    if (rc == 0)
        rc = take_end(scan);
    scan->status_seen = true;
    return rc;
}

static int take_block(struct scan *scan)
{
    struct imgz_mapfile *map = scan->map;
    uint64_t offset;
    uint64_t bytes;
    char status;
    int rc = take_number(scan, &offset);

    if (rc == 0)
        rc = take_number(scan, &bytes);
    if (rc == 0)
        rc = take_status(scan, "?*/-+", &status);
    if (rc == 0)
        rc = take_end(scan);
    if (rc < 0)
        return rc;
    if (bytes == 0 || bytes > OFFSET_MAX - offset)
        return refuse(scan, "the block has no bytes, or too many");
    if (map->count > 0 && offset != imgz_mapfile_end(map))
        return refuse(scan, "the block does not start where the previous one ends");
    if (map->count >= IMGZ_MAPFILE_BLOCKS_MAX)
        return refuse(scan, "there are too many blocks");
    rc = add_up_to(map, offset, IMGZ_MAPFILE_UNTRIED);
    return rc < 0 ? rc : imgz_mapfile_add(map, bytes, (enum imgz_mapfile_status)status);
}

static int take_line(struct scan *scan)
{
    cut_comment(scan);
    skip_blanks(scan);
    if (scan->at == scan->end)
        return 0;
    return scan->status_seen ? take_block(scan) : take_status_line(scan);
}

int imgz_mapfile_parse(const char *text, size_t bytes, struct imgz_mapfile *map,
                       struct imgz_mapfile_problem *problem)
{
    struct scan scan = {.map = map};
    const char *at = text;
    uint64_t line = 0;
    int rc = 0;

    IMGZ_ASSERT(map->count == 0);
    while (rc == 0 && at < text + bytes) {
        const char *end = memchr(at, '\n', (size_t)(text + bytes - at));

        line += 1;
        scan.at = at;
        scan.end = end != NULL ? end : text + bytes;
        at = end != NULL ? end + 1 : scan.end;
        rc = take_line(&scan);
    }
    if (rc < 0)
        imgz_mapfile_fini(map);
    if (rc == -EBADMSG)
        *problem = (struct imgz_mapfile_problem){line, scan.what};
    return rc;
}
