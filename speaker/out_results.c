#include "speaker/out_results.h"

#include "common/base/log.h"
#include "common/base/text.h"
#include "common/redis/keys.h"
#include "speaker/bgp/open_text.h"
#include "speaker/in_jobs.h"
#include "speaker/isolate.h"
#include "speaker/results_queue.h"
#include "speaker/speaker_metrics.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    PEER_EVERY_MS = 5000,
    ARGS_MAX = 96,
    ARG_BYTES_MAX = 8192, /* of all values of one command */
    /* Results on their way at once: some 150 KB, and no command of others waits behind more. */
    FLYING_MAX = 256,
    /* While hashes of jobs are still to come, what is told of those before would keep them waiting,
     * here and at the server, which also waits for its disk: so many, and then a while nothing. */
    FLYING_BESIDE_JOBS = 64,
    BESIDE_JOBS_MS = 10,
    REFUSED_WAIT_MS = 1000, /* after a result that the server refused */
};

struct out_results {
    struct speaker *speaker;
    struct redis *redis;
    uint64_t changed; /* bits of peers */
    uint64_t peers_at;
    struct results_queue *queue;
    uint64_t results_at;      /* monotonic ms: none is told before */
    uint64_t beside_at;       /* likewise, while hashes of jobs are still to come */
    struct job_result result; /* scratch */
};

/* One command's arguments, with room for the texts they point to. */
struct command {
    struct redis_arg args[ARGS_MAX];
    size_t count, used;
    bool failed;
    char bytes[ARG_BYTES_MAX];
};

/* Its rooms are large, and need no clearing. */
static void begin(struct command *c)
{
    c->count = c->used = 0;
    c->failed = false;
}

static void add_bytes(struct command *c, const void *bytes, size_t len)
{
    if (c->failed || c->count == ARGS_MAX || len > sizeof(c->bytes) - c->used) {
        c->failed = true;
        return;
    }
    char *at = c->bytes + c->used;
    if (len > 0)
        memcpy(at, bytes, len);
    c->args[c->count++] = (struct redis_arg){.bytes = at, .len = len};
    c->used += len;
}

static void add(struct command *c, const char *text)
{
    add_bytes(c, text, strlen(text));
}

static void add_field(void *owner, const char *name, const char *value)
{
    add(owner, name);
    add(owner, value);
}

static void add_number(struct command *c, const char *name, uint64_t value)
{
    char text[24];
    (void)snprintf(text, sizeof(text), "%" PRIu64, value);
    add_field(c, name, text);
}

enum status out_results_new(struct out_results **ret_out, struct speaker *speaker)
{
    struct out_results *out = calloc(1, sizeof(*out));
    if (out == NULL)
        return STATUS_NO_MEMORY;
    out->speaker = speaker;
    out->queue = results_queue_new(RESULTS_QUEUE_MAX, out);
    if (out->queue == NULL) {
        free(out);
        return STATUS_NO_MEMORY;
    }
    *ret_out = out;
    return STATUS_OK;
}

void out_results_free(struct out_results *out)
{
    if (out != NULL)
        results_queue_free(out->queue);
    free(out);
}

void out_results_use(struct out_results *out, struct redis *redis)
{
    out->redis = redis;
}

static const char *key(const struct out_results *out, char ret_name[KEY_NAME_MAX], enum key_id id,
                       const char *peer)
{
    const struct config *config = out->speaker->config;
    return key_name(ret_name, config->redis.prefix, id, config->speaker.name, peer);
}

/* --- results ------------------------------------------------------------------------------------
 */

static void on_result_written(void *owner, enum status status, const struct redis_reply *reply)
{
    struct waiting_result *waiting = owner;
    struct out_results *out = waiting->owner;
    results_queue_told(out->queue, waiting, status == STATUS_OK);
    if (status != STATUS_OK) {
        speaker_metrics_result_lost();
        if (reply != NULL && out->results_at <= speaker_now_ms(out->speaker))
            log_warn("results are not taken, and told again", "error=\"%.100s\"", reply->bytes);
        out->results_at = speaker_now_ms(out->speaker) + REFUSED_WAIT_MS;
    } else if (results_queue_on_their_way(out->queue) <= FLYING_MAX / 2) {
        out_results_tell(out);
    }
}

static enum status write_result(struct out_results *out, struct waiting_result *waiting)
{
    const struct job_result *result = &waiting->result;
    char name[KEY_NAME_MAX], max[16];
    struct command c;
    struct text pb;
    begin(&c);
    text_init(&pb, 0);
    (void)snprintf(max, sizeof(max), "%d", KEY_LOG_MAX);
    enum status status = job_result_encode(result, &pb);
    add(&c, "XADD");
    add(&c, key(out, name, KEY_RESULTS, NULL));
    add(&c, "MAXLEN");
    add(&c, "~");
    add(&c, max);
    add(&c, "*");
    job_result_plain_fields(result, add_field, &c);
    add(&c, "pb");
    add_bytes(&c, text_str(&pb), pb.len);
    text_done(&pb);
    if (status == STATUS_OK && c.failed)
        status = STATUS_LIMIT;
    if (status == STATUS_OK)
        status = redis_command(out->redis, c.args, c.count, on_result_written, waiting);
    return status;
}

/* What policy has ended while this speaker was away is not told. */
static bool is_wanted(const struct out_results *out, const struct job_result *result)
{
    const struct standing *s = desired_find(out->speaker->desired, result->mitigation);
    return s == NULL || !s->over || desired_stands(s);
}

/* Before the desired state has been read nobody knows what policy has ended meanwhile. */
void out_results_tell(struct out_results *out)
{
    uint64_t now_ms = speaker_now_ms(out->speaker);
    bool is_beside = in_jobs_is_asking(out->speaker->in_jobs);
    if (out->redis == NULL || !in_jobs_is_up(out->speaker->in_jobs) || now_ms < out->results_at ||
        (is_beside && now_ms < out->beside_at))
        return;
    size_t most = is_beside ? FLYING_BESIDE_JOBS : FLYING_MAX;
    out->beside_at = now_ms + BESIDE_JOBS_MS;
    while (results_queue_on_their_way(out->queue) < most) {
        struct waiting_result *waiting = results_queue_next(out->queue);
        if (waiting == NULL)
            return;
        if (!is_wanted(out, &waiting->result)) {
            results_queue_told(out->queue, waiting, true);
        } else if (write_result(out, waiting) != STATUS_OK) {
            speaker_metrics_result_lost();
            results_queue_told(out->queue, waiting, false);
            return;
        }
    }
}

bool out_results_report(struct out_results *out, const struct standing *s, const char *peer,
                        enum result_kind kind, const char *why)
{
    struct job_result *r = &out->result;
    struct desired_time now = speaker_time(out->speaker);
    memset(r, 0, sizeof(*r));
    (void)snprintf(r->speaker, sizeof(r->speaker), "%s", out->speaker->config->speaker.name);
    (void)snprintf(r->peer, sizeof(r->peer), "%s", peer);
    (void)snprintf(r->mitigation, sizeof(r->mitigation), "%s", s->id);
    text_copy(r->reason, sizeof(r->reason), why);
    r->revision = s->revision;
    r->kind = (uint8_t)kind;
    r->verb = desired_stands(s) ? JOB_ANNOUNCE : JOB_WITHDRAW;
    r->at_ms = now.redis_ms;
    if (kind == RESULT_SENT && s->crossed_ms != 0 && now.redis_ms > s->crossed_ms)
        r->since_crossed_us = (now.redis_ms - s->crossed_ms) * 1000;
    if (results_queue_put(out->queue, r) != STATUS_OK)
        return false;
    out_results_tell(out);
    return true;
}

void out_results_set_aside(struct out_results *out, const char *mitigation, uint64_t revision,
                           enum status why)
{
    struct job_result *r = &out->result;
    memset(r, 0, sizeof(*r));
    (void)snprintf(r->speaker, sizeof(r->speaker), "%s", out->speaker->config->speaker.name);
    (void)snprintf(r->mitigation, sizeof(r->mitigation), "%.*s", ID_TEXT_MAX - 1, mitigation);
    (void)snprintf(r->reason, sizeof(r->reason), "set aside: its record in Redis: %s",
                   status_text(why));
    r->revision = revision;
    r->kind = RESULT_REFUSED;
    r->verb = JOB_ANNOUNCE;
    r->at_ms = speaker_time(out->speaker).redis_ms;
    if (results_queue_put(out->queue, r) == STATUS_OK) /* else the log has it */
        out_results_tell(out);
}

static void tick_results(struct out_results *out)
{
    struct desired *desired = out->speaker->desired;
    out_results_tell(out);
    if (results_queue_count(out->queue) <= RESULTS_QUEUE_MAX / 2)
        desired_report_unsaid(desired);
    speaker_metrics_results_waiting(results_queue_count(out->queue) +
                                    desired_unsaid_count(desired));
}

/* --- peers --------------------------------------------------------------------------------------
 */

static void add_families(struct command *c, const char *name, unsigned int families)
{
    char text[64] = "";
    for (enum bgp_family f = 0; f < BGP_FAMILIES; f++) {
        size_t len = strlen(text);
        if ((families >> f & 1) != 0)
            (void)snprintf(text + len, sizeof(text) - len, "%s%s", len > 0 ? " " : "",
                           message_family_name(f));
    }
    add_field(c, name, text);
}

static void add_peer_fields(struct command *c, const struct peer *peer, size_t refused)
{
    char text[ENDPOINT_TEXT_MAX], since[CLOCK_TEXT_MAX], words[OPEN_TEXT_MAX];
    const struct session *session = peer->established;
    struct ip_addr id = addr_from_ipv4(session != NULL ? session->remote.router_id : 0);
    const struct rib_out *out = &peer->rib_out;
    add_field(c, "peer", peer->settings.name);
    add_field(c, "address", endpoint_format(&peer->settings.remote, text));
    add_number(c, "local_as", peer->settings.local_as);
    add_number(c, "remote_as", peer->settings.remote_as);
    add_field(c, "remote_id", session != NULL ? addr_format(&id, text) : "");
    add_field(c, "state", fsm_state_name(peer_state(peer)));
    add_field(c, "since", clock_format_wall(peer->since_ms, since));
    add_families(c, "families", peer_families(peer));
    add_field(
        c, "capabilities",
        open_format(session != NULL ? &session->options.open : &peer->out.options.open, words));
    add_field(c, "remote_capabilities",
              session != NULL ? open_format(&session->remote, words) : "");
    add_number(c, "hold_s", session != NULL ? session->negotiated.hold_ms / 1000 : 0);
    add_number(c, "routes_ipv4", out->announced[BGP_FLOW4]);
    add_number(c, "routes_ipv6", out->announced[BGP_FLOW6]);
    add_number(c, "routes_ipv4_unicast", out->announced[BGP_UNICAST4]);
    add_number(c, "routes_ipv6_unicast", out->announced[BGP_UNICAST6]);
    add_number(c, "wanted", rib_out_wanted_count(out));
    add_number(c, "pending", rib_out_pending(out));
    add_number(c, "refused", refused);
    add_number(c, "quarantined", peer->quarantined);
    add_number(c, "suspects", out->suspects.held.count);
    add_number(c, "flaps", peer->flaps);
    add_number(c, "updates_sent", peer->updates_sent);
    add_number(c, "routes_announced", peer->routes_announced);
    add_number(c, "routes_withdrawn", peer->routes_withdrawn);
    add_number(c, "updates_in", session != NULL ? session->counters.updates_in : 0);
    add_number(c, "tolerated_in", session != NULL ? session->counters.tolerated_in : 0);
    add_field(c, "last_error", peer->last_error);
    add_field(c, "profile", peer->settings.profile->name);
}

static void write_peer(struct out_results *out, const struct peer *peer)
{
    char quarantine[ISOLATE_TEXT_MAX];
    char name[KEY_NAME_MAX], ttl[16];
    struct command c;
    begin(&c);
    (void)snprintf(ttl, sizeof(ttl), "%d", KEY_PEER_TTL_MS);
    add(&c, "HSET");
    add(&c, key(out, name, KEY_PEER, peer->settings.name));
    add_field(&c, "speaker", out->speaker->config->speaker.name);
    isolate_format(out->speaker, peer, quarantine);
    add_field(&c, "quarantine", quarantine);
    add_peer_fields(&c, peer, desired_refused_count(out->speaker->desired, peer->options.number));
    if (c.failed || redis_command(out->redis, c.args, c.count, NULL, NULL) != STATUS_OK)
        return;
    (void)redis_commandf(out->redis, NULL, NULL, "PEXPIRE %s %s", name, ttl);
}

void out_results_peer_changed(struct out_results *out, const struct peer *peer)
{
    out->changed |= UINT64_C(1) << peer->options.number;
}

void out_results_peer_gone(struct out_results *out, const char *name)
{
    char text[KEY_NAME_MAX];
    if (out->redis != NULL && redis_is_up(out->redis))
        (void)redis_commandf(out->redis, NULL, NULL, "DEL %s", key(out, text, KEY_PEER, name));
}

void out_results_tick(struct out_results *out, uint64_t now_ms)
{
    tick_results(out);
    if (out->redis == NULL || !redis_is_up(out->redis))
        return;
    bool all = now_ms >= out->peers_at;
    if (all)
        out->peers_at = now_ms + PEER_EVERY_MS;
    for (size_t i = 0; i < DESIRED_PEERS_MAX; i++) {
        const struct peer *peer = out->speaker->peers[i];
        if (peer != NULL && (all || (out->changed >> i & 1) != 0))
            write_peer(out, peer);
    }
    out->changed = 0;
}
