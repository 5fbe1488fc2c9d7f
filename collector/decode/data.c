#include "collector/decode/template.h"

#include "collector/decode/aside.h"
#include "collector/decode/held.h"
#include "collector/decode/record.h"
#include "collector/decode/restore.h"
#include "collector/decode/sampling.h"

static const struct plan_extra no_extra;

/* Records that were read: the first `again` of them for the second time. */
struct batch {
    size_t again, count;
    struct plan_record records[PLAN_BATCH];
};

/* Where few are left, some before them are read again if that is cheaper than a number of which
 * plan_next_some() knows less. */
static size_t again_for(size_t left, size_t done)
{
    const size_t half = PLAN_BATCH / 2;
    size_t wanted = left > half ? PLAN_BATCH : left > half / 2 ? half : left;
    return left < wanted && done >= wanted - left ? wanted - left : 0;
}

/* False: the set is at its end. */
static bool read_some(const struct decode_plan *plan, struct wire_reader *set, size_t done,
                      const struct flow_record *base, struct batch *batch)
{
    size_t left = plan_is_fixed(plan) ? set->left / plan->len_min : 1;
    batch->count = left > PLAN_BATCH ? PLAN_BATCH : left;
    batch->again = again_for(left, done);
    for (size_t i = 0; i < batch->again + batch->count; i++) {
        batch->records[i].flow = *base;
        if (plan->need & NEED_CLEAR)
            batch->records[i].extra = no_extra;
    }
    if (!plan_is_fixed(plan))
        return plan_next(plan, set, batch->records);
    if (left > 0)
        plan_next_some(plan, set, batch->records, batch->again, batch->count);
    return left > 0;
}

static void tell_fields(struct decode_context *context, const struct decode_template *t,
                        const uint8_t *bytes, size_t len)
{
    struct decode_fields fields = {.format = context->format,
                                   .options = t->options,
                                   .template_id = t->id,
                                   .domain = context->domain_number,
                                   .count = t->field_count,
                                   .scope_count = t->scope_count,
                                   .spec = t->spec,
                                   .spec_len = t->spec_len,
                                   .bytes = bytes,
                                   .len = len};
    context->sink->on_fields(context->sink->owner, &fields);
}

/* One by one: who asks for the fields is given them before the record, and a record of options may
 * change what holds for the next. */
static void give_single(struct decode_context *context, const struct decode_template *t,
                        const uint8_t *at, size_t len, struct plan_record *record)
{
    if (context->sink->on_fields != NULL)
        tell_fields(context, t, at, len);
    if (t->options)
        sampling_read_options(context, t->plan, record);
    else
        record_of_template(context, t->plan, record, 1);
}

static void read_records(struct decode_context *context, const struct decode_template *t,
                         struct wire_reader *set)
{
    static const struct flow_record nothing;
    const struct decode_plan *plan = t->plan;
    const bool is_single = context->sink->on_fields != NULL || t->options;
    struct flow_record base = nothing;
    struct batch batch;
    const uint8_t *at = set->pos;
    size_t done = 0, at_most = plan_is_fixed(plan) ? set->left / plan->len_min : 1;

    base.format = context->format;
    base.domain = context->domain_number;
    base.has = plan->has;
    if (!t->options) /* else it has no need of a rate, and may walk for none */
        sampling_base(context, &base);
    for (size_t i = 0; i < at_most && i < PLAN_BATCH; i++)
        batch.records[i].extra = no_extra;
    while (read_some(plan, set, is_single ? 0 : done, &base, &batch)) {
        const size_t len = (size_t)(set->pos - at) / batch.count; /* of several, all are alike */
        context->units += (uint32_t)batch.count;
        for (size_t i = 0; i < batch.count && is_single; i++)
            give_single(context, t, at + i * len, len, &batch.records[i]);
        if (!is_single)
            record_of_template(context, plan, batch.records + batch.again, batch.count);
        done += batch.count;
        at = set->pos;
    }
}

bool data_is_padding(const struct wire_reader *left)
{
    for (size_t i = 0; i < left->left; i++)
        if (left->pos[i] != 0)
            return false;
    return true;
}

/* By what its stream said, else by what stands if that fits: an exporter that began anew most
 * often has the same templates. */
static struct decode_template *find_from_outside(struct decode_context *context,
                                                 const struct wire_reader *set, uint16_t id)
{
    struct decode_template *t = aside_find(context, id);
    context->by_standing = t == NULL;
    if (t != NULL)
        return t;
    t = template_find(context->domain, id);
    if (t != NULL && (t->misfits || restore_fits(t->plan, *set)))
        return t;
    state_refuse(context, t == NULL ? DECODE_NO_TEMPLATE : DECODE_OTHER_SENDER);
    return NULL;
}

static struct decode_template *find(struct decode_context *context, const struct wire_reader *set,
                                    uint16_t id)
{
    if (context->is_outside)
        return find_from_outside(context, set, id);
    struct decode_template *t = template_find(context->domain, id);
    if (t != NULL && t->on_trial && !restore_judge_data(context, t, set))
        t = NULL;
    if (t == NULL) {
        state_refuse(context, DECODE_NO_TEMPLATE);
        held_keep(context, id, set);
    }
    return t;
}

void data_read_set(struct decode_context *context, struct wire_reader *set, uint16_t id)
{
    struct decode_template *t = find(context, set, id);
    if (t == NULL) {
        context->undecoded = true;
        return;
    }
    context->template_id = id;
    context->active_timeout_ms = timeout_of_set(context, t);
    read_records(context, t, set);
    if (set->failed) {
        context->undecoded = true;
        state_refuse(context, DECODE_RECORD);
    }
    if (set->left > 0 && !data_is_padding(set))
        t->misfits = true;
}

static void read_set(struct decode_context *context, struct wire_reader *set, uint16_t id)
{
    uint16_t templates = context->format == FORMAT_NETFLOW9 ? 0 : 2;

    if (id >= 256) {
        data_read_set(context, set, id);
    } else if (id == templates || id == templates + 1) {
        template_read_set(context, set, id != templates);
    } else {
        context->undecoded = true;
        state_refuse(context, DECODE_SET_ID);
    }
}

static void read_sets(struct decode_context *context, struct wire_reader *message)
{
    while (message->left >= 4) {
        uint16_t id = wire_u16(message), len = wire_u16(message);
        if (len == 0)
            return; /* zeros up to the end: Palo Alto fills datagrams so */
        struct wire_reader set = wire_sub(message, len < 4 ? SIZE_MAX : len - 4U);
        if (set.failed) {
            context->undecoded = true;
            state_refuse(context, DECODE_SET_LENGTH);
            return;
        }
        read_set(context, &set, id);
    }
}

void set_read_all(struct decode_context *context, struct wire_reader *message)
{
    read_sets(context, message);
    held_decode(context);
}
