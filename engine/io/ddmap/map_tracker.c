/* SPDX-License-Identifier: MIT */
#include "io/ddmap/map_tracker.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/text.h"
#include "io/file/preflight.h"

/* How often the file is saved at most: what a crash loses is read again in about that time. Sooner
 * if a bad place was found, because these cost time. */
#define INTERVAL_NS     ((uint64_t)1000000000)
#define INTERVAL_BAD_NS ((uint64_t)200000000)

/* It also waits this many times as long as saving took, so that a large map on a slow drive takes a
 * twentieth of the drain's time. */
#define COST_FACTOR 19u

static struct imgz_location place_of(const struct imgz_map_tracker *keep)
{
    return (struct imgz_location){IMGZ_STAGE_WRITE_IMAGE, keep->config.name->path,
                                  IMGZ_OFFSET_NONE};
}

/* ---- Saving ------------------------------------------------------------------------------- */

static int save_made(const struct imgz_map_tracker *keep, enum imgz_mapfile_status done,
                     bool finished)
{
    struct imgz_mapfile map;
    int rc;

    imgz_mapfile_init(&map);
    rc = imgz_mapfile_make(&map, keep->config.size_bytes, keep->done_bytes, done, keep->config.bad);
    if (rc == 0)
        rc = imgz_mapfile_save(&map, keep->config.name,
                               done == IMGZ_MAPFILE_FINISHED ? keep->done_bytes : 0, finished);
    imgz_mapfile_fini(&map);
    return rc;
}

/* Leaves the file as it was if it had something finished: that is about another image. */
static int save_lost(const struct imgz_map_tracker *keep)
{
    if (imgz_mapfile_bytes(&keep->before, IMGZ_MAPFILE_FINISHED) > 0)
        return imgz_mapfile_save(&keep->before, keep->config.name, 0, false);
    return save_made(keep, IMGZ_MAPFILE_UNTRIED, false);
}

static int save_now(struct imgz_map_tracker *keep)
{
    const uint64_t start_ns = imgz_clock_ns();
    int rc = save_made(keep, IMGZ_MAPFILE_FINISHED, false);

    keep->saved_ns = imgz_clock_ns();
    keep->cost_ns = keep->saved_ns - start_ns;
    keep->saved_bad_bytes = keep->config.bad->bytes;
    return rc;
}

static int raise_saving(const struct imgz_map_tracker *keep, struct imgz_latch *latch, int rc)
{
    if (rc == -EEXIST)
        return imgz_latch_raise(
            latch, rc, place_of(keep),
            "writing %s: it, or %s.partial, is not a regular file; name another",
            keep->config.name->path, keep->config.name->path);
    return imgz_latch_raise_system(latch, rc, place_of(keep), "writing");
}

/* ---- Opening ------------------------------------------------------------------------------ */

int imgz_map_tracker_open_name(struct imgz_name *name, const char *path, struct imgz_latch *latch)
{
    const struct imgz_location location = {IMGZ_STAGE_WRITE_IMAGE, path, IMGZ_OFFSET_NONE};
    int rc = imgz_name_open(name, path);

    if (rc == 0) {
        rc = imgz_preflight_name(name, ".partial", location.stage, latch);
        if (rc < 0)
            imgz_name_close(name);
        return rc;
    }
    if (imgz_name_explain(rc) != NULL)
        return imgz_latch_raise(latch, rc, location, "opening %s: %s", path, imgz_name_explain(rc));
    return imgz_latch_raise_system(latch, rc, location, "opening");
}

/* True if one of the map's files would replace one of the image's, or the other way round. */
static bool clashes_with_image(const struct imgz_name *map, const char *image_path)
{
    struct imgz_name image;
    const bool clash =
        imgz_name_open(&image, image_path) == 0 &&
        (imgz_name_is(map, &image, "") || imgz_name_is(map, &image, ".partial") ||
         imgz_name_is(map, &image, ".partial.map") || imgz_name_is(&image, map, ".partial"));

    imgz_name_close(&image);
    return clash;
}

static bool means(const struct imgz_name *map, const char *suffix, const struct stat *source)
{
    return source != NULL && imgz_name_means(map, suffix, source);
}

int imgz_map_tracker_check_names(const struct imgz_name *map, const char *image_path,
                                 const struct stat *source, struct imgz_latch *latch)
{
    const struct imgz_location location = {IMGZ_STAGE_WRITE_IMAGE, map->path, IMGZ_OFFSET_NONE};

    if (!clashes_with_image(map, image_path) && !means(map, "", source) &&
        !means(map, ".partial", source))
        return 0;
    return imgz_latch_raise_usage(latch, location,
                                  "%s or %s.partial would be both a map file and the source or an "
                                  "image file; name another map",
                                  map->path, map->path);
}

static int check_size(const struct imgz_map_tracker *keep, struct imgz_latch *latch)
{
    if (keep->config.size_bytes != IMGZ_SIZE_UNKNOWN)
        return 0;
    return imgz_latch_raise_cause(
        latch, imgz_cause_usage(IMGZ_REASON_MAP_STREAM), -EINVAL, place_of(keep),
        "a map needs a source that can be read again: a file or a block device");
}

/* Refuses a map that has something finished: it belongs to another image, which could not be
 * retried without it. */
static int check_claims(const struct imgz_map_tracker *keep, struct imgz_latch *latch)
{
    const uint64_t finished_bytes = imgz_mapfile_bytes(&keep->before, IMGZ_MAPFILE_FINISHED);

    if (finished_bytes == 0 || keep->config.force)
        return 0;
    return imgz_latch_raise_cause(latch, imgz_cause(IMGZ_REASON_MAP_OTHER), -EEXIST, place_of(keep),
                                  "%s says that %s were read before, but they are not in %s",
                                  keep->config.name->path, imgz_text_size(finished_bytes).text,
                                  keep->config.image_path);
}

static void drop(struct imgz_map_tracker *keep)
{
    imgz_mapfile_fini(&keep->before);
    keep->config.name = NULL;
}

int imgz_map_tracker_load(struct imgz_map_tracker *keep,
                          const struct imgz_map_tracker_config *config, struct imgz_latch *latch,
                          struct imgz_log *log)
{
    int rc;

    *keep = (struct imgz_map_tracker){.config = *config, .log = log};
    if (config->name == NULL)
        return 0;
    rc = check_size(keep, latch);
    if (rc == 0) {
        rc = imgz_mapfile_load(config->name, latch, &keep->before);
        rc = rc == -ENOENT ? 0 : rc;
    }
    if (rc == 0 && !config->resume)
        rc = check_claims(keep, latch);
    if (rc < 0)
        drop(keep);
    return rc;
}

int imgz_map_tracker_begin(struct imgz_map_tracker *keep, enum imgz_map_tracker_begin how,
                           uint64_t done_bytes, struct imgz_latch *latch)
{
    int rc = 0;

    if (keep->config.name == NULL)
        return 0;
    if (how == IMGZ_MAP_TRACKER_ANEW) {
        rc = check_claims(keep, latch);
        if (rc == 0 && keep->before.count > 0)
            imgz_log_line(keep->log, "%s starts again: imgz reads the whole source",
                          keep->config.name->path);
    }
    if (rc < 0)
        return rc;
    keep->begun = true;
    keep->done_bytes = done_bytes;
    rc = save_now(keep);
    return rc < 0 ? raise_saving(keep, latch, rc) : 0;
}

/* ---- Going on ----------------------------------------------------------------------------- */

bool imgz_map_tracker_due(const struct imgz_map_tracker *keep)
{
    const bool bad_found =
        keep->config.name != NULL && keep->config.bad->bytes != keep->saved_bad_bytes;
    const uint64_t interval_ns = bad_found ? INTERVAL_BAD_NS : INTERVAL_NS;

    return keep->config.name != NULL &&
           imgz_clock_ns() - keep->saved_ns >= imgz_max(interval_ns, keep->cost_ns * COST_FACTOR);
}

void imgz_map_tracker_move(struct imgz_map_tracker *keep, uint64_t done_bytes)
{
    int rc;

    if (keep->config.name == NULL)
        return;
    IMGZ_ASSERT(done_bytes >= keep->done_bytes);
    keep->done_bytes = done_bytes;
    if (!imgz_map_tracker_due(keep))
        return;
    rc = save_now(keep);
    if (rc < 0)
        imgz_log_line(keep->log, "%s cannot be written: %s; imgz will try again",
                      keep->config.name->path, strerrordesc_np(-rc));
}

int imgz_map_tracker_close(struct imgz_map_tracker *keep, enum imgz_map_tracker_end end,
                           struct imgz_latch *latch)
{
    int rc = 0;

    if (!keep->begun) {
        drop(keep);
        return 0;
    }
    switch (end) {
    case IMGZ_MAP_TRACKER_WHOLE:
        rc = save_made(keep, IMGZ_MAPFILE_FINISHED, true);
        break;
    case IMGZ_MAP_TRACKER_KEPT:
        rc = save_made(keep, IMGZ_MAPFILE_FINISHED, false);
        break;
    case IMGZ_MAP_TRACKER_LOST:
        rc = save_lost(keep);
        break;
    }
    if (rc < 0)
        (void)raise_saving(keep, latch, rc);
    drop(keep);
    keep->begun = false;
    return rc;
}
