/* A few persistent threads that all run the same function at once, and the barrier at which they meet: they spin for some
 * microseconds, then sleep in the kernel. Thread 0 is the caller. */
#ifndef AX_EXEC_POOL_H
#define AX_EXEC_POOL_H

#include "base/status.h"

struct ax_pool;

/* cores: `threads` core numbers to pin to, or NULL. */
enum ax_status ax_pool_new(int threads, const int *cores, struct ax_pool **out, struct ax_error *err);
void ax_pool_free(struct ax_pool *p);
int ax_pool_threads(const struct ax_pool *p);
/* Runs work(ctx, thread) on every thread; returns when all are done. One run at a time. */
void ax_pool_run(struct ax_pool *p, void (*work)(void *ctx, int thread), void *ctx);
void ax_pool_barrier(struct ax_pool *p); /* from within work, by all threads */
/* item(ctx, i) for each i in [0, n), each whole on one thread, in the order in which threads come by. */
void ax_pool_each(struct ax_pool *p, int n, void (*item)(void *ctx, int i, int thread), void *ctx);

#endif
