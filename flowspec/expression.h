#ifndef FLOWSPEC_EXPRESSION_H
#define FLOWSPEC_EXPRESSION_H

#include "flowspec/component.h"

/*
 * The values of one component as text, which the text form and the strings of the JSON form share:
 *
 *   numbers   =80,=443   >=500&<=1500   500..1500   =udp   !=6   true   false
 *   bits      syn   =syn+ack   !ack   syn&!ack   only syn   null   0x12
 */
struct cursor {
    const char *start, *at; /* of a NUL-terminated text */
    struct rule_error *error;
    size_t offset; /* of start in what errors point into */
};

/* MALFORMED by default; the error points at the cursor. */
enum status cursor_fail(const struct cursor *cursor, enum status status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
void cursor_skip_space(struct cursor *cursor);
/* The characters of a word: up to a space or one of ,&. */
size_t cursor_word(const struct cursor *cursor);

/* Reads operators up to what cannot belong to them. */
enum status expression_parse(struct cursor *cursor, struct flow_rule *rule, enum component c);

/* One conjunction as expression_parse reads it. */
void expression_format_group(uint8_t family, enum component c, const struct rule_op *ops,
                             size_t count, struct text *out);
/* A conjunction that is written as `only syn`: all of these bits, and none of the others. */
bool expression_is_only(uint8_t family, enum component c, const struct rule_op *ops, size_t count);
void expression_format(const struct flow_rule *rule, enum component c, struct text *out);

/* "203.0.113.0/24", "2001:db8::/32", "::1234:5678:9a00:0/64-104" (offset, length). */
enum status expression_parse_prefix(struct cursor *cursor, size_t len, struct ip_prefix *ret_prefix,
                                    uint8_t *ret_offset);
void expression_format_prefix(const struct ip_prefix *prefix, uint8_t offset, struct text *out);

/* A number up to max: decimal or 0x…. False when it is not one. */
bool expression_number(const char *s, size_t len, uint64_t max, uint64_t *ret_value);

/* The "then" part, from behind that word to the end; and back, with a space before each action. */
enum status actions_parse_text(struct cursor *cursor, struct flow_actions *ret_actions);
enum status actions_parse_redirect(struct cursor *cursor, size_t len,
                                   struct flow_actions *ret_actions);
void actions_format_redirect(const struct flow_actions *actions, struct text *out);
void actions_format_text(const struct flow_actions *actions, struct text *out);
/* "10Mbps", "1250000B/s" in bytes/s. MALFORMED without a unit. */
enum status actions_parse_rate(struct cursor *cursor, size_t len, double *ret_rate_bytes);
enum status actions_parse_plain_number(struct cursor *cursor, size_t len, double *ret_number);
/* Digits that read back as the same number, as short as may be. */
void actions_format_number(double number, struct text *out);

#endif
