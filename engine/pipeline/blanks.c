/* SPDX-License-Identifier: MIT */
/*
 * Two shares are learned: how much of free space is blank, and how much of the rest, which is used
 * or unknown. A region has only a sum of free bytes, not their places. So when a region has been
 * read, its blank bytes count as free space first: files rarely hold long runs of zeros.
 *
 * Inside a region only what is certain counts. Example: a region of 100 chunks, 40 of them free, of
 * which 70 have been read. At least 10 of the 70 were free, even if all 60 used chunks came first.
 * If 15 of the 70 were blank, 15 were free. So if a file system fills a region from its start, the
 * region's end is still expected to be free, even before any free space was met there.
 *
 * A few zeros at the beginning (a table of inodes, a log) prove nothing about terabytes. Until a
 * 256th of the free space has been read, free space counts mostly like the rest. If nothing is
 * known to be free, the estimate assumes that all goes on as it was so far.
 */
#include "pipeline/blanks.h"

#define DOUBT_SHARE 256u

static uint64_t region_end(const struct imgz_free_region *region)
{
    return region->offset + region->bytes;
}

static uint64_t less(uint64_t from, uint64_t bytes)
{
    return from > bytes ? from - bytes : 0;
}

/* ---- What is known before ------------------------------------------------------------------ */

/* Halves the number of regions. A gap between two counts as used. */
static void merge_pairs(struct imgz_blanks *blanks)
{
    for (uint32_t i = 0; i + 1 < blanks->region_count; i += 2) {
        const struct imgz_free_region *first = &blanks->regions[i];
        const struct imgz_free_region *second = &blanks->regions[i + 1];

        blanks->regions[i / 2] = (struct imgz_free_region){
            .offset = first->offset,
            .bytes = region_end(second) - first->offset,
            .free_bytes = first->free_bytes + second->free_bytes,
            .hole_bytes = first->hole_bytes + second->hole_bytes,
        };
    }
    blanks->region_count /= 2;
}

_Static_assert(IMGZ_BLANKS_REGIONS_MAX % 2 == 0, "all regions are pairs");

void imgz_blanks_add(struct imgz_blanks *blanks, const struct imgz_free_region *region)
{
    const uint32_t count = blanks->region_count;
    struct imgz_free_region added = *region;
    uint64_t end;

    if (region->bytes == 0 || __builtin_add_overflow(region->offset, region->bytes, &end) ||
        (count > 0 && region->offset < region_end(&blanks->regions[count - 1])))
        return;
    if (count == IMGZ_BLANKS_REGIONS_MAX)
        merge_pairs(blanks);
    added.free_bytes = imgz_min(added.free_bytes, added.bytes);
    added.hole_bytes = 0;
    blanks->regions[blanks->region_count++] = added;
    blanks->free_bytes += added.free_bytes;
    blanks->free_bytes_ahead += added.free_bytes;
}

/* The first region that ends after 'offset'. */
static uint32_t find_region(const struct imgz_blanks *blanks, uint64_t offset)
{
    uint32_t low = 0;
    uint32_t high = blanks->region_count;

    while (low < high) {
        const uint32_t middle = low + (high - low) / 2;

        if (region_end(&blanks->regions[middle]) <= offset)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static void set_free(struct imgz_blanks *blanks, struct imgz_free_region *region,
                     uint64_t free_bytes)
{
    blanks->free_bytes -= region->free_bytes - free_bytes;
    blanks->free_bytes_ahead -= region->free_bytes - free_bytes;
    region->free_bytes = free_bytes;
}

void imgz_blanks_add_hole(struct imgz_blanks *blanks, uint64_t offset, uint64_t bytes)
{
    const uint64_t end = offset + bytes;

    for (uint32_t i = find_region(blanks, offset); i < blanks->region_count; i++) {
        struct imgz_free_region *region = &blanks->regions[i];
        uint64_t hole_bytes;

        if (region->offset >= end)
            return;
        hole_bytes = imgz_min(end, region_end(region)) - imgz_max(offset, region->offset);
        region->hole_bytes += hole_bytes;
        set_free(blanks, region, less(region->free_bytes, hole_bytes));
    }
}

static uint64_t scale(uint64_t value, double share)
{
    const double scaled = (double)value * share;

    return scaled < (double)value ? (uint64_t)scaled : value;
}

void imgz_blanks_start(struct imgz_blanks *blanks, uint64_t offset)
{
    struct imgz_free_region *region;
    uint32_t i;
    double share;

    for (i = 0; i < find_region(blanks, offset); i++)
        set_free(blanks, &blanks->regions[i], 0);
    blanks->region_index = i;
    if (i == blanks->region_count || blanks->regions[i].offset >= offset)
        return;
    region = &blanks->regions[i];
    share = (double)(region_end(region) - offset) / (double)region->bytes;
    set_free(blanks, region, scale(region->free_bytes, share));
    region->hole_bytes = scale(region->hole_bytes, share);
    region->bytes = region_end(region) - offset;
    region->offset = offset;
}

/* ---- While reading -------------------------------------------------------------------------- */

static const struct imgz_free_region *current_region(const struct imgz_blanks *blanks)
{
    return blanks->region_index < blanks->region_count ? &blanks->regions[blanks->region_index]
                                                       : NULL;
}

/* How much of the current region's free space must have been read, and how much of it was blank. */
static struct imgz_blanks_sum passed_free(const struct imgz_blanks *blanks)
{
    const struct imgz_free_region *region = current_region(blanks);
    struct imgz_blanks_sum sum = {0, 0};
    uint64_t used_bytes;

    if (region == NULL)
        return sum;
    used_bytes = less(region->bytes, region->hole_bytes + region->free_bytes);
    sum.blank_bytes = imgz_min(blanks->region.blank_bytes, region->free_bytes);
    sum.read_bytes =
        imgz_min(region->free_bytes,
                 imgz_max(sum.blank_bytes, less(blanks->region.read_bytes, used_bytes)));
    return sum;
}

static void end_region(struct imgz_blanks *blanks)
{
    const struct imgz_free_region *region = current_region(blanks);

    blanks->free.read_bytes += region->free_bytes;
    blanks->free.blank_bytes += imgz_min(blanks->region.blank_bytes, region->free_bytes);
    blanks->free_bytes_ahead -= region->free_bytes;
    blanks->region = (struct imgz_blanks_sum){0, 0};
    blanks->region_index += 1;
}

static void count(struct imgz_blanks_sum *sum, uint64_t bytes, enum imgz_slot_kind kind)
{
    sum->read_bytes += bytes;
    if (kind == IMGZ_SLOT_ZERO)
        sum->blank_bytes += bytes;
}

void imgz_blanks_pass(struct imgz_blanks *blanks, const struct imgz_slot *slot)
{
    const uint64_t end = slot->raw_offset + slot->raw_bytes;
    const struct imgz_free_region *region;

    count(&blanks->all, slot->raw_bytes, slot->kind);
    while ((region = current_region(blanks)) != NULL && region->offset < end) {
        const uint64_t begin = imgz_max(slot->raw_offset, region->offset);

        if (begin < region_end(region))
            count(&blanks->region, imgz_min(end, region_end(region)) - begin, slot->kind);
        if (end < region_end(region))
            break;
        end_region(blanks);
    }
}

uint64_t imgz_blanks_estimate(const struct imgz_blanks *blanks, uint64_t bytes)
{
    const struct imgz_blanks_sum part = passed_free(blanks);
    const uint64_t free_ahead = imgz_min(blanks->free_bytes_ahead - part.read_bytes, bytes);
    const double doubt = (double)blanks->free_bytes / DOUBT_SHARE;
    const double free_read = (double)blanks->free.read_bytes + (double)part.read_bytes;
    const double free_blank = (double)blanks->free.blank_bytes + (double)part.blank_bytes;
    const double rest_read = (double)blanks->all.read_bytes - free_read;
    const double rest_blank = (double)blanks->all.blank_bytes - free_blank;
    double rest_share = 0;
    double free_share;

    if (rest_read > 0)
        rest_share = rest_blank < rest_read ? rest_blank / rest_read : 1;
    free_share = free_read + doubt > 0 ? (free_blank + doubt * rest_share) / (free_read + doubt)
                                       : rest_share;
    return scale(free_ahead, free_share) + scale(bytes - free_ahead, rest_share);
}
