/* SPDX-License-Identifier: MIT */
#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "command.h"
#include "report.h"
#include "runner.h"
#include "streams.h"

/* The name in a BSD tag line, as the standard tools write it: "sha256" is SHA256. */
static void tag_of_digest(const char *name, char *tag, size_t size)
{
    snprintf(tag, size, "%s", name);
    if (strcmp(name, "b2") == 0)
        snprintf(tag, size, "BLAKE2b");
    else
        for (; *tag != '\0'; tag++)
            *tag = (char)toupper((unsigned char)*tag);
}

/* "TAG (path) = hex", after 'lead'. As coreutils do, a path with a line break or a backslash is
 * escaped, and the line then starts with a backslash. */
static void print_tag_line(const char *lead, const char *tag, const char *path, const char *hex)
{
    fputs(lead, stdout);
    if (strpbrk(path, "\\\n\r") != NULL)
        putchar('\\');
    printf("%s (", tag);
    for (; *path != '\0'; path++) {
        if (*path == '\n')
            fputs("\\n", stdout);
        else if (*path == '\r')
            fputs("\\r", stdout);
        else if (*path == '\\')
            fputs("\\\\", stdout);
        else
            putchar(*path);
    }
    printf(") = %s\n", hex);
}

/* With digests the root hash is a comment: sha256sum --check would complain of any other line. */
static void print_hashes(const char *path, const struct imgz_report *report)
{
    const bool sha256 = report->chunk_hash == IMGZ_CHUNK_HASH_SHA256;
    char tag[32];
    int length = snprintf(tag, sizeof(tag), "IMGZ-ROOT%s", sha256 ? "-SHA256" : "");

    if (report->chunk_bytes != IMGZ_CHUNK_BYTES_DEFAULT)
        snprintf(tag + length, sizeof(tag) - (size_t)length, "-%" PRIu32, report->chunk_bytes);
    print_tag_line(report->digest_count > 0 ? "# " : "", tag, path, report->root_hash_text);
    for (uint32_t i = 0; i < report->digest_count; i++) {
        tag_of_digest(report->digests[i].name, tag, sizeof(tag));
        print_tag_line("", tag, path, report->digests[i].hex);
    }
}

static int hash_one(const struct options *options)
{
    struct runner runner;
    int exit_code;
    int rc;

    runner_start(&runner, options);
    rc = imgz_hash(options->operands[0], &runner.job, &runner.report, &runner.error);
    exit_code = runner_finish(&runner, rc);
    if (rc == 0 && !options_has(options, OPTION_JSON))
        print_hashes(options->operands[0], &runner.report);
    if (rc == 0 && options_has(options, OPTION_VERBOSE))
        report_print_summary(options, &runner.report);
    return exit_code;
}

static int run(const struct options *options)
{
    unsigned failed_count;

    return command_each(options, hash_one, &failed_count);
}

const struct command cmd_hash = {
    .name = "hash",
    .bit = COMMAND_HASH,
    .summary = "print the hashes of a drive, file or pipe, or of the disk in an image",
    .about = "Prints the root hash of SOURCE, or of the disk inside it if it is an image. The\n"
             "same disk has the same root hash however it is stored. --digest adds standard\n"
             "digests, in lines that sha256sum --check and the like accept.\n",
    .examples = "  imgz hash /dev/sda\n"
                "  imgz hash disk.img.gz\n"
                "  imgz hash --chunk-hash sha256 /dev/sda\n"
                "  imgz hash --digest sha256,md5 disk.img > disk.sums\n",
    .operand_count = 1,
    .several = true,
    .operands = {{"SOURCE|IMAGE", "path", OPERAND_SOURCE}},
    .run = run,
};
