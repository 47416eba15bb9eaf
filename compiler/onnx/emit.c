/* Building the graph's nodes: names, inference, folding. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lower/lower.h"
#include "onnx/importer.h"

enum { MAX_OUTPUTS = 256 };
static const int64_t MAX_FOLD = (int64_t)256 << 20; /* bytes of one constant that an import may make, */
static const int64_t MAX_FOLDED = (int64_t)1 << 30; /* and of all of them */

static const char *first_output(const struct importer *im)
{
    for (size_t i = 0; i < im->node->n_output; i++)
        if (im->node->output[i][0]) return im->node->output[i];
    return im->label;
}

static int new_value(struct importer *im, const char *suffix)
{
    char *name = ax_arena_printf(&im->g->arena, "%s/%s", first_output(im), suffix);
    return ax_graph_value(im->g, name, AX_DTYPE_NONE, NULL);
}

int im_begin(struct importer *im, enum ax_op op, const int *in, int n_in, const char *suffix)
{
    int out[MAX_OUTPUTS], n_out = 1;
    if (!im_ok(im)) return -1;
    const struct ax_op_row *row = ax_op_row(op);
    if (suffix)
        out[0] = new_value(im, suffix);
    else {
        n_out = (int)im->node->n_output;
        if (row->max_outputs >= 0 && n_out > row->max_outputs) n_out = row->max_outputs;
        if (n_out > MAX_OUTPUTS)
            im_fail(im, AX_UNSUPPORTED, "%zu outputs, at most %d are supported", im->node->n_output, MAX_OUTPUTS);
        if (n_out < 1) im_fail(im, AX_FORMAT, "the node has no output");
        if (!im_ok(im)) return -1;
        for (int i = 0; i < n_out; i++) {
            const char *name = im->node->output[i];
            out[i] = *name ? ax_graph_value(im->g, name, AX_DTYPE_NONE, NULL) : new_value(im, "unused");
            if (*name) im_define(im, name, out[i]);
        }
    }
    return im_ok(im) ? ax_graph_node(im->g, op, im->label, in, n_in, out, n_out) : -1;
}

static bool all_constant(const struct ax_graph *g, const struct ax_node *n)
{
    for (int i = 0; i < n->n_inputs; i++)
        if (n->inputs[i] != AX_NONE && !g->values[n->inputs[i]].data) return false;
    return n->n_inputs > 0;
}

/* DequantizeLinear of a constant stays: a quantized model's own scales are read from it later. */
static void fold(struct importer *im, int node)
{
    struct ax_node *n = &im->g->nodes[node];
    if (n->op == AX_OP_DEQUANTIZE_LINEAR || n->op == AX_OP_QUANTIZE_LINEAR || !all_constant(im->g, n)) return;
    for (int i = 0; i < n->n_outputs; i++) {
        int64_t bytes = ax_value_bytes(&im->g->values[n->outputs[i]]);
        im->folded_bytes += bytes;
        if (bytes > MAX_FOLD || im->folded_bytes > MAX_FOLDED) return;
    }
    struct ax_error err = {0};
    if (ax_fold_node(im->g, node, &err) && err.status != AX_UNSUPPORTED) *im->err = err;
}

int im_end(struct importer *im, int node)
{
    if (!im_ok(im) || node < 0) return 0;
    if (ax_node_infer(im->g, node, im->err)) return 0;
    const struct ax_node *n = &im->g->nodes[node];
    int first = n->outputs[0];
    for (int i = 0; i < n->n_outputs; i++) {
        const struct ax_value *v = &im->g->values[n->outputs[i]];
        if (!ax_shape_known(&v->shape))
            im_fail(im, AX_UNSUPPORTED,
                    "the shape of its output '%.120s' depends on data, so it is known only while the model runs", v->name);
        else if (ax_shape_count(&v->shape) < 0)
            im_fail(im, AX_UNSUPPORTED, "its output '%.120s' has more than 2^40 elements", v->name);
    }
    if (im_ok(im)) fold(im, node);
    return im_ok(im) ? first : 0;
}

int im_apply(struct importer *im, enum ax_op op, const int *in, int n_in, const char *suffix)
{
    return im_end(im, im_begin(im, op, in, n_in, suffix));
}

void im_set_int(struct importer *im, int node, const char *attr, int64_t v)
{
    if (node >= 0) ax_node_set_int(im->g, node, attr, v);
}

void im_set_float(struct importer *im, int node, const char *attr, float v)
{
    if (node >= 0) ax_node_set_float(im->g, node, attr, v);
}

void im_set_ints(struct importer *im, int node, const char *attr, const int64_t *v, int n)
{
    if (node >= 0) ax_node_set_ints(im->g, node, attr, v, n);
}

void im_set_floats(struct importer *im, int node, const char *attr, const float *v, int n)
{
    if (node >= 0) ax_node_set_floats(im->g, node, attr, v, n);
}

void im_set_string(struct importer *im, int node, const char *attr, const char *v)
{
    if (node >= 0) ax_node_set_string(im->g, node, attr, v);
}

/* A constant keeps its data under another shape: no node. */
static int reshape_constant(struct importer *im, int v, const struct ax_shape *s, const char *suffix)
{
    const struct ax_value *x = im_value(im, v);
    enum ax_dtype t = x->dtype;
    const void *data = x->data;
    int r = suffix ? new_value(im, suffix) : ax_graph_value(im->g, first_output(im), t, s);
    *im_value(im, r) =
        (struct ax_value){.name = im_value(im, r)->name, .dtype = t, .shape = *s, .data = data, .producer = AX_NONE};
    if (!suffix) im_alias(im, 0, r);
    return r;
}

int im_reshape(struct importer *im, int v, int rank, const int64_t *dim, const char *suffix)
{
    char a[AX_SHAPE_TEXT], b[AX_SHAPE_TEXT];
    if (!im_ok(im)) return 0;
    struct ax_shape s = ax_shape_make(rank, dim);
    if (ax_shape_count(&s) != ax_shape_count(im_shape(im, v)) || ax_shape_count(&s) < 0) {
        im_fail(im, AX_SHAPE, "%s cannot take the shape %s: the elements do not match", ax_shape_text(im_shape(im, v), a),
                ax_shape_text(&s, b));
        return 0;
    }
    if (ax_is_const(im->g, v)) return reshape_constant(im, v, &s, suffix);
    int node = im_begin(im, AX_OP_RESHAPE, &v, 1, suffix);
    im_set_ints(im, node, "shape", dim, rank);
    return im_end(im, node);
}

int im_cast(struct importer *im, int v, enum ax_dtype t, const char *suffix)
{
    if (!im_ok(im)) return 0;
    if (im_value(im, v)->dtype == t) {
        if (!suffix) im_result(im, 0, v);
        return v;
    }
    int node = im_begin(im, AX_OP_CAST, &v, 1, suffix);
    im_set_int(im, node, "to", t);
    return im_end(im, node);
}

void *im_const_alloc(struct importer *im, enum ax_dtype t, const struct ax_shape *s)
{
    int64_t n = ax_shape_count(s);
    if (!im_ok(im)) return NULL;
    if (n < 0 || n > MAX_FOLD / 8) {
        im_fail(im, AX_UNSUPPORTED, "it makes a constant of more than %lld elements", (long long)(MAX_FOLD / 8));
        return NULL;
    }
    im->folded_bytes += n * (int64_t)ax_dtype_bytes(t);
    if (im->folded_bytes > MAX_FOLDED) im_fail(im, AX_UNSUPPORTED, "the model computes more than 1 GB of constants");
    return im_ok(im) ? ax_arena_alloc(&im->g->arena, (size_t)n * ax_dtype_bytes(t)) : NULL;
}

int im_const(struct importer *im, enum ax_dtype t, const struct ax_shape *s, void *data, const char *suffix)
{
    if (!im_ok(im)) return 0;
    int v = suffix ? new_value(im, suffix) : ax_graph_value(im->g, first_output(im), t, s);
    im_value(im, v)->dtype = t;
    im_value(im, v)->shape = *s;
    im_value(im, v)->data = data;
    if (!suffix) im_alias(im, 0, v);
    return v;
}

int im_scalar(struct importer *im, float x, const char *suffix)
{
    const struct ax_shape s = {0};
    float *p = im_const_alloc(im, AX_DTYPE_FLOAT32, &s);
    if (p) *p = x;
    return im_const(im, AX_DTYPE_FLOAT32, &s, p, suffix);
}

void im_alias(struct importer *im, int i, int v)
{
    if (im_wants_output(im, i)) im_define(im, im->node->output[i], v);
}

void im_result(struct importer *im, int i, int v)
{
    if (!im_ok(im) || !im_wants_output(im, i)) return;
    if (ax_is_const(im->g, v)) {
        im_alias(im, i, v);
        return;
    }
    int out = ax_graph_value(im->g, im->node->output[i], AX_DTYPE_NONE, NULL);
    im_define(im, im->node->output[i], out);
    im_end(im, im_ok(im) ? ax_graph_node(im->g, AX_OP_IDENTITY, im->label, &v, 1, &out, 1) : -1);
    if (im_marked_float(im, v)) im_mark_float(im, out);
}

void im_mark_float(struct importer *im, int v)
{
    if (v >= im->n_marks) {
        int n = v + 256;
        char *p = AX_NEW(&im->g->arena, char, n);
        if (im->n_marks) memcpy(p, im->float_marks, (size_t)im->n_marks);
        im->float_marks = p;
        im->n_marks = n;
    }
    im->float_marks[v] = 1;
}

bool im_marked_float(const struct importer *im, int v)
{
    return v >= 0 && v < im->n_marks && im->float_marks[v];
}
