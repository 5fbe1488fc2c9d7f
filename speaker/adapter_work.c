#include "speaker/adapter_work.h"

#include "common/base/log.h"
#include "speaker/adapter.h"
#include "speaker/adapter_local.h"
#include "speaker/adapter_metrics.h"
#include "speaker/in_jobs.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A route that policy has agreed to is here a few milliseconds later; the answer waits for it, so
 * that a withdrawal right behind it finds it. */
enum { AWAIT_MS = 1000 };

static bool in_bytes(const struct adapter_work *work)
{
    return work->speaker->config->speaker.adapter.units == UNITS_BYTES;
}

/* --- the answer ---------------------------------------------------------------------------------
 */

static void say(struct adapter_work *work, json_t *answer, struct text *ret_answer)
{
    char *text = answer != NULL ? json_dumps(answer, JSON_COMPACT | JSON_REAL_PRECISION(17)) : NULL;
    bool ok = json_is_true(json_object_get(answer, "ok"));
    text_add(ret_answer, text != NULL ? text : "{\"ok\":false,\"error\":\"out of memory\"}");
    adapter_metrics_line(work->line == NULL     ? "other"
                         : work->line->withdraw ? "withdraw"
                                                : "announce",
                         ok);
    free(text);
    json_decref(answer);
    free(work->line);
    work->line = NULL;
}

static json_t *agreed(const char *by, const char (*ids)[ID_TEXT_MAX], size_t count)
{
    json_t *answer = json_pack("{s:b, s:s}", "ok", 1, "by", by), *list = json_array();
    for (size_t i = 0; i < count; i++)
        (void)json_array_append_new(list, json_string(ids[i]));
    if (count > 0)
        (void)json_object_set_new(answer, "id", json_string(ids[0]));
    (void)json_object_set_new(answer, "ids", list);
    return answer;
}

/* --- policy -------------------------------------------------------------------------------------
 */

static void log_answer(const struct adapter_work *work, bool ok, const char *by, const char *why)
{
    char rule[2 * RULE_TEXT_MAX], text[2 * RULE_TEXT_MAX];
    log_line(ok ? LOG_INFO : LOG_WARN, "adapter", " verb=%s ok=%s by=%s rule=%s answer=%s",
             work->line->withdraw ? "withdraw" : "announce", ok ? "yes" : "no", by,
             log_value(rule, sizeof(rule), work->line->text), log_value(text, sizeof(text), why));
}

static void on_reply(void *owner, const struct reply *reply, const char *why)
{
    struct adapter_work *work = owner;
    work->ask = NULL;
    work->policy_said_yes = reply != NULL && reply->ok;
    log_answer(work, work->policy_said_yes, "policy", reply != NULL ? reply->text : why);
    work->await_until_ms = speaker_now_ms(work->speaker) + AWAIT_MS;
    if (!work->policy_said_yes) {
        work->answer = adapter_refusal("policy: %s", reply != NULL ? reply->text : why);
        return;
    }
    work->awaited_count = 0;
    for (size_t i = 0; i < reply->id_count && i < 16; i++)
        memcpy(work->awaited[work->awaited_count++], reply->ids[i], ID_TEXT_MAX);
    work->answer = agreed("policy", (const char(*)[ID_TEXT_MAX])work->awaited, work->awaited_count);
    json_t *text = json_string(reply->text);
    (void)json_object_set_new(work->answer, "text", text != NULL ? text : json_string(""));
    if (!work->line->withdraw) {
        (void)json_object_set_new(work->answer, "ttl",
                                  json_real((double)work->line->ttl_ms / 1000));
        adapter_add_rule(work->answer, &work->line->rule, &work->line->actions, in_bytes(work));
    }
}

static void add_arg(struct request *request, const char *name, const char *value)
{
    (void)snprintf(request->args[request->arg_count].name, sizeof(request->args[0].name), "%s",
                   name);
    (void)snprintf(request->args[request->arg_count++].value, sizeof(request->args[0].value), "%s",
                   value);
}

static struct request *new_request(const struct adapter_work *work, const char *verb)
{
    struct request *request = calloc(1, sizeof(*request));
    if (request == NULL)
        return NULL;
    (void)snprintf(request->verb, sizeof(request->verb), "%s", verb);
    adapter_who(work->speaker, request->who);
    if (work->line->reason[0] != '\0')
        add_arg(request, "reason", work->line->reason);
    return request;
}

/* False: the answer is there already. */
static bool send_request(struct adapter_work *work, struct request *request,
                         struct text *ret_answer)
{
    if (request != NULL)
        work->ask = adapter_ask_new(work->speaker, request, on_reply, work);
    free(request);
    if (work->ask == NULL)
        say(work, adapter_refusal("policy: the request could not be sent: ask again"), ret_answer);
    return work->ask != NULL;
}

/* --- announce -----------------------------------------------------------------------------------
 */

static bool announce(struct adapter_work *work, struct text *ret_answer)
{
    struct adapter_line *line = work->line;
    char for_ms[24];
    if (in_jobs_policy(work->speaker->in_jobs) == POLICY_AWAY) {
        json_t *answer = adapter_local_announce(work->speaker, line, in_bytes(work));
        bool ok = json_is_true(json_object_get(answer, "ok"));
        const char *text = json_string_value(json_object_get(answer, ok ? "text" : "error"));
        log_answer(work, ok, "speaker", text != NULL ? text : "");
        say(work, answer, ret_answer);
        return true;
    }
    struct request *request = new_request(work, "announce");
    if (line->ttl_ms == 0)
        line->ttl_ms = work->speaker->config->speaker.adapter.default_ttl_ms;
    (void)snprintf(for_ms, sizeof(for_ms), "%" PRIu64, line->ttl_ms);
    if (request != NULL) {
        add_arg(request, "rule", line->text);
        add_arg(request, "for_ms", for_ms);
    }
    return !send_request(work, request, ret_answer);
}

/* --- withdraw -----------------------------------------------------------------------------------
 */

static json_t *no_such_route(const struct adapter_work *work, const struct adapter_found *found)
{
    json_t *answer = adapter_refusal(
        "no such route%s", found->parts > 1 ? ": it is a part of several, name all of one" : "");
    if (!found->has_nearest) {
        (void)json_object_set_new(answer, "nearest", json_null());
        return answer;
    }
    json_t *nearest = json_pack("{s:s}", "id", found->nearest_id);
    adapter_add_rule(nearest, &found->nearest, &found->nearest_actions, in_bytes(work));
    (void)json_object_set_new(answer, "nearest", nearest);
    return answer;
}

/* Those that policy does not have go at once; leaves the others. */
static bool stop_local(struct adapter_work *work, struct adapter_found *found,
                       struct text *ret_answer)
{
    char gone[ADAPTER_FOUND_MAX][ID_TEXT_MAX] = {""};
    size_t left = 0, count = 0;
    for (size_t i = 0; i < found->count; i++) {
        const struct standing *s = desired_find(work->speaker->desired, found->ids[i]);
        if (s != NULL && adapter_is_local(work->speaker, s)) {
            memcpy(gone[count++], found->ids[i], ID_TEXT_MAX);
            adapter_local_withdraw(work->speaker, s, work->line->reason);
        } else {
            memmove(found->ids[left++], found->ids[i], ID_TEXT_MAX);
        }
    }
    found->count = left;
    if (left > 0)
        return false;
    log_answer(work, true, "speaker", gone[0]);
    say(work, agreed("speaker", (const char(*)[ID_TEXT_MAX])gone, count), ret_answer);
    return true;
}

static bool stop(struct adapter_work *work, struct adapter_found *found, struct text *ret_answer)
{
    if (stop_local(work, found, ret_answer))
        return true;
    if (in_jobs_policy(work->speaker->in_jobs) == POLICY_AWAY) {
        log_answer(work, false, "speaker", "policy is away");
        say(work,
            adapter_refusal("%s is of policy, which is away: it goes when its time is over, or by "
                            "weir withdraw-all",
                            found->ids[0]),
            ret_answer);
        return true;
    }
    struct request *request = new_request(work, "stop");
    for (size_t i = 0; request != NULL && i < found->count; i++)
        add_arg(request, "id", found->ids[i]);
    return !send_request(work, request, ret_answer);
}

static bool withdraw(struct adapter_work *work, struct text *ret_answer)
{
    struct adapter_found *found = calloc(1, sizeof(*found));
    bool is_done = true;
    if (found == NULL) {
        say(work, adapter_refusal("out of memory"), ret_answer);
        return true;
    }
    adapter_routes_find(adapter_routes(work->speaker), work->speaker->desired, work->speaker->rib,
                        work->line, found);
    if (found->count == 0) {
        log_answer(work, false, "speaker", "no such route");
        say(work, no_such_route(work, found), ret_answer);
    } else {
        is_done = stop(work, found, ret_answer);
    }
    free(found);
    return is_done;
}

/* --- the line -----------------------------------------------------------------------------------
 */

void adapter_work_init(struct adapter_work *work, struct speaker *speaker)
{
    *work = (struct adapter_work){.speaker = speaker};
}

void adapter_work_done(struct adapter_work *work)
{
    adapter_ask_drop(work->ask);
    json_decref(work->answer);
    free(work->line);
    adapter_work_init(work, work->speaker);
}

static bool decide(struct adapter_work *work, struct text *ret_answer)
{
    work->undecided = in_jobs_policy(work->speaker->in_jobs) == POLICY_UNKNOWN;
    if (work->undecided)
        return false;
    return work->line->withdraw ? withdraw(work, ret_answer) : announce(work, ret_answer);
}

bool adapter_work_begin(struct adapter_work *work, const char *line, size_t len,
                        struct text *ret_answer)
{
    struct rule_error error;
    struct adapter_line *read = calloc(1, sizeof(*read));
    if (read == NULL || adapter_line_parse(read, line, len, in_bytes(work), &error) != STATUS_OK) {
        say(work,
            read == NULL ? adapter_refusal("out of memory")
                         : adapter_refusal("at character %zu: %s", error.at + 1, error.why),
            ret_answer);
        free(read);
        return true;
    }
    work->line = read;
    return decide(work, ret_answer);
}

/* What policy has said yes to is so here, too. */
static bool is_so_here(const struct adapter_work *work)
{
    for (size_t i = 0; i < work->awaited_count; i++) {
        const struct standing *s = desired_find(work->speaker->desired, work->awaited[i]);
        bool stands = s != NULL && desired_stands(s);
        if (work->line->withdraw ? stands : s == NULL)
            return false;
    }
    return true;
}

bool adapter_work_poll(struct adapter_work *work, struct text *ret_answer)
{
    if (work->undecided)
        return decide(work, ret_answer);
    if (work->ask != NULL)
        adapter_ask_poll(work->ask);
    if (work->answer == NULL)
        return false;
    if (work->policy_said_yes && !is_so_here(work) &&
        speaker_now_ms(work->speaker) < work->await_until_ms)
        return false;
    if (work->policy_said_yes && !work->line->withdraw)
        adapter_local_give_up(work->speaker, work->line);
    json_t *answer = work->answer;
    work->answer = NULL;
    say(work, answer, ret_answer);
    return true;
}
