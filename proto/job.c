#include "proto/alarm.h"
#include "proto/job.pb-c.h"
#include "proto/map.h"
#include "proto/message.h"
#include "proto/state.h"

#include <string.h>

typedef Weir__V1__Job job_message;
typedef Weir__V1__JobResult result_message;

static const char *const result_kind_names[] = {
#define X(name, text) text,
    RESULT_KINDS(X)
#undef X
};

#define X(name, text)                                                                              \
    _Static_assert((int)RESULT_##name == (int)WEIR__V1__RESULT_KIND__RESULT_##name, "as in "       \
                                                                                    ".proto");
RESULT_KINDS(X)
#undef X
_Static_assert((int)JOB_WITHDRAW == (int)WEIR__V1__JOB_VERB__JOB_WITHDRAW, "as in .proto");

const char *job_verb_name(enum job_verb v)
{
    switch (v) {
    case JOB_ANNOUNCE:
        return "announce";
    case JOB_WITHDRAW:
        return "withdraw";
    }
    return "unknown";
}

const char *result_kind_name(enum result_kind k)
{
    return (unsigned int)k < RESULT_KIND_COUNT ? result_kind_names[k] : "unknown";
}

static const struct map_field job_map[] = {
    MAP_ENUM(struct job, verb, job_message, verb, JOB_WITHDRAW + 1),
    MAP_TEXT(struct job, mitigation, job_message, mitigation),
    MAP_U64(struct job, epoch, job_message, epoch),
    MAP_U64(struct job, revision, job_message, revision),
    MAP_U64(struct job, crossed_ms, job_message, crossed_ms),
    MAP_U64(struct job, tick_ms, job_message, tick_ms),
    MAP_U64(struct job, decided_ms, job_message, decided_ms),
    MAP_U64(struct job, written_ms, job_message, written_ms),
};
enum { JOB_MAP = sizeof(job_map) / sizeof(job_map[0]) };

static const struct scan_rules job_rules = {
    .type = &weir__v1__job__descriptor,
    .len_max = STATE_LEN_MAX,
    .fields_max = STATE_FIELDS_MAX,
};

static const struct map_field result_map[] = {
    MAP_TEXT(struct job_result, speaker, result_message, speaker),
    MAP_TEXT(struct job_result, peer, result_message, peer),
    MAP_TEXT(struct job_result, mitigation, result_message, mitigation),
    MAP_U64(struct job_result, revision, result_message, revision),
    MAP_ENUM(struct job_result, kind, result_message, kind, RESULT_KIND_COUNT),
    MAP_ENUM(struct job_result, verb, result_message, verb, JOB_WITHDRAW + 1),
    MAP_TEXT(struct job_result, reason, result_message, reason),
    MAP_U64(struct job_result, at_ms, result_message, at_ms),
    MAP_U64(struct job_result, since_crossed_us, result_message, since_crossed_us),
};
enum { RESULT_MAP = sizeof(result_map) / sizeof(result_map[0]) };

static const struct scan_rules result_rules = {
    .type = &weir__v1__job_result__descriptor,
    .len_max = STATE_LEN_MAX,
    .fields_max = STATE_FIELDS_MAX,
};

/* For nouns that their map says wholly: zeroed, then filled. */
static enum status decode(const struct scan_rules *rules, const struct map_field *map, size_t count,
                          const uint8_t *bytes, size_t len, void *ret_noun, size_t noun_size)
{
    ProtobufCMessage *message = NULL;
    struct scan_result lens;
    enum status status = message_unpack(rules, bytes, len, &message, &lens, NULL);
    if (status != STATUS_OK)
        return status;
    status = map_check(map, count, message);
    if (status == STATUS_OK) {
        memset(ret_noun, 0, noun_size);
        map_to_noun(map, count, message, ret_noun);
    }
    protobuf_c_message_free_unpacked(message, NULL);
    return status;
}

enum status job_encode(const struct job *job, struct text *ret_bytes)
{
    job_message m;
    weir__v1__job__init(&m);
    enum status status = map_to_message(job_map, JOB_MAP, job, &m);
    return status == STATUS_OK ? message_append(&job_rules, &m.base, NULL, ret_bytes) : status;
}

enum status job_decode(struct job *ret_job, const uint8_t *bytes, size_t len)
{
    return decode(&job_rules, job_map, JOB_MAP, bytes, len, ret_job, sizeof(*ret_job));
}

enum status job_result_encode(const struct job_result *result, struct text *ret_bytes)
{
    result_message m;
    weir__v1__job_result__init(&m);
    enum status status = map_to_message(result_map, RESULT_MAP, result, &m);
    return status == STATUS_OK ? message_append(&result_rules, &m.base, NULL, ret_bytes) : status;
}

enum status job_result_decode(struct job_result *ret_result, const uint8_t *bytes, size_t len)
{
    return decode(&result_rules, result_map, RESULT_MAP, bytes, len, ret_result,
                  sizeof(*ret_result));
}
