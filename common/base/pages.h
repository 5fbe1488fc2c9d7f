#ifndef COMMON_BASE_PAGES_H
#define COMMON_BASE_PAGES_H

#include <stddef.h>

/*
 * Memory that is read here and there. What lies scattered over many small pages is found through
 * tables of pages that are themselves out of the cache, so what is large is taken in large pages
 * where the system has them, from the start of one.
 */
enum { PAGES_LARGE = 2 << 20 };

/* Zeros, which the system gives as they are touched, not all at once. NULL: out of memory. */
void *pages_new(size_t bytes);
void pages_free(void *at, size_t bytes); /* as many as were asked for */
/* One large page, not zeroed, that free() takes back. */
void *pages_block(void);

#endif
