/* The quantizer's way from samples to the int8 graph, and the choice between whole-model settings by measurement. */
#include "quantizer/internal.h"
#include "quantizer/unfuse.h"

struct job {
    const struct ax_graph *g;
    const struct ax_samples *samples;
    const struct ax_quant_options *opt;
    struct ax_pool *pool;
    struct ax_arena mem;
    struct ax_graph *work; /* the float graph as planned */
    struct ax_plan plan;
    struct ax_calibration cal;
    struct ax_error *err;
};

int ax_graph_prequantized(const struct ax_graph *g)
{
    for (int v = 0; v < g->n_values; v++)
        if (g->values[v].quant.count && !g->values[v].data) return 1;
    return 0;
}

static enum ax_status make_plan(struct job *j)
{
    enum ax_status s;
    j->work = ax_graph_clone(j->g);
    for (;;) {
        s = ax_plan_make(j->work, j->opt, &j->mem, &j->plan, j->err);
        if (s || !ax_unfuse_float_residuals(j->work, &j->plan)) break;
        s = ax_graph_tidy(j->work, j->err);
        if (s) return s;
    }
    for (int o = 0; !s && o < j->work->n_outputs; o++) {
        const struct ax_value *v = &j->work->values[j->work->outputs[o]];
        if (ax_output_int8(j->opt, v->name) && v->dtype == AX_DTYPE_FLOAT32 && !v->data) j->plan.store[j->work->outputs[o]] = 1;
    }
    return s;
}

/* -- whole-model settings, chosen by measurement -- */

struct setting {
    int channel_scales, bias_correction;
    double alpha;
};

/* No recipe is best everywhere: scales by channel win where a few channels rule a tensor's range and cost where the weights
 * that absorb them are then rounded coarsely; bias correction wins nearly everywhere. */
static const struct setting settings[] = {
    {1, 1, 0.5}, {1, 1, 0}, {0, 1, 0}, {1, 0, 0.5}, {0, 0, 0},
};
enum { N_SETTINGS = sizeof settings / sizeof *settings };

/* One setting: scales, weights, biases, and what came of it on the given samples. */
static enum ax_status attempt(struct job *j, const struct setting *set, const struct ax_samples *samples, double *const *mean,
                              struct ax_graph **q, struct ax_measure *m)
{
    struct ax_quant *quant = AX_NEW(&j->mem, struct ax_quant, j->work->n_values);
    struct ax_quant_options opt = *j->opt;
    opt.channel_scales = set->channel_scales;
    opt.bias_correction = set->bias_correction;
    *q = NULL;
    enum ax_status s = ax_scales_choose(j->work, &j->plan, &j->cal, &opt, set->alpha, &j->mem, quant, j->err);
    if (!s) s = ax_materialize(j->work, &j->plan, quant, &opt, q, j->err);
    ax_measure_init(m, &j->mem, j->work->n_outputs);
    if (!s) s = ax_bias_correct(*q, &j->cal, mean, samples, &opt, j->pool, m, j->err);
    if (!s) return AX_OK;
    ax_graph_free(*q);
    *q = NULL;
    return s;
}

static int allowed(const struct ax_quant_options *opt, const struct setting *set)
{
    return (opt->channel_scales || !set->channel_scales) && (opt->bias_correction || !set->bias_correction);
}

/* Tries each allowed setting on a few samples, then makes the best one with all of them. */
static enum ax_status choose(struct job *j, struct ax_graph **best, struct ax_measure *measure, struct setting *chosen)
{
    struct ax_samples few = {j->cal.n_trial, j->samples->ctx, j->samples->get};
    double top = -1e9;
    for (int i = 0; i < N_SETTINGS; i++) {
        struct ax_graph *q;
        struct ax_measure m;
        if (!allowed(j->opt, &settings[i])) continue;
        enum ax_status s = attempt(j, &settings[i], &few, j->cal.trial_mean, &q, &m);
        if (s) return s;
        ax_graph_free(q);
        double db = ax_measure_quality(&m);
        if (db > top) top = db, *chosen = settings[i];
        if (j->opt->progress) j->opt->progress(j->opt->progress_ctx, 0.5 + 0.3 * (i + 1) / N_SETTINGS);
    }
    return attempt(j, chosen, j->samples, j->cal.mean, best, measure);
}

static void report_outputs(struct job *j, const struct ax_measure *m, struct ax_graph *q, struct ax_quant_report *r)
{
    r->n_samples = j->samples->count;
    r->outputs = AX_NEW(&q->arena, struct ax_output_error, m->n_outputs + 1);
    for (int o = 0; o < m->n_outputs; o++) {
        if (!m->rows[o]) continue;
        double n = (double)m->rows[o], norm = m->signal[o] * m->norm[o];
        r->outputs[r->n_outputs++] = (struct ax_output_error){.name = q->values[q->outputs[o]].name,
                                                              .sqnr_db = m->sqnr[o] / n,
                                                              .cosine = norm > 0 ? m->dot[o] / __builtin_sqrt(norm) : 1,
                                                              .top1_agreement = m->agree[o] < 0 ? -1 : (double)m->agree[o] / n};
    }
    r->sqnr_db = ax_measure_sqnr(m);
    for (int i = 0; i < j->work->n_nodes; i++) *(j->plan.int8[i] ? &r->int8_nodes : &r->float_nodes) += 1;
    r->warnings = ax_arena_str(&q->arena, "");
}

static void release(struct job *j)
{
    if (j->cal.outputs)
        for (int i = 0; i < j->cal.n_kept * j->work->n_outputs; i++) free(j->cal.outputs[i]);
    ax_pool_free(j->pool);
    ax_graph_free(j->work);
    ax_arena_free(&j->mem);
}

enum ax_status ax_quantize(const struct ax_graph *g, const struct ax_samples *samples, const struct ax_quant_options *opt,
                           struct ax_graph **out, struct ax_quant_report *r, struct ax_error *err)
{
    struct job j = {.g = g, .samples = samples, .opt = opt, .err = err};
    struct ax_measure m = {0};
    struct setting chosen = {0};
    *out = NULL;
    *r = (struct ax_quant_report){0};
    ax_arena_init(&j.mem);
    enum ax_status s = ax_workers_new(opt, &j.pool, err);
    if (!s) s = make_plan(&j);
    if (!s) s = ax_calibrate(j.work, &j.plan, samples, opt, j.pool, &j.mem, &j.cal, err);
    if (!s) s = choose(&j, out, &m, &chosen);
    if (!s) {
        r->channel_scales = chosen.channel_scales;
        r->bias_correction = chosen.bias_correction;
        r->alpha = chosen.alpha;
        report_outputs(&j, &m, *out, r);
        s = ax_measure_layers(j.work, *out, samples, j.pool, &(*out)->arena, r, err);
    }
    if (s && *out) {
        ax_graph_free(*out);
        *out = NULL;
    }
    if (!s) ax_arena_adopt(&(*out)->arena, &j.work->arena); /* the result's names and constants are the work graph's */
    release(&j);
    return s;
}
