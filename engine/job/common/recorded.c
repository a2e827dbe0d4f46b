/* SPDX-License-Identifier: MIT */
#include "job/common/recorded.h"

#include <stdio.h>
#include <string.h>

#include "checksum/digest.h"

#define KEY_PREFIX "digest."

static const char *find_recorded(const struct imgz_meta *meta, const char *name)
{
    char key[32];

    snprintf(key, sizeof(key), KEY_PREFIX "%s", name);
    return imgz_meta_find(meta, key);
}

bool imgz_recorded_agree(const struct imgz_totals_sum *sum, const struct imgz_meta *meta,
                         uint32_t *compared, struct imgz_recorded_difference *difference)
{
    *compared = 0;
    for (uint32_t i = 0; i < sum->digest_count; i++) {
        const struct imgz_digest_text *digest = &sum->digests[i];
        const char *recorded = find_recorded(meta, digest->name);

        if (recorded == NULL)
            continue;
        *compared |= (uint32_t)1 << i;
        if (strcmp(recorded, digest->hex) == 0)
            continue;
        *difference = (struct imgz_recorded_difference){digest->name, digest->hex, recorded};
        return false;
    }
    return true;
}

/* The key without its "digest."; NULL if it is another, or the digest is not known here. */
static const char *known_name(const char *key)
{
    const char *name = key + strlen(KEY_PREFIX);

    return strncmp(key, KEY_PREFIX, strlen(KEY_PREFIX)) == 0 && imgz_digest_known(name) ? name
                                                                                        : NULL;
}

void imgz_recorded_list(const struct imgz_meta *meta, char names[IMGZ_RECORDED_NAMES_BYTES])
{
    uint32_t count = 0;
    size_t used = 0;

    names[0] = '\0';
    for (uint32_t i = 0; i < meta->count && count < IMGZ_DIGESTS_MAX; i++) {
        const char *name = known_name(meta->pairs[i].key);

        if (name == NULL)
            continue;
        used += (size_t)snprintf(names + used, IMGZ_RECORDED_NAMES_BYTES - used, "%s%s",
                                 count > 0 ? "," : "", name);
        count += 1;
    }
    IMGZ_ASSERT(used < IMGZ_RECORDED_NAMES_BYTES);
}
