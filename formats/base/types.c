#include "base/types.h"

#include <stdio.h>
#include <string.h>

static const struct {
    const char *text;
    size_t bytes;
} dtypes[AX_DTYPE_COUNT] = {
#define AX_DTYPE_ROW(name, text, bytes) {text, bytes},
    AX_DTYPE_LIST(AX_DTYPE_ROW)
#undef AX_DTYPE_ROW
};

size_t ax_dtype_bytes(enum ax_dtype t)
{
    return (unsigned)t < AX_DTYPE_COUNT ? dtypes[t].bytes : 0;
}

const char *ax_dtype_text(enum ax_dtype t)
{
    return (unsigned)t < AX_DTYPE_COUNT ? dtypes[t].text : "invalid";
}

enum ax_dtype ax_dtype_from_text(const char *s)
{
    for (int t = 1; t < AX_DTYPE_COUNT; t++)
        if (!strcmp(s, dtypes[t].text)) return (enum ax_dtype)t;
    return AX_DTYPE_NONE;
}

int64_t ax_shape_count(const struct ax_shape *s)
{
    int64_t n = 1; /* of the dimensions that are not 0: each part of an empty shape is bounded too */
    bool empty = false;
    if (s->rank < 0) return -1;
    for (int i = 0; i < s->rank; i++) {
        if (s->dim[i] < 0) return -1;
        if (!s->dim[i]) {
            empty = true;
            continue;
        }
        if (n > ((int64_t)1 << 40) / s->dim[i]) return -1;
        n *= s->dim[i];
    }
    return empty ? 0 : n;
}

bool ax_shape_known(const struct ax_shape *s)
{
    if (s->rank < 0) return false;
    for (int i = 0; i < s->rank; i++)
        if (s->dim[i] < 0) return false;
    return true;
}

bool ax_shape_equal(const struct ax_shape *a, const struct ax_shape *b)
{
    if (a->rank != b->rank) return false;
    for (int i = 0; i < a->rank; i++)
        if (a->dim[i] != b->dim[i]) return false;
    return true;
}

struct ax_shape ax_shape_make(int rank, const int64_t *dim)
{
    struct ax_shape s = {.rank = rank};
    for (int i = 0; i < rank; i++) s.dim[i] = dim[i];
    return s;
}

char *ax_shape_text(const struct ax_shape *s, char buf[AX_SHAPE_TEXT])
{
    size_t n = 0;
    buf[0] = 0;
    if (s->rank < 0) return strcpy(buf, "?");
    if (s->rank == 0) return strcpy(buf, "scalar");
    for (int i = 0; i < s->rank && n < AX_SHAPE_TEXT - 24; i++) {
        if (i) buf[n++] = 'x';
        if (s->dim[i] < 0)
            n += (size_t)snprintf(buf + n, AX_SHAPE_TEXT - n, "?");
        else
            n += (size_t)snprintf(buf + n, AX_SHAPE_TEXT - n, "%lld", (long long)s->dim[i]);
    }
    return buf;
}
