/* SPDX-License-Identifier: MIT */
#include <stdlib.h>

#include "command.h"
#include "signals.h"
#include "streams.h"

/* The library asks hwloc for nodes and cores only. By itself hwloc would load plugins for graphics
 * cards, which takes longer than all the rest, and print on standard error what it thinks of the
 * machine's firmware. Whoever sets these in the environment means it. */
static void calm_hwloc(void)
{
    setenv("HWLOC_PLUGINS_PATH", "", 0);
    setenv("HWLOC_HIDE_ERRORS", "2", 0);
}

int main(int argc, char **argv)
{
    streams_fill_closed();
    streams_make_patient();
    calm_hwloc();
    signals_start();
    return streams_finish(command_main(argc, argv));
}
