/* Activation functions spelled out as formulas get their names back, in whatever order the factors were multiplied:
 *   x sigmoid(x), x sigmoid(a x)                          SiLU
 *   x clip(x + 3, 0, 6) / 6, x hardsigmoid(x)             HardSwish
 *   clip(x + 3, 0, 6) / 6                                 HardSigmoid(1/6, 1/2)
 *   x (1 + erf(x / sqrt 2)) / 2                           Gelu
 *   x (1 + tanh(sqrt(2/pi) (x + 0.044715 x^3))) / 2       Gelu(tanh)
 *   x tanh(softplus(x)), x tanh(log(1 + exp(x)))          Mish
 * Needs simplify_arithmetic: divisions by constants are products by then. The product's last node is turned into the
 * function in place; what it was computed from dies if nothing else reads it. */
#include <math.h>

#include "passes/pass.h"

/* The product at v, as factor * x^n_x * special^n_special; false if it holds anything else. */
struct product {
    double factor;
    int n_x, n_special;
};

static bool read_product(const struct ax_graph *g, int v, int x, int special, int depth, struct product *p)
{
    double c;
    if (v == x) return ++p->n_x <= 1;
    if (v == special) return ++p->n_special <= 1;
    if (pass_scalar(g, v, &c)) {
        p->factor *= c;
        return true;
    }
    int node = pass_maker(g, v, AX_OP_MUL);
    if (node == AX_NONE || depth == 4) return false;
    const struct ax_node *n = &g->nodes[node];
    return read_product(g, n->inputs[0], x, special, depth + 1, p) && read_product(g, n->inputs[1], x, special, depth + 1, p);
}

static bool near(double a, double b)
{
    return fabs(a - b) <= 1e-3 * fabs(b);
}

/* v = x + c: x, else AX_NONE */
static int plus(const struct ax_graph *g, int v, double c)
{
    int node = pass_maker(g, v, AX_OP_ADD), x;
    double found;
    return node != AX_NONE && pass_with_scalar(g, node, &x, &found) && near(found, c) ? x : AX_NONE;
}

static int times(const struct ax_graph *g, int v, double c)
{
    int node = pass_maker(g, v, AX_OP_MUL), x;
    double found;
    return node != AX_NONE && pass_with_scalar(g, node, &x, &found) && near(found, c) ? x : AX_NONE;
}

static int argument(const struct ax_graph *g, int v, enum ax_op op)
{
    int node = pass_maker(g, v, op);
    return node == AX_NONE ? AX_NONE : g->nodes[node].inputs[0];
}

/* v = clip(x + 3, 0, 6) */
static int relu6_of_plus3(const struct ax_graph *g, int v)
{
    int node = pass_maker(g, v, AX_OP_CLIP);
    if (node == AX_NONE || ax_node_float(&g->nodes[node], "min", -1) != 0 || ax_node_float(&g->nodes[node], "max", 0) != 6)
        return AX_NONE;
    return plus(g, g->nodes[node].inputs[0], 3);
}

static int hard_sigmoid(const struct ax_graph *g, int v)
{
    int node = pass_maker(g, v, AX_OP_HARD_SIGMOID);
    if (node == AX_NONE) return AX_NONE;
    const struct ax_node *n = &g->nodes[node];
    return near(ax_node_float(n, "alpha", 0.2f), 1.0 / 6) && near(ax_node_float(n, "beta", 0.5f), 0.5) ? n->inputs[0] : AX_NONE;
}

static int one_plus_erf(const struct ax_graph *g, int v)
{
    int e = plus(g, v, 1), u = e == AX_NONE ? AX_NONE : argument(g, e, AX_OP_ERF);
    return u == AX_NONE ? AX_NONE : times(g, u, 0.70710678118);
}

/* v = k x^3 or k x x x in any order */
static bool is_cube(const struct ax_graph *g, int v, int x, double k)
{
    int node = pass_maker(g, v, AX_OP_MUL), base = times(g, v, k), pow;
    if (base != AX_NONE && (pow = pass_maker(g, base, AX_OP_POW)) != AX_NONE)
        return g->nodes[pow].inputs[0] == x && pass_scalar_is(g, g->nodes[pow].inputs[1], 3);
    if (node == AX_NONE) return false;
    int n_x = 0, todo[8] = {v}, n = 1;
    double factor = 1, c;
    while (n) {
        int w = todo[--n];
        if (w == x)
            n_x++;
        else if (pass_scalar(g, w, &c))
            factor *= c;
        else {
            int m = pass_maker(g, w, AX_OP_MUL);
            if (m == AX_NONE || n + 2 > 8 || n_x > 3) return false;
            todo[n++] = g->nodes[m].inputs[0];
            todo[n++] = g->nodes[m].inputs[1];
        }
    }
    return n_x == 3 && near(factor, k);
}

/* v = 1 + tanh(sqrt(2/pi) (x + 0.044715 x^3)) */
static int one_plus_tanh(const struct ax_graph *g, int v)
{
    int e = plus(g, v, 1), u = e == AX_NONE ? AX_NONE : argument(g, e, AX_OP_TANH);
    int sum = u == AX_NONE ? AX_NONE : times(g, u, 0.7978845608);
    int node = sum == AX_NONE ? AX_NONE : pass_maker(g, sum, AX_OP_ADD);
    if (node == AX_NONE) return AX_NONE;
    for (int k = 0; k < 2; k++) {
        int x = g->nodes[node].inputs[k];
        if (is_cube(g, g->nodes[node].inputs[1 - k], x, 0.044715)) return x;
    }
    return AX_NONE;
}

static int tanh_of_softplus(const struct ax_graph *g, int v)
{
    int u = argument(g, v, AX_OP_TANH), x = u == AX_NONE ? AX_NONE : argument(g, u, AX_OP_SOFTPLUS);
    if (u == AX_NONE || x != AX_NONE) return x;
    int sum = argument(g, u, AX_OP_LOG), e = sum == AX_NONE ? AX_NONE : plus(g, sum, 1);
    return e == AX_NONE ? AX_NONE : argument(g, e, AX_OP_EXP);
}

static int sigmoid(const struct ax_graph *g, int v)
{
    return argument(g, v, AX_OP_SIGMOID);
}

static int sigmoid_of_scaled(const struct ax_graph *g, int v)
{
    double a;
    int x, u = argument(g, v, AX_OP_SIGMOID), mul = u == AX_NONE ? AX_NONE : pass_maker(g, u, AX_OP_MUL);
    return mul != AX_NONE && pass_with_scalar(g, mul, &x, &a) ? x : AX_NONE;
}

/* Parameters of the function that the formula at `special` amounts to. */
static void set_parameters(struct ax_graph *g, int node, int special)
{
    double a;
    int x, sigmoid_node = pass_maker(g, special, AX_OP_SIGMOID);
    if (g->nodes[node].op == AX_OP_HARD_SIGMOID) {
        ax_node_set_float(g, node, "alpha", (float)(1.0 / 6));
        ax_node_set_float(g, node, "beta", 0.5f);
    } else if (g->nodes[node].op == AX_OP_SILU && sigmoid_node != AX_NONE &&
               g->nodes[sigmoid_node].inputs[0] != g->nodes[node].inputs[0] &&
               pass_with_scalar(g, g->values[g->nodes[sigmoid_node].inputs[0]].producer, &x, &a)) {
        ax_node_set_float(g, node, "alpha", (float)a);
    }
}

/* factor * x^n_x * special(x): what it is. `special` gives x for a value that is the special factor, else AX_NONE. */
static const struct formula {
    int (*special)(const struct ax_graph *g, int v);
    double factor;
    int n_x;
    enum ax_op op;
    const char *approximate;
} formulas[] = {
    {sigmoid, 1, 1, AX_OP_SILU, NULL},
    {sigmoid_of_scaled, 1, 1, AX_OP_SILU, NULL},
    {hard_sigmoid, 1, 1, AX_OP_HARD_SWISH, NULL},
    {relu6_of_plus3, 1.0 / 6, 1, AX_OP_HARD_SWISH, NULL},
    {relu6_of_plus3, 1.0 / 6, 0, AX_OP_HARD_SIGMOID, NULL},
    {one_plus_erf, 0.5, 1, AX_OP_GELU, "none"},
    {one_plus_tanh, 0.5, 1, AX_OP_GELU, "tanh"},
    {tanh_of_softplus, 1, 1, AX_OP_MISH, NULL},
};

/* Factors of the product at v that are no product themselves. */
static int leaves(const struct ax_graph *g, int v, int depth, int *out, int n, int max)
{
    int node = pass_maker(g, v, AX_OP_MUL);
    if (n < max && depth > 0 && !ax_is_const(g, v)) out[n++] = v;
    if (node == AX_NONE || depth == 3) return n;
    for (int k = 0; k < 2; k++) n = leaves(g, g->nodes[node].inputs[k], depth + 1, out, n, max);
    return n;
}

static bool find(struct ax_graph *g, int i)
{
    int leaf[16], y = g->nodes[i].outputs[0], n = leaves(g, y, 0, leaf, 0, 16);
    for (int k = 0; k < n; k++) {
        for (size_t f = 0; f < sizeof formulas / sizeof *formulas; f++) {
            struct product p = {.factor = 1};
            int x = formulas[f].special(g, leaf[k]);
            if (x == AX_NONE || !ax_shape_equal(pass_shape(g, x), pass_shape(g, y))) continue;
            if (!read_product(g, g->nodes[i].inputs[0], x, leaf[k], 0, &p) ||
                !read_product(g, g->nodes[i].inputs[1], x, leaf[k], 0, &p))
                continue;
            if (p.n_special != 1 || p.n_x != formulas[f].n_x || !near(p.factor, formulas[f].factor)) continue;
            pass_become(g, i, formulas[f].op, &x, 1);
            if (formulas[f].approximate) ax_node_set_string(g, i, "approximate", formulas[f].approximate);
            set_parameters(g, i, leaf[k]);
            return true;
        }
    }
    return false;
}

enum ax_status pass_find_activations(struct ax_graph *g, int *changed, struct ax_error *err)
{
    (void)err;
    PASS_EACH_NODE(g, i)
    if (g->nodes[i].op == AX_OP_MUL && find(g, i)) *changed = 1;
    return AX_OK;
}
