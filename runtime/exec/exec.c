#include "exec/exec.h"

#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "exec/internal.h"
#include "exec/pool.h"
#include "kernels/cpu.h"
#include "kernels/kernel.h"

enum { SHARE_MACS = 2000000 }; /* a share that is smaller is not worth taking */
enum { MAX_IO = 8, MAX_THREADS = 1024 };

/* A step with all that is known before it runs. Absent operands are padded with NULL, so that kernels need no counts. */
struct bound {
    const struct ax_kernel *kernel;
    int shares; /* of each thread; 0: so little work that one thread does it, without a barrier around it */
    const struct ax_operand *in[MAX_IO], *out[MAX_IO];
};

/* What kernels prepared, by step; several executors of a program may share it. */
struct tables {
    atomic_int users;
    int n;
    void *step[];
};

struct ax_exec {
    const struct ax_program *p;
    int threads;
    uint32_t cpu;
    struct ax_pool *pool, *own_pool; /* own_pool: NULL where it was given */
    struct bound *steps;
    struct tables *tables;
    uint8_t *arena, **scratch;
    void (*hook)(void *ctx, int step, int64_t begin_ns, int64_t end_ns);
    void *hook_ctx;
    struct ax_home *home; /* where operands lie when there are windows; NULL: all in the arena */
    atomic_int *taken;    /* of each thread's shares of each step, in the run at hand */
    int first, last;      /* of the run at hand */
    uint8_t *run_arena;
};

static const struct ax_operand *operand_at(const struct ax_exec *e, const int *list, int n, int i)
{
    return i < n && list[i] >= 0 ? ax_home_operand(e->home, e->p, list[i]) : NULL;
}

/* Below some 20 microseconds of work on one thread, meeting costs more than sharing wins. */
static int shares_of(const struct bound *b, const struct ax_step *s, int threads)
{
    int64_t bytes = 0;
    for (int i = 0; i < MAX_IO; i++) {
        if (b->in[i] && b->in[i]->space == AX_SPACE_ARENA) bytes += ax_operand_span(b->in[i]);
        if (b->out[i]) bytes += ax_operand_span(b->out[i]);
    }
    if (s->macs <= 100000 && bytes <= 32768) return 0;
    return s->macs > SHARE_MACS * 4 * threads ? 4 : s->macs > SHARE_MACS * 2 * threads ? 2 : 1;
}

/* -- tables -- */

static void let_go(struct tables *t)
{
    if (!t || atomic_fetch_sub(&t->users, 1) > 1) return;
    for (int i = 0; i < t->n; i++) free(t->step[i]);
    free(t);
}

static enum ax_status fill_tables(struct ax_exec *e, struct ax_error *err)
{
    for (int i = 0; i < e->p->n_steps; i++) {
        const struct ax_step *s = &e->p->steps[i];
        const struct ax_kernel *k = e->steps[i].kernel;
        if (k->prepare && !(e->tables->step[i] = k->prepare(e->p, s)))
            return ax_fail(err, AX_NO_MEMORY, "step %d (%s, node '%s'): no memory for its tables", i, ax_step_text(s->kind),
                           s->name);
    }
    return AX_OK;
}

/* Kernels are the same where the features are. */
static enum ax_status find_tables(struct ax_exec *e, const struct ax_exec *like, struct ax_error *err)
{
    if (like && like->p == e->p && like->cpu == e->cpu) {
        e->tables = like->tables;
        atomic_fetch_add(&e->tables->users, 1);
        return AX_OK;
    }
    e->tables = calloc(1, sizeof *e->tables + sizeof(void *) * (size_t)e->p->n_steps);
    if (!e->tables) return ax_fail(err, AX_NO_MEMORY, "no memory for an executor of %d steps", e->p->n_steps);
    atomic_init(&e->tables->users, 1);
    e->tables->n = e->p->n_steps;
    return fill_tables(e, err);
}

/* -- binding -- */

static enum ax_status bind_step(struct ax_exec *e, int index, int64_t *scratch, struct ax_error *err)
{
    const struct ax_step *s = &e->p->steps[index];
    struct bound *b = &e->steps[index];
    b->kernel = ax_kernel_find(e->p, s, e->cpu);
    if (!b->kernel)
        return ax_fail(err, AX_UNSUPPORTED, "step %d (%s, node '%s'): this build has no kernel for it", index,
                       ax_step_text(s->kind), s->name ? s->name : "");
    for (int i = 0; i < MAX_IO; i++) {
        b->in[i] = operand_at(e, s->in, s->n_in, i);
        b->out[i] = operand_at(e, s->out, s->n_out, i);
    }
    b->shares = e->threads > 1 ? shares_of(b, s, e->threads) : 0;
    int64_t need = b->kernel->scratch ? b->kernel->scratch(e->p, s) : 0;
    if (need > *scratch) *scratch = need;
    return AX_OK;
}

static uint8_t *block(int64_t bytes)
{
    int64_t all = (bytes + AX_SLACK + 63) / 64 * 64;
    uint8_t *p = aligned_alloc(64, (size_t)all);
    if (p) memset(p, 0, (size_t)all);
    return p;
}

static enum ax_status bind_all(struct ax_exec *e, struct ax_error *err)
{
    int64_t scratch = 0;
    e->steps = calloc((size_t)e->p->n_steps + 1, sizeof *e->steps);
    e->scratch = calloc((size_t)e->threads, sizeof *e->scratch);
    e->taken = calloc((size_t)(e->p->n_steps + 1) * (size_t)e->threads, sizeof *e->taken);
    if (!e->steps || !e->scratch || !e->taken)
        return ax_fail(err, AX_NO_MEMORY, "no memory for an executor of %d steps", e->p->n_steps);
    for (int i = 0; i < e->p->n_steps; i++)
        if (bind_step(e, i, &scratch, err)) return err->status;
    for (int i = 0; i < e->threads; i++)
        if (!(e->scratch[i] = block(scratch)))
            return ax_fail(err, AX_NO_MEMORY, "no memory for %lld bytes of scratch a thread", (long long)scratch);
    return AX_OK;
}

/* The first cores that the process may use; as many as there are threads, from the start again when they run out. */
static void default_cores(int *cores, int n)
{
    cpu_set_t set;
    int found = 0;
    if (sched_getaffinity(0, sizeof set, &set) == 0)
        for (int c = 0; c < CPU_SETSIZE && found < n; c++)
            if (CPU_ISSET(c, &set)) cores[found++] = c;
    for (int i = found; i < n; i++) cores[i] = found ? cores[i % found] : 0;
}

static enum ax_status start_pool(struct ax_exec *e, const struct ax_exec_options *opt, struct ax_error *err)
{
    if (!opt->pin) return ax_pool_new(e->threads, NULL, &e->own_pool, err);
    int *cores = calloc((size_t)e->threads, sizeof *cores);
    if (!cores) return ax_fail(err, AX_NO_MEMORY, "no memory for %d threads", e->threads);
    if (opt->cores)
        memcpy(cores, opt->cores, (size_t)e->threads * sizeof *cores);
    else
        default_cores(cores, e->threads);
    enum ax_status s = ax_pool_new(e->threads, cores, &e->own_pool, err);
    free(cores);
    return s;
}

enum ax_status ax_exec_new(const struct ax_program *p, const struct ax_exec_options *opt, struct ax_exec **out,
                           struct ax_error *err)
{
    *out = NULL;
    struct ax_exec *e = calloc(1, sizeof *e);
    if (!e) return ax_fail(err, AX_NO_MEMORY, "no memory for an executor");
    e->p = p;
    e->threads = opt->pool ? ax_pool_threads(opt->pool) : opt->threads > 0 ? opt->threads : ax_cpu_cores();
    e->cpu = ax_cpu_features() & (opt->cpu_mask ? opt->cpu_mask : ~0u);
    enum ax_status s = opt->n_windows ? ax_home_new(p, opt->windows, opt->n_windows, &e->home, err) : AX_OK;
    if (s == AX_OK && e->threads > MAX_THREADS)
        s = ax_fail(err, AX_INVALID_ARGUMENT, "%d threads asked for; at most %d", e->threads, MAX_THREADS);
    if (s == AX_OK) s = bind_all(e, err);
    if (s == AX_OK) s = find_tables(e, opt->like, err);
    if (s == AX_OK && !opt->no_arena && !(e->arena = block(p->arena_bytes)))
        s = ax_fail(err, AX_NO_MEMORY, "no memory for %lld bytes of activations", (long long)p->arena_bytes);
    if (s == AX_OK && !opt->pool) s = start_pool(e, opt, err);
    e->pool = opt->pool ? opt->pool : e->own_pool;
    if (s == AX_OK)
        *out = e;
    else
        ax_exec_free(e);
    return s;
}

void ax_exec_free(struct ax_exec *e)
{
    if (!e) return;
    ax_pool_free(e->own_pool);
    let_go(e->tables);
    for (int i = 0; e->scratch && i < e->threads; i++) free(e->scratch[i]);
    free(e->scratch);
    free(e->taken);
    ax_home_free(e->home);
    free(e->steps);
    free(e->arena);
    free(e);
}

int64_t ax_exec_arena_bytes(const struct ax_exec *e)
{
    return (e->p->arena_bytes + AX_SLACK + 63) / 64 * 64;
}

uint8_t *ax_exec_arena(struct ax_exec *e)
{
    return e->arena;
}

uint8_t *ax_exec_data(const struct ax_exec *e, int operand, const uint8_t *arena)
{
    return ax_home_data(e->home, e->p, operand, arena);
}

const struct ax_operand *ax_exec_operand(const struct ax_exec *e, int operand, const uint8_t *arena)
{
    ax_home_settle(e->home, arena);
    return ax_home_operand(e->home, e->p, operand);
}

void ax_exec_window(struct ax_exec *e, int window, uint8_t *data)
{
    ax_home_window(e->home, window, data);
}

static void resolve(const struct ax_exec *e, const int *list, int n, const uint8_t *arena, uint8_t **data)
{
    for (int i = 0; i < MAX_IO; i++) data[i] = i < n && list[i] >= 0 ? ax_exec_data(e, list[i], arena) : NULL;
}

static void run_step(struct ax_exec *e, int index, uint8_t *arena, int thread, int share, int shares)
{
    const struct bound *b = &e->steps[index];
    uint8_t *in[MAX_IO], *out[MAX_IO];
    const struct ax_step *s = &e->p->steps[index];
    resolve(e, s->in, s->n_in, arena, in);
    resolve(e, s->out, s->n_out, arena, out);
    struct ax_task t = {.step = s,
                        .in = b->in,
                        .out = b->out,
                        .in_data = in,
                        .out_data = out,
                        .params = s->params,
                        .state = e->tables->step[index],
                        .scratch = e->scratch[thread],
                        .thread = share,
                        .threads = shares};
    b->kernel->run(&t);
}

/* Each thread does its own shares, whose rows its cache knows from the step before, and then those that others have not begun:
 * a core that the system takes away for a while holds up one share and not the step. */
static void run_shares(struct ax_exec *e, int index, int thread)
{
    int each = e->steps[index].shares, threads = e->threads;
    for (int k = 0; k < threads; k++) {
        int owner = (thread + k) % threads;
        atomic_int *taken = &e->taken[index * threads + owner];
        for (int i; (i = atomic_fetch_add_explicit(taken, 1, memory_order_relaxed)) < each;)
            run_step(e, index, e->run_arena, thread, owner * each + i, threads * each);
    }
}

static int64_t now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static void walk(void *ctx, int thread)
{
    struct ax_exec *e = ctx;
    int64_t begin = e->hook && thread == 0 ? now_ns() : 0;
    for (int i = e->first; i < e->last; i++) {
        int parallel = e->steps[i].shares, next = i + 1 < e->last && e->steps[i + 1].shares;
        if (parallel)
            run_shares(e, i, thread);
        else if (thread == 0)
            run_step(e, i, e->run_arena, 0, 0, 1);
        if (parallel || next || e->hook) ax_pool_barrier(e->pool);
        if (e->hook && thread == 0) {
            int64_t end = now_ns();
            e->hook(e->hook_ctx, i, begin, end);
            begin = now_ns();
        }
    }
}

void ax_exec_run(struct ax_exec *e, int first, int last, uint8_t *arena)
{
    e->first = first < 0 ? 0 : first;
    e->last = last > e->p->n_steps ? e->p->n_steps : last;
    e->run_arena = arena ? arena : e->arena;
    ax_home_settle(e->home, e->run_arena);
    for (int i = e->first * e->threads; i < e->last * e->threads; i++)
        atomic_store_explicit(&e->taken[i], 0, memory_order_relaxed);
    ax_pool_run(e->pool, walk, e);
}

void ax_exec_run_alone(struct ax_exec *e, int first, int last, uint8_t *arena, int thread)
{
    for (int i = first; i < last; i++) run_step(e, i, arena, thread, 0, 1);
}

void ax_exec_set_hook(struct ax_exec *e, void (*hook)(void *ctx, int step, int64_t begin_ns, int64_t end_ns), void *ctx)
{
    e->hook = hook;
    e->hook_ctx = ctx;
}

const char *ax_exec_kernel_name(const struct ax_exec *e, int step)
{
    return step >= 0 && step < e->p->n_steps ? e->steps[step].kernel->name : "";
}

int ax_exec_threads(const struct ax_exec *e)
{
    return e->threads;
}

struct ax_pool *ax_exec_pool(struct ax_exec *e)
{
    return e->pool;
}

const struct ax_program *ax_exec_program(const struct ax_exec *e)
{
    return e->p;
}
uint32_t ax_exec_cpu(const struct ax_exec *e)
{
    return e->cpu;
}
