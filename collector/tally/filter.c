#include "collector/tally/filter.h"

#include "common/base/wire.h"

#include <stdlib.h>
#include <string.h>

/* Every key that dimensions can make fits, so that filter_key need not ask: addresses of 16 octets,
 * two octets before each value. */
_Static_assert(3 * 18 + (2 + 8) + 3 * (2 + 4) + 3 * (2 + 2) + (2 + 1) <= KEY_BYTES_MAX,
               "a key of all dimensions");

/* One dimension of a filter: passes when nothing negated matches, and something that is not negated
 * does where there is any. */
struct filter_dim {
    enum dimension dimension;
    const struct count_filter *numbers; /* of the spec, for dimensions that hold a number */
    bool wants;                         /* has values that are not negated */
    struct lpm *any_of, *none_of;       /* for those that hold an address; NULL: none */
};

/* One dimension of a key, made ready: where its value lies in a record, and how it is cut. */
struct filter_part {
    uint8_t dimension; /* enum dimension */
    uint8_t width;     /* octets of a number's value in a key; 0: it is an address or has a name */
    uint8_t size;      /* of the record's member */
    uint16_t from;     /* its place in struct flow_record */
    uint32_t has;
    uint32_t mask4;    /* over the octets as they lie in memory */
    uint64_t mask6[2]; /* likewise */
    uint8_t shift;     /* of a number's value in the high word of a short key */
};

struct filter {
    const struct model *model;
    enum direction direction;
    uint32_t has; /* what a record must have for its key */
    /* Keys of an IPv4 address and numbers fit the words of a short identity, which are these where
     * values are not. */
    bool is_short;
    struct identity_words words;
    size_t part_count;
    struct filter_part parts[DIM_LAST];
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

/* The members of a flow record that dimensions are. */
#define MEMBER(bit, member)                                                                        \
    {                                                                                              \
        .has = (bit), .from = offsetof(struct flow_record, member),                                \
        .size = sizeof(((struct flow_record *)NULL)->member)                                       \
    }
static const struct filter_part members[DIM_LAST + 1] = {
    [DIM_DST_ADDR] = MEMBER(FLOW_DST_ADDR, dst_addr),
    [DIM_SRC_ADDR] = MEMBER(FLOW_SRC_ADDR, src_addr),
    [DIM_DST_NETWORK] = MEMBER(FLOW_DST_ADDR, dst_addr),
    [DIM_PROTOCOL] = MEMBER(FLOW_PROTOCOL, protocol),
    [DIM_SRC_PORT] = MEMBER(FLOW_SRC_PORT, src_port),
    [DIM_DST_PORT] = MEMBER(FLOW_DST_PORT, dst_port),
    [DIM_TCP_FLAGS] = MEMBER(FLOW_TCP_FLAGS, tcp_flags),
    [DIM_INPUT_IF] = MEMBER(FLOW_INPUT_IF, input_if),
    [DIM_SRC_AS] = MEMBER(FLOW_SRC_AS, src_as),
    [DIM_DST_AS] = MEMBER(FLOW_DST_AS, dst_as),
};
#undef MEMBER

static struct filter_part part_of(const struct count_dim *dim, uint8_t ipv6_host_len)
{
    struct filter_part part = members[dim->dimension];
    uint8_t len6 = dim->len6 == 128 ? ipv6_host_len : dim->len6;
    struct ip_addr ones = {.family = ADDR_IPV4}, cut;

    part.dimension = dim->dimension;
    part.width = dim->dimension == DIM_DST_NETWORK
                     ? 0 /* put by its name */
                     : (uint8_t)dimension_width((enum dimension)dim->dimension);
    if (dim->dimension != DIM_DST_ADDR && dim->dimension != DIM_SRC_ADDR)
        return part;
    memset(ones.octets, 0xff, 4);
    cut = addr_masked(&ones, dim->len4);
    memcpy(&part.mask4, cut.octets, sizeof(part.mask4));
    ones.family = ADDR_IPV6;
    memset(ones.octets, 0xff, sizeof(ones.octets));
    cut = addr_masked(&ones, len6);
    memcpy(part.mask6, cut.octets, sizeof(part.mask6));
    return part;
}

static bool is_host(const struct filter_part *part)
{
    return part->dimension == DIM_DST_ADDR || part->dimension == DIM_SRC_ADDR;
}

/* The words of its short keys, with all but the values. */
static void make_words(struct filter *filter)
{
    enum { HEAD = 2, ADDRESS = 4 };
    struct filter_part *parts = filter->parts;
    size_t len = HEAD + ADDRESS;
    if (filter->part_count == 0 || !is_host(&parts[0]))
        return;
    for (size_t i = 1; i < filter->part_count; i++) {
        if (parts[i].width == 0 || len + HEAD + parts[i].width > IDENTITY_KEY_SHORT)
            return;
        uint64_t head = parts[i].dimension | (uint64_t)parts[i].width << 8;
        filter->words.high |= head << 8 * (len - HEAD);
        parts[i].shift = (uint8_t)(8 * len);
        len += HEAD + (size_t)parts[i].width;
    }
    filter->words.low = (uint64_t)len << WORD_KEY_LEN | (uint64_t)parts[0].dimension << WORD_KEY |
                        (uint64_t)ADDRESS << (WORD_KEY + 8);
    filter->is_short = true;
}

struct filter *filter_new(const struct model *model, const struct model_count *count,
                          uint8_t ipv6_host_len)
{
    struct filter *filter = calloc(1, sizeof(*filter));
    if (filter == NULL)
        return NULL;
    filter->model = model;
    filter->direction = (enum direction)count->spec.direction;
    for (size_t i = 0; i < count->spec.key_count; i++) {
        filter->parts[i] = part_of(&count->spec.key[i], ipv6_host_len);
        filter->has |= filter->parts[i].has;
    }
    filter->part_count = count->spec.key_count;
    make_words(filter);
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
static const struct ip_addr *address_of(struct filter_record record, enum dimension d)
{
    const struct flow_record *flow = record.flow;
    if (d == DIM_EXPORTER)
        return record.exporter;
    if (d == DIM_SRC_ADDR)
        return flow->has & FLOW_SRC_ADDR ? &flow->src_addr : NULL;
    return flow->has & FLOW_DST_ADDR ? &flow->dst_addr : NULL;
}

static uint64_t load_member(const struct filter_part *part, const struct flow_record *flow)
{
    const uint8_t *at = (const uint8_t *)flow + part->from;
    uint32_t four;
    uint16_t two;
    switch (part->size) {
    case 1:
        return *at;
    case 2:
        memcpy(&two, at, sizeof(two));
        return two;
    default:
        memcpy(&four, at, sizeof(four));
        return four;
    }
}

static bool number_of(const struct flow_record *flow, enum dimension d, uint64_t *ret_value)
{
    const struct filter_part *member = &members[d];
    *ret_value = load_member(member, flow);
    return (flow->has & member->has) != 0;
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

static bool address_passes(const struct filter_dim *dim, struct filter_record record)
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

static bool dims_pass(const struct filter *filter, struct filter_record record)
{
    for (size_t i = 0; i < filter->dim_count; i++) {
        const struct filter_dim *dim = &filter->dims[i];
        if (dim->numbers != NULL ? !number_passes(dim, record.flow) : !address_passes(dim, record))
            return false;
    }
    return true;
}

bool filter_passes(const struct filter *filter, struct filter_record record)
{
    enum direction direction = filter->direction;
    if (direction != DIRECTION_ANY && direction != record.direction)
        return false;
    return filter->dim_count == 0 || dims_pass(filter, record);
}

static const struct ip_addr *part_address(const struct filter_part *part,
                                          const struct flow_record *flow)
{
    return (const struct ip_addr *)((const uint8_t *)flow + part->from);
}

bool filter_short_key(const struct filter *filter, const struct flow_record *flow,
                      struct identity_words *ret_words)
{
    const struct filter_part *part = filter->parts, *end = part + filter->part_count;
    uint32_t four;
    if (!filter->is_short || (flow->has & filter->has) != filter->has)
        return false;
    const struct ip_addr *addr = part_address(part, flow);
    if (addr->family != ADDR_IPV4)
        return false;
    memcpy(&four, addr->octets, sizeof(four));
    uint64_t high = filter->words.high | le32toh(four & part->mask4);
    while (++part < end) { /* most significant octet first */
        uint64_t value = load_member(part, flow);
        if (part->width > 1)
            value = __builtin_bswap64(value) >> (64 - 8 * part->width);
        high |= value << part->shift;
    }
    *ret_words = (struct identity_words){.low = filter->words.low, .high = high};
    return true;
}

/* Gives the octets that were put; 0: it is no address. */
static inline size_t put_address(const struct filter_part *part, const struct flow_record *flow,
                                 uint8_t *to)
{
    const struct ip_addr *addr = part_address(part, flow);
    if (addr->family == ADDR_IPV4) {
        uint32_t four;
        memcpy(&four, addr->octets, sizeof(four));
        four &= part->mask4;
        memcpy(to, &four, sizeof(four));
        return sizeof(four);
    }
    if (addr->family != ADDR_IPV6)
        return 0;
    uint64_t halves[2];
    memcpy(halves, addr->octets, sizeof(halves));
    halves[0] &= part->mask6[0];
    halves[1] &= part->mask6[1];
    memcpy(to, halves, sizeof(halves));
    return sizeof(halves);
}

static size_t put_network(const struct filter *filter, const struct flow_record *flow, uint8_t *to)
{
    int32_t label = lpm_lookup(filter->model->networks.label, &flow->dst_addr);
    if (label == LPM_NONE)
        return 0;
    wire_put_uint_at(to, 8, filter->model->networks.ids[label]);
    return 8;
}

static size_t put_exporter(const struct ip_addr *exporter, uint8_t *to)
{
    memcpy(to, exporter->octets, addr_len(exporter)); /* whole: it names a router */
    return addr_len(exporter);
}

static inline size_t put_part(const struct filter *filter, const struct filter_part *part,
                              struct filter_record record, uint8_t *to)
{
    switch (part->width) {
    case 0:
        break;
    case 1:
        *to = (uint8_t)load_member(part, record.flow);
        return 1;
    default:
        wire_put_uint_at(to, part->width, load_member(part, record.flow));
        return part->width;
    }
    if (is_host(part))
        return put_address(part, record.flow, to);
    if (part->dimension == DIM_EXPORTER)
        return put_exporter(record.exporter, to);
    return put_network(filter, record.flow, to);
}

bool filter_key(const struct filter *filter, struct filter_record record, struct flow_key *ret_key)
{
    const struct filter_part *end = filter->parts + filter->part_count;
    uint8_t *at = ret_key->bytes;
    if ((record.flow->has & filter->has) != filter->has)
        return false;
    for (const struct filter_part *part = filter->parts; part < end; part++) {
        size_t len = put_part(filter, part, record, at + 2);
        if (len == 0)
            return false;
        at[0] = part->dimension;
        at[1] = (uint8_t)len;
        at += 2 + len;
    }
    ret_key->len = (uint8_t)(at - ret_key->bytes);
    return true;
}
