#include "collector/archive/encoder.h"

#include "collector/archive/shape.h"

#include <fixbuf/public.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    TEMPLATE_RECORD = 256, /* the rows above, as they stand in memory */
    TEMPLATE_MARK,
    TEMPLATE_SELECTOR,
    TEMPLATE_SHAPES,    /* the first shape's */
    SHAPE_SLOTS = 2048, /* a power of two, never more than half full */
    NAME_MAX_OCTETS = 128
};
_Static_assert(ARCHIVE_SHAPES_MAX * 2 <= SHAPE_SLOTS, "a free slot ends each search");

struct slot {
    uint64_t key; /* 0: a free slot */
    uint16_t template_id;
};

struct encoder {
    fbInfoModel_t *model;
    fBuf_t *buf; /* owns session and exporter */
    fbSession_t *session;
    fbExporter_t *exporter;
    struct slot shapes[SHAPE_SLOTS];
    size_t shape_count, records;
    uint16_t current; /* template of the last record; 0: none */
    bool begun;       /* something is in the message */
    bool options_written;
    char mark[NAME_MAX_OCTETS]; /* what the file is */
    GError *error; /* of the last call; libfixbuf reads through its address without asking */
    struct shape_ratio ratio;
    uint8_t message[ARCHIVE_MESSAGE_MAX];
};

static GError **fresh_error(struct encoder *e)
{
    g_clear_error(&e->error);
    return &e->error;
}

/* --- templates --- */

static bool append_spec(struct encoder *e, fbTemplate_t *template, const char *element,
                        uint16_t len)
{
    char name[NAME_MAX_OCTETS];
    fbInfoElementSpec_t spec = {.name = name, .len_override = len};
    (void)snprintf(name, sizeof(name), "%s", element);
    return fbTemplateAppendSpec(template, &spec, 0, fresh_error(e));
}

static bool append_fields(struct encoder *e, fbTemplate_t *template, uint64_t shape)
{
    for (size_t i = 0; i < FIELD_COUNT; i++)
        if ((shape >> i & 1) != 0 &&
            !append_spec(e, template, shape_fields[i].element, shape_fields[i].len))
            return false;
    return true;
}

/* libfixbuf ends a message between templates and records, by an error the first time it is asked,
 * or, left to itself, unseen. Where the message is empty there is nothing to lose by that. */
static bool give_template(struct encoder *e, bool internal, uint16_t id, fbTemplate_t *template)
{
    fBufSetAutomaticMode(e->buf, TRUE);
    return fbSessionAddTemplate(e->session, internal, id, template, fresh_error(e)) != 0;
}

static bool append(struct encoder *e, void *record, size_t len)
{
    fBufSetAutomaticMode(e->buf, !e->begun);
    bool done = fBufAppend(e->buf, record, len, fresh_error(e));
    e->begun = e->begun || done;
    return done;
}

static bool add_template(struct encoder *e, bool internal, uint16_t id, uint64_t shape)
{
    fbTemplate_t *template = fbTemplateAlloc(e->model);
    if (!append_fields(e, template, shape)) {
        fbTemplateFreeUnused(template);
        return false;
    }
    return give_template(e, internal, id, template);
}

/* A number as scope and a name; in memory the other way round, so that nothing is out of line. */
struct option_record {
    fbVarfield_t name;
    uint32_t scope;
};

static bool append_option(struct encoder *e, uint16_t id, uint32_t scope, const char *text)
{
    char copy[NAME_MAX_OCTETS * 2];
    struct option_record record = {.scope = scope};
    (void)snprintf(copy, sizeof(copy), "%s", text);
    record.name.buf = (uint8_t *)copy;
    record.name.len = strlen(copy);
    bool done = fBufSetExportTemplate(e->buf, id, fresh_error(e)) &&
                fBufSetInternalTemplate(e->buf, id, fresh_error(e)) &&
                append(e, &record, offsetof(struct option_record, scope) + sizeof(record.scope));
    return done;
}

/* What the file is, and who may have said a rate. */
static bool append_options(struct encoder *e)
{
    bool done = append_option(e, TEMPLATE_MARK, 0, e->mark);
    for (unsigned int i = 0; done && i <= SAMPLING_DEFAULT; i++)
        done =
            append_option(e, TEMPLATE_SELECTOR, i, sampling_source_name((enum sampling_source)i));
    e->options_written = true;
    return done && fBufSetInternalTemplate(e->buf, TEMPLATE_RECORD, fresh_error(e));
}

/* --- records --- */

/* The slot of this shape, or a free one. */
static struct slot *find_shape(struct encoder *e, uint64_t key)
{
    size_t at = (size_t)((key * UINT64_C(0x9e3779b97f4a7c15)) >> 53);
    while (e->shapes[at].key != 0 && e->shapes[at].key != key)
        at = (at + 1) % SHAPE_SLOTS;
    return &e->shapes[at];
}

enum encoder_added encoder_add(struct encoder *e, const struct archive_item *item, uint64_t wall_ms)
{
    struct shape_record wire;
    uint64_t key = shape_fill(&e->ratio, item, &wire);
    struct slot *shape = find_shape(e, key);

    if (!e->begun)
        fBufSetExportTime(e->buf, (uint32_t)(wall_ms / 1000));
    if (!e->options_written) {
        if (e->begun)
            return ENCODER_FULL;
        if (!append_options(e))
            return ENCODER_FAILED;
    }
    if (shape->key == 0) {
        if (e->shape_count == ARCHIVE_SHAPES_MAX)
            return ENCODER_TEMPLATES;
        if (e->begun)
            return ENCODER_FULL; /* libfixbuf begins a message with templates, and ends it so */
        uint16_t id = (uint16_t)(TEMPLATE_SHAPES + e->shape_count);
        e->begun = true;
        if (!add_template(e, false, id, key))
            return ENCODER_FAILED;
        *shape = (struct slot){.key = key, .template_id = id};
        e->shape_count++;
    }
    if (shape->template_id != e->current &&
        !fBufSetExportTemplate(e->buf, shape->template_id, fresh_error(e)))
        return ENCODER_FAILED;
    e->current = shape->template_id;
    if (append(e, &wire, sizeof(wire))) {
        e->records++;
        return ENCODER_ADDED;
    }
    bool is_full = e->begun && g_error_matches(e->error, FB_ERROR_DOMAIN, FB_ERROR_EOM);
    return is_full ? ENCODER_FULL : ENCODER_FAILED;
}

size_t encoder_records(const struct encoder *encoder)
{
    return encoder->records;
}

enum status encoder_take(struct encoder *encoder, const uint8_t **ret_bytes, size_t *ret_len)
{
    *ret_bytes = encoder->message;
    *ret_len = 0;
    if (!encoder->begun)
        return STATUS_OK;
    encoder->begun = false;
    encoder->records = 0;
    if (!fBufEmit(encoder->buf, fresh_error(encoder)))
        return STATUS_NO_MEMORY;
    *ret_len = fbExporterGetMsgLen(encoder->exporter);
    return STATUS_OK;
}

/* --- the beginning of a file --- */

static bool add_options(struct encoder *e, uint16_t id, const char *scope, const char *name)
{
    fbTemplate_t *inside = fbTemplateAlloc(e->model), *outside = fbTemplateAlloc(e->model);
    if (!append_spec(e, inside, name, 0) || !append_spec(e, inside, scope, 4) ||
        !append_spec(e, outside, scope, 4) || !append_spec(e, outside, name, 0)) {
        fbTemplateFreeUnused(inside);
        fbTemplateFreeUnused(outside);
        return false;
    }
    fbTemplateSetOptionsScope(outside, 1);
    return give_template(e, true, id, inside) && give_template(e, false, id, outside);
}

static bool begin(struct encoder *e)
{
    e->begun = true;
    return add_template(e, true, TEMPLATE_RECORD, UINT64_MAX) &&
           add_options(e, TEMPLATE_MARK, "observationDomainId", "observationDomainName") &&
           add_options(e, TEMPLATE_SELECTOR, "selectorId", "selectorName");
}

enum status encoder_new(struct encoder **ret_encoder, const char *collector, uint64_t wall_ms)
{
    size_t len = 0;
    for (size_t i = 0; i < FIELD_COUNT; i++) {
        if (shape_fields[i].at != len)
            return STATUS_RANGE; /* a gap that libfixbuf does not know of */
        len += shape_fields[i].len;
    }
    struct encoder *e = calloc(1, sizeof(*e));
    if (e == NULL)
        return STATUS_NO_MEMORY;
    (void)snprintf(e->mark, sizeof(e->mark), ARCHIVE_MARK " %s", collector);
    e->model = fbInfoModelAlloc();
    e->session = fbSessionAlloc(e->model);
    e->exporter = fbExporterAllocBuffer(e->message, sizeof(e->message));
    e->buf = fBufAllocForExport(e->session, e->exporter);
    fBufSetExportTime(e->buf, (uint32_t)(wall_ms / 1000));
    if (!begin(e)) {
        encoder_free(e);
        return STATUS_UNSUPPORTED;
    }
    *ret_encoder = e;
    return STATUS_OK;
}

void encoder_free(struct encoder *encoder)
{
    if (encoder == NULL)
        return;
    g_clear_error(&encoder->error);
    fBufFree(encoder->buf);
    fbInfoModelFree(encoder->model);
    free(encoder);
}
