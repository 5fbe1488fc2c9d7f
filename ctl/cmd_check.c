#include "common/model/model.h"
#include "common/service/config_reference.h"
#include "ctl/commands.h"
#include "ctl/lowest.h"
#include "ctl/show.h"
#include "ctl/warnings.h"

#include <string.h>

struct check_report {
    const struct config *config;
    json_t *warnings, *exporters;
};

/* --- errors -------------------------------------------------------------------------------------
 */

/* "weir.yaml:12:7: text": file, line, column where it has them. */
static json_t *error_of_line(const char *line, size_t len)
{
    char *copy = strndup(line, len), *text = copy;
    json_t *object = json_object();
    for (char *at = copy; at != NULL && (at = strstr(at, ": ")) != NULL; at++) {
        unsigned int row, column;
        char *head = at, end;
        for (int colons = 0; head > copy && colons < 2; colons += *head == ':')
            head--;
        *at = '\0';
        bool found = *head == ':' && sscanf(head, ":%u:%u%c", &row, &column, &end) == 2;
        if (found) {
            *head = '\0';
            (void)json_object_set_new(object, "line", json_integer(row));
            (void)json_object_set_new(object, "column", json_integer(column));
            (void)json_object_set_new(object, "file", show_json_text(copy));
            text = at + 2;
            break;
        }
        *at = ':';
    }
    (void)json_object_set_new(object, "text", show_json_text(text != NULL ? text : ""));
    free(copy);
    return object;
}

static int print_errors(const struct command_context *context, const char *file,
                        const struct config_errors *errors)
{
    if (!context->json) {
        show_print(stderr, "%s", text_str(&errors->lines));
        return command_failed(context, "%s has %zu error%s", file, errors->count,
                              errors->count == 1 ? "" : "s");
    }
    json_t *object = json_object(), *list = json_array();
    for (const char *line = text_str(&errors->lines); *line != '\0';) {
        size_t len = strcspn(line, "\n");
        (void)json_array_append_new(list, error_of_line(line, len));
        line += len + (line[len] == '\n');
    }
    (void)json_object_set_new(object, "ok", json_false());
    (void)json_object_set_new(object, "file", show_json_text(file));
    (void)json_object_set_new(object, "errors", list);
    (void)show_json(object);
    return EXIT_FAILED;
}

/* --- what sampling can show ---------------------------------------------------------------------
 */

static const char *rate_text(enum config_rate_kind kind, double rate,
                             char ret_text[TEXT_QUANTITY_MAX + 8])
{
    static const char *const units[] = {[RATE_BPS] = "", [RATE_PPS] = " pps", [RATE_FPS] = " fps"};
    char quantity[TEXT_QUANTITY_MAX];
    (void)snprintf(ret_text, TEXT_QUANTITY_MAX + 8, "%s%s",
                   kind == RATE_BPS ? text_format_bit_rate(rate, quantity)
                                    : text_format_count(rate, quantity),
                   units[kind]);
    return ret_text;
}

static json_t *threshold_of(struct check_report *r, const struct config_policy *policy,
                            const struct config_threshold *t, uint32_t sampling, const char *name)
{
    static const char *const kinds[] = {[RATE_BPS] = "bps", [RATE_PPS] = "pps", [RATE_FPS] = "fps"};
    json_t *object = json_object(), *passes = json_object();
    struct lowest lowest = lowest_shown(sampling, t->confidence, policy->window_ms);
    (void)json_object_set_new(object, "policy", show_json_text(policy->name));
    (void)json_object_set_new(object, "severity", json_string(config_severity_name(t->severity)));
    (void)json_object_set_new(object, "window_ms", show_json_u64(policy->window_ms));
    (void)json_object_set_new(object, "confidence", json_real(t->confidence));
    (void)json_object_set_new(object, "lowest_pps", json_real(lowest.pps));
    (void)json_object_set_new(object, "lowest_bps", json_real(lowest.bps));
    for (size_t i = 0; i < t->rate_count; i++) {
        char limit_text[TEXT_QUANTITY_MAX + 8], pass_text[TEXT_QUANTITY_MAX + 8];
        double limit = (double)t->rates[i].limit;
        double pass =
            lowest_passing(limit, t->rates[i].kind, sampling, t->confidence, policy->window_ms);
        (void)json_object_set_new(passes, kinds[t->rates[i].kind], json_real(pass));
        if (pass > 2 * limit)
            warnings_add(
                r->warnings,
                "exporter %s samples 1 in %u: it shows policy %s's %s only from %s on; sample "
                "more, or lengthen the window",
                name, sampling, policy->name, rate_text(t->rates[i].kind, limit, limit_text),
                rate_text(t->rates[i].kind, pass, pass_text));
    }
    (void)json_object_set_new(object, "passes_from", passes);
    return object;
}

static void add_exporter(struct check_report *r, const struct config_exporter *e)
{
    char address[PREFIX_TEXT_MAX];
    json_t *object = json_object(), *thresholds = json_array();
    uint32_t sampling = e->sampling != 0 ? e->sampling : e->default_sampling;
    const char *name = e->name != NULL ? e->name : prefix_format(&e->address, address);
    (void)json_object_set_new(object, "name", show_json_text(name));
    (void)json_object_set_new(object, "address",
                              show_json_text(prefix_format(&e->address, address)));
    (void)json_object_set_new(object, "sampling",
                              sampling != 0 ? json_integer(sampling) : json_null());
    for (size_t i = 0; sampling != 0 && i < r->config->policy_count; i++) {
        const struct config_policy *policy = &r->config->policies[i];
        for (size_t j = 0; j < policy->threshold_count; j++)
            (void)json_array_append_new(
                thresholds, threshold_of(r, policy, &policy->thresholds[j], sampling, name));
    }
    (void)json_object_set_new(object, "thresholds", thresholds);
    (void)json_array_append_new(r->exporters, object);
}

static void print_exporter(const json_t *exporter)
{
    size_t i;
    json_t *t, *rate;
    const char *name;
    if (json_is_null(show_member(exporter, "sampling"))) {
        show_print(stdout, "exporter %s: sampling as its stream says (weir exporters)\n",
                   show_string(exporter, "name"));
        return;
    }
    show_print(stdout, "exporter %s, sampling 1 in %llu:\n", show_string(exporter, "name"),
               (unsigned long long)show_u64(exporter, "sampling"));
    json_array_foreach(json_object_get(exporter, "thresholds"), i, t)
    {
        char pps[TEXT_QUANTITY_MAX], bps[TEXT_QUANTITY_MAX];
        show_print(stdout, "  %s %s: shows from %s pps or %s on", show_string(t, "policy"),
                   show_string(t, "severity"), text_format_count(show_number(t, "lowest_pps"), pps),
                   text_format_bit_rate(show_number(t, "lowest_bps"), bps));
        json_object_foreach(json_object_get(t, "passes_from"), name, rate)
        {
            char text[TEXT_QUANTITY_MAX + 8];
            enum config_rate_kind kind = name[0] == 'b'   ? RATE_BPS
                                         : name[0] == 'p' ? RATE_PPS
                                                          : RATE_FPS;
            show_print(stdout, ", passes its %s from %s on", name,
                       rate_text(kind, json_real_value(rate), text));
        }
        show_print(stdout, "\n");
    }
}

static int print_good(const struct command_context *context, const struct config *config)
{
    struct check_report r = {.config = config, .warnings = json_array(), .exporters = json_array()};
    size_t i;
    json_t *item;
    for (size_t e = 0; e < config->exporter_count; e++)
        add_exporter(&r, &config->exporters[e]);
    warnings_of(config, r.warnings);
    if (context->json) {
        json_t *object = json_object();
        (void)json_object_set_new(object, "ok", json_true());
        (void)json_object_set_new(object, "file", show_json_text(config->file));
        (void)json_object_set_new(object, "config", show_json_text(config->hash));
        (void)json_object_set_new(object, "warnings", json_incref(r.warnings));
        (void)json_object_set_new(object, "exporters", json_incref(r.exporters));
        (void)show_json(object);
    } else {
        show_print(stdout,
                   "%s is valid (%s): %zu policies, %zu methods, %zu exporters, %zu peers\n",
                   config->file, config->hash, config->policy_count, config->method_count,
                   config->exporter_count, config->peer_count);
        json_array_foreach(r.exporters, i, item) print_exporter(item);
        json_array_foreach(r.warnings, i, item)
            show_print(stdout, "! %s\n", json_string_value(item));
    }
    json_decref(r.warnings);
    json_decref(r.exporters);
    return EXIT_DONE;
}

static int print_reference(const struct command_context *context)
{
    struct text reference;
    text_init(&reference, 0);
    config_reference(&reference);
    int result =
        reference.failed ? command_failed(context, "%s", status_text(STATUS_NO_MEMORY)) : EXIT_DONE;
    if (result == EXIT_DONE)
        show_print(stdout, "%s", text_str(&reference));
    text_done(&reference);
    return result;
}

int check_run(const struct command_context *context, int argc, char **argv)
{
    struct config_errors errors;
    struct config *config = NULL;
    bool reference = false;
    const struct command_option options[] = {COMMAND_FLAG("--reference", reference)};
    if (!command_options(context, &argc, argv, options, 1))
        return EXIT_USAGE;
    if (reference)
        return argc > 1 ? command_usage_error(context, "--reference reads no file: %s", argv[1])
                        : print_reference(context);
    if (argc > 2 || (argc == 2 && context->config != NULL))
        return command_usage_error(context, "takes one FILE at most: %s", argv[argc - 1]);
    const char *path = config_find(argc == 2 ? argv[1] : context->config);
    if (path == NULL)
        return command_failed(context, "there is no configuration: neither --config, $WEIR_CONFIG, "
                                       "./weir.yaml nor /etc/weir/weir.yaml");
    config_errors_init(&errors, path);
    int result = config_load_judged(&config, path, model_check, &errors) == STATUS_OK
                     ? print_good(context, config)
                     : print_errors(context, path, &errors);
    config_free(config);
    config_errors_done(&errors);
    return result;
}
