/* SPDX-License-Identifier: MIT */
/*
 * A file that fails as it is told to, as a FUSE filesystem: DIR/disk has the bytes of BACKING, and
 * lines written to DIR/ctl change how it behaves. Under a loop device it is a failing drive.
 *
 *     faultdisk BACKING DIR [LOG]    serves in the foreground until it is unmounted. LOG, a new
 *                                    file, gets a record of every write and flush (replay.py)
 *
 *     clear                          as new
 *     fail r|w|f OFFSET LENGTH ERRNO COUNT
 *                                    requests that touch the range fail, COUNT times, or for ever
 *                                    if it is -1; for fsync (f) the range means nothing
 *     comb OFFSET LENGTH STEP        reads of the first sector of every STEP bytes there fail
 *     slow OFFSET LENGTH MS          reads that touch the range, and do not fail, take so much
 *                                    longer, or, if it is -1, until it is cleared
 *     lose OFFSET LENGTH             writes to the range are acknowledged and forgotten
 *     delay r|w MS                   each takes so much longer
 *
 * DIR/ctl reads as the reads there were of the disk since it was told to be clear, each a line
 * "OFFSET LENGTH", in the order in which they came; the first of them.
 *
 * Requests are served by several threads and never cached by the kernel. EAGAIN and EOPNOTSUPP are
 * no errors to be used: the kernel asks again for ever.
 */
#define FUSE_USE_VERSION 31
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <fuse.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#define RULES_MAX 64

struct rule {
    char kind; /* 'r', 'w', 'f'; 'l': lose; 's': slow */
    long long offset;
    long long bytes;
    long long step; /* 0: all of the range; else a sector of every so many bytes */
    int error;
    long long count; /* left; -1: for ever */
};

static int backing_fd;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct rule rules[RULES_MAX]; /* guarded by lock, and so on */
static int rule_count;
static long delay_ms[128];
static char reads[1 << 18]; /* as DIR/ctl shows them */
static size_t reads_bytes;

/* Held from a write to its record, so that the log has writes in the order they were done. */
static pthread_mutex_t log_lock = PTHREAD_MUTEX_INITIALIZER;
static int log_fd = -1; /* -1: none */

static int touches(const struct rule *rule, long long offset, long long bytes)
{
    long long tooth = rule->offset;

    if (offset + bytes <= rule->offset || rule->offset + rule->bytes <= offset)
        return 0;
    if (rule->step == 0)
        return 1;
    while (tooth + 512 <= offset)
        tooth += rule->step;
    return tooth < offset + bytes && tooth < rule->offset + rule->bytes;
}

static void sleep_ms(long ms)
{
    const struct timespec rest = {ms / 1000, ms % 1000 * 1000000};

    nanosleep(&rest, NULL);
}

static void note_read(long long offset, size_t bytes)
{
    char line[64];
    const int length = snprintf(line, sizeof(line), "%lld %zu\n", offset, bytes);

    pthread_mutex_lock(&lock);
    if (reads_bytes + (size_t)length <= sizeof(reads)) {
        memcpy(reads + reads_bytes, line, (size_t)length);
        reads_bytes += (size_t)length;
    }
    pthread_mutex_unlock(&lock);
}

static int show_reads(char *buffer, size_t bytes, off_t offset)
{
    size_t shown_bytes = 0;

    pthread_mutex_lock(&lock);
    if ((size_t)offset < reads_bytes) {
        shown_bytes = reads_bytes - (size_t)offset;
        shown_bytes = shown_bytes < bytes ? shown_bytes : bytes;
        memcpy(buffer, reads + offset, shown_bytes);
    }
    pthread_mutex_unlock(&lock);
    return (int)shown_bytes;
}

/* How long a request is to take: -1 for as long as this is said, 0 for no longer. */
static long find_delay(char kind, long long offset, long long bytes)
{
    long ms;

    pthread_mutex_lock(&lock);
    ms = delay_ms[(int)kind];
    for (int i = 0; i < rule_count && kind == 'r'; i++)
        if (rules[i].kind == 's' && touches(&rules[i], offset, bytes))
            ms = (long)rules[i].count;
    pthread_mutex_unlock(&lock);
    return ms;
}

static void wait_as_told(char kind, long long offset, long long bytes)
{
    long ms = find_delay(kind, offset, bytes);

    if (ms >= 0)
        sleep_ms(ms);
    for (; ms < 0; ms = find_delay(kind, offset, bytes))
        sleep_ms(20);
}

/* The error for a request, or 0. */
static int find_error(char kind, long long offset, long long bytes)
{
    int error = 0;

    pthread_mutex_lock(&lock);
    for (int i = 0; i < rule_count && error == 0; i++) {
        struct rule *rule = &rules[i];

        if (rule->kind != kind || rule->count == 0 ||
            (kind != 'f' && !touches(rule, offset, bytes)))
            continue;
        error = rule->error;
        if (rule->count > 0)
            rule->count -= 1;
    }
    pthread_mutex_unlock(&lock);
    return error;
}

/* The lock is held. "OFFSET LENGTH", and for some kinds a third number. */
static int take_range(char kind, const char *text)
{
    struct rule rule = {.kind = kind, .error = kind == 'r' ? EIO : 1, .count = -1};
    char *end;

    if (rule_count == RULES_MAX)
        return -EINVAL;
    rule.offset = strtoll(text, &end, 10);
    rule.bytes = strtoll(end, &end, 10);
    if (kind == 's')
        rule.count = strtoll(end, NULL, 10);
    if (kind == 'r')
        rule.step = strtoll(end, NULL, 10);
    rules[rule_count] = rule;
    rule_count += 1;
    return 0;
}

/* The lock is held. "r MS" */
static int take_delay(const char *text)
{
    char *end;
    const long ms = strtol(text + 1, &end, 10);

    if (strchr("rw", text[0]) == NULL || *end != '\0')
        return -EINVAL;
    delay_ms[(int)text[0]] = ms;
    return 0;
}

/* The lock is held. "r OFFSET LENGTH ERRNO COUNT" */
static int take_rule(const char *text)
{
    long long numbers[4];
    const char *at = text + 1;

    if (strchr("rwf", text[0]) == NULL || rule_count == RULES_MAX)
        return -EINVAL;
    for (int i = 0; i < 4; i++) {
        char *end;

        numbers[i] = strtoll(at, &end, 10);
        if (end == at)
            return -EINVAL;
        at = end;
    }
    rules[rule_count] = (struct rule){.kind = text[0],
                                      .offset = numbers[0],
                                      .bytes = numbers[1],
                                      .error = (int)numbers[2],
                                      .count = numbers[3]};
    rule_count += 1;
    return 0;
}

static int take_line(const char *line)
{
    int rc = -EINVAL;

    pthread_mutex_lock(&lock);
    if (strcmp(line, "clear") == 0) {
        rule_count = 0;
        reads_bytes = 0;
        memset(delay_ms, 0, sizeof(delay_ms));
        rc = 0;
    } else if (strncmp(line, "delay ", 6) == 0) {
        rc = take_delay(line + 6);
    } else if (strncmp(line, "lose ", 5) == 0) {
        rc = take_range('l', line + 5);
    } else if (strncmp(line, "comb ", 5) == 0) {
        rc = take_range('r', line + 5);
    } else if (strncmp(line, "slow ", 5) == 0) {
        rc = take_range('s', line + 5);
    } else if (strncmp(line, "fail ", 5) == 0) {
        rc = take_rule(line + 5);
    }
    pthread_mutex_unlock(&lock);
    return rc;
}

static int take_lines(const char *text, size_t bytes)
{
    char *copy = strndup(text, bytes);
    char *rest = NULL;
    int rc = copy == NULL ? -ENOMEM : 0;

    for (char *line = rc == 0 ? strtok_r(copy, "\n", &rest) : NULL; line != NULL && rc == 0;
         line = strtok_r(NULL, "\n", &rest))
        rc = take_line(line);
    free(copy);
    return rc == 0 ? (int)bytes : rc;
}

/* A record: three numbers of 64 bits (kind, offset, bytes), then the data. Called with the lock of
 * the log held. A log with a gap proves nothing, so the server ends. */
static void record(char kind, long long offset, const char *data, size_t bytes)
{
    uint64_t head[] = {(uint64_t)kind, (uint64_t)offset, bytes};
    const struct iovec pieces[] = {{head, sizeof(head)}, {(char *)data, bytes}};

    if (log_fd >= 0 && writev(log_fd, pieces, 2) != (ssize_t)(sizeof(head) + bytes)) {
        perror("faultdisk: the log");
        abort();
    }
}

static int is_disk(const char *path)
{
    return strcmp(path, "/disk") == 0;
}

static int get_attributes(const char *path, struct stat *status, struct fuse_file_info *info)
{
    (void)info;
    memset(status, 0, sizeof(*status));
    status->st_nlink = 1;
    if (strcmp(path, "/") == 0) {
        status->st_mode = S_IFDIR | 0755;
        return 0;
    }
    if (is_disk(path)) {
        if (fstat(backing_fd, status) < 0)
            return -errno;
        status->st_mode = S_IFREG | 0644;
        return 0;
    }
    status->st_mode = S_IFREG | 0644;
    return strcmp(path, "/ctl") == 0 ? 0 : -ENOENT;
}

static int list(const char *path, void *buffer, fuse_fill_dir_t fill, off_t offset,
                struct fuse_file_info *info, enum fuse_readdir_flags flags)
{
    (void)path, (void)offset, (void)info, (void)flags;
    fill(buffer, "disk", NULL, 0, 0);
    fill(buffer, "ctl", NULL, 0, 0);
    return 0;
}

static int open_file(const char *path, struct fuse_file_info *info)
{
    info->direct_io = 1;
    return is_disk(path) || strcmp(path, "/ctl") == 0 ? 0 : -ENOENT;
}

static int read_file(const char *path, char *buffer, size_t bytes, off_t offset,
                     struct fuse_file_info *info)
{
    ssize_t moved;
    int error;

    (void)info;
    if (!is_disk(path))
        return show_reads(buffer, bytes, offset);
    note_read(offset, bytes);
    error = find_error('r', offset, (long long)bytes);
    if (error != 0)
        return -error;
    wait_as_told('r', offset, (long long)bytes);
    moved = pread(backing_fd, buffer, bytes, offset);
    return moved < 0 ? -errno : (int)moved;
}

static int write_file(const char *path, const char *data, size_t bytes, off_t offset,
                      struct fuse_file_info *info)
{
    ssize_t moved;
    int error;

    (void)info;
    if (!is_disk(path))
        return take_lines(data, bytes);
    wait_as_told('w', offset, (long long)bytes);
    error = find_error('w', offset, (long long)bytes);
    if (error != 0)
        return -error;
    if (find_error('l', offset, (long long)bytes) != 0)
        return (int)bytes;
    pthread_mutex_lock(&log_lock);
    moved = pwrite(backing_fd, data, bytes, offset);
    error = errno;
    if (moved > 0)
        record('w', offset, data, (size_t)moved);
    pthread_mutex_unlock(&log_lock);
    return moved < 0 ? -error : (int)moved;
}

static int flush_disk(const char *path, int data_only, struct fuse_file_info *info)
{
    int error;

    (void)data_only, (void)info;
    error = is_disk(path) ? find_error('f', 0, 0) : 0;
    if (error != 0)
        return -error;
    pthread_mutex_lock(&log_lock);
    record('f', 0, NULL, 0);
    pthread_mutex_unlock(&log_lock);
    return 0;
}

static int set_size(const char *path, off_t bytes, struct fuse_file_info *info)
{
    (void)info;
    if (!is_disk(path))
        return 0;
    return ftruncate(backing_fd, bytes) < 0 ? -errno : 0;
}

static const struct fuse_operations operations = {
    .getattr = get_attributes,
    .readdir = list,
    .open = open_file,
    .read = read_file,
    .write = write_file,
    .fsync = flush_disk,
    .truncate = set_size,
};

int main(int argc, char **argv)
{
    char *arguments[] = {argv[0], "-f", argc >= 3 ? argv[2] : NULL, NULL};

    if (argc != 3 && argc != 4) {
        fprintf(stderr, "usage: faultdisk BACKING DIR [LOG]\n");
        return 2;
    }
    if (argc == 4) {
        log_fd = open(argv[3], O_WRONLY | O_CREAT | O_EXCL | O_APPEND | O_CLOEXEC, 0600);
        if (log_fd < 0) {
            perror(argv[3]);
            return 1;
        }
    }
    backing_fd = open(argv[1], O_RDWR | O_CLOEXEC);
    if (backing_fd < 0) {
        perror(argv[1]);
        return 1;
    }
    return fuse_main(3, arguments, &operations, NULL);
}
