#ifndef CTL_UP_H
#define CTL_UP_H

#include "ctl/command.h"

/* `weir up`: all processes on this machine, with two Redis servers of their own, until Ctrl-C. */
int up_run(const struct command_context *context, int argc, char **argv);

#endif
