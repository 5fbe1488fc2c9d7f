#include "common/redis/scripts.h"
#include "flowspec/route.h"
#include "flowspec/rule.h"
#include "proto/alarm.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/*
 * Does what policy does when it announces or withdraws, so that a speaker can be tested alone:
 * takes the lead, then writes a mitigation's hash and its job by the same script.
 *
 *   put_mitigation REDIS ID REVISION STATE 'match … then …' [NAME=VALUE …]
 *
 * or 'blackhole PREFIX NEXT-HOP', which has the community BLACKHOLE of RFC 7999.
 *
 * NAME: peer (may repeat), dry_run, until_in_ms, lease_ms, job (announce, withdraw, none), method,
 * alarm, crossed_ago_ms, copies (as many mitigations, ID-0, ID-1, …, with {i} in the rule replaced
 * by the number, {a} by 10.0.0.0 and the number), gap_us (between two of them). Prints the last
 * job's id.
 */
enum { AHEAD = 64 };

struct put {
    struct redis *redis;
    uv_loop_t loop;
    struct mitigation m;
    const char *job; /* verb, or NULL */
    const char *id, *rule;
    uint64_t until_in_ms, crossed_ago_ms, epoch, copies, copy, written, gap_us;
    struct write_field fields[2][64];
    size_t counts[2];
    char texts[2][64][RULE_TEXT_MAX];
    int which;
    int exit_status;
};

static void die(const char *what, const char *why)
{
    fprintf(stderr, "put_mitigation: %s: %s\n", what, why);
    exit(1);
}

static void add_field(void *owner, const char *name, const char *value)
{
    struct put *p = owner;
    size_t i = p->counts[p->which]++;
    snprintf(p->texts[p->which][i], RULE_TEXT_MAX, "%s", value);
    p->fields[p->which][i] = write_field_text(name, p->texts[p->which][i]);
}

static void add_pb(struct put *p, const struct text *pb)
{
    p->fields[p->which][p->counts[p->which]++] =
        (struct write_field){.name = "pb", .value = {.bytes = pb->at, .len = pb->len}};
}

static void on_redis_closed(void *owner)
{
    (void)owner;
}

static void finish(struct put *p, int exit_status)
{
    p->exit_status = exit_status;
    redis_close(p->redis, on_redis_closed, p);
}

static void read_blackhole(struct mitigation *m, const char *text)
{
    static const uint8_t blackhole[COMMUNITY_STANDARD_LEN] = {0xff, 0xff, 0x02, 0x9a};
    char prefix_text[64], next_hop_text[64];
    struct ip_prefix prefix;
    struct ip_addr next_hop;
    if (sscanf(text, "blackhole %63s %63s", prefix_text, next_hop_text) != 2 ||
        prefix_parse(&prefix, prefix_text) != STATUS_OK ||
        addr_parse(&next_hop, next_hop_text) != STATUS_OK)
        die(text, "expected blackhole PREFIX NEXT-HOP");
    m->route = ROUTE_BLACKHOLE;
    m->family = prefix.addr.family;
    m->nlri_len = route_nlri_encode(&prefix, m->nlri);
    m->next_hop_len = next_hop.family == ADDR_IPV6 ? 16 : 4;
    memcpy(m->next_hop, next_hop.octets, m->next_hop_len);
    memcpy(m->standard[0], blackhole, sizeof(blackhole));
    m->standard_count = 1;
    snprintf(m->rule, sizeof(m->rule), "%s", text);
}

static void read_rule(struct mitigation *m, const char *text)
{
    if (strncmp(text, "blackhole ", 10) == 0) {
        read_blackhole(m, text);
        return;
    }
    struct flow_rule *rule = calloc(1, sizeof(*rule));
    struct flow_actions actions = {0};
    struct rule_error error = {0};
    struct action_communities all;
    if (rule_parse_text(rule, &actions, text, &error) != STATUS_OK ||
        nlri_encode(rule, m->nlri, sizeof(m->nlri), &m->nlri_len) != STATUS_OK ||
        actions_encode_all(&actions, &all, &error) != STATUS_OK)
        die("rule", error.why);
    memcpy(m->communities, all.at, all.count * COMMUNITY_LEN);
    memcpy(m->communities6, all.ipv6, all.ipv6_count * COMMUNITY6_LEN);
    m->community_count = all.count;
    m->community6_count = all.ipv6_count;
    m->family = rule->family;
    snprintf(m->rule, sizeof(m->rule), "%s", text);
    free(rule);
}

/* The copy's own id and rule. */
static void number_copy(struct put *p)
{
    char text[4 * NLRI_MAX], number[32]; /* of the longest rule; what people are shown is cut */
    const char *at = strstr(p->rule, "{i}"), *as_address = strstr(p->rule, "{a}");
    uint64_t n = p->copy;
    if (p->copies > 0)
        snprintf(p->m.id, sizeof(p->m.id), "%s-%" PRIu64, p->id, n);
    else
        snprintf(p->m.id, sizeof(p->m.id), "%s", p->id);
    snprintf(number, sizeof(number), "%" PRIu64, n);
    if (as_address != NULL) {
        snprintf(number, sizeof(number), "10.%d.%d.%d", (int)(n >> 16 & 255), (int)(n >> 8 & 255),
                 (int)(n & 255));
        at = as_address;
    }
    if (at == NULL)
        snprintf(text, sizeof(text), "%s", p->rule);
    else
        snprintf(text, sizeof(text), "%.*s%s%s", (int)(at - p->rule), p->rule, number, at + 3);
    read_rule(&p->m, text);
}

static void write_it(struct put *p, uint64_t now_ms);

static void on_written(void *owner, enum status status, const struct redis_reply *reply)
{
    struct put *p = owner;
    struct write_answer answer;
    if (status != STATUS_OK || !script_write_answer(reply, &answer)) {
        fprintf(stderr, "put_mitigation: write: %s %s\n", status_name(status),
                reply != NULL ? reply->bytes : "");
        finish(p, 1);
        return;
    }
    p->written++;
    if (p->copy < p->copies) {
        if (p->gap_us > 0)
            usleep((useconds_t)p->gap_us);
        write_it(p, answer.now_ms);
    }
    if (p->written < p->copies)
        return;
    printf("%s\n", answer.job_id);
    finish(p, 0);
}

static void write_it(struct put *p, uint64_t now_ms)
{
    struct mitigation *m = &p->m;
    struct text pb, job_pb;
    number_copy(p);
    p->counts[0] = p->counts[1] = 0;
    struct job job = {.epoch = p->epoch,
                      .revision = m->revision,
                      .crossed_ms = p->crossed_ago_ms != 0 ? now_ms - p->crossed_ago_ms : 0,
                      .decided_ms = now_ms,
                      .written_ms = now_ms};
    bool stands = m->state == MITIGATION_ANNOUNCING || m->state == MITIGATION_ACTIVE ||
                  m->state == MITIGATION_WITHDRAWING;
    m->epoch = p->epoch;
    m->created_ms = m->announced_ms = m->renewed_ms = m->decided_ms = now_ms;
    m->crossed_ms = job.crossed_ms;
    m->until_ms = p->until_in_ms != 0 ? now_ms + p->until_in_ms : 0;
    text_init(&pb, 0);
    text_init(&job_pb, 0);
    if (mitigation_encode(m, &pb) != STATUS_OK)
        die("mitigation", "cannot be encoded");
    p->which = 0;
    mitigation_plain_fields(m, add_field, p);
    add_pb(p, &pb);
    p->which = 1;
    if (p->job != NULL) {
        snprintf(job.mitigation, sizeof(job.mitigation), "%s", m->id);
        job.verb = strcmp(p->job, "withdraw") == 0 ? JOB_WITHDRAW : JOB_ANNOUNCE;
        if (job_encode(&job, &job_pb) != STATUS_OK)
            die("job", "cannot be encoded");
        job_plain_fields(&job, add_field, p);
        add_pb(p, &job_pb);
    }
    struct write_set set = {.epoch = p->epoch,
                            .kind = WRITE_MITIGATION,
                            .id = m->id,
                            .revision = m->revision,
                            .standing = stands ? WRITE_STANDS : WRITE_ENDED,
                            .score_ms = now_ms,
                            .hash = {p->fields[0], p->counts[0]},
                            .job = {p->fields[1], p->counts[1]}};
    if (script_write(p->redis, "weir:", &set, on_written, p) != STATUS_OK)
        die("write", "not sent");
    p->copy++;
    text_done(&pb);
    text_done(&job_pb);
}

static void on_lead(void *owner, enum status status, const struct redis_reply *reply)
{
    struct put *p = owner;
    struct lead_answer answer;
    if (status != STATUS_OK || !script_lead_answer(reply, &answer) || !answer.leads) {
        fprintf(stderr, "put_mitigation: cannot lead: %s\n", status_name(status));
        finish(p, 1);
        return;
    }
    p->epoch = answer.epoch;
    write_it(p, answer.now_ms);
    /* Some are always on their way, where nothing is said of a gap between them. */
    while (p->gap_us == 0 && p->copy < p->copies && p->copy < AHEAD)
        write_it(p, answer.now_ms);
}

static void on_up(void *owner)
{
    struct put *p = owner;
    /* A lease that outlives the test, as if a leader went on living. */
    if (script_lead(p->redis, "weir:", "test", "run", 3600000, 0, 0, on_lead, p) != STATUS_OK)
        die("lead", "not sent");
}

static void read_option(struct put *p, const char *arg)
{
    const char *value = strchr(arg, '=');
    struct mitigation *m = &p->m;
    if (value++ == NULL)
        die(arg, "expected NAME=VALUE");
    if (strncmp(arg, "peer=", 5) == 0)
        snprintf(m->peers[m->peer_count++], sizeof(m->peers[0]), "%s", value);
    else if (strncmp(arg, "dry_run=", 8) == 0)
        m->dry_run = strcmp(value, "yes") == 0;
    else if (strncmp(arg, "until_in_ms=", 12) == 0)
        p->until_in_ms = strtoull(value, NULL, 10);
    else if (strncmp(arg, "crossed_ago_ms=", 15) == 0)
        p->crossed_ago_ms = strtoull(value, NULL, 10);
    else if (strncmp(arg, "lease_ms=", 9) == 0)
        m->lease_ms = strtoull(value, NULL, 10);
    else if (strncmp(arg, "method=", 7) == 0)
        snprintf(m->method, sizeof(m->method), "%s", value);
    else if (strncmp(arg, "policy=", 7) == 0)
        snprintf(m->policy, sizeof(m->policy), "%s", value);
    else if (strncmp(arg, "alarm=", 6) == 0)
        snprintf(m->alarm, sizeof(m->alarm), "%s", value);
    else if (strncmp(arg, "copies=", 7) == 0)
        p->copies = strtoull(value, NULL, 10);
    else if (strncmp(arg, "gap_us=", 7) == 0)
        p->gap_us = strtoull(value, NULL, 10);
    else if (strncmp(arg, "job=", 4) == 0)
        p->job = strcmp(value, "none") == 0 ? NULL : value;
    else
        die(arg, "no such option");
}

static void read_state(struct mitigation *m, const char *text)
{
    for (int s = 0; s < MITIGATION_STATE_COUNT; s++) {
        if (strcmp(mitigation_state_name((enum mitigation_state)s), text) == 0) {
            m->state = (uint8_t)s;
            return;
        }
    }
    die(text, "no such state");
}

int main(int argc, char **argv)
{
    static struct put p;
    if (argc < 6)
        die("usage", "REDIS ID REVISION STATE RULE [NAME=VALUE …]");
    p.id = argv[2];
    p.rule = argv[5];
    p.m.revision = strtoull(argv[3], NULL, 10);
    read_state(&p.m, argv[4]);
    p.job = p.m.state == MITIGATION_WITHDRAWING ? "withdraw" : "announce";
    for (int i = 6; i < argc; i++)
        read_option(&p, argv[i]);
    uv_loop_init(&p.loop);
    struct redis_options options = {
        .name = "state", .address = argv[1], .clock = clock_system(), .on_up = on_up, .owner = &p};
    p.exit_status = 1;
    if (redis_new(&p.redis, &p.loop, &options) != STATUS_OK)
        die("redis", "cannot be used");
    redis_start(p.redis);
    uv_run(&p.loop, UV_RUN_DEFAULT);
    uv_loop_close(&p.loop);
    return p.exit_status;
}
