/* SPDX-License-Identifier: MIT */
/*
 * The three standard streams: made usable at the start, checked at the end; and the messages that
 * imgz prints there.
 */
#ifndef IMGZ_TOOLS_STREAMS_H
#define IMGZ_TOOLS_STREAMS_H

#include <stdbool.h>
#include <stdio.h>

/* Opens something for those of descriptors 0, 1 and 2 that are closed, so that no image opened
 * later gets one of their numbers. Using them is still EBADF. */
void streams_fill_closed(void);

/* Makes stdout and stderr wait while a pipe or terminal that was made non-blocking is full: a
 * process that shares it may do that at any time, and stdio would drop what is in its buffer. */
void streams_make_patient(void);

/* Writes all of it to descriptor 1 or 2, waiting likewise. 0, or a negative errno. */
int streams_write(int fd, const char *text, size_t bytes);

/* Flushes standard output. False if anything could not be written to it so far; that was
 * reported. */
bool streams_flush(void);

/* Flushes and closes standard output. Returns 'exit_code', or 1 if that fails. */
int streams_finish(int exit_code);

/* Prints "imgz: ..." as exactly one line on standard error: what is not printable, as in the name
 * of a file, becomes '?' (imgz_make_printable()). */
__attribute__((format(printf, 1, 2))) void streams_error(const char *format, ...);

/* The same without "imgz: ". */
__attribute__((format(printf, 1, 2))) void streams_note(const char *format, ...);

/* The same on any stream. */
__attribute__((format(printf, 2, 3))) void streams_say(FILE *stream, const char *format, ...);

/* The same on standard output. */
__attribute__((format(printf, 1, 2))) void streams_print(const char *format, ...);

#endif /* IMGZ_TOOLS_STREAMS_H */
