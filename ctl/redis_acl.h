#ifndef CTL_REDIS_ACL_H
#define CTL_REDIS_ACL_H

#include "common/service/config.h"

/*
 * The ACL file of a Redis server: etc/redis/state.acl or telemetry.acl with this configuration's
 * prefix and passwords. A user without a password file is off. Only for owners' eyes: passwords are
 * in it as they are.
 *
 * MALFORMED: a password that an ACL file cannot hold; IO: one that cannot be read; *why says which.
 */
enum status redis_acl_add(struct text *ret_acl, const struct config *config, bool is_state,
                          struct text *why);

/* "state", the name of a telemetry server, or "telemetry" for the first of them. NULL: none. */
const struct config_redis_server *redis_acl_server(const struct config *config, const char *name,
                                                   bool *ret_is_state);

#endif
