#include "ctl/commands.h"
#include "ctl/rule_forms.h"
#include "ctl/rule_order.h"
#include "ctl/session.h"
#include "ctl/show.h"

#include <string.h>

/* The guard's context: the configuration's networks and lists, where there is one. */
struct rule_house {
    struct config *config;
    struct model *model;
};

static void house_open(const struct command_context *context, struct rule_house *ret_house)
{
    *ret_house = (struct rule_house){0};
    if (config_find(context->config) == NULL)
        return;
    ret_house->config = session_config(context, false);
    if (ret_house->config == NULL)
        return;
    struct config_errors errors;
    config_errors_init(&errors, ret_house->config->file);
    ret_house->model = model_new(ret_house->config, &errors);
    if (ret_house->model == NULL)
        (void)command_failed(context, "no verdict of the guard, the configuration is wrong:\n%s",
                             text_str(&errors.lines));
    config_errors_done(&errors);
}

static void house_close(struct rule_house *house)
{
    model_free(house->model);
    config_free(house->config);
}

static int print_names(const struct command_context *context)
{
    static const char *const heads[] = {"COMPONENT", "NAME", ">VALUE", "FAMILY"};
    struct grid grid;
    json_t *list = json_array();
    grid_init(&grid, 4, heads);
    for (size_t i = 0; rule_name_at(i) != NULL; i++) {
        const struct rule_name *name = rule_name_at(i);
        const char *component = component_name((enum component)name->component);
        const char *family = name->family == ADDR_IPV4   ? "ipv4"
                             : name->family == ADDR_IPV6 ? "ipv6"
                                                         : "both";
        grid_add(&grid, component);
        grid_add(&grid, name->name);
        grid_addf(&grid, "%u", name->value);
        grid_add(&grid, family);
        (void)json_array_append_new(list, json_pack("{s:s, s:s, s:I, s:s}", "component", component,
                                                    "name", name->name, "value",
                                                    (json_int_t)name->value, "family", family));
    }
    if (context->json) {
        text_done(&grid.text);
        return show_json(list);
    }
    json_decref(list);
    grid_print(&grid, stdout);
    return EXIT_DONE;
}

static void print_list(const json_t *list, const char *label)
{
    size_t i;
    json_t *item;
    json_array_foreach(list, i, item)
        show_print(stdout, "%-12s %s\n", i == 0 ? label : "", json_string_value(item));
}

static void print_guard(const json_t *guard)
{
    size_t i;
    json_t *refusal;
    if (!json_is_object(guard))
        show_print(stdout, "%-12s no configuration, so no verdict\n", "guard");
    else if (show_truth(guard, "ok"))
        show_print(stdout, "%-12s ok\n", "guard");
    json_array_foreach(json_object_get(guard, "refusals"), i, refusal)
        show_print(stdout, "%-12s %s: %s\n", i == 0 ? "guard" : "",
                   show_string(refusal, "invariant"), show_string(refusal, "text"));
}

static void print_forms(const json_t *object)
{
    const char *name;
    json_t *value;
    char *json = json_dumps(json_object_get(object, "json"), JSON_REAL_PRECISION(17));
    show_print(stdout, "%-12s %s\n", "text", show_string(object, "text"));
    show_print(stdout, "%-12s %s\n", "json", json != NULL ? json : "");
    free(json);
    show_print(stdout, "%-12s %s\n", show_string(object, "family"),
               show_string(object, "nlri_hex"));
    print_list(json_object_get(object, "communities"), "communities");
    show_print(stdout, "%-12s %s\n", "order key", show_string(object, "order_key"));
    print_list(json_object_get(object, "simplified"), "simplified");
    print_list(json_object_get(object, "deviations"), "deviation");
    print_list(json_object_get(object, "warnings"), "warning");
    print_guard(json_object_get(object, "guard"));
    json_object_foreach(json_object_get(object, "profiles"), name, value)
        show_print(stdout, "%-12s %s\n", name, json_string_value(value));
}

/* Rates with all their digits, so that the JSON form reads back as the same rule. */
static void show_exact(const json_t *object)
{
    enum { DIGITS = 17 };
    (void)json_dumpf(object, stdout, JSON_INDENT(2) | JSON_REAL_PRECISION(DIGITS));
    (void)fputc('\n', stdout);
}

static int show_one(const struct command_context *context, const struct model *model,
                    const char *from, const struct rule_given *given)
{
    struct rule_input input;
    struct rule_forms forms;
    if (!rule_input_read(context, from, given, &input) ||
        !rule_forms_make(context, &input, model, &forms))
        return EXIT_FAILED;
    if (context->json)
        show_exact(forms.object);
    else
        print_forms(forms.object);
    rule_forms_done(&forms);
    return EXIT_DONE;
}

static json_t *order_json(int first, const struct text *why)
{
    json_t *object = json_object();
    (void)json_object_set_new(object, "first", first < 0 ? json_null() : json_integer(first));
    (void)json_object_set_new(object, "why", show_json_text(text_str(why)));
    return object;
}

static void print_order(const struct rule_forms forms[2], const int first[2],
                        const struct text why[2])
{
    for (int i = 0; i < 2; i++)
        show_print(stdout, "%d  %s\n", i + 1, show_string(forms[i].object, "text"));
    if (first[0] < 0) {
        show_print(stdout, "neither goes first: %s\n", text_str(&why[0]));
        return;
    }
    show_print(stdout, "rule %d goes first: %s\n", first[0] + 1, text_str(&why[0]));
    show_print(stdout,
               "rule %d goes first under draft-ietf-idr-flow-spec-06 (Junos: term-order legacy): "
               "%s\n",
               first[1] + 1, text_str(&why[1]));
}

static int show_order(const struct command_context *context, const struct model *model,
                      char *const *from, const struct rule_given *given)
{
    struct rule_input inputs[2];
    struct rule_forms forms[2] = {0};
    struct text why[2];
    int first[2];
    for (int i = 0; i < 2; i++) {
        if (!rule_input_read(context, from[i], given, &inputs[i]) ||
            !rule_forms_make(context, &inputs[i], model, &forms[i])) {
            rule_forms_done(&forms[0]);
            return EXIT_FAILED;
        }
    }
    for (int i = 0; i < 2; i++) {
        text_init(&why[i], 0);
        first[i] =
            rule_order_first(i == 0 ? RULE_ORDER_RFC8955 : RULE_ORDER_DRAFT6, forms, &why[i]);
    }
    if (context->json) {
        json_t *object = json_object();
        (void)json_object_set_new(object, "rules",
                                  json_pack("[O, O]", forms[0].object, forms[1].object));
        (void)json_object_update_new(object, order_json(first[0], &why[0]));
        (void)json_object_set_new(object, "draft6", order_json(first[1], &why[1]));
        show_exact(object);
        json_decref(object);
    } else {
        print_order(forms, first, why);
    }
    for (int i = 0; i < 2; i++) {
        text_done(&why[i]);
        rule_forms_done(&forms[i]);
    }
    return EXIT_DONE;
}

int rule_run(const struct command_context *context, int argc, char **argv)
{
    const char *family_name = NULL;
    bool names = false;
    struct rule_given given = {0};
    const struct command_option options[] = {COMMAND_VALUE("--family", family_name),
                                             COMMAND_VALUE("--communities", given.communities),
                                             COMMAND_FLAG("--names", names)};
    if (!command_options(context, &argc, argv, options, sizeof options / sizeof options[0]))
        return EXIT_USAGE;
    if (family_name != NULL && strcmp(family_name, "ipv4") == 0)
        given.family = ADDR_IPV4;
    else if (family_name != NULL && strcmp(family_name, "ipv6") == 0)
        given.family = ADDR_IPV6;
    else if (family_name != NULL)
        return command_usage_error(context, "--family %s: expected ipv4 or ipv6", family_name);
    if (names)
        return argc == 1 ? print_names(context)
                         : command_usage_error(context, "--names takes no rule");
    if (argc != 2 && argc != 3)
        return command_usage_error(context, "needs one rule, or two to compare");
    if (argc == 3 && given.communities != NULL)
        return command_usage_error(context, "--communities go with one rule");
    struct rule_house house;
    house_open(context, &house);
    int result = argc == 2 ? show_one(context, house.model, argv[1], &given)
                           : show_order(context, house.model, argv + 1, &given);
    house_close(&house);
    return result;
}
