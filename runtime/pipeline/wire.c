/* Wiring: tensors of the same name are one wire. Who gives, who reads, and as which type a tensor crosses. */
#include <stdlib.h>
#include <string.h>

#include "base/status.h"
#include "base/types.h"
#include "pipeline/internal.h"

static int find_wire(const struct ax_pipeline *p, const char *name)
{
    for (int i = 0; i < p->n_wires; i++)
        if (!strcmp(p->wires[i].tensor->name, name)) return i;
    return -1;
}

static int add_wire(struct ax_pipeline *p, const struct ax_tensor *t, int from, int port)
{
    p->wires[p->n_wires] = (struct pl_wire){.tensor = t, .from = from, .from_port = port, .input = -1, .output = -1};
    return p->n_wires++;
}

static bool in_list(const int *list, int n, int v)
{
    for (int i = 0; i < n; i++)
        if (list[i] == v) return true;
    return false;
}

static void add_once(int *list, int *n, int v)
{
    if (!in_list(list, *n, v)) list[(*n)++] = v;
}

/* -- who gives and who reads -- */

static enum ax_status allocate_lists(struct ax_pipeline *p, struct ax_error *err)
{
    int ports = 0;
    for (int i = 0; i < p->n_stages; i++) ports += p->stages[i].worker.n_in + p->stages[i].worker.n_out;
    p->wires = calloc((size_t)ports + 1, sizeof *p->wires);
    p->inputs = calloc((size_t)ports + 1, sizeof *p->inputs);
    p->outputs = calloc((size_t)ports + 1, sizeof *p->outputs);
    bool ok = p->wires && p->inputs && p->outputs;
    for (int i = 0; i < p->n_stages && ok; i++) {
        struct pl_stage *s = &p->stages[i];
        s->in = calloc((size_t)s->worker.n_in + 1, sizeof *s->in);
        s->out = calloc((size_t)s->worker.n_out + 1, sizeof *s->out);
        s->before = calloc((size_t)p->n_stages, sizeof *s->before);
        s->after = calloc((size_t)p->n_stages, sizeof *s->after);
        ok = s->in && s->out && s->before && s->after;
    }
    return ok ? AX_OK : ax_fail(err, AX_NO_MEMORY, "no memory for a pipeline of %d stages", p->n_stages);
}

static enum ax_status connect_outputs(struct ax_pipeline *p, struct ax_error *err)
{
    for (int i = 0; i < p->n_stages; i++) {
        struct pl_stage *s = &p->stages[i];
        for (int k = 0; k < s->worker.n_out; k++) {
            int w = find_wire(p, s->worker.out[k].name);
            if (w >= 0)
                return ax_fail(err, AX_INVALID_ARGUMENT, "tensor '%s' is given by two stages, '%s' and '%s'",
                               s->worker.out[k].name, p->stages[p->wires[w].from].name, s->name);
            s->out[k] = add_wire(p, &s->worker.out[k], i, k);
        }
    }
    return AX_OK;
}

static enum ax_status connect_inputs(struct ax_pipeline *p, struct ax_error *err)
{
    for (int i = 0; i < p->n_stages; i++) {
        struct pl_stage *s = &p->stages[i];
        for (int k = 0; k < s->worker.n_in; k++) {
            const struct ax_tensor *t = &s->worker.in[k];
            int w = find_wire(p, t->name);
            if (w < 0) w = add_wire(p, t, -1, k);
            s->in[k] = w;
            struct pl_wire *wire = &p->wires[w];
            if (!wire->readers && !(wire->readers = calloc((size_t)p->n_stages, sizeof *wire->readers)))
                return ax_fail(err, AX_NO_MEMORY, "no memory for a pipeline of %d stages", p->n_stages);
            add_once(wire->readers, &wire->n_readers, i);
            if (wire->from == i)
                return ax_fail(err, AX_INVALID_ARGUMENT, "stage '%s' reads tensor '%s', which it gives itself", s->name,
                               t->name);
            if (t->elements != wire->tensor->elements)
                return ax_fail(err, AX_SHAPE, "tensor '%s' has %lld elements where '%s' has it and %lld where '%s' reads it",
                               t->name, (long long)wire->tensor->elements,
                               p->stages[wire->from < 0 ? wire->readers[0] : wire->from].name, (long long)t->elements, s->name);
            if (wire->from < 0) continue;
            add_once(s->before, &s->n_before, wire->from);
            add_once(p->stages[wire->from].after, &p->stages[wire->from].n_after, i);
        }
    }
    return AX_OK;
}

/* Places in an order in which every stage follows those it reads from. */
static enum ax_status find_order(const struct ax_pipeline *p, int *place, struct ax_error *err)
{
    int done = 0;
    for (int i = 0; i < p->n_stages; i++) place[i] = -1;
    for (int found = 1; found;) {
        found = 0;
        for (int i = 0; i < p->n_stages; i++) {
            bool ready = place[i] < 0;
            for (int k = 0; k < p->stages[i].n_before && ready; k++) ready = place[p->stages[i].before[k]] >= 0;
            if (ready) place[i] = done++, found = 1;
        }
    }
    for (int i = 0; i < p->n_stages; i++)
        if (place[i] < 0)
            return ax_fail(err, AX_INVALID_ARGUMENT, "the stages form a circle: '%s' waits for what comes after it",
                           p->stages[i].name);
    return AX_OK;
}

/* -- inputs and outputs of the whole -- */

static enum ax_status unknown_name(const struct ax_pipeline *p, const char *what, const char *name, struct ax_error *err)
{
    char list[512] = "";
    size_t at = 0;
    for (int i = 0; i < p->n_wires && at < sizeof list - 64; i++)
        if ((p->wires[i].from < 0) == (*what == 'i'))
            at += (size_t)snprintf(list + at, sizeof list - at, "%s%.48s", at ? ", " : "", p->wires[i].tensor->name);
    return ax_fail(err, AX_NOT_FOUND, "the stages have no %s '%s'; there are: %s", what, name, list);
}

static enum ax_status choose_inputs(struct ax_pipeline *p, struct ax_error *err)
{
    for (int i = 0; p->opt.inputs && p->opt.inputs[i]; i++) {
        int w = find_wire(p, p->opt.inputs[i]);
        if (w < 0 || p->wires[w].from >= 0) return unknown_name(p, "input", p->opt.inputs[i], err);
        add_once(p->inputs, &p->n_inputs, w);
    }
    for (int w = 0; w < p->n_wires; w++)
        if (p->wires[w].from < 0) add_once(p->inputs, &p->n_inputs, w);
    for (int i = 0; i < p->n_inputs; i++) p->wires[p->inputs[i]].input = i;
    return AX_OK;
}

static enum ax_status choose_outputs(struct ax_pipeline *p, struct ax_error *err)
{
    for (int i = 0; p->opt.outputs && p->opt.outputs[i]; i++) {
        int w = find_wire(p, p->opt.outputs[i]);
        if (w < 0 || p->wires[w].from < 0) return unknown_name(p, "output", p->opt.outputs[i], err);
        add_once(p->outputs, &p->n_outputs, w);
    }
    for (int w = 0; w < p->n_wires && !p->opt.outputs; w++)
        if (p->wires[w].from >= 0 && !p->wires[w].n_readers) add_once(p->outputs, &p->n_outputs, w);
    for (int i = 0; i < p->n_outputs; i++) {
        struct pl_wire *w = &p->wires[p->outputs[i]];
        w->output = i;
        p->stages[w->from].last = true;
    }
    for (int i = 0; i < p->n_stages; i++) p->stages[i].last |= !p->stages[i].n_after;
    return AX_OK;
}

/* -- how a tensor crosses -- */

static bool same_scales(const struct ax_tensor *a, const struct ax_tensor *b)
{
    if (a->n_scales != b->n_scales) return false;
    return !a->n_scales || (!memcmp(a->scale, b->scale, sizeof(float) * (size_t)a->n_scales) &&
                            !memcmp(a->zero_point, b->zero_point, sizeof(int32_t) * (size_t)a->n_scales));
}

/* Raw where all mean the same by it, else as real numbers where all can convert. */
static enum ax_status choose_type(struct ax_pipeline *p, struct pl_wire *w, struct ax_error *err)
{
    bool raw = true, converts = w->from < 0 || p->stages[w->from].worker.type->converts;
    const char *other = "";
    PL_EACH_READER(p, w, s, k)
    {
        const struct ax_tensor *t = &s->worker.in[k];
        if (t->stored != w->tensor->stored || !same_scales(t, w->tensor)) raw = false, other = s->name;
        converts &= s->worker.type->converts;
    }
    w->dtype = raw ? w->tensor->stored : AX_DTYPE_FLOAT32;
    w->bytes = w->tensor->elements * (int64_t)ax_dtype_bytes(w->dtype);
    if (raw || converts) return AX_OK;
    return ax_fail(err, AX_SHAPE,
                   "tensor '%s' is %s for one stage and another type, or has other scales, for '%s'; functions "
                   "cannot convert",
                   w->tensor->name, ax_dtype_text(w->tensor->stored), other);
}

static void count_copies(struct ax_pipeline *p, const struct pl_wire *w)
{
    struct pl_stage *from = &p->stages[w->from];
    if (w->bound || !w->n_readers) return;
    if (from->worker.type->converts) from->copied_bytes += w->bytes;
    PL_EACH_READER(p, w, s, k)
    {
        if (s->worker.type->converts) s->copied_bytes += w->bytes;
    }
}

static enum ax_status settle_wire(struct ax_pipeline *p, struct pl_wire *w, const int *place, struct ax_error *err)
{
    if (choose_type(p, w, err)) return err->status;
    if (w->from < 0) return AX_OK;
    enum ax_status s = pl_blocks_choose(p, w, place, err);
    if (!s) count_copies(p, w);
    return s;
}

/* Givers in their order: what a stage passes on may lie in what it reads. */
static enum ax_status settle_wires(struct ax_pipeline *p, const int *place, struct ax_error *err)
{
    enum ax_status s = AX_OK;
    for (int w = 0; w < p->n_wires && !s; w++)
        if (p->wires[w].from < 0) s = settle_wire(p, &p->wires[w], place, err);
    for (int turn = 0; turn < p->n_stages; turn++)
        for (int i = 0; i < p->n_stages; i++)
            for (int k = 0; place[i] == turn && k < p->stages[i].worker.n_out && !s; k++)
                s = settle_wire(p, &p->wires[p->stages[i].out[k]], place, err);
    return s ? s : pl_blocks_allocate(p, place, err);
}

enum ax_status pl_wire_up(struct ax_pipeline *p, struct ax_error *err)
{
    int *place = calloc((size_t)p->n_stages, sizeof *place);
    enum ax_status s = place ? allocate_lists(p, err) : ax_fail(err, AX_NO_MEMORY, "no memory for a pipeline");
    if (!s) s = connect_outputs(p, err);
    if (!s) s = connect_inputs(p, err);
    if (!s) s = find_order(p, place, err);
    if (!s) s = choose_inputs(p, err);
    if (!s) s = choose_outputs(p, err);
    if (!s) s = settle_wires(p, place, err);
    free(place);
    return s;
}

void pl_wires_free(struct ax_pipeline *p)
{
    pl_blocks_free(p);
    for (int i = 0; i < p->n_wires; i++) {
        struct pl_wire *w = &p->wires[i];
        free(w->blocks);
        free(w->readers);
    }
    free(p->wires);
    free(p->inputs);
    free(p->outputs);
}
