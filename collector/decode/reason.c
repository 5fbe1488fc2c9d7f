#include "collector/decode/reason.h"

static const struct {
    const char *name, *text;
} reasons[DECODE_REASON_COUNT] = {
#define X(name, text) {#name, text},
    DECODE_REASON_LIST(X)
#undef X
};

const char *decode_reason_name(enum decode_reason reason)
{
    return (unsigned int)reason < DECODE_REASON_COUNT ? reasons[reason].name : "UNKNOWN";
}

const char *decode_reason_text(enum decode_reason reason)
{
    return (unsigned int)reason < DECODE_REASON_COUNT ? reasons[reason].text : "unknown reason";
}
