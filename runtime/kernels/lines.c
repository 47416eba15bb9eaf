#include "kernels/lines.h"

#include <stdlib.h>

static int joins(const struct ax_lines *l, int d)
{
    for (int t = 0; t < l->tensors; t++)
        if (l->stride[t][d] != l->stride[t][d + 1] * l->dim[d + 1]) return 0;
    return 1;
}

static void remove_dim(struct ax_lines *l, int d)
{
    for (int i = d; i + 1 < l->rank; i++) {
        l->dim[i] = l->dim[i + 1];
        for (int t = 0; t < l->tensors; t++) l->stride[t][i] = l->stride[t][i + 1];
    }
    l->rank--;
}

void ax_lines_join(struct ax_lines *l)
{
    for (int d = l->rank - 1; d >= 0; d--)
        if (l->dim[d] == 1) remove_dim(l, d);
    for (int d = l->rank - 2; d >= 0; d--)
        if (joins(l, d)) {
            l->dim[d + 1] *= l->dim[d];
            remove_dim(l, d);
        }
    l->count = 1;
    for (int d = 0; d + 1 < l->rank; d++) l->count *= l->dim[d];
    l->n = l->rank ? l->dim[l->rank - 1] : 1;
    for (int t = 0; t < l->tensors; t++) l->step[t] = l->rank ? l->stride[t][l->rank - 1] : 1;
}

void *ax_lines_broadcast(const struct ax_program *p, const struct ax_step *s, int inputs)
{
    struct ax_lines *l = calloc(1, sizeof *l);
    if (!l) return NULL;
    const struct ax_operand *y = &p->operands[s->out[0]];
    l->rank = y->rank;
    l->tensors = inputs + 1;
    for (int t = 0; t <= inputs; t++) {
        const struct ax_operand *o = t ? &p->operands[s->in[t - 1]] : y;
        int64_t step = 1;
        for (int d = o->rank - 1; d >= 0; step *= o->dim[d], d--)
            l->stride[t][d + y->rank - o->rank] = o->dim[d] == 1 ? 0 : step;
    }
    for (int d = 0; d < y->rank; d++) l->dim[d] = y->dim[d];
    ax_lines_join(l);
    return l;
}

void ax_lines_at(const struct ax_lines *l, int64_t i, int64_t offset[AX_LINES_MAX])
{
    for (int t = 0; t < l->tensors; t++) offset[t] = 0;
    for (int d = l->rank - 2; d >= 0; d--) {
        int64_t at = i % l->dim[d];
        i /= l->dim[d];
        for (int t = 0; t < l->tensors; t++) offset[t] += at * l->stride[t][d];
    }
}

struct ax_lines_part ax_lines_share(const struct ax_lines *l, int thread, int threads)
{
    struct ax_lines_part p = {0, l->count, 0, l->n};
    if (l->count >= 2 * (int64_t)threads)
        ax_share(l->count, 1, thread, threads, &p.from, &p.to);
    else
        ax_share(l->n, 64, thread, threads, &p.begin, &p.end);
    return p;
}
