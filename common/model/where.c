#include "common/model/model_internal.h"

#include <stdlib.h>
#include <string.h>

/* The values of a policy's `where`: which flows are counted. */

static const struct {
    const char *name;
    uint16_t bit;
} tcp_flags[] = {{"fin", 1},  {"syn", 2},  {"rst", 4},  {"psh", 8},
                 {"ack", 16}, {"urg", 32}, {"ece", 64}, {"cwr", 128}};

/* "syn+ack": exactly these flags; also a number. */
static bool parse_tcp_flags(const char *text, uint64_t *ret_number)
{
    if (text_parse_u64(ret_number, text, UINT16_MAX) == STATUS_OK)
        return true;
    uint64_t flags = 0;
    for (;;) {
        size_t len = strcspn(text, "+"), i = 0, n = sizeof(tcp_flags) / sizeof(tcp_flags[0]);
        while (i < n &&
               (strlen(tcp_flags[i].name) != len || memcmp(tcp_flags[i].name, text, len) != 0))
            i++;
        if (i == n)
            return false;
        flags |= tcp_flags[i].bit;
        if (text[len] == '\0')
            break;
        text += len + 1;
    }
    *ret_number = flags;
    return true;
}

static bool parse_protocol(const char *text, uint64_t *ret_number)
{
    if (text_parse_u64(ret_number, text, UINT8_MAX) == STATUS_OK)
        return true;
    struct literal literal;
    struct rule_error error;
    if (literal_parse(&literal, COMPONENT_PROTOCOL, ADDR_IPV4, text, &error) != STATUS_OK &&
        literal_parse(&literal, COMPONENT_PROTOCOL, ADDR_IPV6, text, &error) != STATUS_OK)
        return false;
    if (literal.count != 1 || literal.ops[0].bits != OP_EQ)
        return false; /* an operator: a filter holds single values */
    *ret_number = literal.ops[0].value;
    return true;
}

/* The largest number of a dimension that holds one. */
static uint64_t number_max(enum dimension d)
{
    size_t width = dimension_width(d);
    return width >= 8 ? UINT64_MAX : ((uint64_t)1 << (8 * width)) - 1;
}

static bool take_prefixes(struct model_judge *judge, const struct ip_prefix *prefixes, size_t count,
                          struct count_value *ret_value)
{
    struct ip_prefix *copy = calloc(count + 1, sizeof(*copy));
    if (copy == NULL) {
        model_out_of_memory(judge);
        return false;
    }
    if (count > 0)
        memcpy(copy, prefixes, count * sizeof(*copy));
    ret_value->prefixes = copy;
    ret_value->prefix_count = count;
    return true;
}

static bool parse_network(struct model_judge *judge, const struct config_text *text,
                          const char *name, struct count_value *ret_value)
{
    const struct config *config = judge->config;
    /* It may be one that could not be read. */
    bool lost = config->network_count == 0 && (config->networks_flawed || config->has_gaps);
    for (size_t i = 0; i < config->network_count; i++) {
        const struct config_network *network = &config->networks[i];
        lost = lost || network->name == NULL;
        if (network->name != NULL && strcmp(network->name, name) == 0)
            return take_prefixes(judge, network->prefixes.items, network->prefixes.count,
                                 ret_value);
    }
    if (!lost)
        config_error(judge->errors, text->pos,
                     "dst_network: \"%.60s\" is no network, expected a name of `networks`", name);
    return false;
}

static bool parse_exporter(struct model_judge *judge, const struct config_text *text,
                           const char *name, struct count_value *ret_value)
{
    const struct config *config = judge->config;
    struct ip_prefix prefix;
    for (size_t i = 0; i < config->exporter_count; i++) {
        const struct config_exporter *exporter = &config->exporters[i];
        if (exporter->name != NULL && strcmp(exporter->name, name) == 0)
            return take_prefixes(judge, &exporter->address, 1, ret_value);
    }
    if (prefix_parse(&prefix, name) == STATUS_OK)
        return take_prefixes(judge, &prefix, 1, ret_value);
    /* It may be one that could not be read. */
    if (!config->exporters_flawed && (config->exporter_count > 0 || !config->has_gaps))
        config_error(judge->errors, text->pos,
                     "exporter: \"%.60s\", expected a name of `exporters` or an address", name);
    return false;
}

static bool parse_address(struct model_judge *judge, const struct config_text *text,
                          enum dimension d, const char *value, struct count_value *ret_value)
{
    struct ip_prefix prefix;
    if (prefix_parse(&prefix, value) == STATUS_OK)
        return take_prefixes(judge, &prefix, 1, ret_value);
    config_error(judge->errors, text->pos,
                 "%s: \"%.60s\", expected an address or a prefix without bits behind its length",
                 dimension_name(d), value);
    return false;
}

static bool parse_number(struct model_judge *judge, const struct config_text *text,
                         enum dimension d, const char *value, struct count_value *ret_value)
{
    const char *expected;
    bool ok;
    if (d == DIM_PROTOCOL) {
        ok = parse_protocol(value, &ret_value->number);
        expected = "a protocol's name or number up to 255";
    } else if (d == DIM_TCP_FLAGS) {
        ok = parse_tcp_flags(value, &ret_value->number);
        expected = "flags such as syn or syn+ack, or their number";
    } else {
        ok = text_parse_u64(&ret_value->number, value, number_max(d)) == STATUS_OK;
        expected = dimension_width(d) == 2 ? "a number up to 65535" : "a number up to 4294967295";
    }
    if (!ok)
        config_error(judge->errors, text->pos, "%s: \"%.60s\", expected %s", dimension_name(d),
                     value, expected);
    return ok;
}

static bool parse_value(struct model_judge *judge, enum dimension d, const struct config_text *text,
                        struct count_value *ret_value)
{
    ret_value->negated = text->value[0] == '!';
    const char *value = text->value + (ret_value->negated ? 1 : 0);
    switch (d) {
    case DIM_DST_ADDR:
    case DIM_SRC_ADDR:
        return parse_address(judge, text, d, value, ret_value);
    case DIM_DST_NETWORK:
        return parse_network(judge, text, value, ret_value);
    case DIM_EXPORTER:
        return parse_exporter(judge, text, value, ret_value);
    case DIM_PROTOCOL:
    case DIM_SRC_PORT:
    case DIM_DST_PORT:
    case DIM_TCP_FLAGS:
    case DIM_INPUT_IF:
    case DIM_SRC_AS:
    case DIM_DST_AS:
        return parse_number(judge, text, d, value, ret_value);
    }
    return false;
}

bool where_parse(struct model_judge *judge, const struct config_where *where,
                 struct count_filter *ret_filter)
{
    enum dimension d;
    if (where->field.value == NULL || dimension_parse(&d, where->field.value) != STATUS_OK)
        return false; /* which the reader has said */
    ret_filter->dimension = (uint8_t)d;
    ret_filter->values = calloc(where->values.count + 1, sizeof(*ret_filter->values));
    if (ret_filter->values == NULL) {
        model_out_of_memory(judge);
        return false;
    }
    ret_filter->count = where->values.count;
    bool ok = true;
    for (size_t i = 0; i < where->values.count; i++) {
        const struct config_text *text = &where->values.items[i];
        ok = text->value != NULL && parse_value(judge, d, text, &ret_filter->values[i]) && ok;
    }
    return ok;
}
