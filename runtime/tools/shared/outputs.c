#include "tools/shared/outputs.h"

#include <math.h>

/* The shape of `runs` outputs, stacked; scalars become a list. */
static struct ax_shape stacked(const struct ax_shape *s, int64_t runs)
{
    struct ax_shape out = *s;
    if (out.rank == 0) out.rank = 1, out.dim[0] = 1;
    out.dim[0] *= runs;
    return out;
}

enum ax_status ax_outputs_new(const struct ax_engine *e, int64_t runs, bool raw, struct ax_outputs *out, struct ax_error *err)
{
    *out = (struct ax_outputs){.runs = runs};
    for (int i = 0; i < ax_engine_outputs(e); i++) {
        const struct ax_engine_port *port = ax_engine_output(e, i);
        struct ax_shape shape = stacked(&port->shape, runs);
        struct ax_array a;
        if (ax_array_new(port->name, raw ? port->stored : port->dtype, &shape, &a, err)) return err->status;
        ax_arrays_add(&out->arrays, &a);
    }
    return AX_OK;
}

void ax_outputs_free(struct ax_outputs *o)
{
    ax_arrays_free(&o->arrays);
}

struct ax_engine_buffer ax_outputs_at(const struct ax_outputs *o, int output, int64_t run)
{
    const struct ax_array *a = &o->arrays.item[output];
    return (struct ax_engine_buffer){(uint8_t *)a->data + (size_t)run * (a->bytes / (size_t)o->runs), a->dtype};
}

double ax_sqnr(const float *a, const float *b, int64_t count)
{
    double signal = 0, noise = 0;
    for (int64_t i = 0; i < count; i++) {
        double x = a[i], d = x - b[i];
        signal += x * x;
        noise += d * d;
    }
    return noise > 0 ? 10 * log10(signal / noise) : INFINITY;
}
