#include "common/service/config_arena.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Large enough that a usual configuration takes two or three blocks. */
enum { BLOCK_BYTES = 16384 };

struct arena_block {
    struct arena_block *next;
    size_t used, room;
    max_align_t bytes[];
};

struct config_arena {
    struct arena_block *blocks; /* the first one has room */
    bool failed;
};

struct config_arena *arena_new(void)
{
    return calloc(1, sizeof(struct config_arena));
}

void arena_free(struct config_arena *arena)
{
    if (arena == NULL)
        return;
    while (arena->blocks != NULL) {
        struct arena_block *block = arena->blocks;
        arena->blocks = block->next;
        free(block);
    }
    free(arena);
}

bool arena_failed(const struct config_arena *arena)
{
    return arena->failed;
}

static struct arena_block *add_block(struct config_arena *arena, size_t room)
{
    struct arena_block *block = calloc(1, sizeof(*block) + room);
    if (block == NULL) {
        arena->failed = true;
        return NULL;
    }
    block->room = room;
    /* A piece with a block of its own goes behind the first, which keeps its room. */
    if (arena->blocks != NULL && room > BLOCK_BYTES) {
        block->next = arena->blocks->next;
        arena->blocks->next = block;
    } else {
        block->next = arena->blocks;
        arena->blocks = block;
    }
    return block;
}

void *arena_take(struct config_arena *arena, size_t size)
{
    const size_t unit = _Alignof(max_align_t);
    if (size > SIZE_MAX / 2) {
        arena->failed = true;
        return NULL;
    }
    size_t rounded = (size + unit - 1) / unit * unit;
    struct arena_block *block = arena->blocks;
    if (block == NULL || block->room - block->used < rounded) {
        block = add_block(arena, rounded > BLOCK_BYTES / 4 ? rounded : BLOCK_BYTES);
        if (block == NULL)
            return NULL;
    }
    void *piece = (unsigned char *)block->bytes + block->used;
    block->used += rounded;
    return piece;
}

void *arena_take_many(struct config_arena *arena, size_t count, size_t size)
{
    size_t bytes;
    if (__builtin_mul_overflow(count, size, &bytes)) {
        arena->failed = true;
        return NULL;
    }
    return arena_take(arena, bytes);
}

char *arena_copy(struct config_arena *arena, const char *bytes, size_t len)
{
    char *copy = arena_take(arena, len + 1);
    if (copy != NULL && len > 0)
        memcpy(copy, bytes, len);
    return copy;
}

char *arena_format(struct config_arena *arena, const char *format, ...)
{
    va_list args, again;
    va_start(args, format);
    va_copy(again, args);
    int len = vsnprintf(NULL, 0, format, args);
    va_end(args);
    char *text = len < 0 ? NULL : arena_take(arena, (size_t)len + 1);
    if (text != NULL)
        (void)vsnprintf(text, (size_t)len + 1, format, again);
    va_end(again);
    return text;
}
