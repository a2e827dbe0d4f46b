/* SPDX-License-Identifier: MIT */
/*
 * What a person can do about a system error: the last part of every message.
 */
#ifndef IMGZ_ADVICE_H
#define IMGZ_ADVICE_H

#include <imgz/imgz.h>

/* The same error calls for other advice when reading than when writing. */
enum imgz_advice_side {
    IMGZ_ADVICE_INPUT,
    IMGZ_ADVICE_OUTPUT,
};

/* Never NULL, without a full stop at its end; 'code' is a negative errno. */
const char *imgz_advice_find(int code, enum imgz_advice_side side);

/* What a program can do about it. */
enum imgz_reason imgz_advice_reason(int code, enum imgz_advice_side side);

#endif /* IMGZ_ADVICE_H */
