/* SPDX-License-Identifier: MIT */
#include "confirm.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "signals.h"
#include "streams.h"
#include "units.h"

/* More partitions than this are counted only. */
#define PARTITIONS_MAX 8u

/* ---- What is there -------------------------------------------------------------------------- */

static bool is_device(const char *path, dev_t number)
{
    struct stat status;

    return stat(path, &status) == 0 && S_ISBLK(status.st_mode) && status.st_rdev == number;
}

/* "512 GB, Samsung T5, serial S123" of the drive, with what is not known left out. */
static void say_drive(const char *path, const char *part_of, uint64_t size_bytes,
                      const struct imgz_device *device)
{
    streams_note("writing to %s: %s%s%s%s%s%s%s%s%s", path, units_size(size_bytes).text,
                 part_of[0] != '\0' ? ", a partition of " : "", part_of,
                 device->bus[0] != '\0' ? ", " : "", device->bus,
                 device->model[0] != '\0' ? ", " : "", device->model,
                 device->serial[0] != '\0' ? ", serial " : "", device->serial);
}

static void say_contents(const char *path, const char *contents, const char *label,
                         const char *size)
{
    streams_note("  now on %s: %s%s%s%s%s", path, contents[0] != '\0' ? contents : "nothing known",
                 label[0] != '\0' ? " \"" : "", label, label[0] != '\0' ? "\"" : "", size);
}

static void say_partitions(const struct imgz_device *device)
{
    for (uint32_t i = 0; i < device->partition_count && i < PARTITIONS_MAX; i++) {
        const struct imgz_partition *partition = &device->partitions[i];
        char size[40];

        snprintf(size, sizeof(size), ", %s", units_size(partition->size_bytes).text);
        say_contents(partition->path, partition->contents, partition->label, size);
    }
    if (device->partition_count > PARTITIONS_MAX)
        streams_note("  and %u more partitions", device->partition_count - PARTITIONS_MAX);
}

/* The device's own name if 'number' is it or a partition of it; NULL otherwise. */
static const char *find_name(const struct imgz_device *device, dev_t number)
{
    if (is_device(device->path, number))
        return device->path;
    for (uint32_t i = 0; i < device->partition_count; i++)
        if (is_device(device->partitions[i].path, number))
            return device->partitions[i].path;
    return NULL;
}

static void say_device(const struct imgz_device *device, const char *name)
{
    if (strcmp(name, device->path) == 0) {
        say_drive(name, "", device->size_bytes, device);
        say_contents(name, device->contents, device->label, "");
        say_partitions(device);
        return;
    }
    for (uint32_t i = 0; i < device->partition_count; i++) {
        const struct imgz_partition *partition = &device->partitions[i];

        if (strcmp(name, partition->path) != 0)
            continue;
        say_drive(name, device->path, partition->size_bytes, device);
        say_contents(name, partition->contents, partition->label, "");
    }
}

/* Finds the device 'path' means, says what it is, and gives its name: "/dev/sdb". */
static void look_at(const char *path, char *name, size_t name_bytes)
{
    struct imgz_device *device = NULL;
    const char *found;
    struct stat target;

    snprintf(name, name_bytes, "%s", path);
    if (stat(path, &target) < 0 || imgz_devices_find(path, &device, NULL) < 0)
        return;
    found = find_name(device, target.st_rdev);
    if (found != NULL) {
        snprintf(name, name_bytes, "%s", found);
        say_device(device, found);
    }
    imgz_devices_free(device);
}

/* ---- The question --------------------------------------------------------------------------- */

/* Where an answer can be typed in; -1: nowhere. '*opened' if it is to be closed. */
static int find_terminal(const struct options *options, bool *opened)
{
    *opened = false;
    if (options_has(options, OPTION_YES) || options_has(options, OPTION_JSON) ||
        !isatty(STDERR_FILENO))
        return -1;
    if (strcmp(options->operands[0], "-") != 0)
        return isatty(STDIN_FILENO) ? STDIN_FILENO : -1;
    *opened = true;
    return open("/dev/tty", O_RDONLY | O_CLOEXEC);
}

/* Until there is something to read: false if a stop signal came first. Signals are let in while
 * waiting only, so that none can come between the look for one and the wait. */
static bool wait_for_input(int fd)
{
    struct pollfd ready = {.fd = fd, .events = POLLIN};
    sigset_t all, before;
    int count = -1;

    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, &before);
    while (signals_stop_requested() == 0 && count < 0) {
        count = ppoll(&ready, 1, NULL, &before);
        if (count < 0 && errno != EINTR)
            break;
    }
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return count > 0;
}

static bool read_answer(int fd, char *answer, size_t answer_bytes)
{
    ssize_t length;

    if (!wait_for_input(fd))
        return false;
    length = read(fd, answer, answer_bytes - 1);
    if (length <= 0)
        return false;
    answer[length] = '\0';
    answer[strcspn(answer, "\n")] = '\0';
    return true;
}

static bool is_name(const char *answer, const char *name)
{
    static const char folder[] = "/dev/";

    if (strcmp(answer, name) == 0)
        return true;
    return strncmp(name, folder, strlen(folder)) == 0 && strcmp(answer, name + strlen(folder)) == 0;
}

static int ask(int terminal, const char *name)
{
    char answer[256];
    char shown[256];

    snprintf(shown, sizeof(shown), "%s", name);
    imgz_make_printable(shown);
    fprintf(stderr, "All that is on %s will be lost. Type its name to go on: ", shown);
    if (!read_answer(terminal, answer, sizeof(answer))) {
        fputc('\n', stderr);
        return -ECANCELED;
    }
    return is_name(answer, name) ? 0 : -ECANCELED;
}

int confirm_overwrite(void *context)
{
    struct runner *runner = context;
    const struct options *options = runner->options;
    char name[256];
    bool opened;
    int terminal;
    int rc = 0;

    if (options_has(options, OPTION_QUIET))
        return 0;
    progress_detach(&runner->progress); /* a bar comes back by itself */
    look_at(options->operands[1], name, sizeof(name));
    terminal = find_terminal(options, &opened);
    if (terminal >= 0)
        rc = ask(terminal, name);
    if (opened && terminal >= 0)
        close(terminal);
    return rc;
}
