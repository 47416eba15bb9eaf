/* Functions as stages. */
#include <stdlib.h>
#include <string.h>

#include "base/types.h"
#include "pipeline/internal.h"

enum { MAX_PORTS = 4096 };

struct function {
    struct ax_stage s;
    struct ax_tensor *tensors;
    struct ax_buffer *buffers; /* by replica: inputs, then outputs */
};

int ax_stage_stopped(const struct ax_stage_call *call)
{
    return pl_stopped(call->watch);
}

/* An output that is read and given out is made once and copied. */
static void copy_outputs(const struct function *f, const struct pl_call *c)
{
    for (int i = 0; i < f->s.n_outputs; i++) {
        const struct pl_output *o = &c->out[i];
        const struct ax_tensor *t = &f->tensors[f->s.n_inputs + i];
        if (o->wire.data && o->user.data) memcpy(o->user.data, o->wire.data, (size_t)t->elements * ax_dtype_bytes(t->stored));
    }
}

static struct ax_buffer buffer_of(const struct ax_tensor *t, void *data)
{
    return (struct ax_buffer){data, t->stored, t->elements * (int64_t)ax_dtype_bytes(t->stored)};
}

static enum ax_status run(void *self, const struct pl_call *c, struct ax_error *err)
{
    struct function *f = self;
    int n_in = f->s.n_inputs, n_out = f->s.n_outputs;
    struct ax_buffer *in = f->buffers + (ptrdiff_t)c->replica * (n_in + n_out + 1), *out = in + n_in;
    for (int i = 0; i < n_in; i++) in[i] = buffer_of(&f->tensors[i], c->in[i].data);
    for (int i = 0; i < n_out; i++)
        out[i] = buffer_of(&f->tensors[n_in + i], c->out[i].wire.data ? c->out[i].wire.data : c->out[i].user.data);
    struct ax_stage_call call = {c->request, c->replica, in, out, &c->watch};
    enum ax_status s = f->s.run(f->s.user, &call, err);
    if (s == AX_OK) copy_outputs(f, c);
    return s;
}

static void release(void *self)
{
    struct function *f = self;
    if (!f) return;
    for (int i = 0; f->tensors && i < f->s.n_inputs + f->s.n_outputs; i++) free((char *)(uintptr_t)f->tensors[i].name);
    free(f->tensors);
    free(f->buffers);
    free(f);
}

static const struct pl_worker_type type = {.run = run, .free = release};

static enum ax_status take_tensor(struct ax_tensor *to, const struct ax_tensor *from, struct ax_error *err)
{
    *to = (struct ax_tensor){.dtype = from->stored, .stored = from->stored, .rank = from->rank, .layout = "", .elements = 1};
    if (!from->name || from->rank < 0 || from->rank > 8 || (unsigned)from->stored >= AX_DTYPE_COUNT ||
        !ax_dtype_bytes(from->stored))
        return ax_fail(err, AX_INVALID_ARGUMENT, "a tensor of a stage needs a name, 0 to 8 dimensions and a stored type");
    for (int i = 0; i < from->rank; i++) {
        if (from->dim[i] < 1 || to->elements > ((int64_t)1 << 40) / from->dim[i])
            return ax_fail(err, AX_SHAPE, "tensor '%s': dimension %d is %lld; at least 1 and no more than 2^40 elements",
                           from->name, i, (long long)from->dim[i]);
        to->elements *= to->dim[i] = from->dim[i];
    }
    to->name = strdup(from->name);
    return to->name ? AX_OK : ax_fail(err, AX_NO_MEMORY, "no memory for a stage");
}

enum ax_status pl_function_worker(const struct ax_stage *s, struct pl_worker *out, struct ax_error *err)
{
    if (s->n_inputs < 1 || s->n_outputs < 0 || s->n_inputs > MAX_PORTS || s->n_outputs > MAX_PORTS || !s->inputs ||
        (s->n_outputs && !s->outputs))
        return ax_fail(err, AX_INVALID_ARGUMENT, "%d inputs and %d outputs; a stage has 1 to %d inputs and up to %d outputs",
                       s->n_inputs, s->n_outputs, MAX_PORTS, MAX_PORTS);
    struct function *f = calloc(1, sizeof *f);
    if (!f) return ax_fail(err, AX_NO_MEMORY, "no memory for a stage");
    int n = s->n_inputs + s->n_outputs;
    f->s = *s;
    f->tensors = calloc((size_t)n + 1, sizeof *f->tensors);
    f->buffers = calloc((size_t)s->replicas * (size_t)(n + 1), sizeof *f->buffers);
    *out = (struct pl_worker){&type, f, f->tensors, f->tensors + s->n_inputs, s->n_inputs, s->n_outputs};
    if (!f->tensors || !f->buffers) return ax_fail(err, AX_NO_MEMORY, "no memory for a stage");
    for (int i = 0; i < n; i++)
        if (take_tensor(&f->tensors[i], i < s->n_inputs ? &s->inputs[i] : &s->outputs[i - s->n_inputs], err))
            return err->status;
    return AX_OK;
}
