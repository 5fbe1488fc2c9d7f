#include "speaker/bgp/message.h"

#include <string.h>

enum { MARKER_LEN = 16, LENGTH_AT = 16, TYPE_AT = 18 };

static const struct {
    uint16_t afi;
    uint8_t safi;
    const char *name;
} families[BGP_FAMILIES] = {
    [BGP_FLOW4] = {BGP_AFI_IPV4, BGP_SAFI_FLOW, "ipv4-flowspec"},
    [BGP_FLOW6] = {BGP_AFI_IPV6, BGP_SAFI_FLOW, "ipv6-flowspec"},
    [BGP_UNICAST4] = {BGP_AFI_IPV4, BGP_SAFI_UNICAST, "ipv4-unicast"},
    [BGP_UNICAST6] = {BGP_AFI_IPV6, BGP_SAFI_UNICAST, "ipv6-unicast"},
};

uint16_t message_afi(enum bgp_family family)
{
    return families[family].afi;
}

uint8_t message_safi(enum bgp_family family)
{
    return families[family].safi;
}

enum bgp_family message_family(uint16_t afi, uint8_t safi)
{
    enum bgp_family f = 0;
    while (f < BGP_FAMILIES && (families[f].afi != afi || families[f].safi != safi))
        f++;
    return f;
}

const char *message_family_name(enum bgp_family family)
{
    return families[family].name;
}

struct bgp_error message_error(uint8_t code, uint8_t subcode, const void *data, size_t len)
{
    struct bgp_error error = {.code = code, .subcode = subcode};
    error.data_len = (uint16_t)(len < BGP_ERROR_DATA_MAX ? len : BGP_ERROR_DATA_MAX);
    if (error.data_len > 0)
        memcpy(error.data, data, error.data_len);
    return error;
}

struct error_text {
    uint8_t code, subcode;
    const char *text;
};

/* A subcode that is not listed falls back to its code's entry with subcode 0. */
static const struct error_text error_texts[] = {
    {1, 0, "header error"},
    {1, 1, "header: connection not synchronized"},
    {1, 2, "header: bad message length"},
    {1, 3, "header: bad message type"},
    {2, 0, "open error"},
    {2, 1, "open: unsupported version number"},
    {2, 2, "open: bad peer AS"},
    {2, 3, "open: bad BGP identifier"},
    {2, 4, "open: unsupported optional parameter"},
    {2, 6, "open: unacceptable hold time"},
    {2, 7, "open: unsupported capability"},
    {3, 0, "update error"},
    {3, 1, "update: malformed attribute list"},
    {3, 2, "update: unrecognized well-known attribute"},
    {3, 3, "update: missing well-known attribute"},
    {3, 4, "update: attribute flags error"},
    {3, 5, "update: attribute length error"},
    {3, 6, "update: invalid origin"},
    {3, 8, "update: invalid next hop"},
    {3, 9, "update: optional attribute error"},
    {3, 10, "update: invalid network field"},
    {3, 11, "update: malformed AS path"},
    {4, 0, "hold timer expired"},
    {5, 0, "state machine error"},
    {5, 1, "unexpected message in open-sent"},
    {5, 2, "unexpected message in open-confirm"},
    {5, 3, "unexpected message in established"},
    {6, 0, "cease"},
    {6, 1, "cease: maximum number of prefixes reached"},
    {6, 2, "cease: administrative shutdown"},
    {6, 3, "cease: peer de-configured"},
    {6, 4, "cease: administrative reset"},
    {6, 5, "cease: connection rejected"},
    {6, 6, "cease: other configuration change"},
    {6, 7, "cease: connection collision resolution"},
    {6, 8, "cease: out of resources"},
    {6, 9, "cease: hard reset"},
    {7, 0, "route refresh error"},
    {8, 0, "send hold timer expired"},
};

const char *message_error_text(uint8_t code, uint8_t subcode)
{
    const char *text = "error of an unknown code";
    for (size_t i = 0; i < sizeof(error_texts) / sizeof(error_texts[0]); i++) {
        const struct error_text *entry = &error_texts[i];
        if (entry->code == code && entry->subcode == subcode)
            return entry->text;
        if (entry->code == code && entry->subcode == 0)
            text = entry->text;
    }
    return text;
}

struct type_rule {
    uint16_t min_len, max_len, extended_max_len;
};

/* RFC 4271, 6.1; RFC 2918, 3; RFC 8654, 4. A ROUTE-REFRESH has one length. */
static const struct type_rule type_rules[] = {
    [BGP_OPEN] = {29, BGP_MESSAGE_MAX, BGP_MESSAGE_MAX},
    [BGP_UPDATE] = {23, BGP_MESSAGE_MAX, BGP_EXTENDED_MAX},
    [BGP_NOTIFICATION] = {21, BGP_MESSAGE_MAX, BGP_EXTENDED_MAX},
    [BGP_KEEPALIVE] = {BGP_HEADER_LEN, BGP_HEADER_LEN, BGP_HEADER_LEN},
    [BGP_ROUTE_REFRESH] = {23, 23, 23},
};

static bool is_length(unsigned int len, const struct type_rule *rule, bool extended)
{
    return len >= rule->min_len && len <= (extended ? rule->extended_max_len : rule->max_len);
}

/* Judges as many octets of the header as are there, so that a stream of garbage ends at once. */
static enum status check_header(const uint8_t *bytes, size_t len, bool extended,
                                struct bgp_error *ret_error)
{
    for (size_t i = 0; i < len && i < MARKER_LEN; i++) {
        if (bytes[i] != 0xff) {
            *ret_error = message_error(BGP_ERROR_HEADER, BGP_HEADER_NOT_SYNCHRONIZED, NULL, 0);
            return STATUS_MALFORMED;
        }
    }
    if (len < BGP_HEADER_LEN)
        return STATUS_TRUNCATED;
    unsigned int whole = (unsigned int)(bytes[LENGTH_AT] << 8 | bytes[LENGTH_AT + 1]);
    uint8_t type = bytes[TYPE_AT];
    bool known = type >= BGP_OPEN && type <= BGP_ROUTE_REFRESH;
    unsigned int most = extended ? BGP_EXTENDED_MAX : BGP_MESSAGE_MAX;
    if (whole < BGP_HEADER_LEN || whole > most ||
        (known && !is_length(whole, &type_rules[type], extended))) {
        *ret_error = message_error(BGP_ERROR_HEADER, BGP_HEADER_BAD_LENGTH, bytes + LENGTH_AT, 2);
        return STATUS_MALFORMED;
    }
    if (!known) {
        *ret_error = message_error(BGP_ERROR_HEADER, BGP_HEADER_BAD_TYPE, &type, 1);
        return STATUS_MALFORMED;
    }
    return STATUS_OK;
}

enum status message_next(const uint8_t *bytes, size_t len, struct bgp_message *ret_message,
                         struct bgp_error *ret_error)
{
    return message_next_of(bytes, len, false, ret_message, ret_error);
}

enum status message_next_of(const uint8_t *bytes, size_t len, bool extended,
                            struct bgp_message *ret_message, struct bgp_error *ret_error)
{
    enum status status = check_header(bytes, len, extended, ret_error);
    if (status != STATUS_OK)
        return status;
    size_t whole = (size_t)bytes[LENGTH_AT] << 8 | bytes[LENGTH_AT + 1];
    if (len < whole)
        return STATUS_TRUNCATED;
    *ret_message = (struct bgp_message){.type = bytes[TYPE_AT],
                                        .body = bytes + BGP_HEADER_LEN,
                                        .body_len = whole - BGP_HEADER_LEN,
                                        .len = whole};
    return STATUS_OK;
}

size_t message_begin(struct wire_writer *w, enum bgp_type type)
{
    size_t begun_at = w->len;
    uint8_t *marker = wire_reserve(w, MARKER_LEN);
    if (marker != NULL)
        memset(marker, 0xff, MARKER_LEN);
    wire_put_u16(w, 0);
    wire_put_u8(w, (uint8_t)type);
    return begun_at;
}

void message_end(struct wire_writer *w, size_t begun_at)
{
    if (w->failed)
        return;
    size_t len = w->len - begun_at;
    if (len > BGP_EXTENDED_MAX) {
        w->failed = true;
        return;
    }
    wire_put_uint_at(w->start + begun_at + LENGTH_AT, 2, len);
}

static enum status finish(struct wire_writer *w, size_t begun_at, size_t *ret_len)
{
    message_end(w, begun_at);
    if (w->failed)
        return STATUS_LIMIT;
    *ret_len = w->len;
    return STATUS_OK;
}

enum status message_write_keepalive(uint8_t *bytes, size_t room, size_t *ret_len)
{
    struct wire_writer w = wire_writer_of(bytes, room);
    size_t begun_at = message_begin(&w, BGP_KEEPALIVE);
    return finish(&w, begun_at, ret_len);
}

enum status message_write_notification(const struct bgp_error *error, uint8_t *bytes, size_t room,
                                       size_t *ret_len)
{
    struct wire_writer w = wire_writer_of(bytes, room);
    size_t begun_at = message_begin(&w, BGP_NOTIFICATION);
    wire_put_u8(&w, error->code);
    wire_put_u8(&w, error->subcode);
    wire_put_bytes(&w, error->data, error->data_len);
    return finish(&w, begun_at, ret_len);
}

void message_read_notification(const struct bgp_message *message, struct bgp_error *ret_error)
{
    /* The frame's check lets no NOTIFICATION through that lacks its two codes. */
    struct wire_reader r = wire_reader_of(message->body, message->body_len);
    uint8_t code = wire_u8(&r);
    uint8_t subcode = wire_u8(&r);
    *ret_error = message_error(code, subcode, r.pos, r.left);
}

enum status message_write_refresh(enum bgp_family family, enum bgp_refresh what, uint8_t *bytes,
                                  size_t room, size_t *ret_len)
{
    struct wire_writer w = wire_writer_of(bytes, room);
    size_t begun_at = message_begin(&w, BGP_ROUTE_REFRESH);
    wire_put_u16(&w, message_afi(family));
    wire_put_u8(&w, (uint8_t)what);
    wire_put_u8(&w, message_safi(family));
    return finish(&w, begun_at, ret_len);
}

enum status message_read_refresh(const struct bgp_message *message, bool enhanced,
                                 enum bgp_family *ret_family)
{
    struct wire_reader r = wire_reader_of(message->body, message->body_len);
    uint16_t afi = wire_u16(&r);
    uint8_t what = wire_u8(&r);
    uint8_t safi = wire_u8(&r);
    enum bgp_family family = r.failed ? BGP_FAMILIES : message_family(afi, safi);
    if (family == BGP_FAMILIES || (enhanced && what != BGP_REFRESH_REQUEST))
        return STATUS_UNSUPPORTED;
    *ret_family = family;
    return STATUS_OK;
}
