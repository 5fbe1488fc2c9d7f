#include "collector/decode/snapshot.h"

#include "collector/decode/exporter_rate.h"
#include "collector/decode/sampling.h"
#include "collector/decode/template.h"
#include "common/base/hash.h"

#include <string.h>

static const uint8_t magic[8] = {'W', 'E', 'I', 'R', 'T', 'M', 'P', 'L'};
enum {
    VERSION = 1,
    HEAD_LEN = 24,
    CHECK_LEN = 8,
    DOMAIN_LEN = 22 + 8 + 5 + 8 + 8 + 4 + 2 + 2, /* without templates and samplers */
    TEMPLATE_LEN = 8 + 1 + 2,
    TEMPLATE_HEAD_MAX = 6,
    SAMPLER_LEN = 1 + 4 + 8 + 8,
    FUTURE_MAX_MS = 60000 /* two clocks, or one that was stepped a little */
};

/* --- writing --- */

static size_t domain_len(const struct decode_domain *domain)
{
    size_t len = 4 + DOMAIN_LEN + domain->info.samplers * (size_t)SAMPLER_LEN;
    const struct chain *head = &domain->templates;
    for (struct chain *l = head->next; l != head; l = l->next)
        len += TEMPLATE_LEN + TEMPLATE_HEAD_MAX +
               CHAIN_OWNER(l, struct decode_template, used)->spec_len;
    return len;
}

/* sFlow and NetFlow 5 say all that they mean in each datagram. */
static bool is_worth_it(const struct decode_domain *domain)
{
    return domain->info.templates + domain->info.samplers > 0;
}

size_t snapshot_room(const struct decode *decode)
{
    size_t room = HEAD_LEN + CHECK_LEN;
    for (unsigned int t = 0; t < DECODE_TRUSTS; t++) {
        const struct chain *head = &decode->domains_used[t];
        for (struct chain *l = head->next; l != head; l = l->next)
            room += domain_len(CHAIN_OWNER(l, struct decode_domain, used));
    }
    return room;
}

static void put_age(struct wire_writer *w, const struct snapshot_times *times, int64_t then_ms)
{
    int64_t age_ms = (int64_t)times->mono_ms - then_ms;
    wire_put_u64(w, age_ms > 0 ? (uint64_t)age_ms : 0);
}

/* The definition as it would stand in a template set: read back by the decoder itself. */
static void put_template(struct wire_writer *w, const struct snapshot_times *times,
                         const struct decode_template *t, bool netflow9)
{
    put_age(w, times, t->told_ms);
    wire_put_u8(w, t->options);
    size_t len_at = wire_hold(w, 2);
    wire_put_u16(w, t->id);
    if (t->options && netflow9) {
        wire_put_u16(w, (uint16_t)(t->scope_count * 4));
        wire_put_u16(w, (uint16_t)((t->field_count - t->scope_count) * 4));
    } else {
        wire_put_u16(w, t->field_count);
        if (t->options)
            wire_put_u16(w, t->scope_count);
    }
    wire_put_bytes(w, t->spec, t->spec_len);
    wire_fill_len(w, len_at, 2);
}

static void put_sampler(struct wire_writer *w, const struct snapshot_times *times,
                        const struct decode_sampler *sampler)
{
    const double said = sampler->is_disputed ? 0 : sampler->rate; /* 0: not taken back */
    uint64_t rate;
    memcpy(&rate, &said, sizeof(rate));
    wire_put_u8(w, sampler->kind);
    wire_put_u32(w, sampler->id);
    wire_put_u64(w, rate);
    put_age(w, times, sampler->last_ms);
}

/* Whose word stands is not settled anew by who is heard first after a restart. */
enum { FLAG_SEQUENCE = 1, FLAG_SPEAKS = 2, FLAG_SPEAKS_ALONE = 4, FLAG_SPEAKS_PROVEN = 8 };

static uint8_t flags_of(const struct decode_domain *domain)
{
    const struct decode_exporter *exporter = domain->exporter;
    const bool speaks = exporter->is_relied_on && exporter->speaks == domain;
    const bool is_known = domain->restored ? domain->saved_sequence_known : domain->sequence.known;
    return (uint8_t)((is_known ? FLAG_SEQUENCE : 0) | (speaks ? FLAG_SPEAKS : 0) |
                     (speaks && exporter->only_sampling == domain ? FLAG_SPEAKS_ALONE : 0) |
                     (speaks && exporter->is_proven ? FLAG_SPEAKS_PROVEN : 0));
}

static void put_domain(struct wire_writer *w, const struct snapshot_times *times,
                       const struct decode_domain *domain)
{
    const struct decode_exporter *exporter = domain->exporter;
    bool is_saved = domain->restored; /* and not heard since: its own sequence knows nothing yet */
    size_t len_at = wire_hold(w, 4);
    wire_put_u8(w, exporter->addr.family);
    wire_put_bytes(w, exporter->addr.octets, sizeof(exporter->addr.octets));
    wire_put_u8(w, domain->info.format);
    wire_put_u32(w, domain->info.number);
    put_age(w, times, domain->info.last_ms);
    wire_put_u8(w, flags_of(domain));
    wire_put_u32(w, is_saved ? domain->saved_sequence : sequence_main_expected(&domain->sequence));
    wire_put_u64(w, domain->started_ms);
    wire_put_u64(w, domain->boot_ms);
    wire_put_u32(w, timeout_to_save(&domain->timeouts));
    wire_put_u16(w, (uint16_t)domain->info.templates);
    for (struct chain *l = domain->templates.prev; l != &domain->templates; l = l->prev)
        put_template(w, times, CHAIN_OWNER(l, struct decode_template, used),
                     domain->info.format == FORMAT_NETFLOW9);
    wire_put_u16(w, (uint16_t)domain->info.samplers);
    for (const struct decode_sampler *s = samplers_next(&domain->samplers, NULL); s != NULL;
         s = samplers_next(&domain->samplers, s))
        put_sampler(w, times, s);
    wire_fill_len(w, len_at, 4);
}

/* Of each kind of senders, those that are known best first, the last domain from the most recently
 * heard for which there is still room; NULL: none. */
static void last_that_fit(const struct decode *decode, size_t room,
                          struct chain *ret_last[DECODE_TRUSTS], size_t *ret_left_out)
{
    size_t len = HEAD_LEN + CHECK_LEN;
    bool is_full = false;
    *ret_left_out = 0;
    for (unsigned int t = DECODE_TRUSTS; t-- > 0;) {
        const struct chain *head = &decode->domains_used[t];
        ret_last[t] = NULL;
        for (struct chain *l = head->next; l != head; l = l->next) {
            const struct decode_domain *domain = CHAIN_OWNER(l, struct decode_domain, used);
            len += domain_len(domain);
            is_full = is_full || len > room;
            if (is_full)
                *ret_left_out += is_worth_it(domain);
            else
                ret_last[t] = l;
        }
    }
}

bool snapshot_write(const struct decode *decode, const struct snapshot_times *times, uint8_t *bytes,
                    size_t room, size_t *ret_len, size_t *ret_left_out)
{
    struct wire_writer w = wire_writer_of(bytes, room);
    struct chain *last[DECODE_TRUSTS];
    last_that_fit(decode, room, last, ret_left_out);

    wire_put_bytes(&w, magic, sizeof(magic));
    wire_put_u16(&w, VERSION);
    wire_put_u16(&w, 0);
    size_t len_at = wire_hold(&w, 4);
    wire_put_u64(&w, times->wall_ms);
    /* From the least recently heard on, so that reading makes the same order. */
    for (unsigned int t = 0; t < DECODE_TRUSTS; t++)
        for (struct chain *l = last[t]; l != NULL && l != &decode->domains_used[t]; l = l->prev) {
            const struct decode_domain *domain = CHAIN_OWNER(l, struct decode_domain, used);
            if (is_worth_it(domain))
                put_domain(&w, times, domain);
        }
    if (w.failed || w.len + CHECK_LEN > room)
        return false;
    wire_put_uint_at(bytes + len_at, 4, w.len + CHECK_LEN);
    wire_put_u64(&w, hash_wire(bytes, w.len));
    *ret_len = w.len;
    return true;
}

/* --- reading --- */

struct reading {
    struct decode *decode;
    const struct snapshot_times *times;
    uint64_t away_ms; /* since the snapshot was written */
};

/* Saturates: an age is what a file says. */
static uint64_t age_now(const struct reading *reading, uint64_t age_ms)
{
    uint64_t sum;
    return __builtin_add_overflow(age_ms, reading->away_ms, &sum) || sum > INT64_MAX / 2
               ? INT64_MAX / 2
               : sum;
}

static int64_t then(const struct reading *reading, uint64_t age_ms)
{
    return (int64_t)reading->times->mono_ms - (int64_t)age_ms;
}

struct saved_domain {
    struct ip_addr addr;
    uint8_t format;
    uint32_t number;
    int64_t heard_ms;
    uint8_t flags;
    uint32_t sequence;
    uint64_t started_ms, boot_ms;
    uint32_t active_timeout_ms;
};

static bool read_domain_head(const struct reading *reading, struct wire_reader *r,
                             struct saved_domain *ret_domain)
{
    struct saved_domain d = {0};
    uint8_t family = wire_u8(r);
    const uint8_t *octets = wire_take(r, 16);
    if (octets == NULL || (family != ADDR_IPV4 && family != ADDR_IPV6))
        return false;
    d.addr = addr_from_octets((enum addr_family)family, octets);
    d.format = wire_u8(r);
    d.number = wire_u32(r);
    d.heard_ms = then(reading, age_now(reading, wire_u64(r)));
    d.flags = wire_u8(r);
    d.sequence = wire_u32(r);
    d.started_ms = wire_u64(r);
    d.boot_ms = wire_u64(r);
    d.active_timeout_ms = wire_u32(r);
    *ret_domain = d;
    return !r->failed && (d.format == FORMAT_NETFLOW9 || d.format == FORMAT_IPFIX);
}

/* The domain in the decoder, empty; NULL: another snapshot heard it later, or no memory. */
static bool enter(struct decode_context *context, const struct saved_domain *saved)
{
    if (!state_enter(context, &(struct domain_id){.domain = saved->number}))
        return false;
    struct decode_domain *domain = context->domain;
    domain->info.counts = (struct decode_counts){0};
    if (domain->restored) {
        if (domain->saved_heard_ms >= saved->heard_ms) {
            domain->info.last_ms = domain->saved_heard_ms;
            return false;
        }
        state_clear_domain(context->decode, domain);
    }
    domain->restored = true;
    domain->info.last_ms = domain->saved_heard_ms = saved->heard_ms;
    domain->saved_sequence_known = saved->flags & FLAG_SEQUENCE;
    domain->saved_sequence = saved->sequence;
    domain->started_ms = saved->started_ms;
    domain->boot_ms = saved->boot_ms;
    timeout_restore(&domain->timeouts, saved->active_timeout_ms, context->now_ms);
    if (saved->flags & FLAG_SPEAKS)
        exporter_rate_restore(domain, saved->flags & FLAG_SPEAKS_ALONE,
                              saved->flags & FLAG_SPEAKS_PROVEN);
    return true;
}

static bool read_templates(const struct reading *reading, struct decode_context *context,
                           struct wire_reader *r)
{
    uint16_t count = wire_u16(r);
    for (uint16_t i = 0; i < count && !r->failed; i++) {
        uint64_t age_ms = age_now(reading, wire_u64(r));
        bool options = wire_u8(r) != 0;
        struct wire_reader set = wire_sub(r, wire_u16(r)), ahead = set;
        if (r->failed || set.failed)
            return false;
        if (age_ms > reading->times->max_age_ms)
            continue;
        template_read_set(context, &set, options);
        struct decode_template *t = template_find(context->domain, wire_u16(&ahead));
        if (t == NULL)
            continue; /* over a limit, or no template: the decoder judges it as from the wire */
        t->on_trial = true;
        t->told_ms = then(reading, age_ms);
    }
    return !r->failed;
}

static bool read_samplers(const struct reading *reading, struct decode_context *context,
                          struct wire_reader *r)
{
    uint16_t count = wire_u16(r);
    for (uint16_t i = 0; i < count && !r->failed; i++) {
        struct decode_sampler sampler = {.kind = wire_u8(r), .id = wire_u32(r)};
        uint64_t rate = wire_u64(r), age_ms = age_now(reading, wire_u64(r));
        if (r->failed)
            return false;
        memcpy(&sampler.rate, &rate, sizeof(rate));
        sampler.last_ms = then(reading, age_ms);
        if (age_ms <= reading->times->max_age_ms)
            sampling_restore(context, &sampler);
    }
    sampling_put_on_trial(context->domain);
    return !r->failed;
}

static bool read_domain(const struct reading *reading, const struct snapshot_filter *filter,
                        struct wire_reader *r)
{
    struct saved_domain saved;
    if (!read_domain_head(reading, r, &saved))
        return false;
    if (then(reading, reading->times->max_age_ms) > saved.heard_ms)
        return true; /* nothing in it can be younger */
    struct decode_source source = {.addr = saved.addr};
    if (filter->wants != NULL && !filter->wants(filter->owner, &saved.addr, &source.trust))
        return true;
    struct decode_context context = {.decode = reading->decode,
                                     .source = &source,
                                     .format = saved.format,
                                     .now_ms = reading->times->mono_ms,
                                     .domain_number = saved.number};
    if (!enter(&context, &saved)) {
        state_leave(&context);
        return true;
    }
    bool good = read_templates(reading, &context, r) && read_samplers(reading, &context, r);
    context.domain->info.counts = (struct decode_counts){0};
    reading->decode->counters.restored +=
        context.domain->info.templates + context.domain->info.samplers;
    state_leave(&context);
    return good && r->left == 0;
}

static enum status judge_frame(const struct snapshot_times *times, const uint8_t *bytes, size_t len,
                               struct wire_reader *ret_body, uint64_t *ret_away_ms)
{
    struct wire_reader r = wire_reader_of(bytes, len);
    const uint8_t *start = wire_take(&r, sizeof(magic));
    if (start == NULL)
        return STATUS_TRUNCATED;
    if (memcmp(start, magic, sizeof(magic)) != 0)
        return STATUS_MALFORMED;
    uint16_t version = wire_u16(&r);
    if (!r.failed && version != VERSION)
        return STATUS_UNSUPPORTED;
    wire_skip(&r, 2);
    uint32_t said = wire_u32(&r);
    uint64_t wall_ms = wire_u64(&r);
    if (r.failed || r.left < CHECK_LEN || said != len)
        return STATUS_TRUNCATED;
    struct wire_reader check = wire_reader_of(bytes + len - CHECK_LEN, CHECK_LEN);
    if (wire_u64(&check) != hash_wire(bytes, len - CHECK_LEN))
        return STATUS_TRUNCATED;
    if (wall_ms > times->wall_ms && wall_ms - times->wall_ms > FUTURE_MAX_MS)
        return STATUS_RANGE;
    *ret_away_ms = wall_ms < times->wall_ms ? times->wall_ms - wall_ms : 0;
    *ret_body = wire_sub(&r, r.left - CHECK_LEN);
    return STATUS_OK;
}

enum status snapshot_read(struct decode *decode, const struct snapshot_times *times,
                          const struct snapshot_filter *filter, const uint8_t *bytes, size_t len)
{
    struct reading reading = {.decode = decode, .times = times};
    struct wire_reader body;
    enum status status = judge_frame(times, bytes, len, &body, &reading.away_ms);
    if (status != STATUS_OK)
        return status;
    /* Reading counts as a datagram's templates do; but nobody sent one. */
    struct decode_counters counters = decode->counters;
    while (status == STATUS_OK && body.left > 0) {
        struct wire_reader domain = wire_sub(&body, wire_u32(&body));
        if (domain.failed || !read_domain(&reading, filter, &domain))
            status = STATUS_MALFORMED;
    }
    counters.restored = decode->counters.restored;
    decode->counters = counters;
    return status;
}
