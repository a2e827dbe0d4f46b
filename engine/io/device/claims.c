/* SPDX-License-Identifier: MIT */
#include "io/device/claims.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "base/text.h"

/* What a search looks for. */
struct search {
    struct imgz_device_stack *stack;
    dev_t target;
    struct imgz_claims *claims;
    bool unknown; /* sysfs does not know the target */
};

/* ---- Claims ------------------------------------------------------------------------------- */

/* The next claim to be filled in. If the list is full it is only counted: NULL. */
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

    if (!imgz_device_stack_lies_on(search->stack, device, search->target, &on))
        return NULL;
    claim = add_claim(search->claims, kind);
    if (claim == NULL)
        return NULL;
    claim->itself = device == search->target;
    imgz_device_stack_name_number(search->stack, device, claim->device, sizeof(claim->device));
    imgz_device_stack_name_number(search->stack, on, claim->on, sizeof(claim->on));
    return claim;
}

/* One by one; false at the end. */
static bool next_mount(const struct search *search, struct libmnt_table *table,
                       struct libmnt_iter *position, struct libmnt_fs **mount)
{
    if (position == NULL)
        imgz_sysfs_note(&search->stack->sysfs, -ENOMEM);
    return position != NULL && table != NULL && mnt_table_next_fs(table, position, mount) == 0;
}

/* The file system itself, not only this mount of it. */
static bool is_read_only(struct libmnt_fs *mount)
{
    const char *options = mnt_fs_get_fs_options(mount);

    return options != NULL && mnt_optstr_get_option(options, "ro", NULL, NULL) == 0;
}

static void find_mounts(const struct search *search)
{
    struct libmnt_iter *position = mnt_new_iter(MNT_ITER_FORWARD);
    struct libmnt_fs *mount;

    while (next_mount(search, search->stack->mounts, position, &mount)) {
        const char *folder = mnt_fs_get_target(mount);
        const bool root = folder != NULL && strcmp(folder, "/") == 0;
        struct imgz_claim *claim =
            claim_by_device(search, imgz_device_stack_device_of_mount(search->stack, mount),
                            root ? IMGZ_OVERRIDE_ROOT : IMGZ_OVERRIDE_MOUNTED);

        if (claim == NULL)
            continue;
        claim->read_only = is_read_only(mount);
        imgz_text_set(claim->by, sizeof(claim->by), "%s", folder != NULL ? folder : "?");
    }
    mnt_free_iter(position);
}

static void find_swaps(const struct search *search)
{
    struct libmnt_iter *position = mnt_new_iter(MNT_ITER_FORWARD);
    struct libmnt_fs *swap;

    while (next_mount(search, search->stack->swaps, position, &swap)) {
        const char *source = mnt_fs_get_source(swap);
        struct imgz_claim *claim;

        if (source == NULL)
            continue;
        claim = claim_by_device(search, imgz_device_stack_device_of_path(search->stack, source),
                                IMGZ_OVERRIDE_SWAP);
        if (claim != NULL)
            imgz_text_set(claim->by, sizeof(claim->by), "%s", source);
    }
    mnt_free_iter(position);
}

/* Who holds one device: the target, its disk, or a partition of it. */
struct held {
    const struct search *search;
    const char *folder;
};

static bool add_holder(void *context, const char *holder)
{
    const struct held *held = context;
    struct imgz_device_stack *stack = held->search->stack;
    struct imgz_claim *claim = add_claim(held->search->claims, IMGZ_OVERRIDE_HELD);

    if (claim == NULL)
        return false;
    imgz_device_stack_name_device(stack, held->folder, claim->device, sizeof(claim->device));
    imgz_device_stack_name_device(stack, held->folder, claim->on, sizeof(claim->on));
    imgz_device_stack_name_device(stack, holder, claim->by, sizeof(claim->by));
    return false;
}

/* Device mapper, MD and the like: folder/holders names them. */
static void find_holders(const struct search *search, const char *folder)
{
    struct held held = {search, folder};
    char holders[PATH_MAX];

    imgz_text_set(holders, sizeof(holders), "%s/holders", folder);
    (void)imgz_sysfs_each(&search->stack->sysfs, holders, add_holder, &held);
}

static bool find_holders_of_partition(void *context, const char *folder)
{
    const struct search *search = context;

    if (imgz_sysfs_number(&search->stack->sysfs, folder, "partition") != 0)
        find_holders(search, folder);
    return false;
}

/* Holders of the target, of its disk, and of its partitions. */
static void find_all_holders(struct search *search)
{
    struct imgz_sysfs *sysfs = &search->stack->sysfs;
    struct imgz_sysfs_place place;

    if (!imgz_sysfs_find(sysfs, search->target, &place)) {
        search->unknown = true;
        return;
    }
    find_holders(search, place.own);
    if (strcmp(place.own, place.disk) != 0)
        find_holders(search, place.disk);
    else
        (void)imgz_sysfs_each(sysfs, place.own, find_holders_of_partition, search);
}

static bool add_loop(void *context, const char *loop)
{
    const struct search *search = context;
    char file[PATH_MAX];
    struct imgz_claim *claim;

    imgz_sysfs_text(&search->stack->sysfs, loop, "loop/backing_file", file, sizeof(file));
    if (file[0] == '\0')
        return false;
    claim = claim_by_device(search, imgz_device_stack_device_of_path(search->stack, file),
                            IMGZ_OVERRIDE_HELD);
    if (claim == NULL)
        return false;
    imgz_sysfs_device_path(loop, claim->by, sizeof(claim->by));
    imgz_text_set(claim->file, sizeof(claim->file), "%s", file);
    return false;
}

/* sysfs does not show what loop devices hold: their file, or the device they are made of, does. */
static void find_loops(struct search *search)
{
    char folder[PATH_MAX];

    imgz_text_set(folder, sizeof(folder), "%s/sys/block", search->stack->sysfs.root);
    (void)imgz_sysfs_each(&search->stack->sysfs, folder, add_loop, search);
}

static void find_writers(const struct search *search)
{
    const struct imgz_writers *writers = &search->stack->writers;

    for (size_t i = 0; i < writers->count; i++) {
        const struct imgz_writer *writer = &writers->list[i];
        struct imgz_claim *claim = claim_by_device(search, writer->device, IMGZ_OVERRIDE_HELD);

        if (claim == NULL)
            continue;
        claim->by_program = true;
        imgz_text_set(claim->by, sizeof(claim->by), "%s, process %" PRIu64, writer->name,
                      writer->process);
    }
}

static void find_image(const struct search *search, const char *image)
{
    struct imgz_claim *claim =
        claim_by_device(search, imgz_device_stack_device_of_path(search->stack, image),
                        IMGZ_OVERRIDE_IMAGE_DISK);

    if (claim != NULL)
        imgz_text_set(claim->by, sizeof(claim->by), "%s", image);
}

int imgz_claims_find(struct imgz_device_stack *stack, dev_t device, const char *image,
                     struct imgz_claims *claims)
{
    struct search search = {.stack = stack, .target = device, .claims = claims};

    memset(claims, 0, sizeof(*claims));
    find_mounts(&search);
    find_swaps(&search);
    find_all_holders(&search);
    find_loops(&search);
    find_writers(&search);
    if (image != NULL)
        find_image(&search, image);
    if (stack->sysfs.failed_rc < 0)
        return stack->sysfs.failed_rc;
    return search.unknown ? -ENODEV : 0;
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
    case IMGZ_OVERRIDE_CHANGED:
    case IMGZ_OVERRIDE_PARTITION:
    case IMGZ_OVERRIDE_NO_ROOM:
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
