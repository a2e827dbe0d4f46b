/* SPDX-License-Identifier: MIT */
/*
 * For a program whose tests have a fixture each: 'fixture'. cmocka is given set_up, which makes it,
 * and tear_down, which ends it.
 */
#ifndef IMGZ_OWN_FIXTURE_H
#define IMGZ_OWN_FIXTURE_H

#include "fixture.h"

static struct imgz_fixture fixture;

static int set_up(void **state)
{
    (void)state;
    imgz_fixture_init(&fixture);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    imgz_fixture_fini(&fixture);
    return 0;
}

#endif /* IMGZ_OWN_FIXTURE_H */
