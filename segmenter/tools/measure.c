/* Measuring on this machine, and the loop that measures, corrects and solves again. */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/progress.h"
#include "chain.h"
#include "kernels/cpu.h"
#include "tools/job.h"

enum { WARM_UP = 3, LEAST = 8, GROUPS = 4, WINDOWS = 3, SETTLED = 4 };
static const double most_seconds = 5; /* a measurement ends then, with at least LEAST runs */

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

/* Sort the list. */
static double fastest_tenth(double *list, int64_t n)
{
    qsort(list, (size_t)n, sizeof *list, by_value);
    return n ? list[(n - 1) / 10] : 0;
}

static double median(double *list, int64_t n)
{
    qsort(list, (size_t)n, sizeof *list, by_value);
    return n ? (list[(n - 1) / 2] + list[n / 2]) / 2 : 0;
}

/* Rows of times: [row][run], as many runs as there was time for. */
struct times {
    double *ns;
    int64_t cap, n;
};

static double *row_of(const struct times *t, int row)
{
    return t->ns + row * t->cap;
}

static enum ax_status times_new(struct times *t, int rows, int64_t cap, struct ax_error *err)
{
    *t = (struct times){calloc((size_t)rows * (size_t)cap + 1, sizeof(double)), cap, 0};
    return t->ns ? AX_OK : ax_fail(err, AX_NO_MEMORY, "no memory for %lld measurements", (long long)cap * rows);
}

/* Runs the chain `cap` times or for most_seconds; `each` takes the times of a run. */
static enum ax_status run_many(struct ax_seg_chain *c, struct times *t, void (*each)(struct ax_seg_chain *, struct times *),
                               const char *what, struct ax_error *err)
{
    struct ax_progress bar;
    enum ax_status s = AX_OK;
    double begin = now();
    ax_seg_chain_random(c, 1);
    for (int i = 0; i < WARM_UP && !s; i++) s = ax_seg_chain_run(c, err);
    ax_progress_begin(&bar, what, t->cap);
    while (t->n < t->cap && !s && (t->n < LEAST || now() - begin < most_seconds)) {
        s = ax_seg_chain_run(c, err);
        if (each) each(c, t);
        ax_progress_step(&bar, ++t->n);
    }
    ax_progress_end(&bar);
    return s;
}

/* -- steps of the whole -- */

struct steps {
    struct times t;
    double cpu_ns; /* when the step before ended */
};

static double cpu_now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return 1e9 * (double)t.tv_sec + (double)t.tv_nsec;
}

/* The clock on the wall also counts what other processes took of the core, the thread's own the clock itself. */
static void take_step(void *ctx, int step, int64_t begin_ns, int64_t end_ns)
{
    struct steps *s = ctx;
    double wall = (double)(end_ns - begin_ns), cpu = cpu_now_ns() - s->cpu_ns;
    row_of(&s->t, step)[s->t.n] = step && cpu < wall ? cpu : wall;
    s->cpu_ns = cpu_now_ns();
}

static void fill_profile(struct ax_segment_job *j, struct ax_seg_chain *c, struct times *t)
{
    const struct ax_program *p = j->model->program;
    struct ax_profile *f = &j->profile;
    *f = (struct ax_profile){
        .model = j->name, .device = "cpu", .features = "", .cores = 1, .count = t->n, .n_steps = p->n_steps};
    f->steps = AX_NEW(&j->mem, struct ax_profile_step, p->n_steps + 1);
    for (int i = 0; i < p->n_steps; i++) {
        double *ns = row_of(t, i), mid = median(ns, t->n) / 1e3;
        f->steps[i] = (struct ax_profile_step){.name = p->steps[i].name,
                                               .kind = ax_step_text(p->steps[i].kind),
                                               .kernel = ax_arena_str(&j->mem, ax_exec_kernel_name(c->exec[0], i)),
                                               .node = p->steps[i].node,
                                               .macs = p->steps[i].macs,
                                               .median_us = mid,
                                               .min_us = ns[0] / 1e3,
                                               .p95_us = ns[(t->n - 1) * 95 / 100] / 1e3};
        f->total_us += mid;
    }
}

/* Of a simulated device: nothing needs to run. */
static void count_profile(struct ax_segment_job *j)
{
    const struct ax_program *p = j->model->program;
    struct ax_profile *f = &j->profile;
    *f = (struct ax_profile){.model = j->name, .device = j->device_name, .features = "", .cores = 1, .count = 1};
    f->steps = AX_NEW(&j->mem, struct ax_profile_step, p->n_steps + 1);
    f->n_steps = p->n_steps;
    for (int i = 0; i < p->n_steps; i++) {
        double us = (double)ax_device_step_ps(&j->device, p, &p->steps[i]) * 1e-6;
        f->steps[i] = (struct ax_profile_step){.name = p->steps[i].name,
                                               .kind = ax_step_text(p->steps[i].kind),
                                               .kernel = "",
                                               .node = p->steps[i].node,
                                               .macs = p->steps[i].macs,
                                               .median_us = us,
                                               .min_us = us,
                                               .p95_us = us};
        f->total_us += us;
    }
}

enum ax_status ax_segment_profile(struct ax_segment_job *j, struct ax_error *err)
{
    if (j->simulated) return count_profile(j), AX_OK;
    const struct ax_program *p = j->model->program;
    struct ax_seg_chain c = {0};
    struct steps steps = {0};
    enum ax_status s = ax_seg_chain_new(&p, 1, 1, 0, &c, err);
    if (!s) s = times_new(&steps.t, p->n_steps, j->set->count, err);
    if (!s) ax_exec_set_hook(c.exec[0], take_step, &steps);
    if (!s) s = run_many(&c, &steps.t, NULL, "measuring steps", err);
    if (!s) fill_profile(j, &c, &steps.t);
    ax_seg_chain_free(&c);
    free(steps.t.ns);
    return s;
}

/* -- segments -- */

static void take_segments(struct ax_seg_chain *c, struct times *t)
{
    for (int k = 0; k < c->n; k++) row_of(t, k)[t->n] = (double)c->ns[k];
}

double ax_segment_slowest_ns(const struct ax_segment_job *j)
{
    double slowest = 0;
    for (int k = 0; k < j->n_segments; k++) {
        double ns = j->segment_ns[k] / j->solution.replicas[k];
        if (ns > slowest) slowest = ns;
    }
    return slowest;
}

void ax_segment_note_measured(struct ax_segment_job *j)
{
    double sum = 0;
    for (int k = 0; k < j->n_segments; k++) sum += j->segment_ns[k] / j->solution.replicas[k];
    j->balance = sum > 0 ? ax_segment_slowest_ns(j) / (sum / j->n_segments) : 1;
    j->measured = true;
}

/* How far the bottleneck moves from one group of runs to the next: half the range, relative. */
static double noise_of(const struct ax_segment_job *j, const struct times *t)
{
    double low = INFINITY, high = 0, *part = malloc(sizeof(double) * (size_t)(t->n + 1));
    if (!part) abort();
    for (int g = 0; g < GROUPS; g++) {
        double slowest = 0;
        int64_t first = t->n * g / GROUPS, n = t->n * (g + 1) / GROUPS - first;
        for (int k = 0; k < j->n_segments; k++) {
            memcpy(part, row_of(t, k) + first, sizeof(double) * (size_t)n);
            double ns = fastest_tenth(part, n) / j->solution.replicas[k];
            if (ns > slowest) slowest = ns;
        }
        low = slowest < low ? slowest : low;
        high = slowest > high ? slowest : high;
    }
    free(part);
    return high > 0 ? (high - low) / 2 / high : 0;
}

static void fill_segments(struct ax_segment_job *j, struct times *t)
{
    j->noise = noise_of(j, t);
    for (int k = 0; k < j->n_segments; k++) j->segment_ns[k] = fastest_tenth(row_of(t, k), t->n);
    ax_segment_note_measured(j);
}

static enum ax_status measure_chain(struct ax_segment_job *j, struct ax_error *err)
{
    const struct ax_program *programs[AX_SEG_MAX_STAGES];
    struct ax_seg_chain c = {0};
    struct times t = {0};
    for (int k = 0; k < j->n_segments; k++) programs[k] = j->parts[k].program;
    enum ax_status s = ax_seg_chain_new(programs, j->n_segments, 1, 0, &c, err);
    if (!s) s = times_new(&t, j->n_segments, j->set->count, err);
    if (!s) s = run_many(&c, &t, take_segments, "measuring segments", err);
    if (!s) fill_segments(j, &t);
    ax_seg_chain_free(&c);
    free(t.ns);
    return s;
}

enum ax_status ax_segment_measure(struct ax_segment_job *j, struct ax_error *err)
{
    int cores = 0;
    for (int k = 0; k < j->n_segments; k++) cores += j->solution.replicas[k];
    j->in_pipeline = j->simulated || cores <= ax_cpu_cores();
    if (!j->in_pipeline) return measure_chain(j, err);
    enum ax_status s = ax_segment_measure_pipeline(j, err);
    if (s != AX_BUSY || j->simulated) return s;
    fprintf(stderr, "axsegment: %s; the segments are measured one after another\n", err->message);
    j->in_pipeline = false;
    return measure_chain(j, err);
}

static enum ax_status measure_windows(struct ax_segment_job *j, double least[AX_SEG_MAX_STAGES], double slowest[WINDOWS],
                                      struct ax_error *err)
{
    for (int i = 0; i < WINDOWS; i++) {
        if (ax_segment_measure(j, err)) return err->status;
        slowest[i] = ax_segment_slowest_ns(j);
        for (int k = 0; k < j->n_segments; k++) least[k] = i && least[k] < j->segment_ns[k] ? least[k] : j->segment_ns[k];
    }
    return AX_OK;
}

/* Noise is how far the two best windows are apart. */
enum ax_status ax_segment_measure_well(struct ax_segment_job *j, struct ax_error *err)
{
    double least[AX_SEG_MAX_STAGES], slowest[WINDOWS];
    if (j->simulated) return ax_segment_measure(j, err);
    if (measure_windows(j, least, slowest, err)) return err->status;
    memcpy(j->segment_ns, least, sizeof least);
    ax_segment_note_measured(j);
    qsort(slowest, WINDOWS, sizeof slowest[0], by_value);
    j->noise = slowest[1] > 0 ? 1 - slowest[0] / slowest[1] : 0;
    return AX_OK;
}

/* -- the loop -- */

void ax_segment_correct(struct ax_segment_job *j)
{
    double factor[AX_SEG_MAX_STAGES];
    for (int k = 0; k < j->n_segments; k++) {
        const struct ax_seg_stage *s = &j->solution.stage[k];
        double rest = (double)(s->cost - s->compute), want = j->segment_ns[k] * 1e3 - rest;
        if (want < 0.05 * j->segment_ns[k] * 1e3) want = 0.05 * j->segment_ns[k] * 1e3; /* transfers were overrated */
        factor[k] = s->compute > 0 ? want / (double)s->compute : 1;
    }
    for (int v = 0; v < j->graph->n_nodes; v++)
        j->costs.nodes[v].compute = (int64_t)((double)j->costs.nodes[v].compute * factor[j->solution.stage_of[v]] + 0.5);
}

struct kept { /* the best partition so far */
    struct ax_seg_solution solution;
    double segment_ns[AX_SEG_MAX_STAGES], noise, balance, slowest, predicted, per_second;
    int64_t *compute; /* costs as its measurement corrected them */
};

/* After the costs were corrected. */
static void keep(const struct ax_segment_job *j, struct kept *k)
{
    int64_t *compute = k->compute;
    *k = (struct kept){.solution = j->solution,
                       .noise = j->noise,
                       .balance = j->balance,
                       .slowest = ax_segment_slowest_ns(j),
                       .predicted = j->predicted_ns,
                       .per_second = j->per_second,
                       .compute = compute};
    for (int v = 0; v < j->graph->n_nodes; v++) compute[v] = j->costs.nodes[v].compute;
    memcpy(k->segment_ns, j->segment_ns, sizeof k->segment_ns);
}

static void restore(struct ax_segment_job *j, const struct kept *k)
{
    j->solution = k->solution;
    memcpy(j->segment_ns, k->segment_ns, sizeof k->segment_ns);
    j->noise = k->noise;
    j->balance = k->balance;
    j->predicted_ns = k->predicted;
    j->per_second = k->per_second;
    for (int v = 0; v < j->graph->n_nodes; v++) j->costs.nodes[v].compute = k->compute[v];
    ax_seg_complete(&j->costs.problem, &j->solution); /* its stages under the costs as they were corrected */
}

static bool same_cut(const struct ax_segment_job *j, const struct ax_seg_solution *a, const struct ax_seg_solution *b)
{
    return !memcmp(a->stage_of, b->stage_of, sizeof(int) * (size_t)j->graph->n_nodes) &&
           !memcmp(a->replicas, b->replicas, sizeof a->replicas);
}

static bool measured_before(const struct ax_segment_job *j, const struct ax_seg_solution *tried, int n)
{
    for (int i = 0; i < n; i++)
        if (same_cut(j, &tried[i], &j->solution)) return true;
    return false;
}

/* The kept partition's figures under the costs as they were corrected after it. */
static void price(struct ax_segment_job *j, int64_t lower_bound, bool exact)
{
    ax_seg_complete(&j->costs.problem, &j->solution);
    j->solution.lower_bound = lower_bound < j->solution.bottleneck ? lower_bound : j->solution.bottleneck;
    j->solution.exact = exact;
}

/* How a search for the best cut measures, and when it ends. */
struct effort {
    enum ax_status (*measure)(struct ax_segment_job *j, struct ax_error *err);
    int cuts;               /* at most */
    double balance, margin; /* enough: slowest/mean, with costs that promise no less than this share of the slowest */
};

static bool good_enough(const struct ax_segment_job *j, const struct effort *e, const struct kept *best)
{
    return j->balance <= e->balance && (double)j->solution.bottleneck / 1e3 > e->margin * best->slowest;
}

/* Measures, corrects the costs and solves again; leaves the best of what was measured, and says how many that were. */
static enum ax_status search(struct ax_segment_job *j, const struct effort *e, int *n, struct ax_error *err)
{
    struct ax_seg_solution *tried = AX_NEW(&j->mem, struct ax_seg_solution, e->cuts + 1);
    struct kept best = {.slowest = INFINITY, .compute = AX_NEW(&j->mem, int64_t, j->graph->n_nodes + 1)};
    enum ax_status s = AX_OK;
    for (*n = 0;;) {
        j->predicted_ns = (double)j->solution.bottleneck / 1e3;
        s = ax_segment_cut(j, err);
        if (!s) s = e->measure(j, err);
        if (s) return s;
        tried[(*n)++] = j->solution;
        ax_segment_correct(j);
        if (ax_segment_slowest_ns(j) < best.slowest) keep(j, &best);
        if (*n == e->cuts) break;
        s = ax_segment_solve(j, j->n_segments, false, &j->solution, err);
        if (s) return s;
        if (measured_before(j, tried, *n) || good_enough(j, e, &best)) break;
    }
    restore(j, &best);
    return AX_OK;
}

/* The one that was fastest of several was also lucky: it is measured well, and so are better ones that the costs promise then.
 * What is written is the best of these. */
enum ax_status ax_segment_refine(struct ax_segment_job *j, struct ax_error *err)
{
    const struct effort rounds = {ax_segment_measure, j->set->rounds, j->set->balance, 0.99};
    const struct effort settled = {ax_segment_measure_well, SETTLED, INFINITY, 0.98};
    struct ax_seg_solution optimum;
    int n;
    enum ax_status s = search(j, &rounds, &j->rounds, err);
    if (!s && !j->simulated) s = search(j, &settled, &n, err);
    if (!s) s = ax_segment_cut(j, err);
    if (!s) s = ax_segment_solve(j, j->n_segments, false, &optimum, err);
    if (!s) price(j, optimum.lower_bound, optimum.exact);
    return s;
}
