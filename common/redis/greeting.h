#ifndef COMMON_REDIS_GREETING_H
#define COMMON_REDIS_GREETING_H

#include "common/redis/redis_internal.h"

/*
 * What a fresh connection says first: AUTH, then PING (a server that still loads its data, or wants
 * a password, says so), then TIME. Calls redis_on_greeted(), or redis_lose() with the reason.
 */
void greeting_send(struct redis *redis);

/* Measures the server's clock again; while the connection is up, every 10 s. */
void greeting_measure(struct redis *redis);

#endif
