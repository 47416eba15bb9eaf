/* A function of one int8 element that is given by its results. */
#include "graph/infer.h"

enum { ENTRIES = 256 };

static enum ax_status infer_lookup(struct ax_graph *g, int node, struct ax_error *err)
{
    if (!ax_rule_ready(g, node)) return AX_OK;
    struct ax_shape x = *ax_rule_shape(g, node, 0);
    const struct ax_node *n = ax_rule_node(g, node);
    const struct ax_value *from = &g->values[n->inputs[0]], *table = &g->values[n->inputs[1]];
    if (from->dtype != AX_DTYPE_INT8)
        return ax_rule_fail(g, node, err, "its input is %s, not int8", ax_dtype_text(from->dtype));
    if (!table->data || table->dtype != AX_DTYPE_INT8)
        return ax_rule_fail(g, node, err, "the table has to be constant and int8");
    int64_t channels = x.rank ? x.dim[x.rank - 1] : 1;
    const struct ax_shape *t = &table->shape;
    if (t->rank != 2 || t->dim[1] != ENTRIES || (t->dim[0] != 1 && t->dim[0] != channels))
        return ax_rule_fail(g, node, err, "the table has to be [1, 256] or, with a row a channel, [%lld, 256]",
                            (long long)channels);
    return ax_rule_set(g, node, 0, AX_DTYPE_INT8, &x, err);
}

AX_AXON_OP(
    ax_op_lookup, "Lookup", 2, 2, 1, .since = 1, .quant = AX_Q_FLOAT, .infer = infer_lookup,
    .note =
        "int8 to int8: y = table[c or 0][x + 128], c along the last axis. Made by the joiner, from a branch's normalization.");
