/* An arena: memory that lives and dies together. Blocks grow as needed; nothing is freed one by one.
 * With AX_ARENA_MALLOC defined (sanitizer builds) every object is a malloc of its own, so that tools see each. */
#ifndef AX_BASE_ARENA_H
#define AX_BASE_ARENA_H

#include <stddef.h>
#include <stdint.h>

struct ax_arena_block;
struct ax_arena {
    struct ax_arena_block *blocks;
    size_t used; /* bytes handed out, for reports */
};

void ax_arena_init(struct ax_arena *a);
void ax_arena_free(struct ax_arena *a); /* also of a zeroed arena; leaves it empty and usable */
/* Everything that lives in from lives in a from now on; from is left empty. */
void ax_arena_adopt(struct ax_arena *a, struct ax_arena *from);

/* Zeroed memory aligned to 64 bytes when it is 64 bytes or more, else to 16. Aborts when memory ends: what is compiled is
 * bounded by checks before (sizes from files are checked against the file), so that this is an environment failure. */
void *ax_arena_alloc(struct ax_arena *a, size_t bytes);
void *ax_arena_copy(struct ax_arena *a, const void *p, size_t bytes);
char *ax_arena_str(struct ax_arena *a, const char *s);
char *ax_arena_strn(struct ax_arena *a, const char *s, size_t n);
char *ax_arena_printf(struct ax_arena *a, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

#define AX_NEW(arena, type, count) ((type *)ax_arena_alloc((arena), sizeof(type) * (size_t)(count)))

#endif
