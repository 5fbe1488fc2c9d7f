#include "collector/decode/template.h"

#include "collector/decode/held.h"
#include "collector/decode/record.h"
#include "collector/decode/restore.h"
#include "collector/decode/sampling.h"

static const struct plan_extra no_extra;

/* Gives how many records were read: 0 at the set's end. */
static size_t read_some(const struct decode_plan *plan, struct wire_reader *set,
                        const struct flow_record *base, struct plan_record records[PLAN_BATCH])
{
    size_t left = plan_is_fixed(plan) ? set->left / plan->len_min : 1;
    size_t count = left >= PLAN_BATCH ? PLAN_BATCH : left >= PLAN_BATCH / 2 ? PLAN_BATCH / 2 : left;
    for (size_t i = 0; i < count; i++) {
        records[i].flow = *base;
        if (plan->need & NEED_CLEAR)
            records[i].extra = no_extra;
    }
    if (!plan_is_fixed(plan))
        return plan_next(plan, set, records);
    plan_next_some(plan, set, records, count);
    return count;
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

static void read_records(struct decode_context *context, const struct decode_template *t,
                         struct wire_reader *set)
{
    const struct decode_plan *plan = t->plan;
    struct flow_record base = {.format = context->format, .domain = context->domain_number};
    struct plan_record records[PLAN_BATCH];
    const bool tells = context->sink->on_fields != NULL;
    const uint8_t *at = set->pos;
    size_t count, at_most = plan_is_fixed(plan) ? set->left / plan->len_min : 1;

    sampling_base(context, &base);
    for (size_t i = 0; i < at_most && i < PLAN_BATCH; i++)
        records[i].extra = no_extra;
    while ((count = read_some(plan, set, &base, records)) > 0) {
        const size_t len = (size_t)(set->pos - at) / count; /* of several, all are alike */
        context->units += (uint32_t)count;
        for (size_t i = 0; i < count; i++, at += len) {
            if (tells)
                tell_fields(context, t, at, len);
            if (t->options)
                sampling_read_options(context, plan, &records[i]);
            else
                record_of_template(context, plan, &records[i]);
        }
    }
}

bool data_is_padding(const struct wire_reader *left)
{
    for (size_t i = 0; i < left->left; i++)
        if (left->pos[i] != 0)
            return false;
    return true;
}

void data_read_set(struct decode_context *context, struct wire_reader *set, uint16_t id)
{
    struct decode_template *t = template_find(context->domain, id);
    if (t != NULL && t->on_trial && !restore_judge_data(context, t, set))
        t = NULL;
    if (t == NULL) {
        context->undecoded = true;
        state_refuse(context, DECODE_NO_TEMPLATE);
        if (!context->is_foreign)
            held_keep(context, id, set);
        return;
    }
    context->template_id = id;
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
