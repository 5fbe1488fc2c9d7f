#include "speaker/bgp/mrt.h"

enum {
    TYPE_BGP4MP = 16,
    SUBTYPE_MESSAGE_AS4_LOCAL = 7,
    AFI_IPV4 = 1,
    AFI_IPV6 = 2,
    IPV4_LEN = 4,
    IPV6_LEN = 16,
};

static void put_address(struct wire_writer *w, enum addr_family family, const struct ip_addr *addr)
{
    static const struct ip_addr none;
    wire_put_bytes(w, addr->family == family ? addr->octets : none.octets,
                   family == ADDR_IPV6 ? IPV6_LEN : IPV4_LEN);
}

/*
 *  0        4      6         8        12
 * | time   | type | subtype | length |
 *  12        16        20          22    24
 * | peer AS | our AS  | interface | AFI | peer's address | ours | the message |
 */
void mrt_put_message(struct wire_writer *w, uint32_t at_s, const struct mrt_session *session,
                     const uint8_t *message, size_t len)
{
    enum addr_family family = session->remote.family;
    wire_put_u32(w, at_s);
    wire_put_u16(w, TYPE_BGP4MP);
    wire_put_u16(w, SUBTYPE_MESSAGE_AS4_LOCAL);
    size_t len_at = wire_hold(w, 4);
    wire_put_u32(w, session->remote_as);
    wire_put_u32(w, session->local_as);
    wire_put_u16(w, 0); /* of no interface in particular */
    wire_put_u16(w, family == ADDR_IPV6 ? AFI_IPV6 : AFI_IPV4);
    put_address(w, family, &session->remote);
    put_address(w, family, &session->local);
    wire_put_bytes(w, message, len);
    wire_fill_len(w, len_at, 4);
}
