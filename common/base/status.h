#ifndef COMMON_BASE_STATUS_H
#define COMMON_BASE_STATUS_H

/* One line per outcome: name, text for people. Names also become metric labels, so never rename. */
#define STATUS_LIST(X)                                                                             \
    X(OK, "ok")                                                                                    \
    X(END, "no more items")                                                                        \
    X(TRUNCATED, "input ends before the value does")                                               \
    X(MALFORMED, "input breaks the format's rules")                                                \
    X(UNSUPPORTED, "valid, but not handled here")                                                  \
    X(NO_TEMPLATE, "data set arrived before its template")                                         \
    X(NOT_FOUND, "no such item")                                                                   \
    X(EXISTS, "already there")                                                                     \
    X(RANGE, "value outside the allowed range")                                                    \
    X(LIMIT, "a configured limit was reached")                                                     \
    X(REFUSED, "not allowed")                                                                      \
    X(FENCED, "another leader has a newer epoch")                                                  \
    X(HELD, "announcements are on hold")                                                           \
    X(AWAY, "not connected")                                                                       \
    X(TIMEOUT, "no answer in time")                                                                \
    X(NO_MEMORY, "out of memory")                                                                  \
    X(IO, "operating system or peer error")

enum status {
#define X(name, text) STATUS_##name,
    STATUS_LIST(X)
#undef X
        STATUS_COUNT
};

const char *status_name(enum status s); /* "TRUNCATED"; never NULL */
const char *status_text(enum status s); /* "input ends before the value does"; never NULL */

#endif
