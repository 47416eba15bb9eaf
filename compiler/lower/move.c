/* Moving elements without computing: everything is a view, a transpose, or copies with strides. */
#include "lower/move.h"
#include "lower/rules.h"

#include <string.h>

/* Reshape and its kin, Identity, Dropout: the same elements under other dimensions. */
enum ax_status low_alias(struct low *L, const struct ax_node *n)
{
    const struct ax_shape *s = &low_value(L, n->outputs[0])->shape;
    for (int i = 1; i < n->n_outputs; i++)
        if (n->outputs[i] != AX_NONE && (ax_use_count(&L->uses, n->outputs[i]) || ax_is_graph_output(L->g, n->outputs[i])))
            return low_fail(L, AX_UNSUPPORTED, "output %d is used; only the first is supported", i);
    low_set(L, n->outputs[0], low_view(L, low_in(L, n->inputs[0]), s->rank, s->dim));
    return AX_OK;
}

enum ax_status low_transpose_node(struct low *L, const struct ax_node *n)
{
    int x = low_in(L, n->inputs[0]), perm[AX_MAX_RANK], rank = low_op(L, x)->rank;
    int64_t p[AX_MAX_RANK];
    if (!ax_node_ints(n, "perm", p, rank, 0))
        for (int i = 0; i < rank; i++) p[i] = rank - 1 - i;
    for (int i = 0; i < rank; i++) perm[i] = (int)p[i];
    low_transpose_into(L, x, perm, low_out(L, n->outputs[0]));
    return AX_OK;
}

/* -- copies with strides -- */

static bool strides_of(const int64_t *dim, int rank, int32_t *stride)
{
    int64_t at = 1;
    for (int i = rank - 1; i >= 0; i--) {
        if (at > INT32_MAX) return false;
        stride[i] = (int32_t)at;
        at *= dim[i];
    }
    return at <= INT32_MAX;
}

static enum ax_status copy_begin(struct low *L, int x, int y, struct ax_copy_params *p)
{
    const struct ax_operand *a = low_op(L, x), *b = low_op(L, y);
    *p = (struct ax_copy_params){.rank = a->rank};
    if (!strides_of(a->dim, a->rank, p->in_stride) || !strides_of(b->dim, b->rank, p->out_stride))
        return low_fail(L, AX_UNSUPPORTED, "a tensor of more than 2^31 elements");
    for (int i = 0; i < a->rank; i++) p->count[i] = (int32_t)a->dim[i];
    return AX_OK;
}

static bool empty(const struct ax_copy_params *p)
{
    for (int i = 0; i < p->rank; i++)
        if (p->count[i] == 0) return true;
    return false;
}

static void copy_step(struct low *L, int x, int y, const struct ax_copy_params *p)
{
    if (!empty(p)) LOW_STEP(L, COPY, LOW_LIST(x), LOW_LIST(y), *p);
}

enum ax_status low_concat(struct low *L, const struct ax_node *n)
{
    int y = low_out(L, n->outputs[0]);
    int64_t at = 0, axis = ax_node_int(n, "axis", 0);
    if (axis < 0) axis += low_op(L, y)->rank;
    for (int i = 0; i < n->n_inputs; i++) {
        int x = low_in(L, n->inputs[i]);
        struct ax_copy_params p = {0};
        LOW_TRY(copy_begin(L, x, y, &p));
        p.out_offset = (int32_t)(at * p.out_stride[axis]);
        copy_step(L, x, y, &p);
        at += low_op(L, x)->dim[axis];
    }
    return AX_OK;
}

/* Copies a box of x, `first` its corner and `step` its stride by dimension, to all of y. */
static enum ax_status copy_box(struct low *L, int x, int y, const int64_t *first, const int64_t *step)
{
    struct ax_copy_params p = {0};
    LOW_TRY(copy_begin(L, x, y, &p));
    int64_t offset = 0;
    for (int i = 0; i < p.rank; i++) {
        offset += first[i] * p.in_stride[i];
        p.in_stride[i] = (int32_t)(step[i] * p.in_stride[i]);
        p.count[i] = (int32_t)low_op(L, y)->dim[i];
    }
    p.in_offset = (int32_t)offset;
    copy_step(L, x, y, &p);
    return AX_OK;
}

enum ax_status low_split(struct low *L, const struct ax_node *n)
{
    int x = low_in(L, n->inputs[0]), rank = low_op(L, x)->rank;
    int64_t axis = ax_node_int(n, "axis", 0), first[AX_MAX_RANK] = {0}, step[AX_MAX_RANK] = {0};
    if (axis < 0) axis += rank;
    for (int i = 0; i < rank; i++) step[i] = 1;
    for (int i = 0; i < n->n_outputs; i++) {
        if (n->outputs[i] == AX_NONE) return low_fail(L, AX_UNSUPPORTED, "output %d is left out", i);
        int y = low_out(L, n->outputs[i]);
        LOW_TRY(copy_box(L, x, y, first, step));
        first[axis] += low_op(L, y)->dim[axis];
    }
    return AX_OK;
}

void low_slice_box(const struct ax_node *n, int rank, int64_t *first, int64_t *step)
{
    int64_t starts[AX_MAX_RANK], axes[AX_MAX_RANK], steps[AX_MAX_RANK];
    int count = ax_node_ints(n, "starts", starts, AX_MAX_RANK, 0);
    bool all = !ax_node_ints(n, "axes", axes, AX_MAX_RANK, 0);
    ax_node_ints(n, "steps", steps, AX_MAX_RANK, 1);
    for (int i = 0; i < rank; i++) first[i] = 0, step[i] = 1;
    for (int i = 0; i < count && i < AX_MAX_RANK; i++) {
        int64_t a = all ? i : axes[i];
        if (a < 0 || a >= rank) continue;
        first[a] = starts[i];
        step[a] = steps[i];
    }
}

enum ax_status low_slice(struct low *L, const struct ax_node *n)
{
    int x = low_in(L, n->inputs[0]);
    int64_t first[AX_MAX_RANK] = {0}, step[AX_MAX_RANK] = {0};
    low_slice_box(n, low_op(L, x)->rank, first, step);
    return copy_box(L, x, low_out(L, n->outputs[0]), first, step);
}

enum ax_status low_expand(struct low *L, const struct ax_node *n)
{
    int x = low_in(L, n->inputs[0]), y = low_out(L, n->outputs[0]);
    int64_t dim[AX_MAX_RANK] = {0};
    struct ax_operand from = *low_op(L, x), to = *low_op(L, y);
    if (from.rank > to.rank) return low_fail(L, AX_SHAPE, "%d dimensions cannot expand to %d", from.rank, to.rank);
    for (int i = 0; i < to.rank; i++) dim[i] = i < to.rank - from.rank ? 1 : from.dim[i - (to.rank - from.rank)];
    struct ax_copy_params p = {0};
    x = low_view(L, x, to.rank, dim);
    LOW_TRY(copy_begin(L, x, y, &p));
    for (int i = 0; i < to.rank; i++) {
        if (dim[i] == 1) p.in_stride[i] = 0;
        p.count[i] = (int32_t)to.dim[i];
    }
    copy_step(L, x, y, &p);
    return AX_OK;
}

/* Every repeated dimension becomes two: the repeat, which stands still in the input, and the dimension. */
enum ax_status low_tile(struct low *L, const struct ax_node *n)
{
    int x = low_in(L, n->inputs[0]), y = low_out(L, n->outputs[0]);
    struct ax_copy_params from;
    LOW_TRY(copy_begin(L, x, y, &from));
    struct ax_copy_params p = {0};
    for (int i = 0; i < from.rank; i++) {
        int32_t repeats = (int32_t)(from.count[i] ? low_op(L, y)->dim[i] / from.count[i] : 0);
        if (p.rank + (repeats != 1) + 1 > AX_MAX_RANK)
            return low_fail(L, AX_UNSUPPORTED, "too many repeated dimensions of a tensor of rank %d", from.rank);
        if (repeats != 1) {
            p.count[p.rank] = repeats;
            p.out_stride[p.rank++] = from.out_stride[i] * from.count[i];
        }
        p.count[p.rank] = from.count[i];
        p.in_stride[p.rank] = from.in_stride[i];
        p.out_stride[p.rank++] = from.out_stride[i];
    }
    copy_step(L, x, y, &p);
    return AX_OK;
}

enum ax_pad_mode low_pad_mode(const struct ax_node *n)
{
    static const char *const names[] = {"constant", "reflect", "edge", "wrap"};
    const char *mode = ax_node_string(n, "mode", "constant");
    for (int i = 0; i < 4; i++)
        if (!strcmp(mode, names[i])) return (enum ax_pad_mode)i;
    return AX_PAD_CONSTANT;
}

enum ax_status low_pad(struct low *L, const struct ax_node *n)
{
    int x = low_in(L, n->inputs[0]), rank = low_op(L, x)->rank;
    int64_t pads[2 * AX_MAX_RANK];
    ax_node_ints(n, "pads", pads, 2 * rank, 0);
    struct ax_pad_params p = {.mode = low_pad_mode(n), .value = ax_node_float(n, "value", 0)};
    for (int i = 0; i < 2 * rank; i++) p.pads[i] = (int32_t)pads[i];
    LOW_STEP(L, PAD, LOW_LIST(x), LOW_LIST(low_out(L, n->outputs[0])), p);
    return AX_OK;
}

/* -- channels and space -- */

static enum ax_status shuffle(struct low *L, const struct ax_node *n, int rank, const int64_t *dim, const int *perm)
{
    int x = low_view(L, low_in(L, n->inputs[0]), rank, dim), y = low_out(L, n->outputs[0]);
    int64_t out[AX_MAX_RANK];
    for (int i = 0; i < rank; i++) out[i] = dim[perm[i]];
    low_transpose_into(L, x, perm, low_view(L, y, rank, out));
    return AX_OK;
}

enum ax_status low_depth_to_space(struct low *L, const struct ax_node *n)
{
    const int64_t *d = low_value(L, n->inputs[0])->shape.dim;
    int64_t b = ax_node_int(n, "blocksize", 1);
    bool crd = !strcmp(ax_node_string(n, "mode", "DCR"), "CRD");
    if (ax_node_int(n, "nhwc", 0)) {
        int64_t c = d[3] / (b * b);
        return crd ? shuffle(L, n, 6, (int64_t[]){d[0], d[1], d[2], c, b, b}, (int[]){0, 1, 4, 2, 5, 3})
                   : shuffle(L, n, 6, (int64_t[]){d[0], d[1], d[2], b, b, c}, (int[]){0, 1, 3, 2, 4, 5});
    }
    int64_t c = d[1] / (b * b);
    return crd ? shuffle(L, n, 6, (int64_t[]){d[0], c, b, b, d[2], d[3]}, (int[]){0, 1, 4, 2, 5, 3})
               : shuffle(L, n, 6, (int64_t[]){d[0], b, b, c, d[2], d[3]}, (int[]){0, 3, 4, 1, 5, 2});
}

enum ax_status low_space_to_depth(struct low *L, const struct ax_node *n)
{
    const int64_t *d = low_value(L, n->inputs[0])->shape.dim;
    int64_t b = ax_node_int(n, "blocksize", 1);
    if (ax_node_int(n, "nhwc", 0))
        return shuffle(L, n, 6, (int64_t[]){d[0], d[1] / b, b, d[2] / b, b, d[3]}, (int[]){0, 1, 3, 2, 4, 5});
    return shuffle(L, n, 6, (int64_t[]){d[0], d[1], d[2] / b, b, d[3] / b, b}, (int[]){0, 3, 5, 1, 2, 4});
}

enum ax_status low_channel_shuffle(struct low *L, const struct ax_node *n)
{
    const struct ax_shape *s = &low_value(L, n->inputs[0])->shape;
    int64_t g = ax_node_int(n, "group", 1), pixels = 1, after = 1;
    int axis = ax_node_int(n, "nhwc", 0) ? s->rank - 1 : 1;
    for (int i = 0; i < axis; i++) pixels *= s->dim[i];
    for (int i = axis + 1; i < s->rank; i++) after *= s->dim[i];
    return shuffle(L, n, 4, (int64_t[]){pixels, g, s->dim[axis] / g, after}, (int[]){0, 2, 1, 3});
}
