#include "collector/decode/template.h"

#include "collector/decode/held.h"
#include "collector/decode/record.h"
#include "collector/decode/restore.h"
#include "collector/decode/sampling.h"

#include <string.h>

void data_read_set(struct decode_context *context, struct wire_reader *set, uint16_t id)
{
    struct decode_template *t = template_find(context->domain, id);
    if (t != NULL && t->on_trial && !restore_judge_data(context, t, set))
        t = NULL;
    if (t == NULL) {
        context->undecoded = true;
        state_refuse(context, DECODE_NO_TEMPLATE);
        held_keep(context, id, set);
        return;
    }
    const struct decode_plan *plan = t->plan;
    struct flow_record base = {.format = context->format, .domain = context->domain_number};
    struct plan_record record;
    sampling_base(context, &base);
    context->template_id = id;
    memset(&record.extra, 0, sizeof(record.extra));
    for (;;) {
        record.flow = base;
        if (plan->need & NEED_CLEAR)
            memset(&record.extra, 0, sizeof(record.extra));
        if (!plan_next(plan, set, &record))
            break;
        context->units++;
        if (t->options)
            sampling_read_options(context, plan, &record);
        else
            record_of_template(context, plan, &record);
    }
    if (set->failed) {
        context->undecoded = true;
        state_refuse(context, DECODE_RECORD);
    }
    if (set->left > 0 && !restore_is_padding(set))
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
