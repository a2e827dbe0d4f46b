/* SPDX-License-Identifier: MIT */
/*
 * What fails is what the engine calls; the cleanup that follows a failure (close, unlink, munmap)
 * is left to work, save that close() tells an error after it has closed.
 *
 * Calls go on to the kernel by syscall(), so that no wrapper of these names is in between; those
 * a sanitizer must see (threads, mappings) go to the next function of that name.
 */
#undef _FORTIFY_SOURCE /* its inline wrappers have these names */

#include "intercept.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <liburing.h>
#include <linux/fs.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#if defined(__has_feature)
#define FEATURE(name) __has_feature(name)
#else
#define FEATURE(name) 0
#endif
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__) || FEATURE(address_sanitizer) || \
    FEATURE(thread_sanitizer)
#define OWN_ALLOCATOR 0
#else
#define OWN_ALLOCATOR 1
#endif

/* Set while disarmed; read by any thread in between. */
static struct imgz_intercept plan;

/* Relaxed: nothing hangs on them but themselves. 'armed' is set before a job's threads start. */
static atomic_bool armed;
static _Atomic(uint64_t) counts[2]; /* by kind */
static _Atomic(uint64_t) random_state;
static _Atomic(const char *) failed_name;
static atomic_int_fast64_t live_count;

void imgz_intercept_arm(const struct imgz_intercept *wanted)
{
    plan = *wanted;
    atomic_store(&counts[IMGZ_INTERCEPT_CALLS], 0);
    atomic_store(&counts[IMGZ_INTERCEPT_ALLOCATIONS], 0);
    atomic_store(&random_state, wanted->seed | 1);
    atomic_store(&failed_name, NULL);
    atomic_store(&armed, true);
}

const char *imgz_intercept_disarm(void)
{
    atomic_store(&armed, false);
    return atomic_load(&failed_name);
}

bool imgz_intercept_sees_allocations(void)
{
    return OWN_ALLOCATOR;
}

int64_t imgz_intercept_live_count(void)
{
    return atomic_load(&live_count);
}

/* True if this call is the one that fails. */
static bool fails(enum imgz_intercept_kind kind, const char *name)
{
    if (!atomic_load(&armed) || plan.kind != kind)
        return false;
    if (atomic_fetch_add(&counts[kind], 1) + 1 != plan.fail_at)
        return false;
    atomic_store(&failed_name, name);
    return true;
}

static bool call_fails(const char *name, int error)
{
    if (!fails(IMGZ_INTERCEPT_CALLS, name))
        return false;
    errno = error;
    return true;
}

/* ---- Transfers ---------------------------------------------------------------------------------
 */

/* Several threads draw from one state: good enough to be unkind. */
static uint64_t next_random(void)
{
    uint64_t value = atomic_fetch_add(&random_state, 0x9e3779b97f4a7c15u);

    value = (value ^ value >> 30) * 0xbf58476d1ce4e5b9u;
    value = (value ^ value >> 27) * 0x94d049bb133111ebu;
    return value ^ value >> 31;
}

static size_t shorten(size_t bytes)
{
    if (!atomic_load(&armed) || bytes < 2 || next_random() % 100 >= plan.short_percent)
        return bytes;
    return 1 + (size_t)(next_random() % (bytes - 1));
}

/* The same for a read that may be direct: those are cut at whole blocks, or go on misaligned. */
static size_t shorten_read(int fd, size_t bytes)
{
    const size_t cut = shorten(bytes);

    if (cut == bytes || (fcntl(fd, F_GETFL) & O_DIRECT) == 0)
        return cut;
    return imgz_align_up(cut, IMGZ_BLOCK_BYTES);
}

static bool interrupted(void)
{
    if (!atomic_load(&armed) || next_random() % 100 >= plan.interrupt_percent)
        return false;
    errno = EINTR;
    return true;
}

ssize_t pread(int fd, void *buffer, size_t bytes, off_t offset)
{
    if (call_fails("pread", EIO) || interrupted())
        return -1;
    if (atomic_load(&armed) && plan.bad_read_offset > 0 &&
        (uint64_t)offset + bytes > plan.bad_read_offset) {
        if ((uint64_t)offset >= plan.bad_read_offset) {
            errno = EIO;
            return -1;
        }
        bytes = (size_t)(plan.bad_read_offset - (uint64_t)offset);
    }
    return syscall(SYS_pread64, fd, buffer, shorten_read(fd, bytes), offset);
}

ssize_t pwrite(int fd, const void *buffer, size_t bytes, off_t offset)
{
    if (call_fails("pwrite", EIO) || interrupted())
        return -1;
    if (atomic_load(&armed) && plan.write_room_bytes > 0 &&
        (uint64_t)offset + bytes > plan.write_room_bytes) {
        if ((uint64_t)offset >= plan.write_room_bytes) {
            errno = ENOSPC;
            return -1;
        }
        bytes = (size_t)(plan.write_room_bytes - (uint64_t)offset);
    }
    return syscall(SYS_pwrite64, fd, buffer, shorten(bytes), offset);
}

/* What /sys says is advice; its files have names of their own here. */
static _Thread_local int advice_fd = -1;

/* What a process of the engine's own says of the machine and of devices is advice, too. */
static _Thread_local int child_fd = -1;

int pipe2(int fds[2], int flags)
{
    if (call_fails("pipe2", EMFILE) || syscall(SYS_pipe2, fds, flags) < 0)
        return -1;
    child_fd = fds[0];
    return 0;
}

/* The name of another process only serves a message (io/device/writers.c). There are as many as
 * happen to have a device open. */
static _Thread_local int process_name_fd = -1;

static pid_t (*next_fork)(void);

__attribute__((constructor)) static void find_next_fork(void)
{
    *(void **)&next_fork = dlsym(RTLD_NEXT, "fork");
}

pid_t fork(void)
{
    return call_fails("fork", EAGAIN) ? -1 : next_fork();
}

ssize_t read(int fd, void *buffer, size_t bytes)
{
    if (fd >= 0 && fd == child_fd)
        return call_fails("read of a child", EIO) ? -1
                                                  : syscall(SYS_read, fd, buffer, shorten(bytes));
    if (fd >= 0 && fd == advice_fd)
        return call_fails("read of /sys", EIO) ? -1 : syscall(SYS_read, fd, buffer, bytes);
    if (fd >= 0 && fd == process_name_fd)
        return syscall(SYS_read, fd, buffer, bytes);
    if (call_fails("read", EIO) || interrupted())
        return -1;
    return syscall(SYS_read, fd, buffer, shorten(bytes));
}

ssize_t write(int fd, const void *buffer, size_t bytes)
{
    /* What is written to a first-error latch's eventfd is no transfer. */
    if (bytes != sizeof(uint64_t) && (call_fails("write", EIO) || interrupted()))
        return -1;
    return syscall(SYS_write, fd, buffer, bytes == sizeof(uint64_t) ? bytes : shorten(bytes));
}

ssize_t pwritev2(int fd, const struct iovec *pieces, int count, off_t offset, int flags)
{
    struct iovec piece = pieces[0];

    IMGZ_ASSERT(count == 1);
    if (call_fails("pwritev2", EIO) || interrupted())
        return -1;
    piece.iov_len = shorten(piece.iov_len);
    return syscall(SYS_pwritev2, fd, &piece, 1, (long)offset, (long)(offset >> 31 >> 31), flags);
}

/* ---- Files -------------------------------------------------------------------------------------
 */

static int open_at(int folder, const char *path, int flags, mode_t mode)
{
    return (int)syscall(SYS_openat, folder, path, flags | O_LARGEFILE, mode);
}

static int open_any(const char *path, int flags, mode_t mode)
{
    const bool advice = strncmp(path, "/sys/", 5) == 0;
    const char *name = "open";
    int fd;

    if (advice)
        name = "open of /sys";
    else if ((flags & O_DIRECT) != 0)
        name = "open for direct I/O";
    if (call_fails(name, EIO))
        return -1;
    fd = open_at(AT_FDCWD, path, flags, mode);
    if (advice)
        advice_fd = fd;
    return fd;
}

int open(const char *path, int flags, ...)
{
    mode_t mode = 0;
    va_list args;

    if ((flags & O_CREAT) != 0) {
        va_start(args, flags);
        mode = va_arg(args, mode_t);
        va_end(args);
    }
    return open_any(path, flags, mode);
}

/* What a fortified build makes of open() with two arguments. */
int __open64_2(const char *path, int flags);
int __open64_2(const char *path, int flags)
{
    return open_any(path, flags, 0);
}

int openat(int folder, const char *path, int flags, ...)
{
    mode_t mode = 0;
    va_list args;
    int fd;

    if ((flags & O_CREAT) != 0) {
        va_start(args, flags);
        mode = va_arg(args, mode_t);
        va_end(args);
    }
    if (call_fails("openat", EIO))
        return -1;
    fd = open_at(folder, path, flags, mode);
    if (strcmp(path, "comm") == 0)
        process_name_fd = fd;
    return fd;
}

int close(int fd)
{
    const bool failing = fails(IMGZ_INTERCEPT_CALLS, "close");
    const int rc = (int)syscall(SYS_close, fd);

    if (fd == advice_fd)
        advice_fd = -1;
    if (fd == child_fd)
        child_fd = -1;
    if (fd == process_name_fd)
        process_name_fd = -1;
    if (!failing)
        return rc;
    errno = EIO;
    return -1;
}

int fsync(int fd)
{
    if (call_fails("fsync", EIO))
        return -1;
    return atomic_load(&armed) && plan.flush_skipped ? 0 : (int)syscall(SYS_fsync, fd);
}

int ftruncate(int fd, off_t bytes)
{
    return call_fails("ftruncate", EIO) ? -1 : (int)syscall(SYS_ftruncate, fd, bytes);
}

off_t lseek(int fd, off_t offset, int whence)
{
    return call_fails("lseek", EIO) ? -1 : (off_t)syscall(SYS_lseek, fd, offset, whence);
}

int flock(int fd, int operation)
{
    return call_fails("flock", EIO) ? -1 : (int)syscall(SYS_flock, fd, operation);
}

int renameat(int from_folder, const char *from, int to_folder, const char *to)
{
    return call_fails("renameat", EIO)
               ? -1
               : (int)syscall(SYS_renameat2, from_folder, from, to_folder, to, 0);
}

int rename(const char *from, const char *to)
{
    return call_fails("rename", EIO) ? -1 : (int)syscall(SYS_rename, from, to);
}

int stat(const char *path, struct stat *status)
{
    return call_fails("stat", EIO) ? -1 : fstatat(AT_FDCWD, path, status, 0);
}

int fstat(int fd, struct stat *status)
{
    return call_fails("fstat", EIO) ? -1 : fstatat(fd, "", status, AT_EMPTY_PATH);
}

/* What is asked of a block device. */
int ioctl(int fd, unsigned long request, ...)
{
    const char *name = request == BLKGETSIZE64 ? "BLKGETSIZE64"
                       : request == BLKROGET   ? "BLKROGET"
                       : request == BLKSSZGET  ? "BLKSSZGET"
                                               : NULL;
    void *argument;
    va_list args;

    va_start(args, request);
    argument = va_arg(args, void *);
    va_end(args);
    if (name != NULL && call_fails(name, EIO))
        return -1;
    return (int)syscall(SYS_ioctl, fd, request, argument);
}

/* Failing, it says that the file system does not know it: the rung below is linkat(). */
int renameat2(int from_folder, const char *from, int to_folder, const char *to, unsigned flags)
{
    return call_fails("renameat2", EINVAL)
               ? -1
               : (int)syscall(SYS_renameat2, from_folder, from, to_folder, to, flags);
}

int eventfd(unsigned count, int flags)
{
    return call_fails("eventfd", EMFILE) ? -1 : (int)syscall(SYS_eventfd2, count, flags);
}

/* ---- Threads, mappings, the ring ---------------------------------------------------------------
 */

/* Found before main(); a sanitizer may call mmap() even before that, when there is one thread. */
static void *(*next_mmap)(void *, size_t, int, int, int, off_t);
static int (*next_pthread_create)(pthread_t *, const pthread_attr_t *, void *(*)(void *), void *);
static int (*next_init_params)(unsigned, struct io_uring *, struct io_uring_params *);

/* The cast is POSIX's own (dlsym(3)). */
__attribute__((constructor)) static void find_next(void)
{
    *(void **)&next_mmap = dlsym(RTLD_NEXT, "mmap64");
    *(void **)&next_pthread_create = dlsym(RTLD_NEXT, "pthread_create");
    *(void **)&next_init_params = dlsym(RTLD_NEXT, "io_uring_queue_init_params");
}

void *mmap(void *address, size_t bytes, int protection, int flags, int fd, off_t offset)
{
    if (call_fails("mmap", ENOMEM))
        return MAP_FAILED;
    if (next_mmap == NULL)
        find_next();
    return next_mmap(address, bytes, protection, flags, fd, offset);
}

int pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*body)(void *),
                   void *argument)
{
    if (fails(IMGZ_INTERCEPT_CALLS, "pthread_create"))
        return EAGAIN;
    if (next_pthread_create == NULL)
        find_next();
    return next_pthread_create(thread, attributes, body, argument);
}

int io_uring_queue_init_params(unsigned entries, struct io_uring *ring, struct io_uring_params *p)
{
    if (atomic_load(&armed) && plan.ring_refused)
        return -EPERM;
    if (fails(IMGZ_INTERCEPT_CALLS, "io_uring_queue_init_params"))
        return -ENOMEM;
    return next_init_params(entries, ring, p);
}

/* ---- Allocations -------------------------------------------------------------------------------
 */

#if OWN_ALLOCATOR

void *__libc_malloc(size_t bytes);
void *__libc_calloc(size_t count, size_t bytes);
void *__libc_realloc(void *old, size_t bytes);
void *__libc_memalign(size_t alignment, size_t bytes);
void __libc_free(void *old);

static bool allocation_fails(const char *name)
{
    if (!fails(IMGZ_INTERCEPT_ALLOCATIONS, name))
        return false;
    errno = ENOMEM;
    return true;
}

static void *counted(void *made)
{
    if (made != NULL)
        atomic_fetch_add(&live_count, 1);
    return made;
}

void *malloc(size_t bytes)
{
    return allocation_fails("malloc") ? NULL : counted(__libc_malloc(bytes));
}

void *calloc(size_t count, size_t bytes)
{
    return allocation_fails("calloc") ? NULL : counted(__libc_calloc(count, bytes));
}

int posix_memalign(void **result, size_t alignment, size_t bytes)
{
    void *made =
        allocation_fails("posix_memalign") ? NULL : counted(__libc_memalign(alignment, bytes));

    if (made == NULL)
        return ENOMEM;
    *result = made;
    return 0;
}

void *realloc(void *old, size_t bytes)
{
    if (allocation_fails("realloc"))
        return NULL;
    return old == NULL ? counted(__libc_malloc(bytes)) : __libc_realloc(old, bytes);
}

void free(void *old)
{
    if (old != NULL)
        atomic_fetch_sub(&live_count, 1);
    __libc_free(old);
}

/* The C library's own goes round realloc(). */
void *reallocarray(void *old, size_t count, size_t bytes)
{
    size_t total;

    if (__builtin_mul_overflow(count, bytes, &total)) {
        errno = ENOMEM;
        return NULL;
    }
    return realloc(old, total);
}

#endif
