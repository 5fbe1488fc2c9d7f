#ifndef CTL_NOUNS_H
#define CTL_NOUNS_H

#include "common/redis/redis.h"
#include "proto/alarm.h"

#include <jansson.h>

/*
 * The state server's nouns as the JSON objects that commands print; what people read is made from
 * the same objects. Instants are Unix ms, null where not reached.
 */
json_t *noun_alarm(const struct alarm *alarm);
/* hash: HGETALL of the mitigation, for what each peer was sent; may be NULL. */
json_t *noun_mitigation(const struct mitigation *m, const struct redis_reply *hash);
json_t *noun_job(const struct job *job, const char *stream_id);
json_t *noun_result(const struct job_result *result);

/* Hashes and entries as they came: NOT_FOUND without a field pb, MALFORMED when it cannot be read.
 */
enum status noun_alarm_of(const struct redis_reply *hash, json_t **ret_alarm);
enum status noun_mitigation_of(const struct redis_reply *hash, json_t **ret_mitigation);

/* Every field of a hash but pb, as strings. */
json_t *noun_plain(const struct redis_reply *hash);
/* Makes numbers of the members that read as one: those that are named, or (all_but) all others. */
void noun_numbers(json_t *object, const char *const *names, size_t count, bool all_but);

#endif
