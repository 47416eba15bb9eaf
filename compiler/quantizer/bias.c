/* Sequential bias correction (and, on the way, the int8 model's outputs for the comparison with the float model).
 *
 * Rounding weights and activations shifts the mean of each channel of a layer's output. Layer by layer, in the order of
 * execution, each bias gets the difference between the float mean and the mean given all that was quantized and corrected
 * before. The int8 program therefore runs breadth first: every sample has an arena of its own, and all samples pass a step
 * before any passes the next. The mean of a layer follows from the means of its inputs (tapsum.c), so no layer runs twice. */
#include <stdlib.h>
#include <string.h>

#include "quantizer/internal.h"

enum { ARENAS_BYTES = 640 << 20 }; /* of activations of all samples together */

struct walk {
    struct ax_graph *q;
    const struct ax_calibration *c;
    double *const *mean;
    struct ax_program *p;
    struct ax_exec *e;
    struct ax_pool *pool;
    uint8_t **arenas;
    struct ax_tapsum *taps; /* by sample, of the inputs of `step` */
    const struct ax_step *step;
    int n;
};

static int is_weighted_step(const struct ax_step *s)
{
    return s->kind == AX_STEP_CONV_S8 || s->kind == AX_STEP_DWCONV_S8 || s->kind == AX_STEP_CONVT_S8;
}

static enum ax_status load(struct walk *w, const struct ax_samples *samples, struct ax_error *err)
{
    enum ax_status s = AX_OK;
    for (int k = 0; k < w->p->n_inputs && !s; k++) {
        float *x = malloc(sizeof(float) * (size_t)ax_shape_count(&w->p->inputs[k].shape));
        if (!x) return ax_fail(err, AX_NO_MEMORY, "bias correction: no memory for input '%s'", w->p->inputs[k].name);
        for (int i = 0; i < w->n && !s; i++) {
            s = samples->get(samples->ctx, i, k, x, err);
            if (!s) s = ax_exec_set_input(w->e, k, x, AX_DTYPE_FLOAT32, w->arenas[i], err);
        }
        free(x);
    }
    return s;
}

static void add_taps(void *ctx, int i)
{
    struct walk *w = ctx;
    ax_tapsum_add(&w->taps[i], w->p, w->step, w->arenas[i]);
}

/* Runs steps [from, to). The bias of layer `to` then moves by the difference of the means. */
static enum ax_status correct(struct walk *w, int from, int to, struct ax_error *err)
{
    const struct ax_node *n = &w->q->nodes[w->p->steps[to].node];
    const double *want = w->mean[n->outputs[0]];
    struct ax_arena tmp;
    ax_arena_init(&tmp);
    w->step = &w->p->steps[to];
    w->taps = AX_NEW(&tmp, struct ax_tapsum, w->n);
    for (int i = 0; i < w->n; i++) ax_tapsum_init(&w->taps[i], &tmp, w->q, n);
    ax_workers_walk(w->pool, w->e, from, to, w->arenas, w->n, add_taps, w);
    for (int i = 1; i < w->n; i++) ax_tapsum_join(&w->taps[0], &w->taps[i]);
    const struct ax_value *weights = &w->q->values[n->inputs[1]];
    struct ax_value *bias = &w->q->values[n->inputs[2]];
    int64_t out = bias->shape.dim[0];
    double *have = AX_NEW(&tmp, double, out);
    float *b = (float *)(uintptr_t)bias->data;
    ax_tapsum_mean(&w->taps[0], n, weights, have);
    for (int64_t m = 0; m < out; m++) b[m] += (float)(want[m] - have[m] * (double)weights->quant.scale[m]);
    ax_arena_free(&tmp);
    return ax_lower_update_bias(w->q, w->step->node, w->p, err);
}

static int correctable(const struct walk *w, const struct ax_step *s)
{
    if (!is_weighted_step(s) || s->node < 0) return 0;
    const struct ax_node *n = &w->q->nodes[s->node];
    return w->mean[n->outputs[0]] && ax_in(n, 2) != AX_NONE;
}

static enum ax_status compare(struct walk *w, struct ax_measure *m, struct ax_error *err)
{
    int n_out = w->p->n_outputs;
    for (int i = 0; i < w->n && i < w->c->n_kept; i++)
        for (int o = 0; o < n_out; o++) {
            if (w->p->outputs[o].dtype != AX_DTYPE_FLOAT32 && w->p->outputs[o].dtype != AX_DTYPE_INT8) continue;
            float *got = malloc(sizeof(float) * (size_t)(w->c->output_count[o] ? w->c->output_count[o] : 1));
            if (!got) return ax_fail(err, AX_NO_MEMORY, "measuring: no memory for output '%s'", w->p->outputs[o].name);
            enum ax_status s = ax_exec_get_output(w->e, o, got, AX_DTYPE_FLOAT32, w->arenas[i], err);
            if (!s) ax_measure_add(m, o, &w->p->outputs[o].shape, w->c->outputs[i * n_out + o], got);
            free(got);
            if (s) return s;
        }
    return AX_OK;
}

enum ax_status ax_bias_correct(struct ax_graph *q, const struct ax_calibration *c, double *const *mean,
                               const struct ax_samples *samples, const struct ax_quant_options *opt, struct ax_pool *pool,
                               struct ax_measure *m, struct ax_error *err)
{
    struct walk w = {.q = q, .c = c, .mean = mean, .pool = pool};
    struct ax_lower_options lo = {0};
    struct ax_exec_options eo = {.no_arena = 1, .pool = pool};
    enum ax_status s = ax_lower(q, &lo, &w.p, NULL, err);
    if (s) return s;
    s = ax_exec_new(w.p, &eo, &w.e, err);
    if (s) goto done;
    int64_t bytes = ax_exec_arena_bytes(w.e);
    w.n = samples->count;
    if (bytes && w.n > ARENAS_BYTES / bytes) w.n = (int)(ARENAS_BYTES / bytes) + 1;
    if (w.n > samples->count) w.n = samples->count;
    w.arenas = ax_arenas_new(w.e, w.n, err);
    s = w.arenas ? load(&w, samples, err) : err->status;
    int at = 0;
    for (int i = 0; i < w.p->n_steps && !s && opt->bias_correction; i++) {
        if (!correctable(&w, &w.p->steps[i])) continue;
        s = correct(&w, at, i, err);
        at = i;
    }
    if (!s) {
        ax_workers_walk(pool, w.e, at, w.p->n_steps, w.arenas, w.n, NULL, NULL);
        s = compare(&w, m, err);
    }
done:
    ax_arenas_free(w.arenas, w.n);
    ax_exec_free(w.e);
    ax_program_free(w.p);
    return s;
}
