#include "app/pictures.h"

#include <stdlib.h>
#include <string.h>

#include "media/tracker.h"

/* What becomes of the outputs: all of them, or those of one of the models that a joined model consists of. */
struct branch {
    struct ax_descriptor view; /* only its steps are its own */
    struct ax_post *post;
    const struct ax_branch *of;     /* NULL: not joined */
    struct ax_tracker *trackers[2]; /* by pipe; NULL: nothing is followed */
};

struct ax_pictures {
    const struct ax_descriptor *descriptor;
    struct ax_pictures_options opt;
    struct ax_pictures_pipe pipes[2];
    struct ax_runner *runners[2];
    int n_pipes, begin; /* the stage that calls back */
    struct branch *branches;
    int n_branches;
    int input_width, input_height;
    int followed; /* the input whose objects are followed; -1: none yet */
};

/* -- preprocessing -- */

static enum ax_status fill_input(struct ax_pictures *p, int pipe, struct ax_frame *f, struct ax_error *err)
{
    struct ax_runner *r = p->runners[pipe];
    const struct ax_engine_port *port = ax_engine_input(ax_runner_engine(r), 0);
    struct ax_pixels_out out = {.shape = ax_runner_input_shape(r, 0), .dtype = ax_runner_input_dtype(r), .quant = &port->quant};
    enum ax_status s = ax_runner_input(r, f, 0, &out.data, err);
    return s ? s : ax_preprocess_into(p->descriptor, &f->image, &out, &f->fit, err);
}

/* A step that does not lead to the input's size is the descriptor's fault, not the picture's. */
static bool is_the_pictures_own(enum ax_status s)
{
    return s != AX_SHAPE && s != AX_NO_MEMORY && s != AX_INTERNAL;
}

static enum ax_status preprocess(void *user, int worker, struct ax_frame *const *frames, int n, struct ax_error *err)
{
    struct ax_pictures *p = user;
    (void)worker, (void)n;
    for (int i = 0; i < p->n_pipes; i++) {
        enum ax_status s = fill_input(p, i, frames[0], err);
        if (s && !is_the_pictures_own(s)) return s;
        if (s) return ax_frame_fail(frames[0], err), AX_OK;
    }
    return AX_OK;
}

/* -- both pipes in turn -- */

static enum ax_status run_in_turn(void *user, int worker, struct ax_frame *const *frames, int n, struct ax_error *err)
{
    struct ax_pictures *p = user;
    for (int i = 0; i < p->n_pipes; i++) {
        enum ax_status s = ax_runner_run(p->runners[i], worker, frames, n, err);
        ax_engine_rest(p->pipes[i].engine);
        if (s) return s;
    }
    return AX_OK;
}

/* -- postprocessing -- */

/* The name by which the steps of a branch know an output; NULL where it is another branch's. */
static const char *name_in(const struct branch *b, const char *name)
{
    if (!b->of) return name;
    for (int i = 0; i < b->of->n_tensors; i++)
        if (!strcmp(b->of->tensors[i], name)) return b->of->origins[i];
    return NULL;
}

/* The float outputs of the frame. Outputs without a batch dimension belong to every picture. */
static void view_outputs(const struct ax_pictures *p, const struct branch *b, int pipe, struct ax_frame *f, struct ax_answer *a)
{
    struct ax_runner *r = p->runners[pipe];
    const struct ax_engine *e = ax_runner_engine(r);
    int pictures = ax_runner_pictures(r), picture;
    a->tensors = AX_NEW(&f->mem, struct ax_post_tensor, ax_engine_outputs(e) + 1);
    for (int i = 0; i < ax_engine_outputs(e); i++) {
        const struct ax_engine_port *port = ax_engine_output(e, i);
        struct ax_post_tensor t = {name_in(b, port->name), port->shape, ax_runner_output(r, f, i, &picture)};
        if (port->dtype != AX_DTYPE_FLOAT32 || !t.name) continue;
        if (pictures > 1 && t.shape.rank && t.shape.dim[0] == pictures) {
            t.shape.dim[0] = 1;
            t.data += picture * (port->count / pictures);
        }
        a->tensors[a->n_tensors++] = t;
    }
}

/* Steps work in place: where outputs are looked at afterwards, by another branch or to be compared, they get copies. */
static struct ax_post_tensor *tensors_for_steps(const struct ax_pictures *p, struct ax_frame *f, const struct ax_answer *a)
{
    if (p->n_pipes == 1 && p->n_branches == 1) return a->tensors;
    struct ax_post_tensor *copies = ax_arena_copy(&f->mem, a->tensors, (size_t)(a->n_tensors + 1) * sizeof *copies);
    for (int i = 0; i < a->n_tensors; i++)
        copies[i].data = ax_arena_copy(&f->mem, copies[i].data, (size_t)ax_shape_count(&copies[i].shape) * sizeof(float));
    return copies;
}

static enum ax_status answer(const struct ax_pictures *p, const struct branch *b, int pipe, struct ax_frame *f,
                             struct ax_answer *a, struct ax_error *err)
{
    a->branch = b->of ? b->of->name : NULL;
    a->pipe = p->pipes[pipe].name;
    a->described = ax_post_steps(b->post) > 0;
    view_outputs(p, b, pipe, f, a);
    struct ax_post_input in = {
        tensors_for_steps(p, f, a), a->n_tensors, f->fit, f->image.width, f->image.height, p->input_width, p->input_height};
    return ax_post_run(b->post, &in, &a->result, err);
}

static enum ax_status postprocess(void *user, int worker, struct ax_frame *const *frames, int n, struct ax_error *err)
{
    struct ax_pictures *p = user;
    struct ax_frame *f = frames[0];
    enum ax_status s = AX_OK;
    (void)worker, (void)n;
    f->answers = AX_NEW(&f->mem, struct ax_answer, p->n_branches * p->n_pipes);
    for (int k = 0; k < p->n_branches && !s; k++)
        for (int i = 0; i < p->n_pipes && !s; i++) s = answer(p, &p->branches[k], i, f, &f->answers[f->n_answers++], err);
    return s;
}

/* -- following -- */

static enum ax_status track(void *user, int worker, struct ax_frame *const *frames, int n, struct ax_error *err)
{
    struct ax_pictures *p = user;
    struct ax_frame *f = frames[0];
    bool other = f->input != p->followed || f->index < 0;
    enum ax_status s = AX_OK;
    (void)worker, (void)n;
    p->followed = f->input;
    for (int i = 0; i < f->n_answers && !s; i++) {
        struct ax_tracker *t = p->branches[i / p->n_pipes].trackers[i % p->n_pipes];
        if (t && other) ax_tracker_reset(t);
        if (t) s = ax_tracker_update(t, &f->answers[i].result, err);
    }
    return s;
}

static bool follows(const struct ax_pictures *p)
{
    for (int i = 0; i < p->n_branches; i++)
        if (p->branches[i].trackers[0]) return true;
    return false;
}

/* -- stages -- */

int ax_pictures_stages(struct ax_pictures *p, int at, struct ax_flow_stage *out)
{
    bool inlined = p->opt.mode == AX_PICTURES_CALLBACK;
    enum ax_flow_thread behind = inlined ? AX_FLOW_INLINE : AX_FLOW_THREADS;
    int n = 0, group = ax_runner_group(p->runners[0]), workers = p->opt.workers;
    out[n++] = (struct ax_flow_stage){.name = "preprocess", .run = preprocess, .user = p, .workers = workers};
    if (p->n_pipes > 1) {
        out[n++] = (struct ax_flow_stage){.name = "inference", .run = run_in_turn, .user = p, .group = group};
    } else if (p->opt.mode == AX_PICTURES_SYNCHRONOUS) {
        out[n++] = (struct ax_flow_stage){.name = "inference", .run = ax_runner_run, .user = p->runners[0], .group = group};
    } else if (inlined) {
        p->begin = at + n;
        out[n++] = (struct ax_flow_stage){
            .name = "submit", .run = ax_runner_begin, .user = p->runners[0], .group = group, .delivers = true};
    } else {
        out[n++] = (struct ax_flow_stage){.name = "submit", .run = ax_runner_submit, .user = p->runners[0], .group = group};
        out[n++] = (struct ax_flow_stage){.name = "wait", .run = ax_runner_wait, .user = p->runners[0], .group = group};
    }
    out[n++] = (struct ax_flow_stage){
        .name = "postprocess", .run = postprocess, .user = p, .workers = inlined ? 1 : workers, .thread = behind};
    if (follows(p)) out[n++] = (struct ax_flow_stage){.name = "track", .run = track, .user = p, .thread = behind};
    return n;
}

enum ax_status ax_pictures_bind(struct ax_pictures *p, struct ax_flow *f, struct ax_error *err)
{
    return p->begin >= 0 ? ax_runner_bind(p->runners[0], f, p->begin, err) : AX_OK;
}

int ax_pictures_group(const struct ax_engine *e, enum ax_pictures_mode mode)
{
    return ax_runner_group_of(e, mode != AX_PICTURES_SYNCHRONOUS);
}

const struct ax_post *ax_pictures_post(const struct ax_pictures *p)
{
    return p->branches[0].post;
}

struct ax_runner_counts ax_pictures_counts(const struct ax_pictures *p)
{
    struct ax_runner_counts all = {0};
    for (int i = 0; i < p->n_pipes; i++) {
        struct ax_runner_counts c = ax_runner_counts(p->runners[i]);
        all.timeouts += c.timeouts, all.failures += c.failures, all.retries += c.retries;
        all.recovered += c.recovered, all.skipped += c.skipped;
    }
    return all;
}

/* -- making and freeing -- */

static enum ax_status check_input(const struct ax_pictures *p, struct ax_error *err)
{
    const struct ax_engine *e = p->pipes[0].engine;
    char shape[AX_SHAPE_TEXT];
    if (ax_engine_inputs(e) != 1)
        return ax_fail(err, AX_UNSUPPORTED, "%s: has %d inputs; pictures need a model with one. Use --tensors", p->opt.name,
                       ax_engine_inputs(e));
    const struct ax_shape *s = &ax_engine_input(e, 0)->shape;
    if (s->rank != 4)
        return ax_fail(err, AX_SHAPE, "%s: its input '%s' is %s; pictures need NCHW or NHWC. Use --tensors", p->opt.name,
                       ax_engine_input(e, 0)->name, ax_shape_text(s, shape));
    return AX_OK;
}

static enum ax_status open_branch(struct ax_pictures *p, struct branch *b, const struct ax_branch *of, struct ax_error *err)
{
    b->view = *p->descriptor;
    b->of = of;
    if (of) b->view.after = of->after, b->view.n_after = of->n_after;
    enum ax_status s = ax_post_open(&b->view, &p->opt.post, &b->post, err);
    const struct ax_pipe_step *step = s ? NULL : ax_post_tracker(b->post);
    for (int i = 0; i < p->n_pipes && step && !s; i++) s = ax_tracker_new(step, &b->trackers[i], err);
    return s;
}

static enum ax_status open_branches(struct ax_pictures *p, struct ax_error *err)
{
    const struct ax_descriptor *d = p->descriptor;
    int n = d->n_branches ? d->n_branches : 1;
    p->branches = calloc((size_t)n, sizeof *p->branches);
    if (!p->branches) return ax_fail(err, AX_NO_MEMORY, "no memory for the branches");
    p->n_branches = n;
    for (int i = 0; i < n; i++)
        if (open_branch(p, &p->branches[i], d->n_branches ? &d->branches[i] : NULL, err)) return err->status;
    return AX_OK;
}

static enum ax_status open_runners(struct ax_pictures *p, struct ax_error *err)
{
    struct ax_runner_options opt = p->opt.runner;
    opt.asynchronous = p->n_pipes == 1 && p->opt.mode != AX_PICTURES_SYNCHRONOUS;
    for (int i = 0; i < p->n_pipes; i++) {
        const struct ax_engine_port *in = ax_engine_input(p->pipes[i].engine, 0);
        opt.input = in->stored == AX_DTYPE_INT8 && in->quant.count ? AX_DTYPE_INT8 : AX_DTYPE_FLOAT32;
        if (i) opt.record = NULL; /* layers of one model are shown */
        opt.replicas = p->pipes[i].replicas, opt.n_replicas = p->pipes[i].n_replicas;
        if (ax_runner_new(p->pipes[i].engine, &opt, &p->runners[i], err)) return err->status;
    }
    const struct ax_shape shape = ax_runner_input_shape(p->runners[0], 0);
    bool nhwc = shape.dim[1] != 1 && shape.dim[1] != 3 && (shape.dim[3] == 1 || shape.dim[3] == 3);
    p->input_height = (int)shape.dim[nhwc ? 1 : 2], p->input_width = (int)shape.dim[nhwc ? 2 : 3];
    return AX_OK;
}

enum ax_status ax_pictures_new(const struct ax_descriptor *d, const struct ax_pictures_pipe *pipes, int n_pipes,
                               const struct ax_pictures_options *opt, struct ax_pictures **out, struct ax_error *err)
{
    struct ax_pictures *p = calloc(1, sizeof *p);
    *out = NULL;
    if (!p) return ax_fail(err, AX_NO_MEMORY, "no memory for the model's pipeline");
    p->descriptor = d, p->opt = *opt, p->n_pipes = n_pipes, p->followed = -1, p->begin = -1;
    memcpy(p->pipes, pipes, (size_t)n_pipes * sizeof *pipes);
    enum ax_status s = check_input(p, err);
    if (!s) s = open_branches(p, err);
    if (!s) s = open_runners(p, err);
    if (s)
        ax_pictures_free(p);
    else
        *out = p;
    return s;
}

void ax_pictures_free(struct ax_pictures *p)
{
    if (!p) return;
    for (int i = 0; i < p->n_pipes; i++) ax_runner_free(p->runners[i]);
    for (int i = 0; i < p->n_branches; i++) {
        ax_post_close(p->branches[i].post);
        for (int k = 0; k < 2; k++) ax_tracker_free(p->branches[i].trackers[k]);
    }
    free(p->branches);
    free(p);
}
