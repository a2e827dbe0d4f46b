/* SPDX-License-Identifier: MIT */
/*
 * The engine's headers for C++. They are C, without linkage for C++. Those with _Atomic members
 * (pipeline/pipeline.h and what includes it) cannot be compiled as C++: see sparse_shim.h.
 */
#ifndef IMGZ_BENCH_ENGINE_H
#define IMGZ_BENCH_ENGINE_H

/* The system's headers that they include, which must not be inside extern "C". */
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
#include "base/zero.h"
#include "checksum/checksum.h"
#include "checksum/digest.h"
#include "codec/deflate.h"
#include "codec/deflate_reopen.h"
#include "codec/incompressible.h"
#include "codec/stored.h"
#include "codec/zero_run.h"
#include "format/carrier.h"
#include "format/index.h"
#include "format/note.h"
#include "image/totals.h"
#include "io/aio/aio.h"
#include "io/aio/aio_backend.h"
#include "io/source/extent.h"
#include "pipeline/order.h"
#include "pipeline/queue.h"
#include "pipeline/slot.h"
}

#endif /* IMGZ_BENCH_ENGINE_H */
