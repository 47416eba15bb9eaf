/* The walk: ports, nodes in order, outputs, then everything is settled and what nothing uses is left out. */
#include "lower/build.h"

#include <stdlib.h>
#include <string.h>

/* -- ports -- */

static bool same_perm(const struct ax_node *a, const struct ax_node *b, int rank)
{
    int64_t p[AX_MAX_RANK], q[AX_MAX_RANK];
    ax_node_ints(a, "perm", p, rank, 0);
    ax_node_ints(b, "perm", q, rank, 0);
    return !memcmp(p, q, sizeof *p * (size_t)rank);
}

/* Whether the port of value v may take in a transpose. */
static bool bends(const struct low *L, int v)
{
    for (int i = 0; i < L->opt.n_straight; i++)
        if (!strcmp(L->opt.straight[i], low_value(L, v)->name)) return false;
    return !L->plain_ports;
}

/* The transpose that all uses of an input are (several equal ones alike), or NULL. */
static const struct ax_node *input_transpose(const struct low *L, int v)
{
    const struct ax_graph *g = L->g;
    int first = L->uses.start[v], n = ax_use_count(&L->uses, v);
    if (!bends(L, v) || !n || ax_is_graph_output(g, v)) return NULL;
    const struct ax_node *t = &g->nodes[L->uses.users[first]];
    for (int i = 0; i < n; i++) {
        const struct ax_node *u = &g->nodes[L->uses.users[first + i]];
        if (low_is_quant(&g->values[u->outputs[0]]) != low_is_quant(&g->values[v])) return NULL;
        if (u->op != AX_OP_TRANSPOSE || !ax_node_attr(u, "perm") || !same_perm(t, u, g->values[v].shape.rank)) return NULL;
    }
    return t;
}

/* New planes for an input, of as many channels each as the program has that gives it. */
static int input_planes(struct low *L, int v, const char *port)
{
    const struct ax_value *value = low_value(L, v);
    int64_t left = value->shape.dim[value->shape.rank - 1];
    int channels[256], n = 0;
    for (int i = 0; i < L->opt.n_neighbours && !n; i++) {
        const struct ax_operand *o = L->opt.neighbours[i].operand;
        if (strcmp(L->opt.neighbours[i].port, port) || o->layout != AX_LAYOUT_PLANES || o->n_planes > 256) continue;
        for (; n < o->n_planes; left -= channels[n++]) channels[n] = o->planes[n].channels;
    }
    return low_planes_new(L, value, n && !left ? channels : NULL, n);
}

static int stored(struct low *L, int v, const char *port)
{
    const struct ax_value *value = low_value(L, v);
    if (low_is_planes(value)) return input_planes(L, v, port);
    int op = low_plain_new(L, value->name, value->dtype, value->shape.rank, value->shape.dim);
    low_op(L, op)->quant = value->quant;
    return op;
}

static struct ax_port port_of(struct low *L, int v, int operand)
{
    const struct ax_value *value = low_value(L, v);
    struct ax_port p = {.name = value->name,
                        .operand = operand,
                        .shape = value->shape,
                        .dtype = low_is_quant(value) ? AX_DTYPE_FLOAT32 : value->dtype};
    for (int i = 0; i < AX_MAX_RANK; i++) p.perm[i] = i;
    return p;
}

static void input_port(struct low *L, int v, struct ax_port *port)
{
    const struct ax_node *t = input_transpose(L, v);
    int from = t ? t->outputs[0] : v;
    L->native[from] = stored(L, from, low_value(L, v)->name);
    *port = port_of(L, v, L->native[from]);
    if (!t) return;
    int64_t perm[AX_MAX_RANK];
    int rank = low_value(L, v)->shape.rank;
    ax_node_ints(t, "perm", perm, rank, 0);
    for (int i = 0; i < rank; i++) port->perm[perm[i]] = i;
    for (int i = 0; i < ax_use_count(&L->uses, v); i++)
        L->native[L->g->nodes[L->uses.users[L->uses.start[v] + i]].outputs[0]] = L->native[from];
    L->native[v] = L->native[from];
}

/* An output that only a transpose makes and nobody else reads is read through the port's permutation. */
static const struct ax_node *output_transpose(const struct low *L, int v)
{
    int producer = low_value(L, v)->producer;
    if (!bends(L, v) || producer == AX_NONE || ax_use_count(&L->uses, v)) return NULL;
    const struct ax_node *t = &L->g->nodes[producer];
    if (t->op != AX_OP_TRANSPOSE || !ax_node_attr(t, "perm")) return NULL;
    bool at_input = ax_is_graph_input(L->g, t->inputs[0]) && input_transpose(L, t->inputs[0]);
    return at_input ? NULL : t; /* one port does it, not both */
}

static int in_arena(struct low *L, int op)
{
    struct ax_operand o = *low_op(L, op);
    if (o.space == AX_SPACE_ARENA || L->plain_ports) return op;
    struct ax_copy_params p = {.rank = 1};
    struct ax_shape s = ax_shape_make(o.rank, o.dim);
    int64_t count = ax_shape_count(&s);
    if (count > INT32_MAX) return op;
    p.count[0] = (int32_t)count;
    p.in_stride[0] = p.out_stride[0] = 1;
    int y = low_like(L, op);
    LOW_STEP(L, COPY, LOW_LIST(low_view(L, op, 1, &count)), LOW_LIST(low_view(L, y, 1, &count)), p);
    return y;
}

/* As much halo as those want who read the output; less where its planes must stay dense. */
static void output_halo(struct low *L, int op, const char *port)
{
    for (int i = 0; i < L->opt.n_neighbours && low_op(L, op)->layout == AX_LAYOUT_PLANES; i++) {
        const struct ax_operand *o = L->opt.neighbours[i].operand;
        if (!strcmp(L->opt.neighbours[i].port, port) && o->layout == AX_LAYOUT_PLANES)
            low_need_halo(L, op, o->halo_top, o->halo_left, o->halo_bottom, o->halo_right);
    }
}

static void output_port(struct low *L, int v, struct ax_port *port)
{
    const struct ax_node *t = L->native[v] >= 0 ? NULL : output_transpose(L, v); /* or it was an input's already */
    int from = t ? t->inputs[0] : v;
    int op = in_arena(L, low_in_planes(L, from));
    if (L->native[v] < 0) L->native[v] = op;
    *port = port_of(L, v, op);
    output_halo(L, op, port->name);
    if (!t) return;
    int64_t perm[AX_MAX_RANK];
    ax_node_ints(t, "perm", perm, AX_MAX_RANK, 0);
    for (int i = 0; i < low_value(L, v)->shape.rank; i++) port->perm[i] = (int)perm[i];
}

/* -- nodes -- */

static bool absorbed(const struct low *L, const struct ax_node *n)
{
    if (n->op != AX_OP_TRANSPOSE) return false;
    return L->native[n->outputs[0]] >= 0 || (ax_is_graph_output(L->g, n->outputs[0]) && output_transpose(L, n->outputs[0]));
}

static bool same_single_scale(const struct ax_value *a, const struct ax_value *b)
{
    return a->quant.count == 1 && b->quant.count == 1 && a->quant.scale[0] == b->quant.scale[0] &&
           a->quant.zero_point[0] == b->quant.zero_point[0];
}

/* Int8 may be moved as it is only where all that takes part has one and the same scale. */
static bool moves_as_is(const struct low *L, const struct ax_node *n)
{
    const struct ax_value *first = low_value(L, n->outputs[0]);
    for (int i = 0; i < n->n_inputs + n->n_outputs; i++) {
        int v = i < n->n_inputs ? n->inputs[i] : n->outputs[i - n->n_inputs];
        if (v == AX_NONE) continue;
        const struct ax_value *value = low_value(L, v);
        if (low_is_quant(value) != low_is_quant(first) && (low_is_quant(value) || value->dtype == AX_DTYPE_FLOAT32))
            return false;
        if (low_is_quant(value) && !same_single_scale(value, first)) return false;
    }
    return true;
}

static enum ax_status lower_node(struct low *L, int i)
{
    const struct ax_node *n = &L->g->nodes[i];
    L->node = i;
    if (n->op == AX_OP_NONE || absorbed(L, n)) return AX_OK;
    const struct low_row *row = low_rule_of(n->op);
    if (!row) return low_fail(L, AX_UNSUPPORTED, "cannot run; it has to fold away, and could not");
    for (int k = 0; k < n->n_outputs; k++)
        if (n->outputs[k] != AX_NONE && !ax_shape_known(&low_value(L, n->outputs[k])->shape))
            return low_fail(L, AX_SHAPE, "the shape of \"%s\" is not known", low_value(L, n->outputs[k])->name);
    bool done = false;
    L->form = row->form == LOW_MOVED && !moves_as_is(L, n) ? LOW_REAL : row->form;
    if (row->planes) LOW_TRY(row->planes(L, n, &done));
    if (!done) LOW_TRY(row->plain(L, n));
    low_settle(L, n);
    return L->status;
}

/* -- leaving out -- */

static void mark(bool *used, const int *list, int n)
{
    for (int i = 0; i < n; i++)
        if (list[i] >= 0) used[list[i]] = true;
}

static void renumber(int *list, int n, const int *to)
{
    for (int i = 0; i < n; i++)
        if (list[i] >= 0) list[i] = to[list[i]];
}

/* Operands that no step and no port names go. */
static void compact(struct low *L)
{
    struct ax_program *p = L->p;
    bool *used = AX_NEW(&L->tmp, bool, p->n_operands + 1);
    int *to = AX_NEW(&L->tmp, int, p->n_operands + 1), n = 0;
    for (int s = 0; s < p->n_steps; s++) {
        mark(used, p->steps[s].in, p->steps[s].n_in);
        mark(used, p->steps[s].out, p->steps[s].n_out);
    }
    for (int i = 0; i < p->n_inputs; i++) mark(used, &p->inputs[i].operand, 1);
    for (int i = 0; i < p->n_outputs; i++) mark(used, &p->outputs[i].operand, 1);
    if (L->opt.keep_all) mark(used, L->native, L->g->n_values); /* also views that steps read under other dimensions */
    for (int i = 0; i < p->n_operands; i++) {
        to[i] = used[i] ? n : -1;
        if (!used[i]) continue;
        p->operands[n] = p->operands[i];
        L->places[n++] = L->places[i];
    }
    p->n_operands = n;
    for (int s = 0; s < p->n_steps; s++) {
        renumber(p->steps[s].in, p->steps[s].n_in, to);
        renumber(p->steps[s].out, p->steps[s].n_out, to);
    }
    for (int i = 0; i < p->n_inputs; i++) renumber(&p->inputs[i].operand, 1, to);
    for (int i = 0; i < p->n_outputs; i++) renumber(&p->outputs[i].operand, 1, to);
    renumber(L->native, L->g->n_values, to);
}

/* Everything that points into the graph or the lowering's own arena moves into the program's. */
static void take_over(struct low *L)
{
    struct ax_program *p = L->p;
    p->operands = ax_arena_copy(&p->mem, p->operands, sizeof *p->operands * (size_t)p->n_operands);
    p->steps = ax_arena_copy(&p->mem, p->steps, sizeof *p->steps * (size_t)p->n_steps);
    for (int i = 0; i < p->n_operands; i++) {
        struct ax_operand *o = &p->operands[i];
        o->name = ax_arena_str(&p->mem, o->name);
        if (!o->quant.count) continue;
        o->quant.scale = ax_arena_copy(&p->mem, o->quant.scale, sizeof(float) * (size_t)o->quant.count);
        o->quant.zero_point = ax_arena_copy(&p->mem, o->quant.zero_point, sizeof(int32_t) * (size_t)o->quant.count);
    }
    for (int i = 0; i < p->n_steps; i++) {
        p->steps[i].name = ax_arena_str(&p->mem, p->steps[i].name);
        p->steps[i].macs = low_step_macs(p, &p->steps[i]);
    }
    for (int i = 0; i < p->n_inputs; i++) p->inputs[i].name = ax_arena_str(&p->mem, p->inputs[i].name);
    for (int i = 0; i < p->n_outputs; i++) p->outputs[i].name = ax_arena_str(&p->mem, p->outputs[i].name);
}

static enum ax_status take_consts(struct low *L)
{
    L->p->const_bytes = L->consts.used;
    L->p->const_data = low_consts_take(&L->consts);
    return L->p->const_data ? AX_OK : low_fail(L, AX_NO_MEMORY, "no memory for constants");
}

/* -- all of it -- */

static int *no_operands(struct low *L)
{
    int *list = AX_NEW(&L->tmp, int, L->g->n_values + 1);
    for (int i = 0; i < L->g->n_values; i++) list[i] = -1;
    return list;
}

static enum ax_status run(struct low *L)
{
    const struct ax_graph *g = L->g;
    struct ax_program *p = L->p;
    p->inputs = AX_NEW(&p->mem, struct ax_port, g->n_inputs + 1);
    p->outputs = AX_NEW(&p->mem, struct ax_port, g->n_outputs + 1);
    for (int i = 0; i < g->n_inputs && L->status == AX_OK; i++) input_port(L, g->inputs[i], &p->inputs[p->n_inputs++]);
    for (int i = 0; i < g->n_nodes && L->status == AX_OK; i++) LOW_TRY(lower_node(L, i));
    L->node = AX_NONE;
    for (int i = 0; i < g->n_outputs && L->status == AX_OK; i++) output_port(L, g->outputs[i], &p->outputs[p->n_outputs++]);
    if (L->status != AX_OK) return L->status;
    compact(L);
    LOW_TRY(low_settle_buffers(L));
    LOW_TRY(take_consts(L));
    take_over(L);
    return AX_OK;
}

enum ax_status low_graph(const struct ax_graph *g, const struct ax_lower_options *opt, bool plain_ports,
                         struct ax_program **out, int *operand_of, struct ax_error *err)
{
    struct low L = {.g = g, .plain_ports = plain_ports, .err = err, .node = AX_NONE};
    *out = NULL;
    if (opt) L.opt = *opt;
    L.p = calloc(1, sizeof *L.p);
    if (!L.p) return ax_fail(err, AX_NO_MEMORY, "no memory for a program");
    ax_arena_init(&L.tmp);
    ax_arena_init(&L.p->mem);
    L.uses = ax_graph_uses(g);
    L.native = no_operands(&L);
    L.plain = no_operands(&L);
    L.real = no_operands(&L);
    enum ax_status s = run(&L);
    if (operand_of)
        for (int i = 0; i < g->n_values; i++) operand_of[i] = L.native[i];
    low_consts_free(&L.consts);
    ax_uses_free(&L.uses);
    ax_arena_free(&L.tmp);
    if (s != AX_OK)
        ax_program_free(L.p);
    else
        *out = L.p;
    return s;
}

enum ax_status ax_lower(const struct ax_graph *g, const struct ax_lower_options *opt, struct ax_program **out, int *operand_of,
                        struct ax_error *err)
{
    return low_graph(g, opt, false, out, operand_of, err);
}

void ax_program_free(struct ax_program *p)
{
    if (!p) return;
    free((void *)p->const_data);
    ax_arena_free(&p->mem);
    free(p);
}
