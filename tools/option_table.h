/* SPDX-License-Identifier: MIT */
/*
 * The options of imgz, a row each: how an option is written, which commands take it, what it sets
 * for the job, how its value is read, and its line of the help.
 *
 * Place: options.c parses command lines with it, help.c prints it.
 */
#ifndef IMGZ_TOOLS_OPTION_TABLE_H
#define IMGZ_TOOLS_OPTION_TABLE_H

#include <stdint.h>

#include "options.h"

/* Reads 'value' into 'options'. 0, or -EINVAL with 'problem' filled in. */
typedef int (*option_apply)(struct options *options, const char *value,
                            struct options_problem *problem);

struct option_spec {
    const char *name;
    char letter;          /* 0: none */
    const char *argument; /* what its value is called, NULL: takes none */
    uint32_t commands;    /* of enum command_bit: those that take it */
    uint32_t flag;        /* of enum imgz_flag: what it sets for the job, or 0 */
    option_apply apply;   /* NULL: takes no value */
    const char *help;
};

/* By enum option_id, which is the order of the help. */
extern const struct option_spec option_table[OPTION_COUNT];

/* Fills 'problem' in; returns -EINVAL. */
__attribute__((format(printf, 2, 3))) int options_refuse(struct options_problem *problem,
                                                         const char *format, ...);

#endif /* IMGZ_TOOLS_OPTION_TABLE_H */
