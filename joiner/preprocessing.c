/* Descriptors of models that share an input: equal preprocessing is shared; where only the normalization differs it moves into
 * the branches; where the picture's geometry or colours differ, no input serves both. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "join.h"

int ax_join_channel_axis(const struct ax_shape *s, int channels)
{
    if (s->rank != 4) return -1;
    if (s->dim[1] == channels && s->dim[1] <= 3) return 1;
    if (s->dim[3] == channels) return 3;
    return s->dim[1] == channels ? 1 : -1;
}

float ax_join_norm_at(const struct ax_join_norm *n, float pixel, int channel)
{
    return (pixel * n->scale - n->mean[channel]) / n->std[channel];
}

static void swap_channels(float *a, float *b, int64_t n)
{
    for (int64_t i = 0; i < n; i++) {
        float t = a[i];
        a[i] = b[i];
        b[i] = t;
    }
}

void ax_join_norm_apply(const struct ax_join_norm *n, const struct ax_shape *shape, float *x)
{
    int axis = ax_join_channel_axis(shape, n->channels);
    int64_t count = ax_shape_count(shape), inner = 1;
    for (int i = axis + 1; i < shape->rank; i++) inner *= shape->dim[i];
    if (n->reversed && axis >= 0)
        for (int64_t at = 0; at < count; at += n->channels * inner)
            for (int c = 0; c < n->channels / 2; c++)
                swap_channels(x + at + c * inner, x + at + (n->channels - 1 - c) * inner, inner);
    for (int64_t i = 0; i < count; i++) x[i] = ax_join_norm_at(n, x[i], axis < 0 ? 0 : (int)(i / inner % n->channels));
}

/* -- one model's normalization -- */

static float nth(const struct ax_pipe_step *step, const char *name, int c, float otherwise)
{
    const struct ax_param *p = ax_step_param(step, name);
    if (!p->given || !p->count) return otherwise;
    return (float)p->numbers[p->count > 1 ? (c < p->count ? c : p->count - 1) : 0];
}

static struct ax_join_norm norm_of(const struct ax_descriptor *p, int channels)
{
    struct ax_join_norm n = {.scale = 1, .channels = channels};
    const struct ax_pipe_step *step = ax_descriptor_find(p, AX_PIPE_NORMALIZE);
    for (int c = 0; c < AX_JOIN_MAX_CHANNELS; c++) {
        n.mean[c] = step ? nth(step, "mean", c, 0) : 0;
        n.std[c] = step ? nth(step, "std", c, 1) : 1;
    }
    if (step) n.scale = (float)ax_step_number(step, "scale");
    const struct ax_pipe_step *color = ax_descriptor_find(p, AX_PIPE_COLOR);
    n.reversed = channels == 3 && color && ax_step_is(color, "order", "bgr");
    return n;
}

static bool same_norm(const struct ax_join_norm *a, const struct ax_join_norm *b)
{
    for (int c = 0; c < AX_JOIN_MAX_CHANNELS; c++)
        if (a->mean[c] != b->mean[c] || a->std[c] != b->std[c]) return false;
    return a->reversed == b->reversed && a->scale == b->scale;
}

/* -- geometry and colours -- */

static bool same_param(const struct ax_param_row *row, const struct ax_param *a, const struct ax_param *b)
{
    if (row->kind == AX_PARAM_TEXT) return a->given == b->given && (!a->given || !strcmp(a->text, b->text));
    return a->number == b->number;
}

/* Writes what differs into text. "letterbox": true and "mode": "letterbox" say the same. */
static bool same_step(const struct ax_pipe_step *a, const struct ax_pipe_step *b, char *text, size_t room)
{
    const struct ax_pipe_row *row = ax_pipe_row(a->kind);
    if (a->kind != b->kind) {
        snprintf(text, room, "%s against %s", row->name, ax_pipe_row(b->kind)->name);
        return false;
    }
    bool boxed = a->kind == AX_PIPE_RESIZE;
    bool x = boxed && (ax_step_number(a, "letterbox") != 0 || ax_step_is(a, "mode", "letterbox"));
    bool y = boxed && (ax_step_number(b, "letterbox") != 0 || ax_step_is(b, "mode", "letterbox"));
    for (int i = 0; row->params[i].name; i++) {
        const struct ax_param_row *r = &row->params[i];
        if (boxed && x && y && (!strcmp(r->name, "letterbox") || !strcmp(r->name, "mode"))) continue;
        if (boxed && !x && !y && (!strcmp(r->name, "fill") || !strcmp(r->name, "align"))) continue;
        if (same_param(r, &a->params[i], &b->params[i])) continue;
        if (r->kind == AX_PARAM_WORD || r->kind == AX_PARAM_TEXT)
            snprintf(text, room, "%s %s is %s against %s", row->name, r->name,
                     a->params[i].text ? a->params[i].text : "the default",
                     b->params[i].text ? b->params[i].text : "the default");
        else
            snprintf(text, room, "%s %s is %g against %g", row->name, r->name, a->params[i].number, b->params[i].number);
        return false;
    }
    return true;
}

static bool orders_colors(const struct ax_pipe_step *s)
{
    return s->kind == AX_PIPE_COLOR && !ax_step_is(s, "order", "gray");
}

/* Steps that shape the picture, in order; that of the colours can move into a branch, as normalization can. */
static const struct ax_pipe_step *next_step(const struct ax_descriptor *p, int *i)
{
    while (*i < p->n_before) {
        const struct ax_pipe_step *s = &p->before[(*i)++];
        if (s->kind != AX_PIPE_NORMALIZE && s->kind != AX_PIPE_LAYOUT && !orders_colors(s)) return s;
    }
    return NULL;
}

static bool same_geometry(const struct ax_descriptor *a, const struct ax_descriptor *b, char *text, size_t room)
{
    for (int i = 0, k = 0;;) {
        const struct ax_pipe_step *x = next_step(a, &i), *y = next_step(b, &k);
        if (!x && !y) return true;
        if (!x || !y) {
            snprintf(text, room, "only one of them has the step %s", ax_pipe_row((x ? x : y)->kind)->name);
            return false;
        }
        if (!same_step(x, y, text, room)) return false;
    }
}

/* -- an input and its readers -- */

static bool reads(const struct ax_join_model *m, int input)
{
    for (int i = 0; i < m->graph->n_inputs; i++)
        if (m->feed[i].kind == AX_FEED_INPUT && m->feed[i].input == input) return true;
    return false;
}

static int channels_of(const struct ax_join_input *in, const char *layout)
{
    return in->shape.rank == 4 ? (int)in->shape.dim[!strcmp(layout, "NHWC") ? 3 : 1] : 0;
}

/* What model m does to pixels: what the script says, else its descriptor. channels: of the input. */
static struct ax_join_norm wanted(const struct ax_join_model *m, int channels)
{
    if (m->norm.given) return m->norm;
    return m->has_pipeline ? norm_of(&m->pipeline, channels)
                           : (struct ax_join_norm){.scale = 1, .std = {1, 1, 1, 1}, .channels = channels};
}

static int channels_at(const struct ax_join *j, int input)
{
    const struct ax_join_input *in = &j->inputs[input];
    return channels_of(in, ax_join_layout(&j->models[in->model], in->index));
}

static enum ax_status compare(struct ax_join *j, int input, int a, int b, struct ax_error *err)
{
    char text[300];
    const struct ax_join_model *x = &j->models[a], *y = &j->models[b];
    if (same_geometry(&x->pipeline, &y->pipeline, text, sizeof text)) return AX_OK;
    return ax_fail(
        err, AX_INVALID_ARGUMENT,
        "%s and %s prepare the shared input '%s' in different ways: %s. Give both model.json files the same step (and "
        "compile and calibrate again), or use --action none",
        x->scope, y->scope, j->inputs[input].name, text);
}

/* Pixels as they are come in, and each reader does its own. The order of colours stays outside where all want the same. */
static enum ax_status move_norms(struct ax_join *j, int input, struct ax_error *err)
{
    int c = channels_at(j, input), readers = 0, reversed = 0;
    for (int m = 0; m < j->n_models; m++) {
        struct ax_join_model *model = &j->models[m];
        if (!reads(model, input)) continue;
        if (model->graph->n_inputs != 1 || (c != 1 && c != 3))
            return ax_fail(err, AX_UNSUPPORTED,
                           "%s: its normalization differs from the other model's and would have to move into it, which needs a "
                           "model with one picture as input",
                           model->scope);
        model->norm = wanted(model, c);
        model->norm.moved = true;
        readers++;
        reversed += model->norm.reversed;
    }
    for (int m = 0; m < j->n_models && readers == reversed; m++)
        if (reads(&j->models[m], input)) j->models[m].norm.reversed = false;
    j->inputs[input].raw = true;
    j->inputs[input].recolored = reversed && readers != reversed;
    return AX_OK;
}

/* Whether readers of an input want different things of pixels; AX_INVALID_ARGUMENT where one does not say what. */
static enum ax_status differ(struct ax_join *j, int input, bool *out, struct ax_error *err)
{
    int first = -1, c = channels_at(j, input), silent = -1;
    bool given = false;
    *out = false;
    for (int m = 0; m < j->n_models; m++) {
        const struct ax_join_model *model = &j->models[m];
        if (!reads(model, input)) continue;
        given |= model->norm.given;
        bool says = model->norm.given || (model->has_pipeline && model->pipeline.n_before);
        if (!says) {
            silent = model->has_pipeline ? silent : m;
            continue;
        }
        struct ax_join_norm p = wanted(model, c), q = wanted(&j->models[first < 0 ? m : first], c);
        *out |= !same_norm(&p, &q);
        if (first < 0) first = m;
    }
    if (*out && !given && silent >= 0)
        return ax_fail(
            err, AX_INVALID_ARGUMENT,
            "the models of input '%s' normalize differently, and %s has no model.json that says how; put one beside it",
            j->inputs[input].name, j->models[silent].scope);
    *out |= given;
    return AX_OK;
}

enum ax_status ax_join_preprocessing(struct ax_join *j, struct ax_error *err)
{
    for (int input = 0; input < j->n_inputs; input++) {
        int first = -1;
        bool move;
        for (int m = 0; m < j->n_models; m++) {
            if (!reads(&j->models[m], input) || !j->models[m].has_pipeline || !j->models[m].pipeline.n_before) continue;
            if (!j->pipeline) j->pipeline = &j->models[m].pipeline;
            if (first >= 0 && compare(j, input, first, m, err)) return err->status;
            if (first < 0) first = m;
        }
        if (differ(j, input, &move, err) || (move && move_norms(j, input, err))) return err->status;
    }
    return AX_OK;
}

int ax_join_shared_steps(const struct ax_join *j, const struct ax_pipe_step *before, int n, struct ax_pipe_step *out)
{
    bool raw = false, recolored = false;
    int count = 0;
    for (int i = 0; i < j->n_inputs; i++) raw |= j->inputs[i].raw, recolored |= j->inputs[i].recolored;
    for (int i = 0; i < n; i++)
        if (!(raw && before[i].kind == AX_PIPE_NORMALIZE) && !(recolored && orders_colors(&before[i])))
            out[count++] = before[i];
    return count;
}

enum ax_status ax_join_normalize(struct ax_join *j, int model, const struct ax_join_norm *norm, struct ax_error *err)
{
    struct ax_join_model *m = &j->models[model];
    int c = m->graph->n_inputs == 1 && m->feed[0].kind == AX_FEED_INPUT ? channels_at(j, m->feed[0].input) : 0;
    if (c != 1 && c != 3)
        return ax_fail(err, AX_INVALID_ARGUMENT, "%s: normalization in the script needs a model with one picture as input",
                       m->scope);
    m->norm = *norm;
    m->norm.channels = c;
    m->norm.given = true;
    m->norm.reversed &= c == 3;
    return AX_OK;
}
