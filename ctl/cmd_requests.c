#include "ctl/commands.h"
#include "ctl/request.h"
#include "ctl/rule_input.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* What the three commands share of options. */
struct asked {
    const char *destination, *source, *platform, *duration, *reason;
    struct command_values peers;
    bool dry_run;
};

static bool is_prefix(const struct command_context *context, const char *option, const char *value)
{
    struct ip_prefix prefix;
    if (value == NULL || prefix_parse(&prefix, value) == STATUS_OK)
        return true;
    (void)command_usage_error(context, "%s %s: expected an address or a prefix", option, value);
    return false;
}

static bool add_duration(const struct command_context *context, struct request *request,
                         const char *value)
{
    uint64_t ms;
    char text[24];
    if (value == NULL)
        return true;
    if (text_parse_duration_ms(&ms, value) != STATUS_OK || ms == 0) {
        (void)command_usage_error(context, "--for %s: expected a time, such as 10m", value);
        return false;
    }
    (void)snprintf(text, sizeof text, "%" PRIu64, ms);
    return request_add(context, request, "for_ms", text);
}

static bool add_rest(const struct command_context *context, struct request *request,
                     const struct asked *a)
{
    return add_duration(context, request, a->duration) &&
           request_add(context, request, "reason", a->reason) &&
           request_add(context, request, "dry_run", a->dry_run ? "1" : NULL);
}

int mitigate_run(const struct command_context *context, int argc, char **argv)
{
    struct asked a = {0};
    struct request request;
    const char *method = NULL, *divert = NULL;
    bool blackhole = false;
    const struct command_option options[] = {COMMAND_VALUE("--destination", a.destination),
                                             COMMAND_VALUE("--source", a.source),
                                             COMMAND_VALUE("--platform", a.platform),
                                             COMMAND_VALUE("--for", a.duration),
                                             COMMAND_VALUE("--reason", a.reason),
                                             COMMAND_FLAG("--dry-run", a.dry_run),
                                             COMMAND_VALUE("--method", method),
                                             COMMAND_FLAG("--blackhole", blackhole),
                                             COMMAND_VALUE("--divert", divert)};
    if (!command_options(context, &argc, argv, options, sizeof options / sizeof options[0]))
        return EXIT_USAGE;
    bool is_route = blackhole || divert != NULL;
    if (argc != 2)
        return command_usage_error(context, is_route ? "needs one HOST"
                                                     : "needs the name of one METHOD of the "
                                                       "configuration");
    if (blackhole && divert != NULL)
        return command_usage_error(context, "--blackhole and --divert: one of them");
    if (is_route && (a.destination != NULL || a.source != NULL))
        return command_usage_error(context, "a blackhole or diversion is for HOST, and has no "
                                            "other address");
    if (!is_route && method != NULL)
        return command_usage_error(context, "--method goes with --blackhole or --divert");
    if (is_route)
        a.destination = argv[1];
    else
        method = argv[1];
    request_begin(&request, "mitigate");
    if (!is_prefix(context, is_route ? "HOST" : "--destination", a.destination) ||
        !is_prefix(context, "--source", a.source) ||
        !request_add(context, &request, "method", method) ||
        !request_add(context, &request, "blackhole", blackhole ? "1" : NULL) ||
        !request_add(context, &request, "divert", divert) ||
        !request_add(context, &request, "destination", a.destination) ||
        !request_add(context, &request, "source", a.source) ||
        !request_add(context, &request, "platform", a.platform) || !add_rest(context, &request, &a))
        return EXIT_USAGE;
    return request_send(context, &request);
}

int announce_run(const struct command_context *context, int argc, char **argv)
{
    struct asked a = {0};
    struct request request;
    struct rule_input input;
    struct text rule;
    const struct command_option options[] = {
        COMMAND_VALUE("--for", a.duration), COMMAND_VALUES("--peer", a.peers),
        COMMAND_VALUE("--reason", a.reason), COMMAND_FLAG("--dry-run", a.dry_run)};
    if (!command_options(context, &argc, argv, options, sizeof options / sizeof options[0]))
        return EXIT_USAGE;
    if (argc > 2)
        return command_usage_error(context, "the rule is one argument: put it in quotes");
    if (argc < 2)
        return command_usage_error(context, "needs a rule, 'match … then …'");
    if (a.duration == NULL)
        return command_usage_error(context, "needs --for TIME: how long the rule may stand");
    if (!rule_input_read(context, argv[1], NULL, &input))
        return EXIT_FAILED;
    if (input.withdraw || !input.has_actions)
        return command_failed(context, "the rule says nothing to do: it needs 'then …'");
    text_init(&rule, 0);
    request_begin(&request, "announce");
    bool good = rule_format_text(&input.rule, &input.actions, &rule) == STATUS_OK &&
                request_add(context, &request, "rule", text_str(&rule)) &&
                add_rest(context, &request, &a);
    for (size_t i = 0; good && i < a.peers.count; i++)
        good = request_add(context, &request, "peer", a.peers.items[i]);
    text_done(&rule);
    return good ? request_send(context, &request) : EXIT_USAGE;
}

int stop_run(const struct command_context *context, int argc, char **argv)
{
    const char *reason = NULL;
    struct request request;
    const struct command_option options[] = {COMMAND_VALUE("--reason", reason)};
    if (!command_options(context, &argc, argv, options, 1))
        return EXIT_USAGE;
    if (argc < 2)
        return command_usage_error(context, "needs an ID, as weir mitigations shows it");
    request_begin(&request, "stop");
    for (int i = 1; i < argc; i++)
        if (!request_add(context, &request, "id", argv[i]))
            return EXIT_USAGE;
    if (!request_add(context, &request, "reason", reason))
        return EXIT_USAGE;
    return request_send(context, &request);
}
