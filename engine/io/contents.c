/* SPDX-License-Identifier: MIT */
#include "io/contents.h"

#include <blkid/blkid.h>
#include <stdio.h>
#include <string.h>

/* The first of two values that there is. */
static void look_up(blkid_probe probe, const char *first, const char *second, char *text,
                    size_t text_bytes)
{
    const char *value = NULL;

    if (blkid_probe_lookup_value(probe, first, &value, NULL) == 0 ||
        blkid_probe_lookup_value(probe, second, &value, NULL) == 0)
        (void)snprintf(text, text_bytes, "%s", value);
}

void imgz_contents_probe(const char *path, struct imgz_contents *contents)
{
    blkid_probe probe = blkid_new_probe_from_filename(path);

    memset(contents, 0, sizeof(*contents));
    if (probe == NULL)
        return;
    blkid_probe_enable_superblocks(probe, 1);
    blkid_probe_set_superblocks_flags(probe, BLKID_SUBLKS_TYPE | BLKID_SUBLKS_LABEL);
    blkid_probe_enable_partitions(probe, 1);
    blkid_probe_set_partitions_flags(probe, BLKID_PARTS_ENTRY_DETAILS);
    if (blkid_do_safeprobe(probe) == 0) {
        look_up(probe, "TYPE", "PTTYPE", contents->type, sizeof(contents->type));
        look_up(probe, "LABEL", "PART_ENTRY_NAME", contents->label, sizeof(contents->label));
    }
    blkid_free_probe(probe);
}
