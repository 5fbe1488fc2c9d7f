#include "flowspec/rule.h"
#include "tests/unit/skip.h"

#include <criterion/criterion.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/*
 * Bytes of other implementations, read from outside the source tree. Without them these tests are
 * skipped, and say so. Where our bytes differ on purpose both decode to the same rule; each such
 * difference is in the lists below, and in tests/vectors/README.md.
 */
enum { NLRI_ROOM = 4200 };

/* Theirs, whose meaning we send in another form. */
static const char *const sent_otherwise[] = {
    "1701800020010db80000000000000000000000010d9107dd",         /* flow label: 4 octets */
    "19011805060702200a0b0c0d038006040389458b911f90098055",     /* value of a false is 0 */
    "1b01673d0112345678c0020800c0038106040389458b911f900d8055", /* both */
    "1e01673d22468acf1300020800c0038006040389458b911f900da000000055",
    "07012b104012347c", /* bits after the length are 0 */
};

/* Theirs, which we decode and never send. */
static const char *const never_sent[] = {
    "090120c0000201098100", /* a mask of 0 */
};

static struct flow_rule rule, described;

static json_t *load(const char *name)
{
    char path[1024];
    const char *shared = getenv("WEIR_SHARED");
    json_error_t error;
    snprintf(path, sizeof(path), "%s/flowspec-vectors/%s",
             shared != NULL ? shared : WEIR_SOURCE_DIR "/../shared", name);
    json_t *root = json_load_file(path, 0, &error);
    if (root == NULL) {
        skip_case("%s: %s (set WEIR_SHARED)", path, error.text);
    }
    return root;
}

static const char *member(const json_t *object, const char *key)
{
    const char *s = json_string_value(json_object_get(object, key));
    return s != NULL ? s : "";
}

static size_t bytes_of(const char *hex, uint8_t *ret_bytes)
{
    size_t len = 0;
    cr_assert_eq(text_parse_hex(ret_bytes, NLRI_ROOM, &len, hex), STATUS_OK, "%s", hex);
    return len;
}

static enum addr_family family_of(const json_t *vector)
{
    return strcmp(member(vector, "family"), "ipv6") == 0 ? ADDR_IPV6 : ADDR_IPV4;
}

static bool is_listed(const char *const *list, size_t count, const char *hex)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(list[i], hex) == 0)
            return true;
    return false;
}
#define IS_LISTED(list, hex) is_listed(list, sizeof(list) / sizeof((list)[0]), hex)

static void describe_ops(const json_t *component, enum component c)
{
    static const char *const signs[8] = {"false", "==", ">", ">=", "<", "<=", "!=", "true"};
    const json_t *ops = json_object_get(component, "ops");
    const json_t *bits = json_object_get(component, "bits");
    const json_t *list = ops != NULL ? ops : bits;
    cr_assert_gt(json_array_size(list), 0);
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *op = json_array_get(list, i);
        unsigned relation = 0;
        if (ops != NULL)
            while (strcmp(signs[relation], member(op, "op")) != 0)
                cr_assert_lt(++relation, 8, "%s", member(op, "op"));
        else
            relation = (json_is_true(json_object_get(op, "not")) ? OP_NOT : 0U) |
                       (json_is_true(json_object_get(op, "match")) ? OP_MATCH : 0U);
        if (json_is_true(json_object_get(op, "and")))
            relation |= OP_AND;
        uint32_t value = (uint32_t)json_integer_value(json_object_get(op, "value"));
        if (rule_add_op(&described, c, (uint8_t)relation, value) == STATUS_OK)
            continue;
        /* An empty mask, which only bytes can hold. */
        cr_assert_eq(rule_add_op(&described, c, (uint8_t)relation, 1), STATUS_OK);
        described.ops[described.op_count - 1].value = value;
    }
}

/* What the vector says in words, built without a look at its bytes. */
static void describe(const json_t *vector)
{
    const json_t *components = json_object_get(json_object_get(vector, "rule"), "components");
    rule_init(&described, family_of(vector));
    for (size_t i = 0; i < json_array_size(components); i++) {
        const json_t *component = json_array_get(components, i);
        enum component c = (enum component)json_integer_value(json_object_get(component, "type"));
        if (c > COMPONENT_SOURCE) {
            describe_ops(component, c);
            continue;
        }
        char word[80];
        struct ip_prefix prefix;
        snprintf(word, sizeof(word), "%s", member(component, "prefix"));
        char *slash = strchr(word, '/');
        cr_assert_not_null(slash);
        *slash = '\0';
        cr_assert_eq(addr_parse(&prefix.addr, word), STATUS_OK, "%s", word);
        prefix.len = (uint8_t)atoi(slash + 1);
        prefix.addr = addr_masked(&prefix.addr, prefix.len);
        uint8_t offset = (uint8_t)json_integer_value(json_object_get(component, "offset"));
        if (c == COMPONENT_DESTINATION) {
            rule_set_destination(&described, &prefix);
            described.destination_offset = offset;
        } else {
            rule_set_source(&described, &prefix);
            described.source_offset = offset;
        }
    }
}

/* What people are shown of it can be given back to us, in both forms. */
static void check_forms(const struct flow_rule *decoded, const char *hex)
{
    static struct flow_rule again;
    struct flow_actions actions = {0}, back;
    struct rule_error error = {0};
    struct text out;
    bool can_be_said = !IS_LISTED(never_sent, hex);
    actions.discard = true;
    text_init(&out, 0);
    cr_assert_eq(rule_format_text(decoded, &actions, &out), STATUS_OK);
    enum status s = rule_parse_text(&again, &back, text_str(&out), &error);
    cr_expect_eq(s == STATUS_OK, can_be_said, "%s: %s: %s", hex, text_str(&out), error.why);
    cr_expect(!can_be_said || rule_equal(decoded, &again), "%s: %s", hex, text_str(&out));
    text_clear(&out);
    cr_assert_eq(rule_format_json(decoded, &actions, &out), STATUS_OK);
    s = rule_parse_json(&again, &back, text_str(&out), &error);
    cr_expect_eq(s == STATUS_OK, can_be_said, "%s: %s: %s", hex, text_str(&out), error.why);
    cr_expect(!can_be_said || rule_equal(decoded, &again), "%s: %s", hex, text_str(&out));
    text_done(&out);
}

static void check_nlri(const json_t *vector)
{
    uint8_t theirs[NLRI_ROOM], ours[NLRI_ROOM];
    const char *hex = member(vector, "nlri_hex");
    size_t len = bytes_of(hex, theirs), taken = 0, our_len = 0;
    struct rule_error error = {0};
    struct text words;
    text_init(&words, 0);
    cr_assert_eq(nlri_decode(&rule, family_of(vector), theirs, len, &taken, &error), STATUS_OK,
                 "%s: %s", hex, error.why);
    cr_expect_eq(taken, len, "%s", hex);
    check_forms(&rule, hex);
    describe(vector);
    rule_format_text(&rule, NULL, &words);
    cr_expect(rule_equal(&rule, &described), "%s is not: %s", hex, text_str(&words));
    enum status s = nlri_encode(&described, ours, sizeof(ours), &our_len);
    if (IS_LISTED(never_sent, hex)) {
        cr_expect_eq(s, STATUS_RANGE, "%s", hex);
    } else {
        cr_assert_eq(s, STATUS_OK, "%s: %s", hex, status_text(s));
        bool same = our_len == len && memcmp(ours, theirs, len) == 0;
        cr_expect_neq(same, IS_LISTED(sent_otherwise, hex), "%s: %s", hex, text_str(&words));
        cr_assert_eq(nlri_decode(&rule, family_of(vector), ours, our_len, &taken, &error),
                     STATUS_OK);
        cr_expect(rule_equal(&rule, &described), "%s", hex);
    }
    text_done(&words);
}

Test(vectors, nlri_of_others_decode_to_the_rule_and_are_sent_as_theirs)
{
    static const char *const files[] = {"rfc.json",        "exabgp.json", "exabgp_withdraw.json",
                                        "bird.json",       "frr.json",    "own_rules.json",
                                        "own_actions.json"};
    size_t seen = 0;
    for (size_t f = 0; f < sizeof(files) / sizeof(files[0]); f++) {
        json_t *root = load(files[f]);
        for (size_t i = 0; i < json_array_size(root); i++, seen++)
            check_nlri(json_array_get(root, i));
        json_decref(root);
    }
    cr_expect_geq(seen, 120);
}

/* Their communities and what we send for the same actions; "" where nothing is left to say. */
static const struct {
    const char *theirs, *ours;
} communities_otherwise[] = {
    {"8006fde900000000", "8006000000000000"}, /* the AS is no part of the rate */
    {"80060000bf800000", "8006000000000000"}, /* below 0 is 0 */
    {"800c000000000000", "8006000000000000"}, /* no packets is no bytes */
    {"8007000000000000", ""},
};

static void check_community(const char *hex)
{
    uint8_t bytes[1][8], ours[COMMUNITIES_MAX][8];
    struct flow_actions actions;
    struct rule_error error = {0};
    size_t len, count = 0;
    const char *want = hex;
    cr_assert_eq(text_parse_hex(bytes[0], 8, &len, hex), STATUS_OK);
    enum status s = actions_decode(&actions, (const uint8_t(*)[8])bytes, 1, &error);
    if (strcmp(hex, "800600007fc00000") == 0) {
        cr_expect_eq(s, STATUS_MALFORMED, "not a number");
        return;
    }
    cr_assert_eq(s, STATUS_OK, "%s: %s", hex, error.why);
    cr_assert_eq(actions_encode(&actions, ours, &count, &error), STATUS_OK, "%s", error.why);
    for (size_t i = 0; i < sizeof(communities_otherwise) / sizeof(communities_otherwise[0]); i++)
        if (strcmp(communities_otherwise[i].theirs, hex) == 0)
            want = communities_otherwise[i].ours;
    /* Route targets and origins, interface sets and unknown ones are no actions of a rule. */
    if (strncmp(hex, "00", 2) == 0 || strncmp(hex, "0103", 4) == 0 ||
        strncmp(hex + 1, "702", 3) == 0 || strncmp(hex, "80ff", 4) == 0)
        want = "";
    struct text got;
    text_init(&got, 0);
    for (size_t i = 0; i < count; i++)
        text_add_hex(&got, ours[i], 8);
    cr_expect_str_eq(text_str(&got), want);
    text_done(&got);
}

static void check_community6(const char *hex)
{
    uint8_t bytes[1][20];
    struct flow_actions actions;
    struct action_communities ours;
    struct rule_error error = {0};
    size_t len;
    cr_assert_eq(text_parse_hex(bytes[0], 20, &len, hex), STATUS_OK);
    cr_assert_eq(len, 20);
    cr_assert_eq(actions_decode_all(&actions, NULL, 0, (const uint8_t(*)[20])bytes, 1, &error),
                 STATUS_OK);
    cr_assert_eq(actions_encode_all(&actions, &ours, &error), STATUS_OK, "%s", error.why);
    cr_expect_eq(ours.count, 0);
    if (strncmp(hex, "800b", 4) == 0) { /* an older number of 000d, which we do not read */
        cr_expect_eq(ours.ipv6_count, 0);
        return;
    }
    cr_assert_eq(ours.ipv6_count, 1, "%s", hex);
    cr_expect_arr_eq(ours.ipv6[0], bytes[0], 20, "%s", hex);
}

Test(vectors, actions_of_others_are_read_and_sent_as_theirs)
{
    static const char *const files[] = {"exabgp.json", "frr.json", "own_rules.json",
                                        "own_actions.json"};
    size_t seen = 0;
    for (size_t f = 0; f < sizeof(files) / sizeof(files[0]); f++) {
        json_t *root = load(files[f]);
        for (size_t i = 0; i < json_array_size(root); i++) {
            const json_t *vector = json_array_get(root, i);
            const json_t *eight = json_object_get(vector, "ext_communities_hex");
            const json_t *twenty = json_object_get(vector, "ipv6_ext_communities_hex");
            for (size_t j = 0; j < json_array_size(eight); j++, seen++)
                check_community(json_string_value(json_array_get(eight, j)));
            for (size_t j = 0; j < json_array_size(twenty); j++, seen++)
                check_community6(json_string_value(json_array_get(twenty, j)));
        }
        json_decref(root);
    }
    cr_expect_geq(seen, 100);
}

static int sign(int order)
{
    return order < 0 ? -1 : order > 0;
}

Test(vectors, order_is_that_of_the_rfc)
{
    json_t *root = load("ordering.json");
    for (size_t i = 0; i < json_array_size(root); i++) {
        const json_t *vector = json_array_get(root, i);
        enum addr_family family = family_of(vector);
        uint8_t a[NLRI_ROOM], b[NLRI_ROOM], a_key[ORDER_KEY_MAX], b_key[ORDER_KEY_MAX];
        size_t a_len = bytes_of(member(vector, "first_nlri_hex"), a), a_key_len = 0;
        size_t b_len = bytes_of(member(vector, "second_nlri_hex"), b), b_key_len = 0;
        const char *why = member(vector, "reason");
        cr_expect_lt(nlri_compare(family, a, a_len, b, b_len), 0, "%s", why);
        cr_expect_gt(nlri_compare(family, b, b_len, a, a_len), 0, "%s", why);
        cr_expect_eq(nlri_compare(family, a, a_len, a, a_len), 0, "%s", why);
        cr_assert_eq(nlri_order_key(family, a, a_len, a_key, sizeof(a_key), &a_key_len), STATUS_OK);
        cr_assert_eq(nlri_order_key(family, b, b_len, b_key, sizeof(b_key), &b_key_len), STATUS_OK);
        size_t common = a_key_len < b_key_len ? a_key_len : b_key_len;
        cr_expect_eq(sign(memcmp(a_key, b_key, common)), -1, "%s", why);
    }
    cr_expect_geq(json_array_size(root), 20);
    json_decref(root);
}

Test(vectors, malformed_nlri_are_refused_and_tolerable_ones_read)
{
    json_t *root = load("malformed.json");
    for (size_t i = 0; i < json_array_size(root); i++) {
        const json_t *vector = json_array_get(root, i);
        uint8_t bytes[NLRI_ROOM];
        const char *hex = member(vector, "nlri_hex");
        size_t len = bytes_of(hex, bytes), taken;
        struct rule_error error = {0};
        bool reject = strncmp(member(vector, "verdict"), "reject", 6) == 0;
        uint8_t *exact = malloc(len); /* so that a sanitizer sees a read past the end */
        memcpy(exact, bytes, len);
        enum status s = nlri_decode(&rule, family_of(vector), exact, len, &taken, &error);
        cr_expect_eq(s != STATUS_OK, reject, "%s: %s: %s", hex, member(vector, "reason"),
                     error.why);
        if (s != STATUS_OK)
            cr_expect(error.why[0] != '\0' && error.at <= len, "%s", hex);
        free(exact);
    }
    cr_expect_geq(json_array_size(root), 60);
    json_decref(root);
}
