#include "common/base/status.h"

#include <stddef.h>

static const char *const names[] = {
#define X(name, text) #name,
    STATUS_LIST(X)
#undef X
};

static const char *const texts[] = {
#define X(name, text) text,
    STATUS_LIST(X)
#undef X
};

_Static_assert(sizeof(names) / sizeof(names[0]) == STATUS_COUNT, "every status has a name");
_Static_assert(sizeof(texts) / sizeof(texts[0]) == STATUS_COUNT, "every status has a text");

const char *status_name(enum status s)
{
    return (size_t)s < STATUS_COUNT ? names[s] : "UNKNOWN";
}

const char *status_text(enum status s)
{
    return (size_t)s < STATUS_COUNT ? texts[s] : "unknown status";
}
