#ifndef COLLECTOR_DECODE_TIMEOUT_H
#define COLLECTOR_DECODE_TIMEOUT_H

#include <stdbool.h>
#include <stdint.h>

/*
 * The active timeout that options tell (element 36), by which the records of exporters that keep a
 * flow's start through all of its exports are shortened to what their counters are of. Too short a
 * time would make rates of volumes too high, so in doubt it is the longer one: of all that were
 * told in the last hour or two, the longest; and none below what such routers can be set to.
 */
enum { TIMEOUT_LEAST_MS = 10000 }; /* Junos: 10 to 1800 s */

struct timeout {
    uint32_t longest_ms[2]; /* told in this window, and in the one before; 0: none */
    uint64_t since_ms;
};

/* Of an observation domain. */
struct timeouts {
    struct timeout whole; /* told of all of its records */
    struct timeout any;   /* of these or of a template's */
};

/* 0: none was told. */
static inline uint32_t timeout_longest(const struct timeout *t)
{
    return t->longest_ms[0] > t->longest_ms[1] ? t->longest_ms[0] : t->longest_ms[1];
}
/* What bounds the records of a template; 0: nothing. */
uint32_t timeout_of_records(const struct timeouts *of_domain, const struct timeout *of_template);

struct decode_context;
struct decode_plan;
struct plan_record;
/* What a record of options tells: of a template, where its scope is one, else of all the domain. */
void timeout_read_options(struct decode_context *context, const struct decode_plan *plan,
                          const struct plan_record *record);
/* What bounds the records of a set: those of a stream beside the main one by what it told, where it
 * told any; and if it goes on from the main one, by what stands as well. */
struct decode_template;
uint32_t timeout_of_set(const struct decode_context *context, const struct decode_template *t);
/* What another stream of the domain was told stands as well. */
void timeout_merge(struct timeouts *timeouts, const struct timeouts *told, uint64_t now_ms);
void timeout_merge_one(struct timeout *timeout, const struct timeout *told, uint64_t now_ms);
/* Whether it changes nothing of what stands. */
bool timeout_is_known(const struct decode_context *context, const struct plan_record *record);
/* One of a snapshot. */
void timeout_restore(struct timeouts *timeouts, uint32_t told_ms, uint64_t now_ms);
/* For one. */
uint32_t timeout_to_save(const struct timeouts *timeouts);

#endif
