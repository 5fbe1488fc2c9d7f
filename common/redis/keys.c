#include "common/redis/keys.h"

#include <assert.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

static const struct key_info infos[KEY_COUNT] = {
#define X(name, pattern, role, type, life) {pattern, KEY_##role, type, life},
    KEY_LIST(X)
#undef X
};

const struct key_info *key_info(enum key_id id)
{
    assert((unsigned int)id < KEY_COUNT);
    return &infos[id];
}

/*
 * A part comes from configuration or from an address. What would be unreadable in redis-cli, could
 * stand for a part boundary, or is a pattern character of ACLs and SCAN, is written as %XX. A
 * colon stays in the last part only, where it cannot be taken for a boundary: IPv6 addresses.
 */
static bool is_plain(unsigned char c, bool last)
{
    if (c == ':')
        return last;
    return c > ' ' && c < 0x7f && strchr("%*?[]{}\\\"'", c) == NULL;
}

static bool put(char *name, size_t *len, const char *bytes, size_t count)
{
    if (count >= KEY_NAME_MAX - *len)
        return false;
    memcpy(name + *len, bytes, count);
    *len += count;
    name[*len] = '\0';
    return true;
}

static bool put_part(char *name, size_t *len, const char *part, bool last)
{
    for (; *part != '\0'; part++) {
        char escaped[4];
        unsigned char c = (unsigned char)*part;
        bool plain = is_plain(c, last);
        if (!plain)
            snprintf(escaped, sizeof escaped, "%%%02X", c);
        if (!put(name, len, plain ? part : escaped, plain ? 1 : 3))
            return false;
    }
    return true;
}

const char *key_name(char ret_name[KEY_NAME_MAX], const char *prefix, enum key_id id, ...)
{
    const char *pattern = key_info(id)->pattern;
    size_t len = 0;
    bool fits = put(ret_name, &len, prefix, strlen(prefix));
    va_list parts;
    va_start(parts, id);
    while (fits && *pattern != '\0') {
        size_t plain = strcspn(pattern, "<");
        fits = put(ret_name, &len, pattern, plain);
        pattern += plain;
        if (fits && *pattern == '<') {
            pattern = strchr(pattern, '>') + 1;
            fits = put_part(ret_name, &len, va_arg(parts, const char *), *pattern == '\0');
        }
    }
    va_end(parts);
    return fits ? ret_name : NULL;
}
