#include "collector/decode/discard.h"

enum discard_reason discard_reason_of(uint32_t number)
{
    switch (number) {
#define X(number, name)                                                                            \
    case number:                                                                                   \
        return DISCARD_##name;
        DISCARD_REASON_LIST(X)
#undef X
    default:
        return DISCARD_OTHER;
    }
}

const char *discard_reason_name(enum discard_reason reason)
{
    static const char *const names[] = {
#define X(number, name) #name,
        DISCARD_REASON_LIST(X)
#undef X
    };
    return (unsigned int)reason < DISCARD_OTHER ? names[reason] : "other";
}
