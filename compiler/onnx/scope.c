#include <stdio.h>
#include <string.h>

#include "onnx/importer.h"

void im_fail(struct importer *im, enum ax_status s, const char *fmt, ...)
{
    va_list ap;
    if (!im_ok(im)) return;
    va_start(ap, fmt);
    ax_vfail(im->err, s, fmt, ap);
    va_end(ap);
}

void im_note(struct importer *im, const char *fmt, ...)
{
    char text[512];
    va_list ap;
    if (!im->opt->note) return;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    im->opt->note(im->opt->note_ctx, text);
}

int im_tensor(struct importer *im, const Onnx__TensorProto *t, const char *name)
{
    struct tensor out;
    if (!im_ok(im) || tensor_read(t, &im->source, &im->g->arena, &out, im->err)) return 0;
    if (out.dtype == AX_DTYPE_FLOAT32) {
        int64_t i = tensor_find_nonfinite(out.data, ax_shape_count(&out.shape), 0);
        if (i >= 0) {
            im_fail(im, AX_FORMAT, "tensor '%.120s' holds NaN at element %lld; the model is damaged or its training diverged",
                    name, (long long)i);
            return 0;
        }
    }
    int v = ax_graph_value(im->g, name, out.dtype, &out.shape);
    im->g->values[v].data = out.data;
    return v;
}

int im_lookup(struct importer *im, const char *name)
{
    for (struct scope *s = im->scope; s && im_ok(im); s = s->outer) {
        int *found = names_find(&s->names, name);
        if (!found) continue;
        if (*found >= NAME_LAZY) *found = im_tensor(im, s->graph->initializer[*found - NAME_LAZY], name);
        return im_ok(im) ? *found : 0;
    }
    im_fail(im, AX_FORMAT, "value '%.120s' is used before any node computes it, or is not there at all", name);
    return 0;
}

void im_define(struct importer *im, const char *name, int value)
{
    if (!im_ok(im)) return;
    if (names_find(&im->scope->names, name))
        im_fail(im, AX_FORMAT, "value '%.120s' is computed twice", name);
    else
        names_put(&im->scope->names, name, value);
}

void im_scope_enter(struct importer *im, struct scope *s, const Onnx__GraphProto *graph)
{
    *s = (struct scope){.graph = graph, .outer = im->scope};
    im->scope = s;
    if (graph->n_sparse_initializer) im_fail(im, AX_UNSUPPORTED, "sparse initializers are not supported; store them dense");
    for (size_t i = 0; i < graph->n_initializer; i++) {
        const char *name = graph->initializer[i]->name;
        if (!name || !*name)
            im_fail(im, AX_FORMAT, "initializer %zu has no name", i);
        else if (names_find(&s->names, name))
            im_fail(im, AX_FORMAT, "initializer '%.120s' occurs twice", name);
        else
            names_put(&s->names, name, NAME_LAZY + (int)i);
    }
}

void im_scope_leave(struct importer *im)
{
    struct scope *s = im->scope;
    im->scope = s->outer;
    names_free(&s->names);
}
