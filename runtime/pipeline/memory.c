#include <stdlib.h>

#include "base/types.h"
#include "pipeline/internal.h"

void *pl_alloc_default(void *user, int64_t bytes)
{
    (void)user;
    return bytes < 0 ? NULL : aligned_alloc(64, ((size_t)bytes + 64) / 64 * 64);
}

void pl_free_default(void *user, void *data)
{
    (void)user;
    free(data);
}

/* What the pipeline allocates for an output: real numbers, unless raw ones are wanted or the tensor holds other things. */
int64_t pl_output_bytes(const struct ax_pipeline *p, int output, enum ax_dtype *t)
{
    const struct pl_wire *w = &p->wires[p->outputs[output]];
    const struct ax_tensor *x = w->tensor;
    bool real = p->stages[w->from].worker.type->converts &&
                (x->n_scales || x->dtype == AX_DTYPE_FLOAT16 || x->dtype == AX_DTYPE_FLOAT64);
    *t = real && !p->opt.raw_outputs ? AX_DTYPE_FLOAT32 : x->stored;
    return x->elements * (int64_t)ax_dtype_bytes(*t);
}
