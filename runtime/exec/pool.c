#include "exec/pool.h"

#include <limits.h>
#include <linux/futex.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { SPINS = 4000 };

/* A number that threads wait to see changed. */
struct signal {
    _Atomic uint32_t value;
    _Atomic uint32_t sleepers;
};

struct ax_pool {
    int threads;
    int *cores; /* NULL: not pinned */
    uint64_t id;
    void (*work)(void *ctx, int thread);
    void *ctx;
    atomic_int stop;
    struct signal start __attribute__((aligned(64)));
    struct signal meet __attribute__((aligned(64)));
    atomic_int arrived __attribute__((aligned(64)));
    int started; /* workers that exist */
    pthread_t *handles;
    struct worker {
        struct ax_pool *pool;
        int thread;
    } * workers;
};

static inline void relax(void)
{
#if defined(__x86_64__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#endif
}

static void wait_change(struct signal *s, uint32_t old)
{
    for (int i = 0; i < SPINS; i++) {
        if (atomic_load_explicit(&s->value, memory_order_acquire) != old) return;
        relax();
    }
    atomic_fetch_add(&s->sleepers, 1);
    while (atomic_load(&s->value) == old) syscall(SYS_futex, &s->value, FUTEX_WAIT_PRIVATE, old, NULL, NULL, 0);
    atomic_fetch_sub(&s->sleepers, 1);
}

static void change(struct signal *s)
{
    atomic_fetch_add(&s->value, 1);
    if (atomic_load(&s->sleepers)) syscall(SYS_futex, &s->value, FUTEX_WAKE_PRIVATE, INT_MAX, NULL, NULL, 0);
}

void ax_pool_barrier(struct ax_pool *p)
{
    if (p->threads == 1) return;
    uint32_t now = atomic_load(&p->meet.value);
    if (atomic_fetch_add(&p->arrived, 1) + 1 < p->threads) {
        wait_change(&p->meet, now);
    } else {
        atomic_store(&p->arrived, 0);
        change(&p->meet);
    }
}

/* A core outside of the process's affinity is refused by the kernel: the thread then runs where it may. */
static void pin(int core)
{
    cpu_set_t set;
    CPU_ZERO(&set);
    if (core < 0 || core >= CPU_SETSIZE) return;
    CPU_SET(core, &set);
    pthread_setaffinity_np(pthread_self(), sizeof set, &set);
}

static void *worker_main(void *arg)
{
    struct worker *w = arg;
    struct ax_pool *p = w->pool;
    if (p->cores) pin(p->cores[w->thread]);
    for (uint32_t seen = 0;; seen++) {
        wait_change(&p->start, seen);
        if (atomic_load(&p->stop)) return NULL;
        p->work(p->ctx, w->thread);
        ax_pool_barrier(p);
    }
}

void ax_pool_free(struct ax_pool *p)
{
    if (!p) return;
    atomic_store(&p->stop, 1);
    change(&p->start);
    for (int i = 0; i < p->started; i++) pthread_join(p->handles[i], NULL);
    free(p->handles);
    free(p->workers);
    free(p->cores);
    free(p);
}

static enum ax_status start_workers(struct ax_pool *p, struct ax_error *err)
{
    for (int i = 1; i < p->threads; i++) {
        p->workers[i - 1] = (struct worker){p, i};
        int e = pthread_create(&p->handles[i - 1], NULL, worker_main, &p->workers[i - 1]);
        if (e) return ax_fail(err, AX_DEVICE, "cannot start thread %d of %d: %s", i + 1, p->threads, strerror(e));
        p->started++;
    }
    return AX_OK;
}

enum ax_status ax_pool_new(int threads, const int *cores, struct ax_pool **out, struct ax_error *err)
{
    static _Atomic uint64_t ids;
    struct ax_pool *p = aligned_alloc(64, (sizeof *p + 63) / 64 * 64);
    *out = NULL;
    if (!p) return ax_fail(err, AX_NO_MEMORY, "no memory for a pool of %d threads", threads);
    memset(p, 0, sizeof *p);
    p->threads = threads;
    p->id = atomic_fetch_add(&ids, 1) + 1;
    p->handles = calloc((size_t)threads, sizeof *p->handles);
    p->workers = calloc((size_t)threads, sizeof *p->workers);
    p->cores = cores ? calloc((size_t)threads, sizeof *cores) : NULL;
    enum ax_status s = AX_OK;
    if (!p->handles || !p->workers || (cores && !p->cores))
        s = ax_fail(err, AX_NO_MEMORY, "no memory for a pool of %d threads", threads);
    if (s == AX_OK && cores) memcpy(p->cores, cores, (size_t)threads * sizeof *cores);
    if (s == AX_OK) s = start_workers(p, err);
    if (s == AX_OK)
        *out = p;
    else
        ax_pool_free(p);
    return s;
}

void ax_pool_run(struct ax_pool *p, void (*work)(void *ctx, int thread), void *ctx)
{
    static _Thread_local uint64_t pinned_for;
    if (p->cores && pinned_for != p->id) {
        pin(p->cores[0]);
        pinned_for = p->id;
    }
    if (p->threads == 1) {
        work(ctx, 0);
        return;
    }
    p->work = work;
    p->ctx = ctx;
    change(&p->start);
    work(ctx, 0);
    ax_pool_barrier(p);
}

int ax_pool_threads(const struct ax_pool *p)
{
    return p->threads;
}

struct items {
    void (*item)(void *ctx, int i, int thread);
    void *ctx;
    int n;
    atomic_int next;
};

static void take_items(void *ctx, int thread)
{
    struct items *b = ctx;
    for (int i; (i = atomic_fetch_add(&b->next, 1)) < b->n;) b->item(b->ctx, i, thread);
}

void ax_pool_each(struct ax_pool *p, int n, void (*item)(void *ctx, int i, int thread), void *ctx)
{
    struct items b = {.item = item, .ctx = ctx, .n = n};
    ax_pool_run(p, take_items, &b);
}
