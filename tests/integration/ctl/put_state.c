#include "common/redis/keys.h"
#include "common/redis/redis.h"
#include "flowspec/rule.h"
#include "proto/alarm.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/*
 * Writes what policy and a speaker would write, so that the commands can be tried on a
 * known state; and plays policy for one request.
 *
 *   put_state write ADDRESS               what stands and what ended
 *   put_state answer ADDRESS yes|no TEXT  waits for a request, prints it, answers
 */
static const uint64_t born_ms = 1767323045000; /* 2026-01-02T03:04:05Z */
static struct redis_sync *redis;

static void die(const char *what, const char *why)
{
    fprintf(stderr, "put_state: %s: %s\n", what, why);
    exit(1);
}

static void connect_to(const char *address)
{
    struct text why;
    text_init(&why, 0);
    redis_sync_close(redis);
    if (redis_sync_open(
            &redis,
            &(struct redis_options){
                .name = "test", .address = address, .timeout_ms = 20000, .clock = clock_system()},
            &why) != STATUS_OK)
        die(address, text_str(&why));
    text_done(&why);
}

/* A command that grows: names and values of a hash or an entry. */
struct command {
    struct redis_arg args[160];
    char texts[160][512];
    size_t count;
};
static struct command command;

static void begin(const char *const *words, size_t count)
{
    command.count = 0;
    for (size_t i = 0; i < count; i++)
        command.args[command.count++] = (struct redis_arg){words[i], strlen(words[i])};
}

static void add_text(const char *text)
{
    char *copy = command.texts[command.count];
    (void)snprintf(copy, sizeof command.texts[0], "%s", text);
    command.args[command.count++] = (struct redis_arg){copy, strlen(copy)};
}

static void add_field(void *owner, const char *name, const char *value)
{
    (void)owner;
    add_text(name);
    add_text(value);
}

static const struct redis_reply *run(void)
{
    const struct redis_reply *reply;
    if (redis_sync_command(redis, command.args, command.count, &reply) != STATUS_OK)
        die(command.args[0].bytes, redis_sync_error(redis));
    return reply;
}

static void run_with_pb(enum status encoded, struct text *pb)
{
    if (encoded != STATUS_OK)
        die("encode", status_name(encoded));
    command.args[command.count++] = (struct redis_arg){"pb", 2};
    command.args[command.count++] = (struct redis_arg){pb->at, pb->len};
    (void)run();
    text_done(pb);
}

static const char *name_of(enum key_id id, const char *part)
{
    static char names[8][KEY_NAME_MAX];
    static size_t next;
    char *name = names[next++ % 8];
    if (key_name(name, "weir:", id, part) == NULL)
        die("key", part);
    return name;
}

static void put_member(enum key_id set, const char *member, uint64_t score_ms)
{
    const struct redis_reply *reply;
    if (redis_sync_commandf(redis, &reply, "ZADD %s %llu %s", name_of(set, NULL),
                            (unsigned long long)score_ms, member) != STATUS_OK)
        die("ZADD", redis_sync_error(redis));
}

/* --- the state server ---------------------------------------------------------------------------
 */

static void put_alarm(const char *id, const char *policy, uint8_t state, uint64_t crossed_ms,
                      const char *mitigation)
{
    static struct alarm a;
    struct text pb;
    memset(&a, 0, sizeof a);
    (void)snprintf(a.id, sizeof a.id, "%s", id);
    (void)snprintf(a.policy, sizeof a.policy, "%s", policy);
    (void)strcpy(a.key_text, "dst_addr=198.51.100.45");
    (void)strcpy(a.threshold_text, "bps 1.00 Gbps");
    a.state = state;
    a.severity = 3;
    a.window_ms = 1000;
    a.at_crossing = (struct alarm_rates){1.2e9, 300000, 900, 1.1e9, 1.3e9};
    a.now = (struct alarm_rates){2e9, 500000, 1000, 1.9e9, 2.1e9};
    a.peak = (struct alarm_rates){2.5e9, 600000, 1100, 2.4e9, 2.6e9};
    a.times.crossed_ms = crossed_ms;
    a.times.active_ms = crossed_ms + 5;
    a.times.ended_ms = state == ALARM_ENDED ? crossed_ms + 60000 : 0;
    a.contributors[0].exporter = addr_from_ipv4(0xc0000201);
    a.contributors[0].share_permille = 625;
    a.contributor_count = 1;
    if (mitigation != NULL)
        (void)snprintf(a.mitigations[a.mitigation_count++], ID_TEXT_MAX, "%s", mitigation);
    else
        (void)strcpy(a.not_mitigated, "protected");
    a.revision = 7;
    text_init(&pb, 0);
    begin((const char *[]){"HSET", name_of(KEY_ALARM, id)}, 2);
    alarm_plain_fields(&a, add_field, NULL);
    run_with_pb(alarm_encode(&a, &pb), &pb);
    if (state != ALARM_ENDED)
        put_member(KEY_ALARMS_ACTIVE, id, crossed_ms);
}

struct known {
    const char *id, *alarm, *rule, *peer, *result; /* peer NULL: all */
    uint8_t state;
    bool dry_run;
    uint64_t after_ms; /* made that long after born_ms */
};

static void put_mitigation(const struct known *k)
{
    static struct mitigation m;
    static struct flow_rule rule;
    struct flow_actions actions;
    struct rule_error error;
    struct text pb;
    memset(&m, 0, sizeof m);
    if (rule_parse_text(&rule, &actions, k->rule, &error) != STATUS_OK ||
        nlri_encode(&rule, m.nlri, sizeof m.nlri, &m.nlri_len) != STATUS_OK ||
        actions_encode(&actions, m.communities, &m.community_count, &error) != STATUS_OK)
        die(k->rule, error.why);
    (void)snprintf(m.id, sizeof m.id, "%s", k->id);
    (void)snprintf(m.alarm, sizeof m.alarm, "%s", k->alarm);
    (void)strcpy(m.policy, "host-udp");
    (void)strcpy(m.method, "limit-udp");
    if (k->alarm[0] == '\0') {
        m.origin = ORIGIN_PERSON;
        (void)strcpy(m.who, "alice@noc");
        (void)strcpy(m.reason, "red\x1b[31mtext\xff");
    }
    (void)snprintf(m.rule, sizeof m.rule, "%s", k->rule);
    if (k->peer != NULL)
        (void)snprintf(m.peers[m.peer_count++], sizeof m.peers[0], "%s", k->peer);
    m.family = rule.family;
    m.state = k->state;
    m.dry_run = k->dry_run;
    m.epoch = 41;
    m.revision = 3;
    m.crossed_ms = born_ms;
    m.decided_ms = born_ms + 8;
    m.created_ms = born_ms + k->after_ms;
    m.active_ms = born_ms + k->after_ms + 12;
    text_init(&pb, 0);
    begin((const char *[]){"HSET", name_of(KEY_MITIGATION, k->id)}, 2);
    mitigation_plain_fields(&m, add_field, NULL);
    add_field(NULL, "peer:sp1/mx1", k->result);
    run_with_pb(mitigation_encode(&m, &pb), &pb);
    if (k->state < MITIGATION_WITHDRAWN)
        put_member(KEY_MITIGATIONS_ACTIVE, k->id, m.created_ms);
}

static void put_job(const char *mitigation, uint64_t revision, const char *stream_id)
{
    struct job job = {.verb = JOB_ANNOUNCE,
                      .epoch = 41,
                      .revision = revision,
                      .crossed_ms = born_ms,
                      .decided_ms = born_ms + 8,
                      .written_ms = born_ms + 9};
    struct text pb;
    (void)snprintf(job.mitigation, sizeof job.mitigation, "%s", mitigation);
    text_init(&pb, 0);
    begin((const char *[]){"XADD", name_of(KEY_JOBS, NULL), stream_id}, 3);
    job_plain_fields(&job, add_field, NULL);
    run_with_pb(job_encode(&job, &pb), &pb);
}

static void put_result(const char *mitigation, uint64_t revision, uint8_t kind, const char *reason,
                       const char *stream_id)
{
    struct job_result r = {.speaker = "sp1",
                           .peer = "mx1",
                           .revision = revision,
                           .kind = kind,
                           .at_ms = born_ms + 12,
                           .since_crossed_us = 12500};
    struct text pb;
    (void)snprintf(r.mitigation, sizeof r.mitigation, "%s", mitigation);
    (void)snprintf(r.reason, sizeof r.reason, "%s", reason);
    text_init(&pb, 0);
    begin((const char *[]){"XADD", name_of(KEY_RESULTS, NULL), stream_id}, 3);
    job_result_plain_fields(&r, add_field, NULL);
    run_with_pb(job_result_encode(&r, &pb), &pb);
}

static void put_state(void)
{
    static const struct known mitigations[] = {
        {"m-1", "a-1",
         "match destination 198.51.100.0/24 protocol =udp source-port =53 then rate-limit 10Mbps",
         NULL, "sent", MITIGATION_ACTIVE, false, 10},
        {"m-2", "", "match destination 198.51.100.45/32 protocol =udp then discard", "mx1",
         "refused: too wide", MITIGATION_ANNOUNCING, false, 20},
        {"m-3", "a-2", "match destination 2001:db8::1/128 protocol =udp then discard", NULL,
         "dry-run", MITIGATION_ACTIVE, true, 30},
        {"m-0", "a-0", "match destination 198.51.100.9/32 protocol =udp then discard", NULL,
         "withdrawn", MITIGATION_WITHDRAWN, false, 0}};
    put_alarm("a-0", "host-udp", ALARM_ENDED, born_ms - 90000, "m-0");
    put_alarm("a-1", "host-udp", ALARM_ACTIVE, born_ms, "m-1");
    put_alarm("a-2", "evil\x1b]0;x\x07", ALARM_CLEARING, born_ms + 1000, NULL);
    for (size_t i = 0; i < sizeof mitigations / sizeof mitigations[0]; i++)
        put_mitigation(&mitigations[i]);
    put_job("m-2", 1, "1767323045006-0");
    put_job("m-1", 1, "1767323045008-0");
    put_job("m-2", 3, "1767323045020-0");
    /* Of revisions that no job told of, as when a lease is renewed. */
    put_result("m-2", 2, RESULT_HELD, "drill", "1767323045010-0");
    put_result("m-1", 1, RESULT_SENT, "", "1767323045012-0");
    put_result("m-2", 5, RESULT_REFUSED, "too wide", "1767323045022-0");
}

/* --- as policy ----------------------------------------------------------------------------------
 */

static const struct redis_reply *next_request(void)
{
    const struct redis_reply *reply;
    if (redis_sync_commandf(redis, &reply, "XREAD COUNT 1 BLOCK 15000 STREAMS %s %s",
                            name_of(KEY_REQUESTS, NULL), "0") != STATUS_OK)
        die("XREAD", redis_sync_error(redis));
    if (reply->type != REDIS_ARRAY || reply->count != 1)
        die("XREAD", "no request came");
    return &reply->items[0].items[1].items[0].items[1];
}

static void answer(bool ok, const char *text)
{
    static struct request request;
    static struct reply reply;
    struct text pb;
    const struct redis_reply *fields = next_request();
    const struct redis_reply *bytes = redis_field(fields, "pb");
    if (bytes == NULL ||
        request_decode(&request, (const uint8_t *)bytes->bytes, bytes->len) != STATUS_OK)
        die("request", "cannot be read");
    for (const char *const *name = (const char *const[]){"id", "verb", "who", "expires_at", NULL};
         *name != NULL; name++)
        printf("%s=%s\n", *name, redis_field(fields, *name)->bytes);
    for (size_t i = 0; i < request.arg_count; i++)
        printf("arg %s=%s\n", request.args[i].name, request.args[i].value);
    printf("pb %s %s %" PRIu64 "\n", request.id, request.verb, request.expires_at_ms);

    (void)snprintf(reply.id, sizeof reply.id, "%s", request.id);
    (void)snprintf(reply.text, sizeof reply.text, "%s", text);
    reply.ok = ok;
    if (ok)
        (void)strcpy(reply.ids[reply.id_count++], "m-9");
    text_init(&pb, 0);
    if (reply_encode(&reply, &pb) != STATUS_OK)
        die("reply", "cannot be written");
    begin((const char *[]){"RPUSH", name_of(KEY_REPLY, request.id)}, 2);
    command.args[command.count++] = (struct redis_arg){pb.at, pb.len};
    (void)run();
    text_done(&pb);
    begin((const char *[]){"DEL", name_of(KEY_REQUESTS, NULL)}, 2);
    (void)run();
}

int main(int argc, char **argv)
{
    if (argc == 3 && strcmp(argv[1], "write") == 0) {
        connect_to(argv[2]);
        put_state();
    } else if (argc == 5 && strcmp(argv[1], "answer") == 0) {
        connect_to(argv[2]);
        answer(strcmp(argv[3], "yes") == 0, argv[4]);
    } else {
        die("usage", "write STATE | answer STATE yes|no TEXT");
    }
    redis_sync_close(redis);
    return 0;
}
