#include "chain.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

static struct ax_seg_tensor_data *find(struct ax_seg_chain *c, const char *name)
{
    for (int i = 0; i < c->n_tensors; i++)
        if (!strcmp(c->tensors[i].name, name)) return &c->tensors[i];
    return NULL;
}

static enum ax_status add_port(struct ax_seg_chain *c, const struct ax_program *p, const struct ax_port *port,
                               struct ax_error *err)
{
    int64_t bytes = ax_shape_count(&port->shape) * (int64_t)ax_dtype_bytes(p->operands[port->operand].dtype);
    struct ax_seg_tensor_data *t = find(c, port->name);
    if (t && t->bytes != bytes)
        return ax_fail(err, AX_SHAPE, "tensor \"%s\" has %lld bytes in one segment and %lld in another", port->name,
                       (long long)t->bytes, (long long)bytes);
    if (t) return AX_OK;
    if (c->n_tensors == c->cap_tensors) {
        c->cap_tensors = c->cap_tensors * 2 + 16;
        c->tensors = realloc(c->tensors, sizeof *c->tensors * (size_t)c->cap_tensors);
        if (!c->tensors) abort();
    }
    uint8_t *data = calloc(1, (size_t)bytes + 1);
    if (!data) return ax_fail(err, AX_NO_MEMORY, "no memory for tensor \"%s\" of %lld bytes", port->name, (long long)bytes);
    c->tensors[c->n_tensors++] = (struct ax_seg_tensor_data){port->name, data, bytes};
    return AX_OK;
}

enum ax_status ax_seg_chain_new(const struct ax_program *const *programs, int n, int threads, uint32_t cpu_mask,
                                struct ax_seg_chain *c, struct ax_error *err)
{
    struct ax_exec_options opt = {.threads = threads, .cpu_mask = cpu_mask};
    enum ax_status s = AX_OK;
    *c = (struct ax_seg_chain){0};
    for (; c->n < n && !s; c->n++) {
        const struct ax_program *p = c->program[c->n] = programs[c->n];
        s = ax_exec_new(p, &opt, &c->exec[c->n], err);
        for (int i = 0; i < p->n_inputs && !s; i++) s = add_port(c, p, &p->inputs[i], err);
        for (int i = 0; i < p->n_outputs && !s; i++) s = add_port(c, p, &p->outputs[i], err);
    }
    if (s) ax_seg_chain_free(c);
    return s;
}

void ax_seg_chain_free(struct ax_seg_chain *c)
{
    for (int i = 0; i < c->n; i++) ax_exec_free(c->exec[i]);
    for (int i = 0; i < c->n_tensors; i++) free(c->tensors[i].data);
    free(c->tensors);
    *c = (struct ax_seg_chain){0};
}

uint8_t *ax_seg_chain_tensor(struct ax_seg_chain *c, const char *name, int64_t *bytes)
{
    struct ax_seg_tensor_data *t = find(c, name);
    if (bytes) *bytes = t ? t->bytes : 0;
    return t ? t->data : NULL;
}

static void fill(enum ax_dtype t, uint8_t *data, int64_t bytes, uint64_t *seed)
{
    size_t size = ax_dtype_bytes(t);
    for (int64_t at = 0; at + (int64_t)size <= bytes; at += (int64_t)size) {
        *seed = *seed * 6364136223846793005u + 1442695040888963407u;
        uint32_t r = (uint32_t)(*seed >> 40);
        float f = (float)r / (1 << 23) - 1;
        if (t == AX_DTYPE_FLOAT32)
            memcpy(data + at, &f, 4);
        else if (t == AX_DTYPE_INT8 || t == AX_DTYPE_UINT8)
            data[at] = (uint8_t)r;
        else
            data[at] = r & 1; /* integers: small, little-endian */
    }
}

void ax_seg_chain_random(struct ax_seg_chain *c, uint64_t seed)
{
    for (int k = 0; k < c->n; k++)
        for (int i = 0; i < c->program[k]->n_inputs; i++) {
            const struct ax_port *port = &c->program[k]->inputs[i];
            struct ax_seg_tensor_data *t = find(c, port->name);
            uint64_t own = seed;
            for (const char *s = port->name; *s; s++) own = own * 31 + (uint8_t)*s;
            fill(c->program[k]->operands[port->operand].dtype, t->data, t->bytes, &own);
        }
}

/* Of this thread, which does all the work: others that take the core do not count. */
static int64_t now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static enum ax_status run_one(struct ax_seg_chain *c, int k, struct ax_error *err)
{
    const struct ax_program *p = c->program[k];
    enum ax_status s = AX_OK;
    for (int i = 0; i < p->n_inputs && !s; i++)
        s = ax_exec_set_input(c->exec[k], i, find(c, p->inputs[i].name)->data, p->operands[p->inputs[i].operand].dtype, NULL,
                              err);
    if (s) return s;
    ax_exec_run(c->exec[k], 0, p->n_steps, NULL);
    for (int i = 0; i < p->n_outputs && !s; i++)
        s = ax_exec_get_output(c->exec[k], i, find(c, p->outputs[i].name)->data, p->operands[p->outputs[i].operand].dtype, NULL,
                               err);
    return s;
}

enum ax_status ax_seg_chain_run(struct ax_seg_chain *c, struct ax_error *err)
{
    enum ax_status s = AX_OK;
    for (int k = 0; k < c->n && !s; k++) {
        int64_t begin = now_ns();
        s = run_one(c, k, err);
        c->ns[k] = now_ns() - begin;
    }
    return s;
}
