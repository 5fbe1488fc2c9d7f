#ifndef COMMON_SERVICE_CONFIG_ARENA_H
#define COMMON_SERVICE_CONFIG_ARENA_H

#include <stdbool.h>
#include <stddef.h>

/*
 * Memory that is taken piece by piece and given back as a whole. A config and everything it points
 * to live in one arena. A failed allocation sticks, so that a reader may go on and the one who
 * started it asks once.
 */
struct config_arena;

struct config_arena *arena_new(void); /* NULL: out of memory */
void arena_free(struct config_arena *arena);
bool arena_failed(const struct config_arena *arena);

void *arena_take(struct config_arena *arena, size_t size); /* zeroed; NULL: out of memory */
void *arena_take_many(struct config_arena *arena, size_t count, size_t size);
char *arena_copy(struct config_arena *arena, const char *bytes, size_t len); /* NUL added */
char *arena_format(struct config_arena *arena, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

#endif
