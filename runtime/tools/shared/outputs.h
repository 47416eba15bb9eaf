/* Room for what a model gives, one run after another. */
#ifndef AX_TOOLS_OUTPUTS_H
#define AX_TOOLS_OUTPUTS_H

#include "base/npy.h"
#include "tools/shared/engine.h"

struct ax_outputs {
    struct ax_arrays arrays; /* by the model's outputs; runs are stacked along the first axis */
    int64_t runs;
};

/* raw: int8 as the device has it, where it has it; else float32. Release in any case. */
enum ax_status ax_outputs_new(const struct ax_engine *e, int64_t runs, bool raw, struct ax_outputs *out, struct ax_error *err);
void ax_outputs_free(struct ax_outputs *o);
struct ax_engine_buffer ax_outputs_at(const struct ax_outputs *o, int output, int64_t run);

/* 10 log10(power of a / power of a - b), in dB: infinite where they are equal. */
double ax_sqnr(const float *a, const float *b, int64_t count);

#endif
