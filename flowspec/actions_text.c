#include "flowspec/expression.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum status actions_parse_plain_number(struct cursor *cursor, size_t len, double *ret_number)
{
    char word[64];
    size_t digits = strspn(cursor->at, "0123456789.eE+-");
    if (len == 0 || len >= sizeof(word) || digits < len || cursor->at[0] < '0' ||
        cursor->at[0] > '9')
        return cursor_fail(cursor, STATUS_MALFORMED, "a number belongs here");
    memcpy(word, cursor->at, len);
    word[len] = '\0';
    char *end;
    double number = strtod(word, &end);
    if (*end != '\0' || !isfinite(number))
        return cursor_fail(cursor, STATUS_MALFORMED, "'%s' is not a number", word);
    cursor->at += len;
    *ret_number = number;
    return STATUS_OK;
}

enum status actions_parse_rate(struct cursor *cursor, size_t len, double *ret_rate_bytes)
{
    static const struct {
        char unit[5];
        double bytes;
    } units[] = {{"bps", 1.0 / 8},   {"kbps", 1e3 / 8}, {"Mbps", 1e6 / 8}, {"Gbps", 1e9 / 8},
                 {"Tbps", 1e12 / 8}, {"B/s", 1},        {"kB/s", 1e3},     {"MB/s", 1e6},
                 {"GB/s", 1e9},      {"TB/s", 1e12}};
    const char *word = cursor->at;
    size_t digits = strspn(word, "0123456789.");
    /* An exponent, as printed for very small rates. */
    if (digits < len && (word[digits] == 'e' || word[digits] == 'E')) {
        size_t sign = strspn(word + digits + 1, "+-");
        digits += 1 + sign + strspn(word + digits + 1 + sign, "0123456789");
    }
    if (digits > len)
        digits = len;
    double number;
    enum status s = actions_parse_plain_number(cursor, digits, &number);
    if (s != STATUS_OK)
        return s;
    for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
        if (strlen(units[i].unit) != len - digits ||
            strncmp(cursor->at, units[i].unit, len - digits) != 0)
            continue;
        cursor->at += len - digits;
        *ret_rate_bytes = number * units[i].bytes;
        return STATUS_OK;
    }
    return cursor_fail(cursor, STATUS_MALFORMED,
                       "a rate needs its unit: bps, kbps, Mbps, Gbps, B/s, kB/s, MB/s, GB/s");
}

void actions_format_number(double number, struct text *out)
{
    char word[64];
    if (number == floor(number) && number < 1e15) {
        text_addf(out, "%.0f", number);
        return;
    }
    for (int digits = 6; digits <= 17; digits++) {
        snprintf(word, sizeof(word), "%.*g", digits, number);
        if (strtod(word, NULL) == number)
            break;
    }
    text_add(out, word);
}

static enum status parse_redirect_address(struct cursor *cursor, const char *number,
                                          struct flow_actions *a)
{
    char word[ADDR_TEXT_MAX];
    const char *from = cursor->at;
    size_t len = (size_t)(number - 1 - from);
    if (len >= 2 && from[0] == '[' && from[len - 1] == ']') {
        from++;
        len -= 2;
    }
    if (len >= sizeof(word))
        return cursor_fail(cursor, STATUS_MALFORMED, "redirect: the address is too long");
    memcpy(word, from, len);
    word[len] = '\0';
    if (addr_parse(&a->redirect_addr, word) != STATUS_OK ||
        (a->redirect_addr.family == ADDR_IPV6) != (from != cursor->at))
        return cursor_fail(cursor, STATUS_MALFORMED,
                           "redirect takes ASN:N, A.B.C.D:N or [IPv6 address]:N");
    a->redirect = a->redirect_addr.family == ADDR_IPV4 ? REDIRECT_IP4 : REDIRECT_IP6;
    return STATUS_OK;
}

/* An AS below 65536 with an L behind it is sent in four octets all the same. */
enum status actions_parse_redirect(struct cursor *cursor, size_t len,
                                   struct flow_actions *ret_actions)
{
    struct flow_actions *a = ret_actions;
    const char *colon = NULL;
    uint64_t as, number;
    for (size_t i = 0; i < len; i++)
        if (cursor->at[i] == ':')
            colon = cursor->at + i;
    if (a->redirect != REDIRECT_NONE)
        return cursor_fail(cursor, STATUS_MALFORMED, "a second redirect");
    if (colon == NULL ||
        !expression_number(colon + 1, (size_t)(cursor->at + len - colon - 1), UINT32_MAX, &number))
        return cursor_fail(cursor, STATUS_MALFORMED,
                           "redirect takes ASN:N, A.B.C.D:N or [IPv6 address]:N");
    size_t as_len = (size_t)(colon - cursor->at);
    bool wide = as_len > 1 && cursor->at[as_len - 1] == 'L';
    if (expression_number(cursor->at, as_len - (wide ? 1 : 0), UINT32_MAX, &as)) {
        a->redirect = wide || as > 0xffff ? REDIRECT_AS4 : REDIRECT_AS2;
        a->redirect_as = (uint32_t)as;
    } else {
        enum status s = parse_redirect_address(cursor, colon + 1, a);
        if (s != STATUS_OK)
            return s;
    }
    if (a->redirect != REDIRECT_AS2 && number > 0xffff)
        return cursor_fail(cursor, STATUS_RANGE,
                           "the number behind a 4-octet AS or an address goes up to 65535");
    a->redirect_number = (uint32_t)number;
    cursor->at += len;
    return STATUS_OK;
}

void actions_format_redirect(const struct flow_actions *a, struct text *out)
{
    char word[ADDR_TEXT_MAX];
    switch ((enum redirect_kind)a->redirect) {
    case REDIRECT_AS2:
    case REDIRECT_AS4:
        text_addf(out, "%u%s:%u", a->redirect_as,
                  a->redirect == REDIRECT_AS4 && a->redirect_as <= 0xffff ? "L" : "",
                  a->redirect_number);
        break;
    case REDIRECT_IP4:
        text_addf(out, "%s:%u", addr_format(&a->redirect_addr, word), a->redirect_number);
        break;
    case REDIRECT_IP6:
        text_addf(out, "[%s]:%u", addr_format(&a->redirect_addr, word), a->redirect_number);
        break;
    case REDIRECT_TO_IP:
        text_add(out, addr_format(&a->redirect_addr, word));
        break;
    case REDIRECT_NONE:
    case REDIRECT_TO_NEXT_HOP:
        break;
    }
}

static bool word_is(const struct cursor *cursor, size_t len, const char *word)
{
    return strlen(word) == len && strncmp(cursor->at, word, len) == 0;
}

static void take_copy(struct cursor *cursor, struct flow_actions *a)
{
    struct cursor ahead = *cursor;
    cursor_skip_space(&ahead);
    size_t len = strcspn(ahead.at, " \t");
    if (word_is(&ahead, len, "copy")) {
        a->redirect_copy = true;
        cursor->at = ahead.at + len;
    }
}

static enum status parse_to_ip(struct cursor *cursor, size_t len, struct flow_actions *a)
{
    char word[ADDR_TEXT_MAX];
    if (a->redirect != REDIRECT_NONE)
        return cursor_fail(cursor, STATUS_MALFORMED, "a second redirect");
    if (len > 0 && len < sizeof(word)) {
        memcpy(word, cursor->at, len);
        word[len] = '\0';
        if (addr_parse(&a->redirect_addr, word) == STATUS_OK) {
            a->redirect = REDIRECT_TO_IP;
            cursor->at += len;
            take_copy(cursor, a);
            return STATUS_OK;
        }
    }
    return cursor_fail(cursor, STATUS_MALFORMED, "redirect-to-ip needs an address");
}

static enum status parse_mark(struct cursor *cursor, size_t len, struct flow_actions *a)
{
    uint32_t named;
    uint64_t number;
    if (expression_number(cursor->at, len, 63, &number))
        a->mark = (uint8_t)number;
    else if (rule_name_value(COMPONENT_DSCP, ADDR_NONE, cursor->at, len, &named))
        a->mark = (uint8_t)named;
    else
        return cursor_fail(cursor, STATUS_MALFORMED, "mark takes a DSCP: 0 to 63, ef, af41, cs6");
    a->has_mark = true;
    cursor->at += len;
    return STATUS_OK;
}

/* Said once, an action has one meaning; said twice, people may mean either. */
static enum status take_once(const struct cursor *cursor, const char *action, size_t len,
                             bool *taken)
{
    if (*taken) {
        struct cursor at = *cursor;
        at.at = action;
        return cursor_fail(&at, STATUS_MALFORMED, "a second %.*s", (int)len, action);
    }
    *taken = true;
    return STATUS_OK;
}

/* The value of the action that stands before it. */
static enum status parse_argument(struct cursor *cursor, const char *action, size_t action_len,
                                  struct flow_actions *a)
{
    const struct cursor name = {.at = action};
    size_t len = strcspn(cursor->at, " \t");
    if (word_is(&name, action_len, "rate-limit")) {
        enum status s = take_once(cursor, action, action_len, &a->has_rate);
        return s != STATUS_OK ? s : actions_parse_rate(cursor, len, &a->rate_bytes);
    }
    if (word_is(&name, action_len, "rate-limit-packets")) {
        enum status s = take_once(cursor, action, action_len, &a->has_rate_packets);
        return s != STATUS_OK ? s : actions_parse_plain_number(cursor, len, &a->rate_packets);
    }
    if (word_is(&name, action_len, "mark")) {
        enum status s = take_once(cursor, action, action_len, &a->has_mark);
        return s != STATUS_OK ? s : parse_mark(cursor, len, a);
    }
    if (word_is(&name, action_len, "redirect"))
        return actions_parse_redirect(cursor, len, a);
    if (word_is(&name, action_len, "redirect-to-ip"))
        return parse_to_ip(cursor, len, a);
    cursor->at = action;
    return cursor_fail(cursor, STATUS_MALFORMED, "'%.*s' is no action",
                       action_len > 40 ? 40 : (int)action_len, action);
}

static enum status parse_action(struct cursor *cursor, struct flow_actions *a)
{
    size_t len = strcspn(cursor->at, " \t");
    const char *action = cursor->at;
    bool *flag = NULL;
    if (word_is(cursor, len, "discard"))
        flag = &a->discard;
    else if (word_is(cursor, len, "sample"))
        flag = &a->sample;
    else if (word_is(cursor, len, "terminal") || word_is(cursor, len, "next-term") ||
             word_is(cursor, len, "continue"))
        flag = &a->terminal;
    if (flag != NULL) {
        enum status s = take_once(cursor, action, len, flag);
        cursor->at += len;
        return s;
    }
    if (word_is(cursor, len, "redirect-to-next-hop")) {
        if (a->redirect != REDIRECT_NONE)
            return cursor_fail(cursor, STATUS_MALFORMED, "a second redirect");
        a->redirect = REDIRECT_TO_NEXT_HOP;
        cursor->at += len;
        take_copy(cursor, a);
        return STATUS_OK;
    }
    cursor->at += len;
    cursor_skip_space(cursor);
    return parse_argument(cursor, action, len, a);
}

enum status actions_parse_text(struct cursor *cursor, struct flow_actions *ret_actions)
{
    struct flow_actions a = {0};
    cursor_skip_space(cursor);
    if (*cursor->at == '\0')
        return cursor_fail(cursor, STATUS_MALFORMED, "an action belongs behind 'then'");
    while (*cursor->at != '\0') {
        struct cursor before = *cursor;
        enum status s = parse_action(cursor, &a);
        if (s != STATUS_OK)
            return s;
        s = actions_check(&a, cursor->error);
        if (s != STATUS_OK) {
            if (cursor->error != NULL)
                cursor->error->at = before.offset + (size_t)(before.at - before.start);
            return s;
        }
        cursor_skip_space(cursor);
    }
    *ret_actions = a;
    return STATUS_OK;
}

void actions_format_text(const struct flow_actions *a, struct text *out)
{
    if (a->discard)
        text_add(out, " discard");
    if (a->has_rate) {
        text_add(out, " rate-limit ");
        actions_format_number(a->rate_bytes, out);
        text_add(out, "B/s");
    }
    if (a->has_rate_packets) {
        text_add(out, " rate-limit-packets ");
        actions_format_number(a->rate_packets, out);
    }
    if (a->has_mark) {
        const char *name = rule_name_of(COMPONENT_DSCP, ADDR_NONE, a->mark);
        if (name != NULL)
            text_addf(out, " mark %s", name);
        else
            text_addf(out, " mark %u", a->mark);
    }
    if (a->redirect == REDIRECT_TO_NEXT_HOP)
        text_add(out, " redirect-to-next-hop");
    else if (a->redirect != REDIRECT_NONE)
        text_add(out, a->redirect == REDIRECT_TO_IP ? " redirect-to-ip " : " redirect ");
    actions_format_redirect(a, out);
    if (a->redirect_copy && (a->redirect == REDIRECT_TO_IP || a->redirect == REDIRECT_TO_NEXT_HOP))
        text_add(out, " copy");
    if (a->sample)
        text_add(out, " sample");
    if (a->terminal)
        text_add(out, " terminal");
}
