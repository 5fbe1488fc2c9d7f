#ifndef SPEAKER_EXABGP_ANSWER_H
#define SPEAKER_EXABGP_ANSWER_H

#include "common/base/addr.h"

/*
 * One line that ExaBGP writes to its process: an answer to a command, a line of the table of
 * neighbours that was asked for, or what has happened to a neighbour. Of both encoders, and as
 * versions 4 and 5 say it.
 */
enum answer_kind {
    ANSWER_OTHER, /* nothing that is of use here */
    ANSWER_DONE,
    ANSWER_ERROR,
    ANSWER_TABLE,    /* a table of neighbours begins */
    ANSWER_NEIGHBOR, /* in it: one that is established */
    ANSWER_UP,
    ANSWER_DOWN,
    ANSWER_SHUTDOWN, /* ExaBGP ends */
};

enum { ANSWER_WHY_MAX = 160 };

struct answer {
    enum answer_kind kind;
    struct ip_addr neighbor;  /* of NEIGHBOR, UP, DOWN */
    char why[ANSWER_WHY_MAX]; /* of ERROR and DOWN, as ExaBGP says it, or "" */
};

struct answer answer_parse(const char *line, size_t len);

#endif
