#include "ctl/commands.h"
#include "ctl/nouns.h"
#include "ctl/session.h"
#include "ctl/show.h"

#include <inttypes.h>
#include <string.h>

/* Jobs, newest first, and what each peer answered. A result names the mitigation and its revision
 * of then, which policy also raises without a job, as when it renews a lease: it belongs to the
 * last job before it. */
enum { JOBS_SHOWN = 100, JOBS_READ_MAX = 10000, PAGE = 1000 };

struct jobs_run {
    struct session session;
    json_t *jobs;
    json_t *by_mitigation;  /* "m-1": array of its jobs, newest first */
    const char *mitigation; /* only its jobs; NULL: all */
    uint64_t oldest_ms;     /* of the jobs */
    size_t unreadable;
};

/* One entry, oldest last; false ends the reading. */
typedef bool (*on_stream_entry)(struct jobs_run *run, const char *id,
                                const struct redis_reply *fields);

/* Reads a stream from its end back, in pages, so that a long one is never one reply. */
static bool read_back(struct jobs_run *run, enum key_id key_id, size_t max,
                      on_stream_entry on_entry)
{
    char key[KEY_NAME_MAX], from[STREAM_ID_MAX + 2] = "+", count[16];
    (void)key_name(key, run->session.prefix, key_id);
    (void)snprintf(count, sizeof count, "%d", PAGE);
    for (size_t seen = 0; seen < max;) {
        const struct redis_reply *page = session_ask(&run->session, run->session.state, "XREVRANGE",
                                                     key, from, "-", "COUNT", count, NULL);
        if (page == NULL)
            return false;
        for (size_t i = 0; page->type == REDIS_ARRAY && i < page->count && seen < max; i++) {
            const struct redis_reply *entry = &page->items[i];
            if (entry->type != REDIS_ARRAY || entry->count != 2 ||
                entry->items[0].type != REDIS_STRING)
                return command_failed(run->session.context,
                                      "Redis, XREVRANGE: an entry that makes no sense") ==
                       EXIT_DONE;
            seen++;
            (void)snprintf(from, sizeof from, "(%.*s", STREAM_ID_MAX, entry->items[0].bytes);
            if (!on_entry(run, entry->items[0].bytes, &entry->items[1]))
                return true;
        }
        if (page->type != REDIS_ARRAY || page->count < PAGE)
            return true;
    }
    return true;
}

static uint64_t id_ms(const char *id)
{
    uint64_t ms = 0;
    return sscanf(id, "%" SCNu64, &ms) == 1 ? ms : 0;
}

static bool on_job(struct jobs_run *run, const char *id, const struct redis_reply *fields)
{
    const struct redis_reply *pb = redis_field(fields, "pb");
    struct job job;
    if (pb == NULL || pb->type != REDIS_STRING ||
        job_decode(&job, (const uint8_t *)pb->bytes, pb->len) != STATUS_OK) {
        run->unreadable++;
        (void)command_failed(run->session.context,
                             "job %s cannot be read: damaged, or written by a newer weir", id);
        return true;
    }
    if (run->mitigation == NULL || strcmp(run->mitigation, job.mitigation) == 0) {
        json_t *noun = noun_job(&job, id),
               *of = json_object_get(run->by_mitigation, job.mitigation);
        if (of == NULL) {
            of = json_array();
            (void)json_object_set_new(run->by_mitigation, job.mitigation, of);
        }
        (void)json_object_set_new(noun, "results", json_array());
        (void)json_array_append(of, noun);
        (void)json_array_append_new(run->jobs, noun);
        run->oldest_ms = id_ms(id);
    }
    return true;
}

/* The job that the result answers, or NULL. */
static json_t *answered_job(const struct jobs_run *run, const struct job_result *result)
{
    size_t i;
    json_t *job;
    json_array_foreach(json_object_get(run->by_mitigation, result->mitigation), i, job)
    {
        if (show_u64(job, "revision") <= result->revision)
            return job;
    }
    return NULL;
}

static bool on_result(struct jobs_run *run, const char *id, const struct redis_reply *fields)
{
    const struct redis_reply *pb = redis_field(fields, "pb");
    struct job_result result;
    if (id_ms(id) < run->oldest_ms)
        return false;
    if (pb == NULL || pb->type != REDIS_STRING ||
        job_result_decode(&result, (const uint8_t *)pb->bytes, pb->len) != STATUS_OK)
        return true; /* routes offered for adoption have none */
    json_t *job = answered_job(run, &result);
    if (job != NULL)
        (void)json_array_insert_new(json_object_get(job, "results"), 0, noun_result(&result));
    return true;
}

static bool has_failed(const json_t *job)
{
    size_t i;
    json_t *result;
    json_array_foreach(json_object_get(job, "results"), i,
                       result) if (strcmp(show_string(result, "result"), "refused") ==
                                   0) return true;
    return false;
}

static void keep_failed(json_t *jobs, bool failed_only, size_t max)
{
    for (size_t i = 0; i < json_array_size(jobs);) {
        if (i >= max || (failed_only && !has_failed(json_array_get(jobs, i))))
            (void)json_array_remove(jobs, i);
        else
            i++;
    }
}

/* --- for people ---------------------------------------------------------------------------------
 */

static void results_text(const json_t *job, struct text *out)
{
    size_t i;
    json_t *result;
    json_array_foreach(json_object_get(job, "results"), i, result)
    {
        const char *peer = show_string(result, "peer"), *reason = show_string(result, "reason");
        text_addf(out, "%s%s%s%s %s%s%s", i > 0 ? "; " : "", show_string(result, "speaker"),
                  peer[0] != '\0' ? "/" : "", peer, show_string(result, "result"),
                  reason[0] != '\0' ? ": " : "", reason);
    }
}

static void print_jobs(const json_t *jobs)
{
    static const char *const heads[] = {"JOB", "AT", "VERB", "MITIGATION", ">REVISION", "RESULTS"};
    char when[CLOCK_TEXT_MAX];
    struct grid grid;
    size_t i;
    json_t *job;
    grid_init(&grid, sizeof heads / sizeof heads[0], heads);
    json_array_foreach(jobs, i, job)
    {
        struct text results;
        text_init(&results, 0);
        results_text(job, &results);
        grid_add(&grid, show_string(job, "id"));
        grid_add(&grid, clock_format_wall(id_ms(show_string(job, "id")), when));
        grid_add(&grid, show_string(job, "verb"));
        grid_add(&grid, show_string(job, "mitigation"));
        grid_addf(&grid, "%" PRIu64, show_u64(job, "revision"));
        grid_add(&grid, text_str(&results));
        text_done(&results);
    }
    grid_print(&grid, stdout);
}

static void print_job(json_t *job, uint64_t now_ms)
{
    size_t i;
    json_t *result;
    show_print(stdout, "%-14s %s\n%-14s %s %s, revision %" PRIu64 ", epoch %" PRIu64 "\n", "job",
               show_string(job, "id"), "verb", show_string(job, "verb"),
               show_string(job, "mitigation"), show_u64(job, "revision"), show_u64(job, "epoch"));
    show_times(json_object_get(job, "times"), now_ms);
    json_array_foreach(json_object_get(job, "results"), i, result)
    {
        char when[CLOCK_TEXT_MAX];
        const char *reason = show_string(result, "reason");
        show_print(stdout, "  %s %s/%s %s%s%s", clock_format_wall(show_u64(result, "at_ms"), when),
                   show_string(result, "speaker"), show_string(result, "peer"),
                   show_string(result, "result"), reason[0] != '\0' ? ": " : "", reason);
        if (json_is_number(show_member(result, "since_crossed_ms")))
            show_print(stdout, " (%.1f ms after the threshold was crossed)",
                       show_number(result, "since_crossed_ms"));
        show_print(stdout, "\n");
    }
}

/* --- commands -----------------------------------------------------------------------------------
 */

static bool open_run(struct jobs_run *run, const struct command_context *context)
{
    memset(run, 0, sizeof *run);
    if (!session_open(&run->session, context))
        return false;
    run->jobs = json_array();
    run->by_mitigation = json_object();
    return session_state(&run->session);
}

static void close_run(struct jobs_run *run)
{
    json_decref(run->jobs);
    json_decref(run->by_mitigation);
    session_close(&run->session);
}

int jobs_run(const struct command_context *context, int argc, char **argv)
{
    struct jobs_run run;
    const char *limit = NULL;
    uint64_t max = JOBS_SHOWN;
    bool failed = false;
    const struct command_option options[] = {COMMAND_FLAG("--failed", failed),
                                             COMMAND_VALUE("--limit", limit)};
    if (!command_options(context, &argc, argv, options, 2))
        return EXIT_USAGE;
    if (argc > 1)
        return command_usage_error(context, "takes no argument: %s (weir job ID shows one)",
                                   argv[1]);
    if (limit != NULL && (text_parse_u64(&max, limit, JOBS_READ_MAX) != STATUS_OK || max == 0))
        return command_usage_error(context, "--limit %s: expected a number from 1 to %d", limit,
                                   JOBS_READ_MAX);
    bool good =
        open_run(&run, context) &&
        read_back(&run, KEY_JOBS, failed ? JOBS_READ_MAX : (size_t)max, on_job) &&
        (json_array_size(run.jobs) == 0 || read_back(&run, KEY_RESULTS, KEY_LOG_MAX, on_result));
    if (good)
        keep_failed(run.jobs, failed, (size_t)max);
    if (good && context->json)
        (void)show_json(json_incref(run.jobs));
    else if (good && json_array_size(run.jobs) > 0)
        print_jobs(run.jobs);
    else if (good)
        printf("no job%s in the last 24 hours\n", failed ? " with a refused result" : "");
    good = good && run.unreadable == 0;
    close_run(&run);
    return good ? EXIT_DONE : EXIT_FAILED;
}

static bool is_stream_id(const char *id)
{
    return id[0] >= '0' && id[0] <= '9';
}

/* All jobs of a mitigation: which of them a result answers is known by those after it only. */
static bool read_of(struct jobs_run *run, const char *mitigation)
{
    run->mitigation = mitigation;
    return read_back(run, KEY_JOBS, JOBS_READ_MAX, on_job);
}

/* A stream id, or all jobs of a mitigation. ret_mitigation: room for its id. */
static bool read_one(struct jobs_run *run, const char *id, char ret_mitigation[ID_TEXT_MAX])
{
    char key[KEY_NAME_MAX];
    if (!is_stream_id(id))
        return read_of(run, id);
    (void)key_name(key, run->session.prefix, KEY_JOBS);
    const struct redis_reply *page =
        session_ask(&run->session, run->session.state, "XRANGE", key, id, id, NULL);
    if (page == NULL)
        return false;
    for (size_t i = 0; page->type == REDIS_ARRAY && i < page->count; i++) {
        const struct redis_reply *entry = &page->items[i];
        if (entry->type == REDIS_ARRAY && entry->count == 2 && entry->items[0].type == REDIS_STRING)
            (void)on_job(run, entry->items[0].bytes, &entry->items[1]);
    }
    if (json_array_size(run->jobs) == 0)
        return true;
    (void)snprintf(ret_mitigation, ID_TEXT_MAX, "%s",
                   show_string(json_array_get(run->jobs, 0), "mitigation"));
    (void)json_array_clear(run->jobs);
    (void)json_object_clear(run->by_mitigation);
    run->unreadable = 0; /* the other jobs are not what was asked for */
    return read_of(run, ret_mitigation);
}

static void keep_one(json_t *jobs, const char *id)
{
    for (size_t i = json_array_size(jobs); i > 0; i--)
        if (strcmp(show_string(json_array_get(jobs, i - 1), "id"), id) != 0)
            (void)json_array_remove(jobs, i - 1);
}

int job_run(const struct command_context *context, int argc, char **argv)
{
    struct jobs_run run;
    size_t i;
    json_t *job;
    uint64_t now_ms = 0;
    if (!command_options(context, &argc, argv, NULL, 0))
        return EXIT_USAGE;
    if (argc != 2)
        return command_usage_error(context, "needs the ID of a job, or of a mitigation");
    char mitigation[ID_TEXT_MAX];
    bool good = open_run(&run, context) && read_one(&run, argv[1], mitigation);
    if (good && json_array_size(run.jobs) == 0)
        good = run.unreadable == 0 &&
               command_failed(context, "there is no job %s; weir jobs lists them", argv[1]) ==
                   EXIT_DONE;
    good = good && read_back(&run, KEY_RESULTS, KEY_LOG_MAX, on_result) &&
           (now_ms = session_now_ms(&run.session, run.session.state)) != 0;
    if (good && is_stream_id(argv[1]))
        keep_one(run.jobs, argv[1]);
    if (good && context->json)
        (void)show_json(json_incref(run.jobs));
    else if (good)
        json_array_foreach(run.jobs, i, job) print_job(job, now_ms);
    good = good && run.unreadable == 0;
    close_run(&run);
    return good ? EXIT_DONE : EXIT_FAILED;
}
