#include "collector/exporter_interfaces.h"

#include <inttypes.h>
#include <math.h>

struct adding {
    struct text *text;
    int64_t wall_less_mono_ms;
    bool is_later;
};

static void add_share(struct text *text, const char *side, const struct interface_share *share)
{
    if (share->share > 0)
        text_addf(text, ",\"%s\":{\"share\":%.3g,\"error\":%.3g,\"verdict\":\"%s\"}", side,
                  share->share, share->error, interface_verdict_name(share->verdict));
}

static void add_rates(struct text *text, const struct interface_rates *r)
{
    text_addf(text,
              ",\"in_bps\":%.0f,\"out_bps\":%.0f,\"in_pps\":%.0f,\"out_pps\":%.0f"
              ",\"in_errors\":%.4g,\"out_errors\":%.4g,\"in_discards\":%.4g,\"out_discards\":%.4g",
              r->in_bps, r->out_bps, r->in_pps, r->out_pps, r->in_errors, r->out_errors,
              r->in_discards, r->out_discards);
}

static void on_interface(void *owner, const struct interface_info *info)
{
    struct adding *adding = owner;
    struct text *text = adding->text;
    char agent[ADDR_TEXT_MAX];
    addr_format(&info->agent, agent);
    text_addf(text, "%s{\"agent\":\"%s\",\"sub_agent\":%" PRIu32 ",\"interface\":%" PRIu32,
              adding->is_later ? "," : "", agent, info->sub_agent, info->index);
    adding->is_later = true;
    text_addf(text, ",\"up\":%s,\"speed_bps\":%" PRIu64 ",\"restarts\":%" PRIu64,
              info->is_up ? "true" : "false", info->speed_bps, info->restarts);
    if (info->has_rates)
        add_rates(text, &info->rates);
    add_share(text, "sampled_in", &info->in);
    add_share(text, "sampled_out", &info->out);
    text_addf(text, ",\"read\":%" PRId64 "}", (int64_t)info->read_ms + adding->wall_less_mono_ms);
}

bool exporter_interfaces_add(struct text *text, const struct interfaces *interfaces,
                             const struct ip_addr *exporter, uint64_t now_ms,
                             int64_t wall_less_mono_ms, struct interfaces_summary *ret_summary)
{
    struct adding adding = {.text = text, .wall_less_mono_ms = wall_less_mono_ms};
    text_add(text, "[");
    bool has_some =
        interfaces_tell(interfaces, exporter, now_ms, ret_summary, on_interface, &adding);
    text_add(text, "]");
    return has_some;
}

/* Nobody sets a rate of 9874. */
static double rounded(double rate)
{
    double step = rate > 10 ? pow(10, floor(log10(rate)) - 1) : 1;
    return round(rate / step) * step;
}

void exporter_interfaces_warn(struct text *text, const struct interfaces_summary *summary)
{
    const struct interface_info *worst = &summary->worst;
    if (summary->wrong == 0)
        return;
    bool is_in = worst->in.verdict == INTERFACE_LOW || worst->in.verdict == INTERFACE_HIGH;
    const struct interface_share *share = is_in ? &worst->in : &worst->out;
    text_addf(text,
              "interface %" PRIu32 " %s: samples show %.2f of what it counted: sampling rate is "
              "probably wrong (said %.6g, counters suggest ~%.6g)",
              worst->index, is_in ? "in" : "out", share->share, share->said,
              rounded(share->suggested));
}
