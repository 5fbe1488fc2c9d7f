#ifndef COMMON_SERVICE_CONFIG_REPAIR_H
#define COMMON_SERVICE_CONFIG_REPAIR_H

#include "common/service/config_tree.h"

#include <yaml.h>

/*
 * Words that should have been quoted break YAML's grammar, and everything behind them would go
 * unread. Each is reported, overwritten in our copy of the file by as many harmless letters, and
 * the parser starts again; the tree takes the value at such a place as wrong and already said.
 */
struct config_repairs {
    struct config_pos *items;
    size_t count;
    size_t parsed_bytes; /* bounds the work that starting again costs */
};

/* Mends source (len octets, line_offset lines into the file) as far as words can be quoted. */
void repair_words(struct config_repairs *repairs, struct config_arena *arena,
                  struct config_errors *errors, char *source, size_t len, uint32_t line_offset);
bool repair_was_at(const struct config_repairs *repairs, struct config_pos pos);

#endif
