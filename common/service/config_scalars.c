#include "common/service/config_read.h"

#include <stdlib.h>
#include <string.h>

enum { PLAIN_LEN_MAX = 256, PATH_LEN_MAX = 1024 };

static bool is_scalar(const struct config_node *node)
{
    return node->kind == NODE_SCALAR;
}

bool read_bool(struct config_read *r, const struct config_key *key, const struct config_node *node,
               void *ret_value)
{
    bool *value = ret_value;
    bool is_true = is_scalar(node) && !node->quoted && strcmp(node->text, "true") == 0;
    if (!is_true && !(is_scalar(node) && !node->quoted && strcmp(node->text, "false") == 0))
        return config_wrong(r, key, node, "true or false");
    *value = is_true;
    return true;
}

static bool read_integer(struct config_read *r, const struct config_key *key,
                         const struct config_node *node, uint64_t *ret_value)
{
    const struct config_range *range = key->detail;
    uint64_t value = 0;
    if (!is_scalar(node) || node->quoted ||
        text_parse_u64(&value, node->text, range->most) != STATUS_OK || value < range->least)
        return config_wrong(r, key, node, range->what);
    *ret_value = value;
    return true;
}

bool read_u16(struct config_read *r, const struct config_key *key, const struct config_node *node,
              void *ret_value)
{
    uint16_t *value = ret_value;
    uint64_t wide = 0;
    if (!read_integer(r, key, node, &wide))
        return false;
    *value = (uint16_t)wide;
    return true;
}

bool read_u32(struct config_read *r, const struct config_key *key, const struct config_node *node,
              void *ret_value)
{
    uint32_t *value = ret_value;
    uint64_t wide = 0;
    if (!read_integer(r, key, node, &wide))
        return false;
    *value = (uint32_t)wide;
    return true;
}

static bool read_quantity(struct config_read *r, const struct config_key *key,
                          const struct config_node *node,
                          enum status (*parse)(uint64_t *ret_value, const char *text),
                          void *ret_value)
{
    const struct config_range *range = key->detail;
    uint64_t value = 0;
    if (!is_scalar(node) || parse(&value, node->text) != STATUS_OK || value < range->least ||
        value > range->most)
        return config_wrong(r, key, node, range->what);
    memcpy(ret_value, &value, sizeof(value));
    return true;
}

bool read_count(struct config_read *r, const struct config_key *key, const struct config_node *node,
                void *ret_value)
{
    return read_quantity(r, key, node, text_parse_count, ret_value);
}

bool read_size(struct config_read *r, const struct config_key *key, const struct config_node *node,
               void *ret_value)
{
    return read_quantity(r, key, node, text_parse_size, ret_value);
}

bool read_duration(struct config_read *r, const struct config_key *key,
                   const struct config_node *node, void *ret_value)
{
    return read_quantity(r, key, node, text_parse_duration_ms, ret_value);
}

bool read_bit_rate(struct config_read *r, const struct config_key *key,
                   const struct config_node *node, void *ret_value)
{
    return read_quantity(r, key, node, text_parse_bit_rate, ret_value);
}

static bool store_share(struct config_read *r, const struct config_key *key,
                        const struct config_node *node, bool parsed, double value, void *ret_value)
{
    const struct config_share_range *range = key->detail;
    if (!parsed || !(value >= range->least && value <= range->most))
        return config_wrong(r, key, node, range->what);
    memcpy(ret_value, &value, sizeof(value));
    return true;
}

bool read_share(struct config_read *r, const struct config_key *key, const struct config_node *node,
                void *ret_value)
{
    double value = 0;
    bool parsed = is_scalar(node) && text_parse_percent(&value, node->text) == STATUS_OK;
    return store_share(r, key, node, parsed, value, ret_value);
}

bool read_fraction(struct config_read *r, const struct config_key *key,
                   const struct config_node *node, void *ret_value)
{
    /* Digits with at most one point: strtod alone would also take "inf", "0x1p3" and " 1". */
    double value = 0;
    bool parsed = is_scalar(node) && !node->quoted && node->text[0] != '\0' &&
                  strspn(node->text, "0123456789.") == strlen(node->text) &&
                  strlen(node->text) <= 20 && node->text[0] != '.' &&
                  node->text[strlen(node->text) - 1] != '.';
    if (parsed) {
        char *end = NULL;
        value = strtod(node->text, &end);
        parsed = *end == '\0';
    }
    return store_share(r, key, node, parsed, value, ret_value);
}

bool read_choice(struct config_read *r, const struct config_key *key,
                 const struct config_node *node, void *ret_value)
{
    const struct config_choices *choices = key->detail;
    for (unsigned int i = 0; is_scalar(node) && choices->names[i] != NULL; i++)
        if (strcmp(node->text, choices->names[i]) == 0) {
            memcpy(ret_value, &i, sizeof(i));
            return true;
        }
    return config_wrong(r, key, node, choices->what);
}

/* Text that is kept as it stands. */
static bool store_string(const struct config_node *node, void *ret_value)
{
    memcpy(ret_value, &node->text, sizeof(node->text));
    return true;
}

bool read_name(struct config_read *r, const struct config_key *key, const struct config_node *node,
               void *ret_value)
{
    if (!is_scalar(node) || !config_is_name(node->text))
        return config_wrong(r, key, node, "a name of 1 to 64 of a-z 0-9 . _ -");
    return store_string(node, ret_value);
}

bool read_path(struct config_read *r, const struct config_key *key, const struct config_node *node,
               void *ret_value)
{
    if (!is_scalar(node) || node->text[0] != '/' || strlen(node->text) > PATH_LEN_MAX)
        return config_wrong(r, key, node, "a path that starts with / and has at most 1024 octets");
    return store_string(node, ret_value);
}

bool read_path_part(struct config_read *r, const struct config_key *key,
                    const struct config_node *node, void *ret_value)
{
    if (!is_scalar(node) || node->text[0] == '\0' || strlen(node->text) > PATH_LEN_MAX)
        return config_wrong(r, key, node, "a path of 1 to 1024 octets");
    return store_string(node, ret_value);
}

bool read_plain(struct config_read *r, const struct config_key *key, const struct config_node *node,
                void *ret_value)
{
    if (!is_scalar(node) || node->text[0] == '\0' || strlen(node->text) > PLAIN_LEN_MAX)
        return config_wrong(r, key, node, "a text of 1 to 256 characters");
    return store_string(node, ret_value);
}

bool read_text(struct config_read *r, const struct config_key *key, const struct config_node *node,
               void *ret_value)
{
    struct config_text *text = ret_value;
    if (!is_scalar(node) || node->text[0] == '\0' || strlen(node->text) > PLAIN_LEN_MAX)
        return config_wrong_address(r, key, node, "one value");
    *text = (struct config_text){node->text, node->pos};
    return true;
}

static bool read_addr_of(struct config_read *r, const struct config_key *key,
                         const struct config_node *node, uint8_t family, const char *want,
                         void *ret_value)
{
    struct ip_addr addr;
    if (!is_scalar(node) || addr_parse(&addr, node->text) != STATUS_OK ||
        (family != ADDR_NONE && addr.family != family))
        return config_wrong_address(r, key, node, want);
    memcpy(ret_value, &addr, sizeof(addr));
    return true;
}

bool read_addr(struct config_read *r, const struct config_key *key, const struct config_node *node,
               void *ret_value)
{
    return read_addr_of(r, key, node, ADDR_NONE, "an IPv4 or IPv6 address", ret_value);
}

bool read_addr4(struct config_read *r, const struct config_key *key, const struct config_node *node,
                void *ret_value)
{
    return read_addr_of(r, key, node, ADDR_IPV4, "an IPv4 address", ret_value);
}

bool read_addr6(struct config_read *r, const struct config_key *key, const struct config_node *node,
                void *ret_value)
{
    return read_addr_of(r, key, node, ADDR_IPV6, "an IPv6 address", ret_value);
}

bool read_prefix(struct config_read *r, const struct config_key *key,
                 const struct config_node *node, void *ret_value)
{
    struct ip_prefix prefix;
    if (!is_scalar(node) || prefix_parse(&prefix, node->text) != STATUS_OK)
        return config_wrong_address(
            r, key, node,
            "an address or a prefix such as 198.51.100.0/24, no bits set behind its length");
    memcpy(ret_value, &prefix, sizeof(prefix));
    return true;
}

bool read_endpoint(struct config_read *r, const struct config_key *key,
                   const struct config_node *node, void *ret_value)
{
    struct ip_endpoint endpoint;
    if (!is_scalar(node) || endpoint_parse(&endpoint, node->text) != STATUS_OK ||
        endpoint.port == 0)
        return config_wrong_address(
            r, key, node, "an address and a port such as \"[::]:2055\" or 127.0.0.1:2055");
    memcpy(ret_value, &endpoint, sizeof(endpoint));
    return true;
}
