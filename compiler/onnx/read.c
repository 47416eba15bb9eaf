/* Reading the ONNX node: attributes, inputs, constants. */
#include <string.h>

#include "onnx/importer.h"

const Onnx__AttributeProto *im_attr(const struct importer *im, const char *name)
{
    for (size_t i = 0; i < im->node->n_attribute; i++)
        if (im->node->attribute[i]->name && !strcmp(im->node->attribute[i]->name, name)) return im->node->attribute[i];
    return NULL;
}

/* The attribute if it is there and holds what is wanted; `has` says whether the field for that is filled. */
static void wrong_type(struct importer *im, const char *name, const char *expected)
{
    im_fail(im, AX_FORMAT, "attribute '%s' is not %s", name, expected);
}

int64_t im_int(struct importer *im, const char *name, int64_t otherwise)
{
    const Onnx__AttributeProto *a = im_attr(im, name);
    if (a && !a->has_i) wrong_type(im, name, "an integer");
    return a && a->has_i ? a->i : otherwise;
}

float im_float(struct importer *im, const char *name, float otherwise)
{
    const Onnx__AttributeProto *a = im_attr(im, name);
    if (a && !a->has_f) wrong_type(im, name, "a float");
    return a && a->has_f ? a->f : otherwise;
}

const char *im_string(struct importer *im, const char *name, const char *otherwise)
{
    const Onnx__AttributeProto *a = im_attr(im, name);
    if (!a) return otherwise;
    if (!a->has_s) {
        wrong_type(im, name, "a string");
        return otherwise;
    }
    return ax_arena_strn(&im->g->arena, (const char *)a->s.data, a->s.len);
}

static bool fits(struct importer *im, const char *name, size_t count, int max)
{
    if (count > (size_t)max)
        im_fail(im, AX_UNSUPPORTED, "attribute '%s' has %zu entries, at most %d are supported", name, count, max);
    return im_ok(im);
}

int im_ints(struct importer *im, const char *name, int64_t *out, int max)
{
    const Onnx__AttributeProto *a = im_attr(im, name);
    if (!a || !fits(im, name, a->n_ints, max)) return 0;
    if (a->has_i || a->has_f || a->has_s) wrong_type(im, name, "a list of integers");
    if (a->n_ints) memcpy(out, a->ints, a->n_ints * sizeof *out);
    return (int)a->n_ints;
}

int im_floats(struct importer *im, const char *name, float *out, int max)
{
    const Onnx__AttributeProto *a = im_attr(im, name);
    if (!a || !fits(im, name, a->n_floats, max)) return 0;
    if (a->has_i || a->has_f || a->has_s) wrong_type(im, name, "a list of floats");
    if (a->n_floats) memcpy(out, a->floats, a->n_floats * sizeof *out);
    return (int)a->n_floats;
}

int im_need(struct importer *im, int i, const char *what)
{
    if (im_has(im, i)) return im->in[i];
    im_fail(im, AX_FORMAT, "input %d (%s) is missing", i, what);
    return 0;
}

static bool must_be_constant(struct importer *im, int i, const char *what, int max)
{
    int v = im_need(im, i, what);
    if (!im_ok(im)) return false;
    const struct ax_value *x = im_value(im, v);
    if (!x->data) {
        im_fail(im, AX_UNSUPPORTED, "its %s must be constant, but '%.120s' is %s", what, x->name,
                ax_is_graph_input(im->g, v) ? "an input of the model" : "computed while the model runs");
        return false;
    }
    int64_t n = ax_shape_count(&x->shape);
    if (n > max) im_fail(im, AX_UNSUPPORTED, "its %s has %lld elements, at most %d are supported", what, (long long)n, max);
    return im_ok(im);
}

int im_const_ints(struct importer *im, int i, const char *what, int64_t *out, int max)
{
    return must_be_constant(im, i, what, max) ? ax_const_ints(im->g, im->in[i], out, max) : -1;
}

int im_const_floats(struct importer *im, int i, const char *what, float *out, int max)
{
    if (!must_be_constant(im, i, what, max)) return -1;
    int n = (int)ax_shape_count(im_shape(im, im->in[i]));
    for (int k = 0; k < n; k++) out[k] = (float)ax_const_at(im->g, im->in[i], k);
    return n;
}

int im_ints_or_input(struct importer *im, const char *name, int since, int i, int64_t *out, int max)
{
    if (im->node_opset >= since && im_has(im, i)) return im_const_ints(im, i, name, out, max);
    return im_attr(im, name) ? im_ints(im, name, out, max) : -1; /* exporters leave attributes in newer opsets */
}

int im_axis(struct importer *im, int64_t axis, int rank)
{
    if (axis >= -rank && axis < rank) return (int)(axis < 0 ? axis + rank : axis);
    im_fail(im, AX_SHAPE, "axis %lld is outside the %d dimensions of its input", (long long)axis, rank);
    return 0;
}

int im_resolve_axes(struct importer *im, int64_t *axes, int n, int rank)
{
    bool used[AX_MAX_RANK] = {0};
    for (int i = 0; i < n && im_ok(im); i++) {
        int a = im_axis(im, axes[i], rank);
        if (im_ok(im) && used[a]) im_fail(im, AX_FORMAT, "axis %d occurs twice", a);
        if (im_ok(im)) used[a] = true;
    }
    if (!im_ok(im)) return 0;
    n = 0;
    for (int a = 0; a < rank; a++)
        if (used[a]) axes[n++] = a;
    return n;
}

bool im_wants_output(const struct importer *im, int i)
{
    return (size_t)i < im->node->n_output && im->node->output[i][0];
}

void im_no_output(struct importer *im, int i, const char *what)
{
    if (im_wants_output(im, i)) im_fail(im, AX_UNSUPPORTED, "its output %d (%s) is not supported", i, what);
}
