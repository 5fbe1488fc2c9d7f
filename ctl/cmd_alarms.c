#include "ctl/commands.h"
#include "ctl/load.h"
#include "ctl/show.h"

#include <string.h>

/* The rate that the threshold is about: what decides is what people want to see. */
static const char *rate_text(const json_t *alarm, const char *which,
                             char ret_text[TEXT_QUANTITY_MAX + 8])
{
    char path[32], quantity[TEXT_QUANTITY_MAX];
    const char *threshold = show_string(alarm, "threshold");
    const char *kind = strncmp(threshold, "pps", 3) == 0   ? "pps"
                       : strncmp(threshold, "fps", 3) == 0 ? "fps"
                                                           : "bps";
    (void)snprintf(path, sizeof path, "rates.%s.%s", which, kind);
    double rate = show_number(alarm, path);
    if (kind[0] == 'b')
        (void)snprintf(ret_text, TEXT_QUANTITY_MAX + 8, "%s", text_format_bit_rate(rate, quantity));
    else
        (void)snprintf(ret_text, TEXT_QUANTITY_MAX + 8, "%s %s", text_format_count(rate, quantity),
                       kind);
    return ret_text;
}

/* "m-1, m-2", or why there is none. */
static void mitigated_text(const json_t *alarm, struct text *out)
{
    size_t i;
    json_t *id;
    const json_t *ids = show_member(alarm, "mitigations");
    json_array_foreach(ids, i, id) text_addf(out, "%s%s", i > 0 ? ", " : "", json_string_value(id));
    const char *why_not = show_string(alarm, "not_mitigated");
    if (why_not[0] != '\0')
        text_addf(out, "%snot mitigated: %s", out->len > 0 ? "; " : "", why_not);
}

static void print_alarms(const json_t *alarms, uint64_t now_ms)
{
    static const char *const heads[] = {"ALARM",     "STATE", "SEVERITY", "POLICY", "KEY",
                                        "THRESHOLD", ">NOW",  ">PEAK",    ">SINCE", "MITIGATIONS"};
    char text[TEXT_QUANTITY_MAX + 8], age[TEXT_QUANTITY_MAX];
    struct grid grid;
    size_t i;
    json_t *alarm;
    grid_init(&grid, sizeof heads / sizeof heads[0], heads);
    json_array_foreach(alarms, i, alarm)
    {
        struct text mitigated;
        text_init(&mitigated, 0);
        mitigated_text(alarm, &mitigated);
        grid_add(&grid, show_string(alarm, "id"));
        grid_add(&grid, show_string(alarm, "state"));
        grid_add(&grid, show_string(alarm, "severity"));
        grid_add(&grid, show_string(alarm, "policy"));
        grid_add(&grid, show_string(alarm, "key"));
        grid_add(&grid, show_string(alarm, "threshold"));
        grid_add(&grid, rate_text(alarm, "now", text));
        grid_add(&grid, rate_text(alarm, "peak", text));
        grid_add(&grid, show_age(show_u64(alarm, "times.crossed_ms"), now_ms, age));
        grid_add(&grid, text_str(&mitigated));
        text_done(&mitigated);
    }
    grid_print(&grid, stdout);
}

int alarms_run(const struct command_context *context, int argc, char **argv)
{
    return load_list_command(context, &load_alarms, print_alarms, argc, argv);
}

static void print_rates(const json_t *alarm, const char *label, const char *which)
{
    char path[32], bps[TEXT_QUANTITY_MAX], low[TEXT_QUANTITY_MAX], high[TEXT_QUANTITY_MAX];
    char pps[TEXT_QUANTITY_MAX], fps[TEXT_QUANTITY_MAX];
    (void)snprintf(path, sizeof path, "rates.%s", which);
    const json_t *rates = show_member(alarm, path);
    show_print(stdout, "%-14s %s (%s to %s), %s pps, %s fps\n", label,
               text_format_bit_rate(show_number(rates, "bps"), bps),
               text_format_bit_rate(show_number(rates, "bps_low"), low),
               text_format_bit_rate(show_number(rates, "bps_high"), high),
               text_format_count(show_number(rates, "pps"), pps),
               text_format_count(show_number(rates, "fps"), fps));
}

static void print_alarm(const json_t *alarm, uint64_t now_ms)
{
    struct text mitigated;
    size_t i;
    json_t *contributor;
    const char *from = show_string(alarm, "frozen_from");
    show_print(stdout, "%-14s %s\n", "alarm", show_string(alarm, "id"));
    show_print(stdout, "%-14s %s%s%s, %s%s%s%s\n", "state", show_string(alarm, "state"),
               from[0] != '\0' ? ", was " : "", from, show_string(alarm, "severity"),
               show_truth(alarm, "acknowledged") ? ", acknowledged" : "",
               show_truth(alarm, "suppressed") ? ", suppressed" : "",
               show_truth(alarm, "stopped_by_person") ? ", stopped by a person" : "");
    show_print(stdout, "%-14s %s\n", "policy", show_string(alarm, "policy"));
    show_print(stdout, "%-14s %s\n", "key", show_string(alarm, "key"));
    show_print(stdout, "%-14s %s over %llu ms\n", "threshold", show_string(alarm, "threshold"),
               (unsigned long long)show_u64(alarm, "window_ms"));
    print_rates(alarm, "now", "now");
    print_rates(alarm, "peak", "peak");
    print_rates(alarm, "at crossing", "at_crossing");
    show_times(json_object_get(alarm, "times"), now_ms);
    json_array_foreach(json_object_get(alarm, "contributors"), i, contributor)
        show_print(stdout, "%-14s %s %.1f%%\n", i == 0 ? "exporters" : "",
                   show_string(contributor, "exporter"), show_number(contributor, "share") * 100);
    text_init(&mitigated, 0);
    mitigated_text(alarm, &mitigated);
    show_print(stdout, "%-14s %s\n", "mitigations",
               mitigated.len > 0 ? text_str(&mitigated) : "none");
    text_done(&mitigated);
    if (show_u64(alarm, "reactivations") > 0)
        show_print(stdout, "%-14s %llu\n", "reactivations",
                   (unsigned long long)show_u64(alarm, "reactivations"));
}

int alarm_run(const struct command_context *context, int argc, char **argv)
{
    return load_one_command(context, &load_alarms, print_alarm, argc, argv);
}
