#include <arpa/inet.h>
#include <fixbuf/public.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/*
 * fixbuf_read FILE: the data records of an IPFIX file as libfixbuf reads them, a JSON object a
 * line:
 * {"name": value, …} as `weir decode --all-fields` has it under "fields", but times, which are
 * {"s": …}, {"ms": …} or {"ntp": …}. A program of its own, as libfixbuf aborts on some input and
 * never ends on other.
 */
enum { RECORD_MAX = 1 << 20, FIELDS_MAX = 1024, INTERNAL_ID = 999 };

struct value {
    const fbInfoElement_t *element; /* of the template */
    size_t at, len;                 /* in the record; len FB_IE_VARLEN: a fbVarfield_t */
};

struct layout {
    struct value values[FIELDS_MAX];
    size_t count, len;
    bool has_lists;
};

static bool is_integer(uint8_t type)
{
    return type >= FB_UINT_8 && type <= FB_INT_64;
}

static uint8_t type_of(const fbInfoElement_t *element)
{
    return element->ref.canon->type;
}

static bool is_alien(const fbInfoElement_t *element)
{
    return strcmp(element->ref.canon->ref.name, "_alienInformationElement") == 0;
}

/* Integers at full length, so that libfixbuf has to widen them; all else as it comes, floats too,
 * which it would widen as if they were integers. NULL: an
 * element has no name to ask for it by. */
static fbTemplate_t *widen(fbTemplate_t *template, fbInfoModel_t *model)
{
    GError *error = NULL;
    uint32_t count = fbTemplateCountElements(template);
    for (uint32_t i = 0; i < count; i++)
        if (is_alien(fbTemplateGetIndexedIE(template, i)))
            return NULL;
    fbTemplate_t *wide = fbTemplateAlloc(model);
    for (uint32_t i = 0; i < count; i++) {
        const fbInfoElement_t *element = fbTemplateGetIndexedIE(template, i);
        const fbInfoElement_t *canon = element->ref.canon;
        char name[128];
        (void)snprintf(name, sizeof(name), "%s", canon->ref.name);
        fbInfoElementSpec_t spec = {.name = name, .len_override = element->len};
        if (is_integer(type_of(element)) && element->len < canon->len)
            spec.len_override = canon->len;
        if (!fbTemplateAppendSpec(wide, &spec, 0, &error)) {
            fprintf(stderr, "append: %s\n", error->message);
            exit(EXIT_FAILURE);
        }
    }
    return wide;
}

static void lay_out(fbTemplate_t *template, struct layout *layout)
{
    *layout = (struct layout){0};
    uint32_t count = fbTemplateCountElements(template);
    for (uint32_t i = 0; i < count && i < FIELDS_MAX; i++) {
        fbInfoElement_t *element = fbTemplateGetIndexedIE(template, i);
        layout->has_lists = layout->has_lists || type_of(element) >= FB_BASIC_LIST;
        layout->values[layout->count++] =
            (struct value){.element = element, .at = layout->len, .len = element->len};
        layout->len += element->len == FB_IE_VARLEN ? sizeof(fbVarfield_t) : element->len;
    }
}

static uint64_t to_uint(const uint8_t *bytes, size_t len)
{
    uint64_t value = 0;
    if (len > 8) {
        fprintf(stderr, "an integer of %zu octets\n", len);
        exit(EXIT_FAILURE);
    }
    for (size_t i = len; i > 0; i--) /* libfixbuf has turned them into the machine's order */
        value = value << 8 | bytes[i - 1];
    return value;
}

/* What its model has as one octet libfixbuf leaves in the network's order where there are more. */
static uint64_t to_number(const fbInfoElement_t *element, const uint8_t *bytes, size_t len)
{
    uint64_t value = 0;
    if (element->ref.canon->len != 1)
        return to_uint(bytes, len);
    for (size_t i = 0; i < len; i++)
        value = value << 8 | bytes[i];
    return value;
}

static int64_t to_int(const uint8_t *bytes, size_t len)
{
    uint64_t value = to_uint(bytes, len);
    return len == 8 ? (int64_t)value : (int64_t)(value << (64 - len * 8)) >> (64 - len * 8);
}

static void print_hex(const uint8_t *bytes, size_t len)
{
    printf("{\"hex\": \"");
    for (size_t i = 0; i < len; i++)
        printf("%02x", bytes[i]);
    printf("\"}");
}

static void print_value(const fbInfoElement_t *element, const uint8_t *bytes, size_t len)
{
    char text[INET6_ADDRSTRLEN];
    double real;
    float half;
    switch (type_of(element)) {
    case FB_UINT_8:
    case FB_UINT_16:
    case FB_UINT_32:
    case FB_UINT_64:
        printf("%" PRIu64, to_number(element, bytes, len));
        return;
    case FB_INT_8:
    case FB_INT_16:
    case FB_INT_32:
    case FB_INT_64:
        printf("%" PRId64, to_int(bytes, len));
        return;
    case FB_FLOAT_32:
        memcpy(&half, bytes, 4);
        printf("%.17g", (double)half);
        return;
    case FB_FLOAT_64:
        if (len == 4) {
            memcpy(&half, bytes, 4);
            real = (double)half;
        } else {
            memcpy(&real, bytes, 8);
        }
        printf("%.17g", real);
        return;
    case FB_BOOL:
        printf("%s", bytes[0] == 1 ? "true" : bytes[0] == 2 ? "false" : "-1");
        return;
    case FB_MAC_ADDR:
        printf("\"%02x:%02x:%02x:%02x:%02x:%02x\"", bytes[0], bytes[1], bytes[2], bytes[3],
               bytes[4], bytes[5]);
        return;
    case FB_IP4_ADDR: { /* in the machine's order too */
        struct in_addr addr = {.s_addr = htonl((uint32_t)to_uint(bytes, 4))};
        printf("\"%s\"", inet_ntop(AF_INET, &addr, text, sizeof(text)));
        return;
    }
    case FB_IP6_ADDR:
        printf("\"%s\"", inet_ntop(AF_INET6, bytes, text, sizeof(text)));
        return;
    case FB_DT_SEC:
        printf("{\"s\": %" PRIu64 "}", to_uint(bytes, len));
        return;
    case FB_DT_MILSEC:
        printf("{\"ms\": %" PRIu64 "}", to_uint(bytes, len));
        return;
    case FB_DT_MICROSEC:
    case FB_DT_NANOSEC:
        printf("{\"ntp\": %" PRIu64 "}", to_uint(bytes, len));
        return;
    default:
        print_hex(bytes, len);
        return;
    }
}

static void print_record(const struct layout *layout, const uint8_t *record)
{
    for (size_t i = 0; i < layout->count; i++) {
        const struct value *v = &layout->values[i];
        const fbInfoElement_t *canon = v->element->ref.canon;
        printf("%s[", i == 0 ? "[" : ", ");
        if (is_alien(v->element))
            printf("\"e%uid%u\", ", canon->ent, canon->num);
        else
            printf("\"%s\", ", canon->ref.name);
        if (v->len == FB_IE_VARLEN) {
            fbVarfield_t field;
            memcpy(&field, record + v->at, sizeof(field));
            print_hex(field.buf, field.len);
        } else {
            print_value(v->element, record + v->at, v->len);
        }
        printf("]");
    }
    printf("]\n");
}

/* False: the file's end. */
static bool read_record(fBuf_t *buf, fbInfoModel_t *model, fbSession_t *session)
{
    static uint8_t record[RECORD_MAX];
    static struct layout layout;
    uint16_t id;
    size_t len = sizeof(record);
    GError *error = NULL;
    fbTemplate_t *template = fBufNextCollectionTemplate(buf, &id, &error);
    if (template == NULL) {
        bool at_end = g_error_matches(error, FB_ERROR_DOMAIN, FB_ERROR_EOF);
        if (!at_end) {
            fprintf(stderr, "%s\n", error->message);
            exit(EXIT_FAILURE);
        }
        return false;
    }
    fbTemplate_t *wide = widen(template, model), *internal = wide != NULL ? wide : template;
    lay_out(internal, &layout);
    if (fbSessionAddTemplate(session, TRUE, INTERNAL_ID, internal, &error) == 0 ||
        !fBufSetInternalTemplate(buf, INTERNAL_ID, &error) ||
        !fBufNext(buf, record, &len, &error)) {
        fprintf(stderr, "%s\n", error->message);
        exit(EXIT_FAILURE);
    }
    if (layout.has_lists)
        printf("\"lists\"\n");
    else if (fbTemplateGetOptionsScope(template) == 0)
        print_record(&layout, record);
    return true;
}

int main(int argc, char **argv)
{
    GError *error = NULL;
    fbInfoModel_t *model = fbInfoModelAlloc();
    fbSession_t *session = fbSessionAlloc(model);
    fbCollector_t *collector = argc == 2 ? fbCollectorAllocFile(NULL, argv[1], &error) : NULL;
    if (collector == NULL)
        return EXIT_FAILURE;
    fBuf_t *buf = fBufAllocForCollection(session, collector);
    while (read_record(buf, model, session))
        ;
    return EXIT_SUCCESS;
}
