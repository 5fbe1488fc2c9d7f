#include "speaker/bgp/received.h"

enum {
    FLAG_OPTIONAL = 0x80,
    FLAG_TRANSITIVE = 0x40,
    FLAG_EXTENDED = 0x10,
    ATTRIBUTE_ORIGIN = 1,
    ATTRIBUTE_AS_PATH = 2,
    ATTRIBUTE_NEXT_HOP = 3,
    ATTRIBUTE_MED = 4,
    ATTRIBUTE_LOCAL_PREF = 5,
    ATTRIBUTE_ATOMIC_AGGREGATE = 6,
    ATTRIBUTE_AGGREGATOR = 7,
    ATTRIBUTE_COMMUNITIES = 8,
    ATTRIBUTE_ORIGINATOR_ID = 9,
    ATTRIBUTE_CLUSTER_LIST = 10,
    ATTRIBUTE_MP_REACH = 14,
    ATTRIBUTE_MP_UNREACH = 15,
    ATTRIBUTE_EXTENDED_COMMUNITIES = 16,
    ATTRIBUTE_AS4_PATH = 17,
    ATTRIBUTE_AS4_AGGREGATOR = 18,
    ATTRIBUTE_IPV6_COMMUNITIES = 25,
    ATTRIBUTE_LARGE_COMMUNITIES = 32,
    ATTRIBUTES_KNOWN = 33,
    ORIGIN_MAX = 2,
    SEGMENT_TYPE_MAX = 4, /* 3 and 4 are of confederations (RFC 5065) */
    IPV4_BITS = 32,
};

/* What the length must be. */
enum length_rule {
    ANY_LENGTH,
    EXACTLY,
    MULTIPLE, /* and not 0 */
};

/*
 * What RFC 7606, 7 (and for the newer ones their own RFC) says of each attribute that we know.
 * flags 0: not known.
 */
struct attribute_rule {
    uint8_t flags; /* FLAG_OPTIONAL and FLAG_TRANSITIVE as they must be */
    uint8_t length_rule, length;
    uint8_t treatment; /* of a wrong length or value; enum received_treatment */
    bool internal;     /* from an eBGP peer it is discarded unread */
};

#define WELL_KNOWN FLAG_TRANSITIVE
#define OPTIONAL_ONLY FLAG_OPTIONAL
#define OPTIONAL_TRANSITIVE (FLAG_OPTIONAL | FLAG_TRANSITIVE)
static const struct attribute_rule rules[ATTRIBUTES_KNOWN] = {
    [ATTRIBUTE_ORIGIN] = {WELL_KNOWN, EXACTLY, 1, RECEIVED_WITHDRAWN, false},
    [ATTRIBUTE_AS_PATH] = {WELL_KNOWN, ANY_LENGTH, 0, RECEIVED_WITHDRAWN, false},
    [ATTRIBUTE_NEXT_HOP] = {WELL_KNOWN, EXACTLY, 4, RECEIVED_WITHDRAWN, false},
    [ATTRIBUTE_MED] = {OPTIONAL_ONLY, EXACTLY, 4, RECEIVED_WITHDRAWN, false},
    [ATTRIBUTE_LOCAL_PREF] = {WELL_KNOWN, EXACTLY, 4, RECEIVED_WITHDRAWN, true},
    [ATTRIBUTE_ATOMIC_AGGREGATE] = {WELL_KNOWN, EXACTLY, 0, RECEIVED_DISCARDED, false},
    /* 6, or 8 with 4-octet AS numbers */
    [ATTRIBUTE_AGGREGATOR] = {OPTIONAL_TRANSITIVE, EXACTLY, 6, RECEIVED_DISCARDED, false},
    [ATTRIBUTE_COMMUNITIES] = {OPTIONAL_TRANSITIVE, MULTIPLE, 4, RECEIVED_WITHDRAWN, false},
    [ATTRIBUTE_ORIGINATOR_ID] = {OPTIONAL_ONLY, EXACTLY, 4, RECEIVED_WITHDRAWN, true},
    [ATTRIBUTE_CLUSTER_LIST] = {OPTIONAL_ONLY, MULTIPLE, 4, RECEIVED_WITHDRAWN, true},
    [ATTRIBUTE_MP_REACH] = {OPTIONAL_ONLY, ANY_LENGTH, 0, RECEIVED_DISABLED, false},
    [ATTRIBUTE_MP_UNREACH] = {OPTIONAL_ONLY, ANY_LENGTH, 0, RECEIVED_DISABLED, false},
    [ATTRIBUTE_EXTENDED_COMMUNITIES] = {OPTIONAL_TRANSITIVE, MULTIPLE, 8, RECEIVED_WITHDRAWN,
                                        false},
    [ATTRIBUTE_AS4_PATH] = {OPTIONAL_TRANSITIVE, ANY_LENGTH, 0, RECEIVED_DISCARDED, false},
    [ATTRIBUTE_AS4_AGGREGATOR] = {OPTIONAL_TRANSITIVE, EXACTLY, 8, RECEIVED_DISCARDED, false},
    [ATTRIBUTE_IPV6_COMMUNITIES] = {OPTIONAL_TRANSITIVE, MULTIPLE, 20, RECEIVED_WITHDRAWN, false},
    [ATTRIBUTE_LARGE_COMMUNITIES] = {OPTIONAL_TRANSITIVE, MULTIPLE, 12, RECEIVED_WITHDRAWN, false},
};

struct check {
    const struct received_session *session;
    struct received_update *update;
    struct bgp_error *error;
    bool seen[UINT8_MAX + 1];
};

struct attribute {
    uint8_t flags, type;
    const uint8_t *at; /* with its flags */
    size_t whole_len;
    struct wire_reader value;
};

static enum status refuse(struct bgp_error *ret_error, uint8_t subcode, const void *data,
                          size_t len)
{
    *ret_error = message_error(BGP_ERROR_UPDATE, subcode, data, len);
    return STATUS_MALFORMED;
}

static void note(struct check *c, enum received_mistake mistake, enum received_treatment treatment)
{
    c->update->mistakes |= 1U << mistake;
    if (c->update->treatment < treatment)
        c->update->treatment = treatment;
}

static bool count_prefixes(struct wire_reader *r, uint32_t *ret_count)
{
    uint32_t count = 0;
    while (r->left > 0) {
        uint8_t bits = wire_u8(r);
        wire_skip(r, (bits + 7U) / 8);
        if (r->failed || bits > IPV4_BITS)
            return false;
        count++;
    }
    *ret_count = count;
    return true;
}

/* RFC 7606, 7.2: segments of known types that fill the attribute, none of them empty. */
static bool is_path(struct wire_reader value, size_t as_len)
{
    while (value.left > 0) {
        uint8_t type = wire_u8(&value);
        size_t count = wire_u8(&value);
        wire_skip(&value, count * as_len);
        if (value.failed || type == 0 || type > SEGMENT_TYPE_MAX || count == 0)
            return false;
    }
    return true;
}

/* The lengths that lead to the NLRI (RFC 4760, 3); those of each family are not looked into. */
static bool leads_to_routes(struct wire_reader value, uint8_t type)
{
    wire_skip(&value, 3); /* AFI and SAFI */
    if (type == ATTRIBUTE_MP_REACH) {
        wire_skip(&value, wire_u8(&value));
        wire_skip(&value, 1);
    }
    return !value.failed;
}

static bool has_length(const struct check *c, const struct attribute *a,
                       const struct attribute_rule *rule)
{
    size_t want = rule->length;
    if (a->type == ATTRIBUTE_AGGREGATOR && c->session->as4)
        want = 8;
    switch ((enum length_rule)rule->length_rule) {
    case ANY_LENGTH:
        return true;
    case EXACTLY:
        return a->value.left == want;
    case MULTIPLE:
        return a->value.left > 0 && a->value.left % want == 0;
    }
    return false;
}

static bool has_value(const struct check *c, const struct attribute *a)
{
    struct wire_reader value = a->value;
    switch (a->type) {
    case ATTRIBUTE_ORIGIN:
        return wire_u8(&value) <= ORIGIN_MAX;
    case ATTRIBUTE_AS_PATH:
        return is_path(value, c->session->as4 ? 4 : 2);
    case ATTRIBUTE_AS4_PATH:
        return is_path(value, 4);
    default:
        return true;
    }
}

/* RFC 7606, 3 (c) and 7. An attribute that is not known and not optional ends the session, and it
 * is told which one that was (RFC 4271, 6.3). */
static enum status check_attribute(struct check *c, const struct attribute *a)
{
    static const struct attribute_rule unknown;
    const struct attribute_rule *rule = a->type < ATTRIBUTES_KNOWN ? &rules[a->type] : &unknown;
    bool mp = a->type == ATTRIBUTE_MP_REACH || a->type == ATTRIBUTE_MP_UNREACH;
    if (rule->flags == 0 && (a->flags & FLAG_OPTIONAL) == 0)
        return refuse(c->error, BGP_UPDATE_UNRECOGNIZED, a->at, a->whole_len);
    if (rule->flags == 0)
        return STATUS_OK;
    if ((a->flags & (FLAG_OPTIONAL | FLAG_TRANSITIVE)) != rule->flags)
        note(c, RECEIVED_FLAGS, RECEIVED_WITHDRAWN);
    if (rule->internal && !c->session->ibgp)
        return STATUS_OK; /* to be ignored, and so is what is wrong with it */
    if (mp && !leads_to_routes(a->value, a->type))
        note(c, RECEIVED_ROUTES, RECEIVED_DISABLED);
    else if (!has_length(c, a, rule))
        note(c, RECEIVED_LENGTH, (enum received_treatment)rule->treatment);
    else if (!has_value(c, a))
        note(c, RECEIVED_VALUE, (enum received_treatment)rule->treatment);
    return STATUS_OK;
}

/* An attribute that runs over the end of the list spoils its routes, not the session, because the
 * list's own length still says where the NLRI start (RFC 7606, 4). */
static enum status check_attributes(struct check *c, struct wire_reader *r)
{
    while (r->left > 0) {
        struct attribute a = {.at = r->pos};
        a.flags = wire_u8(r);
        a.type = wire_u8(r);
        size_t len = a.flags & FLAG_EXTENDED ? wire_u16(r) : wire_u8(r);
        a.value = wire_sub(r, len);
        if (r->failed || a.value.failed) {
            note(c, RECEIVED_TRUNCATED, RECEIVED_WITHDRAWN);
            return STATUS_OK;
        }
        a.whole_len = (size_t)(r->pos - a.at);
        bool mp = a.type == ATTRIBUTE_MP_REACH || a.type == ATTRIBUTE_MP_UNREACH;
        /* RFC 7606, 3 (g): twice the same is forgiven, except where it holds routes. */
        if (c->seen[a.type] && mp)
            return refuse(c->error, BGP_UPDATE_ATTRIBUTE_LIST, NULL, 0);
        if (c->seen[a.type]) {
            note(c, RECEIVED_TWICE, RECEIVED_DISCARDED);
            continue;
        }
        c->seen[a.type] = true;
        enum status status = check_attribute(c, &a);
        if (status != STATUS_OK)
            return status;
    }
    return STATUS_OK;
}

/* RFC 7606, 3 (d); NEXT_HOP is of the classic NLRI alone (RFC 4760, 3). */
static void check_missing(struct check *c)
{
    bool classic = c->update->announced > 0;
    const bool *seen = c->seen;
    if (!classic && !seen[ATTRIBUTE_MP_REACH])
        return; /* nothing is announced */
    if (!seen[ATTRIBUTE_ORIGIN] || !seen[ATTRIBUTE_AS_PATH] ||
        (classic && !seen[ATTRIBUTE_NEXT_HOP]) || (c->session->ibgp && !seen[ATTRIBUTE_LOCAL_PREF]))
        note(c, RECEIVED_MISSING, RECEIVED_WITHDRAWN);
}

enum status received_check(const struct bgp_message *message,
                           const struct received_session *session,
                           struct received_update *ret_update, struct bgp_error *ret_error)
{
    struct wire_reader r = wire_reader_of(message->body, message->body_len);
    struct received_update update = {0};
    struct check c = {.session = session, .update = &update, .error = ret_error};
    size_t withdrawn_len = wire_u16(&r);
    struct wire_reader withdrawn = wire_sub(&r, withdrawn_len);
    size_t attributes_len = wire_u16(&r);
    struct wire_reader attributes = wire_sub(&r, attributes_len);
    if (r.failed)
        return refuse(ret_error, BGP_UPDATE_ATTRIBUTE_LIST, NULL, 0);
    if (!count_prefixes(&withdrawn, &update.withdrawn) || !count_prefixes(&r, &update.announced))
        return refuse(ret_error, BGP_UPDATE_NETWORK_FIELD, NULL, 0);
    enum status status = check_attributes(&c, &attributes);
    if (status != STATUS_OK)
        return status;
    check_missing(&c);
    *ret_update = update;
    return STATUS_OK;
}

const char *received_mistake_name(enum received_mistake mistake)
{
    static const char *const names[RECEIVED_MISTAKES] = {"flags", "length",    "value", "missing",
                                                         "twice", "truncated", "routes"};
    return names[mistake];
}
