#include "ctl/reassemble.h"

#include <stdlib.h>
#include <string.h>

enum { OCTETS_MAX = 65535, UNIT = 8, UNITS = OCTETS_MAX / UNIT + 1 };

struct slot {
    bool used;
    struct ip_addr from, to;
    uint32_t id;
    uint64_t began_us;
    uint32_t parts, units; /* that have come */
    uint32_t len;          /* 0: the last fragment has not come */
    uint8_t has[UNITS / 8 + 1];
    uint8_t octets[OCTETS_MAX + UNIT];
};

struct reassemble {
    struct slot slots[REASSEMBLE_MAX];
};

struct reassemble *reassemble_new(void)
{
    return calloc(1, sizeof(struct reassemble));
}

void reassemble_free(struct reassemble *reassemble)
{
    free(reassemble);
}

static bool is_of(const struct slot *slot, const struct capture_datagram *datagram, uint32_t id)
{
    return slot->used && slot->id == id && addr_equal(&slot->from, &datagram->from.addr) &&
           addr_equal(&slot->to, &datagram->to.addr);
}

static bool is_late(const struct slot *slot, uint64_t time_us)
{
    return time_us > slot->began_us && time_us - slot->began_us > REASSEMBLE_US;
}

static struct slot *slot_for(struct reassemble *reassemble, const struct capture_datagram *datagram,
                             uint32_t id)
{
    struct slot *place = &reassemble->slots[0];
    for (size_t i = 0; i < REASSEMBLE_MAX; i++) {
        struct slot *slot = &reassemble->slots[i];
        if (is_of(slot, datagram, id) && !is_late(slot, datagram->time_us))
            return slot;
        if (place->used && (!slot->used || slot->began_us < place->began_us))
            place = slot;
    }
    memset(place, 0, offsetof(struct slot, octets));
    place->used = true;
    place->from = datagram->from.addr;
    place->to = datagram->to.addr;
    place->id = id;
    place->began_us = datagram->time_us;
    return place;
}

/* False: they overlap. A fragment that came twice is as good as one. */
static bool take(struct slot *slot, const struct capture_datagram *datagram, size_t offset)
{
    size_t had = 0, units = (datagram->len + UNIT - 1) / UNIT;
    for (size_t i = 0; i < units; i++) {
        size_t unit = offset / UNIT + i, at = i * UNIT;
        size_t len = datagram->len - at < UNIT ? datagram->len - at : UNIT;
        if (slot->has[unit / 8] >> unit % 8 & 1) {
            had++;
            continue;
        }
        slot->has[unit / 8] |= (uint8_t)(1U << unit % 8);
        slot->units++;
        memcpy(slot->octets + unit * UNIT, datagram->bytes + at, len);
    }
    slot->parts++;
    return had == 0 || had == units;
}

bool reassemble_add(struct reassemble *reassemble, const struct capture_datagram *datagram,
                    const struct capture_fragment *fragment, struct wire_reader *ret_ip,
                    uint32_t *ret_parts)
{
    size_t end = fragment->offset + datagram->len;
    if (fragment->is_cut || datagram->len == 0 || end > OCTETS_MAX ||
        (fragment->more && datagram->len % UNIT != 0))
        return false;
    struct slot *slot = slot_for(reassemble, datagram, fragment->id);
    bool fits = slot->len == 0 || (fragment->more ? end <= slot->len : end == slot->len);
    if (!fits || !take(slot, datagram, fragment->offset)) {
        slot->used = false;
        return false;
    }
    if (!fragment->more)
        slot->len = (uint32_t)end;
    if (slot->len == 0 || slot->units < (slot->len + UNIT - 1) / UNIT)
        return false;
    slot->used = false;
    *ret_ip = wire_reader_of(slot->octets, slot->len);
    *ret_parts = slot->parts;
    return slot->units == (slot->len + UNIT - 1) / UNIT; /* none behind the last */
}
