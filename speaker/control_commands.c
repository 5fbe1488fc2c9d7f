#include "speaker/control_commands.h"

#include "common/base/log.h"
#include "speaker/dump.h"
#include "speaker/in_jobs.h"
#include "speaker/isolate.h"
#include "speaker/store.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *text_of(const json_t *object, const char *name)
{
    const char *text = json_string_value(json_object_get(object, name));
    return text != NULL ? text : "";
}

/* What people gave as a reason may have been cut inside a character. */
static json_t *any_text(const char *text)
{
    json_t *value = json_string(text);
    return value != NULL ? value : json_string("(not UTF-8)");
}

static json_t *refusal(const char *why)
{
    return json_pack("{s:b, s:s}", "ok", 0, "error", why);
}

/* "scope", or the name of one kind; none of them: all. */
static enum status read_scope(const json_t *command, struct scope *ret_scope)
{
    const json_t *whole = json_object_get(command, "scope");
    size_t given = whole != NULL ? 1 : 0;
    enum status status = STATUS_OK;
    struct scope scope = {.kind = SCOPE_ALL};
    if (whole != NULL)
        status = scope_parse(&scope, text_of(command, "scope"));
    for (int kind = SCOPE_ALL + 1; kind < SCOPE_KIND_COUNT; kind++) {
        const char *name = scope_kind_name((enum scope_kind)kind);
        if (json_object_get(command, name) == NULL)
            continue;
        given++;
        status = scope_make(&scope, (enum scope_kind)kind, text_of(command, name));
    }
    if (given > 1)
        return STATUS_MALFORMED;
    if (status == STATUS_OK)
        *ret_scope = scope;
    return status;
}

static size_t count_routes(const struct speaker *speaker, size_t *ret_peers)
{
    size_t routes = 0, peers = 0;
    for (size_t i = 0; i < DESIRED_PEERS_MAX; i++) {
        const struct peer *peer = speaker->peers[i];
        if (peer == NULL)
            continue;
        routes += rib_out_announced_count(&peer->rib_out);
        peers += peer_is_up(peer) ? 1 : 0;
    }
    *ret_peers = peers;
    return routes;
}

static json_t *withdraw_all(struct speaker *speaker, const json_t *command)
{
    struct hold hold = {.source = HOLD_SOCKET, .since_ms = speaker_time(speaker).redis_ms};
    char text[SCOPE_TEXT_MAX], who[160];
    size_t peers, before = count_routes(speaker, &peers);
    if (read_scope(command, &hold.scope) != STATUS_OK)
        return refusal("scope: expected all, or one platform, peer, method, alarm or family");
    (void)snprintf(hold.why, sizeof(hold.why), "%.60s: %.60s", text_of(command, "who"),
                   text_of(command, "why"));
    if (holds_set(&speaker->holds, &hold) != STATUS_OK)
        return refusal("there are too many holds: resume some, or hold all");
    speaker_held(speaker, &hold.scope);
    /* The routes first, then the disk: it may be slow or full. */
    bool kept = store_put_hold(speaker, &hold) == STATUS_OK;
    log_warn("withdraw-all by the local socket", "scope=%s who=%s kept=%s",
             scope_format(&hold.scope, text), log_value(who, sizeof(who), text_of(command, "who")),
             kept ? "yes" : "no");
    size_t gone = before - count_routes(speaker, &peers);
    return json_pack("{s:b, s:o, s:I, s:I, s:b}", "ok", 1, "scope", any_text(text),
                     "routes_withdrawn", (json_int_t)gone, "peers", (json_int_t)peers,
                     "survives_restart", kept);
}

static json_t *resume(struct speaker *speaker, const json_t *command)
{
    struct scope scope;
    char text[SCOPE_TEXT_MAX];
    if (read_scope(command, &scope) != STATUS_OK)
        return refusal("scope: expected all, or one platform, peer, method, alarm or family");
    if (store_drop_holds(speaker, &scope, UINT64_MAX) != STATUS_OK)
        return refusal("the journal cannot be written, so the hold would come back: see the log");
    size_t ended = holds_end(&speaker->holds, HOLD_SOCKET, &scope, UINT64_MAX) +
                   holds_end(&speaker->holds, HOLD_STOPS, &scope, UINT64_MAX);
    speaker_holds_changed(speaker);
    speaker_flush(speaker);
    log_warn("resume by the local socket", "scope=%s ended=%zu left=%zu",
             scope_format(&scope, text), ended, speaker->holds.count);
    return json_pack("{s:b, s:o, s:I, s:I}", "ok", 1, "scope", any_text(text), "ended",
                     (json_int_t)ended, "holds_left", (json_int_t)speaker->holds.count);
}

static json_t *retry(struct speaker *speaker, const json_t *command)
{
    const char *peer = text_of(command, "peer"), *mitigation = text_of(command, "mitigation");
    if (peer[0] == '\0')
        return refusal("peer: expected the name of a peer");
    size_t count = isolate_retry(speaker, peer, mitigation);
    if (count == 0)
        return refusal(mitigation[0] != '\0' ? "it is not quarantined at this peer"
                                             : "nothing is quarantined at this peer");
    speaker_flush(speaker);
    return json_pack("{s:b, s:o, s:I}", "ok", 1, "peer", any_text(peer), "retried",
                     (json_int_t)count);
}

static json_t *peers_status(const struct speaker *speaker)
{
    json_t *list = json_array();
    for (size_t i = 0; i < DESIRED_PEERS_MAX; i++) {
        const struct peer *peer = speaker->peers[i];
        if (peer == NULL)
            continue;
        const struct rib_out *out = &peer->rib_out;
        json_array_append_new(
            list, json_pack("{s:s, s:s, s:I, s:I, s:I, s:I, s:I, s:I, s:s}", "peer",
                            peer->settings.name, "state", fsm_state_name(peer_state(peer)),
                            "routes_ipv4", (json_int_t)out->announced[BGP_FLOW4], "routes_ipv6",
                            (json_int_t)out->announced[BGP_FLOW6], "routes_ipv4_unicast",
                            (json_int_t)out->announced[BGP_UNICAST4], "routes_ipv6_unicast",
                            (json_int_t)out->announced[BGP_UNICAST6], "wanted",
                            (json_int_t)rib_out_wanted_count(out), "quarantined",
                            (json_int_t)peer->quarantined, "last_error", peer->last_error));
    }
    return list;
}

static json_t *holds_status(const struct speaker *speaker)
{
    static const char *const sources[] = {"redis", "stops", "socket"};
    json_t *list = json_array();
    for (size_t i = 0; i < speaker->holds.count; i++) {
        const struct hold *hold = &speaker->holds.items[i];
        char text[SCOPE_TEXT_MAX];
        json_array_append_new(list, json_pack("{s:o, s:s, s:o}", "scope",
                                              any_text(scope_format(&hold->scope, text)), "source",
                                              sources[hold->source], "why", any_text(hold->why)));
    }
    return list;
}

static json_t *status_of(const struct speaker *speaker)
{
    return json_pack("{s:b, s:s, s:b, s:I, s:I, s:I, s:b, s:o, s:o}", "ok", 1, "speaker",
                     speaker->config->speaker.name, "state_reached",
                     in_jobs_is_up(speaker->in_jobs), "epoch", (json_int_t)speaker->epoch,
                     "standing", (json_int_t)desired_standing_count(speaker->desired), "missing",
                     (json_int_t)speaker->missing, "journal_ok", !speaker->journal_failed, "holds",
                     holds_status(speaker), "peers", peers_status(speaker));
}

static json_t *run(struct speaker *speaker, const json_t *command)
{
    const char *name = text_of(command, "command");
    if (strcmp(name, "withdraw-all") == 0)
        return withdraw_all(speaker, command);
    if (strcmp(name, "resume") == 0)
        return resume(speaker, command);
    if (strcmp(name, "retry") == 0)
        return retry(speaker, command);
    if (strcmp(name, "status") == 0)
        return status_of(speaker);
    if (strcmp(name, "dump") == 0)
        return dump_slice(speaker, command);
    return refusal("command: expected withdraw-all, resume, retry, status or dump");
}

void control_command(struct speaker *speaker, const char *line, size_t len, struct text *answer)
{
    json_error_t error;
    json_t *command = json_loadb(line, len, JSON_REJECT_DUPLICATES, &error);
    json_t *reply = json_is_object(command) ? run(speaker, command)
                                            : refusal("expected one line with a JSON object");
    char *text = reply != NULL ? json_dumps(reply, JSON_COMPACT) : NULL;
    text_add(answer, text != NULL ? text : "{\"ok\":false,\"error\":\"out of memory\"}");
    free(text);
    json_decref(reply);
    json_decref(command);
}
