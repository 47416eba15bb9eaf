/* Elementwise on planes: two activations as BINARY_S8, everything of one as a table. */
#include "lower/rules.h"
#include "lower/s8.h"

/* -- one activation -- */

static bool table_fits(const struct ax_value *x, const struct ax_value *y)
{
    if (!low_is_quant(x) || !low_is_quant(y) || x->data || !ax_shape_equal(&x->shape, &y->shape)) return false;
    int last = x->shape.rank - 1;
    bool by_last = (x->quant.count <= 1 || x->quant.axis == last) && (y->quant.count <= 1 || y->quant.axis == last);
    return by_last && low_is_planes(x) == low_is_planes(y);
}

static void table_node(struct low *L, int xv, int yv, const struct low_function *f)
{
    const struct ax_value *x = low_value(L, xv), *y = low_value(L, yv);
    int from = low_in_planes(L, xv);
    if (low_is_planes(y)) {
        L->native[yv] = low_planes_like(L, y, from);
    } else {
        L->native[yv] = low_plain_new(L, y->name, AX_DTYPE_INT8, y->shape.rank, y->shape.dim);
        low_op(L, L->native[yv])->quant = y->quant;
    }
    low_table(L, from, &x->quant, f, y, L->native[yv]);
}

enum ax_status low_unary_s8(struct low *L, const struct ax_node *n, bool *done)
{
    struct low_function f = {0};
    if (!table_fits(low_value(L, n->inputs[0]), low_value(L, n->outputs[0])) || !low_unary_of(n, &f.act)) return AX_OK;
    table_node(L, n->inputs[0], n->outputs[0], &f);
    *done = true;
    return AX_OK;
}

enum ax_status low_quantize_s8(struct low *L, const struct ax_node *n, bool *done)
{
    struct low_function f = {.act = {.act = AX_ACT_NONE}};
    if (!table_fits(low_value(L, n->inputs[0]), low_value(L, n->outputs[0]))) return AX_OK;
    table_node(L, n->inputs[0], n->outputs[0], &f);
    *done = true;
    return AX_OK;
}

/* A constant that is one number, or one for each channel of the last axis of x. 0 if it is neither. */
static int64_t numbers_by_channel(const struct ax_value *k, const struct ax_value *x, bool leading)
{
    int64_t count = ax_shape_count(&k->shape), c = x->shape.rank ? x->shape.dim[x->shape.rank - 1] : 1;
    if (k->shape.rank > x->shape.rank) return 0;
    if (count == 1) return 1;
    if (count != c) return 0;
    return k->shape.dim[k->shape.rank - 1] == c || (leading && k->shape.dim[0] == c) ? c : 0;
}

enum ax_status low_prelu_s8(struct low *L, const struct ax_node *n, bool *done)
{
    const struct ax_value *x = low_value(L, n->inputs[0]), *k = low_value(L, n->inputs[1]);
    if (!table_fits(x, low_value(L, n->outputs[0])) || !ax_is_const(L->g, n->inputs[1])) return AX_OK;
    struct low_function f = {.n_slope = numbers_by_channel(k, x, ax_node_int(n, "nhwc", 0)),
                             .slope = low_floats(L, n->inputs[1], "the slope")};
    if (!f.n_slope) return AX_OK;
    table_node(L, n->inputs[0], n->outputs[0], &f);
    *done = true;
    return L->status;
}

static enum ax_binary binary_of(enum ax_op op)
{
    switch (op) {
    case AX_OP_ADD:
    case AX_OP_SUM: return AX_BINARY_ADD;
    case AX_OP_SUB: return AX_BINARY_SUB;
    case AX_OP_MUL: return AX_BINARY_MUL;
    case AX_OP_DIV: return AX_BINARY_DIV;
    case AX_OP_MIN: return AX_BINARY_MIN;
    case AX_OP_MAX: return AX_BINARY_MAX;
    default: return AX_BINARY_COUNT;
    }
}

static enum ax_status with_constant(struct low *L, const struct ax_node *n, const struct low_act *act, bool *done)
{
    bool left = ax_is_const(L->g, n->inputs[0]);
    int xv = n->inputs[left], kv = n->inputs[!left];
    const struct ax_value *x = low_value(L, xv), *k = low_value(L, kv);
    if (!ax_is_const(L->g, kv) || !table_fits(x, low_value(L, n->outputs[0]))) return AX_OK;
    struct low_function f = {.binary = true, .op = binary_of(n->op), .left = left, .act = *act};
    f.n_k = numbers_by_channel(k, x, false);
    if (!f.n_k) return AX_OK;
    f.k = low_floats(L, kv, "the operand");
    if (L->status != AX_OK) return L->status;
    table_node(L, xv, n->outputs[0], &f);
    *done = true;
    return AX_OK;
}

/* -- two activations -- */

static bool spreads(const struct ax_value *a, const struct ax_value *y)
{
    if (!low_is_planes(a) || a->shape.rank != y->shape.rank || a->shape.dim[0] != y->shape.dim[0]) return false;
    int last = y->shape.rank - 1;
    for (int i = 1; i < last; i++)
        if (a->shape.dim[i] != y->shape.dim[i] && a->shape.dim[i] != 1) return false;
    return a->shape.dim[last] == y->shape.dim[last] || (a->shape.dim[last] == 1 && a->quant.count == 1);
}

/* Steps take an operand of one pixel for all of them; other broadcasts are written out. */
static int spread(struct low *L, int v, const struct ax_value *y)
{
    const struct ax_value *a = low_value(L, v);
    int64_t s[4], d[4];
    int x = low_in_planes(L, v);
    low_planes_dims(a, s);
    low_planes_dims(y, d);
    bool pixels = s[1] == d[1] && s[2] == d[2], one = s[1] == 1 && s[2] == 1;
    if (s[3] == d[3] && (pixels || one)) return x;
    struct ax_value wide = *a;
    wide.shape = y->shape;
    struct low_maps m = low_maps_identity(L, &wide, 1, 1);
    for (int64_t i = 0; i < d[1] && s[1] == 1; i++) m.y[i] = 0;
    for (int64_t i = 0; i < d[2] && s[2] == 1; i++) m.x[i] = 0;
    for (int64_t i = 0; i < d[3] && s[3] == 1; i++) m.c[i] = 0;
    return low_move(L, x, &wide, &m, NULL, 0);
}

static void sum_rows(const struct low_epi *e, int64_t c, enum ax_binary op, const struct ax_quant *a, const struct ax_quant *b)
{
    double sa = (double)low_scale(a, c), sb = (double)low_scale(b, c) * (op == AX_BINARY_SUB ? -1 : 1);
    double unit = e->linear ? (double)low_scale(e->y, c) : 1;
    low_epi_channel(e, (int)c, c, sa, -low_zero(a, c) * sa - low_zero(b, c) * sb);
    low_epi_put(e, AX_EPI_RES, (int)c, sb / unit);
}

static void product_rows(const struct low_epi *e, int64_t c, const struct ax_quant *a, const struct ax_quant *b)
{
    low_epi_channel(e, (int)c, c, (double)low_scale(a, c) * (double)low_scale(b, c), 0);
    *low_epi_int(e, AX_EPI_ZA, (int)c) = low_zero(a, c);
    *low_epi_int(e, AX_EPI_ZB, (int)c) = low_zero(b, c);
}

static void two_activations(struct low *L, const struct ax_node *n, enum ax_binary op, const struct low_act *act)
{
    const struct ax_value *a = low_value(L, n->inputs[0]), *b = low_value(L, n->inputs[1]), *y = low_value(L, n->outputs[0]);
    int64_t c = y->shape.dim[y->shape.rank - 1];
    int p = spread(L, n->inputs[0], y), q = spread(L, n->inputs[1], y);
    struct low_epi e = low_epi_new(L, (int)((c + 15) / 16 * 16), &y->quant, act, false);
    for (int64_t i = 0; i < c; i++) {
        if (op == AX_BINARY_MUL)
            product_rows(&e, i, &a->quant, &b->quant);
        else
            sum_rows(&e, i, op, &a->quant, &b->quant);
    }
    struct ax_binary_params params = {.op = op, .act = act->act, .alpha = act->alpha, .beta = act->beta, .linear = e.linear};
    int out = L->native[n->outputs[0]] = low_planes_like(L, y, low_op(L, p)->bytes < low_op(L, q)->bytes ? q : p);
    LOW_STEP(L, BINARY_S8, LOW_LIST(p, q, low_epi_const(L, &e)), LOW_LIST(out), params);
}

enum ax_status low_binary_s8(struct low *L, const struct ax_node *n, bool *done)
{
    enum ax_binary op = binary_of(n->op);
    const struct ax_value *y = low_value(L, n->outputs[0]);
    struct low_act act;
    if (op == AX_BINARY_COUNT || n->n_inputs != 2 || !low_is_quant(y)) return AX_OK;
    LOW_TRY(low_act_of(L, n, &act));
    if (act.slope != AX_NONE) return AX_OK;
    if (ax_is_const(L->g, n->inputs[0]) != ax_is_const(L->g, n->inputs[1])) return with_constant(L, n, &act, done);
    if (op != AX_BINARY_ADD && op != AX_BINARY_SUB && op != AX_BINARY_MUL) return AX_OK;
    if (!low_is_planes(y) || !spreads(low_value(L, n->inputs[0]), y) || !spreads(low_value(L, n->inputs[1]), y)) return AX_OK;
    *done = true;
    two_activations(L, n, op, &act);
    return AX_OK;
}
