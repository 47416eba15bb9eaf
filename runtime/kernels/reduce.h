/* The shape of a reduction, worked out at load: which input elements make each output element. */
#ifndef AX_KERNELS_REDUCE_H
#define AX_KERNELS_REDUCE_H

#include "kernels/kernel.h"

struct ax_reduce_plan {
    int kept_rank, reduced_rank;
    int64_t kept_dim[AX_MAX_RANK], kept_stride[AX_MAX_RANK];       /* without the line */
    int64_t reduced_dim[AX_MAX_RANK], reduced_stride[AX_MAX_RANK]; /* without the row */
    int64_t kept, reduced;                                         /* products of the above */
    int64_t line; /* the last dimension is kept: elements of it, done side by side; else 0 */
    int64_t row;  /* the last dimension is reduced: its elements; else 1 */
};

void *ax_reduce_prepare(const struct ax_program *p, const struct ax_step *s);

static inline int64_t ax_reduce_walk(int rank, const int64_t *dim, const int64_t *stride, int64_t i)
{
    int64_t at = 0;
    for (int d = rank - 1; d >= 0; i /= dim[d], d--) at += i % dim[d] * stride[d];
    return at;
}
static inline int64_t ax_reduce_base(const struct ax_reduce_plan *r, int64_t i)
{
    return ax_reduce_walk(r->kept_rank, r->kept_dim, r->kept_stride, i);
}
static inline int64_t ax_reduce_offset(const struct ax_reduce_plan *r, int64_t k)
{
    return ax_reduce_walk(r->reduced_rank, r->reduced_dim, r->reduced_stride, k);
}

#endif
