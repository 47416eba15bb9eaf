#include "base/arena.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct ax_arena_block {
    struct ax_arena_block *next;
    size_t size, used;
    unsigned char *data;
};

enum { FIRST_BLOCK = 64 << 10, ALIGN = 64 };

void ax_arena_init(struct ax_arena *a)
{
    *a = (struct ax_arena){0};
}

void ax_arena_free(struct ax_arena *a)
{
    struct ax_arena_block *next;
    for (struct ax_arena_block *b = a->blocks; b; b = next) {
        next = b->next;
        free(b->data);
        free(b);
    }
    *a = (struct ax_arena){0};
}

void ax_arena_adopt(struct ax_arena *a, struct ax_arena *from)
{
    struct ax_arena_block **last = &a->blocks;
    while (*last) last = &(*last)->next;
    *last = from->blocks;
    a->used += from->used;
    *from = (struct ax_arena){0};
}

static struct ax_arena_block *block_new(size_t size)
{
    struct ax_arena_block *b = malloc(sizeof *b);
    size = (size + ALIGN - 1) & ~(size_t)(ALIGN - 1);
    unsigned char *data = b ? aligned_alloc(ALIGN, size) : NULL;
    if (!data) {
        fprintf(stderr, "axon: out of memory (%zu bytes)\n", size);
        abort();
    }
    *b = (struct ax_arena_block){.size = size, .data = data};
    return b;
}

void *ax_arena_alloc(struct ax_arena *a, size_t bytes)
{
    size_t align = bytes >= 64 ? 64 : 16;
    if (bytes > SIZE_MAX / 2) {
        fprintf(stderr, "axon: out of memory (%zu bytes)\n", bytes);
        abort();
    }
    if (!bytes) bytes = 1;
    struct ax_arena_block *b = a->blocks;
    size_t at = b ? (b->used + align - 1) & ~(align - 1) : 0;
#ifdef AX_ARENA_MALLOC
    b = NULL;
#endif
    if (!b || at + bytes > b->size) {
        size_t size = FIRST_BLOCK;
        if (a->blocks && a->blocks->size < (16u << 20)) size = a->blocks->size * 2;
#ifdef AX_ARENA_MALLOC
        size = bytes;
#endif
        if (size < bytes) size = bytes;
        b = block_new(size);
        if (size == bytes && a->blocks) { /* a large object must not end the block in use */
            b->next = a->blocks->next;
            a->blocks->next = b;
        } else {
            b->next = a->blocks;
            a->blocks = b;
        }
        at = 0;
    }
    b->used = at + bytes;
    a->used += bytes;
    return memset(b->data + at, 0, bytes);
}

void *ax_arena_copy(struct ax_arena *a, const void *p, size_t bytes)
{
    void *q = ax_arena_alloc(a, bytes);
    if (bytes) memcpy(q, p, bytes);
    return q;
}

char *ax_arena_strn(struct ax_arena *a, const char *s, size_t n)
{
    char *q = ax_arena_alloc(a, n + 1);
    if (n) memcpy(q, s, n);
    return q;
}

char *ax_arena_str(struct ax_arena *a, const char *s)
{
    return ax_arena_strn(a, s, strlen(s));
}

char *ax_arena_printf(struct ax_arena *a, const char *fmt, ...)
{
    va_list ap, ap2;
    va_start(ap, fmt);
    va_copy(ap2, ap);
    int n = vsnprintf(NULL, 0, fmt, ap);
    va_end(ap);
    char *s = ax_arena_alloc(a, (size_t)n + 1);
    vsnprintf(s, (size_t)n + 1, fmt, ap2);
    va_end(ap2);
    return s;
}
