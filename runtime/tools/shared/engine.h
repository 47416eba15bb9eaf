/* A model made ready to run, for the tools: opened, bound to threads, one inference at a time. */
#ifndef AX_TOOLS_ENGINE_H
#define AX_TOOLS_ENGINE_H

#include <stdbool.h>

#include "base/status.h"
#include "base/types.h"

/* An input or output as the user knows it. */
struct ax_engine_port {
    const char *name;
    enum ax_dtype dtype;  /* given and got unless asked for raw */
    enum ax_dtype stored; /* on the device: what raw means */
    struct ax_shape shape;
    struct ax_quant quant; /* count 0: not quantized */
    int64_t count;         /* elements */
};

struct ax_engine_memory {
    int64_t weights_bytes, activations_bytes;
};

struct ax_engine;

/* cores 0: as many as the process may use. */
enum ax_status ax_engine_open(const char *axmodel, int cores, struct ax_engine **out, struct ax_error *err);
void ax_engine_close(struct ax_engine *e); /* NULL is fine */

int ax_engine_inputs(const struct ax_engine *e);
int ax_engine_outputs(const struct ax_engine *e);
const struct ax_engine_port *ax_engine_input(const struct ax_engine *e, int i);
const struct ax_engine_port *ax_engine_output(const struct ax_engine *e, int i);
int ax_engine_cores(const struct ax_engine *e);
struct ax_engine_memory ax_engine_memory(const struct ax_engine *e);

/* One tensor each, row-major in the port's shape. */
struct ax_engine_buffer {
    void *data;
    enum ax_dtype dtype;
};
enum ax_status ax_engine_run(struct ax_engine *e, const struct ax_engine_buffer *in, const struct ax_engine_buffer *out,
                             struct ax_error *err);

/* -- steps, for profiles -- */

struct ax_engine_step {
    const char *name, *kind, *kernel;
    int node;
    int64_t macs;
};
int ax_engine_steps(const struct ax_engine *e);
struct ax_engine_step ax_engine_step(const struct ax_engine *e, int i);
/* Called around every step of the runs to come; NULL ends that. */
void ax_engine_set_hook(struct ax_engine *e, void (*hook)(void *ctx, int step, int64_t begin_ns, int64_t end_ns), void *ctx);

#endif
