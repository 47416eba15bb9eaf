/* The plan: which inputs are one, who feeds whom, what leaves the joined model and in what order. */
#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "join.h"

/* -- inputs as the user sees them -- */

enum ax_dtype ax_join_user_dtype(const struct ax_value *v)
{
    return v->quant.count ? AX_DTYPE_FLOAT32 : v->dtype;
}

static const struct ax_value *input_of(const struct ax_join *j, int m, int i)
{
    const struct ax_graph *g = j->models[m].graph;
    return &g->values[g->inputs[i]];
}

static const struct ax_value *output_of(const struct ax_join *j, int m, int o)
{
    const struct ax_graph *g = j->models[m].graph;
    return &g->values[g->outputs[o]];
}

const char *ax_join_layout(const struct ax_join_model *m, int input)
{
    const struct ax_shape *s = &m->graph->values[m->graph->inputs[input]].shape;
    const struct ax_pipe_step *l = m->has_pipeline ? ax_descriptor_find(&m->pipeline, AX_PIPE_LAYOUT) : NULL;
    if (s->rank != 4) return "";
    if (l) return ax_step_is(l, "order", "NHWC") ? "NHWC" : "NCHW";
    return s->dim[1] != 1 && s->dim[1] != 3 && (s->dim[3] == 1 || s->dim[3] == 3) ? "NHWC" : "NCHW";
}

static const char *describe(struct ax_join *j, int m, int i)
{
    char shape[AX_SHAPE_TEXT];
    const struct ax_value *v = input_of(j, m, i);
    const char *layout = ax_join_layout(&j->models[m], i);
    return ax_arena_printf(&j->mem, "%s/%s is %s %s%s%s", j->models[m].scope, v->name, ax_dtype_text(ax_join_user_dtype(v)),
                           ax_shape_text(&v->shape, shape), *layout ? " " : "", layout);
}

static bool same_input(const struct ax_join *j, int m, int i, int n, int k)
{
    const struct ax_value *a = input_of(j, m, i), *b = input_of(j, n, k);
    return ax_join_user_dtype(a) == ax_join_user_dtype(b) && ax_shape_equal(&a->shape, &b->shape) &&
           !strcmp(ax_join_layout(&j->models[m], i), ax_join_layout(&j->models[n], k));
}

/* -- finding by name -- */

static const char *all_names(const struct ax_join *j, bool output, char *buf, size_t room)
{
    size_t at = 0;
    *buf = 0;
    for (int m = 0; m < j->n_models; m++) {
        const struct ax_graph *g = j->models[m].graph;
        for (int i = 0; i < (output ? g->n_outputs : g->n_inputs) && at < room; i++) {
            int v = output ? g->outputs[i] : g->inputs[i];
            at += (size_t)snprintf(buf + at, room - at, "%s%s/%s", at ? ", " : "", j->models[m].scope, g->values[v].name);
        }
    }
    return buf;
}

enum ax_status ax_join_find(const struct ax_join *j, const char *scoped, bool output, int *model, int *index,
                            struct ax_error *err)
{
    char list[600];
    for (int m = 0; m < j->n_models; m++) {
        size_t n = strlen(j->models[m].scope);
        const struct ax_graph *g = j->models[m].graph;
        if (strncmp(scoped, j->models[m].scope, n) || scoped[n] != '/') continue;
        for (int i = 0; i < (output ? g->n_outputs : g->n_inputs); i++)
            if (!strcmp(g->values[output ? g->outputs[i] : g->inputs[i]].name, scoped + n + 1)) {
                *model = m;
                *index = i;
                return AX_OK;
            }
    }
    return ax_fail(err, AX_NOT_FOUND, "no %s is named '%s'; there are %s", output ? "output" : "input", scoped,
                   all_names(j, output, list, sizeof list));
}

/* -- joined inputs -- */

static int own_input(struct ax_join *j, int m, int i)
{
    const struct ax_value *v = input_of(j, m, i);
    j->inputs[j->n_inputs] =
        (struct ax_join_input){.shape = v->shape, .dtype = ax_join_user_dtype(v), .model = m, .index = i, .readers = 1};
    return j->n_inputs++;
}

static void feed_input(struct ax_join *j, int m, int i, int input)
{
    j->models[m].feed[i] = (struct ax_join_feed){.kind = AX_FEED_INPUT, .input = input};
}

static void own_inputs(struct ax_join *j, int m, const bool *fed)
{
    for (int i = 0; i < j->models[m].graph->n_inputs; i++)
        if (!fed || !fed[i]) feed_input(j, m, i, own_input(j, m, i));
}

/* An input that no other input of model m reads already. */
static bool free_for(const struct ax_join *j, int m, const bool *done, int input)
{
    for (int i = 0; i < j->models[m].graph->n_inputs; i++)
        if (done[i] && j->models[m].feed[i].input == input) return false;
    return true;
}

static bool share_input(struct ax_join *j, int m, int i, bool *done, bool by_name)
{
    for (int k = 0; k < j->n_inputs; k++) {
        struct ax_join_input *in = &j->inputs[k];
        if (in->model == m || !same_input(j, in->model, in->index, m, i) || !free_for(j, m, done, k)) continue;
        if (by_name && strcmp(input_of(j, in->model, in->index)->name, input_of(j, m, i)->name)) continue;
        feed_input(j, m, i, k);
        in->readers++;
        return done[i] = true;
    }
    return false;
}

static enum ax_status nothing_shared(struct ax_join *j, int m, struct ax_error *err)
{
    const struct ax_graph *a = j->models[0].graph, *b = j->models[m].graph;
    if (!a->n_inputs || !b->n_inputs)
        return ax_fail(err, AX_SHAPE, "%s has no input that could be shared", j->models[a->n_inputs ? m : 0].path);
    return ax_fail(
        err, AX_SHAPE,
        "the models share no input: %s, %s. Shape, type and layout must be equal: compile or export one of them for the "
        "other's input, or use --action none for inputs of their own",
        describe(j, 0, 0), describe(j, m, 0));
}

static enum ax_status auto_inputs(struct ax_join *j, struct ax_error *err)
{
    own_inputs(j, 0, NULL);
    for (int m = 1; m < j->n_models; m++) {
        int n = j->models[m].graph->n_inputs, shared = 0;
        bool *done = AX_NEW(&j->mem, bool, n + 1);
        for (int i = 0; i < n; i++) shared += share_input(j, m, i, done, true);
        for (int i = 0; i < n; i++)
            if (!done[i]) shared += share_input(j, m, i, done, false);
        if (!shared) return nothing_shared(j, m, err);
        for (int i = 0; i < n; i++)
            if (!done[i]) feed_input(j, m, i, own_input(j, m, i));
    }
    return AX_OK;
}

/* -- edges -- */

static enum ax_status fits(struct ax_join *j, int m, int o, int n, int i, struct ax_error *err)
{
    char a[AX_SHAPE_TEXT], b[AX_SHAPE_TEXT];
    const struct ax_value *from = output_of(j, m, o), *to = input_of(j, n, i);
    if (ax_shape_equal(&from->shape, &to->shape) && ax_join_user_dtype(from) == ax_join_user_dtype(to)) return AX_OK;
    return ax_fail(err, AX_SHAPE, "%s/%s is %s %s and cannot feed %s/%s, which is %s %s", j->models[m].scope, from->name,
                   ax_dtype_text(ax_join_user_dtype(from)), ax_shape_text(&from->shape, a), j->models[n].scope, to->name,
                   ax_dtype_text(ax_join_user_dtype(to)), ax_shape_text(&to->shape, b));
}

static void feed_output(struct ax_join *j, int m, int i, int from, int output)
{
    j->models[m].feed[i] = (struct ax_join_feed){.kind = AX_FEED_OUTPUT, .model = from, .output = output};
}

static enum ax_status custom(struct ax_join *j, const struct ax_join_edge *edges, int n_edges, struct ax_error *err)
{
    int first[AX_JOIN_MAX_MODELS + 1] = {0}; /* of a model's inputs, counted through all models */
    for (int m = 0; m < j->n_models; m++) first[m + 1] = first[m] + j->models[m].graph->n_inputs;
    bool *fed = AX_NEW(&j->mem, bool, first[j->n_models] + 1);
    if (!n_edges) return ax_fail(err, AX_INVALID_ARGUMENT, "--action custom needs --map a/out=b/in");
    for (int e = 0; e < n_edges; e++) {
        int m = 0, o = 0, n = 0, i = 0;
        if (ax_join_find(j, edges[e].from, true, &m, &o, err) || ax_join_find(j, edges[e].to, false, &n, &i, err) ||
            fits(j, m, o, n, i, err))
            return ax_fail_in(err, "--map %s=%s", edges[e].from, edges[e].to);
        if (fed[first[n] + i]) return ax_fail(err, AX_INVALID_ARGUMENT, "--map: '%s' is fed twice", edges[e].to);
        fed[first[n] + i] = true;
        feed_output(j, n, i, m, o);
    }
    for (int m = 0; m < j->n_models; m++) own_inputs(j, m, fed + first[m]);
    return AX_OK;
}

static int matching_output(const struct ax_join *j, int m, const bool *used, const struct ax_value *to)
{
    const struct ax_graph *g = j->models[m].graph;
    for (int o = 0; o < g->n_outputs; o++) {
        const struct ax_value *v = &g->values[g->outputs[o]];
        if (!used[o] && ax_shape_equal(&v->shape, &to->shape) && ax_join_user_dtype(v) == ax_join_user_dtype(to)) return o;
    }
    return -1;
}

static enum ax_status auto_chain(struct ax_join *j, struct ax_error *err)
{
    char a[AX_SHAPE_TEXT], b[AX_SHAPE_TEXT];
    own_inputs(j, 0, NULL);
    for (int m = 1; m < j->n_models; m++) {
        const struct ax_graph *g = j->models[m].graph, *before = j->models[m - 1].graph;
        bool *used = AX_NEW(&j->mem, bool, before->n_outputs + 1), *fed = AX_NEW(&j->mem, bool, g->n_inputs + 1);
        int n = 0;
        for (int i = 0; i < g->n_inputs; i++) {
            int o = matching_output(j, m - 1, used, input_of(j, m, i));
            if (o < 0) continue;
            used[o] = fed[i] = true;
            feed_output(j, m, i, m - 1, o);
            n++;
        }
        if (!n)
            return ax_fail(err, AX_SHAPE, "no output of %s fits an input of %s: %s/%s is %s, %s/%s is %s",
                           j->models[m - 1].path, j->models[m].path, j->models[m - 1].scope,
                           before->n_outputs ? output_of(j, m - 1, 0)->name : "(none)",
                           before->n_outputs ? ax_shape_text(&output_of(j, m - 1, 0)->shape, a) : "", j->models[m].scope,
                           g->n_inputs ? input_of(j, m, 0)->name : "(none)",
                           g->n_inputs ? ax_shape_text(&input_of(j, m, 0)->shape, b) : "");
        own_inputs(j, m, fed);
    }
    return AX_OK;
}

/* -- order: a model after all that feed it -- */

static enum ax_status sort_models(struct ax_join *j, struct ax_error *err)
{
    bool done[AX_JOIN_MAX_MODELS] = {false};
    j->order = AX_NEW(&j->mem, int, j->n_models);
    for (int n = 0; n < j->n_models; n++) {
        int next = -1;
        for (int m = 0; m < j->n_models && next < 0; m++) {
            bool ready = !done[m];
            for (int i = 0; i < j->models[m].graph->n_inputs && ready; i++)
                ready = j->models[m].feed[i].kind == AX_FEED_INPUT || done[j->models[m].feed[i].model];
            if (ready) next = m;
        }
        if (next < 0) {
            int m = 0;
            while (done[m]) m++;
            return ax_fail(err, AX_INVALID_ARGUMENT,
                           "--map makes a cycle: %s waits for an output that depends on its own; leave one of its edges out",
                           j->models[m].scope);
        }
        done[next] = true;
        j->order[n] = next;
    }
    return AX_OK;
}

/* -- names and outputs -- */

static bool input_name_taken(const struct ax_join *j, int upto, const char *name)
{
    for (int i = 0; i < upto; i++)
        if (!strcmp(j->inputs[i].name, name)) return true;
    return false;
}

/* What several models read belongs to no scope. */
static void name_inputs(struct ax_join *j)
{
    for (int i = 0; i < j->n_inputs; i++) {
        struct ax_join_input *in = &j->inputs[i];
        const char *own = input_of(j, in->model, in->index)->name;
        const char *name = in->readers > 1 ? own : ax_arena_printf(&j->mem, "%s/%s", j->models[in->model].scope, own);
        in->name = name;
        for (int k = 2; input_name_taken(j, i, in->name); k++) in->name = ax_arena_printf(&j->mem, "%s_%d", name, k);
    }
}

static bool feeds_somebody(const struct ax_join *j, int model, int output)
{
    for (int m = 0; m < j->n_models; m++)
        for (int i = 0; i < j->models[m].graph->n_inputs; i++) {
            const struct ax_join_feed *f = &j->models[m].feed[i];
            if (f->kind == AX_FEED_OUTPUT && f->model == model &&
                j->models[model].graph->outputs[f->output] == j->models[model].graph->outputs[output])
                return true;
        }
    return false;
}

static enum ax_status add_output(struct ax_join *j, int m, int o, struct ax_error *err)
{
    const char *name = output_of(j, m, o)->name;
    for (int i = 0; i < j->n_outputs; i++)
        if (j->outputs[i].model == m && j->outputs[i].output == o)
            return ax_fail(err, AX_INVALID_ARGUMENT, "--outputs names %s/%s twice", j->models[m].scope, name);
    j->outputs[j->n_outputs++] =
        (struct ax_join_output){m, o, ax_arena_printf(&j->mem, "%s/%s", j->models[m].scope, name), name};
    return AX_OK;
}

static enum ax_status choose_outputs(struct ax_join *j, const char *const *names, int n, struct ax_error *err)
{
    int all = 0, m = 0, o = 0;
    for (m = 0; m < j->n_models; m++) all += j->models[m].graph->n_outputs;
    j->outputs = AX_NEW(&j->mem, struct ax_join_output, all + n + 1);
    for (int i = 0; i < n; i++)
        if (ax_join_find(j, names[i], true, &m, &o, err) || add_output(j, m, o, err)) return err->status;
    for (m = 0; m < j->n_models && !n; m++)
        for (o = 0; o < j->models[m].graph->n_outputs; o++)
            if (!feeds_somebody(j, m, o) && add_output(j, m, o, err)) return err->status;
    return j->n_outputs ? AX_OK
                        : ax_fail(err, AX_INVALID_ARGUMENT, "the joined model has no outputs: each feeds another model");
}

enum ax_status ax_join_plan(struct ax_join *j, const struct ax_join_edge *edges, int n_edges, const char *const *outputs,
                            int n_outputs, struct ax_error *err)
{
    int all = 0;
    for (int m = 0; m < j->n_models; m++) all += j->models[m].graph->n_inputs;
    j->inputs = AX_NEW(&j->mem, struct ax_join_input, all + 1);
    j->n_inputs = j->n_outputs = 0;
    enum ax_status s = AX_OK;
    switch (j->action) {
    case AX_JOIN_AUTO_INPUTS: s = auto_inputs(j, err); break;
    case AX_JOIN_NONE:
        for (int m = 0; m < j->n_models; m++) own_inputs(j, m, NULL);
        break;
    case AX_JOIN_AUTO_CHAIN: s = auto_chain(j, err); break;
    case AX_JOIN_CUSTOM: s = custom(j, edges, n_edges, err); break;
    }
    if (!s) s = sort_models(j, err);
    if (s) return s;
    name_inputs(j);
    return choose_outputs(j, outputs, n_outputs, err);
}
