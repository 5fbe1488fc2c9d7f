#ifndef COMMON_SERVICE_CONFIG_REFERENCE_H
#define COMMON_SERVICE_CONFIG_REFERENCE_H

#include "common/base/text.h"

/*
 * Every key of a configuration, in Markdown: docs/configuration.md is what this writes. It comes
 * from the tables that the reader goes by, and what a value may be from the readers themselves:
 * each is handed something that it refuses, and what it says that it expected is written down.
 */
void config_reference(struct text *out);

#endif
