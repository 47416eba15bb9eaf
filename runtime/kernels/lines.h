/* Walking several tensors of one shape at once, each with strides of its own (0 where it is broadcast): dimensions are joined
 * where all tensors allow it, and the work is a list of lines along the last one. */
#ifndef AX_KERNELS_LINES_H
#define AX_KERNELS_LINES_H

#include "kernels/kernel.h"

enum { AX_LINES_MAX = 4 };

struct ax_lines {
    int rank, tensors;
    int64_t dim[AX_MAX_RANK], stride[AX_LINES_MAX][AX_MAX_RANK];
    int64_t count;                 /* lines */
    int64_t n, step[AX_LINES_MAX]; /* elements of a line, and the stride of each tensor along it */
};

/* Shape and strides are given in l->rank, dim, stride, tensors; the rest is worked out. */
void ax_lines_join(struct ax_lines *l);
/* y's shape and strides first, then those of each input broadcast to it from the right. malloc'ed. */
void *ax_lines_broadcast(const struct ax_program *p, const struct ax_step *s, int inputs);
/* Offsets, in elements, of line `i` in each tensor. */
void ax_lines_at(const struct ax_lines *l, int64_t i, int64_t offset[AX_LINES_MAX]);

/* A thread's share: whole lines [from, to), or, where there are few, elements [begin, end) of each. */
struct ax_lines_part {
    int64_t from, to, begin, end;
};
struct ax_lines_part ax_lines_share(const struct ax_lines *l, int thread, int threads);

static inline int64_t ax_count(const struct ax_operand *o)
{
    int64_t n = 1;
    for (int i = 0; i < o->rank; i++) n *= o->dim[i];
    return n;
}

#endif
