#include "tests/fuzz/rules.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct flow_rule rule;

/* The first octet picks the family, the second the number of communities; those come before the
 * NLRI. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    enum { HEAD = 2, COUNT_MASK = 7 };
    if (size < HEAD)
        return 0;
    enum addr_family family = (data[0] & 1) != 0 ? ADDR_IPV6 : ADDR_IPV4;
    size_t count = data[1] & COUNT_MASK, taken = 0, key_len;
    struct flow_actions actions = {0};
    struct rule_error error;
    uint8_t key[ORDER_KEY_MAX];
    if (size < HEAD + count * 8)
        return 0;
    const uint8_t *communities = data + HEAD;
    size_t len = size - HEAD - count * 8;
    uint8_t *nlri = malloc(len + 1); /* of this size, so that a read past it is seen */
    if (nlri == NULL)
        return 0;
    memcpy(nlri, communities + count * 8, len);
    (void)actions_decode(&actions, (const uint8_t(*)[8])communities, count, &error);
    if (actions_check(&actions, &error) != STATUS_OK)
        actions = (struct flow_actions){.discard = true};
    (void)nlri_compare(family, nlri, len, data, size);
    (void)nlri_order_key(family, nlri, len, key, sizeof(key), &key_len);
    if (nlri_decode(&rule, family, nlri, len, &taken, &error) == STATUS_OK) {
        assert(taken <= len);
        rules_check(&rule, &actions, false);
    }
    free(nlri);
    return 0;
}
