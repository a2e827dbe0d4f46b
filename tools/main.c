/* SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "command.h"
#include "environment.h"
#include "signals.h"
#include "streams.h"

/* The library asks hwloc for nodes and cores only. By default hwloc would load plugins for graphics
 * cards, which takes longer than all the rest, and complain of the machine's firmware on standard
 * error. What the environment sets already is kept. */
static void calm_hwloc(void)
{
    setenv("HWLOC_PLUGINS_PATH", "", 0);
    setenv("HWLOC_HIDE_ERRORS", "2", 0);
}

/* A core dump would hold what is read and written. To debug imgz itself, IMGZ_CORE=1 keeps the
 * limit of the shell. */
static void forbid_core_dumps(void)
{
    const char *wanted = environment_get("IMGZ_CORE");
    struct rlimit limit;

    if ((wanted != NULL && strcmp(wanted, "1") == 0) || getrlimit(RLIMIT_CORE, &limit) < 0)
        return;
    limit.rlim_cur = 0;
    (void)setrlimit(RLIMIT_CORE, &limit);
}

int main(int argc, char **argv)
{
    forbid_core_dumps();
    streams_fill_closed();
    streams_make_patient();
    calm_hwloc();
    signals_start();
    return streams_finish(command_main(argc, argv));
}
