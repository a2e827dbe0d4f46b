/* SPDX-License-Identifier: MIT */
/*
 * What a restore is about to overwrite, and with what, in lines for people: so that a wrong drive
 * or a wrong image can be noticed.
 */
#ifndef IMGZ_TOOLS_DESCRIBE_H
#define IMGZ_TOOLS_DESCRIBE_H

#include <stdio.h>

#include <imgz/imgz.h>

/* The device's own name, "/dev/sdb", whatever 'path' leads to it; 'path' if it is not a device. */
struct describe_name {
    char text[256];
};

/* Says what the device 'path' is and what is on it. */
struct describe_name describe_target(FILE *out, const char *path);

/* Says where the image 'path' comes from, when it was made, and what is in it. */
void describe_image(FILE *out, const char *path, const struct imgz_image *image);

#endif /* IMGZ_TOOLS_DESCRIBE_H */
