/* SPDX-License-Identifier: MIT */
/*
 * What a command says when it is done: a summary for people on standard error, or one JSON object
 * on standard output.
 */
#ifndef IMGZ_TOOLS_REPORT_H
#define IMGZ_TOOLS_REPORT_H

#include <jansson.h>

#include <imgz/imgz.h>

#include "options.h"

/* The result of a command. */
struct report {
    const char *command;            /* NULL: none was recognised */
    const struct options *options;  /* NULL: the command line could not be read */
    const struct imgz_report *job;  /* NULL: no job ran */
    const struct imgz_error *error; /* NULL: nothing failed */
    json_t *details;                /* NULL, or an object whose pairs go into the report; taken */
    int exit_code;
};

/* Prints the JSON object, also for a failure. */
void report_print_json(const struct report *report);

/* Prints the lines every job's summary ends with: what the image lacks, hashes, digests, time; with
 * --verbose also how it was done. */
void report_print_summary(const struct options *options, const struct imgz_report *job);

/* A JSON string of any bytes: in a text that is not UTF-8, those above 127 become U+FFFD. */
json_t *report_json_text(const char *text);

/* A JSON integer, or null for UINT64_MAX, the library's "none" and "unknown". */
json_t *report_json_number(uint64_t value);

/* The pairs' values are taken. */
struct report_pair {
    const char *key;
    json_t *value;
};
void report_json_add(json_t *object, const struct report_pair *pairs, size_t count);

/* 'path', or "standard input" or "standard output" for "-". */
const char *report_path(const char *path, enum operand_role role);

#endif /* IMGZ_TOOLS_REPORT_H */
