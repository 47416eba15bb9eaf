/* The printer: one line a value that comes from outside, one line a node. */
#include <string.h>

#include "graph/graph.h"

enum { LIST_MAX = 8 }; /* entries shown of a list or of a constant */

static void print_list(FILE *out, const struct ax_attr *a)
{
    fputc('[', out);
    for (int i = 0; i < a->count; i++) {
        if (i == 2 * LIST_MAX && a->count > 2 * LIST_MAX) {
            fprintf(out, ", ... %d", a->count);
            break;
        }
        if (i) fputs(", ", out);
        if (a->type == AX_ATTR_INTS)
            fprintf(out, "%lld", (long long)a->ints[i]);
        else
            fprintf(out, "%g", (double)a->floats[i]);
    }
    fputc(']', out);
}

static void print_attr(FILE *out, const struct ax_attr *a)
{
    fprintf(out, " %s=", a->name);
    switch (a->type) {
    case AX_ATTR_INT: fprintf(out, "%lld", (long long)a->i); break;
    case AX_ATTR_FLOAT: fprintf(out, "%g", (double)a->f); break;
    case AX_ATTR_STRING: fputs(a->s, out); break;
    case AX_ATTR_INTS:
    case AX_ATTR_FLOATS: print_list(out, a); break;
    }
}

static void print_quant(FILE *out, const struct ax_quant *q)
{
    if (!q->count) return;
    if (q->count == 1) {
        fprintf(out, " scale %g zero %d", (double)q->scale[0], (int)q->zero_point[0]);
        return;
    }
    float lo = q->scale[0], hi = q->scale[0];
    for (int i = 1; i < q->count; i++) {
        if (q->scale[i] < lo) lo = q->scale[i];
        if (q->scale[i] > hi) hi = q->scale[i];
    }
    fprintf(out, " scales[%d along %d] %g..%g", q->count, q->axis, (double)lo, (double)hi);
}

static void print_type(FILE *out, const struct ax_value *v)
{
    char text[AX_SHAPE_TEXT];
    fprintf(out, "%s %s", ax_dtype_text(v->dtype), ax_shape_text(&v->shape, text));
    print_quant(out, &v->quant);
}

static void print_const(FILE *out, const struct ax_graph *g, int v)
{
    int64_t count = ax_shape_count(&g->values[v].shape);
    fprintf(out, "const %s: ", g->values[v].name);
    print_type(out, &g->values[v]);
    if (count >= 0 && count <= LIST_MAX) {
        fputs(" =", out);
        for (int64_t i = 0; i < count; i++) fprintf(out, " %g", ax_const_at(g, v, i));
    }
    fputc('\n', out);
}

static void print_names(FILE *out, const struct ax_graph *g, const int *list, int count)
{
    for (int i = 0; i < count; i++) fprintf(out, "%s%s", i ? ", " : "", list[i] == AX_NONE ? "-" : g->values[list[i]].name);
}

static void print_node(FILE *out, const struct ax_graph *g, const struct ax_node *n)
{
    print_names(out, g, n->outputs, n->n_outputs);
    fprintf(out, " = %s(", ax_op_name(n->op));
    print_names(out, g, n->inputs, n->n_inputs);
    fputc(')', out);
    for (int i = 0; i < n->n_attrs; i++) print_attr(out, &n->attrs[i]);
    for (int i = 0, first = 1; i < n->n_outputs; i++) {
        if (n->outputs[i] == AX_NONE) continue;
        fputs(first ? " : " : ", ", out);
        first = 0;
        print_type(out, &g->values[n->outputs[i]]);
    }
    if (n->why_float) fprintf(out, " ; float: %s", n->why_float);
    fputc('\n', out);
}

void ax_graph_print(const struct ax_graph *g, FILE *out)
{
    struct ax_uses uses = ax_graph_uses(g);
    fprintf(out, "graph %s opset %d\n", g->name, g->opset);
    for (int i = 0; i < g->n_inputs; i++) {
        fprintf(out, "input %s: ", g->values[g->inputs[i]].name);
        print_type(out, &g->values[g->inputs[i]]);
        fputc('\n', out);
    }
    for (int v = 0; v < g->n_values; v++)
        if (g->values[v].data && (ax_use_count(&uses, v) || ax_is_graph_output(g, v))) print_const(out, g, v);
    for (int k = 0; k < g->n_nodes; k++)
        if (g->nodes[k].op) print_node(out, g, &g->nodes[k]);
    for (int i = 0; i < g->n_outputs; i++) {
        fprintf(out, "output %s: ", g->values[g->outputs[i]].name);
        print_type(out, &g->values[g->outputs[i]]);
        fputc('\n', out);
    }
    ax_uses_free(&uses);
}
