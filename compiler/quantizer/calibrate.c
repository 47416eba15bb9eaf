/* Runs the float program over the samples and keeps what the quantizer needs of it: ranges of the values that will be int8,
 * means of the weighted layers, and the outputs that the int8 model is compared with. */
#include "quantizer/internal.h"

/* Of float outputs kept for the comparison; of activations of the samples that run side by side. */
enum { KEEP_BYTES = 160 << 20, ARENAS_BYTES = 512 << 20 };
static const int64_t TRIAL_MACS = 20000000000;

struct run {
    const struct ax_graph *g;
    const struct ax_plan *plan;
    struct ax_program *p;
    struct ax_exec *e;
    uint8_t **arenas; /* of the samples at hand */
    int n;
    struct ax_stats *stats; /* the calibration's */
    int *operand_of;
    int *step_of;           /* by value: the step that makes it, -1 */
    struct ax_tapsum *taps; /* by value: of the weighted node that makes it */
};

static int channels_of(const struct ax_shape *s)
{
    return s->rank >= 2 ? (int)s->dim[s->rank - 1] : 1;
}

static void observe_setup(struct run *r, const struct ax_quant_options *opt, struct ax_arena *a, struct ax_calibration *c)
{
    const struct ax_graph *g = r->g;
    c->stats = r->stats = AX_NEW(a, struct ax_stats, g->n_values);
    r->taps = AX_NEW(a, struct ax_tapsum, g->n_values);
    r->step_of = AX_NEW(a, int, g->n_values);
    for (int v = 0; v < g->n_values; v++) {
        r->step_of[v] = -1;
        if (!r->plan->store[v]) continue;
        int n = ax_is_graph_input(g, v) ? 1 : channels_of(&g->values[v].shape);
        ax_stats_init(&c->stats[v], a, n, opt->range != AX_RANGE_MINMAX);
    }
    if (!opt->bias_correction) return;
    for (int i = 0; i < g->n_nodes; i++)
        if (r->plan->int8[i] && ax_weighted(g, &g->nodes[i]))
            ax_tapsum_init(&r->taps[g->nodes[i].outputs[0]], a, g, &g->nodes[i]);
    for (int s = 0; s < r->p->n_steps; s++) {
        const struct ax_step *step = &r->p->steps[s];
        int kind = step->kind, conv = kind == AX_STEP_CONV_F32 || kind == AX_STEP_DWCONV_F32 || kind == AX_STEP_CONVT_F32;
        if (conv && step->node >= 0) r->step_of[g->nodes[step->node].outputs[0]] = s;
    }
}

static void observe_in(const struct run *r, int v, const uint8_t *arena)
{
    if (r->stats[v].channels && !ax_is_graph_input(r->g, v) && r->operand_of[v] >= 0) {
        const struct ax_operand *o = &r->p->operands[r->operand_of[v]];
        ax_stats_add(&r->stats[v], (const float *)(const void *)(arena + o->offset), o->bytes / 4);
    }
    if (r->step_of[v] >= 0 && r->taps[v].channels) ax_tapsum_add(&r->taps[v], r->p, &r->p->steps[r->step_of[v]], arena);
}

static void observe(void *ctx, int v, int thread)
{
    const struct run *r = ctx;
    (void)thread;
    for (int k = 0; k < r->n; k++) observe_in(r, v, r->arenas[k]);
}

static enum ax_status keep_outputs(struct run *r, struct ax_calibration *c, int sample, uint8_t *arena, struct ax_error *err)
{
    for (int o = 0; o < r->p->n_outputs; o++) {
        float *copy = malloc(sizeof(float) * (size_t)(c->output_count[o] ? c->output_count[o] : 1));
        if (!copy) return ax_fail(err, AX_NO_MEMORY, "calibration: no memory for the float model's outputs");
        c->outputs[sample * r->p->n_outputs + o] = copy;
        if (r->p->outputs[o].dtype != AX_DTYPE_FLOAT32) continue;
        enum ax_status s = ax_exec_get_output(r->e, o, copy, AX_DTYPE_FLOAT32, arena, err);
        if (s) return s;
    }
    return AX_OK;
}

static enum ax_status load_sample(struct run *r, const struct ax_samples *samples, int i, uint8_t *arena,
                                  struct ax_calibration *c, struct ax_error *err)
{
    enum ax_status s = AX_OK;
    for (int k = 0; k < r->p->n_inputs && !s; k++) {
        int v = r->g->inputs[k];
        int64_t n = ax_shape_count(&r->p->inputs[k].shape);
        float *x = malloc(sizeof(float) * (size_t)n);
        if (!x) return ax_fail(err, AX_NO_MEMORY, "calibration: no memory for input '%s'", r->p->inputs[k].name);
        s = samples->get(samples->ctx, i, k, x, err);
        if (!s) s = ax_exec_set_input(r->e, k, x, AX_DTYPE_FLOAT32, arena, err);
        if (!s && c->stats[v].channels) ax_stats_add(&c->stats[v], x, n);
        free(x);
    }
    return s;
}

/* Samples [i, i + n), a thread each. Values are observed in the order of samples, whatever the number of threads. */
static enum ax_status some_samples(struct run *r, const struct ax_samples *samples, int i, int n, struct ax_pool *pool,
                                   struct ax_calibration *c, struct ax_error *err)
{
    enum ax_status s = AX_OK;
    r->n = n;
    for (int k = 0; k < n && !s; k++) s = load_sample(r, samples, i + k, r->arenas[k], c, err);
    if (s) return s;
    ax_workers_walk(pool, r->e, 0, r->p->n_steps, r->arenas, n, NULL, NULL);
    ax_pool_each(pool, r->g->n_values, observe, r);
    for (int k = 0; k < n && !s; k++)
        if (i + k < c->n_kept) s = keep_outputs(r, c, i + k, r->arenas[k], err);
    return s;
}

static double **means_so_far(struct run *r, struct ax_arena *a)
{
    const struct ax_graph *g = r->g;
    double **mean = AX_NEW(a, double *, g->n_values);
    for (int v = 0; v < g->n_values; v++) {
        if (!r->taps[v].channels || r->step_of[v] < 0 || r->taps[v].count == 0) continue;
        const struct ax_node *n = &g->nodes[g->values[v].producer];
        const struct ax_shape *y = &g->values[v].shape;
        mean[v] = AX_NEW(a, double, y->dim[y->rank - 1]);
        ax_tapsum_mean(&r->taps[v], n, &g->values[n->inputs[1]], mean[v]);
    }
    return mean;
}

/* How many samples the choice between settings is made on: enough to tell them apart, few enough to stay quick. */
static int trial_count(const struct ax_graph *g, int samples)
{
    int64_t macs = 1;
    for (int i = 0; i < g->n_nodes; i++) macs += ax_node_macs(g, &g->nodes[i]);
    int64_t n = TRIAL_MACS / macs;
    n = n < 4 ? 4 : n > 32 ? 32 : n;
    return n < samples ? (int)n : samples;
}

static int samples_together(const struct ax_exec *e, const struct ax_pool *pool)
{
    int64_t n = ax_pool_threads(pool), bytes = ax_exec_arena_bytes(e);
    return n > 1 && bytes <= ARENAS_BYTES / n ? (int)n : 1;
}

enum ax_status ax_calibrate(const struct ax_graph *g, const struct ax_plan *plan, const struct ax_samples *samples,
                            const struct ax_quant_options *opt, struct ax_pool *pool, struct ax_arena *a,
                            struct ax_calibration *c, struct ax_error *err)
{
    struct run r = {.g = g, .plan = plan, .operand_of = AX_NEW(a, int, g->n_values)};
    struct ax_lower_options lo = {.keep_all = 1};
    struct ax_exec_options eo = {.no_arena = 1, .pool = pool};
    int together = 0;
    enum ax_status s = ax_lower(g, &lo, &r.p, r.operand_of, err);
    if (s) return s;
    s = ax_exec_new(r.p, &eo, &r.e, err);
    if (s) goto done;
    together = samples_together(r.e, pool);
    if (!(r.arenas = ax_arenas_new(r.e, together, err))) {
        s = err->status;
        goto done;
    }
    observe_setup(&r, opt, a, c);
    int64_t bytes = 0;
    c->output_count = AX_NEW(a, int64_t, r.p->n_outputs);
    for (int o = 0; o < r.p->n_outputs; o++) bytes += 4 * (c->output_count[o] = ax_shape_count(&r.p->outputs[o].shape));
    c->n_trial = trial_count(g, samples->count);
    c->n_kept = samples->count;
    if (bytes && (int64_t)c->n_kept > KEEP_BYTES / bytes) c->n_kept = (int)(KEEP_BYTES / bytes);
    if (c->n_kept < 1) c->n_kept = 1;
    c->outputs = AX_NEW(a, float *, (size_t)c->n_kept *(size_t)r.p->n_outputs + 1);
    for (int i = 0, n; i < samples->count && !s; i += n) {
        int left = (i < c->n_trial ? c->n_trial : samples->count) - i;
        n = left < together ? left : together;
        s = some_samples(&r, samples, i, n, pool, c, err);
        if (i + n == c->n_trial) c->trial_mean = means_so_far(&r, a);
        if (opt->progress) opt->progress(opt->progress_ctx, 0.5 * (i + n) / samples->count);
    }
    if (!s) c->mean = means_so_far(&r, a);
done:
    ax_arenas_free(r.arenas, together);
    ax_exec_free(r.e);
    ax_program_free(r.p);
    return s;
}
