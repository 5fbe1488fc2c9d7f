#ifndef COMMON_SERVICE_CONFIG_FIXED_H
#define COMMON_SERVICE_CONFIG_FIXED_H

#include "common/service/config.h"

/*
 * What a running process cannot change: where these differ, the old value is put into the new
 * config and the key is told to on_kept, so that what a process does and what its config says
 * stay the same until it is started anew.
 */
enum status config_keep_fixed(struct config *config, const struct config *old, const char *kind,
                              void (*on_kept)(void *owner, const char *key), void *owner);

#endif
