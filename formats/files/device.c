#include "files/device.h"

#include <string.h>

const struct ax_device_desc ax_device_cpu = {
    .name = "cpu",
    .description = "one core of a processor with AVX2",
    .cores = 2,
    .clock_hz = 3e9,
    .int8_macs_per_cycle = 20,
    .depthwise_macs_per_cycle = 1.6,
    .float_macs_per_cycle = 6,
    .on_chip_bytes = 2 << 20,
    .on_chip_bytes_per_second = 20e9,
    .stream_bytes_per_second = 12e9,
    .in_bytes_per_second = 6e9,
    .out_bytes_per_second = 6e9,
    .step_seconds = 1e-6,
    .call_seconds = 5e-6,
    .cooperation = 0.8,
};

int64_t ax_device_fs_per_byte(double bytes_per_second)
{
    double fs = bytes_per_second > 0 ? 1e15 / bytes_per_second : 0;
    return fs < 1e9 ? (int64_t)(fs + 0.5) : 1000000000;
}

static double macs_per_cycle(const struct ax_device_desc *d, enum ax_step_kind k)
{
    switch (k) {
    case AX_STEP_CONV_S8:
    case AX_STEP_CONVT_S8:
    case AX_STEP_MATMUL_S8: return d->int8_macs_per_cycle;
    case AX_STEP_DWCONV_S8: return d->depthwise_macs_per_cycle;
    default: return d->float_macs_per_cycle;
    }
}

static int64_t operand_bytes(const struct ax_program *p, int operand)
{
    if (operand < 0 || p->operands[operand].space != AX_SPACE_ARENA) return 0;
    const struct ax_operand *o = &p->operands[operand];
    struct ax_shape s = ax_shape_make(o->rank, o->dim);
    int64_t count = ax_shape_count(&s);
    return count > 0 ? count * (int64_t)ax_dtype_bytes(o->dtype) : 0;
}

static double scale_of(const struct ax_device_desc *d, const char *step)
{
    for (int i = 0; i < d->n_scales; i++)
        if (step && !strcmp(d->scales[i].step, step)) return d->scales[i].scale;
    return 1;
}

/* The larger of what the products take and what moving the activations takes. */
int64_t ax_device_step_ps(const struct ax_device_desc *d, const struct ax_program *p, const struct ax_step *s)
{
    int64_t bytes = 0;
    for (int i = 0; i < s->n_in; i++) bytes += operand_bytes(p, s->in[i]);
    for (int i = 0; i < s->n_out; i++) bytes += operand_bytes(p, s->out[i]);
    double rate = d->clock_hz * macs_per_cycle(d, s->kind);
    double products = rate > 0 ? (double)s->macs * 1e12 / rate : 0;
    double moves = d->on_chip_bytes_per_second > 0 ? (double)bytes * 1e12 / d->on_chip_bytes_per_second : 0;
    double all = ((products > moves ? products : moves) + (double)ax_device_ps(d->step_seconds)) * scale_of(d, s->name);
    return all < 1e16 ? (int64_t)all : (int64_t)1e16;
}

/* -- parameters -- */

static int64_t count_of(const struct ax_operand *o)
{
    int64_t n = 1;
    for (int i = 0; i < o->rank; i++) n *= o->dim[i];
    return n;
}

/* Every output pixel (input pixel, of a transposed convolution) uses every weight once. */
static int64_t weight_bytes(const struct ax_program *p, const struct ax_step *s, const struct ax_operand *pixels, int each)
{
    const struct ax_operand *y = &p->operands[s->out[0]];
    int64_t channels = pixels->rank ? pixels->dim[pixels->rank - 1] : 1, n = channels ? count_of(pixels) / channels : 0;
    int64_t outputs = y->rank ? y->dim[y->rank - 1] : 1;
    return n > 0 ? s->macs / n * each + outputs * 4 : 0;
}

static int64_t const_bytes(const struct ax_program *p, int operand)
{
    if (operand < 0 || p->operands[operand].space != AX_SPACE_CONST) return 0;
    const struct ax_operand *o = &p->operands[operand];
    return count_of(o) * (int64_t)ax_dtype_bytes(o->dtype);
}

int64_t ax_device_step_params(const struct ax_program *p, const struct ax_step *s)
{
    int64_t sum = 0;
    bool weights = s->n_in > 1 && s->n_out > 0 && const_bytes(p, s->in[1]);
    switch (s->kind) {
    case AX_STEP_CONV_S8:
    case AX_STEP_DWCONV_S8:
    case AX_STEP_MATMUL_S8: return weights ? weight_bytes(p, s, &p->operands[s->out[0]], 1) : 0;
    case AX_STEP_CONVT_S8: return weights ? weight_bytes(p, s, &p->operands[s->in[0]], 1) : 0;
    case AX_STEP_CONV_F32:
    case AX_STEP_DWCONV_F32: return weights ? weight_bytes(p, s, &p->operands[s->out[0]], 4) : 0;
    case AX_STEP_CONVT_F32: return weights ? weight_bytes(p, s, &p->operands[s->in[0]], 4) : 0;
    case AX_STEP_POOL_S8:
    case AX_STEP_TABLE_S8:
    case AX_STEP_BINARY_S8:
    case AX_STEP_MOVE_S8:
    case AX_STEP_RESIZE_S8: return 0; /* what they read is the program's, not the model's */
    default: break;
    }
    for (int i = 0; i < s->n_in; i++) sum += const_bytes(p, s->in[i]);
    return sum;
}

/* -- a run -- */

static int64_t port_bytes(const struct ax_program *p, const struct ax_port *ports, int n)
{
    int64_t sum = 0;
    for (int i = 0; i < n; i++) sum += operand_bytes(p, ports[i].operand);
    return sum;
}

static int64_t move_ps(int64_t bytes, double bytes_per_second)
{
    return bytes * ax_device_fs_per_byte(bytes_per_second) / 1000;
}

struct ax_device_run ax_device_run_of(const struct ax_device_desc *d, const struct ax_program *p, int cores)
{
    struct ax_device_run r = {.call = ax_device_ps(d->call_seconds)};
    int64_t params = 0;
    for (int i = 0; i < p->n_steps; i++) {
        r.compute += ax_device_step_ps(d, p, &p->steps[i]);
        params += ax_device_step_params(p, &p->steps[i]);
    }
    if (cores > 1) r.compute = (int64_t)((double)r.compute / (1 + (cores - 1) * d->cooperation));
    if (params > d->on_chip_bytes * cores) r.stream = move_ps(params - d->on_chip_bytes * cores, d->stream_bytes_per_second);
    r.in = move_ps(port_bytes(p, p->inputs, p->n_inputs), d->in_bytes_per_second);
    r.out = move_ps(port_bytes(p, p->outputs, p->n_outputs), d->out_bytes_per_second);
    return r;
}
