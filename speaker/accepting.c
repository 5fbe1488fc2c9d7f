#include "speaker/accepting.h"

#include <stdlib.h>

bool accepting_attributes(const struct speaker *speaker, uint32_t attributes)
{
    struct flow_actions actions;
    struct rule_error error;
    struct communities c = rib_attributes(speaker->rib, attributes);
    return c.next_hop_len == 0 &&
           actions_decode_all(&actions, c.at, c.count, c.ipv6, c.ipv6_count, &error) == STATUS_OK &&
           guard_accepts(&actions);
}

/* A rule that keeps a BGP session from those behind it. */
static bool accepts(const struct speaker *speaker, const struct standing *s)
{
    return s->whole.nlri != 0 && accepting_attributes(speaker, s->whole.attributes);
}

/* People announce one a session and direction; more than this are not looked at. */
enum { ACCEPTING_MAX = 512 };
struct accepting {
    struct guard_standing at[ACCEPTING_MAX];
    struct flow_rule rules[ACCEPTING_MAX];
};

static bool read_rule(const struct speaker *speaker, const struct claim *c, uint8_t family,
                      struct flow_rule *ret_rule)
{
    struct rule_error error;
    size_t taken;
    struct rib_nlri nlri = rib_nlri(speaker->rib, c->nlri);
    return nlri_decode(ret_rule, (enum addr_family)family, nlri.bytes, nlri.len, &taken, &error) ==
           STATUS_OK;
}

struct accepting *accepting_at(const struct speaker *speaker, const struct peer *peer,
                               uint8_t family, struct guard_context *context)
{
    static const struct flow_actions no_actions;
    uint64_t bit = UINT64_C(1) << peer->options.number;
    struct accepting *all = malloc(sizeof(*all)); /* pages that nobody writes cost nothing */
    const struct standing *s;
    size_t cursor = 0, count = 0;
    while (all != NULL && (s = desired_next(speaker->desired, &cursor)) != NULL) {
        if (s->family != family || !desired_stands(s) ||
            (s->targets & s->allowed & ~s->held & ~s->over_budget & bit) == 0 ||
            !accepts(speaker, s))
            continue;
        for (const struct claim *c = &s->whole; c != NULL && count < ACCEPTING_MAX;
             c = c->sibling) {
            struct flow_rule *rule = &all->rules[count];
            if ((c->peers & c->winner & bit) == 0 || !read_rule(speaker, c, family, rule))
                continue;
            all->at[count++] = (struct guard_standing){.rule = rule, .actions = &no_actions};
        }
    }
    context->accepting = all != NULL ? all->at : NULL;
    context->accepting_count = count;
    return all;
}

void accepting_note(struct speaker *speaker, size_t peer)
{
    if (speaker->config->session_count != 0)
        speaker->accepting_changed |= UINT64_C(1) << peer;
}

void accepting_apply(struct speaker *speaker)
{
    uint64_t changed = speaker->accepting_changed;
    speaker->accepting_changed = 0;
    if (speaker->stopping)
        return; /* everything goes, and nothing is refused any more */
    for (size_t number = 0; number < DESIRED_PEERS_MAX; number++)
        if ((changed >> number & 1) != 0 && speaker->peers[number] != NULL)
            desired_rejudge(speaker->desired, number);
}
