#ifndef TESTS_UNIT_COLLECTOR_BOUNDS_HEAP_H
#define TESTS_UNIT_COLLECTOR_BOUNDS_HEAP_H

#include <stddef.h>

/* The linker leads every malloc, calloc, realloc, aligned_alloc and free of this program's own
 * objects through counters. */
extern size_t heap_allocations; /* how often memory was taken */
extern size_t heap_octets;      /* what is taken now */

#endif
