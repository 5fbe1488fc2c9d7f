#ifndef COMMON_REDIS_SCRIPT_TEXTS_H
#define COMMON_REDIS_SCRIPT_TEXTS_H

#include <stddef.h>

/* scripts/NAME.lua, embedded by the build in the order of SCRIPT_LIST. */
struct script_text {
    const char *name;
    const char *sha1;
    const unsigned char *bytes;
    size_t len;
};
extern const struct script_text script_texts[];

#endif
