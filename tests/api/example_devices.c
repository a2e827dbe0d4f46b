/* SPDX-License-Identifier: MIT */
/* Lists the drives of this machine and their partitions: example_devices. */
#include <imgz/imgz.h>
#include <stdio.h>

int main(void)
{
    struct imgz_partition partition = {.struct_bytes = sizeof(partition)};
    struct imgz_device device = {.struct_bytes = sizeof(device)};
    struct imgz_error error = {.struct_bytes = sizeof(error)};
    struct imgz_devices *devices = NULL;

    if (imgz_devices_list(&devices, &error) < 0) {
        fprintf(stderr, "%s\n", error.text);
        return 1;
    }
    printf("%zu drives\n", imgz_devices_count(devices));
    for (size_t i = 0; imgz_devices_get(devices, i, &device) == 0; i++) {
        printf("%s: %llu bytes, %s, %s\n", device.path, (unsigned long long)device.size_bytes,
               device.model, device.in_use);
        for (uint32_t k = 0; imgz_devices_get_partition(devices, i, k, &partition) == 0; k++)
            printf("  %s: %s\n", partition.path, partition.contents);
    }
    imgz_devices_free(devices);
    return 0;
}
