#ifndef CTL_OBEYED_H
#define CTL_OBEYED_H

#include "ctl/session.h"

#include <jansson.h>

/*
 * Which speakers have done what an entry of weir:stops says: each tells in weir:speakers up to
 * where it has obeyed. One that is away or gone tells nothing, and is named.
 */
struct obeyed {
    struct names by, not_by;
};

/* Waits some seconds for all that are known. False after the error was said. */
bool obeyed_wait(const struct session *session, const char *stop_id, struct obeyed *ret_obeyed);
void obeyed_done(struct obeyed *obeyed);
/* True when nobody is missing; else they are named, with what to do about them. */
bool obeyed_say(const struct command_context *context, const struct obeyed *obeyed,
                const char *command);
/* {"sp1": true, "sp2": false} */
json_t *obeyed_json(const struct obeyed *obeyed);

/* weir speaker forget NAME */
int forget_run(const struct command_context *context, const char *speaker);

#endif
