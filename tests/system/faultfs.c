/* SPDX-License-Identifier: MIT */
/*
 * A folder that refuses what it is told to, as a FUSE filesystem: what is done in DIR is done in
 * BACKING, and lines written to DIR/.faultfs, at any time, change how it behaves.
 *
 *     faultfs BACKING DIR            serves in the foreground until it is unmounted
 *
 *     clear                          as new
 *     refuse WHAT ERROR [COUNT [NAMES]]
 *                                    WHAT fails with ERROR (a name such as EPERM), COUNT times, or
 *                                    for ever if it is -1 or left out; NAMES: only for files whose
 *                                    name (without the folder) matches this pattern of the shell
 *     size NAMES BYTES               files of these names are said to be so large
 *
 * WHAT is what imgz may want of a file system:
 *
 *     open create read write allocate truncate fsync unlink link rename mkdir chmod xattr lock
 *     stat                           of a name that was seen before; else looking it up fails, too;
 *                                    never of DIR itself
 *     reopen                         opening a file that is open
 *     direct                         opening with O_DIRECT
 *     fsyncdir                       fsync() of a folder
 *     noreplace                      renameat2() with flags
 *     colon                          any use of a name with a colon in it
 *
 * DIR/.faultfs reads as what was asked for since it was told to be clear, refused or not, each a
 * line "WHAT NAME" (not stat, read and write, which are many); the first of them.
 *
 * Names are cached by the kernel, so files are to be made and removed through DIR. Attributes are
 * not. ENOSYS is special: the kernel believes it, and never asks for that again.
 */
#define FUSE_USE_VERSION 31
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <fuse.h>
#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "faultfs_rules.h"

#define FILES_MAX 4096

static int root_fd;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct {
    dev_t device;
    ino_t inode;     /* 0: not open */
} opened[FILES_MAX]; /* by descriptor; guarded by lock */

/* What an operation of FUSE returns for that of a system call. */
static int answer(int rc)
{
    return rc < 0 ? -errno : 0;
}

/* The path within the folder that is served. */
static const char *inside(const char *path)
{
    return path[1] == '\0' ? "." : path + 1;
}

static int is_control(const char *path)
{
    return path != NULL && strcmp(path, "/.faultfs") == 0;
}

/* ---- Files that are open ------------------------------------------------------------------ */

static int is_open(const char *path)
{
    struct stat status;
    int found = 0;

    if (fstatat(root_fd, inside(path), &status, AT_SYMLINK_NOFOLLOW) < 0)
        return 0;
    pthread_mutex_lock(&lock);
    for (int fd = 0; fd < FILES_MAX; fd++)
        found |= opened[fd].inode == status.st_ino && opened[fd].device == status.st_dev;
    pthread_mutex_unlock(&lock);
    return found;
}

static void remember(int fd, const struct stat *status)
{
    if (fd >= FILES_MAX)
        return;
    pthread_mutex_lock(&lock);
    opened[fd].device = status == NULL ? 0 : status->st_dev;
    opened[fd].inode = status == NULL ? 0 : status->st_ino;
    pthread_mutex_unlock(&lock);
}

/* The kernel's buffers need not be aligned, so O_DIRECT ends here; so does O_APPEND, since the
 * kernel says where to write. */
static int open_inside(const char *path, struct fuse_file_info *info, mode_t mode)
{
    const int flags = (info->flags & ~(O_DIRECT | O_APPEND)) | O_NOFOLLOW | O_CLOEXEC;
    const int fd = openat(root_fd, inside(path), flags, mode);
    struct stat status;
    off_t bytes;

    if (fd < 0)
        return -errno;
    if (fstat(fd, &status) == 0)
        remember(fd, &status);
    info->fh = (uint64_t)fd;
    info->direct_io = faultfs_told_size(path, &bytes) != 0; /* reads are not cut at that size */
    return 0;
}

static int open_file(const char *path, struct fuse_file_info *info)
{
    int rc;

    if (is_control(path)) {
        info->direct_io = 1;
        return 0;
    }
    rc = faultfs_refusal("open", path);
    if (rc == 0 && (info->flags & O_DIRECT) != 0)
        rc = faultfs_refusal("direct", path);
    if (rc == 0 && is_open(path))
        rc = faultfs_refusal("reopen", path);
    return rc < 0 ? rc : open_inside(path, info, 0);
}

static int create_file(const char *path, mode_t mode, struct fuse_file_info *info)
{
    const struct fuse_context *caller = fuse_get_context();
    int rc = faultfs_refusal("create", path);

    if (rc == 0 && (info->flags & O_DIRECT) != 0)
        rc = faultfs_refusal("direct", path);
    if (rc == 0)
        rc = open_inside(path, info, mode);
    if (rc == 0 && fchown((int)info->fh, caller->uid, caller->gid) < 0)
        rc = -errno;
    return rc;
}

static int release_file(const char *path, struct fuse_file_info *info)
{
    if (is_control(path))
        return 0;
    remember((int)info->fh, NULL);
    return answer(close((int)info->fh));
}

static int read_file(const char *path, char *buffer, size_t bytes, off_t offset,
                     struct fuse_file_info *info)
{
    ssize_t moved;
    int rc;

    if (is_control(path))
        return faultfs_show(buffer, bytes, offset);
    rc = faultfs_refusal("read", path);
    if (rc < 0)
        return rc;
    moved = pread((int)info->fh, buffer, bytes, offset);
    return moved < 0 ? -errno : (int)moved;
}

static int write_file(const char *path, const char *data, size_t bytes, off_t offset,
                      struct fuse_file_info *info)
{
    ssize_t moved;
    int rc;

    if (is_control(path))
        return faultfs_tell(data, bytes);
    rc = faultfs_refusal("write", path);
    if (rc < 0)
        return rc;
    moved = pwrite((int)info->fh, data, bytes, offset);
    return moved < 0 ? -errno : (int)moved;
}

static int flush_file(const char *path, int data_only, struct fuse_file_info *info)
{
    const int rc = is_control(path) ? 0 : faultfs_refusal("fsync", path);

    (void)data_only;
    if (rc < 0 || is_control(path))
        return rc;
    return answer(fsync((int)info->fh));
}

static int allocate(const char *path, int mode, off_t offset, off_t bytes,
                    struct fuse_file_info *info)
{
    const int rc = faultfs_refusal("allocate", path);

    return rc < 0 ? rc : answer(fallocate((int)info->fh, mode, offset, bytes));
}

static off_t seek(const char *path, off_t offset, int whence, struct fuse_file_info *info)
{
    const off_t found = lseek((int)info->fh, offset, whence);

    (void)path;
    return found < 0 ? -errno : found;
}

static int lock_file(const char *path, struct fuse_file_info *info, int operation)
{
    const int rc = faultfs_refusal("lock", path);

    return rc < 0 ? rc : answer(flock((int)info->fh, operation));
}

/* ---- Names and attributes ----------------------------------------------------------------- */

static int get_attributes(const char *path, struct stat *status, struct fuse_file_info *info)
{
    int rc;

    if (is_control(path)) {
        memset(status, 0, sizeof(*status));
        status->st_mode = S_IFREG | 0666;
        status->st_nlink = 1;
        return 0;
    }
    rc = path == NULL || strcmp(path, "/") == 0 ? 0 : faultfs_refusal("stat", path);
    if (rc < 0)
        return rc;
    rc = info != NULL ? fstat((int)info->fh, status)
                      : fstatat(root_fd, inside(path), status, AT_SYMLINK_NOFOLLOW);
    if (rc < 0)
        return -errno;
    if (path != NULL && S_ISREG(status->st_mode))
        (void)faultfs_told_size(path, &status->st_size);
    return 0;
}

static int list(const char *path, void *buffer, fuse_fill_dir_t fill, off_t offset,
                struct fuse_file_info *info, enum fuse_readdir_flags flags)
{
    const int fd = openat(root_fd, inside(path), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *folder = fd < 0 ? NULL : fdopendir(fd);

    (void)offset, (void)info, (void)flags;
    if (folder == NULL)
        return -errno;
    for (struct dirent *entry = readdir(folder); entry != NULL; entry = readdir(folder))
        fill(buffer, entry->d_name, NULL, 0, 0);
    closedir(folder);
    return 0;
}

static int set_size(const char *path, off_t bytes, struct fuse_file_info *info)
{
    int rc;

    if (is_control(path))
        return 0;
    rc = faultfs_refusal("truncate", path);
    if (rc == 0 && info == NULL) {
        const int fd = openat(root_fd, inside(path), O_WRONLY | O_NOFOLLOW | O_CLOEXEC);

        if (fd < 0)
            return -errno;
        rc = answer(ftruncate(fd, bytes));
        close(fd);
    } else if (rc == 0) {
        rc = answer(ftruncate((int)info->fh, bytes));
    }
    return rc;
}

static int remove_file(const char *path)
{
    const int rc = faultfs_refusal("unlink", path);

    return rc < 0 ? rc : answer(unlinkat(root_fd, inside(path), 0));
}

static int remove_folder(const char *path)
{
    return answer(unlinkat(root_fd, inside(path), AT_REMOVEDIR));
}

static int make_folder(const char *path, mode_t mode)
{
    const struct fuse_context *caller = fuse_get_context();
    const int rc = faultfs_refusal("mkdir", path);

    if (rc < 0)
        return rc;
    if (mkdirat(root_fd, inside(path), mode) < 0 ||
        fchownat(root_fd, inside(path), caller->uid, caller->gid, AT_SYMLINK_NOFOLLOW) < 0)
        return -errno;
    return 0;
}

static int make_link(const char *from, const char *to)
{
    const int rc = faultfs_refusal("link", to);

    return rc < 0 ? rc : answer(linkat(root_fd, inside(from), root_fd, inside(to), 0));
}

static int make_symlink(const char *target, const char *path)
{
    return answer(symlinkat(target, root_fd, inside(path)));
}

static int read_symlink(const char *path, char *buffer, size_t bytes)
{
    const ssize_t length = readlinkat(root_fd, inside(path), buffer, bytes - 1);

    if (length < 0)
        return -errno;
    buffer[length] = '\0';
    return 0;
}

static int rename_file(const char *from, const char *to, unsigned int flags)
{
    int rc = faultfs_refusal("rename", to);

    if (rc == 0 && flags != 0)
        rc = faultfs_refusal("noreplace", to);
    return rc < 0 ? rc : answer(renameat2(root_fd, inside(from), root_fd, inside(to), flags));
}

static int set_mode(const char *path, mode_t mode, struct fuse_file_info *info)
{
    const int rc = faultfs_refusal("chmod", path);

    if (rc < 0)
        return rc;
    if (info != NULL)
        return answer(fchmod((int)info->fh, mode));
    return answer(fchmodat(root_fd, inside(path), mode, 0));
}

static int set_owner(const char *path, uid_t owner, gid_t group, struct fuse_file_info *info)
{
    (void)info;
    return answer(fchownat(root_fd, inside(path), owner, group, AT_SYMLINK_NOFOLLOW));
}

static int set_times(const char *path, const struct timespec times[2], struct fuse_file_info *info)
{
    (void)info;
    return answer(utimensat(root_fd, inside(path), times, AT_SYMLINK_NOFOLLOW));
}

static int flush_folder(const char *path, int data_only, struct fuse_file_info *info)
{
    (void)data_only, (void)info;
    return faultfs_refusal("fsyncdir", path);
}

static int get_space(const char *path, struct statvfs *space)
{
    (void)path;
    return answer(fstatvfs(root_fd, space));
}

/* There is no call for an extended attribute beside a folder's descriptor. */
static void make_place(const char *path, char place[PATH_MAX])
{
    (void)snprintf(place, PATH_MAX, "/proc/self/fd/%d/%s", root_fd, inside(path));
}

static int set_xattr(const char *path, const char *name, const char *value, size_t bytes, int flags)
{
    const int rc = faultfs_refusal("xattr", path);
    char place[PATH_MAX];

    make_place(path, place);
    return rc < 0 ? rc : answer(lsetxattr(place, name, value, bytes, flags));
}

static int get_xattr(const char *path, const char *name, char *value, size_t bytes)
{
    const int rc = faultfs_refusal("xattr", path);
    char place[PATH_MAX];
    ssize_t length;

    make_place(path, place);
    if (rc < 0)
        return rc;
    length = lgetxattr(place, name, value, bytes);
    return length < 0 ? -errno : (int)length;
}

static int list_xattrs(const char *path, char *names, size_t bytes)
{
    char place[PATH_MAX];
    ssize_t length;

    make_place(path, place);
    length = llistxattr(place, names, bytes);
    return length < 0 ? -errno : (int)length;
}

static int remove_xattr(const char *path, const char *name)
{
    const int rc = faultfs_refusal("xattr", path);
    char place[PATH_MAX];

    make_place(path, place);
    return rc < 0 ? rc : answer(lremovexattr(place, name));
}

/* A file that is removed while it is open is gone at once, as elsewhere. */
static void *begin(struct fuse_conn_info *connection, struct fuse_config *config)
{
    (void)connection;
    config->use_ino = 1;
    config->hard_remove = 1;
    config->attr_timeout = 0;
    config->entry_timeout = 60;
    return NULL;
}

static const struct fuse_operations operations = {
    .init = begin,
    .getattr = get_attributes,
    .readdir = list,
    .open = open_file,
    .create = create_file,
    .release = release_file,
    .read = read_file,
    .write = write_file,
    .fsync = flush_file,
    .fallocate = allocate,
    .lseek = seek,
    .flock = lock_file,
    .truncate = set_size,
    .unlink = remove_file,
    .rmdir = remove_folder,
    .mkdir = make_folder,
    .link = make_link,
    .symlink = make_symlink,
    .readlink = read_symlink,
    .rename = rename_file,
    .chmod = set_mode,
    .chown = set_owner,
    .utimens = set_times,
    .fsyncdir = flush_folder,
    .statfs = get_space,
    .setxattr = set_xattr,
    .getxattr = get_xattr,
    .listxattr = list_xattrs,
    .removexattr = remove_xattr,
};

int main(int argc, char **argv)
{
    char options[] = "-odefault_permissions,allow_other";
    char *arguments[] = {argv[0], "-f", options, argc == 3 ? argv[2] : NULL, NULL};

    if (argc != 3) {
        fprintf(stderr, "usage: faultfs BACKING DIR\n");
        return 2;
    }
    root_fd = open(argv[1], O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (root_fd < 0) {
        perror(argv[1]);
        return 1;
    }
    umask(0);
    return fuse_main(4, arguments, &operations, NULL);
}
