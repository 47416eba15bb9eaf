/* Pictures through the pipes, as many at a time as the model's batch takes. */
#include <stdlib.h>
#include <string.h>

#include "media/postprocess.h"
#include "tools/axrun_eval.h"
#include "app/inputs.h"
#include "tools/axrun_save.h"
#include "tools/shared/outputs.h"

/* A picture on its way. */
struct slot {
    const char *path;
    int index; /* in the list of inputs */
    int width, height;
    struct ax_fit fit;
    struct ax_image image; /* kept to be drawn into; else empty */
};

/* What becomes of the outputs: all of them, or those of one of the models that a joined model consists of. */
struct branch {
    struct ax_descriptor view; /* only its steps are its own */
    struct ax_post *post;
    const struct ax_branch *of; /* NULL: not joined */
};

struct work {
    struct ax_run *run;
    struct ax_run_report report;
    struct ax_saver saver;
    struct ax_eval *eval; /* NULL: answers are reported */
    struct branch *branches;
    int n_branches;
    struct ax_shape one; /* the input's shape for one picture */
    int batch;           /* pictures a request holds: the model's batch times --batch */
    int model_batch, n_outputs, filled;
    int64_t elements; /* of one picture */
    float *input;
    struct slot *slots;
    struct ax_outputs outputs[2];
    struct ax_engine_buffer *buffers;
    struct ax_post_tensor *tensors[2];
};

static enum ax_status check_input(const struct ax_run *r, struct ax_error *err)
{
    const struct ax_engine *e = r->pipe[0].engine;
    char shape[AX_SHAPE_TEXT];
    if (!r->has_pipeline)
        return ax_fail(err, AX_NOT_FOUND, "%s: pictures need a model.json beside it that says how they become the input",
                       r->artifact.model);
    if (ax_engine_inputs(e) != 1)
        return ax_fail(err, AX_UNSUPPORTED, "%s: has %d inputs; pictures need a model with one. Use --tensors",
                       r->artifact.name, ax_engine_inputs(e));
    const struct ax_shape *s = &ax_engine_input(e, 0)->shape;
    if (s->rank != 4)
        return ax_fail(err, AX_SHAPE, "%s: its input '%s' is %s; pictures need NCHW or NHWC. Use --tensors", r->artifact.name,
                       ax_engine_input(e, 0)->name, ax_shape_text(s, shape));
    return AX_OK;
}

static enum ax_status make_room(struct work *w, struct ax_error *err)
{
    struct ax_run *r = w->run;
    w->one = ax_engine_input(r->pipe[0].engine, 0)->shape;
    w->model_batch = (int)w->one.dim[0];
    w->batch = w->model_batch * ax_engine_batch(r->pipe[0].engine);
    w->one.dim[0] = 1;
    w->elements = ax_shape_count(&w->one);
    w->n_outputs = ax_engine_outputs(r->pipe[0].engine);
    w->input = calloc((size_t)(w->elements * w->batch), sizeof *w->input);
    w->slots = calloc((size_t)w->batch, sizeof *w->slots);
    w->buffers = calloc((size_t)w->n_outputs + 1, sizeof *w->buffers);
    bool ok = w->input && w->slots && w->buffers;
    for (int i = 0; i < r->n_pipes && ok; i++) {
        if (ax_outputs_new(r->pipe[i].engine, ax_engine_batch(r->pipe[i].engine), false, &w->outputs[i], err))
            return err->status;
        ok = (w->tensors[i] = calloc((size_t)w->n_outputs + 1, sizeof **w->tensors)) != NULL;
    }
    return ok ? AX_OK : ax_fail(err, AX_NO_MEMORY, "no memory for the model's tensors");
}

static void release(struct work *w)
{
    for (int i = 0; i < 2; i++) {
        ax_outputs_free(&w->outputs[i]);
        free(w->tensors[i]);
    }
    for (int i = 0; w->slots && i < w->batch; i++) ax_image_free(&w->slots[i].image);
    ax_arena_free(&w->saver.mem);
    ax_eval_close(w->eval);
    free(w->input);
    free(w->slots);
    free(w->buffers);
    for (int i = 0; i < w->n_branches; i++) ax_post_close(w->branches[i].post);
    free(w->branches);
}

/* -- one batch -- */

static enum ax_status run_pipe(struct work *w, int pipe, struct ax_error *err)
{
    struct ax_engine_buffer in = {w->input, AX_DTYPE_FLOAT32};
    for (int i = 0; i < w->n_outputs; i++) w->buffers[i] = ax_outputs_at(&w->outputs[pipe], i, 0);
    int samples = (w->filled + w->model_batch - 1) / w->model_batch;
    enum ax_status s = ax_engine_run(w->run->pipe[pipe].engine, samples, &in, w->buffers, err);
    if (w->run->n_pipes == 2) ax_engine_rest(w->run->pipe[pipe].engine);
    return s;
}

/* The name by which the steps of a branch know an output; NULL where it is another branch's. */
static const char *name_in(const struct branch *b, const char *name)
{
    if (!b->of) return name;
    for (int i = 0; i < b->of->n_tensors; i++)
        if (!strcmp(b->of->tensors[i], name)) return b->of->origins[i];
    return NULL;
}

/* A branch's float outputs of one picture of the batch. Outputs without a batch dimension belong to every picture. */
static int view_outputs(struct work *w, const struct branch *b, int pipe, int slot)
{
    int n = 0;
    for (int i = 0; i < w->n_outputs; i++) {
        const struct ax_engine_port *port = ax_engine_output(w->run->pipe[pipe].engine, i);
        const struct ax_array *a = &w->outputs[pipe].arrays.item[i];
        struct ax_post_tensor t = {name_in(b, port->name), port->shape, (float *)a->data + slot / w->model_batch * port->count};
        if (a->dtype != AX_DTYPE_FLOAT32 || !t.name) continue;
        if (w->model_batch > 1 && t.shape.rank && t.shape.dim[0] == w->model_batch) {
            t.shape.dim[0] = 1;
            t.data += slot % w->model_batch * (port->count / w->model_batch);
        }
        w->tensors[pipe][n++] = t;
    }
    return n;
}

/* Results of a picture; what a step changes in place is a copy, so that outputs can be compared afterwards. */
static enum ax_status answer(struct work *w, const struct branch *b, int pipe, int slot, struct ax_run_answer *a,
                             struct ax_error *err)
{
    const struct slot *s = &w->slots[slot];
    struct ax_arena mem = {0};
    *a = (struct ax_run_answer){.pipe = w->run->pipe[pipe].name, .tensors = w->tensors[pipe]};
    a->n_tensors = view_outputs(w, b, pipe, slot);
    struct ax_post_tensor *copies = ax_arena_copy(&mem, a->tensors, (size_t)(a->n_tensors + 1) * sizeof *copies);
    for (int i = 0; i < a->n_tensors; i++)
        copies[i].data = ax_arena_copy(&mem, copies[i].data, (size_t)ax_shape_count(&copies[i].shape) * sizeof(float));
    const struct ax_shape *shape = &w->one;
    bool nhwc = shape->dim[1] != 1 && shape->dim[1] != 3 && (shape->dim[3] == 1 || shape->dim[3] == 3);
    int input_height = (int)shape->dim[nhwc ? 1 : 2], input_width = (int)shape->dim[nhwc ? 2 : 3];
    struct ax_post_input in = {copies, a->n_tensors, s->fit, s->width, s->height, input_width, input_height};
    enum ax_status st = ax_post_run(b->post, &in, &a->result, err);
    ax_arena_free(&mem);
    return st;
}

static enum ax_status report_slot(struct work *w, int slot, struct ax_error *err)
{
    const struct slot *s = &w->slots[slot];
    enum ax_status st = AX_OK;
    if (!w->eval) ax_report_input(&w->report, s->path, s->width, s->height);
    for (int k = 0; k < w->n_branches && !st; k++) {
        struct branch *b = &w->branches[k];
        struct ax_run_answer answers[2] = {0};
        const char *name = b->of ? b->of->name : NULL;
        for (int i = 0; i < w->run->n_pipes && !st; i++) st = answer(w, b, i, slot, &answers[i], err);
        w->report.described = ax_post_steps(b->post) > 0;
        if (!st && w->saver.dir) st = ax_saver_add(&w->saver, s->path, name, &s->image, answers, w->run->n_pipes, err);
        if (!st && w->eval)
            st = ax_eval_add(w->eval, s->index, answers, w->run->n_pipes, err);
        else if (!st)
            ax_report_answer(&w->report, name, answers, w->run->n_pipes);
        for (int i = 0; i < 2; i++) ax_result_free(&answers[i].result);
    }
    if (!w->eval) ax_report_input_end(&w->report);
    return st;
}

static enum ax_status flush_batch(struct work *w, struct ax_error *err)
{
    enum ax_status s = AX_OK;
    if (!w->filled) return AX_OK;
    for (int i = 0; i < w->run->n_pipes && !s; i++) s = run_pipe(w, i, err);
    for (int i = 0; i < w->filled && !s; i++) s = report_slot(w, i, err);
    for (int i = 0; i < w->filled; i++) ax_image_free(&w->slots[i].image);
    w->filled = 0;
    return s;
}

/* -- all pictures -- */

static enum ax_status take_picture(struct work *w, const char *path, int index, struct ax_error *err)
{
    struct ax_image im;
    struct slot *s = &w->slots[w->filled];
    enum ax_status st = ax_image_load(path, &im, err);
    if (st) return st;
    *s = (struct slot){.path = path, .index = index, .width = im.width, .height = im.height};
    st = ax_preprocess(&w->run->pipeline, &im, &w->one, w->input + w->filled * w->elements, &s->fit, err);
    if (!st && w->saver.dir)
        s->image = im;
    else
        ax_image_free(&im);
    if (!st) w->filled++;
    return st;
}

/* A step that does not lead to the input's size is the descriptor's fault, not the picture's. */
static bool goes_on(enum ax_status s)
{
    return s == AX_FORMAT || s == AX_NOT_FOUND || s == AX_IO || s == AX_UNSUPPORTED || s == AX_INVALID_ARGUMENT;
}

static enum ax_status run_all(struct work *w, const struct ax_inputs *list, int *failed, struct ax_error *err)
{
    enum ax_status s = AX_OK;
    for (int i = 0; i < list->count && !s; i++) {
        s = take_picture(w, list->item[i], i, err);
        if (s && goes_on(s)) {
            ++*failed;
            s = flush_batch(w, err) ? err->status : AX_OK;
            if (!s) ax_report_failure(&w->report, list->item[i], err);
        } else if (!s && w->filled == w->batch)
            s = flush_batch(w, err);
    }
    return s ? s : flush_batch(w, err);
}

static void list_inputs(struct work *w, const char *const *inputs, int count, struct ax_inputs *list, int *failed)
{
    struct ax_error err;
    for (int i = 0; i < count; i++)
        if (ax_inputs_add(list, &w->run->mem, inputs[i], &err)) {
            ++*failed;
            ax_report_failure(&w->report, inputs[i], &err);
        }
    w->report.headed = list->count > 1;
}

/* The pictures of the labels; they are listed here, and counted only where they can be read. */
static enum ax_status score(struct work *w, struct ax_inputs *list, int *failed, struct ax_error *err)
{
    const struct ax_truth *t = ax_eval_truth(w->eval);
    enum ax_status s = ax_eval_bind(w->eval, w->branches[0].post, err);
    for (int i = 0; i < t->count && !s; i++) ax_inputs_append(list, t->pictures[i].path);
    if (!s) s = run_all(w, list, failed, err);
    if (!s) s = ax_eval_finish(w->eval, err);
    return s;
}

static enum ax_status answer_all(struct work *w, const char *const *inputs, int count, struct ax_inputs *list, int *failed,
                                 struct ax_error *err)
{
    ax_report_begin(&w->report);
    list_inputs(w, inputs, count, list, failed);
    enum ax_status s = run_all(w, list, failed, err);
    ax_report_end(&w->report);
    return s;
}

static enum ax_status open_branches(struct work *w, struct ax_error *err)
{
    const struct ax_descriptor *d = &w->run->pipeline;
    struct ax_post_options opt = {(int)w->run->set->top_k, w->run->set->labels, w->eval != NULL};
    int n = d->n_branches ? d->n_branches : 1;
    w->branches = calloc((size_t)n, sizeof *w->branches);
    if (!w->branches) return ax_fail(err, AX_NO_MEMORY, "no memory for the branches");
    for (int i = 0; i < n; i++) {
        struct branch *b = &w->branches[w->n_branches++];
        b->view = *d;
        b->of = d->n_branches ? &d->branches[i] : NULL;
        if (b->of) b->view.after = b->of->after, b->view.n_after = b->of->n_after;
        if (ax_post_open(&b->view, &opt, &b->post, err)) return err->status;
    }
    return AX_OK;
}

enum ax_status ax_run_pictures(struct ax_run *r, const char *const *inputs, int count, int *failed, struct ax_error *err)
{
    struct work w = {.run = r, .saver = {.dir = r->set->save}};
    struct ax_inputs list = {0};
    enum ax_status s = check_input(r, err);
    if (!s && r->set->eval && r->pipeline.n_branches)
        s = ax_fail(err, AX_UNSUPPORTED, "%s is a joined model; --eval scores the models that it was made from",
                    r->artifact.name);
    if (!s && r->set->eval) s = ax_eval_open(r, count ? inputs[0] : NULL, &w.eval, err);
    if (!s) s = open_branches(&w, err);
    if (!s) s = make_room(&w, err);
    if (!s) {
        w.report = (struct ax_run_report){.run = r};
        s = w.eval ? score(&w, &list, failed, err) : answer_all(&w, inputs, count, &list, failed, err);
    }
    ax_inputs_free(&list);
    release(&w);
    return s;
}
