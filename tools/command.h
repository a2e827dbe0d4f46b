/* SPDX-License-Identifier: MIT */
/*
 * What a command of imgz is, the table of them all, and the way from argv to one of them.
 */
#ifndef IMGZ_TOOLS_COMMAND_H
#define IMGZ_TOOLS_COMMAND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct options;

/* A promise to scripts. A job stopped by signal n exits with 128 + n, as the shell would show it.
 */
enum exit_code {
    EXIT_CODE_DONE = 0,
    EXIT_CODE_FAILED = 1,
    EXIT_CODE_USAGE = 2,
    EXIT_CODE_BAD_DATA = 3,
    EXIT_CODE_UNREADABLE = 4, /* captured, but with sectors that could not be read */
    EXIT_CODE_SIGNAL = 128,   /* plus the signal's number */
};

/* The commands as a set: the option table says with it which of them take an option. */
enum command_bit {
    COMMAND_CAPTURE = 1 << 0,
    COMMAND_RESTORE = 1 << 1,
    COMMAND_VERIFY = 1 << 2,
    COMMAND_HASH = 1 << 3,
    COMMAND_INFO = 1 << 4,
    COMMAND_DEVICES = 1 << 5,
    COMMAND_BENCH = 1 << 6,
    COMMAND_REMOTE = 1 << 7,
};

#define COMMAND_OPERANDS_MAX 2

enum operand_role {
    OPERAND_SOURCE,    /* a raw disk to read */
    OPERAND_IMAGE,     /* an image to read */
    OPERAND_IMAGE_OUT, /* an image to write */
    OPERAND_RAW_OUT,   /* a raw disk to write */
    OPERAND_SAMPLE,    /* a raw disk to look at here and there: no stream */
};

struct operand {
    const char *name; /* as in the synopsis: "IMAGE" */
    const char *key;  /* in the JSON report: "image" */
    enum operand_role role;
};

struct command {
    const char *name;
    enum command_bit bit;    /* it alone */
    const char *summary;     /* one line of imgz --help */
    const char *about;       /* the paragraph of imgz NAME --help */
    const char *examples;    /* lines, each with its newline */
    uint32_t overrides;      /* what its --override takes, of enum imgz_override */
    unsigned operand_count;  /* with --topology there may be none */
    unsigned optional_count; /* of the operands: the last ones, which may be left out */
    bool several;            /* more may follow that are like the last */
    struct operand operands[COMMAND_OPERANDS_MAX];
    enum exit_code unreadable_code; /* if a job is done but the image lacks sectors; DONE for
                                       commands that only read images */
    int (*run)(const struct options *options); /* returns the exit code */
};

extern const struct command cmd_capture;
extern const struct command cmd_restore;
extern const struct command cmd_verify;
extern const struct command cmd_hash;
extern const struct command cmd_info;
extern const struct command cmd_devices;
extern const struct command cmd_bench;
extern const struct command cmd_remote;

/* All commands in the order of imgz --help, with a NULL at the end. */
extern const struct command *const command_table[];

/* Operand 'index' of a command line, which may repeat the last one. */
const struct operand *command_operand(const struct command *command, unsigned index);

/* Does what argv says and returns the exit code. */
int command_main(int argc, char **argv);

/* For a command that takes several operands: calls 'one' for each in turn, with options that have
 * it alone, until all are done or a signal ends it; each of several in a process of its own.
 * Returns the highest of the exit codes; '*failed_count' is how many were not 0. */
int command_each(const struct options *options, int (*one)(const struct options *options),
                 unsigned *failed_count);

/* A usage error that only the command itself can see: says it and returns the exit code. */
int command_refuse(const struct options *options, const char *text);

#endif /* IMGZ_TOOLS_COMMAND_H */
