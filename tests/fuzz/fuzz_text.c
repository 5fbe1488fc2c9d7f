#include "common/base/addr.h"
#include "common/base/log.h"
#include "common/base/text.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What was read is written in a form that reads back to the same value. */
static void try_addresses(const char *s)
{
    struct ip_addr addr, addr_again;
    struct ip_prefix prefix, prefix_again;
    struct ip_endpoint endpoint, endpoint_again;
    char text[ENDPOINT_TEXT_MAX];

    if (addr_parse(&addr, s) == STATUS_OK) {
        assert(addr_parse(&addr_again, addr_format(&addr, text)) == STATUS_OK);
        assert(addr_equal(&addr, &addr_again));
    }
    if (prefix_parse(&prefix, s) == STATUS_OK) {
        assert(prefix_parse(&prefix_again, prefix_format(&prefix, text)) == STATUS_OK);
        assert(prefix_equal(&prefix, &prefix_again));
    }
    if (endpoint_parse(&endpoint, s) == STATUS_OK) {
        assert(endpoint_parse(&endpoint_again, endpoint_format(&endpoint, text)) == STATUS_OK);
        assert(endpoint.port == endpoint_again.port);
        assert(addr_equal(&endpoint.addr, &endpoint_again.addr));
    }
}

static void try_quantities(const char *s)
{
    uint64_t value = 0;
    double share = 0;

    (void)text_parse_bit_rate(&value, s);
    (void)text_parse_bit_rate_bare(&value, s);
    (void)text_parse_count(&value, s);
    (void)text_parse_size(&value, s);
    (void)text_parse_duration_ms(&value, s);
    if (text_parse_percent(&share, s) == STATUS_OK)
        assert(share >= 0 && share < 1e18);
    if (text_parse_u64(&value, s, UINT64_MAX) == STATUS_OK) {
        struct text again;
        text_init(&again, 0);
        text_addf(&again, "%llu", (unsigned long long)value);
        assert(strcmp(text_str(&again), s) == 0);
        text_done(&again);
    }
}

static void try_octets(const char *s)
{
    uint8_t bytes[64];
    char value[48];
    struct text text;
    size_t len;

    text_init(&text, 0);
    if (text_parse_hex(bytes, sizeof(bytes), &len, s) == STATUS_OK) {
        text_add_hex(&text, bytes, len);
        assert(strcasecmp(text_str(&text), s) == 0);
    }
    text_clear(&text);
    text_add_json_string(&text, s);
    assert(text.failed || text.len >= 2);
    text_done(&text);
    assert(strlen(log_value(value, sizeof(value), s)) < sizeof(value));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *s = malloc(size + 1); /* of exactly this size, so that a read past it is seen */

    if (s == NULL)
        return 0;
    if (size > 0)
        memcpy(s, data, size);
    s[size] = '\0';
    try_addresses(s);
    try_quantities(s);
    try_octets(s);
    free(s);
    return 0;
}
