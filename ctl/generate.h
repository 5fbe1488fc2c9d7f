#ifndef CTL_GENERATE_H
#define CTL_GENERATE_H

#include "ctl/command.h"

/* `weir generate`: flow export of a small network, and of an attack, to a collector. */
int generate_run(const struct command_context *context, int argc, char **argv);

#endif
