#include "speaker/adapter_ask.h"

#include "common/redis/keys.h"
#include "speaker/in_jobs.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    VALID_MS = 5000, /* as the commands have it; policy does nothing later */
    WAIT_MS = VALID_MS + 500,
    /* Policy answers in a few milliseconds; after these it is asked less often. */
    EAGER_MS = 250,
    LAZY_MS = 50,
};

struct adapter_ask {
    struct speaker *speaker;
    adapter_on_reply on_reply; /* NULL: nobody waits */
    void *owner;
    char id[ID_TEXT_MAX];
    uint64_t began_ms, asked_ms; /* monotonic */
    size_t waiting;              /* commands that were not answered yet */
};

static void free_if_over(struct adapter_ask *ask)
{
    if (ask->on_reply == NULL && ask->waiting == 0)
        free(ask);
}

static void end(struct adapter_ask *ask, const struct reply *reply, const char *why)
{
    adapter_on_reply on_reply = ask->on_reply;
    ask->on_reply = NULL;
    if (on_reply != NULL)
        on_reply(ask->owner, reply, why);
}

static void on_posted(void *owner, enum status status, const struct redis_reply *reply)
{
    struct adapter_ask *ask = owner;
    char why[REASON_MAX];
    ask->waiting--;
    if (status != STATUS_OK) {
        (void)snprintf(why, sizeof(why), "the request to policy was not taken: %s%s%.120s",
                       status_text(status), reply != NULL ? ": " : "",
                       reply != NULL && reply->bytes != NULL ? reply->bytes : "");
        end(ask, NULL, why);
    }
    free_if_over(ask);
}

static struct redis_arg arg(const char *text)
{
    return (struct redis_arg){text, strlen(text)};
}

static enum status post(struct adapter_ask *ask, const struct request *request)
{
    char key[KEY_NAME_MAX], max[16], expires[24];
    struct text bytes;
    text_init(&bytes, 0);
    (void)key_name(key, ask->speaker->config->redis.prefix, KEY_REQUESTS);
    (void)snprintf(max, sizeof(max), "%d", KEY_REQUESTS_MAX);
    (void)snprintf(expires, sizeof(expires), "%" PRIu64, request->expires_at_ms);
    enum status status = request_encode(request, &bytes);
    if (status == STATUS_OK) {
        const struct redis_arg args[] = {
            arg("XADD"),       arg(key),           arg("MAXLEN"), arg("~"),
            arg(max),          arg("*"),           arg("id"),     arg(request->id),
            arg("verb"),       arg(request->verb), arg("who"),    arg(request->who),
            arg("expires_at"), arg(expires),       arg("pb"),     {text_str(&bytes), bytes.len}};
        status = redis_command(in_jobs_redis(ask->speaker->in_jobs), args,
                               sizeof(args) / sizeof(args[0]), on_posted, ask);
    }
    text_done(&bytes);
    ask->waiting += status == STATUS_OK ? 1 : 0;
    return status;
}

struct adapter_ask *adapter_ask_new(struct speaker *speaker, struct request *request,
                                    adapter_on_reply on_reply, void *owner)
{
    struct adapter_ask *ask = calloc(1, sizeof(*ask));
    if (ask == NULL)
        return NULL;
    *ask = (struct adapter_ask){.speaker = speaker,
                                .on_reply = on_reply,
                                .owner = owner,
                                .began_ms = speaker_now_ms(speaker)};
    uint64_t now_ms = speaker_time(speaker).redis_ms;
    id_make(request->id, 'r', now_ms);
    request->expires_at_ms = now_ms + VALID_MS;
    memcpy(ask->id, request->id, sizeof(ask->id));
    if (post(ask, request) != STATUS_OK) {
        free(ask);
        return NULL;
    }
    return ask;
}

static void on_popped(void *owner, enum status status, const struct redis_reply *reply)
{
    struct adapter_ask *ask = owner;
    ask->waiting--;
    if (status == STATUS_OK && reply->type == REDIS_STRING && ask->on_reply != NULL) {
        struct reply *said = calloc(1, sizeof(*said));
        if (said != NULL &&
            reply_decode(said, (const uint8_t *)reply->bytes, reply->len) == STATUS_OK)
            end(ask, said, NULL);
        else
            end(ask, NULL,
                "policy's answer cannot be read; are both of one version? (weir status)");
        free(said);
    } else if (status != STATUS_OK && reply != NULL) {
        end(ask, NULL,
            "the state server does not let this speaker read policy's answer: renew its "
            "rights (weir redis-acl)");
    }
    free_if_over(ask);
}

void adapter_ask_poll(struct adapter_ask *ask)
{
    char key[KEY_NAME_MAX];
    uint64_t now_ms = speaker_now_ms(ask->speaker), age_ms = now_ms - ask->began_ms;
    if (age_ms > WAIT_MS) {
        end(ask, NULL,
            "policy did not answer within 5 s, and will not act on it any more: ask "
            "again");
        free_if_over(ask);
        return;
    }
    if (ask->waiting > 0 || (age_ms > EAGER_MS && now_ms - ask->asked_ms < LAZY_MS) ||
        ask->speaker->in_jobs == NULL ||
        key_name(key, ask->speaker->config->redis.prefix, KEY_REPLY, ask->id) == NULL)
        return;
    ask->asked_ms = now_ms;
    if (redis_commandf(in_jobs_redis(ask->speaker->in_jobs), on_popped, ask, "LPOP %s",
                       (char *)key) == STATUS_OK)
        ask->waiting++;
}

void adapter_ask_drop(struct adapter_ask *ask)
{
    if (ask == NULL)
        return;
    ask->on_reply = NULL;
    free_if_over(ask);
}
