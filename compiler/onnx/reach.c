/* Which nodes the wanted outputs need; and for operators that Axon does not know, where the model could be cut instead. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "onnx/importer.h"

/* Producers of the main graph's values by name: node index. */
static void index_producers(const Onnx__GraphProto *g, struct names *m)
{
    for (size_t i = 0; i < g->n_node; i++)
        for (size_t k = 0; k < g->node[i]->n_output; k++)
            if (g->node[i]->output[k][0] && !names_find(m, g->node[i]->output[k])) names_put(m, g->node[i]->output[k], (int)i);
}

static void need_name(const struct names *producers, const char *name, char *needed)
{
    const int *p = names_find(producers, name);
    if (p) needed[*p] = 1;
}

/* Everything that a node reads, the bodies of its branches included. */
static void need_inputs(const Onnx__NodeProto *n, const struct names *producers, char *needed)
{
    for (size_t i = 0; i < n->n_input; i++) need_name(producers, n->input[i], needed);
    for (size_t a = 0; a < n->n_attribute; a++) {
        const Onnx__GraphProto *g = n->attribute[a]->g;
        for (size_t k = 0; g && k < g->n_node; k++) need_inputs(g->node[k], producers, needed);
        for (size_t k = 0; g && k < g->n_output; k++)
            if (g->output[k]->name) need_name(producers, g->output[k]->name, needed);
    }
}

static bool is_input(const Onnx__GraphProto *g, const char *name)
{
    for (size_t i = 0; i < g->n_input; i++)
        if (g->input[i]->name && !strcmp(g->input[i]->name, name)) return true;
    return false;
}

void reach_outputs(struct importer *im, const char *const *outputs, int n, char *needed)
{
    const Onnx__GraphProto *g = im->file.proto->graph;
    struct names producers = {0};
    index_producers(g, &producers);
    for (int i = 0; i < n; i++) {
        need_name(&producers, outputs[i], needed);
        if (!names_find(&producers, outputs[i]) && !names_find(&im->scope->names, outputs[i]) && !is_input(g, outputs[i]))
            im_fail(im, AX_NOT_FOUND, "no value is called '%.120s', so it cannot be an output", outputs[i]);
    }
    /* Nodes stand in topological order (the walk checks that), so one pass backwards reaches everything. */
    for (size_t i = g->n_node; i-- > 0;)
        if (needed[i]) need_inputs(g->node[i], &producers, needed);
    names_free(&producers);
}

struct cut {
    char text[360];
    size_t n;
    int count;
};

static void cut_add(struct cut *c, const char *name)
{
    size_t len = strlen(name);
    c->count++;
    if (c->n + len + 8 > sizeof c->text) return;
    c->n += (size_t)snprintf(c->text + c->n, sizeof c->text - c->n, "%s%s", c->n ? "," : "", name);
}

/* Values are clean (0: depend on no model input), live (1: computed, all known before them) or tainted (2). */
enum { CLEAN, LIVE, TAINTED };

static int state_of(const struct names *state, const char *name)
{
    const int *s = *name ? names_find(state, name) : NULL;
    return s ? *s : CLEAN;
}

/* The worst of what a node reads, in its branches too. */
static int worst_of(const struct names *state, const Onnx__NodeProto *n)
{
    int worst = CLEAN;
    for (size_t k = 0; k < n->n_input; k++)
        if (state_of(state, n->input[k]) > worst) worst = state_of(state, n->input[k]);
    for (size_t a = 0; a < n->n_attribute; a++) {
        const Onnx__GraphProto *g = n->attribute[a]->g;
        for (size_t k = 0; g && k < g->n_node; k++) {
            int inner = worst_of(state, g->node[k]);
            if (inner > worst) worst = inner;
        }
    }
    return worst;
}

/* Adds the live values that a tainted node reads. */
static void end_before(const Onnx__NodeProto *n, const struct names *state, struct names *taken, struct cut *c)
{
    for (size_t k = 0; k < n->n_input; k++) {
        if (state_of(state, n->input[k]) != LIVE || names_find(taken, n->input[k])) continue;
        names_put(taken, n->input[k], 1);
        cut_add(c, n->input[k]);
    }
}

/* The values at which the model can end: read by a tainted node or wanted as an output, live, and computed by a node. */
static void find_cut(struct importer *im, const Onnx__NodeProto *bad, const char *needed, struct cut *c)
{
    const Onnx__GraphProto *g = im->file.proto->graph;
    struct names state = {0}, taken = {0};
    for (size_t i = 0; i < g->n_input; i++) {
        const char *name = g->input[i]->name;
        if (!name || names_find(&state, name)) continue;
        const int *known = names_find(&im->scope->names, name); /* an initializer, or bound to a constant */
        bool constant = known && (*known >= NAME_LAZY || ax_is_const(im->g, *known));
        names_put(&state, name, constant ? CLEAN : LIVE);
        names_put(&taken, name, 1); /* an input is no end */
    }
    for (size_t i = 0; i < g->n_node; i++) {
        const Onnx__NodeProto *n = g->node[i];
        if (needed && !needed[i]) continue;
        int worst = n == bad || !canon_known(im_domain(n), n->op_type ? n->op_type : "") ? TAINTED : worst_of(&state, n);
        if (worst == TAINTED) end_before(n, &state, &taken, c);
        for (size_t k = 0; k < n->n_output; k++)
            if (n->output[k][0]) names_put(&state, n->output[k], worst);
    }
    for (size_t i = 0; i < g->n_output; i++)
        if (g->output[i]->name && state_of(&state, g->output[i]->name) == LIVE && !names_find(&taken, g->output[i]->name))
            cut_add(c, g->output[i]->name);
    names_free(&state);
    names_free(&taken);
}

static void append(struct importer *im, const char *text)
{
    size_t n = strlen(im->err->message);
    snprintf(im->err->message + n, sizeof im->err->message - n, "%s", text);
}

static void suggest(struct importer *im, const Onnx__NodeProto *bad, const char *needed)
{
    struct cut c = {0};
    char text[480];
    find_cut(im, bad, needed, &c);
    if (!c.count || !c.n) return;
    snprintf(text, sizeof text, ". Up to there it would compile%s: --until %s%s", c.count > 1 ? "; end at these values" : "",
             c.text, strchr(c.text, ',') || c.count == 1 ? "" : ",...");
    append(im, text);
}

void reach_suggest_cut(struct importer *im, const Onnx__NodeProto *bad)
{
    if (!im->opt->n_cut_outputs) suggest(im, bad, NULL);
}

static void unknown_operator(struct importer *im, const Onnx__NodeProto *n, int others)
{
    const char *op = n->op_type ? n->op_type : "", *near = ax_op_nearest(op),
               *domain = n->domain && *n->domain ? n->domain : "ai.onnx";
    char also[64] = "", like[80] = "";
    if (others) snprintf(also, sizeof also, " (and %d more)", others);
    if (near && strcmp(near, op)) snprintf(like, sizeof like, "; the nearest known one is %s", near);
    im_fail(im, AX_UNSUPPORTED, "node '%.100s'%s: operator %.60s (domain %.60s, opset %d) is unknown to Axon%s%s",
            n->name && *n->name ? n->name
            : n->n_output       ? n->output[0]
                                : "",
            also, op, domain, im->node_opset, like,
            im->file.skim.n_functions && *im_domain(n)
                ? " (functions of a model are not supported: inline them with onnx.inliner)"
                : "");
}

void reach_unknown(struct importer *im, const char *needed)
{
    const Onnx__GraphProto *g = im->file.proto->graph;
    const Onnx__NodeProto *first = NULL;
    int others = -1;
    for (size_t i = 0; i < g->n_node && im_ok(im); i++) {
        const Onnx__NodeProto *n = g->node[i];
        if (!needed[i] || canon_known(im_domain(n), n->op_type ? n->op_type : "")) continue;
        if (!first) first = n;
        others++;
    }
    if (!first || !im_ok(im)) return;
    im->node_opset = import_opset(im, im_domain(first));
    unknown_operator(im, first, others);
    suggest(im, first, needed);
}
