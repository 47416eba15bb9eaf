/* TOPK: a heap of the k best positions, then sorted. Of equal elements the one with the lower index is better. */
#include <string.h>

#include "kernels/lines.h"
#include "kernels/plain.h"

struct line {
    const uint8_t *x;
    enum ax_dtype dtype;
    int64_t start, step;
    int largest;
};

#define BETTER(T)                                                                                                              \
    do {                                                                                                                       \
        T p = ((const T *)l->x)[l->start + a * l->step], q = ((const T *)l->x)[l->start + b * l->step];                        \
        if (p != q) return l->largest ? p > q : p < q;                                                                         \
        return a < b;                                                                                                          \
    } while (0)

static int better(const struct line *l, int64_t a, int64_t b)
{
    switch (l->dtype) {
    case AX_DTYPE_FLOAT32: BETTER(float);
    case AX_DTYPE_INT32: BETTER(int32_t);
    case AX_DTYPE_INT64: BETTER(int64_t);
    case AX_DTYPE_INT8: BETTER(int8_t);
    default: BETTER(uint8_t);
    }
}

/* heap[0] is the worst of the heap. */
static void sift(const struct line *l, int64_t *heap, int64_t n, int64_t i)
{
    for (;;) {
        int64_t worst = i, c = 2 * i + 1;
        if (c < n && better(l, heap[worst], heap[c])) worst = c;
        if (c + 1 < n && better(l, heap[worst], heap[c + 1])) worst = c + 1;
        if (worst == i) return;
        int64_t x = heap[i];
        heap[i] = heap[worst];
        heap[worst] = x;
        i = worst;
    }
}

static void select_best(const struct line *l, int64_t n, int64_t k, int64_t *heap)
{
    for (int64_t i = 0; i < k; i++) heap[i] = i;
    for (int64_t i = k / 2; i-- > 0;) sift(l, heap, k, i);
    for (int64_t i = k; i < n; i++)
        if (better(l, i, heap[0])) heap[0] = i, sift(l, heap, k, 0);
    for (int64_t m = k; m > 1;) { /* the worst to the end, again and again: best first */
        int64_t x = heap[--m];
        heap[m] = heap[0];
        heap[0] = x;
        sift(l, heap, m, 0);
    }
}

static int64_t scratch(const struct ax_program *p, const struct ax_step *s)
{
    (void)p;
    const struct ax_topk_params *k = s->params;
    return (int64_t)k->k * 8;
}

static void run(const struct ax_task *t)
{
    const struct ax_topk_params *p = t->params;
    const struct ax_operand *x = t->in[0];
    int64_t outer = 1, inner = 1, n = x->dim[p->axis], from, to, *heap = (int64_t *)t->scratch;
    size_t size = ax_dtype_bytes(x->dtype);
    for (int d = 0; d < p->axis; d++) outer *= x->dim[d];
    for (int d = p->axis + 1; d < x->rank; d++) inner *= x->dim[d];
    ax_share(outer * inner, 1, t->thread, t->threads, &from, &to);
    for (int64_t i = from; i < to; i++) {
        struct line l = {t->in_data[0], x->dtype, i / inner * n * inner + i % inner, inner, p->largest};
        select_best(&l, n, p->k, heap);
        for (int64_t k = 0; k < p->k; k++) {
            int64_t at = (i / inner * p->k + k) * inner + i % inner;
            if (t->out_data[0])
                memcpy(t->out_data[0] + at * (int64_t)size, l.x + (l.start + heap[k] * inner) * (int64_t)size, size);
            if (t->out_data[1]) ((int64_t *)t->out_data[1])[at] = heap[k];
        }
    }
}

AX_PLAIN_KERNEL(TOPK, topk, .scratch = scratch, .run = run);
