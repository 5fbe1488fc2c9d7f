#include "tests/fuzz/rules.h"

#include "flowspec/deviations.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct flow_rule rule;

enum { HEAD = 2, COUNT_MASK = 7, COUNT6_SHIFT = 4, COUNT6_MASK = 3, NLRI_ROOM = 4200 };

/* Of its very size, so that a read past it is seen. */
static uint8_t *exact(const uint8_t *bytes, size_t len)
{
    uint8_t *copy = malloc(len > 0 ? len : 1);
    if (copy != NULL)
        memcpy(copy, bytes, len);
    return copy;
}

static void read_actions(const uint8_t *communities, size_t count, const uint8_t *communities6,
                         size_t count6, struct flow_actions *ret_actions)
{
    struct deviation found[2];
    struct rule_error error = {0};
    uint8_t *eight = exact(communities, count * 8), *twenty = exact(communities6, count6 * 20);
    *ret_actions = (struct flow_actions){.discard = true};
    if (eight != NULL && twenty != NULL &&
        actions_decode_all(ret_actions, (const uint8_t(*)[8])eight, count,
                           (const uint8_t(*)[20])twenty, count6, &error) == STATUS_OK) {
        assert(actions_check(ret_actions, &error) == STATUS_OK);
        rules_check_actions(ret_actions);
    }
    if (eight != NULL && twenty != NULL)
        (void)actions_deviations((const uint8_t(*)[8])eight, count, (const uint8_t(*)[20])twenty,
                                 count6, found, 2);
    free(eight);
    free(twenty);
}

/* What differs from what we send is listed, and nothing else is. */
static void check_deviations(enum addr_family family, const uint8_t *nlri, size_t taken)
{
    uint8_t ours[NLRI_ROOM];
    size_t len = 0;
    struct deviation found[4];
    size_t n = nlri_deviations(family, nlri, taken, found, 4);
    enum status s = nlri_encode(&rule, ours, sizeof(ours), &len);
    bool same = s == STATUS_OK && len == taken && memcmp(ours, nlri, len) == 0;
    assert(same == (n == 0));
    for (size_t i = 0; i < n && i < 4; i++)
        assert(found[i].at < taken && found[i].what[0] != '\0');
}

/* The first octet picks the family, the second the number of communities of both kinds; those come
 * before the NLRI. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < HEAD)
        return 0;
    enum addr_family family = (data[0] & 1) != 0 ? ADDR_IPV6 : ADDR_IPV4;
    size_t count = data[1] & COUNT_MASK, count6 = data[1] >> COUNT6_SHIFT & COUNT6_MASK;
    size_t before = HEAD + count * 8 + count6 * 20, taken = 0, key_len;
    struct flow_actions actions;
    struct rule_error error = {0};
    uint8_t key[ORDER_KEY_MAX];
    if (size < before)
        return 0;
    read_actions(data + HEAD, count, data + HEAD + count * 8, count6, &actions);
    size_t len = size - before;
    uint8_t *nlri = exact(data + before, len);
    if (nlri == NULL)
        return 0;
    (void)nlri_compare(family, nlri, len, data, size);
    (void)nlri_compare_draft6(nlri, len, data, size);
    (void)nlri_order_key(family, nlri, len, key, sizeof(key), &key_len);
    if (nlri_decode(&rule, family, nlri, len, &taken, &error) == STATUS_OK) {
        assert(taken <= len);
        check_deviations(family, nlri, taken);
        rules_check(&rule, &actions, false);
    } else {
        assert(error.at <= len && error.why[0] != '\0');
        assert(nlri_deviations(family, nlri, len, NULL, 0) == 0);
    }
    free(nlri);
    return 0;
}
