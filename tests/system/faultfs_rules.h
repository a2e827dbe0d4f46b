/* SPDX-License-Identifier: MIT */
/*
 * What faultfs is told to refuse, in the lines that faultfs.c explains, and what it was asked for.
 *
 * Threads    any.
 */
#ifndef FAULTFS_RULES_H
#define FAULTFS_RULES_H

#include <sys/types.h>

/* 0, or the negative errno with which 'what' fails for the file. 'path' starts with a slash; NULL:
 * the file is open and has lost its name. */
int faultfs_refusal(const char *what, const char *path);

/* Whether another size is to be reported for the file. */
int faultfs_told_size(const char *path, off_t *bytes);

/* Takes lines. Their length, or a negative errno. */
int faultfs_tell(const char *text, size_t bytes);

/* What was asked for, from 'offset' on: the number of bytes. */
int faultfs_show(char *buffer, size_t bytes, off_t offset);

#endif /* FAULTFS_RULES_H */
