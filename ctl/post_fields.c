#include "ctl/post_fields.h"

#include "common/base/addr.h"

#include <inttypes.h>

enum kind { KIND_NUMBER, KIND_ADDR, KIND_MAC };

static const struct {
    uint16_t element;
    uint8_t kind;
    const char *name;
} shown[] = {
    {19, KIND_NUMBER, "post_mcast_packet_delta_count"},
    {20, KIND_NUMBER, "post_mcast_octet_delta_count"},
    {23, KIND_NUMBER, "post_octet_delta_count"},
    {24, KIND_NUMBER, "post_packet_delta_count"},
    {55, KIND_NUMBER, "post_ip_class_of_service"},
    {57, KIND_MAC, "post_destination_mac_address"},
    {59, KIND_NUMBER, "post_vlan_id"},
    {81, KIND_MAC, "post_source_mac_address"},
    {98, KIND_NUMBER, "post_ip_diff_serv_code_point"},
    {171, KIND_NUMBER, "post_octet_total_count"},
    {172, KIND_NUMBER, "post_packet_total_count"},
    {174, KIND_NUMBER, "post_mcast_packet_total_count"},
    {175, KIND_NUMBER, "post_mcast_octet_total_count"},
    {225, KIND_ADDR, "post_nat_source_ipv4_address"},
    {226, KIND_ADDR, "post_nat_destination_ipv4_address"},
    {227, KIND_NUMBER, "post_napt_source_transport_port"},
    {228, KIND_NUMBER, "post_napt_destination_transport_port"},
    {230, KIND_NUMBER, "nat_event"},
    {233, KIND_NUMBER, "firewall_event"},
    {254, KIND_NUMBER, "post_dot1q_vlan_id"},
    {255, KIND_NUMBER, "post_dot1q_customer_vlan_id"},
    {281, KIND_ADDR, "post_nat_source_ipv6_address"},
    {282, KIND_ADDR, "post_nat_destination_ipv6_address"},
};
enum { SHOWN = sizeof(shown) / sizeof(shown[0]) };

static bool len_fits(enum kind kind, size_t len)
{
    switch (kind) {
    case KIND_NUMBER:
        return len >= 1 && len <= 8;
    case KIND_ADDR:
        return len == 4 || len == 16;
    case KIND_MAC:
        return len == 6;
    }
    return false;
}

static void add_value(struct text *out, enum kind kind, const struct field *field)
{
    char text[ADDR_TEXT_MAX];
    struct ip_addr addr;
    uint64_t value = 0;
    switch (kind) {
    case KIND_NUMBER:
        for (size_t i = 0; i < field->len; i++)
            value = value << 8 | field->bytes[i];
        text_addf(out, "%" PRIu64, value);
        break;
    case KIND_ADDR:
        addr = addr_from_octets(field->len == 4 ? ADDR_IPV4 : ADDR_IPV6, field->bytes);
        text_addf(out, "\"%s\"", addr_format(&addr, text));
        break;
    case KIND_MAC:
        for (size_t i = 0; i < field->len; i++)
            text_addf(out, "%s%02x", i == 0 ? "\"" : ":", field->bytes[i]);
        text_add(out, "\"");
        break;
    }
}

/* Cisco's firewalls had numbers of their own before these were given out. */
static uint16_t number_now(uint16_t element)
{
    enum { FIRST_THEN = 40001 };
    static const uint16_t now[] = {225, 226, 227, 228, 233};
    bool is_old = element >= FIRST_THEN && element < FIRST_THEN + sizeof(now) / sizeof(now[0]);
    return is_old ? now[element - FIRST_THEN] : element;
}

static size_t find(uint16_t told)
{
    uint16_t element = number_now(told);
    size_t i = 0;
    while (i < SHOWN && shown[i].element != element)
        i++;
    return i;
}

void post_fields_show(const struct decode_fields *fields, struct text *out)
{
    struct fields_walk walk;
    struct field field;
    bool told[SHOWN] = {false}; /* a name comes once: the outer header's, as elsewhere */
    bool is_later = false;

    if (fields->options)
        return;
    fields_begin(&walk, fields);
    while (fields_next(&walk, &field)) {
        size_t i = field.enterprise == 0 ? find(field.element) : SHOWN;
        if (i == SHOWN || told[i] || !len_fits((enum kind)shown[i].kind, field.len))
            continue;
        told[i] = true;
        text_addf(out, "%s\"%s\": ", is_later ? ", " : "", shown[i].name);
        add_value(out, (enum kind)shown[i].kind, &field);
        is_later = true;
    }
}
