/* SPDX-License-Identifier: MIT */
/* Prints what an image says of itself and of the disk in it: example_info IMAGE. */
#include <imgz/imgz.h>
#include <stdio.h>

int main(int argc, char **argv)
{
    struct imgz_image_info info = {.struct_bytes = sizeof(info)};
    struct imgz_device disk = {.struct_bytes = sizeof(disk)};
    struct imgz_error error = {.struct_bytes = sizeof(error)};
    struct imgz_devices *disks = NULL;
    struct imgz_image *image = NULL;
    const char *key;
    const char *value;

    if (argc != 2)
        return 2;
    if (imgz_image_open(argv[1], &image, &error) < 0) {
        fprintf(stderr, "%s\n", error.text);
        return 1;
    }
    imgz_image_get_info(image, &info);
    printf("%llu bytes, root hash %s\n", (unsigned long long)info.raw_bytes, info.root_hash_text);
    for (uint32_t i = 0; imgz_image_get_meta(image, i, &key, &value) == 0; i++)
        printf("%s: %s\n", key, value);
    if (imgz_image_disk(image, &disks) == 0 && imgz_devices_get(disks, 0, &disk) == 0)
        printf("%u partitions, %s\n", (unsigned)disk.partition_count, disk.contents);
    imgz_devices_free(disks);
    imgz_image_close(image);
    return 0;
}
