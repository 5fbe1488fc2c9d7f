#include "ctl/pcapng.h"

#include "common/base/wire.h"

#include <inttypes.h>
#include <stdlib.h>

/*
 * A block: type, length of all of it, body, length again; in fours of octets, in the byte order of
 * its section, which the section's own block shows.
 */
enum block_type {
    BLOCK_INTERFACE = 1,
    BLOCK_PACKET_OLD = 2,
    BLOCK_PACKET_SIMPLE = 3,
    BLOCK_PACKET = 6
};
static const uint32_t section_type = 0x0a0d0d0a, order_magic = 0x1a2b3c4d;
enum { BLOCK_MIN = 12, OPTION_RESOLUTION = 9, OPTION_OFFSET = 14 };

struct interface {
    int link_type;
    uint32_t snaplen;
    uint8_t resolution; /* digits behind the second, or with the first bit set binary ones */
    int64_t offset_s;
};

struct reading {
    FILE *file;
    struct text *why;
    uint64_t at; /* octets read */
    bool little;
    size_t interface_count;
    struct interface interfaces[PCAPNG_INTERFACES_MAX];
    uint8_t body[PCAPNG_FRAME_MAX];
};

static uint16_t get16(const struct reading *r, struct wire_reader *from)
{
    uint16_t value = wire_u16(from);
    return r->little ? __builtin_bswap16(value) : value;
}

static uint32_t get32(const struct reading *r, struct wire_reader *from)
{
    uint32_t value = wire_u32(from);
    return r->little ? __builtin_bswap32(value) : value;
}

static enum status fail(struct reading *r, enum status status, const char *what)
{
    text_addf(r->why, "octet %" PRIu64 ": %s", r->at, what);
    return status;
}

static bool take(struct reading *r, void *to, size_t len)
{
    if (fread(to, 1, len, r->file) != len)
        return false;
    r->at += len;
    return true;
}

/* What is not looked at: a file from a pipe cannot be moved on in. */
static bool skip(struct reading *r, size_t len)
{
    while (len > 0) {
        size_t part = len < sizeof(r->body) ? len : sizeof(r->body);
        if (!take(r, r->body, part))
            return false;
        len -= part;
    }
    return true;
}

static uint64_t to_us(const struct interface *interface, uint64_t time)
{
    uint8_t digits = interface->resolution & 0x7f;
    uint64_t us = time;
    if (interface->resolution & 0x80) {
        if (digits > 63)
            return 0;
        uint64_t seconds = time >> digits, rest = time - (seconds << digits);
        uint8_t over = digits > 32 ? (uint8_t)(digits - 32) : 0;
        us = seconds * 1000000 + ((rest >> over) * 1000000 >> (digits - over));
    }
    for (; !(interface->resolution & 0x80) && digits > 6 && us > 0; digits--)
        us /= 10;
    for (; !(interface->resolution & 0x80) && digits < 6; digits++)
        us *= 10;
    return us + (uint64_t)interface->offset_s * 1000000;
}

static void read_options(const struct reading *r, struct wire_reader body, struct interface *to)
{
    while (body.left >= 4) {
        uint16_t code = get16(r, &body), len = get16(r, &body);
        struct wire_reader value = wire_sub(&body, len);
        wire_skip(&body, (4 - len % 4U) % 4U);
        if (value.failed || code == 0)
            return;
        if (code == OPTION_RESOLUTION && len == 1)
            to->resolution = wire_u8(&value);
        if (code == OPTION_OFFSET && len == 8) {
            uint64_t bits = wire_u64(&value);
            if (r->little)
                bits = __builtin_bswap64(bits);
            to->offset_s = (int64_t)bits;
        }
    }
}

static enum status read_interface(struct reading *r, struct wire_reader body)
{
    struct interface interface = {.resolution = 6};
    interface.link_type = get16(r, &body);
    wire_skip(&body, 2);
    interface.snaplen = get32(r, &body);
    if (body.failed)
        return fail(r, STATUS_MALFORMED, "an interface's block is too short");
    if (r->interface_count == PCAPNG_INTERFACES_MAX)
        return fail(r, STATUS_RANGE, "more interfaces than are read");
    read_options(r, body, &interface);
    r->interfaces[r->interface_count++] = interface;
    return STATUS_OK;
}

static bool read_packet(const struct reading *r, uint32_t type, struct wire_reader body,
                        struct pcapng_frame *ret_frame)
{
    uint32_t index = 0, len;
    uint64_t time = 0;
    if (type == BLOCK_PACKET_OLD) {
        index = get16(r, &body);
        wire_skip(&body, 2);
    } else if (type == BLOCK_PACKET) {
        index = get32(r, &body);
    }
    if (index >= r->interface_count)
        return false;
    const struct interface *interface = &r->interfaces[index];
    if (type == BLOCK_PACKET_SIMPLE) {
        len = get32(r, &body);
        if (interface->snaplen != 0 && len > interface->snaplen)
            len = interface->snaplen;
    } else {
        time = (uint64_t)get32(r, &body) << 32;
        time |= get32(r, &body);
        len = get32(r, &body);
        wire_skip(&body, 4);
    }
    const uint8_t *bytes = wire_take(&body, len);
    if (bytes == NULL)
        return false;
    *ret_frame =
        (struct pcapng_frame){.link_type = interface->link_type,
                              .time_us = type == BLOCK_PACKET_SIMPLE ? 0 : to_us(interface, time),
                              .bytes = bytes,
                              .len = len};
    return true;
}

/* A new section forgets the interfaces of the one before it. */
static enum status read_section(struct reading *r, uint32_t *len)
{
    uint8_t octets[4];
    if (!take(r, octets, sizeof(octets)))
        return fail(r, STATUS_TRUNCATED, "the file ends inside a block");
    struct wire_reader magic = wire_reader_of(octets, sizeof(octets));
    uint32_t value = wire_u32(&magic);
    if (value != order_magic && value != __builtin_bswap32(order_magic))
        return fail(r, STATUS_MALFORMED, "no section of pcapng begins here");
    r->little = value != order_magic;
    r->interface_count = 0;
    if (r->little)
        *len = __builtin_bswap32(*len);
    return STATUS_OK;
}

/* The block's type and the octets of its body that are still to be read; *ret_end: there is none.
 */
static enum status read_head(struct reading *r, uint32_t *ret_type, uint32_t *ret_left,
                             bool *ret_end)
{
    uint8_t octets[8];
    size_t got = fread(octets, 1, sizeof(octets), r->file);
    *ret_end = got == 0 && feof(r->file) != 0;
    if (*ret_end)
        return STATUS_OK;
    if (got < sizeof(octets))
        return fail(r, STATUS_TRUNCATED, "the file ends inside a block");
    r->at += got;
    struct wire_reader head = wire_reader_of(octets, sizeof(octets));
    uint32_t type = wire_u32(&head), len = wire_u32(&head), done = BLOCK_MIN;
    if (type == section_type) { /* the same in both orders */
        enum status status = read_section(r, &len);
        if (status != STATUS_OK)
            return status;
        done += 4;
    } else if (r->little) {
        type = __builtin_bswap32(type);
        len = __builtin_bswap32(len);
    }
    if (len < done || len % 4 != 0)
        return fail(r, STATUS_MALFORMED, "a block of an impossible length");
    *ret_type = type;
    *ret_left = len - done;
    return STATUS_OK;
}

static enum status read_block(struct reading *r, pcapng_on_frame on_frame, void *owner,
                              bool *ret_end)
{
    uint32_t type, left;
    struct pcapng_frame frame;
    enum status status = read_head(r, &type, &left, ret_end);
    if (status != STATUS_OK || *ret_end)
        return status;
    bool is_packet =
        type == BLOCK_PACKET || type == BLOCK_PACKET_OLD || type == BLOCK_PACKET_SIMPLE;
    bool is_known = is_packet || type == BLOCK_INTERFACE;
    if (is_packet && left > sizeof(r->body))
        return fail(r, STATUS_RANGE, "a frame longer than any that is captured");
    if (!is_known || left > sizeof(r->body))
        return skip(r, (size_t)left + 4)
                   ? STATUS_OK
                   : fail(r, STATUS_TRUNCATED, "the file ends inside a block");
    uint8_t again[4];
    if (!take(r, r->body, left) || !take(r, again, sizeof(again)))
        return fail(r, STATUS_TRUNCATED, "the file ends inside a block");
    struct wire_reader body = wire_reader_of(r->body, left);
    if (type == BLOCK_INTERFACE)
        return read_interface(r, body);
    if (!read_packet(r, type, body, &frame))
        return fail(r, STATUS_MALFORMED, "a frame's block that makes no sense");
    *ret_end = !on_frame(owner, &frame);
    return STATUS_OK;
}

enum status pcapng_read(FILE *file, pcapng_on_frame on_frame, void *owner, struct text *why)
{
    struct reading *r = calloc(1, sizeof(*r));
    bool end = false;
    if (r == NULL)
        return STATUS_NO_MEMORY;
    r->file = file;
    r->why = why;
    enum status status = STATUS_OK;
    while (status == STATUS_OK && !end)
        status = read_block(r, on_frame, owner, &end);
    free(r);
    return status;
}
