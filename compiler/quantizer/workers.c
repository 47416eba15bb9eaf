/* Samples side by side, a thread each. Each item is done by one thread, whole, so that the result does not depend on how many
 * there are. */
#include "kernels/cpu.h"
#include "quantizer/internal.h"

enum ax_status ax_workers_new(const struct ax_quant_options *opt, struct ax_pool **out, struct ax_error *err)
{
    return ax_pool_new(opt->threads > 0 ? opt->threads : ax_cpu_cores(), NULL, out, err);
}

struct batch {
    struct ax_exec *e;
    int first, last;
    uint8_t *const *arenas;
    void (*after)(void *ctx, int i);
    void *ctx;
};

static void run_alone(void *ctx, int i, int thread)
{
    const struct batch *b = ctx;
    ax_exec_run_alone(b->e, b->first, b->last, b->arenas[i], thread);
    if (b->after) b->after(b->ctx, i);
}

void ax_workers_walk(struct ax_pool *pool, struct ax_exec *e, int first, int last, uint8_t *const *arenas, int n,
                     void (*after)(void *ctx, int i), void *ctx)
{
    struct batch b = {e, first, last, arenas, after, ctx};
    if (n >= ax_pool_threads(pool)) {
        ax_pool_each(pool, n, run_alone, &b);
        return;
    }
    for (int i = 0; i < n; i++) {
        ax_exec_run(e, first, last, arenas[i]);
        if (after) after(ctx, i);
    }
}

void ax_arenas_free(uint8_t **arenas, int n)
{
    for (int i = 0; arenas && i < n; i++) free(arenas[i]);
    free(arenas);
}

uint8_t **ax_arenas_new(const struct ax_exec *e, int n, struct ax_error *err)
{
    size_t bytes = (size_t)ax_exec_arena_bytes(e);
    uint8_t **arenas = calloc((size_t)n, sizeof *arenas);
    for (int i = 0; arenas && i < n; i++) {
        if ((arenas[i] = aligned_alloc(64, bytes))) continue;
        ax_arenas_free(arenas, n);
        arenas = NULL;
    }
    if (!arenas) ax_fail(err, AX_NO_MEMORY, "quantizer: no memory for %d samples of %lld bytes", n, (long long)bytes);
    return arenas;
}
