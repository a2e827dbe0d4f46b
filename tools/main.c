/* SPDX-License-Identifier: MIT */
#include "command.h"
#include "signals.h"
#include "streams.h"

int main(int argc, char **argv)
{
    streams_fill_closed();
    signals_ignore_write_signals();
    return streams_finish(command_main(argc, argv));
}
