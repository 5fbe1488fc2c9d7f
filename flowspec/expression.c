#include "flowspec/expression.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* The flags of the first octet: what `only` and `null` speak of. NS is named or left alone. */
enum { TCP_FLAGS_USUAL = 0xff };

enum status cursor_fail(const struct cursor *cursor, enum status status, const char *format, ...)
{
    if (cursor->error != NULL) {
        va_list arguments;
        cursor->error->at = cursor->offset + (size_t)(cursor->at - cursor->start);
        va_start(arguments, format);
        vsnprintf(cursor->error->why, sizeof(cursor->error->why), format, arguments);
        va_end(arguments);
    }
    return status;
}

static bool is_space(char ch)
{
    return ch == ' ' || ch == '\t';
}

void cursor_skip_space(struct cursor *cursor)
{
    while (is_space(*cursor->at))
        cursor->at++;
}

size_t cursor_word(const struct cursor *cursor)
{
    return strcspn(cursor->at, " \t,&");
}

bool expression_number(const char *s, size_t len, uint64_t max, uint64_t *ret_value)
{
    uint64_t value = 0;
    unsigned base = 10;
    if (len > 2 && s[0] == '0' && (s[1] == 'x' || s[1] == 'X')) {
        base = 16;
        s += 2;
        len -= 2;
    } else if (len > 1 && s[0] == '0') {
        return false; /* 010 is 8 to some and 10 to others */
    }
    if (len == 0 || len > 19)
        return false;
    for (size_t i = 0; i < len; i++) {
        unsigned digit = 99;
        if (s[i] >= '0' && s[i] <= '9')
            digit = (unsigned)(s[i] - '0');
        else if (s[i] >= 'a' && s[i] <= 'f')
            digit = (unsigned)(s[i] - 'a') + 10;
        else if (s[i] >= 'A' && s[i] <= 'F')
            digit = (unsigned)(s[i] - 'A') + 10;
        if (digit >= base)
            return false;
        value = value * base + digit;
        if (value > max)
            return false;
    }
    *ret_value = value;
    return true;
}

static enum status fail_push(const struct cursor *cursor, enum component c, enum status s)
{
    if (s == STATUS_LIMIT)
        return cursor_fail(cursor, s, "more than %d operators", RULE_OPS_MAX);
    return cursor_fail(cursor, s, "%s is there twice, or not in this family", component_name(c));
}

static enum status push(const struct cursor *cursor, struct flow_rule *rule, enum component c,
                        unsigned bits, uint32_t value)
{
    enum status s = rule_push_op(rule, c, (uint8_t)bits, value);
    return s == STATUS_OK ? s : fail_push(cursor, c, s);
}

/* One value of a numeric component: a number in range, or a name. */
static enum status parse_value(struct cursor *cursor, const struct flow_rule *rule,
                               enum component c, size_t len, uint32_t *ret_value)
{
    uint32_t max = component_max(c, rule->family);
    uint64_t number;
    if (len == 0)
        return cursor_fail(cursor, STATUS_MALFORMED, "%s: a value belongs here", component_name(c));
    if (expression_number(cursor->at, len, UINT64_MAX / 16, &number)) {
        if (number > max)
            return cursor_fail(cursor, STATUS_RANGE, "%s goes up to %u", component_name(c), max);
        *ret_value = (uint32_t)number;
    } else if (!rule_name_value(c, rule->family, cursor->at, len, ret_value)) {
        return cursor_fail(cursor, STATUS_MALFORMED, "%s: '%.*s' is neither a number nor a name",
                           component_name(c), len > 40 ? 40 : (int)len, cursor->at);
    }
    cursor->at += len;
    return STATUS_OK;
}

static const char *find_dots(const char *s, size_t len)
{
    for (size_t i = 0; i + 1 < len; i++)
        if (s[i] == '.' && s[i + 1] == '.')
            return s + i;
    return NULL;
}

static unsigned take_relation(struct cursor *cursor, bool *ret_given)
{
    static const struct {
        char sign[3];
        uint8_t bits;
    } signs[] = {{"==", OP_EQ}, {"!=", OP_LT | OP_GT}, {"<=", OP_LT | OP_EQ}, {">=", OP_GT | OP_EQ},
                 {"=", OP_EQ},  {"<", OP_LT},          {">", OP_GT}};
    for (size_t i = 0; i < sizeof(signs) / sizeof(signs[0]); i++) {
        size_t len = strlen(signs[i].sign);
        if (strncmp(cursor->at, signs[i].sign, len) == 0) {
            cursor->at += len;
            *ret_given = true;
            return signs[i].bits;
        }
    }
    *ret_given = false;
    return OP_EQ;
}

static enum status parse_number_term(struct cursor *cursor, struct flow_rule *rule,
                                     enum component c, unsigned and_bit)
{
    bool given;
    unsigned bits = take_relation(cursor, &given);
    size_t len = cursor_word(cursor);
    uint32_t value;
    if (!given && len == 4 && strncmp(cursor->at, "true", 4) == 0) {
        cursor->at += len;
        return push(cursor, rule, c, and_bit | OP_LT | OP_GT | OP_EQ, 0);
    }
    if (!given && len == 5 && strncmp(cursor->at, "false", 5) == 0) {
        cursor->at += len;
        return push(cursor, rule, c, and_bit, 0);
    }
    const char *dots = find_dots(cursor->at, len);
    if (dots == NULL) {
        enum status s = parse_value(cursor, rule, c, len, &value);
        return s == STATUS_OK ? push(cursor, rule, c, and_bit | bits, value) : s;
    }
    if (bits != OP_EQ)
        return cursor_fail(cursor, STATUS_MALFORMED, "a range a..b takes no '<', '>' or '!'");
    const char *end = cursor->at + len;
    uint32_t high;
    enum status s = parse_value(cursor, rule, c, (size_t)(dots - cursor->at), &value);
    if (s != STATUS_OK)
        return s;
    cursor->at += 2;
    s = parse_value(cursor, rule, c, (size_t)(end - cursor->at), &high);
    if (s != STATUS_OK)
        return s;
    if (value > high)
        return cursor_fail(cursor, STATUS_MALFORMED, "%u..%u is empty", value, high);
    s = push(cursor, rule, c, and_bit | OP_GT | OP_EQ, value);
    return s == STATUS_OK ? push(cursor, rule, c, OP_AND | OP_LT | OP_EQ, high) : s;
}

/* syn+ack, 0x12, syn+0x200. */
static enum status parse_mask(struct cursor *cursor, const struct flow_rule *rule, enum component c,
                              uint32_t *ret_mask)
{
    uint32_t max = component_max(c, rule->family), mask = 0;
    size_t left = cursor_word(cursor);
    const char *end = cursor->at + left;
    do {
        const char *plus = memchr(cursor->at, '+', (size_t)(end - cursor->at));
        size_t len = (size_t)((plus != NULL ? plus : end) - cursor->at);
        uint32_t bit;
        uint64_t number;
        if (expression_number(cursor->at, len, UINT64_MAX / 16, &number)) {
            if ((number & ~(uint64_t)max) != 0)
                return cursor_fail(cursor, STATUS_RANGE, "%s has the bits 0x%x only",
                                   component_name(c), max);
            bit = (uint32_t)number;
        } else if (!rule_name_value(c, rule->family, cursor->at, len, &bit)) {
            return cursor_fail(cursor, STATUS_MALFORMED, "%s: '%.*s' is no bit of %s",
                               component_name(c), len > 40 ? 40 : (int)len, cursor->at,
                               rule->family == ADDR_IPV4 ? "IPv4" : "IPv6");
        }
        mask |= bit;
        cursor->at += len + (plus != NULL);
        if (plus == NULL)
            break;
    } while (true);
    if (mask == 0) {
        cursor->at = end - left;
        return cursor_fail(cursor, STATUS_RANGE, "%s: a mask of 0 says nothing; use null",
                           component_name(c));
    }
    *ret_mask = mask;
    return STATUS_OK;
}

static uint32_t usual_bits(enum component c, uint8_t family)
{
    return c == COMPONENT_TCP_FLAGS ? TCP_FLAGS_USUAL : component_max(c, family);
}

static enum status parse_bits_term(struct cursor *cursor, struct flow_rule *rule, enum component c,
                                   unsigned and_bit)
{
    size_t len = cursor_word(cursor);
    uint32_t mask, usual = usual_bits(c, rule->family);
    if (len == 4 && strncmp(cursor->at, "null", 4) == 0) {
        cursor->at += len;
        return push(cursor, rule, c, and_bit | OP_NOT, usual);
    }
    if (len == 4 && strncmp(cursor->at, "only", 4) == 0 && is_space(cursor->at[4])) {
        cursor->at += len;
        cursor_skip_space(cursor);
        enum status s = parse_mask(cursor, rule, c, &mask);
        if (s == STATUS_OK)
            s = push(cursor, rule, c, and_bit | OP_MATCH, mask);
        if (s == STATUS_OK && (usual & ~mask) != 0)
            s = push(cursor, rule, c, OP_AND | OP_NOT, usual & ~mask);
        return s;
    }
    unsigned bits = and_bit;
    if (*cursor->at == '!') {
        bits |= OP_NOT;
        cursor->at++;
    }
    if (*cursor->at == '=') {
        bits |= OP_MATCH;
        cursor->at++;
    }
    enum status s = parse_mask(cursor, rule, c, &mask);
    return s == STATUS_OK ? push(cursor, rule, c, bits, mask) : s;
}

enum status expression_parse(struct cursor *cursor, struct flow_rule *rule, enum component c)
{
    unsigned and_bit = 0;
    while (true) {
        cursor_skip_space(cursor);
        enum status s = component_is_bits(c) ? parse_bits_term(cursor, rule, c, and_bit)
                                             : parse_number_term(cursor, rule, c, and_bit);
        if (s != STATUS_OK)
            return s;
        struct cursor ahead = *cursor;
        cursor_skip_space(&ahead);
        if (*ahead.at != ',' && *ahead.at != '&')
            return STATUS_OK;
        and_bit = *ahead.at == '&' ? OP_AND : 0;
        cursor->at = ahead.at + 1;
    }
}

static void format_number_op(uint8_t family, enum component c, const struct rule_op *op,
                             struct text *out)
{
    static const char *const signs[8] = {"false", "=", ">", ">=", "<", "<=", "!=", "true"};
    unsigned relation = op->bits & (OP_LT | OP_GT | OP_EQ);
    /* A name says something as one value, not as the end of a range; and a code's depends on the
     * type. */
    bool named = (relation == OP_EQ || relation == (OP_LT | OP_GT)) && c != COMPONENT_ICMP_CODE;
    const char *name = named ? rule_name_of(c, family, op->value) : NULL;
    text_add(out, signs[relation]);
    if (relation == 0 || relation == 7)
        return;
    if (name != NULL)
        text_add(out, name);
    else
        text_addf(out, "%u", op->value);
}

static void format_mask(uint8_t family, enum component c, uint32_t mask, struct text *out)
{
    const char *join = "";
    uint32_t unnamed = 0;
    for (uint32_t bit = 1; bit <= mask && bit != 0; bit <<= 1) {
        if ((mask & bit) == 0)
            continue;
        const char *name = rule_name_of(c, family, bit);
        if (name == NULL) {
            unnamed |= bit;
            continue;
        }
        text_addf(out, "%s%s", join, name);
        join = "+";
    }
    if (unnamed != 0 || mask == 0)
        text_addf(out, "%s0x%x", join, unnamed);
}

bool expression_is_only(uint8_t family, enum component c, const struct rule_op *ops, size_t count)
{
    if (!component_is_bits(c) || count != 2)
        return false;
    uint32_t usual = usual_bits(c, family);
    return (ops[0].bits & (OP_NOT | OP_MATCH)) == OP_MATCH && ops[0].value != 0 &&
           (ops[1].bits & (OP_NOT | OP_MATCH)) == OP_NOT && (usual & ~ops[0].value) != 0 &&
           ops[1].value == (usual & ~ops[0].value);
}

static void format_bits_op(uint8_t family, enum component c, const struct rule_op *op,
                           struct text *out)
{
    if ((op->bits & (OP_NOT | OP_MATCH)) == OP_NOT && op->value == usual_bits(c, family)) {
        text_add(out, "null");
        return;
    }
    if ((op->bits & OP_NOT) != 0)
        text_add(out, "!");
    if ((op->bits & OP_MATCH) != 0)
        text_add(out, "=");
    format_mask(family, c, op->value, out);
}

void expression_format_group(uint8_t family, enum component c, const struct rule_op *ops,
                             size_t count, struct text *out)
{
    if (expression_is_only(family, c, ops, count)) {
        text_add(out, "only ");
        format_mask(family, c, ops[0].value, out);
        return;
    }
    for (size_t i = 0; i < count; i++) {
        if (i > 0)
            text_add(out, "&");
        if (component_is_bits(c))
            format_bits_op(family, c, &ops[i], out);
        else
            format_number_op(family, c, &ops[i], out);
    }
}

void expression_format(const struct flow_rule *rule, enum component c, struct text *out)
{
    const struct rule_op *ops = rule_ops(rule, c);
    size_t count = rule_ops_count(rule, c);
    for (size_t i = 0, end; i < count; i = end) {
        end = rule_group_end(ops, count, i);
        if (i > 0)
            text_add(out, ",");
        expression_format_group(rule->family, c, ops + i, end - i, out);
    }
}

/* Says which part of it is wrong. The word is without an offset. */
static enum status fail_prefix(const struct cursor *cursor, char *word, size_t len)
{
    struct ip_prefix prefix;
    uint64_t bits;
    char *slash = strchr(word, '/'), text[PREFIX_TEXT_MAX];
    if (strchr(word, ',') != NULL)
        return cursor_fail(
            cursor, STATUS_MALFORMED,
            "one prefix belongs here: the wire holds one a rule, so several prefixes "
            "are several rules");
    if (slash != NULL)
        *slash = '\0';
    if (addr_parse(&prefix.addr, word) != STATUS_OK)
        return cursor_fail(cursor, STATUS_MALFORMED, "'%.*s' is not a prefix: '%s' is no address",
                           (int)len, cursor->at, word);
    if (!expression_number(slash != NULL ? slash + 1 : "", slash != NULL ? strlen(slash + 1) : 0,
                           addr_bits(&prefix.addr), &bits))
        return cursor_fail(cursor, STATUS_MALFORMED,
                           "'%.*s' is not a prefix: its length is 0 to %u", (int)len, cursor->at,
                           addr_bits(&prefix.addr));
    prefix.len = (uint8_t)bits;
    prefix.addr = addr_masked(&prefix.addr, prefix.len);
    return cursor_fail(cursor, STATUS_MALFORMED,
                       "'%.*s' is not a prefix: bits after the length must be 0, as in %s",
                       (int)len, cursor->at, prefix_format(&prefix, text));
}

enum status expression_parse_prefix(struct cursor *cursor, size_t len, struct ip_prefix *ret_prefix,
                                    uint8_t *ret_offset)
{
    char word[PREFIX_TEXT_MAX + 8];
    uint64_t offset = 0;
    if (len == 0 || len >= sizeof(word))
        return cursor_fail(cursor, STATUS_MALFORMED, "a prefix belongs here");
    memcpy(word, cursor->at, len);
    word[len] = '\0';
    char *slash = strchr(word, '/');
    char *dash = slash != NULL ? strchr(slash, '-') : NULL;
    if (dash != NULL) {
        if (!expression_number(slash + 1, (size_t)(dash - slash - 1), 127, &offset))
            return cursor_fail(cursor, STATUS_MALFORMED, "'%s': the offset is not 0 to 127", word);
        memmove(slash + 1, dash + 1, strlen(dash + 1) + 1);
    }
    if (prefix_parse(ret_prefix, word) != STATUS_OK)
        return fail_prefix(cursor, word, len);
    if (dash != NULL && ret_prefix->addr.family != ADDR_IPV6)
        return cursor_fail(cursor, STATUS_MALFORMED, "only an IPv6 prefix can have an offset");
    if (offset != 0 && offset >= ret_prefix->len)
        return cursor_fail(cursor, STATUS_MALFORMED, "the offset must be below the length");
    /* Bits before the offset are not looked at; zero them so that equal rules are equal bytes. */
    for (unsigned i = 0; i < offset; i++)
        ret_prefix->addr.octets[i / 8] &= (uint8_t) ~(0x80U >> i % 8);
    *ret_offset = (uint8_t)offset;
    cursor->at += len;
    return STATUS_OK;
}

void expression_format_prefix(const struct ip_prefix *prefix, uint8_t offset, struct text *out)
{
    char word[PREFIX_TEXT_MAX];
    if (offset == 0)
        text_add(out, prefix_format(prefix, word));
    else
        text_addf(out, "%s/%u-%u", addr_format(&prefix->addr, word), offset, prefix->len);
}
