/* SPDX-License-Identifier: MIT */
/*
 * Moves the backup of a GUID partition table to the end of its drive, by libfdisk: what 'sfdisk
 * --relocate gpt-bak-std' does.
 *
 * Place: the end of a restore to a drive that is larger than the disk.
 *
 * Threads    any; no state.
 * Errors     what libfdisk says; -EOPNOTSUPP if this was built without it.
 * Blocking   until it is on stable storage.
 */
#ifndef IMGZ_GPT_MOVE_H
#define IMGZ_GPT_MOVE_H

#include "base/base.h"

/* False: move() is -EOPNOTSUPP. */
bool imgz_gpt_move_built(void);

/* 'fd' is the open drive, 'path' its name. */
IMGZ_MUST_CHECK int imgz_gpt_move(int fd, const char *path);

#endif /* IMGZ_GPT_MOVE_H */
