/* SPDX-License-Identifier: MIT */
/* Data of several kinds for the codec's tests, the same in every run. */
#ifndef IMGZ_SAMPLE_H
#define IMGZ_SAMPLE_H

#include <string.h>

#include "base/base.h"

enum imgz_sample {
    IMGZ_SAMPLE_ZERO,
    IMGZ_SAMPLE_RANDOM,
    IMGZ_SAMPLE_TEXT,    /* words and punctuation */
    IMGZ_SAMPLE_RECORDS, /* binary: counters, small numbers, a little noise */
    IMGZ_SAMPLE_MIXED,   /* stretches of all the others */
    IMGZ_SAMPLE_COUNT,
};

/* xorshift64*: good enough to be incompressible. */
static inline uint64_t imgz_sample_random(uint64_t *state)
{
    *state ^= *state >> 12;
    *state ^= *state << 25;
    *state ^= *state >> 27;
    return *state * 0x2545f4914f6cdd1du;
}

static inline void imgz_sample_fill(enum imgz_sample kind, uint64_t seed, unsigned char *data,
                                    size_t bytes);

static inline void imgz_sample_fill_text(uint64_t *state, unsigned char *data, size_t bytes)
{
    static const char *const words[] = {"the ",   "disk ", "of ",   "image",  ", ",    "and\n",
                                        "sector", "zero ", "chunk", " reads", "write", ".\n"};
    size_t done = 0;

    while (done < bytes) {
        const char *word = words[imgz_sample_random(state) % IMGZ_COUNT_OF(words)];
        size_t part_bytes = imgz_min(strlen(word), bytes - done);

        memcpy(data + done, word, part_bytes);
        done += part_bytes;
    }
}

static inline void imgz_sample_fill_records(uint64_t *state, unsigned char *data, size_t bytes)
{
    for (size_t i = 0; i < bytes; i++) {
        switch (i % 8) {
        case 0:
            data[i] = (unsigned char)(i / 8);
            break;
        case 1:
            data[i] = (unsigned char)(i / 2048);
            break;
        case 4:
            data[i] = (unsigned char)imgz_sample_random(state);
            break;
        case 5:
            data[i] = (unsigned char)(imgz_sample_random(state) % 10);
            break;
        default:
            data[i] = 0;
            break;
        }
    }
}

static inline void imgz_sample_fill_mixed(uint64_t *state, unsigned char *data, size_t bytes)
{
    size_t done = 0;

    while (done < bytes) {
        uint64_t seed = imgz_sample_random(state) | 1;
        size_t part_bytes = imgz_min(1 + seed % 9000, bytes - done);

        imgz_sample_fill((enum imgz_sample)(seed / 9000 % IMGZ_SAMPLE_MIXED), seed, data + done,
                         part_bytes);
        done += part_bytes;
    }
}

/* 'seed' must not be 0. */
static inline void imgz_sample_fill(enum imgz_sample kind, uint64_t seed, unsigned char *data,
                                    size_t bytes)
{
    uint64_t state = seed;

    switch (kind) {
    case IMGZ_SAMPLE_ZERO:
    case IMGZ_SAMPLE_COUNT:
        memset(data, 0, bytes);
        break;
    case IMGZ_SAMPLE_RANDOM:
        for (size_t i = 0; i < bytes; i++)
            data[i] = (unsigned char)(imgz_sample_random(&state) >> 56);
        break;
    case IMGZ_SAMPLE_TEXT:
        imgz_sample_fill_text(&state, data, bytes);
        break;
    case IMGZ_SAMPLE_RECORDS:
        imgz_sample_fill_records(&state, data, bytes);
        break;
    case IMGZ_SAMPLE_MIXED:
        imgz_sample_fill_mixed(&state, data, bytes);
        break;
    }
}

#endif /* IMGZ_SAMPLE_H */
