/* SPDX-License-Identifier: MIT */
/*
 * The engine's headers for C++. They are C and say nothing of linkage; those with _Atomic members
 * (flow/line.h and what includes it) are not C++ at all: see sparse_shim.h.
 */
#ifndef IMGZ_BENCH_ENGINE_H
#define IMGZ_BENCH_ENGINE_H

/* What they include of the system, which must not be inside extern "C". */
#include <endian.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <time.h>

#include <imgz/imgz.h>

extern "C" {
#include "base/base.h"
#include "base/hash.h"
#include "codec/checksum.h"
#include "codec/deflate.h"
#include "codec/digest.h"
#include "codec/entropy.h"
#include "codec/seam.h"
#include "codec/stored.h"
#include "codec/zero.h"
#include "codec/zerorun.h"
#include "flow/order.h"
#include "flow/queue.h"
#include "flow/slot.h"
#include "image/carrier.h"
#include "image/index.h"
#include "image/note.h"
#include "image/tally.h"
#include "io/backend.h"
#include "io/extent.h"
#include "io/io.h"
}

#endif /* IMGZ_BENCH_ENGINE_H */
