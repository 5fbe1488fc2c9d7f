#ifndef TESTS_SUPPORT_HOSTILE_WRITER_H
#define TESTS_SUPPORT_HOSTILE_WRITER_H

#include "common/base/wire.h"
#include "tests/support/hostile.h"

/* How the cases are written, and their lists. */
struct hostile_field {
    uint16_t element, len;
    uint32_t enterprise;
};
enum { VARIABLE = 65535, REVERSE = 29305, FIRST_ID = 256 };

struct wire_writer hostile_begin(struct hostile *h);
void hostile_end(struct hostile *h, const struct wire_writer *w, uint32_t sender);
/* NetFlow 9 or IPFIX, up to the first set. */
struct wire_writer hostile_begin_sets(struct hostile *h, enum flow_format format, uint32_t domain);
/* Another sequence number than the next. */
void hostile_set_number(struct wire_writer *w, uint32_t number);
void hostile_end_sets(struct hostile *h, struct wire_writer *w, uint32_t sender);
size_t hostile_begin_set(struct wire_writer *w, uint16_t id); /* for hostile_end_set() */
void hostile_end_set(struct wire_writer *w, size_t len_at);
size_t hostile_left(const struct wire_writer *w);

void hostile_put_template(struct wire_writer *w, uint16_t id, const struct hostile_field *fields,
                          size_t count);
/* The first field is the scope. */
void hostile_put_options_template(struct wire_writer *w, enum flow_format format, uint16_t id,
                                  const struct hostile_field *fields, size_t count);
void hostile_define(struct wire_writer *w, enum flow_format format, uint16_t id,
                    const struct hostile_field *fields, size_t count);
/* One data set to the end of the datagram, of one record again and again. */
void hostile_fill_with(struct wire_writer *w, uint16_t id, const uint8_t *record, size_t len);

struct hostile_list {
    const struct hostile_case *cases;
    size_t count;
};
extern const struct hostile_list hostile_records, hostile_templates, hostile_packets,
    hostile_outside;

#endif
