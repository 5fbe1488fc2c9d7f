#include "speaker/bgp/received.h"

enum {
    FLAG_EXTENDED = 0x10,
    ATTRIBUTE_MP_REACH = 14,
    ATTRIBUTE_MP_UNREACH = 15,
    IPV4_BITS = 32,
};

static enum status refuse(struct bgp_error *ret_error, uint8_t subcode)
{
    *ret_error = message_error(BGP_ERROR_UPDATE, subcode, NULL, 0);
    return STATUS_MALFORMED;
}

static bool count_prefixes(struct wire_reader *r, uint32_t *ret_count)
{
    uint32_t count = 0;
    while (r->left > 0) {
        uint8_t bits = wire_u8(r);
        wire_skip(r, (bits + 7U) / 8);
        if (r->failed || bits > IPV4_BITS)
            return false;
        count++;
    }
    *ret_count = count;
    return true;
}

/* An attribute that runs over the end of the list spoils its routes, not the session, because the
 * list's own length still says where the NLRI start (RFC 7606, 4). */
static enum status check_attributes(struct wire_reader *r, struct received_update *update,
                                    struct bgp_error *ret_error)
{
    bool seen[UINT8_MAX + 1] = {false};
    while (r->left > 0) {
        uint8_t flags = wire_u8(r);
        uint8_t type = wire_u8(r);
        size_t len = flags & FLAG_EXTENDED ? wire_u16(r) : wire_u8(r);
        wire_skip(r, len);
        if (r->failed) {
            update->tolerated = true;
            return STATUS_OK;
        }
        bool mp = type == ATTRIBUTE_MP_REACH || type == ATTRIBUTE_MP_UNREACH;
        /* RFC 7606, 3 (g): twice the same is forgiven, except where it holds routes. */
        if (seen[type] && mp)
            return refuse(ret_error, BGP_UPDATE_ATTRIBUTE_LIST);
        if (seen[type] || (mp && len < (type == ATTRIBUTE_MP_REACH ? 5 : 3)))
            update->tolerated = true;
        seen[type] = true;
    }
    return STATUS_OK;
}

enum status received_check(const struct bgp_message *message, struct received_update *ret_update,
                           struct bgp_error *ret_error)
{
    struct wire_reader r = wire_reader_of(message->body, message->body_len);
    struct received_update update = {0};
    size_t withdrawn_len = wire_u16(&r);
    struct wire_reader withdrawn = wire_sub(&r, withdrawn_len);
    size_t attributes_len = wire_u16(&r);
    struct wire_reader attributes = wire_sub(&r, attributes_len);
    if (r.failed)
        return refuse(ret_error, BGP_UPDATE_ATTRIBUTE_LIST);
    if (!count_prefixes(&withdrawn, &update.withdrawn) || !count_prefixes(&r, &update.announced))
        return refuse(ret_error, BGP_UPDATE_NETWORK_FIELD);
    enum status status = check_attributes(&attributes, &update, ret_error);
    if (status == STATUS_OK)
        *ret_update = update;
    return status;
}
