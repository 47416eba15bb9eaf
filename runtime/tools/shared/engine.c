#include "tools/shared/engine.h"

#include <stdlib.h>

#include "exec/exec.h"
#include "files/axmodel.h"

struct ax_engine {
    struct ax_axmodel *model;
    struct ax_exec *exec;
    struct ax_engine_port *inputs, *outputs;
};

static void fill_ports(struct ax_engine_port *out, const struct ax_program *p, const struct ax_port *ports, int count)
{
    for (int i = 0; i < count; i++) {
        const struct ax_operand *o = &p->operands[ports[i].operand];
        bool real = o->quant.count || ports[i].dtype == AX_DTYPE_FLOAT16 || ports[i].dtype == AX_DTYPE_FLOAT64;
        out[i] = (struct ax_engine_port){ports[i].name, real ? AX_DTYPE_FLOAT32 : ports[i].dtype, o->dtype, ports[i].shape,
                                         o->quant,      ax_shape_count(&ports[i].shape)};
    }
}

enum ax_status ax_engine_open(const char *axmodel, int cores, struct ax_engine **out, struct ax_error *err)
{
    struct ax_engine *e = calloc(1, sizeof *e);
    *out = NULL;
    if (!e) return ax_fail(err, AX_NO_MEMORY, "%s: no memory to open it", axmodel);
    enum ax_status s = ax_axmodel_open(axmodel, 0, &e->model, err);
    struct ax_exec_options opt = {.threads = cores};
    if (!s && (s = ax_exec_new(e->model->program, &opt, &e->exec, err))) ax_fail_in(err, "%s", axmodel);
    if (!s) {
        const struct ax_program *p = e->model->program;
        e->inputs = calloc((size_t)p->n_inputs + 1, sizeof *e->inputs);
        e->outputs = calloc((size_t)p->n_outputs + 1, sizeof *e->outputs);
        if (!e->inputs || !e->outputs) s = ax_fail(err, AX_NO_MEMORY, "%s: no memory to open it", axmodel);
    }
    if (s) {
        ax_engine_close(e);
        return s;
    }
    fill_ports(e->inputs, e->model->program, e->model->program->inputs, e->model->program->n_inputs);
    fill_ports(e->outputs, e->model->program, e->model->program->outputs, e->model->program->n_outputs);
    *out = e;
    return AX_OK;
}

void ax_engine_close(struct ax_engine *e)
{
    if (!e) return;
    ax_exec_free(e->exec);
    ax_axmodel_close(e->model);
    free(e->inputs);
    free(e->outputs);
    free(e);
}

int ax_engine_inputs(const struct ax_engine *e)
{
    return e->model->program->n_inputs;
}

int ax_engine_outputs(const struct ax_engine *e)
{
    return e->model->program->n_outputs;
}

const struct ax_engine_port *ax_engine_input(const struct ax_engine *e, int i)
{
    return &e->inputs[i];
}

const struct ax_engine_port *ax_engine_output(const struct ax_engine *e, int i)
{
    return &e->outputs[i];
}

int ax_engine_cores(const struct ax_engine *e)
{
    return ax_exec_threads(e->exec);
}

struct ax_engine_memory ax_engine_memory(const struct ax_engine *e)
{
    const struct ax_program *p = e->model->program;
    return (struct ax_engine_memory){p->const_bytes, p->arena_bytes};
}

enum ax_status ax_engine_run(struct ax_engine *e, const struct ax_engine_buffer *in, const struct ax_engine_buffer *out,
                             struct ax_error *err)
{
    const struct ax_program *p = e->model->program;
    enum ax_status s = AX_OK;
    for (int i = 0; i < p->n_inputs && !s; i++) s = ax_exec_set_input(e->exec, i, in[i].data, in[i].dtype, NULL, err);
    if (!s) ax_exec_run(e->exec, 0, p->n_steps, NULL);
    for (int i = 0; i < p->n_outputs && !s; i++) s = ax_exec_get_output(e->exec, i, out[i].data, out[i].dtype, NULL, err);
    return s;
}

int ax_engine_steps(const struct ax_engine *e)
{
    return e->model->program->n_steps;
}

struct ax_engine_step ax_engine_step(const struct ax_engine *e, int i)
{
    const struct ax_step *s = &e->model->program->steps[i];
    return (struct ax_engine_step){s->name ? s->name : "", ax_step_text(s->kind), ax_exec_kernel_name(e->exec, i), s->node,
                                   s->macs};
}

void ax_engine_set_hook(struct ax_engine *e, void (*hook)(void *ctx, int step, int64_t begin_ns, int64_t end_ns), void *ctx)
{
    ax_exec_set_hook(e->exec, hook, ctx);
}
