#include "tests/unit/collector/bounds/heap.h"

#include <malloc.h>

void *__real_malloc(size_t bytes);
void *__real_calloc(size_t count, size_t bytes);
void *__real_realloc(void *of, size_t bytes);
void *__real_aligned_alloc(size_t alignment, size_t bytes);
void __real_free(void *of);
void *__wrap_malloc(size_t bytes);
void *__wrap_calloc(size_t count, size_t bytes);
void *__wrap_realloc(void *of, size_t bytes);
void *__wrap_aligned_alloc(size_t alignment, size_t bytes);
void __wrap_free(void *of);

size_t heap_allocations, heap_octets;

static void *taken(void *at)
{
    heap_allocations++;
    heap_octets += malloc_usable_size(at);
    return at;
}

void *__wrap_malloc(size_t bytes)
{
    return taken(__real_malloc(bytes));
}

void *__wrap_calloc(size_t count, size_t bytes)
{
    return taken(__real_calloc(count, bytes));
}

void *__wrap_realloc(void *of, size_t bytes)
{
    heap_octets -= malloc_usable_size(of);
    return taken(__real_realloc(of, bytes));
}

void *__wrap_aligned_alloc(size_t alignment, size_t bytes)
{
    return taken(__real_aligned_alloc(alignment, bytes));
}

void __wrap_free(void *of)
{
    heap_octets -= malloc_usable_size(of);
    __real_free(of);
}
