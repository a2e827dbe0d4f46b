/* SPDX-License-Identifier: MIT */
#include "io/device/contents.h"

#include <blkid/blkid.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "machine/subprocess.h"

/* The first of two values that exists. */
static void look_up(blkid_probe probe, const char *first, const char *second, char *text,
                    size_t text_bytes)
{
    const char *value = NULL;

    if (blkid_probe_lookup_value(probe, first, &value, NULL) == 0 ||
        blkid_probe_lookup_value(probe, second, &value, NULL) == 0)
        (void)snprintf(text, text_bytes, "%s", value);
}

static void look(blkid_probe probe, struct imgz_contents *contents)
{
    blkid_probe_enable_superblocks(probe, 1);
    blkid_probe_set_superblocks_flags(probe, BLKID_SUBLKS_TYPE | BLKID_SUBLKS_LABEL);
    blkid_probe_enable_partitions(probe, 1);
    blkid_probe_set_partitions_flags(probe, BLKID_PARTS_ENTRY_DETAILS);
    if (blkid_do_safeprobe(probe) == 0) {
        look_up(probe, "TYPE", "PTTYPE", contents->type, sizeof(contents->type));
        look_up(probe, "LABEL", "PART_ENTRY_NAME", contents->label, sizeof(contents->label));
    }
}

static void probe_device(const char *path, struct imgz_contents *contents)
{
    blkid_probe probe = blkid_new_probe_from_filename(path);

    memset(contents, 0, sizeof(*contents));
    if (probe == NULL)
        return;
    look(probe, contents);
    blkid_free_probe(probe);
}

void imgz_contents_probe_part(int fd, uint64_t offset, uint64_t bytes,
                              struct imgz_contents *contents)
{
    blkid_probe probe = blkid_new_probe();

    memset(contents, 0, sizeof(*contents));
    if (probe == NULL)
        return;
    if (blkid_probe_set_device(probe, fd, (blkid_loff_t)offset, (blkid_loff_t)bytes) == 0)
        look(probe, contents);
    blkid_free_probe(probe);
}

/* ---- With a time limit -------------------------------------------------------------------- */

static void probe_apart(const void *path, int pipe_fd)
{
    struct imgz_contents contents;

    probe_device(path, &contents);
    imgz_subprocess_write(pipe_fd, &contents, sizeof(contents));
}

/* A thread that hangs in a read of a device that does not answer would keep the whole process from
 * ending. So a child process reads, and nobody waits for it.
 */
void imgz_contents_probe(const char *path, struct imgz_contents *contents)
{
    const struct imgz_subprocess_config config = {
        .kind = IMGZ_SUBPROCESS_ORPHAN,
        .body = probe_apart,
        .context = path,
        .limit_ms = IMGZ_CONTENTS_WAIT_MS,
    };
    struct imgz_subprocess apart;
    int rc = imgz_subprocess_start(&config, &apart);

    memset(contents, 0, sizeof(*contents));
    if (rc < 0)
        return;
    rc = imgz_subprocess_read(&apart, contents, sizeof(*contents));
    imgz_subprocess_end(&apart);
    if (rc < 0)
        memset(contents, 0, sizeof(*contents));
    if (rc == -ETIMEDOUT)
        (void)snprintf(contents->type, sizeof(contents->type), "does not answer");
}
