/* SPDX-License-Identifier: MIT */
#include "io/contents.h"

#include <blkid/blkid.h>
#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* Whoever comes last frees it: the thread, or the one that waited for it. */
struct probing {
    pthread_mutex_t lock;
    pthread_cond_t ended_cond;
    bool ended;
    bool left; /* nobody waits any more */
    char path[PATH_MAX];
    struct imgz_contents contents;
};

/* The first of two values that there is. */
static void look_up(blkid_probe probe, const char *first, const char *second, char *text,
                    size_t text_bytes)
{
    const char *value = NULL;

    if (blkid_probe_lookup_value(probe, first, &value, NULL) == 0 ||
        blkid_probe_lookup_value(probe, second, &value, NULL) == 0)
        (void)snprintf(text, text_bytes, "%s", value);
}

static void probe_device(const char *path, struct imgz_contents *contents)
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

/* ---- Not for ever ------------------------------------------------------------------------- */

static struct probing *create_probing(const char *path)
{
    struct probing *probing = calloc(1, sizeof(*probing));
    pthread_condattr_t monotonic;

    if (probing == NULL)
        return NULL;
    (void)snprintf(probing->path, sizeof(probing->path), "%s", path);
    pthread_mutex_init(&probing->lock, NULL);
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&probing->ended_cond, &monotonic);
    pthread_condattr_destroy(&monotonic);
    return probing;
}

static void destroy_probing(struct probing *probing)
{
    pthread_cond_destroy(&probing->ended_cond);
    pthread_mutex_destroy(&probing->lock);
    free(probing);
}

static void *probe_in_thread(void *context)
{
    struct probing *probing = context;
    bool left;

    probe_device(probing->path, &probing->contents);
    pthread_mutex_lock(&probing->lock);
    probing->ended = true;
    left = probing->left;
    pthread_cond_signal(&probing->ended_cond);
    pthread_mutex_unlock(&probing->lock);
    if (left)
        destroy_probing(probing);
    return NULL;
}

static void await(struct probing *probing, struct imgz_contents *contents)
{
    struct timespec until;
    bool ended;

    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += IMGZ_CONTENTS_WAIT_MS / 1000;
    pthread_mutex_lock(&probing->lock);
    while (!probing->ended &&
           pthread_cond_timedwait(&probing->ended_cond, &probing->lock, &until) != ETIMEDOUT)
        ;
    ended = probing->ended;
    probing->left = !ended;
    pthread_mutex_unlock(&probing->lock);
    if (!ended) {
        (void)snprintf(contents->type, sizeof(contents->type), "does not answer");
        return;
    }
    *contents = probing->contents;
    destroy_probing(probing);
}

void imgz_contents_probe(const char *path, struct imgz_contents *contents)
{
    struct probing *probing = create_probing(path);
    pthread_attr_t detached;
    pthread_t thread;

    memset(contents, 0, sizeof(*contents));
    if (probing == NULL)
        return;
    pthread_attr_init(&detached);
    pthread_attr_setdetachstate(&detached, PTHREAD_CREATE_DETACHED);
    if (pthread_create(&thread, &detached, probe_in_thread, probing) == 0)
        await(probing, contents);
    else
        destroy_probing(probing);
    pthread_attr_destroy(&detached);
}
