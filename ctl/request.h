#ifndef CTL_REQUEST_H
#define CTL_REQUEST_H

#include "ctl/command.h"
#include "proto/scope.h"

/*
 * What a person asks of policy: one entry in weir:requests, and the answer in weir:reply:<id>,
 * waited for as long as the request is valid.
 *
 *   request_begin() → request_add() … → request_send()
 */
void request_begin(struct request *ret_request, const char *verb);
/* NULL adds nothing. False, said as wrong usage, when it is too long or there are too many. */
bool request_add(const struct command_context *context, struct request *request, const char *name,
                 const char *value);
/* Prints the answer; the command's exit status. */
int request_send(const struct command_context *context, struct request *request);

/* "alice@host": who is at this terminal; before sudo, where that was used. */
void request_who(char ret_who[NAME_MAX_LEN + 1]);

/* values: what --platform, --peer, --method, --alarm and --family gave, by kind. At most one; none
 * means all. False, said as wrong usage, otherwise. */
bool request_scope(const struct command_context *context, const char *const *values,
                   struct scope *ret_scope);

#endif
