/* How far the int8 model is from the float model. */
#include <math.h>

#include "quantizer/internal.h"

/* log10 by frexp and the series of atanh: libm's may differ in the last bit between machines, and figures go into files. */
double ax_db(double ratio)
{
    int e;
    if (!(ratio > 0)) return -300;
    double m = frexp(ratio, &e), z = (m - 1) / (m + 1), z2 = z * z, term = z, sum = 0;
    for (int k = 1; k < 60; k += 2) {
        sum += term / k;
        term *= z2;
    }
    return 10 * (2 * sum + e * 0.69314718055994530942) / 2.30258509299404568402;
}

/* The square sums of x and of x - y, in eight chains each. */
enum { CHAINS = 8 };

AX_WIDE static void add_error(const float *x, const float *y, int64_t n, double *signal, double *noise)
{
    double s[CHAINS] = {0}, e[CHAINS] = {0};
    int64_t i = 0;
    for (; i + CHAINS <= n; i += CHAINS)
        for (int k = 0; k < CHAINS; k++) {
            double r = (double)x[i + k], d = r - (double)y[i + k];
            s[k] += r * r;
            e[k] += d * d;
        }
    for (int k = 0; i + k < n; k++) {
        double r = (double)x[i + k], d = r - (double)y[i + k];
        s[k] += r * r;
        e[k] += d * d;
    }
    for (int k = 0; k < CHAINS; k++) *signal += s[k], *noise += e[k];
}

void ax_measure_init(struct ax_measure *m, struct ax_arena *a, int n_outputs)
{
    *m = (struct ax_measure){.n_outputs = n_outputs,
                             .signal = AX_NEW(a, double, n_outputs + 1),
                             .noise = AX_NEW(a, double, n_outputs + 1),
                             .dot = AX_NEW(a, double, n_outputs + 1),
                             .norm = AX_NEW(a, double, n_outputs + 1),
                             .sqnr = AX_NEW(a, double, n_outputs + 1),
                             .grouped = AX_NEW(a, double, n_outputs + 1),
                             .rows = AX_NEW(a, int64_t, n_outputs + 1),
                             .agree = AX_NEW(a, int64_t, n_outputs + 1)};
}

static int64_t argmax(const float *x, int64_t n)
{
    int64_t best = 0;
    for (int64_t i = 1; i < n; i++)
        if (x[i] > x[best]) best = i;
    return best;
}

/* Scores of a classifier: one row of at least two numbers a sample. */
static int64_t class_count(const struct ax_shape *s)
{
    int64_t n = ax_shape_count(s), most = 0;
    for (int i = 0; i < s->rank; i++) most = s->dim[i] > most ? s->dim[i] : most;
    return n == most && n >= 2 ? n : 0;
}

/* -- numbers of different kinds in one output -- */

struct slice {
    double peak, signal, noise;
};

static int by_peak(const void *a, const void *b)
{
    const struct slice *x = a, *y = b;
    return (x->peak < y->peak) - (x->peak > y->peak);
}

/* A table's numbers, a slice each: the shorter of its two sides. Returns how many there are; 0: it is no table. */
static int64_t slices_of(const struct ax_shape *s, int64_t *step, int64_t *row, int64_t *count)
{
    int r = s->rank;
    if (r < 2 || ax_shape_count(s) != s->dim[r - 2] * s->dim[r - 1]) return 0;
    int64_t a = s->dim[r - 2], b = s->dim[r - 1];
    bool first = a <= b;
    *row = first ? b : 1, *step = first ? 1 : b, *count = first ? b : a;
    return (first ? a : b) > 1 ? (first ? a : b) : 0;
}

/* Detectors put boxes of hundreds of pixels and scores below one into one table; the ratio of all would hear nothing of the
 * scores. Slices are grouped where their peaks lie 32 times apart, and groups count alike: also that of the classes that are
 * not there, in which a shift of all scores shows. */
static double grouped_db(const struct ax_shape *shape, const float *ref, const float *got, double plain)
{
    int64_t step, row, count, n = slices_of(shape, &step, &row, &count);
    struct slice *v = n ? calloc((size_t)n, sizeof *v) : NULL;
    double sum = 0, signal = 0, noise = 0;
    int groups = 0;
    if (!v) return plain;
    for (int64_t k = 0; k < n; k++)
        for (int64_t i = 0; i < count; i++) {
            double x = (double)ref[k * row + i * step], d = x - (double)got[k * row + i * step];
            v[k].peak = fmax(v[k].peak, fabs(x));
            v[k].signal += x * x;
            v[k].noise += d * d;
        }
    qsort(v, (size_t)n, sizeof *v, by_peak);
    for (int64_t k = 0; k < n; k++) {
        signal += v[k].signal, noise += v[k].noise;
        if (k + 1 < n && v[k + 1].peak * 32 > v[k].peak) continue;
        if (signal > 0) sum += ax_db((signal + 1e-12) / (noise + 1e-12)), groups++;
        signal = noise = 0;
        if (k + 1 < n && v[k + 1].peak < 1e-3) break; /* what is left are zeros */
    }
    free(v);
    return groups ? sum / groups : plain;
}

void ax_measure_add(struct ax_measure *m, int o, const struct ax_shape *shape, const float *ref, const float *got)
{
    double signal = 0, noise = 0, dot = 0, norm = 0;
    int64_t n = ax_shape_count(shape), classes = class_count(shape);
    add_error(ref, got, n, &signal, &noise);
    for (int64_t i = 0; i < n; i++) {
        double x = (double)got[i];
        dot += (double)ref[i] * x;
        norm += x * x;
    }
    m->signal[o] += signal;
    m->noise[o] += noise;
    m->dot[o] += dot;
    m->norm[o] += norm;
    double db = ax_db((signal + 1e-12) / (noise + 1e-12));
    m->sqnr[o] += db;
    m->grouped[o] += grouped_db(shape, ref, got, db);
    m->rows[o]++;
    if (classes)
        m->agree[o] += argmax(ref, classes) == argmax(got, classes);
    else
        m->agree[o] = -1;
}

static double mean_of(const struct ax_measure *m, const double *db)
{
    double sum = 0;
    int n = 0;
    for (int o = 0; o < m->n_outputs; o++)
        if (m->rows[o]) sum += db[o] / (double)m->rows[o], n++;
    return n ? sum / n : 0;
}

double ax_measure_sqnr(const struct ax_measure *m)
{
    return mean_of(m, m->sqnr);
}

double ax_measure_quality(const struct ax_measure *m)
{
    return mean_of(m, m->grouped);
}

/* -- layers -- */

enum { LAYER_SAMPLES = 4 };

struct side {
    struct ax_program *p;
    struct ax_exec *e;
    int *operand_of;
};

static enum ax_status open_side(struct side *s, const struct ax_graph *g, struct ax_pool *pool, struct ax_arena *a,
                                struct ax_error *err)
{
    struct ax_lower_options lo = {.keep_all = 1};
    struct ax_exec_options eo = {.pool = pool};
    s->operand_of = AX_NEW(a, int, g->n_values);
    enum ax_status st = ax_lower(g, &lo, &s->p, s->operand_of, err);
    return st ? st : ax_exec_new(s->p, &eo, &s->e, err);
}

static enum ax_status run_side(struct side *s, const struct ax_samples *samples, int i, struct ax_error *err)
{
    enum ax_status st = AX_OK;
    for (int k = 0; k < s->p->n_inputs && !st; k++) {
        float *x = malloc(sizeof(float) * (size_t)ax_shape_count(&s->p->inputs[k].shape));
        if (!x) return ax_fail(err, AX_NO_MEMORY, "measuring: no memory for input '%s'", s->p->inputs[k].name);
        st = samples->get(samples->ctx, i, k, x, err);
        if (!st) st = ax_exec_set_input(s->e, k, x, AX_DTYPE_FLOAT32, NULL, err);
        free(x);
    }
    if (!st) ax_exec_run(s->e, 0, s->p->n_steps, NULL);
    return st;
}

static int by_sqnr(const void *a, const void *b)
{
    const struct ax_layer_error *x = a, *y = b;
    if (x->sqnr_db != y->sqnr_db) return x->sqnr_db < y->sqnr_db ? -1 : 1;
    return strcmp(x->value, y->value);
}

/* Signal and noise of one stored value in one sample; 0 where the layouts cannot be compared. */
static int compare_value(const struct side *f, int fo, const struct side *q, int qo, double *signal, double *noise)
{
    int64_t n = 1, k = 1;
    for (int i = 0; i < f->p->operands[fo].rank; i++) n *= f->p->operands[fo].dim[i];
    for (int i = 0; i < q->p->operands[qo].rank; i++) k *= q->p->operands[qo].dim[i];
    if (n != k || f->p->operands[fo].dtype != AX_DTYPE_FLOAT32) return 0;
    float *x = malloc(sizeof(float) * (size_t)n * 2);
    if (!x) return 0;
    ax_operand_to_float(f->p, fo, ax_exec_arena(f->e), x);
    ax_operand_to_float(q->p, qo, ax_exec_arena(q->e), x + n);
    add_error(x, x + n, n, signal, noise);
    free(x);
    return 1;
}

struct layers {
    const struct ax_graph *g, *q;
    struct side f, i8;
    double *signal, *noise; /* by value */
};

static void compare_layer(void *ctx, int v, int thread)
{
    const struct layers *l = ctx;
    (void)thread;
    const struct ax_value *x = &l->g->values[v];
    if (l->q->values[v].dtype != AX_DTYPE_INT8 || x->dtype != AX_DTYPE_FLOAT32 || x->data || ax_is_graph_input(l->g, v)) return;
    if (l->f.operand_of[v] >= 0 && l->i8.operand_of[v] >= 0)
        compare_value(&l->f, l->f.operand_of[v], &l->i8, l->i8.operand_of[v], &l->signal[v], &l->noise[v]);
}

enum ax_status ax_measure_layers(const struct ax_graph *g, const struct ax_graph *q, const struct ax_samples *samples,
                                 struct ax_pool *pool, struct ax_arena *a, struct ax_quant_report *r, struct ax_error *err)
{
    struct layers l = {.g = g, .q = q};
    double *signal = l.signal = AX_NEW(a, double, g->n_values), *noise = l.noise = AX_NEW(a, double, g->n_values);
    enum ax_status s = open_side(&l.f, g, pool, a, err);
    if (!s) s = open_side(&l.i8, q, pool, a, err);
    for (int i = 0; i < LAYER_SAMPLES && i < samples->count && !s; i++) {
        s = run_side(&l.f, samples, i, err);
        if (!s) s = run_side(&l.i8, samples, i, err);
        if (!s) ax_pool_each(pool, g->n_values, compare_layer, &l);
    }
    r->layers = AX_NEW(a, struct ax_layer_error, g->n_values);
    r->n_layers = 0;
    for (int v = 0; v < g->n_values && !s; v++)
        if (signal[v] > 0)
            r->layers[r->n_layers++] =
                (struct ax_layer_error){ax_arena_str(a, g->values[v].name), ax_db(signal[v] / (noise[v] + 1e-12 * signal[v]))};
    if (r->n_layers) qsort(r->layers, (size_t)r->n_layers, sizeof *r->layers, by_sqnr);
    ax_exec_free(l.f.e);
    ax_exec_free(l.i8.e);
    ax_program_free(l.f.p);
    ax_program_free(l.i8.p);
    return s;
}
