#include "ctl/commands.h"
#include "ctl/obeyed.h"
#include "ctl/request.h"
#include "ctl/session.h"
#include "ctl/show.h"
#include "ctl/speaker_dump.h"
#include "ctl/speaker_socket.h"
#include "proto/scope.h"

#include <string.h>

/* {"command": …, "scope": …, "who": …, "why": …} */
static char *command_line(const char *command, const struct scope *scope, const char *reason)
{
    char who[NAME_MAX_LEN + 1], text[SCOPE_TEXT_MAX];
    json_t *object = json_object();
    (void)json_object_set_new(object, "command", json_string(command));
    if (scope != NULL) {
        request_who(who);
        (void)json_object_set_new(object, "scope", show_json_text(scope_format(scope, text)));
        (void)json_object_set_new(object, "who", show_json_text(who));
        (void)json_object_set_new(object, "why", show_json_text(reason != NULL ? reason : ""));
    }
    char *json = json_dumps(object, JSON_COMPACT), *line = NULL;
    json_decref(object);
    if (json != NULL && asprintf(&line, "%s\n", json) < 0)
        line = NULL;
    free(json);
    return line;
}

static void print_status(const json_t *answer)
{
    static const char *const heads[] = {"PEER", "STATE", ">IPV4", ">IPV6", ">WANTED", "LAST ERROR"};
    struct grid grid;
    size_t i;
    json_t *item;
    show_print(stdout, "%s: state Redis %s, epoch %llu, %llu mitigations stand, journal %s\n",
               show_string(answer, "speaker"),
               show_truth(answer, "state_reached") ? "reached" : "AWAY",
               (unsigned long long)show_u64(answer, "epoch"),
               (unsigned long long)show_u64(answer, "standing"),
               show_truth(answer, "journal_ok") ? "good" : "CANNOT BE WRITTEN");
    if (show_u64(answer, "missing") > 0)
        show_print(
            stdout,
            "%llu OF THEM THE STATE REDIS HAS LOST: their routes are kept until their lease or "
            "orphan_max ends\n",
            (unsigned long long)show_u64(answer, "missing"));
    json_array_foreach(json_object_get(answer, "holds"), i, item)
        show_print(stdout, "on hold: %s (%s), %s\n", show_string(item, "scope"),
                   show_string(item, "source"), show_string(item, "why"));
    grid_init(&grid, sizeof heads / sizeof heads[0], heads);
    json_array_foreach(json_object_get(answer, "peers"), i, item)
    {
        grid_add(&grid, show_string(item, "peer"));
        grid_add(&grid, show_string(item, "state"));
        grid_addf(&grid, "%llu",
                  (unsigned long long)(show_u64(item, "routes_ipv4") +
                                       show_u64(item, "routes_ipv4_unicast")));
        grid_addf(&grid, "%llu",
                  (unsigned long long)(show_u64(item, "routes_ipv6") +
                                       show_u64(item, "routes_ipv6_unicast")));
        grid_addf(&grid, "%llu", (unsigned long long)show_u64(item, "wanted"));
        grid_add(&grid, show_string(item, "last_error"));
    }
    grid_print(&grid, stdout);
}

static void print_answer(const char *socket, const char *command, const json_t *answer)
{
    if (strcmp(command, "status") == 0) {
        print_status(answer);
    } else if (strcmp(command, "withdraw-all") == 0) {
        show_print(stdout, "%s: hold on %s is set, %llu routes are gone from %llu peers%s\n",
                   socket, show_string(answer, "scope"),
                   (unsigned long long)show_u64(answer, "routes_withdrawn"),
                   (unsigned long long)show_u64(answer, "peers"),
                   show_truth(answer, "survives_restart")
                       ? ""
                       : "; ITS JOURNAL CANNOT BE WRITTEN: a restart of the speaker ends the hold");
    } else if (strcmp(command, "retry") == 0) {
        show_print(stdout, "%s: %llu routes are tried again at %s\n", socket,
                   (unsigned long long)show_u64(answer, "retried"), show_string(answer, "peer"));
    } else {
        show_print(stdout, "%s: %llu holds on %s ended, %llu left\n", socket,
                   (unsigned long long)show_u64(answer, "ended"), show_string(answer, "scope"),
                   (unsigned long long)show_u64(answer, "holds_left"));
    }
}

/* Asks each; true when all did it. */
static bool ask_all(const struct command_context *context, const struct command_values *sockets,
                    const char *command, const char *line)
{
    json_t *all = json_array();
    bool good = true;
    for (size_t i = 0; i < sockets->count; i++) {
        const char *path = sockets->items[i];
        struct text why;
        text_init(&why, 0);
        json_t *answer = speaker_ask(path, line, &why), *object = json_object();
        bool reached = answer != NULL, done = show_truth(answer, "ok");
        (void)json_object_set_new(object, "socket", show_json_text(path));
        (void)json_object_set_new(object, "reached", json_boolean(reached));
        if (!reached) {
            (void)command_failed(context, "the speaker at %s was NOT REACHED: %s", path,
                                 text_str(&why));
            (void)json_object_set_new(object, "error", show_json_text(text_str(&why)));
        } else if (!done) {
            (void)command_failed(context, "the speaker at %s refused: %s", path,
                                 show_string(answer, "error"));
        } else if (!context->json) {
            print_answer(path, command, answer);
        }
        (void)json_object_update(object, answer);
        (void)json_array_append_new(all, object);
        good = good && reached && done;
        json_decref(answer);
        text_done(&why);
    }
    if (context->json)
        (void)show_json(json_incref(all));
    json_decref(all);
    return good;
}

static bool tell_all(const struct command_context *context, const struct command_values *sockets,
                     const char *command, const struct scope *scope, const char *reason)
{
    char *line = command_line(command, scope, reason);
    bool good = line != NULL && ask_all(context, sockets, command, line);
    free(line);
    return good;
}

/* {"command": "retry", "peer": …, "mitigation": …} */
static bool retry_all(const struct command_context *context, const struct command_values *sockets,
                      const char *peer, const char *mitigation)
{
    json_t *object = json_object();
    char *line = NULL;
    (void)json_object_set_new(object, "command", json_string("retry"));
    (void)json_object_set_new(object, "peer", show_json_text(peer));
    if (mitigation != NULL)
        (void)json_object_set_new(object, "mitigation", show_json_text(mitigation));
    char *json = json_dumps(object, JSON_COMPACT);
    json_decref(object);
    if (json != NULL && asprintf(&line, "%s\n", json) < 0)
        line = NULL;
    free(json);
    bool good = line != NULL && ask_all(context, sockets, "retry", line);
    free(line);
    return good;
}

static int forget_command(const struct command_context *context, int argc, char **argv,
                          bool any_option, const char *const *values)
{
    for (int kind = 0; kind < SCOPE_KIND_COUNT; kind++)
        any_option = any_option || values[kind] != NULL;
    if (argc != 3)
        return command_usage_error(context, "forget needs one NAME of a speaker");
    return any_option ? command_usage_error(context, "forget takes no option")
                      : forget_run(context, argv[2]);
}

int speaker_run(const struct command_context *context, int argc, char **argv)
{
    struct command_values sockets = {0};
    const char *values[SCOPE_KIND_COUNT] = {0}, *reason = NULL;
    struct config *config = NULL;
    struct scope scope;
    const struct command_option options[] = {COMMAND_VALUES("--socket", sockets),
                                             COMMAND_VALUE("--platform", values[SCOPE_PLATFORM]),
                                             COMMAND_VALUE("--peer", values[SCOPE_PEER]),
                                             COMMAND_VALUE("--method", values[SCOPE_METHOD]),
                                             COMMAND_VALUE("--alarm", values[SCOPE_ALARM]),
                                             COMMAND_VALUE("--family", values[SCOPE_FAMILY]),
                                             COMMAND_VALUE("--reason", reason)};
    if (!command_options(context, &argc, argv, options, sizeof options / sizeof options[0]))
        return EXIT_USAGE;
    const char *command = argc >= 2 ? argv[1] : "";
    bool is_status = strcmp(command, "status") == 0, is_dump = strcmp(command, "dump") == 0;
    bool is_retry = strcmp(command, "retry") == 0;
    if (strcmp(command, "forget") == 0)
        return forget_command(context, argc, argv, sockets.count > 0 || reason != NULL, values);
    if (!is_status && !is_dump && !is_retry && strcmp(command, "withdraw-all") != 0 &&
        strcmp(command, "resume") != 0)
        return command_usage_error(
            context, "needs one of withdraw-all, resume, status, retry PEER, dump FILE, "
                     "forget NAME");
    if (is_retry && (argc < 3 || argc > 4))
        return command_usage_error(context, "retry needs a PEER, and takes one ID");
    if (!is_retry && argc != (is_dump ? 3 : 2))
        return command_usage_error(context, is_dump ? "dump needs one FILE, or -"
                                                    : "takes one command alone");
    if (!request_scope(context, values, &scope))
        return EXIT_USAGE;
    if ((is_status || is_dump || is_retry) && (scope.kind != SCOPE_ALL || reason != NULL))
        return command_usage_error(context, "%s takes no scope and no reason", command);
    if (sockets.count == 0) {
        config = session_config(context, false);
        if (config == NULL)
            return command_failed(context, "so give --socket PATH, as speaker.socket says");
        sockets.items[sockets.count++] = config->speaker.socket;
    }
    bool good = is_retry  ? retry_all(context, &sockets, argv[2], argc == 4 ? argv[3] : NULL)
                : is_dump ? speaker_dump(context, &sockets, argv[2])
                          : tell_all(context, &sockets, command, is_status ? NULL : &scope, reason);
    config_free(config);
    return good ? EXIT_DONE : EXIT_FAILED;
}
