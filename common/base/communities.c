#include "common/base/communities.h"

#include "common/base/text.h"
#include "common/base/wire.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* RFC 4360, 3 and 4; RFC 5668. */
enum { TYPE_AS2 = 0x00, TYPE_IPV4 = 0x01, TYPE_AS4 = 0x02, SUBTYPE_TARGET = 2, SUBTYPE_ORIGIN = 3 };

const char *route_kind_name(enum route_kind kind)
{
    static const char *const names[] = {"flowspec", "blackhole", "divert"};
    return kind < ROUTE_KIND_COUNT ? names[kind] : "unknown";
}

/* "1:2:3" cut at its colons; the count, or 0 where a piece is too long or there are too many. */
enum { PIECES_MAX = 3, PIECE_MAX = 16 };
static size_t cut(char pieces[PIECES_MAX][PIECE_MAX], const char *text)
{
    for (size_t count = 0; count < PIECES_MAX; count++) {
        size_t len = strcspn(text, ":");
        if (len == 0 || len >= PIECE_MAX)
            return 0;
        memcpy(pieces[count], text, len);
        pieces[count][len] = '\0';
        if (text[len] == '\0')
            return count + 1;
        text += len + 1;
    }
    return 0;
}

static enum status parse_extended(struct community *ret_community, uint8_t subtype,
                                  char pieces[PIECES_MAX][PIECE_MAX])
{
    uint64_t first, second;
    struct ip_addr addr;
    uint8_t *at = ret_community->octets;
    ret_community->len = COMMUNITY_LEN;
    at[1] = subtype;
    if (strchr(pieces[1], '.') != NULL) {
        if (addr_parse(&addr, pieces[1]) != STATUS_OK || addr.family != ADDR_IPV4 ||
            text_parse_u64(&second, pieces[2], UINT16_MAX) != STATUS_OK)
            return STATUS_MALFORMED;
        at[0] = TYPE_IPV4;
        memcpy(at + 2, addr.octets, 4);
        wire_put_uint_at(at + 6, 2, second);
        return STATUS_OK;
    }
    if (text_parse_u64(&first, pieces[1], UINT32_MAX) != STATUS_OK ||
        text_parse_u64(&second, pieces[2], first > UINT16_MAX ? UINT16_MAX : UINT32_MAX) !=
            STATUS_OK)
        return STATUS_MALFORMED;
    size_t width = first > UINT16_MAX ? 4 : 2;
    at[0] = first > UINT16_MAX ? TYPE_AS4 : TYPE_AS2;
    wire_put_uint_at(at + 2, width, first);
    wire_put_uint_at(at + 2 + width, 6 - width, second);
    return STATUS_OK;
}

enum status community_parse(struct community *ret_community, const char *text)
{
    char pieces[PIECES_MAX][PIECE_MAX];
    struct community made = {.len = 0};
    size_t count = cut(pieces, text);
    bool target = count == PIECES_MAX && strcmp(pieces[0], "rt") == 0;
    bool origin = count == PIECES_MAX && strcmp(pieces[0], "ro") == 0;
    if (count < 2)
        return STATUS_MALFORMED;
    if (target || origin) {
        enum status status =
            parse_extended(&made, target ? SUBTYPE_TARGET : SUBTYPE_ORIGIN, pieces);
        if (status == STATUS_OK)
            *ret_community = made;
        return status;
    }
    size_t width = count == PIECES_MAX ? 4 : 2;
    for (size_t i = 0; i < count; i++) {
        uint64_t value;
        if (text_parse_u64(&value, pieces[i], width == 4 ? UINT32_MAX : UINT16_MAX) != STATUS_OK)
            return STATUS_MALFORMED;
        wire_put_uint_at(made.octets + i * width, width, value);
    }
    made.len = (uint8_t)(count * width);
    *ret_community = made;
    return STATUS_OK;
}

static bool format_extended(const uint8_t *octets, char ret_text[COMMUNITY_TEXT_MAX])
{
    struct wire_reader r = wire_reader_of(octets + 2, 6);
    const char *word = octets[1] == SUBTYPE_TARGET ? "rt" : "ro";
    char addr_text[ADDR_TEXT_MAX];
    if (octets[1] != SUBTYPE_TARGET && octets[1] != SUBTYPE_ORIGIN)
        return false;
    if (octets[0] == TYPE_IPV4) {
        struct ip_addr addr = addr_from_octets(ADDR_IPV4, octets + 2);
        (void)snprintf(ret_text, COMMUNITY_TEXT_MAX, "%s:%s:%u", word,
                       addr_format(&addr, addr_text), (unsigned)octets[6] << 8 | octets[7]);
        return true;
    }
    if (octets[0] != TYPE_AS2 && octets[0] != TYPE_AS4)
        return false;
    uint32_t first = octets[0] == TYPE_AS2 ? wire_u16(&r) : wire_u32(&r);
    uint32_t second = octets[0] == TYPE_AS2 ? wire_u32(&r) : wire_u16(&r);
    (void)snprintf(ret_text, COMMUNITY_TEXT_MAX, "%s:%" PRIu32 ":%" PRIu32, word, first, second);
    return true;
}

const char *community_format(const uint8_t *octets, size_t len, char ret_text[COMMUNITY_TEXT_MAX])
{
    struct wire_reader r = wire_reader_of(octets, len);
    if (len == COMMUNITY_STANDARD_LEN) {
        uint16_t first = wire_u16(&r), second = wire_u16(&r);
        (void)snprintf(ret_text, COMMUNITY_TEXT_MAX, "%u:%u", first, second);
    } else if (len == COMMUNITY_LARGE_LEN) {
        uint32_t first = wire_u32(&r), second = wire_u32(&r), third = wire_u32(&r);
        (void)snprintf(ret_text, COMMUNITY_TEXT_MAX, "%" PRIu32 ":%" PRIu32 ":%" PRIu32, first,
                       second, third);
    } else if (len != COMMUNITY_LEN || !format_extended(octets, ret_text)) {
        (void)snprintf(ret_text, COMMUNITY_TEXT_MAX, "0x");
        for (size_t i = 0; i < len && i < COMMUNITY6_LEN; i++)
            (void)snprintf(ret_text + 2 + 2 * i, 3, "%02x", octets[i]);
    }
    return ret_text;
}
