#include "ctl/request.h"

#include "ctl/session.h"
#include "ctl/show.h"

#include <inttypes.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    REQUEST_VALID_MS = 5000,
    ARGS_MAX = sizeof(((struct request *)0)->args) / sizeof(((struct request *)0)->args[0]),
    ARG_VALUE_MAX = sizeof(((struct request *)0)->args[0].value),
};
/* Together a little longer than the request is valid, so that an answer at the last moment is still
 * read; each so short that a server that hangs is told from a policy that does not answer. */
enum { REPLY_WAITS = 5 };
static const char reply_wait_s[] = "1.1";

void request_who(char ret_who[NAME_MAX_LEN + 1])
{
    char host[HOST_NAME_MAX + 1] = "";
    const struct passwd *user = getpwuid(getuid());
    const char *sudo = getuid() == 0 ? getenv("SUDO_USER") : NULL;
    const char *name = sudo != NULL && sudo[0] != '\0' ? sudo : user != NULL ? user->pw_name : "?";
    if (gethostname(host, sizeof host - 1) != 0)
        (void)strcpy(host, "?");
    (void)snprintf(ret_who, NAME_MAX_LEN + 1, "%.31s@%.31s", name, host);
}

bool request_scope(const struct command_context *context, const char *const *values,
                   struct scope *ret_scope)
{
    int given = 0;
    (void)scope_make(ret_scope, SCOPE_ALL, NULL);
    for (int kind = SCOPE_ALL + 1; kind < SCOPE_KIND_COUNT; kind++) {
        if (values[kind] == NULL)
            continue;
        const char *name = scope_kind_name((enum scope_kind)kind);
        if (++given > 1) {
            (void)command_usage_error(context, "one scope at a time: --%s is one too many", name);
            return false;
        }
        if (scope_make(ret_scope, (enum scope_kind)kind, values[kind]) != STATUS_OK) {
            (void)command_usage_error(context, "--%s %s: %s", name, values[kind],
                                      kind == SCOPE_FAMILY ? "expected ipv4 or ipv6"
                                                           : "no such name is possible");
            return false;
        }
    }
    return true;
}

void request_begin(struct request *ret_request, const char *verb)
{
    memset(ret_request, 0, sizeof *ret_request);
    (void)snprintf(ret_request->verb, sizeof ret_request->verb, "%s", verb);
    request_who(ret_request->who);
}

bool request_add(const struct command_context *context, struct request *request, const char *name,
                 const char *value)
{
    if (value == NULL)
        return true;
    size_t max = strcmp(name, "reason") == 0 ? REASON_MAX : ARG_VALUE_MAX;
    if (strlen(value) >= max) {
        (void)command_usage_error(context, "%s: longer than %zu octets", name, max - 1);
        return false;
    }
    if (request->arg_count == ARGS_MAX) {
        (void)command_usage_error(context, "too many values: %d is the most", (int)ARGS_MAX);
        return false;
    }
    (void)strcpy(request->args[request->arg_count].name, name);
    (void)strcpy(request->args[request->arg_count].value, value);
    request->arg_count++;
    return true;
}

static struct redis_arg arg(const char *text)
{
    return (struct redis_arg){text, strlen(text)};
}

static bool post(const struct session *session, const struct request *request)
{
    char key[KEY_NAME_MAX], max[16], expires[24];
    const struct redis_reply *reply;
    struct text bytes;
    text_init(&bytes, 0);
    enum status s = request_encode(request, &bytes);
    if (s == STATUS_OK) {
        (void)key_name(key, session->prefix, KEY_REQUESTS);
        (void)snprintf(max, sizeof max, "%d", KEY_REQUESTS_MAX);
        (void)snprintf(expires, sizeof expires, "%" PRIu64, request->expires_at_ms);
        struct redis_arg args[] = {
            arg("XADD"),       arg(key),           arg("MAXLEN"), arg("~"),
            arg(max),          arg("*"),           arg("id"),     arg(request->id),
            arg("verb"),       arg(request->verb), arg("who"),    arg(request->who),
            arg("expires_at"), arg(expires),       arg("pb"),     {text_str(&bytes), bytes.len}};
        s = redis_sync_command(session->state, args, sizeof args / sizeof args[0], &reply);
    }
    if (s != STATUS_OK)
        (void)command_failed(session->context, "the request could not be sent: %s %s",
                             status_text(s), redis_sync_error(session->state));
    text_done(&bytes);
    return s == STATUS_OK;
}

static bool await(const struct session *session, const struct request *request,
                  struct reply *ret_reply)
{
    char key[KEY_NAME_MAX];
    (void)key_name(key, session->prefix, KEY_REPLY, request->id);
    const struct redis_reply *reply = NULL;
    for (int turn = 0; turn < REPLY_WAITS && (reply == NULL || reply->type == REDIS_NIL); turn++) {
        reply = session_ask(session, session->state, "BLPOP", key, reply_wait_s, NULL);
        if (reply == NULL)
            return false;
    }
    if (reply->type == REDIS_NIL)
        return command_failed(session->context,
                              "policy did not answer within 5 s; is it running? (weir status)") ==
               EXIT_DONE;
    if (reply->type != REDIS_ARRAY || reply->count != 2 || reply->items[1].type != REDIS_STRING ||
        reply_decode(ret_reply, (const uint8_t *)reply->items[1].bytes, reply->items[1].len) !=
            STATUS_OK)
        return command_failed(session->context, "policy's answer cannot be read; are both of one "
                                                "version? (weir status)") == EXIT_DONE;
    return true;
}

static void print(const struct command_context *context, const struct reply *reply)
{
    if (context->json) {
        json_t *object = json_object(), *ids = json_array();
        for (size_t i = 0; i < reply->id_count; i++)
            (void)json_array_append_new(ids, show_json_text(reply->ids[i]));
        (void)json_object_set_new(object, "ok", json_boolean(reply->ok));
        (void)json_object_set_new(object, "text", show_json_text(reply->text));
        (void)json_object_set_new(object, "ids", ids);
        (void)show_json(object);
    } else if (reply->ok) {
        show_print(stdout, "%s\n", reply->text[0] != '\0' ? reply->text : "done");
    }
    if (!reply->ok)
        (void)command_failed(context, "policy: %s", reply->text);
}

int request_send(const struct command_context *context, struct request *request)
{
    struct session session;
    struct reply reply;
    bool good = false;
    if (!session_open(&session, context))
        return EXIT_FAILED;
    uint64_t now_ms = session_state(&session) ? session_now_ms(&session, session.state) : 0;
    if (now_ms != 0) {
        id_make(request->id, 'r', now_ms);
        request->expires_at_ms = now_ms + REQUEST_VALID_MS;
        good = post(&session, request) && await(&session, request, &reply);
    }
    if (good)
        print(context, &reply);
    session_close(&session);
    return good && reply.ok ? EXIT_DONE : EXIT_FAILED;
}
