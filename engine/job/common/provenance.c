/* SPDX-License-Identifier: MIT */
#include "job/common/provenance.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "codec/deflate.h"

static int add_time(struct imgz_meta *meta, const char *key, time_t when)
{
    char text[32];
    struct tm parts;

    if (gmtime_r(&when, &parts) == NULL ||
        strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", &parts) == 0)
        return 0;
    return imgz_meta_add(meta, key, text);
}

static int add_device(struct imgz_meta *meta, const struct imgz_source *source)
{
    struct imgz_device device;
    int rc;

    if (!imgz_source_describe(source, &device))
        return 0;
    rc = imgz_meta_add(meta, "source.model", device.model);
    if (rc == 0)
        rc = imgz_meta_add(meta, "source.serial", device.serial);
    if (rc == 0)
        rc = imgz_meta_add_number(meta, "source.logical-sector-bytes", device.logical_sector_bytes);
    if (rc == 0)
        rc = imgz_meta_add_number(meta, "source.physical-sector-bytes",
                                  device.physical_sector_bytes);
    return rc;
}

static int add_machine(const struct imgz_provenance *provenance, struct imgz_meta *meta)
{
    const struct imgz_source *source = provenance->source;
    int rc = imgz_meta_add(meta, "tool", "imgz " IMGZ_VERSION);

    if (rc == 0)
        rc = imgz_meta_add(meta, "level", imgz_deflate_level_name(provenance->job->options.level));
    if (rc == 0)
        rc = imgz_meta_add(meta, "source.path", imgz_source_path(source));
    if (rc == 0)
        rc = imgz_meta_add(meta, "source.kind", imgz_source_kind(source));
    if (rc == 0)
        rc = imgz_meta_add_number(meta, "source.bytes", provenance->job->sum.raw_bytes);
    if (rc == 0 && imgz_source_is(source, IMGZ_SOURCE_DEVICE))
        rc = add_device(meta, source);
    if (rc == 0)
        rc = add_time(meta, "capture.start", provenance->start_time);
    if (rc == 0)
        rc = add_time(meta, "capture.end", time(NULL));
    return rc;
}

static int add_digests(struct imgz_meta *meta, const struct imgz_totals_sum *sum)
{
    char key[32];
    int rc = 0;

    for (uint32_t i = 0; rc == 0 && i < sum->digest_count; i++) {
        snprintf(key, sizeof(key), "digest.%s", sum->digests[i].name);
        rc = imgz_meta_add(meta, key, sum->digests[i].hex);
    }
    return rc;
}

/* "1049088+512 2097152+1536": offset and length, in bytes. */
static int add_unreadable_list(struct imgz_meta *meta, const struct imgz_range_list *list)
{
    const size_t count = imgz_min(list->count, IMGZ_PROVENANCE_RANGES_MAX);
    char *text = NULL;
    size_t bytes = 0;
    FILE *stream = open_memstream(&text, &bytes);
    bool failed;
    int rc = -ENOMEM;

    if (stream == NULL)
        return -ENOMEM;
    for (size_t i = 0; i < count; i++)
        fprintf(stream, "%s%llu+%llu", i == 0 ? "" : " ",
                (unsigned long long)list->ranges[i].offset,
                (unsigned long long)list->ranges[i].bytes);
    failed = ferror(stream) != 0; /* see imgz_meta_encode() */
    if (fclose(stream) == 0 && !failed && text != NULL)
        rc = imgz_meta_add(meta, "unreadable.ranges", text);
    free(text);
    return rc;
}

static int add_unreadable(struct imgz_meta *meta, const struct imgz_range_list *list)
{
    int rc;

    if (list->count == 0)
        return 0;
    rc = imgz_meta_add_number(meta, "unreadable.bytes", list->bytes);
    if (rc == 0)
        rc = imgz_meta_add_number(meta, "unreadable.range-count", list->count);
    return rc < 0 ? rc : add_unreadable_list(meta, list);
}

int imgz_provenance_add(const struct imgz_provenance *provenance, struct imgz_meta *meta)
{
    const struct imgz_job *job = provenance->job;
    int rc = add_digests(meta, &job->sum);

    if (rc == 0)
        rc = add_unreadable(meta, &job->unreadable);
    if (rc == 0 && (job->options.flags & IMGZ_FLAG_REPRODUCIBLE) == 0)
        rc = add_machine(provenance, meta);
    return rc;
}

/* The most that is copied from an older image: a capture writes a few hundred bytes. */
#define COPIED_BYTES_MAX ((size_t)IMGZ_META_BYTES_MAX / 2)

static bool begins_with(const char *text, const char *prefix)
{
    return strncmp(text, prefix, strlen(prefix)) == 0;
}

/* True for what does not hold any more once the image has other contents. */
static bool is_outdated(const char *key)
{
    return begins_with(key, "digest.") || begins_with(key, "unreadable.") ||
           begins_with(key, "mend.");
}

static int copy_lasting(const struct imgz_meta *before, struct imgz_meta *meta)
{
    size_t bytes = 0;
    int rc = 0;

    for (uint32_t i = 0; rc == 0 && i < before->count; i++) {
        const struct imgz_meta_pair *pair = &before->pairs[i];

        if (is_outdated(pair->key))
            continue;
        bytes += strlen(pair->key) + strlen(pair->value) + strlen("=\n");
        rc = bytes > COPIED_BYTES_MAX ? -E2BIG : imgz_meta_add_pair(meta, pair);
    }
    return rc;
}

int imgz_provenance_renew(const struct imgz_provenance *provenance, const struct imgz_meta *before,
                          struct imgz_meta *meta)
{
    const struct imgz_job *job = provenance->job;
    int rc = copy_lasting(before, meta);

    if (rc == 0)
        rc = add_digests(meta, &job->sum);
    if (rc == 0)
        rc = add_unreadable(meta, &job->unreadable);
    if (rc == 0 && (job->options.flags & IMGZ_FLAG_REPRODUCIBLE) == 0) {
        rc = add_time(meta, "mend.start", provenance->start_time);
        if (rc == 0)
            rc = add_time(meta, "mend.end", time(NULL));
    }
    return rc;
}
