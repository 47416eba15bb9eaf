#include "costs.h"

#include <string.h>

static int64_t param_bytes(const struct ax_graph *g, const struct ax_node *n)
{
    int64_t sum = 0;
    for (int i = 0; i < n->n_inputs; i++)
        if (ax_is_const(g, n->inputs[i])) sum += ax_value_bytes(&g->values[n->inputs[i]]);
    return sum;
}

static struct ax_seg_tensor tensor_of(const struct ax_graph *g, const struct ax_uses *u, int v, struct ax_arena *mem)
{
    const struct ax_value *x = &g->values[v];
    int count = ax_use_count(u, v), *readers = AX_NEW(mem, int, count + 1), n = 0;
    for (int i = 0; i < count; i++) {
        int node = u->users[u->start[v] + i], k = n;
        while (k > 0 && readers[k - 1] > node) k--;
        if (k > 0 && readers[k - 1] == node) continue;
        memmove(readers + k + 1, readers + k, sizeof(int) * (size_t)(n - k));
        readers[k] = node;
        n++;
    }
    int64_t bytes = ax_value_bytes(x);
    return (struct ax_seg_tensor){x->producer == AX_NONE ? -1 : x->producer, ax_is_graph_output(g, v), bytes > 0 ? bytes : 0, n,
                                  readers};
}

/* Inputs of the model, then what nodes make, in their order. */
static void make_tensors(struct ax_seg_costs *c, const struct ax_graph *g, struct ax_arena *mem)
{
    struct ax_uses u = ax_graph_uses(g);
    struct ax_seg_tensor *t = AX_NEW(mem, struct ax_seg_tensor, g->n_values + 1);
    c->value_of = AX_NEW(mem, int, g->n_values + 1);
    int n = 0;
    for (int i = 0; i < g->n_inputs; i++) c->value_of[n++] = g->inputs[i];
    for (int k = 0; k < g->n_nodes; k++)
        for (int i = 0; i < g->nodes[k].n_outputs; i++)
            if (g->nodes[k].outputs[i] != AX_NONE) c->value_of[n++] = g->nodes[k].outputs[i];
    for (int i = 0; i < n; i++) t[i] = tensor_of(g, &u, c->value_of[i], mem);
    ax_uses_free(&u);
    c->problem.tensors = t;
    c->problem.n_tensors = n;
}

static void cost_of_steps(struct ax_seg_costs *c, const struct ax_program *p, const struct ax_device_desc *d)
{
    for (int i = 0; i < p->n_steps; i++)
        if (p->steps[i].node >= 0 && p->steps[i].node < c->problem.n_nodes)
            c->nodes[p->steps[i].node].compute += ax_device_step_ps(d, p, &p->steps[i]);
}

static bool is_of(const struct ax_profile_step *s, const struct ax_step *step)
{
    return !strcmp(s->name, step->name) && !strcmp(s->kind, ax_step_text(step->kind));
}

/* The profile of a partition has its steps in the order of the segments: they are put into that of the whole. What is not
 * found leaves the profile's own step there, which is then seen not to be the model's. */
static const struct ax_profile_step *steps_of_segments(const struct ax_program *p, const struct ax_profile *profile,
                                                       struct ax_arena *mem)
{
    int n = p->n_steps;
    struct ax_profile_step *out = AX_NEW(mem, struct ax_profile_step, n + 1);
    bool *taken = AX_NEW(mem, bool, n + 1);
    for (int i = 0; i < n; i++) {
        int k = 0;
        while (k < n && (taken[k] || !is_of(&profile->steps[k], &p->steps[i]))) k++;
        out[i] = profile->steps[k < n ? k : i];
        if (k < n) taken[k] = true;
    }
    return out;
}

static enum ax_status cost_of_profile(struct ax_seg_costs *c, const struct ax_graph *g, const struct ax_program *p,
                                      const struct ax_profile *profile, struct ax_arena *mem, struct ax_error *err)
{
    if (profile->n_steps != p->n_steps)
        return ax_fail(err, AX_INVALID_ARGUMENT,
                       "The profile (of \"%s\") has %d steps, the model %d: it is not this model's. Measure again with axbench "
                       "--profile.",
                       profile->model, profile->n_steps, p->n_steps);
    const struct ax_profile_step *steps = profile->steps;
    if (profile->n_steps && steps[0].segment) steps = steps_of_segments(p, profile, mem);
    for (int i = 0; i < p->n_steps; i++) {
        const struct ax_profile_step *s = &steps[i];
        if (!is_of(s, &p->steps[i]))
            return ax_fail(err, AX_INVALID_ARGUMENT,
                           "Step %d of the profile is %s \"%s\", that of the model is %s \"%s\": the profile is of another "
                           "compile. Measure again with axbench --profile.",
                           i, s->kind, s->name, ax_step_text(p->steps[i].kind), p->steps[i].name);
        int node = p->steps[i].node;
        if (node >= 0 && node < g->n_nodes) c->nodes[node].compute += (int64_t)(s->median_us * 1e6 + 0.5);
    }
    return AX_OK;
}

static struct ax_seg_rates rates_of(const struct ax_device_desc *d, bool in_steps)
{
    return (struct ax_seg_rates){
        .on_chip_bytes = d->on_chip_bytes,
        .stream = in_steps ? 0 : ax_device_fs_per_byte(d->stream_bytes_per_second),
        .in = ax_device_fs_per_byte(d->in_bytes_per_second),
        .out = ax_device_fs_per_byte(d->out_bytes_per_second),
        .overhead = ax_device_ps(d->call_seconds),
    };
}

enum ax_status ax_seg_costs_make(struct ax_seg_costs *c, const struct ax_graph *g, const struct ax_program *p,
                                 enum ax_seg_by by, const struct ax_device_desc *d, const struct ax_profile *profile,
                                 struct ax_arena *mem, struct ax_error *err)
{
    int64_t *macs = AX_NEW(mem, int64_t, g->n_nodes + 1);
    *c = (struct ax_seg_costs){.in_time = by != AX_SEG_BY_SIZE, .macs = macs};
    c->nodes = AX_NEW(mem, struct ax_seg_node, g->n_nodes + 1);
    c->problem.nodes = c->nodes;
    c->problem.n_nodes = g->n_nodes;
    for (int v = 0; v < g->n_nodes; v++) c->nodes[v].param_bytes = param_bytes(g, &g->nodes[v]);
    for (int i = 0; i < p->n_steps; i++)
        if (p->steps[i].node >= 0 && p->steps[i].node < g->n_nodes) macs[p->steps[i].node] += p->steps[i].macs;
    make_tensors(c, g, mem);
    c->problem.rates.on_chip_bytes = d->on_chip_bytes;
    if (by == AX_SEG_BY_SIZE) {
        for (int v = 0; v < g->n_nodes; v++) c->nodes[v].compute = c->nodes[v].param_bytes;
        return AX_OK;
    }
    /* Steps measured on real cores took what streaming took; simulated ones are counted without. */
    c->problem.rates = rates_of(d, by == AX_SEG_BY_PROFILE && strncmp(profile->device, "sim:", 4) != 0);
    if (by == AX_SEG_BY_PROFILE) return cost_of_profile(c, g, p, profile, mem, err);
    cost_of_steps(c, p, d);
    return AX_OK;
}
