/* SPDX-License-Identifier: MIT */
/*
 * A sink that a test may open, "out", in a folder of its own.
 */
#ifndef IMGZ_SINK_WORLD_H
#define IMGZ_SINK_WORLD_H

#include <string.h>
#include <unistd.h>

#include "fixture.h"
#include "io/sink/sink_ops.h"

struct world {
    struct imgz_fixture fixture;
    struct imgz_fixture_path path; /* of "out" */
    struct imgz_sink_config config;
    struct imgz_sink *output;
};

static inline void open_world(struct world *world)
{
    imgz_fixture_init(&world->fixture);
    world->path = imgz_fixture_path(&world->fixture, "out");
    world->config = (struct imgz_sink_config){
        .path = world->path.text,
        .stage = IMGZ_STAGE_WRITE_TARGET,
        .device_allowed = true,
        .need_bytes = IMGZ_SIZE_UNKNOWN,
    };
}

static inline void close_world(struct world *world)
{
    imgz_fixture_fini(&world->fixture);
}

static inline int open_output(struct world *world)
{
    world->output = NULL;
    return imgz_sink_open(&world->config, world->fixture.latch, &world->fixture.log,
                          &world->output);
}

static inline void put(struct world *world, const char *text)
{
    assert_int_equal(write(imgz_sink_local_fd(world->output), text, strlen(text)), strlen(text));
}

static inline bool holds(const struct world *world, const char *name, const char *text)
{
    return imgz_fixture_holds(&world->fixture, name, text, strlen(text));
}

static inline const struct imgz_error *story(const struct world *world)
{
    return imgz_latch_error(world->fixture.latch);
}

/* Opening fails with this code; nothing is held, and the folder has 'file_count' files. */
static inline void expect_refused(struct world *world, int code, unsigned file_count)
{
    assert_int_equal(open_output(world), code);
    assert_int_equal(story(world)->code, code);
    assert_string_equal(story(world)->path, world->config.path);
    assert_null(world->output);
    assert_int_equal(imgz_fixture_count(&world->fixture), file_count);
    imgz_fixture_renew_stop(&world->fixture);
}

#endif /* IMGZ_SINK_WORLD_H */
