#include "speaker/bgp/open.h"

enum {
    PARAMETER_CAPABILITIES = 2,
    PARAMETER_EXTENDED = 255, /* RFC 9072: lengths of two octets follow */
    CAPABILITY_MP = 1,
    CAPABILITY_REFRESH = 2,
    CAPABILITY_EXTENDED = 6,
    CAPABILITY_GRACEFUL = 64,
    CAPABILITY_AS4 = 65,
    CAPABILITY_ENHANCED_REFRESH = 70,
    GRACEFUL_RESTARTED = 0x8000, /* beside the restart time */
    GRACEFUL_OVER_NOTIFICATION = 0x4000,
    GRACEFUL_FORWARDING = 0x80, /* of a family */
    GRACEFUL_FAMILY_LEN = 4,
    HOLD_MIN_S = 3,
    FIRST_RETRY_MS = 250, /* of attempts to connect */
};

static void put_capability(struct wire_writer *w, uint8_t code, uint8_t len)
{
    wire_put_u8(w, code);
    wire_put_u8(w, len);
}

/* What we announce is forwarded by the peer itself, so its state is always preserved. */
static void put_graceful(struct wire_writer *w, const struct bgp_graceful *g)
{
    unsigned int count = 0;
    for (enum bgp_family f = 0; f < BGP_FAMILIES; f++)
        count += g->families >> f & 1;
    put_capability(w, CAPABILITY_GRACEFUL, (uint8_t)(2 + count * GRACEFUL_FAMILY_LEN));
    wire_put_u16(w, (uint16_t)((g->restarted ? GRACEFUL_RESTARTED : 0) |
                               (g->over_notification ? GRACEFUL_OVER_NOTIFICATION : 0) |
                               (g->restart_s & GRACEFUL_RESTART_MAX_S)));
    for (enum bgp_family f = 0; f < BGP_FAMILIES; f++) {
        if ((g->families >> f & 1) == 0)
            continue;
        wire_put_u16(w, message_afi(f));
        wire_put_u8(w, message_safi(f));
        wire_put_u8(w, GRACEFUL_FORWARDING);
    }
}

enum status open_encode(const struct bgp_open *open, uint8_t *bytes, size_t room, size_t *ret_len)
{
    struct wire_writer w = wire_writer_of(bytes, room);
    size_t begun_at = message_begin(&w, BGP_OPEN);
    wire_put_u8(&w, BGP_VERSION);
    wire_put_u16(&w, open->as > UINT16_MAX ? BGP_AS_TRANS : (uint16_t)open->as);
    wire_put_u16(&w, open->hold_s);
    wire_put_u32(&w, open->router_id);
    size_t parameters_at = wire_hold(&w, 1);
    wire_put_u8(&w, PARAMETER_CAPABILITIES);
    size_t capabilities_at = wire_hold(&w, 1);
    for (enum bgp_family f = 0; f < BGP_FAMILIES; f++) {
        if ((open->families >> f & 1) == 0)
            continue;
        put_capability(&w, CAPABILITY_MP, 4);
        wire_put_u16(&w, message_afi(f));
        wire_put_u8(&w, 0);
        wire_put_u8(&w, message_safi(f));
    }
    if (open->refresh)
        put_capability(&w, CAPABILITY_REFRESH, 0);
    if (open->extended)
        put_capability(&w, CAPABILITY_EXTENDED, 0);
    if (open->graceful.offered)
        put_graceful(&w, &open->graceful);
    if (open->as4) {
        put_capability(&w, CAPABILITY_AS4, 4);
        wire_put_u32(&w, open->as);
    }
    if (open->enhanced_refresh)
        put_capability(&w, CAPABILITY_ENHANCED_REFRESH, 0);
    wire_fill_len(&w, capabilities_at, 1);
    wire_fill_len(&w, parameters_at, 1);
    message_end(&w, begun_at);
    if (w.failed)
        return STATUS_LIMIT;
    *ret_len = w.len;
    return STATUS_OK;
}

static unsigned int family_bit(uint16_t afi, uint8_t safi)
{
    enum bgp_family family = message_family(afi, safi);
    return family == BGP_FAMILIES ? 0 : 1U << family;
}

/* Of several, the last counts (RFC 4724, 3). */
static void read_graceful(struct wire_reader *value, struct bgp_graceful *ret_graceful)
{
    uint16_t head = wire_u16(value);
    struct bgp_graceful g = {.offered = true,
                             .restarted = (head & GRACEFUL_RESTARTED) != 0,
                             .over_notification = (head & GRACEFUL_OVER_NOTIFICATION) != 0,
                             .restart_s = head & GRACEFUL_RESTART_MAX_S};
    while (value->left > 0) {
        uint16_t afi = wire_u16(value);
        g.families |= family_bit(afi, wire_u8(value));
        wire_skip(value, 1);
    }
    if (!value->failed)
        *ret_graceful = g;
}

static void read_mp(struct wire_reader *value, struct bgp_open *open)
{
    uint16_t afi = wire_u16(value);
    wire_skip(value, 1);
    uint8_t safi = wire_u8(value);
    if (!value->failed)
        open->families |= family_bit(afi, safi);
}

/*
 * Capabilities that are unknown, repeated or shorter than they should be are passed over (RFC
 * 5492, 3 and 4); only a length that leaves the parameter breaks the OPEN.
 */
static bool read_capabilities(struct wire_reader *r, struct bgp_open *open, bool *ret_as4_is_zero)
{
    while (r->left > 0) {
        uint8_t code = wire_u8(r);
        uint8_t len = wire_u8(r);
        struct wire_reader value = wire_sub(r, len);
        if (value.failed)
            return false;
        open->multiprotocol = open->multiprotocol || code == CAPABILITY_MP;
        if (code == CAPABILITY_MP && len == 4)
            read_mp(&value, open);
        if (code == CAPABILITY_REFRESH && len == 0)
            open->refresh = true;
        if (code == CAPABILITY_ENHANCED_REFRESH && len == 0)
            open->enhanced_refresh = true;
        if (code == CAPABILITY_EXTENDED && len == 0)
            open->extended = true;
        if (code == CAPABILITY_GRACEFUL && len >= 2)
            read_graceful(&value, &open->graceful);
        if (code == CAPABILITY_AS4 && len == 4) {
            uint32_t as = wire_u32(&value);
            *ret_as4_is_zero = as == 0;
            open->as4 = true;
            open->as = as;
        }
    }
    return !r->failed;
}

static enum status refuse(struct bgp_error *ret_error, uint8_t subcode, const void *data,
                          size_t len)
{
    *ret_error = message_error(BGP_ERROR_OPEN, subcode, data, len);
    return STATUS_MALFORMED;
}

static enum status read_parameters(struct wire_reader *r, bool wide, struct bgp_open *open,
                                   struct bgp_error *ret_error)
{
    while (r->left > 0) {
        uint8_t type = wire_u8(r);
        size_t len = wide ? wire_u16(r) : wire_u8(r);
        struct wire_reader value = wire_sub(r, len);
        bool as4_is_zero = false;
        if (value.failed)
            return refuse(ret_error, BGP_OPEN_UNSPECIFIC, NULL, 0);
        if (type != PARAMETER_CAPABILITIES)
            return refuse(ret_error, BGP_OPEN_PARAMETER, NULL, 0);
        if (!read_capabilities(&value, open, &as4_is_zero))
            return refuse(ret_error, BGP_OPEN_UNSPECIFIC, NULL, 0);
        if (as4_is_zero)
            return refuse(ret_error, BGP_OPEN_PEER_AS, NULL, 0); /* RFC 7607 */
    }
    return STATUS_OK;
}

enum status open_decode(const struct bgp_message *message, struct bgp_open *ret_open,
                        struct bgp_error *ret_error)
{
    static const uint8_t supported_version[2] = {0, BGP_VERSION};
    struct wire_reader r = wire_reader_of(message->body, message->body_len);
    struct bgp_open open = {0};
    uint8_t version = wire_u8(&r);
    open.as = wire_u16(&r);
    open.hold_s = wire_u16(&r);
    open.router_id = wire_u32(&r);
    size_t parameters_len = wire_u8(&r);
    if (r.failed)
        return refuse(ret_error, BGP_OPEN_UNSPECIFIC, NULL, 0);
    if (version != BGP_VERSION)
        return refuse(ret_error, BGP_OPEN_VERSION, supported_version, sizeof(supported_version));
    if (open.as == 0)
        return refuse(ret_error, BGP_OPEN_PEER_AS, NULL, 0);
    if (open.hold_s > 0 && open.hold_s < HOLD_MIN_S)
        return refuse(ret_error, BGP_OPEN_HOLD_TIME, NULL, 0);
    if (open.router_id == 0)
        return refuse(ret_error, BGP_OPEN_IDENTIFIER, NULL, 0);
    bool wide = parameters_len != 0 && r.left > 0 && r.pos[0] == PARAMETER_EXTENDED;
    if (wide) {
        wire_skip(&r, 1);
        parameters_len = wire_u16(&r);
    }
    if (r.failed || parameters_len != r.left)
        return refuse(ret_error, BGP_OPEN_UNSPECIFIC, NULL, 0);
    enum status status = read_parameters(&r, wide, &open, ret_error);
    /* What BGP carries that knows no other families (RFC 4271; RFC 4760, 8). */
    if (!open.multiprotocol)
        open.families = 1U << BGP_UNICAST4;
    if (status == STATUS_OK)
        *ret_open = open;
    return status;
}

enum status open_judge(const struct bgp_open *remote, uint32_t remote_as,
                       const struct bgp_open *local, struct bgp_error *ret_error)
{
    if (remote->as != remote_as) {
        *ret_error = message_error(BGP_ERROR_OPEN, BGP_OPEN_PEER_AS, NULL, 0);
        return STATUS_REFUSED;
    }
    /* Identifiers are unique inside an AS only (RFC 6286, 2.1). */
    if (remote->as == local->as && remote->router_id == local->router_id) {
        *ret_error = message_error(BGP_ERROR_OPEN, BGP_OPEN_IDENTIFIER, NULL, 0);
        return STATUS_REFUSED;
    }
    return STATUS_OK;
}

struct bgp_negotiated open_negotiate(const struct bgp_open *local, const struct bgp_open *remote)
{
    uint16_t hold_s = local->hold_s < remote->hold_s ? local->hold_s : remote->hold_s;
    struct bgp_negotiated n = {
        .families = local->families & remote->families,
        .as4 = local->as4 && remote->as4,
        .refresh = local->refresh && remote->refresh,
        .enhanced_refresh = local->enhanced_refresh && remote->enhanced_refresh,
        .extended = local->extended && remote->extended,
        .graceful = local->graceful.offered && remote->graceful.offered,
        .hold_ms = hold_s * 1000U,
        .keepalive_ms = hold_s * 1000U / 3,
    };
    n.over_notification =
        n.graceful && local->graceful.over_notification && remote->graceful.over_notification;
    return n;
}

bool open_keeps_ours(const struct bgp_open *local, const struct bgp_open *remote)
{
    if (local->router_id != remote->router_id)
        return local->router_id > remote->router_id;
    return local->as > remote->as;
}

uint64_t open_jitter_ms(uint64_t ms, uint32_t random)
{
    uint64_t quarter = ms / 4;
    return ms - (quarter == 0 ? 0 : random % (quarter + 1));
}

uint64_t open_retry_ms(uint64_t most_ms, uint32_t attempts, uint32_t random)
{
    uint64_t ms = FIRST_RETRY_MS;
    for (uint32_t i = 0; i < attempts && ms < most_ms; i++)
        ms *= 2;
    return open_jitter_ms(ms < most_ms ? ms : most_ms, random);
}
