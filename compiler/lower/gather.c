/* Elements by index. */
#include "lower/rules.h"

static int32_t resolved_axis(const struct low *L, const struct ax_node *n, int64_t otherwise)
{
    int64_t axis = ax_node_int(n, "axis", otherwise);
    return (int32_t)(axis < 0 ? axis + low_value(L, n->inputs[0])->shape.rank : axis);
}

static enum ax_status gather(struct low *L, const struct ax_node *n, enum ax_step_kind kind, struct ax_gather_params p)
{
    int x = low_in(L, n->inputs[0]), indices = low_in(L, n->inputs[1]);
    low_step(L, kind, LOW_LIST(x, indices), LOW_LIST(low_out(L, n->outputs[0])), &p, sizeof p);
    return AX_OK;
}

enum ax_status low_gather(struct low *L, const struct ax_node *n)
{
    return gather(L, n, AX_STEP_GATHER, (struct ax_gather_params){.axis = resolved_axis(L, n, 0)});
}

enum ax_status low_gather_elements(struct low *L, const struct ax_node *n)
{
    return gather(L, n, AX_STEP_GATHER_ELEMENTS, (struct ax_gather_params){.axis = resolved_axis(L, n, 0)});
}

enum ax_status low_gather_nd(struct low *L, const struct ax_node *n)
{
    return gather(L, n, AX_STEP_GATHER_ND, (struct ax_gather_params){.batch_dims = (int32_t)ax_node_int(n, "batch_dims", 0)});
}

enum ax_status low_scatter_nd(struct low *L, const struct ax_node *n)
{
    struct ax_gather_params p = {0};
    int x = low_in(L, n->inputs[0]), indices = low_in(L, n->inputs[1]), updates = low_in(L, n->inputs[2]);
    LOW_STEP(L, SCATTER_ND, LOW_LIST(x, indices, updates), LOW_LIST(low_out(L, n->outputs[0])), p);
    return AX_OK;
}

enum ax_status low_topk(struct low *L, const struct ax_node *n)
{
    int x = low_in(L, n->inputs[0]);
    struct ax_topk_params p = {.k = (int32_t)ax_node_int(n, "k", 1),
                               .axis = resolved_axis(L, n, -1),
                               .largest = (int32_t)ax_node_int(n, "largest", 1),
                               .sorted = (int32_t)ax_node_int(n, "sorted", 1)};
    int64_t dim[AX_MAX_RANK];
    int rank = low_op(L, x)->rank;
    for (int i = 0; i < rank; i++) dim[i] = i == p.axis ? p.k : low_op(L, x)->dim[i];
    int v = ax_out(n, 0), i = ax_out(n, 1);
    int values = v == AX_NONE ? low_plain_new(L, NULL, low_op(L, x)->dtype, rank, dim) : low_out(L, v);
    int indices = i == AX_NONE ? low_plain_new(L, NULL, AX_DTYPE_INT64, rank, dim) : low_out(L, i);
    LOW_STEP(L, TOPK, LOW_LIST(x), LOW_LIST(values, indices), p);
    return AX_OK;
}
