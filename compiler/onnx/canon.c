/* Which canonicaliser takes an operator; and the generic one, for operators that ONNX and the graph agree on. */
#include <string.h>

#include "onnx/importer.h"

static const struct canon *const tables[] = {canon_control, canon_elementwise, canon_move,  canon_quant,
                                             canon_reduce,  canon_resize,      canon_shape, canon_spatial};

const struct canon *canon_find(const char *domain, const char *op)
{
    for (size_t t = 0; t < sizeof tables / sizeof *tables; t++)
        for (const struct canon *c = tables[t]; c->name; c++)
            if (!strcmp(c->name, op) && !strcmp(c->domain, domain)) return c;
    return NULL;
}

bool canon_known(const char *domain, const char *op)
{
    return canon_find(domain, op) || (strcmp(domain, "axon") && ax_op_find(domain, op) != AX_OP_NONE);
}

/* Defaults that ONNX gives, written out so that no reader of the graph needs to know them. */
static const struct {
    enum ax_op op;
    const char *attr;
    float value;
} defaults[] = {
    {AX_OP_LEAKY_RELU, "alpha", 0.01f},
    {AX_OP_ELU, "alpha", 1.0f},
    {AX_OP_SELU, "alpha", 1.67326319217681884765625f},
    {AX_OP_SELU, "gamma", 1.05070102214813232421875f},
    {AX_OP_HARD_SIGMOID, "alpha", 0.2f},
    {AX_OP_HARD_SIGMOID, "beta", 0.5f},
    {AX_OP_THRESHOLDED_RELU, "alpha", 1.0f},
    {AX_OP_LRN, "alpha", 0.0001f},
    {AX_OP_LRN, "beta", 0.75f},
    {AX_OP_LRN, "bias", 1.0f},
    {AX_OP_BATCH_NORMALIZATION, "epsilon", 1e-5f},
    {AX_OP_INSTANCE_NORMALIZATION, "epsilon", 1e-5f},
    {AX_OP_LAYER_NORMALIZATION, "epsilon", 1e-5f},
};

static void copy_attr(struct importer *im, int node, const struct ax_attr_row *row)
{
    enum { MAX = 1 << 16 };
    if (!im_attr(im, row->name)) return;
    switch (row->kind) {
    case AX_KIND_INT: im_set_int(im, node, row->name, im_int(im, row->name, 0)); break;
    case AX_KIND_FLOAT: im_set_float(im, node, row->name, im_float(im, row->name, 0)); break;
    case AX_KIND_STRING: im_set_string(im, node, row->name, im_string(im, row->name, "")); break;
    case AX_KIND_INTS: {
        int64_t *v = AX_NEW(&im->g->arena, int64_t, im_attr(im, row->name)->n_ints);
        im_set_ints(im, node, row->name, v, im_ints(im, row->name, v, MAX));
        break;
    }
    case AX_KIND_FLOATS: {
        float *v = AX_NEW(&im->g->arena, float, im_attr(im, row->name)->n_floats);
        im_set_floats(im, node, row->name, v, im_floats(im, row->name, v, MAX));
        break;
    }
    case AX_KIND_TENSOR: break; /* none of the generic operators has one */
    }
}

void canon_generic(struct importer *im, enum ax_op op)
{
    const struct ax_op_row *row = ax_op_row(op);
    if (im->n_in < row->min_inputs || (row->max_inputs >= 0 && im->n_in > row->max_inputs)) {
        im_fail(im, AX_FORMAT, "it has %d inputs, expected %d%s", im->n_in, row->min_inputs,
                row->max_inputs == row->min_inputs ? "" : " or more");
        return;
    }
    for (int i = 0; i < row->min_inputs; i++) im_need(im, i, "required");
    int node = im_begin(im, op, im->in, im->n_in, NULL);
    for (size_t i = 0; i < sizeof defaults / sizeof *defaults; i++)
        if (defaults[i].op == op && !im_attr(im, defaults[i].attr)) im_set_float(im, node, defaults[i].attr, defaults[i].value);
    for (const struct ax_attr_row *a = row->attrs; a && a->name && node >= 0; a++) copy_attr(im, node, a);
    im_end(im, node);
}
