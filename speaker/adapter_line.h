#ifndef SPEAKER_ADAPTER_LINE_H
#define SPEAKER_ADAPTER_LINE_H

#include "flowspec/rule.h"
#include "proto/alarm.h"

#include <jansson.h>

/*
 * A line of the adapter socket, and what is said of its rule in the answer. No I/O.
 *
 *   {"announce": {"flow": {"match": …, "then": …}}, "ttl": "10m", "reason": "…"}
 *   {"withdraw": {"flow": {"match": …}}, "exact": true, "reason": "…"}
 *
 * What is beside the rule may also stand inside "announce" and "flow", where some tools have room
 * for it; "ttl" may be called "for", and is a time with its unit or a number of seconds.
 */
struct adapter_line {
    bool withdraw, exact;
    uint64_t ttl_ms; /* 0: none was named */
    char reason[REASON_MAX];
    struct flow_rule rule; /* canonical */
    struct flow_actions actions;
    char text[RULE_TEXT_MAX]; /* of both, as policy reads it */
    uint8_t nlri[NLRI_MAX];
    size_t nlri_len;
};

/* in_bytes: a bare rate-limit is bytes a second, else bits. */
enum status adapter_line_parse(struct adapter_line *ret_line, const char *line, size_t len,
                               bool in_bytes, struct rule_error *ret_error);

/* {"ok": false, "error": …} */
json_t *adapter_refusal(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* The rule in its own words: "rule", "flow", and of an announcement always "rate-limit" in the
 * socket's unit, "rate-limit-unit" and "rate-limit-bytes": 0 for discard, null where nothing limits
 * bytes. */
void adapter_add_rule(json_t *answer, const struct flow_rule *rule,
                      const struct flow_actions *actions, bool in_bytes);

/* The components that both have with the same values; the first has so many. */
size_t adapter_common(const struct flow_rule *a, const struct flow_rule *b);
size_t adapter_components(const struct flow_rule *rule);

#endif
