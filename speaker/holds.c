#include "speaker/holds.h"

#include "common/base/addr.h"

#include <string.h>

/* What it held back is held back by all: one of the same source, which ends with that; else the
 * last, and none that holds all itself where there is another. */
static struct hold *one_that_gives_way(struct holds *holds, uint8_t source)
{
    struct hold *found = &holds->items[0];
    for (size_t i = 0; i < holds->count; i++) {
        struct hold *item = &holds->items[i];
        if (item->scope.kind == SCOPE_ALL)
            continue;
        found = item;
        if (item->source == source)
            break;
    }
    return found;
}

enum status holds_set(struct holds *holds, const struct hold *hold)
{
    for (size_t i = 0; i < holds->count; i++) {
        struct hold *item = &holds->items[i];
        if (item->source == hold->source && scope_equal(&item->scope, &hold->scope)) {
            *item = *hold;
            return STATUS_OK;
        }
    }
    if (holds->count == HOLDS_MAX && hold->scope.kind == SCOPE_ALL) {
        *one_that_gives_way(holds, hold->source) = *hold;
        return STATUS_OK;
    }
    if (holds->count == HOLDS_MAX)
        return STATUS_LIMIT;
    holds->items[holds->count++] = *hold;
    return STATUS_OK;
}

size_t holds_end(struct holds *holds, enum hold_source source, const struct scope *scope,
                 uint64_t not_after_ms)
{
    size_t kept = 0, count = holds->count;
    for (size_t i = 0; i < count; i++) {
        const struct hold *item = &holds->items[i];
        bool ends = item->source == source && item->since_ms <= not_after_ms &&
                    (scope->kind == SCOPE_ALL || scope_equal(&item->scope, scope));
        if (!ends && kept != i)
            holds->items[kept] = *item;
        kept += ends ? 0 : 1;
    }
    holds->count = kept;
    return count - kept;
}

bool holds_match(const struct scope *scope, const struct hold_question *question)
{
    switch ((enum scope_kind)scope->kind) {
    case SCOPE_ALL:
        return true;
    case SCOPE_PEER:
        return strcmp(scope->value, question->peer) == 0;
    case SCOPE_METHOD:
        return strcmp(scope->value, question->method) == 0;
    case SCOPE_ALARM:
        return strcmp(scope->value, question->alarm) == 0;
    case SCOPE_FAMILY:
        return (strcmp(scope->value, "ipv6") == 0) == (question->family == ADDR_IPV6);
    case SCOPE_PLATFORM:
        for (size_t i = 0; i < question->platform_count; i++)
            if (strcmp(scope->value, question->platforms[i]) == 0)
                return true;
        return false;
    case SCOPE_KIND_COUNT:
        break;
    }
    return true; /* a scope that cannot be is taken for the widest: it holds back */
}

const struct hold *holds_find(const struct holds *holds, const struct hold_question *question)
{
    for (size_t i = 0; i < holds->count; i++)
        if (holds_match(&holds->items[i].scope, question))
            return &holds->items[i];
    return NULL;
}

bool holds_all(const struct holds *holds)
{
    for (size_t i = 0; i < holds->count; i++)
        if (holds->items[i].scope.kind == SCOPE_ALL)
            return true;
    return false;
}
