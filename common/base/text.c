#include "common/base/text.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const size_t text_max_default = 16 << 20;
static const size_t text_room_first = 256;

void text_init(struct text *t, size_t max)
{
    *t = (struct text){.max = max == 0 ? text_max_default : max};
}

void text_done(struct text *t)
{
    free(t->at);
    text_init(t, t->max);
}

void text_clear(struct text *t)
{
    t->len = 0;
    t->failed = false;
    if (t->at != NULL)
        t->at[0] = '\0';
}

/* Makes room for len more octets and the NUL behind them. */
static bool text_grow(struct text *t, size_t len)
{
    if (t->failed || len > t->max - t->len) {
        t->failed = true;
        return false;
    }
    size_t need = t->len + len + 1;
    if (need <= t->room)
        return true;

    size_t room = t->room == 0 ? text_room_first : t->room * 2;
    if (room < need)
        room = need;
    char *at = realloc(t->at, room);
    if (at == NULL) {
        t->failed = true;
        return false;
    }
    t->at = at;
    t->room = room;
    t->at[t->len] = '\0';
    return true;
}

void text_add_bytes(struct text *t, const void *bytes, size_t len)
{
    if (!text_grow(t, len))
        return;
    if (len > 0)
        memcpy(t->at + t->len, bytes, len);
    t->len += len;
    t->at[t->len] = '\0';
}

void text_add(struct text *t, const char *s)
{
    text_add_bytes(t, s, strlen(s));
}

static void add_values(struct text *t, const char *format, va_list values)
{
    va_list again;

    va_copy(again, values);
    int len = vsnprintf(NULL, 0, format, again);
    va_end(again);
    if (len < 0)
        t->failed = true;
    if (len < 0 || !text_grow(t, (size_t)len))
        return;
    vsnprintf(t->at + t->len, (size_t)len + 1, format, values);
    t->len += (size_t)len;
}

void text_addf(struct text *t, const char *format, ...)
{
    va_list values;

    va_start(values, format);
    add_values(t, format, values);
    va_end(values);
}

void text_add_itemf(struct text *t, const char *format, ...)
{
    va_list values;

    if (t->len > 0)
        text_add(t, "; ");
    va_start(values, format);
    add_values(t, format, values);
    va_end(values);
}

const char *text_str(const struct text *t)
{
    return t->at != NULL ? t->at : "";
}

void text_add_hex(struct text *t, const uint8_t *bytes, size_t len)
{
    static const char digits[] = "0123456789abcdef";

    for (size_t i = 0; i < len; i++)
        text_add_bytes(t, (char[]){digits[bytes[i] >> 4], digits[bytes[i] & 15]}, 2);
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

enum status text_parse_hex(uint8_t *ret_bytes, size_t room, size_t *ret_len, const char *s)
{
    size_t digits = strlen(s);

    if (digits % 2 != 0)
        return STATUS_MALFORMED;
    for (size_t i = 0; i < digits; i++)
        if (hex_digit(s[i]) < 0)
            return STATUS_MALFORMED;
    if (digits / 2 > room)
        return STATUS_LIMIT;
    for (size_t i = 0; i < digits; i += 2)
        ret_bytes[i / 2] = (uint8_t)(hex_digit(s[i]) << 4 | hex_digit(s[i + 1]));
    *ret_len = digits / 2;
    return STATUS_OK;
}

size_t text_utf8_len(const char *s, uint32_t *ret_code_point)
{
    /* First octet, and the smallest code point that may take that many octets (RFC 3629, 3). */
    static const struct {
        uint8_t mask, lead;
        uint32_t least;
    } forms[] = {{0x80, 0x00, 0}, {0xe0, 0xc0, 0x80}, {0xf0, 0xe0, 0x800}, {0xf8, 0xf0, 0x10000}};
    const uint8_t *u = (const uint8_t *)s;

    for (size_t form = 0; form < sizeof(forms) / sizeof(forms[0]); form++) {
        if ((u[0] & forms[form].mask) != forms[form].lead)
            continue;
        uint32_t code_point = u[0] & (uint8_t)~forms[form].mask;
        for (size_t i = 1; i <= form; i++) {
            if ((u[i] & 0xc0) != 0x80) /* also ends at the NUL */
                return 0;
            code_point = code_point << 6 | (u[i] & 0x3f);
        }
        if (code_point < forms[form].least || code_point > 0x10ffff ||
            (code_point >= 0xd800 && code_point <= 0xdfff))
            return 0;
        *ret_code_point = code_point;
        return form + 1;
    }
    return 0;
}

void text_copy(char *ret_text, size_t room, const char *s)
{
    size_t len = strlen(s);

    if (len >= room) {
        len = room - 1;
        /* Octets that go on a character may not be the first that is left out. */
        while (len > 0 && ((uint8_t)s[len] & 0xc0) == 0x80)
            len--;
    }
    memcpy(ret_text, s, len);
    ret_text[len] = '\0';
}

void text_add_json_string(struct text *t, const char *s)
{
    static const char short_from[] = "\"\\\b\f\n\r\t";
    static const char short_to[] = "\"\\bfnrt";

    text_add(t, "\"");
    while (*s != '\0') {
        uint32_t code_point;
        size_t len = text_utf8_len(s, &code_point);
        const char *escape = strchr(short_from, *s);

        if (len == 0)
            text_add(t, "\xef\xbf\xbd"); /* U+FFFD, the replacement character */
        else if (escape != NULL)
            text_add_bytes(t, (char[]){'\\', short_to[escape - short_from]}, 2);
        else if (code_point < 0x20 || (code_point >= 0x7f && code_point < 0xa0))
            text_addf(t, "\\u%04x", code_point);
        else
            text_add_bytes(t, s, len);
        s += len == 0 ? 1 : len;
    }
    text_add(t, "\"");
}
