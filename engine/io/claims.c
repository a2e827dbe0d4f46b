/* SPDX-License-Identifier: MIT */
#include "io/claims.h"

#include <dirent.h>
#include <string.h>

#include "base/text.h"
#include "io/sysfs.h"

/* What a search looks for. */
struct search {
    const struct imgz_stack *stack;
    dev_t target;
    struct imgz_claims *claims;
};

/* ---- Claims ------------------------------------------------------------------------------- */

/* The next claim to be filled in; one that is counted only, if the list is full. */
static struct imgz_claim *add_claim(struct imgz_claims *claims, enum imgz_override kind)
{
    struct imgz_claim *claim = NULL;

    if (claims->count < IMGZ_CLAIMS_MAX) {
        claim = &claims->list[claims->count];
        memset(claim, 0, sizeof(*claim));
        claim->kind = kind;
    }
    claims->kinds |= (uint32_t)kind;
    claims->count += 1;
    return claim;
}

/* A claim by 'device' if it lies on the target; NULL if not, or if the list is full. */
static struct imgz_claim *claim_by_device(const struct search *search, dev_t device,
                                          enum imgz_override kind)
{
    struct imgz_claim *claim;
    dev_t on;

    if (!imgz_stack_lies_on(search->stack, device, search->target, &on))
        return NULL;
    claim = add_claim(search->claims, kind);
    if (claim == NULL)
        return NULL;
    claim->itself = device == search->target;
    imgz_stack_name_number(search->stack, device, claim->device, sizeof(claim->device));
    imgz_stack_name_number(search->stack, on, claim->on, sizeof(claim->on));
    return claim;
}

static void find_mounts(const struct search *search)
{
    struct libmnt_iter *position = mnt_new_iter(MNT_ITER_FORWARD);
    struct libmnt_fs *mount;

    if (position != NULL && search->stack->mounts != NULL) {
        while (mnt_table_next_fs(search->stack->mounts, position, &mount) == 0) {
            const char *folder = mnt_fs_get_target(mount);
            const bool root = folder != NULL && strcmp(folder, "/") == 0;
            struct imgz_claim *claim =
                claim_by_device(search, imgz_stack_device_of_mount(search->stack, mount),
                                root ? IMGZ_OVERRIDE_ROOT : IMGZ_OVERRIDE_MOUNTED);

            if (claim != NULL)
                imgz_text_set(claim->by, sizeof(claim->by), "%s", folder != NULL ? folder : "?");
        }
    }
    mnt_free_iter(position);
}

static void find_swaps(const struct search *search)
{
    struct libmnt_iter *position = mnt_new_iter(MNT_ITER_FORWARD);
    struct libmnt_fs *swap;

    while (position != NULL && mnt_table_next_fs(search->stack->swaps, position, &swap) == 0) {
        const char *source = mnt_fs_get_source(swap);
        struct imgz_claim *claim;

        if (source == NULL)
            continue;
        claim = claim_by_device(search, imgz_stack_device_of_path(search->stack, source),
                                IMGZ_OVERRIDE_SWAP);
        if (claim != NULL)
            imgz_text_set(claim->by, sizeof(claim->by), "%s", source);
    }
    mnt_free_iter(position);
}

/* Device mapper, MD and the like: folder/holders names them. */
static void find_holders(const struct search *search, const char *folder)
{
    const struct dirent *entry;
    char holders[PATH_MAX];
    DIR *directory;

    imgz_text_set(holders, sizeof(holders), "%s/holders", folder);
    directory = opendir(holders);
    if (directory == NULL)
        return;
    while ((entry = readdir(directory)) != NULL) {
        char holder[PATH_MAX + 260];
        struct imgz_claim *claim;

        if (entry->d_name[0] == '.')
            continue;
        claim = add_claim(search->claims, IMGZ_OVERRIDE_HELD);
        if (claim == NULL)
            continue;
        imgz_stack_name_device(folder, claim->device, sizeof(claim->device));
        imgz_stack_name_device(folder, claim->on, sizeof(claim->on));
        imgz_text_set(holder, sizeof(holder), "%s/%s", holders, entry->d_name);
        imgz_stack_name_device(holder, claim->by, sizeof(claim->by));
    }
    closedir(directory);
}

/* Holders of the target, of its disk, and of its partitions. */
static void find_all_holders(const struct search *search)
{
    struct imgz_sysfs_place place;
    const struct dirent *entry;
    DIR *directory;

    if (!imgz_sysfs_find(search->stack->root, search->target, &place))
        return;
    find_holders(search, place.own);
    if (strcmp(place.own, place.disk) != 0) {
        find_holders(search, place.disk);
        return;
    }
    directory = opendir(place.own);
    while (directory != NULL && (entry = readdir(directory)) != NULL) {
        char partition[PATH_MAX + 260];

        imgz_text_set(partition, sizeof(partition), "%s/%s", place.own, entry->d_name);
        if (entry->d_name[0] != '.' && imgz_sysfs_number(partition, "partition") != 0)
            find_holders(search, partition);
    }
    if (directory != NULL)
        closedir(directory);
}

/* Loop devices hold nothing that sysfs shows below: their file, or the device they are made of,
 * tells. */
static void find_loops(const struct search *search)
{
    const struct dirent *entry;
    char folder[PATH_MAX];
    DIR *directory;

    imgz_text_set(folder, sizeof(folder), "%s/sys/block", search->stack->root);
    directory = opendir(folder);
    if (directory == NULL)
        return;
    while ((entry = readdir(directory)) != NULL) {
        char loop[PATH_MAX + 260];
        char file[PATH_MAX];
        struct imgz_claim *claim;

        imgz_text_set(loop, sizeof(loop), "%s/%s", folder, entry->d_name);
        imgz_sysfs_text(loop, "loop/backing_file", file, sizeof(file));
        if (file[0] == '\0')
            continue;
        claim = claim_by_device(search, imgz_stack_device_of_path(search->stack, file),
                                IMGZ_OVERRIDE_HELD);
        if (claim == NULL)
            continue;
        imgz_sysfs_device_path(loop, claim->by, sizeof(claim->by));
        imgz_text_set(claim->file, sizeof(claim->file), "%s", file);
    }
    closedir(directory);
}

static void find_image(const struct search *search, const char *image)
{
    struct imgz_claim *claim =
        claim_by_device(search, imgz_stack_device_of_path(search->stack, image),
                        IMGZ_OVERRIDE_IMAGE_DISK);

    if (claim != NULL)
        imgz_text_set(claim->by, sizeof(claim->by), "%s", image);
}

void imgz_claims_find(const struct imgz_stack *stack, dev_t device, const char *image,
                      struct imgz_claims *claims)
{
    const struct search search = {stack, device, claims};

    memset(claims, 0, sizeof(*claims));
    find_mounts(&search);
    find_swaps(&search);
    find_all_holders(&search);
    find_loops(&search);
    if (image != NULL)
        find_image(&search, image);
}

/* ---- For people --------------------------------------------------------------------------- */

void imgz_claim_use(const struct imgz_claim *claim, char *text, size_t text_bytes)
{
    switch (claim->kind) {
    case IMGZ_OVERRIDE_MOUNTED:
        imgz_text_set(text, text_bytes, "mounted at %s", claim->by);
        return;
    case IMGZ_OVERRIDE_ROOT:
        imgz_text_set(text, text_bytes, "mounted at / (the running system)");
        return;
    case IMGZ_OVERRIDE_SWAP:
        imgz_text_set(text, text_bytes, "%s", strcmp(claim->by, claim->device) == 0 ? "swap" : "");
        if (text[0] == '\0')
            imgz_text_set(text, text_bytes, "swap (%s)", claim->by);
        return;
    case IMGZ_OVERRIDE_HELD:
        imgz_text_set(text, text_bytes, claim->file[0] != '\0' ? "held by %s (%s)" : "held by %s%s",
                      claim->by, claim->file);
        return;
    case IMGZ_OVERRIDE_IMAGE_DISK:
        imgz_text_set(text, text_bytes, "where the image %s is read from", claim->by);
        return;
    case IMGZ_OVERRIDE_SECTOR_SIZE:
    case IMGZ_OVERRIDE_TOO_SMALL:
        break;
    }
    text[0] = '\0';
}

void imgz_claim_what(const struct imgz_claim *claim, char *text, size_t text_bytes)
{
    char use[sizeof(claim->by) + sizeof(claim->file) + 64];

    imgz_claim_use(claim, use, sizeof(use));
    if (strcmp(claim->device, claim->on) == 0)
        imgz_text_set(text, text_bytes, "%s is %s", claim->device, use);
    else
        imgz_text_set(text, text_bytes, "%s on %s is %s", claim->device, claim->on, use);
}

static bool begins(const char *text, const char *with)
{
    return strncmp(text, with, strlen(with)) == 0;
}

void imgz_claim_undo(const struct imgz_claim *claim, char *text, size_t text_bytes)
{
    text[0] = '\0';
    if (claim->kind == IMGZ_OVERRIDE_MOUNTED)
        imgz_text_set(text, text_bytes, "umount %s", claim->by);
    else if (claim->kind == IMGZ_OVERRIDE_SWAP)
        imgz_text_set(text, text_bytes, "swapoff %s", claim->by);
    else if (claim->kind == IMGZ_OVERRIDE_IMAGE_DISK)
        imgz_text_set(text, text_bytes, "move the image to another disk");
    else if (claim->kind == IMGZ_OVERRIDE_HELD && claim->file[0] != '\0')
        imgz_text_set(text, text_bytes, "losetup -d %s", claim->by);
    else if (claim->kind == IMGZ_OVERRIDE_HELD && begins(claim->by, "/dev/md"))
        imgz_text_set(text, text_bytes, "mdadm --stop %s", claim->by);
    else if (claim->kind == IMGZ_OVERRIDE_HELD && begins(claim->by, "/dev/mapper/"))
        imgz_text_set(text, text_bytes, "dmsetup remove %s", imgz_sysfs_name(claim->by));
}
