/* SPDX-License-Identifier: MIT */
/*
 * What a capture or a restore with --dry-run says: what it would do, and how large, how long and
 * with how much room. The library looks at all that it would look at first, and a bench of a few
 * seconds tells of size and time.
 */
#ifndef IMGZ_TOOLS_DRY_RUN_H
#define IMGZ_TOOLS_DRY_RUN_H

struct options;

/* Each returns the exit code: that of the run itself, as far as it would fail before it begins. */
int dry_run_capture(const struct options *options);
int dry_run_restore(const struct options *options);

#endif /* IMGZ_TOOLS_DRY_RUN_H */
