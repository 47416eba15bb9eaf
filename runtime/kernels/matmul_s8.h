/* The geometry of MATMUL_S8: batches of row-major int8 matrices, one zero point each for a and b. */
#ifndef AX_KERNELS_MATMUL_S8_H
#define AX_KERNELS_MATMUL_S8_H

#include "kernels/kernel.h"

struct matmul_s8 {
    const struct ax_matmul_params *p;
    const int8_t *a, *b;
    int32_t za, zb;
    int64_t batches;
    int element; /* bytes of one of y */
};

static inline struct matmul_s8 matmul_s8_make(const struct ax_task *t)
{
    struct matmul_s8 g = {.p = t->params, .a = (const int8_t *)t->in_data[0], .b = (const int8_t *)t->in_data[1], .batches = 1};
    int64_t padded = ((int64_t)g.p->n + 15) / 16 * 16;
    const int32_t *epi = (const int32_t *)t->in_data[2];
    g.za = epi[AX_EPI_ZA * padded];
    g.zb = epi[AX_EPI_ZB * padded];
    for (int i = 0; i < g.p->batch_rank; i++) g.batches *= g.p->batch[i];
    g.element = t->out[0]->dtype == AX_DTYPE_FLOAT32 ? 4 : 1;
    return g;
}

static inline int64_t matmul_s8_offset(const struct matmul_s8 *g, const int32_t *stride, int64_t batch)
{
    int64_t at = 0;
    for (int i = g->p->batch_rank - 1; i >= 0; i--) {
        at += batch % g->p->batch[i] * stride[i];
        batch /= g->p->batch[i];
    }
    return at;
}

static inline const int8_t *matmul_s8_a(const struct matmul_s8 *g, int64_t batch)
{
    return g->a + matmul_s8_offset(g, g->p->a_stride, batch);
}

static inline const int8_t *matmul_s8_b(const struct matmul_s8 *g, int64_t batch)
{
    return g->b + matmul_s8_offset(g, g->p->b_stride, batch);
}

#endif
