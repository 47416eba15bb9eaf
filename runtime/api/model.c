#include <stdlib.h>

#include "api/internal.h"
#include "base/status.h"

/* What the order of the user's dimensions says about them, seen from the channels-last operand. */
static const char *layout_of(const struct ax_port *p, const struct ax_operand *o)
{
    static const char *const last[] = {"", "", "NC", "NWC", "NHWC"};
    int rank = p->shape.rank, identity = 1;
    for (int i = 0; i < rank; i++) identity &= p->perm[i] == i;
    if (rank > 4) return "";
    if (identity) return o->layout == AX_LAYOUT_PLANES ? last[rank] : "";
    if (rank == 4 && p->perm[0] == 0 && p->perm[1] == 3 && p->perm[2] == 1) return "NCHW";
    return rank == 3 && p->perm[0] == 0 && p->perm[1] == 2 ? "NCW" : "";
}

static struct ax_tensor tensor_of(const struct ax_program *p, const struct ax_port *port)
{
    const struct ax_operand *o = &p->operands[port->operand];
    struct ax_tensor t = {.name = port->name,
                          .dtype = port->dtype,
                          .stored = o->dtype,
                          .rank = port->shape.rank,
                          .layout = layout_of(port, o),
                          .elements = 1,
                          .n_scales = o->quant.count,
                          .scale = o->quant.scale,
                          .zero_point = o->quant.zero_point};
    for (int i = 0; i < t.rank; i++) {
        t.dim[i] = port->shape.dim[i];
        t.elements *= t.dim[i];
        if (t.n_scales > 1 && port->perm[i] == o->quant.axis) t.scale_axis = i;
    }
    return t;
}

enum ax_status ax_model_from_program(struct ax_context *c, const struct ax_program *p, struct ax_model **out,
                                     struct ax_error *err)
{
    struct ax_model *m = *out = calloc(1, sizeof *m);
    struct ax_tensor *t = calloc((size_t)(p->n_inputs + p->n_outputs) + 1, sizeof *t);
    if (!m || !t) {
        free(m);
        free(t);
        *out = NULL;
        return ax_fail(err, AX_NO_MEMORY, "no memory for a model");
    }
    atomic_init(&m->refs, 1);
    m->program = p;
    m->inputs = t;
    m->outputs = t + p->n_inputs;
    for (int i = 0; i < p->n_inputs; i++) m->inputs[i] = tensor_of(p, &p->inputs[i]);
    for (int i = 0; i < p->n_outputs; i++) m->outputs[i] = tensor_of(p, &p->outputs[i]);
    m->context = c;
    ax_context_hold(c);
    return AX_OK;
}

enum ax_status ax_model_load(struct ax_context *c, const char *path, struct ax_model **out, struct ax_error *err)
{
    struct ax_axmodel *file;
    *out = NULL;
    enum ax_status s = ax_axmodel_open(path, 0, &file, err);
    if (s == AX_OK) s = ax_model_from_program(c, file->program, out, err);
    if (s == AX_OK)
        (*out)->file = file;
    else
        ax_axmodel_close(file);
    return s;
}

void ax_model_hold(struct ax_model *m)
{
    atomic_fetch_add(&m->refs, 1);
}

void ax_model_free(struct ax_model *m)
{
    if (!m || atomic_fetch_sub(&m->refs, 1) != 1) return;
    ax_axmodel_close(m->file);
    ax_context_free(m->context);
    free(m->inputs);
    free(m);
}

int ax_model_inputs(const struct ax_model *m)
{
    return m->program->n_inputs;
}
int ax_model_outputs(const struct ax_model *m)
{
    return m->program->n_outputs;
}

const struct ax_tensor *ax_model_input(const struct ax_model *m, int i)
{
    return i >= 0 && i < m->program->n_inputs ? &m->inputs[i] : NULL;
}

const struct ax_tensor *ax_model_output(const struct ax_model *m, int i)
{
    return i >= 0 && i < m->program->n_outputs ? &m->outputs[i] : NULL;
}

const char *ax_model_manifest(const struct ax_model *m)
{
    return m->file && m->file->meta ? m->file->meta : "";
}
int64_t ax_model_arena_bytes(const struct ax_model *m)
{
    return m->program->arena_bytes;
}
