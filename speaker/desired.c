#include "speaker/desired_internal.h"

#include "common/base/hash.h"
#include "flowspec/route.h"

#include <stdlib.h>
#include <string.h>

enum {
    /* What has ended is remembered this long, so that an older word of it is known as old. */
    FORGET_MS = 3600 * 1000,
    /* After contact was lost and is back, policy has this long to renew before leases end. */
    GRACE_MS = 30 * 1000,
    /* Contact is reported every second; a longer silence was a loss of it. */
    CONTACT_GAP_MS = 5 * 1000,
};

struct desired *desired_new(const struct desired_options *options)
{
    struct desired *d = calloc(1, sizeof(*d));
    struct table_options table = {.entry_size = sizeof(struct standing),
                                  .key_max = ID_TEXT_MAX,
                                  .max = DESIRED_MAX,
                                  .seed = hash_random_seed()};
    if (d == NULL)
        return NULL;
    d->options = *options;
    d->by_id = table_new(&table);
    if (d->by_id == NULL) {
        free(d);
        return NULL;
    }
    return d;
}

void desired_free_words(struct standing *s)
{
    free(s->peers);
    free((void *)(uintptr_t)s->alarm);
}

void desired_free(struct desired *d)
{
    if (d == NULL)
        return;
    size_t cursor = 0;
    struct standing *s;
    while ((s = table_next(d->by_id, &cursor)) != NULL) {
        claims_drop(d, s);
        desired_free_words(s);
    }
    table_free(d->by_id);
    free(d->claims);
    free(d);
}

void desired_set_orphan_max(struct desired *d, uint64_t orphan_max_ms)
{
    d->options.orphan_max_ms = orphan_max_ms;
}

bool desired_stands(const struct standing *s)
{
    return s->end == DESIRED_STANDS;
}

static bool wants_standing(uint8_t state)
{
    return state == MITIGATION_ANNOUNCING || state == MITIGATION_ACTIVE;
}

static enum desired_end end_of(const struct desired *d, const struct standing *s,
                               struct desired_time now)
{
    if (!wants_standing(s->state))
        return DESIRED_STATE;
    if (s->until_ms != 0 && now.redis_ms >= s->until_ms)
        return DESIRED_UNTIL;
    if (s->lease_ends_ms != 0 && d->contact_clock_ms >= s->lease_ends_ms &&
        d->contact_clock_ms >= d->grace_until_ms)
        return DESIRED_LEASE;
    int64_t contact_ms = s->missing ? s->confirmed_ms : d->contact_ms;
    if (now.now_ms - contact_ms > (int64_t)d->options.orphan_max_ms)
        return DESIRED_ORPHAN;
    return DESIRED_STANDS;
}

/* True when it began or ceased to stand. */
bool desired_look_at_time(struct desired *d, struct standing *s, struct desired_time now)
{
    enum desired_end end = end_of(d, s, now);
    enum desired_end before = s->end;
    s->end = (uint8_t)end;
    if (end == DESIRED_STANDS)
        s->forget_ms = 0;
    else if (s->forget_ms == 0)
        s->forget_ms = (uint64_t)now.now_ms + FORGET_MS;
    if (before == DESIRED_STANDS && end != DESIRED_STANDS && end != DESIRED_STATE)
        d->options.ops.ended(d->options.ops.owner, s);
    return (before == DESIRED_STANDS) != (end == DESIRED_STANDS);
}

void desired_judge_and_settle(struct desired *d, struct standing *s)
{
    settle_judge(d, s, ALL_PEERS);
    settle(d, s, ALL_PEERS);
}

/* The length octets say how long the NLRI is (RFC 8955, 4.1); the guard judges what it holds. */
static bool nlri_is_framed(const struct mitigation *m)
{
    if (m->nlri_len < 2 || m->nlri_len > NLRI_MAX)
        return false;
    if (m->nlri[0] < 0xf0)
        return m->nlri_len == 1U + m->nlri[0];
    return m->nlri_len == 2U + ((m->nlri[0] & 0x0fU) << 8 | m->nlri[1]);
}

static enum bgp_family family_of(uint8_t family, uint8_t route)
{
    if (route == ROUTE_FLOWSPEC)
        return family == ADDR_IPV6 ? BGP_FLOW6 : BGP_FLOW4;
    return family == ADDR_IPV6 ? BGP_UNICAST6 : BGP_UNICAST4;
}

enum bgp_family desired_family(const struct standing *s)
{
    return family_of(s->family, s->route);
}

/* One prefix of unicast; the guard judges which. */
static bool is_route(const struct mitigation *m)
{
    struct ip_prefix prefix;
    return route_nlri_decode(&prefix, (enum addr_family)m->family, m->nlri, m->nlri_len) ==
           STATUS_OK;
}

static bool names_no_route(const struct mitigation *m)
{
    return m->nlri_len == 0 && !wants_standing(m->state);
}

static void take_lease(struct desired *d, struct standing *s, const struct mitigation *m,
                       struct desired_time now)
{
    uint64_t renewed_ms = m->renewed_ms != 0 ? m->renewed_ms : m->created_ms;
    /* What is left of a renewal that is known runs by our own clock: the server's may step. */
    if (s->lease_ends_ms != 0 && s->renewed_ms == renewed_ms && s->lease_ms == m->lease_ms)
        return;
    /* And a later one ends no earlier than the one before it, however old it looks. */
    bool is_renewal =
        s->lease_ends_ms != 0 && renewed_ms > s->renewed_ms && s->lease_ms == m->lease_ms;
    uint64_t before_ms = is_renewal ? s->lease_ends_ms : 0;
    s->renewed_ms = renewed_ms;
    s->lease_ms = m->lease_ms;
    uint64_t age_ms = now.redis_ms > renewed_ms ? now.redis_ms - renewed_ms : 0;
    uint64_t left_ms = m->lease_ms > age_ms ? m->lease_ms - age_ms : 0;
    uint64_t ends_ms = d->contact_clock_ms + left_ms;
    if (ends_ms < before_ms)
        ends_ms = before_ms;
    /* A clock that is not running yet must not make the end look like "no lease". */
    s->lease_ends_ms = m->lease_ms == 0 ? 0 : ends_ms == 0 ? 1 : ends_ms;
}

static size_t peer_count_of(const struct mitigation *m)
{
    return m->peer_count <= MITIGATION_PEERS_MAX ? m->peer_count : MITIGATION_PEERS_MAX;
}

static enum status take_peers(struct standing *s, const struct mitigation *m)
{
    size_t count = peer_count_of(m);
    char(*peers)[NAME_MAX_LEN + 1] = NULL;
    if (count > 0) {
        peers = calloc(count, sizeof(*peers));
        if (peers == NULL)
            return STATUS_NO_MEMORY;
        memcpy(peers, m->peers, count * sizeof(*peers));
    }
    free(s->peers);
    s->peers = peers;
    s->peer_count = count;
    return STATUS_OK;
}

/* Its peers are told that what it had is no longer its own, and get another's or none. */
static void leave_route(struct desired *d, struct standing *s)
{
    for (struct claim *c = &s->whole; c != NULL; c = c->sibling)
        c->peers = c->left = 0;
    for (const struct claim *c = &s->whole; c != NULL; c = c->sibling)
        settle_nlri(d, c->nlri);
    claims_drop(d, s);
}

/* Another NLRI or other attributes: the peers get the difference, not a withdrawal and then an
 * announcement, wherever the NLRI is the same. */
static enum status take_route(struct desired *d, struct standing *s, const struct mitigation *m)
{
    struct rib *rib = d->options.rib;
    enum bgp_family family = family_of(m->family, m->route);
    uint32_t nlri, attributes;
    if (names_no_route(m))
        return STATUS_OK; /* it keeps the route that it had, to withdraw it */
    enum status status = rib_hold_nlri(rib, family, m->nlri, m->nlri_len, &nlri);
    if (status != STATUS_OK)
        return status;
    struct communities communities = mitigation_communities(m);
    status = rib_hold_attributes(rib, &communities, &attributes);
    if (status != STATUS_OK) {
        rib_release_nlri(rib, nlri);
        return status;
    }
    if (nlri == s->whole.nlri) {
        rib_release_nlri(rib, nlri);
        rib_release_attributes(rib, s->whole.attributes);
        s->whole.attributes = attributes;
        return STATUS_OK;
    }
    if (s->whole.nlri != 0)
        leave_route(d, s);
    status = claims_add_whole(d, s, nlri, attributes);
    if (status != STATUS_OK) {
        rib_release_nlri(rib, nlri);
        rib_release_attributes(rib, attributes);
    }
    return status;
}

/* Names are short, and rooms for the longest would be a third of what a mitigation takes. */
static enum status take_names(struct standing *s, const struct mitigation *m)
{
    size_t alarm = strlen(m->alarm) + 1, method = strlen(m->method) + 1;
    size_t policy = strlen(m->policy) + 1;
    char *names = malloc(alarm + method + policy);
    if (names == NULL)
        return STATUS_NO_MEMORY;
    memcpy(names, m->alarm, alarm);
    memcpy(names + alarm, m->method, method);
    memcpy(names + alarm + method, m->policy, policy);
    free((void *)(uintptr_t)s->alarm);
    s->alarm = names;
    s->method = names + alarm;
    s->policy = names + alarm + method;
    return STATUS_OK;
}

static void take_words(struct standing *s, const struct mitigation *m)
{
    s->created_ms = m->created_ms;
    s->crossed_ms = m->crossed_ms;
    s->until_ms = m->until_ms;
    s->family = m->family;
    s->route = m->route;
    s->state = m->state;
    s->dry_run = m->dry_run;
}

bool desired_is_older(const struct standing *s, uint64_t epoch, uint64_t revision)
{
    return epoch < s->epoch || (epoch == s->epoch && revision < s->revision);
}

static enum status judge_form(const struct mitigation *m)
{
    if (m->id[0] == '\0' || (m->family != ADDR_IPV4 && m->family != ADDR_IPV6))
        return STATUS_MALFORMED;
    if (m->community_count > sizeof(m->communities) / sizeof(m->communities[0]) ||
        m->community6_count > sizeof(m->communities6) / sizeof(m->communities6[0]))
        return STATUS_MALFORMED;
    bool has_form = m->route == ROUTE_FLOWSPEC ? nlri_is_framed(m) : is_route(m);
    return names_no_route(m) || has_form ? STATUS_OK : STATUS_MALFORMED;
}

/* Policy raises the revision for its own bookkeeping too; only a word about what must stand is
 * answered again. */
static bool says_something_new(const struct standing *s, const struct mitigation *m,
                               uint32_t nlri_before, uint32_t attributes_before)
{
    if (s->whole.nlri != nlri_before || s->whole.attributes != attributes_before ||
        s->dry_run != m->dry_run)
        return true;
    if (wants_standing(s->state) != wants_standing(m->state))
        return true;
    return m->state == MITIGATION_ANNOUNCING && s->state != MITIGATION_ANNOUNCING;
}

/* Whom it is for, what dry runs and holds go by, and who comes first of two with one NLRI. */
static bool is_meant_otherwise(const struct standing *s, const struct mitigation *m)
{
    if (s->peer_count != peer_count_of(m))
        return true;
    for (size_t i = 0; i < s->peer_count; i++)
        if (strcmp(s->peers[i], m->peers[i]) != 0)
            return true;
    return s->family != m->family || s->route != m->route || s->created_ms != m->created_ms ||
           strcmp(s->alarm, m->alarm) != 0 || strcmp(s->method, m->method) != 0 ||
           strcmp(s->policy, m->policy) != 0;
}

/* was_lost: whoever knows it again may not know what became of it. */
static enum status take(struct desired *d, struct standing *s, const struct mitigation *m,
                        bool was_lost, struct desired_time now)
{
    uint32_t nlri_before = s->whole.nlri, attributes_before = s->whole.attributes;
    bool is_renewal = desired_stands(s) && !s->over && !s->torn && !is_meant_otherwise(s, m);
    enum status status = take_peers(s, m);
    if (status == STATUS_OK)
        status = take_names(s, m);
    if (status == STATUS_OK)
        status = take_route(d, s, m);
    s->torn = status != STATUS_OK;
    if (s->torn)
        return status;
    if (was_lost || says_something_new(s, m, nlri_before, attributes_before)) {
        desired_forget_reported(d, s);
        is_renewal = false;
    }
    take_words(s, m);
    take_lease(d, s, m, now);
    s->epoch = m->epoch;
    s->revision = m->revision;
    s->over = false;
    if (!desired_look_at_time(d, s, now) && is_renewal) {
        settle_refused(d, s);
        return STATUS_OK;
    }
    s->over_budget = 0;
    desired_judge_and_settle(d, s);
    return STATUS_OK;
}

enum status desired_apply(struct desired *d, const struct mitigation *m, struct desired_time now)
{
    enum status status = judge_form(m);
    if (status != STATUS_OK)
        return status;
    bool is_new;
    struct standing *s = table_insert(d->by_id, m->id, strlen(m->id) + 1, &is_new);
    if (s == NULL)
        return STATUS_LIMIT;
    if (is_new) {
        size_t len; /* with its NUL */
        s->id = table_key(s, &len);
        s->end = DESIRED_STATE;
    }
    bool was_lost = s->missing;
    s->confirmed_ms = now.now_ms;
    s->missing = false;
    if (!is_new && desired_is_older(s, m->epoch, m->revision))
        return STATUS_EXISTS;
    if (!is_new && m->revision == s->revision && m->epoch == s->epoch) {
        take_lease(d, s, m, now);
        if (desired_look_at_time(d, s, now))
            desired_judge_and_settle(d, s);
        return STATUS_EXISTS;
    }
    status = take(d, s, m, was_lost, now);
    if (status != STATUS_OK && is_new) {
        desired_free_words(s);
        table_remove_entry(d->by_id, s);
    }
    return status;
}

bool desired_missing(struct desired *d, const char *id)
{
    struct standing *s = desired_at(d, id);
    bool news = s != NULL && !s->missing && desired_stands(s);
    if (s != NULL)
        s->missing = true;
    return news;
}

void desired_set_missing(struct desired *d, const char *id, int64_t confirmed_ms)
{
    struct standing *s = desired_at(d, id);
    if (s == NULL)
        return;
    s->missing = true;
    s->confirmed_ms = confirmed_ms;
}

void desired_set_over(struct desired *d, const char *id)
{
    struct standing *s = desired_at(d, id);
    if (s == NULL)
        return;
    s->over = !desired_stands(s);
    if (s->over)
        settle_forget_unsaid(d, s, ALL_PEERS);
}

void desired_contact(struct desired *d, int64_t now_ms)
{
    int64_t silence_ms = now_ms - d->contact_ms;
    if (silence_ms > CONTACT_GAP_MS || d->contact_clock_ms == 0)
        d->grace_until_ms = d->contact_clock_ms + GRACE_MS;
    else if (silence_ms > 0)
        d->contact_clock_ms += (uint64_t)silence_ms;
    if (d->contact_clock_ms == 0)
        d->contact_clock_ms = 1;
    if (now_ms > d->contact_ms)
        d->contact_ms = now_ms;
}

void desired_set_contact(struct desired *d, int64_t contact_ms)
{
    d->contact_ms = contact_ms;
}

void desired_set_loaded(struct desired *d)
{
    size_t cursor = 0;
    struct standing *s;
    while ((s = table_next(d->by_id, &cursor)) != NULL) {
        s->deployed = true;
        s->confirmed_ms = d->contact_ms;
    }
}

void desired_set_offered(struct desired *d, const char *id, uint32_t number)
{
    struct standing *s = desired_at(d, id);
    if (s != NULL)
        s->offered = number;
}

int64_t desired_contact_ms(const struct desired *d)
{
    return d->contact_ms;
}

static void judge_and_settle_all(struct desired *d, uint64_t peers)
{
    size_t cursor = 0;
    struct standing *s;
    while (peers != 0 && (s = table_next(d->by_id, &cursor)) != NULL) {
        settle_judge(d, s, peers);
        settle(d, s, peers);
    }
}

void desired_set_peers(struct desired *d, const char *const names[DESIRED_PEERS_MAX])
{
    uint64_t others = 0;
    for (size_t peer = 0; peer < DESIRED_PEERS_MAX; peer++) {
        const char *name = names[peer] != NULL ? names[peer] : "";
        size_t len = strlen(name);
        bool other = strcmp(d->names[peer], name) != 0;
        memset(d->names[peer], 0, sizeof(d->names[peer]));
        memcpy(d->names[peer], name, len < NAME_MAX_LEN ? len : NAME_MAX_LEN);
        others |= other ? desired_bit(peer) : 0;
        d->peers = len > 0 ? d->peers | desired_bit(peer) : d->peers & ~desired_bit(peer);
        size_t cursor = 0;
        struct standing *s;
        while (other && (s = table_next(d->by_id, &cursor)) != NULL) {
            desired_set_reported(d, s, peer, 0);
            settle_forget_unsaid(d, s, desired_bit(peer));
            s->over_budget &= ~desired_bit(peer);
            claims_forget_peer(s, peer);
        }
    }
    judge_and_settle_all(d, others);
}

void desired_rejudge_all(struct desired *d)
{
    judge_and_settle_all(d, ALL_PEERS);
}

size_t desired_count(const struct desired *d)
{
    return table_count(d->by_id);
}

const struct standing *desired_find(const struct desired *d, const char *id)
{
    return desired_at(d, id);
}

const struct standing *desired_next(const struct desired *d, size_t *cursor)
{
    return table_next(d->by_id, cursor);
}

size_t desired_part_count(const struct desired *d)
{
    return d->parts;
}
