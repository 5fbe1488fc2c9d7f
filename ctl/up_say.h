#ifndef CTL_UP_SAY_H
#define CTL_UP_SAY_H

#include "common/service/config.h"
#include "ctl/up_child.h"

/* What `weir up` tells the person who started it. Every command in it can be pasted as it is. */

/* What to do next; as JSON: {"up": true, "config": …, "dry_run": …, "udp": […]}. */
void up_say_next(const struct config *config, bool as_json);
/* Which children are not ready, and why, on standard error. */
void up_say_not_ready(const struct config *config, const struct child *children, size_t count);

#endif
