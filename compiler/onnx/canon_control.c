/* If with a condition that is known: the chosen branch takes its place. */
#include "onnx/importer.h"

static void take_branch(struct importer *im)
{
    int64_t condition;
    int n = im_const_ints(im, 0, "condition", &condition, 1);
    if (im_ok(im) && n != 1) im_fail(im, AX_FORMAT, "its condition must be one truth value");
    if (!im_ok(im)) return;
    const Onnx__AttributeProto *a = im_attr(im, condition ? "then_branch" : "else_branch");
    if (!a || !a->g || a->g->n_output != im->node->n_output) {
        im_fail(im, AX_FORMAT, "its %s is missing or has another number of outputs", condition ? "then_branch" : "else_branch");
        return;
    }
    struct scope scope;
    int *out = AX_NEW(&im->g->arena, int, a->g->n_output + 1);
    im_scope_enter(im, &scope, a->g);
    im_walk(im, a->g, NULL);
    for (size_t i = 0; i < a->g->n_output && im_ok(im); i++) {
        if (a->g->output[i]->name)
            out[i] = im_lookup(im, a->g->output[i]->name);
        else
            im_fail(im, AX_FORMAT, "output %zu of its branch has no name", i);
    }
    im_scope_leave(im);
    for (size_t i = 0; i < a->g->n_output && im_ok(im); i++) im_alias(im, (int)i, out[i]);
}

const struct canon canon_control[] = {
    {"If", "", take_branch},
    {NULL, NULL, NULL},
};
