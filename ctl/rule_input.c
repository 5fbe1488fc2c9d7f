#include "ctl/rule_input.h"

#include <stdio.h>
#include <string.h>

static enum rule_form form_of(const char *from)
{
    if (from[strspn(from, " \t\r\n")] == '{')
        return RULE_FORM_JSON;
    if (from[0] != '\0' && from[strspn(from, "0123456789abcdefABCDEF")] == '\0')
        return RULE_FORM_HEX;
    return RULE_FORM_TEXT;
}

static enum status read_hex(const char *from, enum addr_family family, struct rule_input *ret_input,
                            struct rule_error *error)
{
    size_t taken = 0;
    enum status s =
        text_parse_hex(ret_input->nlri, sizeof ret_input->nlri, &ret_input->nlri_len, from);
    if (s != STATUS_OK) {
        (void)snprintf(error->why, sizeof error->why, "%s",
                       s == STATUS_LIMIT ? "longer than an NLRI can be (4095 octets: RFC 8955, 4.1)"
                                         : "half an octet at the end");
        error->at = strlen(from) / 2;
        return s;
    }
    s = nlri_decode(&ret_input->rule, family, ret_input->nlri, ret_input->nlri_len, &taken, error);
    if (s == STATUS_OK && taken != ret_input->nlri_len) {
        error->at = taken;
        (void)snprintf(error->why, sizeof error->why,
                       "%zu octets behind the NLRI, whose length octets say %zu in all (RFC 8955, "
                       "4.1)",
                       ret_input->nlri_len - taken, taken);
        return STATUS_MALFORMED;
    }
    return s;
}

/* Those of eight octets before those of attribute 25, as an UPDATE has them apart. */
static bool read_communities(const struct command_context *context, const char *from,
                             struct rule_input *input)
{
    struct action_communities *all = &input->communities;
    struct rule_error error = {0};
    for (const char *at = from; *at != '\0';) {
        char word[41];
        size_t digits = strcspn(at, ","), len;
        bool is_six = digits == 2 * sizeof all->ipv6[0];
        uint8_t *to = NULL;
        if (is_six && all->ipv6_count < COMMUNITIES6_MAX)
            to = all->ipv6[all->ipv6_count++];
        else if (digits == 2 * sizeof all->at[0] && all->count < COMMUNITIES_MAX)
            to = all->at[all->count++];
        if (to != NULL)
            (void)snprintf(word, sizeof word, "%.*s", (int)digits, at);
        if (to == NULL || text_parse_hex(to, digits / 2, &len, word) != STATUS_OK)
            return command_failed(context,
                                  "--communities, character %zu: 16 hex digits belong here, or 40 "
                                  "of attribute 25; at most %d and %d",
                                  (size_t)(at - from) + 1, COMMUNITIES_MAX,
                                  COMMUNITIES6_MAX) == EXIT_DONE;
        at += digits + (at[digits] == ',');
    }
    if (actions_decode_all(&input->actions, (const uint8_t(*)[8])all->at, all->count,
                           (const uint8_t(*)[20])all->ipv6, all->ipv6_count, &error) != STATUS_OK)
        return command_failed(context, "--communities: %s", error.why) == EXIT_DONE;
    return true;
}

/* Characters, not octets: what goes on in a sequence of UTF-8 is no character of its own. */
static size_t characters(const char *from, size_t octets)
{
    size_t n = 0;
    for (size_t i = 0; i < octets && from[i] != '\0'; i++)
        n += ((unsigned char)from[i] & 0xc0) != 0x80;
    return n;
}

static bool fail(const struct command_context *context, const char *from,
                 const struct rule_input *input, const struct rule_error *error, enum status s)
{
    const char *why = error->why[0] != '\0' ? error->why : status_text(s);
    /* Characters are counted from 1, as editors do; octets are offsets, as dumps show them. */
    if (input->form == RULE_FORM_HEX)
        return command_failed(context, "octet at offset %zu: %s", error->at, why) == EXIT_DONE;
    return command_failed(context, "character %zu: %s", characters(from, error->at) + 1, why) ==
           EXIT_DONE;
}

bool rule_input_read(const struct command_context *context, const char *from,
                     const struct rule_given *given, struct rule_input *ret_input)
{
    static const struct rule_given nothing = {0};
    const struct flow_actions none = {0};
    struct rule_error error = {0};
    enum status s = STATUS_MALFORMED;
    if (given == NULL)
        given = &nothing;
    enum addr_family family = given->family == 0 ? ADDR_IPV4 : (enum addr_family)given->family;
    const struct rule_json_options options = {.family = (uint8_t)family};
    memset(ret_input, 0, sizeof *ret_input);
    ret_input->form = form_of(from);
    switch (ret_input->form) {
    case RULE_FORM_TEXT:
        s = rule_parse_text_in(&ret_input->rule, &ret_input->actions, from, family, &error);
        break;
    case RULE_FORM_JSON:
        s = rule_parse_json_message(&ret_input->rule, &ret_input->actions, &ret_input->withdraw,
                                    from, &options, &error);
        break;
    case RULE_FORM_HEX:
        s = read_hex(from, family, ret_input, &error);
        break;
    }
    if (s != STATUS_OK)
        return fail(context, from, ret_input, &error, s);
    if (given->family != 0 && ret_input->rule.family != given->family)
        return command_failed(context, "the rule is IPv%d, and --family says IPv%d",
                              ret_input->rule.family, given->family) == EXIT_DONE;
    if (given->communities != NULL && ret_input->form != RULE_FORM_HEX)
        return command_failed(context, "--communities are the actions of an NLRI in hex, and this "
                                       "rule has its own") == EXIT_DONE;
    if (given->communities != NULL && !read_communities(context, given->communities, ret_input))
        return false;
    ret_input->has_actions = !actions_equal(&ret_input->actions, &none);
    return true;
}
