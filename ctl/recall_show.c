#include "ctl/recall_show.h"

#include "ctl/show.h"
#include "proto/flow.h"

#include <string.h>

enum { ROWS_MAX = 15 };

static const char *const times[] = {"now", "before"};

static const struct recall_total *total_of(const struct recall_merge *merge, size_t target,
                                           int before)
{
    for (size_t i = 0; i < merge->total_count; i++)
        if (merge->totals[i].target == target && merge->totals[i].before == before)
            return &merge->totals[i];
    return NULL;
}

static struct recall_tuple sum_of(const struct recall_merge *merge, size_t target, int before)
{
    struct recall_tuple sum;
    memset(&sum, 0, sizeof sum);
    for (size_t i = 0; i < merge->tuple_count; i++)
        if (merge->tuples[i].kind.target == target && merge->tuples[i].kind.before == before)
            recall_tuple_add(&sum, &merge->tuples[i]);
    return sum;
}

/* --- for programs -------------------------------------------------------------------------------
 */

static void put_estimate(json_t *object, const char *name, double value, const double bounds[2])
{
    json_t *estimate = json_object();
    (void)json_object_set_new(estimate, "estimate", show_json_number(value));
    (void)json_object_set_new(estimate, "low", show_json_number(bounds[0]));
    (void)json_object_set_new(estimate, "high", show_json_number(bounds[1]));
    (void)json_object_set_new(object, name, estimate);
}

static void put_sums(json_t *object, const struct recall_tuple *tuple, double one)
{
    double bytes[2], packets[2], connections[2];
    recall_tuple_bounds(tuple, one, bytes, packets, connections);
    put_estimate(object, "bytes", tuple->bytes.value, bytes);
    put_estimate(object, "packets", tuple->packets.value, packets);
    put_estimate(object, "connections", tuple->connections.value, connections);
    (void)json_object_set_new(object, "flows", show_json_number(tuple->flows));
    (void)json_object_set_new(object, "samples", show_json_u64(tuple->samples));
}

/* A field is a number where records gave it, "various" where they differ, and else absent. */
static void put_field(json_t *object, const char *name, const struct recall_kind *kind,
                      uint32_t field, json_t *value)
{
    if (kind->folded & field)
        (void)json_object_set_new(object, name, json_string("various"));
    else if (kind->known & field)
        (void)json_object_set(object, name, value);
    json_decref(value);
}

static void put_peer(json_t *object, const struct recall_kind *kind)
{
    struct ip_prefix peer = {.addr = {.family = kind->peer_family}, .len = kind->peer_len};
    char text[PREFIX_TEXT_MAX] = "various";
    memcpy(peer.addr.octets, kind->peer, sizeof kind->peer);
    if (kind->peer_family != ADDR_NONE)
        (void)prefix_format(&peer, text);
    (void)json_object_set_new(object, "peer", json_string(text));
}

static json_t *tuple_json(const struct recall_tuple *tuple, double one)
{
    const struct recall_kind *kind = &tuple->kind;
    json_t *object = json_object();
    put_field(object, "protocol", kind, FLOW_PROTOCOL, json_integer(kind->protocol));
    put_field(object, "src_port", kind, FLOW_SRC_PORT, json_integer(kind->src_port));
    if (!(kind->known & FLOW_ICMP))
        put_field(object, "dst_port", kind, FLOW_DST_PORT, json_integer(kind->dst_port));
    put_field(object, "icmp_type", kind, FLOW_ICMP, json_integer(kind->dst_port >> 8));
    put_field(object, "icmp_code", kind, FLOW_ICMP, json_integer(kind->dst_port & 0xff));
    put_field(object, "tcp_flags", kind, FLOW_TCP_FLAGS, json_integer(kind->tcp_flags));
    put_field(object, "fragment", kind, FLOW_FRAGMENT, json_integer(kind->fragment));
    put_field(object, "length", kind, FLOW_IP_LENGTH, json_integer(kind->length));
    put_field(object, "tos", kind, FLOW_TOS, json_integer(kind->tos));
    put_field(object, "input_if", kind, FLOW_INPUT_IF, json_integer(kind->input_if));
    put_peer(object, kind);
    (void)json_object_set_new(object, "peers", show_json_number(tuple->peers));
    put_sums(object, tuple, one);
    return object;
}

static json_t *time_json(const struct recall_merge *merge, size_t target, int before)
{
    const struct recall_total *total = total_of(merge, target, before);
    struct recall_tuple sum = sum_of(merge, target, before);
    double one = total != NULL ? total->one : 0;
    json_t *object = json_object(), *tuples = json_array();
    (void)json_object_set_new(object, "covers_ms", json_integer(merge->covers_ms[before]));
    (void)json_object_set_new(object, "least_covers_ms",
                              json_integer(merge->least_covers_ms[before]));
    (void)json_object_set_new(object, "too_short_workers",
                              json_integer((json_int_t)merge->too_short[before]));
    put_sums(object, &sum, one);
    (void)json_object_set_new(object, "peers", show_json_number(total != NULL ? total->peers : 0));
    for (size_t i = 0; i < merge->tuple_count; i++)
        if (merge->tuples[i].kind.target == target && merge->tuples[i].kind.before == before)
            (void)json_array_append_new(tuples, tuple_json(&merge->tuples[i], one));
    (void)json_object_set_new(object, "tuples", tuples);
    return object;
}

json_t *recall_show_json(const struct recall_request *request, const struct recall_merge *merge)
{
    json_t *list = json_array();
    for (size_t i = 0; i < request->target_count; i++) {
        char text[PREFIX_TEXT_MAX];
        const struct recall_target *target = &request->targets[i];
        json_t *object = json_object();
        (void)json_object_set_new(object, "target",
                                  json_string(prefix_format(&target->prefix, text)));
        (void)json_object_set_new(
            object, "side", json_string(target->side == RECALL_SOURCE ? "source" : "destination"));
        for (int before = 0; before < 2; before++)
            (void)json_object_set_new(object, times[before], time_json(merge, i, before));
        (void)json_array_append_new(list, object);
    }
    return list;
}

/* --- for people ---------------------------------------------------------------------------------
 */

/* Without what a first look does not need; and ports that are nobody's in particular. */
static enum status put_together(const struct recall_merge *merge, struct recall_merge *ret_coarse)
{
    static const uint32_t gone =
        FLOW_IP_LENGTH | FLOW_TOS | FLOW_INPUT_IF | FLOW_SRC_ADDR | FLOW_SRC_PORT;
    enum status status = STATUS_OK;
    for (size_t i = 0; i < merge->tuple_count && status == STATUS_OK; i++) {
        struct recall_tuple tuple = merge->tuples[i];
        struct recall_kind *kind = &tuple.kind;
        bool is_service = kind->src_port > 0 && kind->src_port < 1024;
        bool to_client = kind->dst_port >= 1024 && is_service;
        uint32_t fields = is_service ? gone & ~(uint32_t)FLOW_SRC_PORT : gone;
        if (to_client)
            fields |= FLOW_DST_PORT;
        kind->folded |= fields & (kind->known | FLOW_SRC_ADDR);
        kind->known &= ~fields;
        kind->length = 0;
        kind->tos = 0;
        kind->input_if = 0;
        kind->src_port = is_service ? kind->src_port : 0;
        kind->dst_port = to_client ? 0 : kind->dst_port;
        kind->peer_family = kind->peer_len = 0;
        memset(kind->peer, 0, sizeof kind->peer);
        kind->folded &= ~(uint32_t)(FLOW_IP_LENGTH | FLOW_TOS | FLOW_INPUT_IF);
        if (!(kind->known & FLOW_TCP_FLAGS))
            kind->tcp_flags = 0;
        status = recall_merge_add_tuple(ret_coarse, &tuple);
    }
    recall_merge_end(ret_coarse);
    return status;
}

static const char *field_text(const struct recall_kind *kind, uint32_t field, unsigned int value,
                              char ret_text[16])
{
    if (kind->folded & field)
        return "*";
    if (!(kind->known & field))
        return "-";
    (void)snprintf(ret_text, 16, "%u", value);
    return ret_text;
}

static void add_rate(struct grid *grid, double bytes, double seconds)
{
    char text[TEXT_QUANTITY_MAX];
    grid_add(grid, text_format_bit_rate(bytes * 8 / seconds, text));
}

static void add_row(struct grid *grid, const struct recall_tuple *tuple,
                    const struct recall_tuple *sum, double one, double seconds)
{
    const struct recall_kind *kind = &tuple->kind;
    char text[16], low[TEXT_QUANTITY_MAX], high[TEXT_QUANTITY_MAX];
    double bytes[2], packets[2], connections[2];
    recall_tuple_bounds(tuple, one, bytes, packets, connections);
    grid_addf(grid, "%.1f%%",
              sum->bytes.value > 0 ? 100 * tuple->bytes.value / sum->bytes.value : 0);
    add_rate(grid, tuple->bytes.value, seconds);
    grid_addf(grid, "%s … %s", text_format_bit_rate(bytes[0] * 8 / seconds, low),
              text_format_bit_rate(bytes[1] * 8 / seconds, high));
    grid_addf(grid, "%spps", text_format_count(tuple->packets.value / seconds, low));
    grid_add(grid, field_text(kind, FLOW_PROTOCOL, kind->protocol, text));
    grid_add(grid, field_text(kind, FLOW_SRC_PORT, kind->src_port, text));
    grid_add(grid, field_text(kind, FLOW_DST_PORT | FLOW_ICMP, kind->dst_port, text));
    if (kind->known & FLOW_TCP_FLAGS)
        grid_addf(grid, "0x%02x", kind->tcp_flags);
    else
        grid_add(grid, "-");
    grid_add(grid, kind->fragment & FRAGMENT_LATER ? "later" : "-");
    grid_addf(grid, "%llu", (unsigned long long)tuple->samples);
}

static void print_time(const struct recall_merge *coarse, const struct recall_merge *merge,
                       size_t target, int before, FILE *to)
{
    static const char *const heads[] = {">SHARE", ">RATE", "95 %",  ">PACKETS", ">PROTOCOL",
                                        ">FROM",  ">TO",   "FLAGS", "FRAGMENT", ">SAMPLES"};
    const struct recall_total *total = total_of(merge, target, before);
    struct recall_tuple sum = sum_of(merge, target, before);
    double one = total != NULL ? total->one : 0, seconds = merge->covers_ms[before] / 1000.0;
    char rate[TEXT_QUANTITY_MAX], span[TEXT_QUANTITY_MAX], packets[TEXT_QUANTITY_MAX];
    size_t rows = 0;
    if (seconds <= 0) {
        show_print(to, "%s: not remembered\n", times[before]);
        return;
    }
    show_print(to, "%s, %s: %s, %spps, %.1f new TCP connections/s, at least %.0f addresses\n",
               times[before], text_format_duration_ms(merge->covers_ms[before], span),
               text_format_bit_rate(sum.bytes.value * 8 / seconds, rate),
               text_format_count(sum.packets.value / seconds, packets),
               sum.connections.value / seconds, total != NULL ? total->peers : 0);
    if (merge->least_stretched_ms[before] < merge->covers_ms[before])
        show_print(to, "  one worker remembers but %s of it, which stand for all of it\n",
                   text_format_duration_ms(merge->least_stretched_ms[before], span));
    if (merge->too_short[before] > 0)
        show_print(to,
                   "  %zu of %zu workers remember less than a tenth of it: the rest is missing\n",
                   merge->too_short[before], merge->replies);
    if (sum.samples == 0)
        return;
    struct grid grid;
    grid_init(&grid, sizeof heads / sizeof heads[0], heads);
    for (size_t i = 0; i < coarse->tuple_count && rows < ROWS_MAX; i++) {
        const struct recall_tuple *tuple = &coarse->tuples[i];
        if (tuple->kind.target != target || tuple->kind.before != before)
            continue;
        add_row(&grid, tuple, &sum, one, seconds);
        rows++;
    }
    grid_print(&grid, to);
}

enum status recall_show_text(const struct recall_request *request, const struct recall_merge *merge,
                             FILE *to)
{
    struct recall_merge coarse;
    recall_merge_init(&coarse);
    enum status status = put_together(merge, &coarse);
    for (size_t i = 0; i < request->target_count && status == STATUS_OK; i++) {
        char text[PREFIX_TEXT_MAX];
        show_print(to, "%s%s%s\n", i > 0 ? "\n" : "",
                   request->targets[i].side == RECALL_SOURCE ? "from " : "to ",
                   prefix_format(&request->targets[i].prefix, text));
        for (int before = 0; before < 2; before++)
            print_time(&coarse, merge, i, before, to);
    }
    recall_merge_done(&coarse);
    return status;
}
