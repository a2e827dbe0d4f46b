/* SPDX-License-Identifier: MIT */
/*
 * A plain main() for the fuzz targets: runs the files given, and those in the folders given, once
 * each, without a fuzzer. Hidden files are left out, and so are folders within folders.
 */
#include <dirent.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

static int replay_file(const char *path)
{
    FILE *file = fopen(path, "rb");
    struct stat status;
    unsigned char *data = NULL;
    size_t bytes = 0;
    int rc = -1;

    if (file == NULL || fstat(fileno(file), &status) < 0)
        goto out;
    bytes = (size_t)status.st_size;
    /* Exactly as long as the file, so that a sanitizer sees a read beyond it. */
    data = malloc(bytes > 0 ? bytes : 1);
    if (data == NULL || fread(data, 1, bytes, file) != bytes)
        goto out;
    (void)LLVMFuzzerTestOneInput(data, bytes);
    rc = 0;
out:
    if (rc < 0)
        fprintf(stderr, "%s: %s\n", path, strerror(errno));
    if (file != NULL)
        fclose(file);
    free(data);
    return rc;
}

static int replay_folder(const char *path, unsigned long *count)
{
    struct dirent **entries = NULL;
    int entry_count = scandir(path, &entries, NULL, alphasort);
    int rc = entry_count < 0 ? -1 : 0;

    for (int i = 0; i < entry_count; i++) {
        char file_path[4096];
        struct stat status;

        snprintf(file_path, sizeof(file_path), "%s/%s", path, entries[i]->d_name);
        if (rc == 0 && entries[i]->d_name[0] != '.' && stat(file_path, &status) == 0 &&
            S_ISREG(status.st_mode)) {
            rc = replay_file(file_path);
            *count += 1;
        }
        free(entries[i]);
    }
    free(entries);
    return rc;
}

int main(int argc, char **argv)
{
    unsigned long count = 0;

    for (int i = 1; i < argc; i++) {
        struct stat status;
        int rc;

        if (stat(argv[i], &status) == 0 && S_ISDIR(status.st_mode)) {
            rc = replay_folder(argv[i], &count);
        } else {
            rc = replay_file(argv[i]);
            count += 1;
        }
        if (rc < 0)
            return EXIT_FAILURE;
    }
    printf("%lu inputs replayed\n", count);
    return count > 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
