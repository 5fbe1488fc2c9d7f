#ifndef COLLECTOR_DECODE_REASON_H
#define COLLECTOR_DECODE_REASON_H

/*
 * Each way a datagram, or a part of it, can be refused: name, text for people. Names become label
 * values of weir_collector_refused_total and fields of weir:exporter hashes, so never rename.
 */
#define DECODE_REASON_LIST(X)                                                                      \
    X(OK, "ok")                                                                                    \
    X(EMPTY, "too short to hold a version")                                                        \
    X(VERSION, "first octets name no format we know")                                              \
    X(HEADER, "shorter than its header, or the header names no agent that we can read")            \
    X(COUNT, "header announces more records than the datagram holds")                              \
    X(LENGTH, "header announces more octets than the datagram holds, or fewer than itself")        \
    X(SET_LENGTH, "a set's length is impossible")                                                  \
    X(SET_ID, "a set id that the format reserves")                                                 \
    X(NO_TEMPLATE, "data set before its template, or one that the template does not fit")          \
    X(TEMPLATE, "a template breaks the format's rules")                                            \
    X(TEMPLATE_FIELDS, "a template has more fields than the limit")                                \
    X(RECORD, "a record runs past the end of its set or sample")                                   \
    X(TOTAL, "a flow's total grew by more than its packets can carry")                             \
    X(SAMPLE, "a sample breaks the format's rules")                                                \
    X(SAMPLE_KIND, "a sample of a kind that we do not know")                                       \
    X(PACKET, "a sampled header is no packet that we can read")                                    \
    X(OTHER_SENDER, "a template or option of a second sender who brings little")                   \
    X(EXPORTERS, "more exporters at once than the limit, and the others are known better")         \
    X(NO_MEMORY, "out of memory")

enum decode_reason {
#define X(name, text) DECODE_##name,
    DECODE_REASON_LIST(X)
#undef X
        DECODE_REASON_COUNT
};

const char *decode_reason_name(enum decode_reason reason); /* "NO_TEMPLATE"; never NULL */
const char *decode_reason_text(enum decode_reason reason); /* never NULL */

#endif
