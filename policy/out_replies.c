#include "policy/policy_internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* An answer that waits until what it speaks of is written. */
struct pending_reply {
    struct policy *p;
    struct reply reply;
    size_t writes_left;
    bool is_whole; /* the engine has returned: no further writes come */
    char verb[32];
};

void out_replies_say(struct policy *p, const struct reply *reply)
{
    char key[KEY_NAME_MAX];
    struct text pb;
    text_init(&pb, 0);
    enum status status = key_name(key, p->config->redis.prefix, KEY_REPLY, reply->id) != NULL
                             ? reply_encode(reply, &pb)
                             : STATUS_RANGE;
    if (status == STATUS_OK)
        status = redis_commandf(p->state, NULL, NULL, "RPUSH %s %b", (char *)key, pb.at, pb.len);
    if (status == STATUS_OK)
        status = redis_commandf(p->state, NULL, NULL, "PEXPIRE %s %d", (char *)key,
                                (int)KEY_REPLY_TTL_MS);
    if (status != STATUS_OK) {
        char id[2 * ID_TEXT_MAX];
        log_warn("a request cannot be answered", "id=%s reason=\"%s\"",
                 log_value(id, sizeof(id), reply->id), status_text(status));
    }
    text_done(&pb);
}

static void say_if_done(struct pending_reply *pending)
{
    if (!pending->is_whole || pending->writes_left > 0)
        return;
    policy_metrics_request(pending->verb, pending->reply.ok ? "ok" : "refused");
    out_replies_say(pending->p, &pending->reply);
    free(pending);
}

const char *out_replies_request(const struct pending_reply *pending)
{
    return pending->reply.id;
}

void out_replies_add_write(struct pending_reply *pending)
{
    pending->writes_left++;
}

void out_replies_written(struct pending_reply *pending, enum status status, const char *error)
{
    pending->writes_left--;
    if (status != STATUS_OK) {
        static const char code[] = "HELD ";
        if (strncmp(error, code, sizeof(code) - 1) == 0)
            error += sizeof(code) - 1;
        pending->reply.ok = false;
        (void)snprintf(pending->reply.text, sizeof(pending->reply.text), "%s%s%.400s%s",
                       status_text(status), error[0] != '\0' ? ": " : "", error,
                       status == STATUS_HELD ? "; weir resume lifts it" : "");
    }
    say_if_done(pending);
}

struct pending_reply *out_replies_begin(struct policy *p, const struct request *request)
{
    struct pending_reply *pending = calloc(1, sizeof(*pending));
    if (pending == NULL) {
        policy_metrics_request(request->verb, "no_memory");
        return NULL;
    }
    pending->p = p;
    (void)snprintf(pending->verb, sizeof(pending->verb), "%s", request->verb);
    return pending;
}

struct reply *out_replies_reply(struct pending_reply *pending)
{
    return &pending->reply;
}

bool out_replies_has_writes(const struct pending_reply *pending)
{
    return pending->writes_left > 0;
}

void out_replies_end(struct pending_reply *pending)
{
    pending->is_whole = true;
    say_if_done(pending);
}
