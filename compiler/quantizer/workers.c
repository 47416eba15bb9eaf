/* Threads for what lies between the runs of the executors. Each item is done by one thread, whole, so that the result does not
 * depend on how many there are. */
#include <stdatomic.h>

#include "exec/pool.h"
#include "kernels/cpu.h"
#include "quantizer/internal.h"

struct batch {
    void (*item)(void *ctx, int i);
    void *ctx;
    int n;
    atomic_int next;
};

enum ax_status ax_workers_new(const struct ax_quant_options *opt, struct ax_pool **out, struct ax_error *err)
{
    return ax_pool_new(opt->threads > 0 ? opt->threads : ax_cpu_cores(), NULL, out, err);
}

static void take_items(void *ctx, int thread)
{
    struct batch *b = ctx;
    (void)thread;
    for (int i; (i = atomic_fetch_add(&b->next, 1)) < b->n;) b->item(b->ctx, i);
}

void ax_workers_run(struct ax_pool *pool, int n, void (*item)(void *ctx, int i), void *ctx)
{
    struct batch b = {.item = item, .ctx = ctx, .n = n};
    ax_pool_run(pool, take_items, &b);
}
