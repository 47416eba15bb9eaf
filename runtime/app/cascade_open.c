/* Opening a cascade: descriptors, cores for each stage, engines. */
#include "app/cascade_open.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "app/thresholds.h"
#include "media/postprocess.h"

/* -- descriptors -- */

/* The region's own way to fit takes the place of the resize step's. */
static void set_fit(struct ax_descriptor *d, enum ax_region_fit fit)
{
    for (int i = 0; i < d->n_before && fit != AX_REGION_FIT_MODEL; i++) {
        struct ax_pipe_step *s = &d->before[i];
        if (s->kind != AX_PIPE_RESIZE || !ax_step_given(s, "width")) continue;
        struct ax_param *mode = (struct ax_param *)(uintptr_t)ax_step_param(s, "mode");
        struct ax_param *box = (struct ax_param *)(uintptr_t)ax_step_param(s, "letterbox");
        *mode = (struct ax_param){0}; /* stretch is the first word */
        *box = (struct ax_param){.given = true, .number = fit == AX_REGION_FIT_LETTERBOX};
    }
}

static enum ax_status read_pipeline(struct ax_cascade_model_run *m, const struct ax_cascade_model *at, struct ax_error *err)
{
    const struct ax_cascade_options *o = &m->run->opt;
    bool all = o->all_candidates && m->index == m->run->n - 1;
    struct ax_post_options opt = {.top_k = o->top_k, .labels = o->labels ? o->labels[m->index] : NULL, .all_classes = all};
    if (!at->descriptor)
        return ax_fail(err, AX_NOT_FOUND, "stage '%s': %s has no model.json beside it that says how regions become its input",
                       m->is->name, at->axmodel);
    enum ax_status s = ax_descriptor_read(at->descriptor, &m->pipeline, err);
    if (!s && m->pipeline.n_branches)
        s = ax_fail(err, AX_UNSUPPORTED, "stage '%s': %s is a joined model, which has no place in a cascade", m->is->name,
                    at->descriptor);
    if (s) return s;
    set_fit(&m->pipeline, m->is->rule.fit);
    if (all) ax_lower_thresholds(&m->pipeline);
    s = ax_post_open(&m->pipeline, &opt, &m->post, err);
    if (s || !ax_post_tracker(m->post)) return s;
    if (m->is->of >= 0)
        return ax_fail(err, AX_UNSUPPORTED, "stage '%s': %s has a tracker; only a stage that looks at the whole picture may",
                       m->is->name, at->descriptor);
    return ax_tracker_new(ax_post_tracker(m->post), &m->tracker, err);
}

/* -- cores -- */

/* In seconds of the device. */
static enum ax_status run_best_of(struct ax_cores *device, struct ax_engine *e, int runs, double *best, struct ax_error *err)
{
    struct ax_engine_buffer *in = calloc((size_t)ax_engine_inputs(e) + 1, sizeof *in);
    struct ax_engine_buffer *out = calloc((size_t)ax_engine_outputs(e) + 1, sizeof *out);
    enum ax_status s = in && out ? AX_OK : ax_fail(err, AX_NO_MEMORY, "no memory to measure a model");
    for (int i = 0; i < ax_engine_inputs(e) && !s; i++)
        in[i] = (struct ax_engine_buffer){calloc(1, (size_t)ax_engine_input(e, i)->bytes + 1), ax_engine_input(e, i)->dtype};
    for (int i = 0; i < ax_engine_outputs(e) && !s; i++)
        out[i] = (struct ax_engine_buffer){calloc(1, (size_t)ax_engine_output(e, i)->bytes + 1), ax_engine_output(e, i)->dtype};
    *best = 1e9;
    for (int i = 0; i <= runs && !s; i++) { /* the first one warms up */
        int64_t begin = ax_cores_time_ns(device);
        s = ax_engine_run(e, 1, in, out, err);
        double t = (double)(ax_cores_time_ns(device) - begin) * 1e-9;
        if (i && t < *best) *best = t;
    }
    for (int i = 0; in && i < ax_engine_inputs(e); i++) free(in[i].data);
    for (int i = 0; out && i < ax_engine_outputs(e); i++) free(out[i].data);
    free(in);
    free(out);
    return s;
}

/* Seconds a frame on one core. */
static enum ax_status measure(struct ax_cascade_run *r, const struct ax_cascade_model *models, double *work,
                              struct ax_error *err)
{
    for (int i = 0; i < r->n; i++) {
        struct ax_engine *e;
        struct ax_engine_options one = {.cores = 1};
        if (ax_engine_open_with(r->devices[0], models[i].axmodel, &one, &e, err)) return err->status;
        enum ax_status s = run_best_of(r->devices[0], e, 3, &work[i], err);
        ax_engine_close(e);
        if (s) return s;
        if (r->is->stages[i].of >= 0) work[i] *= r->is->stages[i].rule.expected;
    }
    return AX_OK;
}

static void say_split(const struct ax_cascade_run *r, const double *work, const int *cores)
{
    fprintf(stderr, "cores:");
    for (int i = 0; i < r->n; i++)
        fprintf(stderr, "%s %s %d (%.1f ms of work a frame)", i ? "," : "", r->is->stages[i].name, cores[i], work[i] * 1e3);
    fprintf(stderr, "\n");
}

/* Each has its own. */
static enum ax_status take_devices(struct ax_cascade_run *r, struct ax_error *err)
{
    if (r->n_devices != r->n)
        return ax_fail(err, AX_INVALID_ARGUMENT,
                       "%s: %d stages on %d devices: each stage wants one of its own. Name %d devices, or one for all",
                       r->is->name, r->n, r->n_devices, r->n);
    for (int i = 0; i < r->n; i++) {
        struct ax_cascade_model_run *m = &r->models[i];
        int all = ax_cores_count(r->devices[i]);
        if (m->is->cores > all)
            return ax_fail(err, AX_BUSY, "%s: stage '%s' asks for %d cores; its device %s has %d. Lower its \"cores\"",
                           r->is->name, m->is->name, m->is->cores, ax_cores_label(r->devices[i]), all);
        m->device = r->devices[i];
        m->cores = m->is->cores ? m->is->cores : all;
    }
    return AX_OK;
}

/* Too few cores for all to have their own, and none asked for: they take turns on all. */
static enum ax_status split_cores(struct ax_cascade_run *r, const struct ax_cascade_model *models, struct ax_error *err)
{
    double work[AX_MAX_STAGES] = {0};
    int fixed[AX_MAX_STAGES], least[AX_MAX_STAGES], cores[AX_MAX_STAGES], all = ax_cores_count(r->devices[0]);
    int asked = 0, autos = 0, needed = 0;
    for (int i = 0; i < r->n; i++) {
        r->models[i].device = r->devices[0];
        fixed[i] = r->is->stages[i].cores, least[i] = r->models[i].batch;
        asked += fixed[i], autos += fixed[i] == 0, needed += fixed[i] ? 0 : least[i];
    }
    bool shared = r->opt.share || (autos == r->n && all < needed);
    if (shared && ax_schedule_new(&r->schedule, err)) return err->status;
    if (!shared && asked + needed > all)
        return ax_fail(err, AX_BUSY,
                       "%s: its stages ask for %d cores and %d stage%s at least %s, but there are %d. Lower \"cores\", "
                       "or leave it out everywhere: then the stages take turns",
                       r->is->name, asked, autos, autos == 1 ? " needs" : "s need", needed > autos ? "--batch" : "one", all);
    bool choice = !shared && autos > 1 && asked + needed < all;
    if (choice && measure(r, models, work, err)) return err->status;
    if (!shared) ax_cascade_split(work, fixed, least, r->n, all, cores);
    for (int i = 0; i < r->n; i++) r->models[i].cores = shared ? all : cores[i];
    if (choice && !r->opt.quiet) say_split(r, work, cores);
    return AX_OK;
}

static enum ax_status check_batches(const struct ax_cascade_run *r, struct ax_error *err)
{
    for (int i = 0; i < r->n; i++) {
        const struct ax_cascade_model_run *m = &r->models[i];
        if (m->cores < m->batch)
            return ax_fail(err, AX_BUSY,
                           "stage '%s' has %d core%s, and a batch of %d regions wants one for each. Lower --batch, or give it "
                           "more cores",
                           m->is->name, m->cores, m->cores == 1 ? "" : "s", m->batch);
    }
    return AX_OK;
}

/* -- engines -- */

static enum ax_status check_input(struct ax_cascade_model_run *m, struct ax_error *err)
{
    char text[AX_SHAPE_TEXT];
    const struct ax_engine_port *p = ax_engine_inputs(m->engine) == 1 ? ax_engine_input(m->engine, 0) : NULL;
    if (!p || p->shape.rank != 4 || p->shape.dim[0] != 1)
        return ax_fail(err, AX_UNSUPPORTED,
                       "stage '%s': pictures need a model with one input of rank 4 and a batch of 1; this one has %d, %s",
                       m->is->name, ax_engine_inputs(m->engine), p ? ax_shape_text(&p->shape, text) : "which do not fit");
    const int64_t *dim = p->shape.dim;
    bool nhwc = dim[1] != 1 && dim[1] != 3 && (dim[3] == 1 || dim[3] == 3);
    bool raw = p->stored == AX_DTYPE_INT8 && p->quant.count > 0;
    m->input = (struct ax_pixels_out){p->shape, raw ? AX_DTYPE_INT8 : AX_DTYPE_FLOAT32, &p->quant, NULL};
    m->input_width = (int)dim[nhwc ? 2 : 3], m->input_height = (int)dim[nhwc ? 1 : 2];
    return AX_OK;
}

static enum ax_status engine_submit(void *self, int instance, const struct ax_engine_buffer *in,
                                    const struct ax_engine_buffer *out, ax_engine_done *done, void *user, uint64_t *ticket,
                                    struct ax_error *err)
{
    return ax_engine_submit(self, instance, in, out, done, user, ticket, err);
}

static enum ax_status engine_wait(void *self, int instance, uint64_t ticket, int64_t timeout_ms, struct ax_error *err)
{
    return ax_engine_wait(self, instance, ticket, timeout_ms, err);
}

static enum ax_status record_layers(struct ax_cascade_model_run *m, struct ax_error *err)
{
    return ax_runner_layers_new(&m->engine, 1, m->run->opt.record, m->is->name, &m->layers, err);
}

/* A whole picture has all of its stage's cores; regions are many and small: each core takes some. */
static enum ax_status open_engine(struct ax_cascade_model_run *m, const struct ax_cascade_model *at, struct ax_error *err)
{
    bool shared = m->run->schedule != NULL, alone = ax_cores_chip(m->device) != NULL; /* cores that work on a sample each */
    int queue = m->slots * (m->run->opt.depth + 1);
    struct ax_engine_options opt = {.cores = m->cores,
                                    .batch = m->batch,
                                    .instances = !shared && (m->is->of >= 0 || alone) ? m->cores / m->batch : 1,
                                    .queue = queue,
                                    .share = shared};
    enum ax_status s = ax_engine_open_with(m->device, at->axmodel, &opt, &m->engine, err);
    if (!s && ax_engine_segments(m->engine))
        s = ax_fail(err, AX_UNSUPPORTED, "stage '%s': %s: segments have no place in a cascade; name the model that they are of",
                    m->is->name, at->axmodel);
    if (!s) s = check_input(m, err);
    if (!s && m->run->opt.record) s = record_layers(m, err);
    if (s) return s;
    struct ax_schedule_rule rule = m->run->opt.rules ? m->run->opt.rules[m->index] : ax_schedule_rule_default();
    struct ax_schedule_ways ways = ax_schedule_engine(m->engine);
    m->way = (struct ax_runner_device){.self = m->engine, .submit = engine_submit, .wait = engine_wait};
    return shared ? ax_schedule_add(m->run->schedule, &ways, &rule, queue, &m->way, err) : AX_OK;
}

static enum ax_status open_all(struct ax_cascade_run *r, const struct ax_cascade_model *models, struct ax_error *err)
{
    enum ax_status s = AX_OK;
    for (int i = 0; i < r->n && !s; i++) {
        struct ax_cascade_model_run *m = &r->models[i];
        m->run = r;
        m->is = &r->is->stages[i];
        m->index = i;
        m->slots = m->is->of >= 0 ? m->is->rule.max : 1;
        m->batch = r->opt.batch > 1 && r->opt.batch < m->slots ? r->opt.batch : r->opt.batch > 1 ? m->slots : 1;
        m->followed = -1;
        r->roots += m->is->of < 0;
        m->submit_name = ax_arena_printf(&r->mem, "%s_submit", m->is->name);
        m->wait_name = ax_arena_printf(&r->mem, "%s_wait", m->is->name);
        s = read_pipeline(m, &models[i], err);
    }
    if (!s) s = r->n_devices > 1 ? take_devices(r, err) : split_cores(r, models, err);
    if (!s) s = check_batches(r, err);
    for (int i = 0; i < r->n && !s; i++) s = open_engine(&r->models[i], &models[i], err);
    return s;
}

void ax_cascade_of_models(const char *const *names, int n, struct ax_cascade *out)
{
    *out = (struct ax_cascade){.name = "models", .dir = "", .n_stages = n};
    ax_arena_init(&out->mem);
    out->stages = AX_NEW(&out->mem, struct ax_cascade_stage, n);
    for (int i = 0; i < n; i++) {
        const char *name = ax_arena_str(&out->mem, names[i]);
        int same = 1;
        for (int k = 0; k < i; k++) same += !strcmp(names[k], names[i]);
        if (same > 1) name = ax_arena_printf(&out->mem, "%s_%d", names[i], same);
        out->stages[i] = (struct ax_cascade_stage){.name = name, .model = names[i], .of = -1};
    }
}

enum ax_status ax_cascade_open(const struct ax_cascade *c, const struct ax_cascade_model *models,
                               struct ax_cores *const *devices, int n_devices, const struct ax_cascade_options *opt,
                               struct ax_cascade_run **out, struct ax_error *err)
{
    struct ax_cascade_run *r = calloc(1, sizeof *r);
    *out = NULL;
    if (!r) return ax_fail(err, AX_NO_MEMORY, "no memory for a cascade");
    r->is = c;
    r->devices = devices, r->n_devices = n_devices;
    r->opt = *opt;
    if (!r->opt.retries) r->opt.retries = 2;
    r->models = calloc((size_t)c->n_stages, sizeof *r->models);
    r->n = r->models ? c->n_stages : 0;
    enum ax_status s = r->models ? open_all(r, models, err) : ax_fail(err, AX_NO_MEMORY, "no memory for a cascade");
    if (s)
        ax_cascade_close(r);
    else
        *out = r;
    return s;
}

void ax_cascade_close(struct ax_cascade_run *r)
{
    if (!r) return;
    ax_cascade_free_frames(r);
    ax_schedule_free(r->schedule);
    for (int i = 0; i < r->n; i++) {
        ax_runner_layers_free(r->models[i].layers);
        ax_engine_close(r->models[i].engine);
        ax_tracker_free(r->models[i].tracker);
        ax_post_close(r->models[i].post);
        ax_descriptor_free(&r->models[i].pipeline);
    }
    ax_arena_free(&r->mem);
    free(r->models);
    free(r);
}
