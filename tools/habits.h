/* SPDX-License-Identifier: MIT */
/*
 * What people type who know gzip, zstd, dd or qemu-img, and how the same is written here. imgz
 * refuses it like anything unknown, but says how to write it.
 */
#ifndef IMGZ_TOOLS_HABITS_H
#define IMGZ_TOOLS_HABITS_H

/* What to say about a command such as "list", an option as it is written, such as "-c" or
 * "--stdout", or an operand such as dd's "if=/dev/sda"; NULL: nothing. */
const char *habits_of_command(const char *word);
const char *habits_of_option(const char *word);
const char *habits_of_operand(const char *word);

#endif /* IMGZ_TOOLS_HABITS_H */
