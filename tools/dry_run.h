/* SPDX-License-Identifier: MIT */
/*
 * What a capture or a restore with --dry-run says: what it would do, and how much size, time and
 * room that would take. The library checks all that a real run would check first, and a bench of a
 * few seconds estimates size and time.
 */
#ifndef IMGZ_TOOLS_DRY_RUN_H
#define IMGZ_TOOLS_DRY_RUN_H

struct options;

/* Each returns the exit code: that of the run itself, if it would fail before it begins. */
int dry_run_capture(const struct options *options);
int dry_run_restore(const struct options *options);

#endif /* IMGZ_TOOLS_DRY_RUN_H */
