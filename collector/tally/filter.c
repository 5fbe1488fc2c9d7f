#include "collector/tally/filter.h"

#include <stdlib.h>

/* One dimension of a filter: passes when nothing negated matches, and something that is not negated
 * does where there is any. */
struct filter_dim {
    enum dimension dimension;
    const struct count_filter *numbers; /* of the spec, for dimensions that hold a number */
    bool wants;                         /* has values that are not negated */
    struct lpm *any_of, *none_of;       /* for those that hold an address; NULL: none */
};

struct filter {
    const struct model *model;
    const struct count_spec *spec;
    uint8_t ipv6_host_len;
    size_t dim_count;
    struct filter_dim dims[DIM_LAST];
};

static bool holds_address(enum dimension d)
{
    return d == DIM_DST_ADDR || d == DIM_SRC_ADDR || d == DIM_DST_NETWORK || d == DIM_EXPORTER;
}

static bool collect(const struct count_filter *from, bool negated, struct lpm **ret_lpm)
{
    size_t total = 0;
    for (size_t i = 0; i < from->count; i++)
        if (from->values[i].negated == negated)
            total += from->values[i].prefix_count;
    *ret_lpm = NULL;
    if (total == 0)
        return true;
    struct lpm *lpm = lpm_new(total);
    if (lpm == NULL)
        return false;
    *ret_lpm = lpm;
    for (size_t i = 0; i < from->count; i++) {
        const struct count_value *value = &from->values[i];
        for (size_t j = 0; value->negated == negated && j < value->prefix_count; j++) {
            enum status status = lpm_add(lpm, &value->prefixes[j], 0);
            if (status != STATUS_OK && status != STATUS_EXISTS)
                return false;
        }
    }
    return lpm_seal(lpm) == STATUS_OK;
}

static bool fill_dim(struct filter_dim *dim, const struct count_filter *from)
{
    dim->dimension = (enum dimension)from->dimension;
    for (size_t i = 0; i < from->count; i++)
        dim->wants |= !from->values[i].negated;
    if (!holds_address(dim->dimension)) {
        dim->numbers = from;
        return true;
    }
    return collect(from, false, &dim->any_of) && collect(from, true, &dim->none_of);
}

struct filter *filter_new(const struct model *model, const struct model_count *count,
                          uint8_t ipv6_host_len)
{
    struct filter *filter = calloc(1, sizeof(*filter));
    if (filter == NULL)
        return NULL;
    filter->model = model;
    filter->spec = &count->spec;
    filter->ipv6_host_len = ipv6_host_len;
    for (size_t i = 0; i < count->spec.filter_count; i++) {
        if (!fill_dim(&filter->dims[filter->dim_count++], &count->spec.filter[i])) {
            filter_free(filter);
            return NULL;
        }
    }
    return filter;
}

void filter_free(struct filter *filter)
{
    if (filter == NULL)
        return;
    for (size_t i = 0; i < filter->dim_count; i++) {
        lpm_free(filter->dims[i].any_of);
        lpm_free(filter->dims[i].none_of);
    }
    free(filter);
}

/* The address of a record in this dimension; NULL: the record lacks it. */
static const struct ip_addr *address_of(const struct filter_record *record, enum dimension d)
{
    const struct flow_record *flow = record->flow;
    if (d == DIM_EXPORTER)
        return record->exporter;
    if (d == DIM_SRC_ADDR)
        return flow->has & FLOW_SRC_ADDR ? &flow->src_addr : NULL;
    return flow->has & FLOW_DST_ADDR ? &flow->dst_addr : NULL;
}

static bool number_of(const struct flow_record *flow, enum dimension d, uint64_t *ret_value)
{
    uint32_t bit = 0;
    switch (d) {
    case DIM_PROTOCOL:
        bit = FLOW_PROTOCOL;
        *ret_value = flow->protocol;
        break;
    case DIM_SRC_PORT:
        bit = FLOW_SRC_PORT;
        *ret_value = flow->src_port;
        break;
    case DIM_DST_PORT:
        bit = FLOW_DST_PORT;
        *ret_value = flow->dst_port;
        break;
    case DIM_TCP_FLAGS:
        bit = FLOW_TCP_FLAGS;
        *ret_value = flow->tcp_flags;
        break;
    case DIM_INPUT_IF:
        bit = FLOW_INPUT_IF;
        *ret_value = flow->input_if;
        break;
    case DIM_SRC_AS:
        bit = FLOW_SRC_AS;
        *ret_value = flow->src_as;
        break;
    case DIM_DST_AS:
        bit = FLOW_DST_AS;
        *ret_value = flow->dst_as;
        break;
    case DIM_DST_ADDR:
    case DIM_SRC_ADDR:
    case DIM_DST_NETWORK:
    case DIM_EXPORTER:
        break;
    }
    return (flow->has & bit) != 0;
}

static bool number_passes(const struct filter_dim *dim, const struct flow_record *flow)
{
    uint64_t number = 0;
    bool found = false;
    if (!number_of(flow, dim->dimension, &number))
        return false;
    for (size_t i = 0; i < dim->numbers->count; i++) {
        const struct count_value *value = &dim->numbers->values[i];
        if (value->number != number)
            continue;
        if (value->negated)
            return false;
        found = true;
    }
    return found || !dim->wants;
}

static bool address_passes(const struct filter_dim *dim, const struct filter_record *record)
{
    const struct ip_addr *addr = address_of(record, dim->dimension);
    if (addr == NULL)
        return false;
    if (dim->none_of != NULL && lpm_lookup(dim->none_of, addr) != LPM_NONE)
        return false;
    if (!dim->wants)
        return true;
    return dim->any_of != NULL && lpm_lookup(dim->any_of, addr) != LPM_NONE;
}

bool filter_passes(const struct filter *filter, const struct filter_record *record)
{
    if (filter->spec->direction != DIRECTION_ANY && filter->spec->direction != record->direction)
        return false;
    for (size_t i = 0; i < filter->dim_count; i++) {
        const struct filter_dim *dim = &filter->dims[i];
        if (dim->numbers != NULL ? !number_passes(dim, record->flow) : !address_passes(dim, record))
            return false;
    }
    return true;
}

static bool add_address(const struct filter *filter, const struct count_dim *dim,
                        const struct ip_addr *addr, struct flow_key *key)
{
    if (addr == NULL || addr->family == ADDR_NONE)
        return false;
    uint8_t len = addr->family == ADDR_IPV4 ? dim->len4 : dim->len6;
    if (addr->family == ADDR_IPV6 && len == 128)
        len = filter->ipv6_host_len;
    if (len == addr_bits(addr)) {
        key_add_addr(key, (enum dimension)dim->dimension, addr);
        return true;
    }
    struct ip_addr masked = addr_masked(addr, len);
    key_add_addr(key, (enum dimension)dim->dimension, &masked);
    return true;
}

static bool add_network(const struct filter *filter, const struct ip_addr *addr,
                        struct flow_key *key)
{
    int32_t label = addr == NULL ? LPM_NONE : lpm_lookup(filter->model->networks.label, addr);
    if (label == LPM_NONE)
        return false;
    key_add_number(key, DIM_DST_NETWORK, filter->model->networks.ids[label]);
    return true;
}

bool filter_key(const struct filter *filter, const struct filter_record *record,
                struct flow_key *ret_key)
{
    ret_key->len = 0;
    for (size_t i = 0; i < filter->spec->key_count; i++) {
        const struct count_dim *dim = &filter->spec->key[i];
        enum dimension d = (enum dimension)dim->dimension;
        uint64_t number;
        bool added;
        if (d == DIM_DST_NETWORK)
            added = add_network(filter, address_of(record, d), ret_key);
        else if (d == DIM_EXPORTER && record->exporter->family != ADDR_NONE) {
            key_add_addr(ret_key, d, record->exporter); /* whole: it names a router */
            added = true;
        } else if (holds_address(d)) {
            added = add_address(filter, dim, address_of(record, d), ret_key);
        } else {
            added = number_of(record->flow, d, &number);
            if (added)
                key_add_number(ret_key, d, number);
        }
        if (!added)
            return false;
    }
    return true;
}
