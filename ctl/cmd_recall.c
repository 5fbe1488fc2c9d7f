#include "ctl/commands.h"
#include "ctl/recall_show.h"
#include "ctl/session.h"
#include "ctl/show.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* What hit a host or prefix now and before: asks all collectors as policy does, and puts their
 * answers together. */
enum {
    ANSWER_WAIT_MS = 1000, /* a collector answers in 40; one that is away does not */
    ALL_ANSWERED_MS = 300, /* for those whose number is not known */
    READ_BLOCK_MS = 50,
    SPAN_MAX_MS = 3600 * 1000
};

struct recall_run {
    struct session session;
    struct redis_sync *redis;
    char request_key[KEY_NAME_MAX], reply_key[KEY_NAME_MAX];
    char last_id[STREAM_ID_MAX];
    struct recall_request request;
    struct recall_merge merge;
    uint64_t expected;      /* answers: workers of the collectors that are alive */
    uint64_t unreadable;    /* answers that are damaged, or of a newer weir */
    enum status put_status; /* not OK: an answer that came could not be put to the others */
};

static bool read_targets(const struct command_context *context, struct recall_request *request,
                         bool is_source, int argc, char **argv)
{
    if (argc - 1 > RECALL_TARGETS_MAX) {
        (void)command_usage_error(context, "too many targets: %d is the most", RECALL_TARGETS_MAX);
        return false;
    }
    for (int i = 1; i < argc; i++) {
        struct recall_target *target = &request->targets[request->target_count++];
        target->side = is_source ? RECALL_SOURCE : RECALL_DESTINATION;
        if (prefix_parse(&target->prefix, argv[i]) != STATUS_OK) {
            (void)command_usage_error(context, "%s: expected an address or prefix", argv[i]);
            return false;
        }
    }
    return true;
}

static bool read_span(const struct command_context *context, const char *name, const char *text,
                      uint32_t *ret_ms)
{
    uint64_t ms;
    if (text_parse_duration_ms(&ms, text) != STATUS_OK || ms == 0 || ms > SPAN_MAX_MS) {
        (void)command_usage_error(context, "%s %s: expected a time up to 1h, such as 10s", name,
                                  text);
        return false;
    }
    *ret_ms = (uint32_t)ms;
    return true;
}

static uint64_t field_number(const struct redis_reply *hash, const char *name)
{
    const struct redis_reply *field = redis_field(hash, name);
    uint64_t n = 0;
    return field != NULL && redis_to_u64(field, &n) ? n : 0;
}

/* How many answers there will be, by what collectors say of themselves, and how long each may be:
 * the stream has room for them and for another request's. */
static bool count_workers(struct recall_run *run)
{
    static const char kind[] = "collector:";
    struct names names;
    if (!names_scan(&run->session, run->redis, KEY_PROCESS, &names))
        return false;
    bool good = true;
    size_t collectors = 0;
    for (size_t i = 0; good && i < names.count; i++) {
        char key[KEY_NAME_MAX];
        if (strncmp(names.items[i], kind, sizeof kind - 1) != 0 ||
            key_name(key, run->session.prefix, KEY_PROCESS, "collector",
                     names.items[i] + sizeof kind - 1) == NULL)
            continue;
        const struct redis_reply *hash =
            session_ask(&run->session, run->redis, "HGETALL", key, NULL);
        const struct redis_reply *recall = hash != NULL ? redis_field(hash, "recall") : NULL;
        good = hash != NULL;
        if (recall != NULL && recall->type == REDIS_STRING && strcmp(recall->bytes, "on") == 0) {
            run->expected += field_number(hash, "workers");
            collectors++;
        }
    }
    names_done(&names);
    run->request.tuples = recall_tuples_for(KEY_RECALL_REPLY_BYTES / 2, collectors);
    return good;
}

static bool find_last(struct recall_run *run)
{
    const struct redis_reply *reply = session_ask(&run->session, run->redis, "XREVRANGE",
                                                  run->reply_key, "+", "-", "COUNT", "1", NULL);
    if (reply == NULL)
        return false;
    bool any = reply->type == REDIS_ARRAY && reply->count > 0 &&
               reply->items[0].type == REDIS_ARRAY && reply->items[0].count > 0 &&
               reply->items[0].items[0].type == REDIS_STRING;
    (void)snprintf(run->last_id, sizeof run->last_id, "%s",
                   any ? reply->items[0].items[0].bytes : "0-0");
    return true;
}

static bool send_request(struct recall_run *run, uint64_t now_ms)
{
    const struct redis_reply *reply;
    struct text bytes;
    text_init(&bytes, 0);
    id_make(run->request.id, 'q', now_ms);
    run->request.expires_at_ms = now_ms + ANSWER_WAIT_MS;
    enum status status = recall_request_encode(&run->request, &bytes);
    if (status == STATUS_OK)
        status = redis_sync_commandf(run->redis, &reply, "XADD %s MAXLEN ~ %d * id %s pb %b",
                                     run->request_key, KEY_RECALL_MAX, run->request.id, bytes.at,
                                     bytes.len);
    if (status != STATUS_OK)
        (void)command_failed(run->session.context, "cannot ask: %s",
                             status == STATUS_REFUSED ? redis_sync_error(run->redis)
                                                      : status_text(status));
    text_done(&bytes);
    return status == STATUS_OK;
}

/* One entry: taken if it answers our request, and its worker has not answered before. */
static void take_entry(struct recall_run *run, const struct redis_reply *entry)
{
    struct recall_reply answer;
    if (entry->type != REDIS_ARRAY || entry->count < 2 || entry->items[0].type != REDIS_STRING)
        return;
    (void)snprintf(run->last_id, sizeof run->last_id, "%s", entry->items[0].bytes);
    const struct redis_reply *id = redis_field(&entry->items[1], "id");
    const struct redis_reply *pb = redis_field(&entry->items[1], "pb");
    if (id == NULL || pb == NULL || id->type != REDIS_STRING || pb->type != REDIS_STRING ||
        strcmp(id->bytes, run->request.id) != 0)
        return;
    if (recall_reply_decode(&answer, (const uint8_t *)pb->bytes, pb->len) != STATUS_OK) {
        run->unreadable++;
        return;
    }
    enum status status = recall_merge_add(&run->merge, &answer);
    if (status != STATUS_OK && status != STATUS_EXISTS)
        run->put_status = status;
    recall_reply_done(&answer);
}

static bool read_answers(struct recall_run *run)
{
    struct clock clock = clock_system();
    uint64_t from_ms = clock_mono_ms(&clock);
    while (run->put_status == STATUS_OK &&
           (run->expected == 0 || run->merge.replies < run->expected)) {
        char block[16];
        uint64_t waited_ms = clock_mono_ms(&clock) - from_ms;
        if (waited_ms >= (run->expected > 0 ? ANSWER_WAIT_MS : ALL_ANSWERED_MS))
            break;
        (void)snprintf(block, sizeof block, "%d", READ_BLOCK_MS);
        const struct redis_reply *reply =
            session_ask(&run->session, run->redis, "XREAD", "COUNT", "64", "BLOCK", block,
                        "STREAMS", run->reply_key, run->last_id, NULL);
        if (reply == NULL)
            return false;
        if (reply->type != REDIS_ARRAY || reply->count == 0 ||
            reply->items[0].type != REDIS_ARRAY || reply->items[0].count < 2)
            continue;
        const struct redis_reply *entries = &reply->items[0].items[1];
        for (size_t i = 0; entries->type == REDIS_ARRAY && i < entries->count; i++)
            take_entry(run, &entries->items[i]);
    }
    recall_merge_end(&run->merge);
    return true;
}

static int show(struct recall_run *run)
{
    const struct command_context *context = run->session.context;
    if (run->put_status != STATUS_OK)
        return command_failed(context, "the answers cannot be put together: %s",
                              status_text(run->put_status));
    if (run->unreadable > 0)
        show_print(stderr, "%" PRIu64 " answers cannot be read: damaged, or of a newer weir\n",
                   run->unreadable);
    if (run->merge.replies == 0)
        return command_failed(context, run->expected == 0
                                           ? "no collector that remembers flows is alive "
                                             "(collector.recall; weir status)"
                                           : "no answer from the collectors (weir status)");
    if (run->merge.replies < run->expected)
        show_print(stderr, "%zu of %" PRIu64 " workers answered: the rest is not in here\n",
                   run->merge.replies, run->expected);
    if (run->merge.open_missing > 0)
        show_print(stderr,
                   "%zu of %zu workers answered without their latest records, up to a second\n",
                   run->merge.open_missing, run->merge.replies);
    if (context->json)
        return show_json(recall_show_json(&run->request, &run->merge));
    return recall_show_text(&run->request, &run->merge, stdout) == STATUS_OK
               ? EXIT_DONE
               : command_failed(context, "out of memory");
}

static int ask(struct recall_run *run)
{
    const struct config_redis_server *server = &run->session.config->redis.telemetry[0];
    struct text why;
    int result = EXIT_FAILED;
    text_init(&why, 0);
    run->redis = session_connect(&run->session, server, &why);
    (void)key_name(run->request_key, run->session.prefix, KEY_RECALL);
    (void)key_name(run->reply_key, run->session.prefix, KEY_RECALL_REPLY);
    if (run->redis == NULL) {
        (void)command_failed(run->session.context, "the telemetry Redis server is away: %s",
                             text_str(&why));
    } else {
        uint64_t now_ms = session_now_ms(&run->session, run->redis);
        if (now_ms > 0 && count_workers(run) && find_last(run) && send_request(run, now_ms) &&
            read_answers(run))
            result = show(run);
    }
    redis_sync_close(run->redis);
    text_done(&why);
    return result;
}

int recall_run(const struct command_context *context, int argc, char **argv)
{
    static struct recall_run run;
    const char *now = "10s", *before = "5m";
    bool is_source = false;
    const struct command_option options[] = {COMMAND_VALUE("--now", now),
                                             COMMAND_VALUE("--before", before),
                                             COMMAND_FLAG("--source", is_source)};
    if (!command_options(context, &argc, argv, options, 3))
        return EXIT_USAGE;
    if (argc < 2)
        return command_usage_error(context, "of which host or prefix?");
    memset(&run, 0, sizeof run);
    if (!read_targets(context, &run.request, is_source, argc, argv) ||
        !read_span(context, "--now", now, &run.request.now_ms) ||
        !read_span(context, "--before", before, &run.request.before_ms))
        return EXIT_USAGE;
    if (!session_open(&run.session, context))
        return EXIT_FAILED;
    recall_merge_init(&run.merge);
    int result = ask(&run);
    recall_merge_done(&run.merge);
    session_close(&run.session);
    return result;
}
