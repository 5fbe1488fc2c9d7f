#include "collector/decode/template.h"

#include "collector/decode/aside.h"
#include "collector/decode/held.h"
#include "collector/decode/room.h"

#include <stdlib.h>
#include <string.h>

/*
 * A template's definition, and one of options:
 *
 *   NetFlow 9   id, field count | fields      id, scope octets, option octets | fields
 *   IPFIX       id, field count | fields      id, field count, scope count | fields
 *
 * A field is element and length, 2 octets each; in IPFIX, with the first bit of the element set, 4
 * more octets of enterprise number follow (RFC 7011, 3.2).
 */
enum {
    FIELDS_CEILING = 4096, /* whatever the configuration says */
    ENTERPRISE_BIT = 0x8000,
    ELEMENT_INPUT_IF = 10,
    ELEMENT_LINE_CARD = 141,
    ELEMENT_TEMPLATE = 145,
    ELEMENT_NONE = 0
};

struct definition {
    uint16_t id;
    bool options;
    size_t field_count, scope_count;
    struct wire_reader fields;
};

static bool is_same(const struct decode_template *t, const struct definition *def)
{
    return t != NULL && t->options == def->options && t->scope_count == def->scope_count &&
           t->spec_len == def->fields.left && memcmp(t->spec, def->fields.pos, t->spec_len) == 0;
}

static bool keep_template(struct decode_context *context, const struct definition *def,
                          size_t spec_len, const uint8_t *spec, struct decode_plan *plan)
{
    struct decode *decode = context->decode;
    struct decode_domain *domain = context->domain;
    struct decode_template *t = calloc(1, sizeof(*t) + spec_len);
    if (t == NULL)
        return false;
    t->id = def->id;
    t->field_count = (uint16_t)def->field_count;
    t->scope_count = (uint16_t)def->scope_count;
    t->told_ms = (int64_t)context->now_ms;
    t->since_ms = context->now_ms;
    t->serial = context->serial;
    t->options = def->options;
    t->plan = plan;
    t->spec = (uint8_t *)(t + 1);
    t->spec_len = spec_len;
    memcpy(t->spec, spec, spec_len);
    t->bytes = sizeof(*t) + spec_len + plan->bytes;
    if (context->is_outside) {
        t->is_as_standing = is_same(template_peek(domain, def->id), def);
        aside_put(context, t);
        return true;
    }
    template_make_room(context);
    template_put(decode, domain, t);
    room_trim(decode, domain);
    return true;
}

/* RFC 3954, 6.1: scope types are no elements; system and cache say nothing of their own. */
static uint16_t element_of_scope(uint16_t type)
{
    switch (type) {
    case 2:
        return ELEMENT_INPUT_IF;
    case 3:
        return ELEMENT_LINE_CARD;
    case 5:
        return ELEMENT_TEMPLATE;
    default:
        return ELEMENT_NONE;
    }
}

static void read_fields(struct decode_context *context, const struct definition *def,
                        struct template_field *fields)
{
    struct wire_reader r = def->fields;
    for (size_t i = 0; i < def->field_count; i++) {
        struct template_field *f = &fields[i];
        f->element = wire_u16(&r);
        f->len = wire_u16(&r);
        f->enterprise = 0;
        if (context->format == FORMAT_IPFIX && (f->element & ENTERPRISE_BIT)) {
            f->element = (uint16_t)(f->element & ~ENTERPRISE_BIT);
            f->enterprise = wire_u32(&r);
            if (f->enterprise == 0)
                f->enterprise = UINT32_MAX; /* reserved: no element of IANA's */
        }
        if (context->format == FORMAT_NETFLOW9 && i < def->scope_count)
            f->element = element_of_scope(f->element);
    }
}

/* What differs from what stands is refused; all is put aside if that has not been done yet, as what
 * stands may be another by the time that this stream is the one that counts. */
static bool is_told_again_outside(struct decode_context *context, const struct definition *def,
                                  const struct decode_template *old)
{
    struct decode_template *own = aside_own(context, def->id);
    if (!is_same(old, def))
        state_refuse(context, DECODE_OTHER_SENDER);
    if (!is_same(own, def))
        return false;
    own->told_ms = (int64_t)context->now_ms;
    return true;
}

static bool is_told_again(struct decode_context *context, const struct definition *def,
                          struct decode_template *old)
{
    if (context->is_outside)
        return is_told_again_outside(context, def, old);
    if (!is_same(old, def))
        return false;
    old->told_ms = (int64_t)context->now_ms;
    old->serial = context->serial;
    old->on_trial = false;
    context->decode->has_told = true;
    return true;
}

static void define(struct decode_context *context, const struct definition *def)
{
    struct template_field fields[FIELDS_CEILING];
    struct decode_template *old = template_find(context->domain, def->id);
    struct decode_plan *plan;

    if (is_told_again(context, def, old))
        return;
    if (old != NULL && !context->is_outside) {
        context->decode->counters.template_changes++;
        aside_keep(context, old);
    }
    if (def->field_count > context->decode->limits.fields_per_template) {
        state_refuse(context, DECODE_TEMPLATE_FIELDS);
        return;
    }
    read_fields(context, def, fields);
    enum decode_reason reason = plan_compile(fields, def->field_count, &plan);
    if (reason == DECODE_OK &&
        !keep_template(context, def, def->fields.left, def->fields.pos, plan)) {
        free(plan);
        reason = DECODE_NO_MEMORY;
    }
    if (reason != DECODE_OK)
        state_refuse(context, reason);
    else if (!context->is_outside) {
        context->decode->has_told = true;
        held_note_template(context, def->id, def->options);
    }
}

/* RFC 7011, 8.1: a template without fields withdraws its id; the set's own id withdraws them all.
 */
static void withdraw(struct decode_context *context, uint16_t id, bool options)
{
    const bool all = id == (options ? 3 : 2);
    if (context->is_outside) {
        state_refuse(context, DECODE_OTHER_SENDER);
        if (all)
            aside_withdraw_all(context, options);
        else
            aside_withdraw(context, id);
        return;
    }
    context->decode->counters.withdrawals++;
    context->decode->has_told = true;
    if (all) {
        held_drop_domain(context->decode, context->domain);
        template_remove_all(context, options);
        return;
    }
    held_drop(context->decode, context->domain, id);
    struct decode_template *gone = template_find(context->domain, id);
    if (gone != NULL && gone->options == options)
        aside_keep(context, gone);
}

/* The octets of the definition's fields as a reader of their own. */
static bool take_fields(struct decode_context *context, struct wire_reader *set,
                        struct definition *def)
{
    struct wire_reader ahead = *set;
    size_t len = 0;
    for (size_t i = 0; i < def->field_count; i++) {
        uint16_t element = wire_u16(&ahead);
        wire_skip(&ahead, 2);
        len += 4;
        if (context->format == FORMAT_IPFIX && (element & ENTERPRISE_BIT)) {
            wire_skip(&ahead, 4);
            len += 4;
        }
        if (ahead.failed)
            return false;
    }
    def->fields = wire_sub(set, len);
    return true;
}

/* Reads what stands before the fields. False: the set makes no sense from here on. */
static bool read_head(struct decode_context *context, struct wire_reader *set,
                      struct definition *def)
{
    def->id = wire_u16(set);
    uint16_t first = wire_u16(set);
    def->field_count = first;
    if (def->options) {
        uint16_t second = 0;
        if (context->format == FORMAT_NETFLOW9 || first != 0)
            second = wire_u16(set); /* an IPFIX withdrawal ends before it */
        if (context->format == FORMAT_NETFLOW9) {
            if (first % 4 != 0 || second % 4 != 0)
                return false;
            def->field_count = (size_t)(first + second) / 4;
            def->scope_count = first / 4;
        } else {
            def->scope_count = second;
        }
    }
    return !set->failed && def->scope_count <= def->field_count;
}

void template_read_set(struct decode_context *context, struct wire_reader *set, bool options)
{
    while (set->left >= 4 && !data_is_padding(set)) {
        struct definition def = {.options = options};
        bool ipfix = context->format == FORMAT_IPFIX;
        if (!read_head(context, set, &def)) {
            state_refuse(context, DECODE_TEMPLATE);
            return;
        }
        if (def.id == 0 && def.field_count == 0)
            return; /* padding */
        if (def.field_count == 0 && ipfix) {
            withdraw(context, def.id, options);
            continue;
        }
        /* IPFIX asks for a scope; NetFlow 9 exporters leave it out. RFC 7011, 3.4.2.2 */
        if (def.id < 256 || def.field_count == 0 || (ipfix && options && def.scope_count == 0) ||
            !take_fields(context, set, &def)) {
            state_refuse(context, DECODE_TEMPLATE);
            return;
        }
        context->decode->counters.templates++;
        define(context, &def);
    }
}
