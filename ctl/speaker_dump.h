#ifndef CTL_SPEAKER_DUMP_H
#define CTL_SPEAKER_DUMP_H

#include "ctl/command.h"

/* What each of these speakers has sent its peers and stands there, as MRT records into a file; `-`
 * is standard output. A file is there as a whole or not at all. True when all of them told. */
bool speaker_dump(const struct command_context *context, const struct command_values *sockets,
                  const char *file);

#endif
