/* SPDX-License-Identifier: MIT */
#include "base/base.h"

#include <stdio.h>
#include <stdlib.h>

void imgz_assert_fail(const char *condition, const char *file, int line)
{
    fprintf(stderr, "imgz: internal error: %s does not hold (%s:%d); please report this\n",
            condition, file, line);
    abort();
}
