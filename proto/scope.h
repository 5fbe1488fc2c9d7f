#ifndef PROTO_SCOPE_H
#define PROTO_SCOPE_H

#include "common/base/status.h"
#include "proto/alarm.h"

/*
 * Which routes a withdraw-all or a resume means: all, or those of one platform, peer, method,
 * alarm or family. As text ("all", "peer:mx1", "family:ipv4") it is a field of weir:hold, whose
 * value says who and why, and the field "scope" of an entry in weir:stops, beside "verb"
 * ("withdraw-all" or "resume"), "who" and "why". A hold keeps down what it matches until a resume
 * of the same scope, or of "all", which ends every hold.
 */
enum scope_kind {
    SCOPE_ALL,
    SCOPE_PLATFORM,
    SCOPE_PEER,
    SCOPE_METHOD,
    SCOPE_ALARM,
    SCOPE_FAMILY,
    SCOPE_KIND_COUNT
};

struct scope {
    uint8_t kind;                 /* enum scope_kind */
    char value[NAME_MAX_LEN + 1]; /* "" for SCOPE_ALL; of SCOPE_FAMILY "ipv4" or "ipv6" */
};

enum { SCOPE_TEXT_MAX = NAME_MAX_LEN + 12 };

/* "platform", "peer", …: the options of the commands, and the part before the colon. */
const char *scope_kind_name(enum scope_kind kind);
enum status scope_make(struct scope *ret_scope, enum scope_kind kind, const char *value);
enum status scope_parse(struct scope *ret_scope, const char *text);
const char *scope_format(const struct scope *scope, char ret_text[SCOPE_TEXT_MAX]);
bool scope_equal(const struct scope *a, const struct scope *b);

enum stop_verb { STOP_WITHDRAW_ALL, STOP_RESUME, STOP_VERB_COUNT };
const char *stop_verb_name(enum stop_verb verb); /* "withdraw-all", "resume" */
enum status stop_verb_parse(enum stop_verb *ret_verb, const char *text);

#endif
