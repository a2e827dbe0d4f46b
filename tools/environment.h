/* SPDX-License-Identifier: MIT */
/*
 * What the environment says (environ(7)). Read before any thread starts: getenv(3) is not safe
 * beside a thread that changes it.
 */
#ifndef IMGZ_TOOLS_ENVIRONMENT_H
#define IMGZ_TOOLS_ENVIRONMENT_H

/* NULL if 'name' is not set, or is empty. */
const char *environment_get(const char *name);

#endif /* IMGZ_TOOLS_ENVIRONMENT_H */
