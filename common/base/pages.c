#include "common/base/pages.h"

#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>

/* What fails costs time only. */
static void ask_large(void *at, size_t bytes)
{
    (void)madvise(at, bytes, MADV_HUGEPAGE);
}

static size_t whole_pages(size_t bytes)
{
    const size_t page = 4096;
    return (bytes + page - 1) / page * page;
}

void *pages_new(size_t bytes)
{
    if (bytes < PAGES_LARGE)
        return calloc(1, bytes);
    bytes = whole_pages(bytes);
    uint8_t *at =
        mmap(NULL, bytes + PAGES_LARGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (at == MAP_FAILED)
        return NULL;
    size_t before = -(uintptr_t)at % PAGES_LARGE;
    if (before > 0)
        (void)munmap(at, before);
    at += before;
    (void)munmap(at + bytes, PAGES_LARGE - before);
    ask_large(at, bytes);
    return at;
}

void pages_free(void *at, size_t bytes)
{
    if (at != NULL && bytes >= PAGES_LARGE)
        (void)munmap(at, whole_pages(bytes));
    else
        free(at);
}

void *pages_block(void)
{
    void *block = aligned_alloc(PAGES_LARGE, PAGES_LARGE);
    if (block != NULL)
        ask_large(block, PAGES_LARGE);
    return block;
}
