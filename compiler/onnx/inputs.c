/* The model's inputs: their shapes from the file, --input_shape and --batch; some bound to constants. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "onnx/importer.h"

enum ax_status ax_input_shape_parse(const char *text, struct ax_arena *mem, struct ax_input_shape *out, struct ax_error *err)
{
    const char *colon = strrchr(text, ':'), *p = colon ? colon + 1 : text;
    out->name = colon ? ax_arena_strn(mem, text, (size_t)(colon - text)) : "";
    out->shape = (struct ax_shape){0};
    while (*p) {
        char *end;
        long long d = strtoll(p, &end, 10);
        if (end == p || d < 1 || out->shape.rank == AX_MAX_RANK || (*end && *end != 'x' && *end != ','))
            return ax_fail(err, AX_INVALID_ARGUMENT,
                           "--input_shape %s: expected NAME:1x3x224x224 with at most %d dimensions of at least 1", text,
                           AX_MAX_RANK);
        out->shape.dim[out->shape.rank++] = d;
        p = *end ? end + 1 : end;
    }
    return AX_OK;
}

enum ax_status ax_input_shapes_parse(const char *const *texts, int n, struct ax_arena *mem, struct ax_input_shape **out,
                                     struct ax_error *err)
{
    enum ax_status s = AX_OK;
    *out = AX_NEW(mem, struct ax_input_shape, n + 1);
    for (int i = 0; i < n && !s; i++) s = ax_input_shape_parse(texts[i], mem, &(*out)[i], err);
    return s;
}

static const Onnx__TypeProto__Tensor *tensor_type(const Onnx__ValueInfoProto *v)
{
    return v->type && v->type->value_case == ONNX__TYPE_PROTO__VALUE_TENSOR_TYPE ? v->type->tensor_type : NULL;
}

static const Onnx__TensorShapeProto__Dimension *dimension(const Onnx__TensorShapeProto *s, size_t i)
{
    return s->dim[i];
}

/* The file's dimension; -1 where it is open (exporters write a name, 0, -1 or nothing). */
static int64_t fixed_dim(const Onnx__TensorShapeProto__Dimension *d)
{
    return d->value_case == ONNX__TENSOR_SHAPE_PROTO__DIMENSION__VALUE_DIM_VALUE && d->dim_value > 0 ? d->dim_value : -1;
}

static const char *dim_name(const Onnx__TensorShapeProto__Dimension *d)
{
    return d->value_case == ONNX__TENSOR_SHAPE_PROTO__DIMENSION__VALUE_DIM_PARAM && d->dim_param[0] ? d->dim_param : NULL;
}

static bool is_initializer(const Onnx__GraphProto *g, const char *name)
{
    for (size_t i = 0; i < g->n_initializer; i++)
        if (g->initializer[i]->name && !strcmp(g->initializer[i]->name, name)) return true;
    return false;
}

static const struct ax_bound_input *bound_of(const struct importer *im, const char *name)
{
    for (int i = 0; i < im->opt->n_bound; i++)
        if (!strcmp(im->opt->bound[i].name, name)) return &im->opt->bound[i];
    return NULL;
}

/* An input that the user feeds. */
static bool is_fed(const struct importer *im, const Onnx__GraphProto *g, const Onnx__ValueInfoProto *v)
{
    return v->name && !names_find(&im->scope->names, v->name) && !is_initializer(g, v->name);
}

static const struct ax_shape *given_shape(const struct importer *im, const char *name, int n_fed)
{
    for (int i = 0; i < im->opt->n_shapes; i++) {
        const char *n = im->opt->shapes[i].name;
        if (!strcmp(n, name) || (!*n && n_fed == 1)) return &im->opt->shapes[i].shape;
    }
    return NULL;
}

/* "x: batch x 3 x 224 x 224; y: ..." for errors. */
static void list_inputs(const struct importer *im, const Onnx__GraphProto *g, char *buf, size_t size)
{
    size_t n = 0;
    buf[0] = 0;
    for (size_t i = 0; i < g->n_input && n + 80 < size; i++) {
        const Onnx__TypeProto__Tensor *t = tensor_type(g->input[i]);
        if (!g->input[i]->name || is_initializer(g, g->input[i]->name) || bound_of(im, g->input[i]->name)) continue;
        n += (size_t)snprintf(buf + n, size - n, "%s%.60s:", n ? "; " : "", g->input[i]->name);
        if (!t || !t->shape) n += (size_t)snprintf(buf + n, size - n, " of unknown rank");
        if (t && t->shape && !t->shape->n_dim) n += (size_t)snprintf(buf + n, size - n, " scalar");
        for (size_t k = 0; t && t->shape && k < t->shape->n_dim && n + 40 < size; k++) {
            const Onnx__TensorShapeProto__Dimension *d = dimension(t->shape, k);
            const char *x = k ? " x" : "";
            if (fixed_dim(d) > 0)
                n += (size_t)snprintf(buf + n, size - n, "%s %lld", x, (long long)fixed_dim(d));
            else
                n += (size_t)snprintf(buf + n, size - n, "%s %.30s", x, dim_name(d) ? dim_name(d) : "?");
        }
    }
}

/* What to pass for the open input: its dimensions, with 1 for the first open one and 224 for others as an example. */
static void suggest(const Onnx__ValueInfoProto *v, char *buf, size_t size)
{
    const Onnx__TypeProto__Tensor *t = tensor_type(v);
    size_t n = (size_t)snprintf(buf, size, "--input_shape %.60s:", v->name);
    if (!t || !t->shape) snprintf(buf + n, size - n, "1x3x224x224");
    for (size_t k = 0; t && t->shape && k < t->shape->n_dim && n + 30 < size; k++) {
        int64_t d = fixed_dim(dimension(t->shape, k));
        n += (size_t)snprintf(buf + n, size - n, "%s%lld", k ? "x" : "", (long long)(d > 0 ? d : k ? 224 : 1));
    }
}

static void open_dimension(struct importer *im, const Onnx__GraphProto *g, const Onnx__ValueInfoProto *v)
{
    char inputs[512], what[200];
    list_inputs(im, g, inputs, sizeof inputs);
    suggest(v, what, sizeof what);
    im_fail(im, AX_SHAPE, "input '%.60s' has open dimensions; the inputs are: %s. Pass for example %s%s", v->name, inputs, what,
            im->opt->batch ? "" : ", or --batch 1 if only the first dimension is open");
}

/* The value of an open dimension that has a name, from a given shape of any input that uses the same name. */
static int64_t named_dim(const struct importer *im, const Onnx__GraphProto *g, const char *name, int n_fed)
{
    for (size_t i = 0; i < g->n_input; i++) {
        const Onnx__TypeProto__Tensor *t = tensor_type(g->input[i]);
        const struct ax_shape *s = g->input[i]->name ? given_shape(im, g->input[i]->name, n_fed) : NULL;
        if (!s || !t || !t->shape || s->rank != (int)t->shape->n_dim) continue;
        for (int k = 0; k < s->rank; k++) {
            const char *n = dim_name(dimension(t->shape, (size_t)k));
            if (n && !strcmp(n, name)) return s->dim[k];
        }
    }
    return -1;
}

/* An open dimension of an input of which the user has samples. */
static int64_t sampled_dim(const struct importer *im, const char *name, int rank, int k, int n_fed)
{
    for (int i = 0; i < im->opt->n_samples; i++) {
        const struct ax_input_shape *s = &im->opt->samples[i];
        if ((!strcmp(s->name, name) || (!*s->name && n_fed == 1)) && s->shape.rank == rank) return s->shape.dim[k];
    }
    return -1;
}

static void shape_of(struct importer *im, const Onnx__GraphProto *g, const Onnx__ValueInfoProto *v, int n_fed,
                     struct ax_shape *s)
{
    const Onnx__TypeProto__Tensor *t = tensor_type(v);
    const struct ax_shape *given = given_shape(im, v->name, n_fed);
    char a[AX_SHAPE_TEXT];
    if (given) {
        *s = *given;
        if (t->shape && (int)t->shape->n_dim != s->rank)
            im_fail(im, AX_SHAPE, "--input_shape gives '%.60s' the shape %s, but it has %zu dimensions", v->name,
                    ax_shape_text(s, a), t->shape->n_dim);
        return;
    }
    if (!t->shape) {
        open_dimension(im, g, v);
        return;
    }
    if (t->shape->n_dim > AX_MAX_RANK) {
        im_fail(im, AX_UNSUPPORTED, "input '%.60s' has %zu dimensions, at most %d are supported", v->name, t->shape->n_dim,
                AX_MAX_RANK);
        return;
    }
    *s = (struct ax_shape){.rank = (int)t->shape->n_dim};
    for (int k = 0; k < s->rank; k++) {
        const Onnx__TensorShapeProto__Dimension *d = dimension(t->shape, (size_t)k);
        s->dim[k] = fixed_dim(d);
        if (s->dim[k] < 0 && dim_name(d)) s->dim[k] = named_dim(im, g, dim_name(d), n_fed);
        if (k == 0 && im->opt->batch > 0) s->dim[k] = im->opt->batch;
        if (s->dim[k] < 0) s->dim[k] = sampled_dim(im, v->name, s->rank, k, n_fed);
        if (s->dim[k] < 0) {
            open_dimension(im, g, v);
            return;
        }
    }
}

static void add_input(struct importer *im, const Onnx__GraphProto *g, const Onnx__ValueInfoProto *v, int n_fed)
{
    const Onnx__TypeProto__Tensor *t = tensor_type(v);
    struct ax_shape s = {0};
    if (!t) {
        im_fail(im, AX_UNSUPPORTED, "input '%.120s' is no tensor; sequences, maps and optionals are not supported", v->name);
        return;
    }
    enum ax_dtype dt = tensor_dtype(t->elem_type);
    if (dt == AX_DTYPE_NONE)
        im_fail(im, AX_UNSUPPORTED, "input '%.120s' holds %s, which is not supported", v->name, tensor_type_name(t->elem_type));
    if (dt == AX_DTYPE_FLOAT32 && t->elem_type != ONNX__TENSOR_PROTO__DATA_TYPE__FLOAT)
        im_note(im, "input '%s' is %s in the model and takes float32 here", v->name, tensor_type_name(t->elem_type));
    if (im_ok(im)) shape_of(im, g, v, n_fed, &s);
    if (im_ok(im) && ax_shape_count(&s) < 0)
        im_fail(im, AX_SHAPE, "input '%.120s' has a negative dimension or more than 2^40 elements", v->name);
    if (!im_ok(im)) return;
    int value = ax_graph_value(im->g, v->name, dt, &s);
    im_define(im, v->name, value);
    im->g->inputs[im->g->n_inputs++] = value;
}

static void bind(struct importer *im, const struct ax_bound_input *b)
{
    int v = ax_graph_const(im->g, b->name, b->dtype, &b->shape, b->data);
    im_define(im, b->name, v);
}

static void check_names(struct importer *im, const Onnx__GraphProto *g)
{
    char inputs[512];
    for (int i = 0; i < im->opt->n_shapes; i++) {
        const char *name = im->opt->shapes[i].name;
        size_t k = 0;
        while (*name && k < g->n_input && (!g->input[k]->name || strcmp(g->input[k]->name, name))) k++;
        if (!*name || k < g->n_input) continue;
        list_inputs(im, g, inputs, sizeof inputs);
        im_fail(im, AX_INVALID_ARGUMENT, "--input_shape names '%.60s', which is no input; the inputs are: %s", name, inputs);
    }
}

void im_inputs(struct importer *im)
{
    const Onnx__GraphProto *g = im->file.proto->graph;
    int n_fed = 0;
    check_names(im, g);
    for (size_t i = 0; i < g->n_input && im_ok(im); i++) {
        if (!g->input[i]->name || !g->input[i]->name[0])
            im_fail(im, AX_FORMAT, "input %zu has no name", i);
        else if (is_fed(im, g, g->input[i]) && !bound_of(im, g->input[i]->name))
            n_fed++;
    }
    im->g->inputs = AX_NEW(&im->g->arena, int, n_fed + 1);
    for (size_t i = 0; i < g->n_input && im_ok(im); i++) {
        const char *name = g->input[i]->name;
        if (!name || is_initializer(g, name)) continue;
        if (bound_of(im, name))
            bind(im, bound_of(im, name));
        else
            add_input(im, g, g->input[i], n_fed);
        if (!im_ok(im)) return;
    }
}
