#include "ctl/commands.h"
#include "ctl/load.h"
#include "ctl/show.h"

#include <string.h>

static const char *because(const json_t *m)
{
    const char *alarm = show_string(m, "alarm"), *who = show_string(m, "who");
    return alarm[0] != '\0' ? alarm : who[0] != '\0' ? who : show_string(m, "origin");
}

/* "2 sent, 1 refused" */
static void results_text(const json_t *m, struct text *out)
{
    const char *name;
    json_t *value, *results = json_object_get(m, "results");
    json_t *counts = json_object();
    json_object_foreach(results, name, value)
    {
        char kind[32]; /* "refused: why" */
        (void)snprintf(kind, sizeof kind, "%.*s", (int)strcspn(json_string_value(value), ":"),
                       json_string_value(value));
        json_int_t n = json_integer_value(json_object_get(counts, kind));
        (void)json_object_set_new(counts, kind, json_integer(n + 1));
    }
    json_object_foreach(counts, name, value) text_addf(out, "%s%lld %s", out->len > 0 ? ", " : "",
                                                       (long long)json_integer_value(value), name);
    json_decref(counts);
}

/* Whatever its state, no peer has it: each is on hold. */
static bool is_held(const json_t *m)
{
    const char *name;
    json_t *value, *results = json_object_get(m, "results");
    json_object_foreach(results, name, value)
    {
        if (strncmp(json_string_value(value), "held", strlen("held")) != 0)
            return false;
    }
    return json_object_size(results) != 0;
}

static void print_mitigations(const json_t *list, uint64_t now_ms)
{
    static const char *const heads[] = {"MITIGATION", "STATE",  "RULE",  "BECAUSE",
                                        ">SINCE",     ">UNTIL", "PEERS", "ENDED"};
    char text[TEXT_QUANTITY_MAX];
    struct grid grid;
    size_t i;
    json_t *m;
    grid_init(&grid, sizeof heads / sizeof heads[0], heads);
    json_array_foreach(list, i, m)
    {
        bool ended = show_string(m, "why_ended")[0] != '\0';
        uint64_t until_ms = ended ? 0 : show_u64(m, "until_ms");
        struct text results;
        text_init(&results, 0);
        results_text(m, &results);
        grid_add(&grid, show_string(m, "id"));
        grid_addf(&grid, "%s%s%s", show_string(m, "state"), is_held(m) ? " (held)" : "",
                  show_truth(m, "dry_run") ? " (dry run)" : "");
        grid_add(&grid, show_string(m, "rule"));
        grid_add(&grid, because(m));
        grid_add(&grid, show_age(show_u64(m, "times.created_ms"), now_ms, text));
        grid_add(&grid, until_ms > now_ms ? show_age(now_ms, until_ms, text) : "");
        grid_add(&grid, text_str(&results));
        grid_add(&grid, show_string(m, "why_ended"));
        text_done(&results);
    }
    grid_print(&grid, stdout);
}

int mitigations_run(const struct command_context *context, int argc, char **argv)
{
    return load_list_command(context, &load_mitigations, print_mitigations, argc, argv);
}

static void print_line(const json_t *m, const char *label, const char *path)
{
    const char *value = show_string(m, path);
    if (value[0] != '\0')
        show_print(stdout, "%-14s %s\n", label, value);
}

static void print_peers(const json_t *m)
{
    const char *name;
    size_t i;
    json_t *value;
    show_print(stdout, "%-14s", "peers");
    json_array_foreach(json_object_get(m, "peers"), i, value)
        show_print(stdout, " %s", json_string_value(value));
    show_print(stdout, "%s\n", json_array_size(json_object_get(m, "peers")) == 0 ? " all" : "");
    json_object_foreach(json_object_get(m, "results"), name, value)
        show_print(stdout, "  %-30s %s\n", name, json_string_value(value));
}

static void print_mitigation(const json_t *m, uint64_t now_ms)
{
    char when[CLOCK_TEXT_MAX];
    uint64_t until_ms = show_u64(m, "until_ms");
    print_line(m, "mitigation", "id");
    show_print(stdout, "%-14s %s%s%s, revision %llu\n", "state", show_string(m, "state"),
               is_held(m) ? " (held at every peer: weir resume)" : "",
               show_truth(m, "dry_run") ? " (dry run: nothing is sent)" : "",
               (unsigned long long)show_u64(m, "revision"));
    print_line(m, "rule", "rule");
    print_line(m, "nlri", "nlri");
    print_line(m, "collateral", "collateral");
    print_line(m, "method", "method");
    print_line(m, "policy", "policy");
    print_line(m, "alarm", "alarm");
    print_line(m, "who", "who");
    print_line(m, "reason", "reason");
    show_times(json_object_get(m, "times"), now_ms);
    if (until_ms != 0)
        show_print(stdout, "%-14s %s\n", "until", clock_format_wall(until_ms, when));
    print_line(m, "why ended", "why_ended");
    print_peers(m);
}

int mitigation_run(const struct command_context *context, int argc, char **argv)
{
    return load_one_command(context, &load_mitigations, print_mitigation, argc, argv);
}
