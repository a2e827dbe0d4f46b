/* SPDX-License-Identifier: MIT */
/*
 * When a display is due: a bar is renewed all the time, a log gets few lines.
 */
#ifndef IMGZ_TOOLS_SCHEDULE_H
#define IMGZ_TOOLS_SCHEDULE_H

#include <stdint.h>

#include "options.h"

/* When the next one is due after the one at 'shown_ns' (0: none yet), both since the job began. A
 * log gets a line after five seconds, a minute, five minutes, and every five minutes from then on.
 * UINT64_MAX: never. */
uint64_t schedule_next(enum progress_mode mode, uint64_t shown_ns);

#endif /* IMGZ_TOOLS_SCHEDULE_H */
