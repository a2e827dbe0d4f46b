/* SPDX-License-Identifier: MIT */
#include "io/source/overlay.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define DISK_BYTES 200u

/* A disk that is read in pieces of any size has the patches in their places, and nothing else of
 * them: beside the same disk, patched at once. */
static void pieces_are_patched_as_the_whole_is(void **state)
{
    static const struct {
        uint64_t offset;
        size_t bytes;
        bool zeros;
    } patches[] = {{0, 3, false},  {10, 1, false}, {64, 32, false},
                   {96, 4, false}, {150, 7, true}, {199, 1, false}};
    unsigned char expected[DISK_BYTES];
    struct imgz_overlay overlay = {0};

    (void)state;
    memset(expected, 0xee, sizeof(expected));
    for (size_t i = 0; i < IMGZ_COUNT_OF(patches); i++) {
        unsigned char data[32];

        for (size_t at = 0; at < sizeof(data); at++)
            data[at] = patches[i].zeros ? 0 : (unsigned char)(40 * i + at);
        memcpy(expected + patches[i].offset, data, patches[i].bytes);
        assert_int_equal(imgz_overlay_add(&overlay, patches[i].offset,
                                          patches[i].zeros ? NULL : data, patches[i].bytes),
                         0);
    }
    for (size_t step = 1; step <= DISK_BYTES; step++) {
        for (size_t at = 0; at < DISK_BYTES; at += step) {
            const size_t bytes = (size_t)imgz_min(step, DISK_BYTES - at);
            unsigned char *piece = malloc(bytes); /* a sanitizer sees what is beside it */

            assert_non_null(piece);
            memset(piece, 0xee, bytes);
            imgz_overlay_apply(&overlay, at, piece, bytes);
            assert_memory_equal(piece, expected + at, bytes);
            free(piece);
        }
    }
    imgz_overlay_fini(&overlay);
    imgz_overlay_fini(&overlay);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pieces_are_patched_as_the_whole_is),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
