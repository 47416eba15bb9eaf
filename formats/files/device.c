#include "files/device.h"

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

/* The larger of what the products take and what moving the activations takes. */
int64_t ax_device_step_ps(const struct ax_device_desc *d, const struct ax_program *p, const struct ax_step *s)
{
    int64_t bytes = 0;
    for (int i = 0; i < s->n_in; i++) bytes += operand_bytes(p, s->in[i]);
    for (int i = 0; i < s->n_out; i++) bytes += operand_bytes(p, s->out[i]);
    double rate = d->clock_hz * macs_per_cycle(d, s->kind);
    double products = rate > 0 ? (double)s->macs * 1e12 / rate : 0;
    double moves = d->on_chip_bytes_per_second > 0 ? (double)bytes * 1e12 / d->on_chip_bytes_per_second : 0;
    double longer = products > moves ? products : moves;
    return (longer < 1e16 ? (int64_t)longer : (int64_t)1e16) + ax_device_ps(d->step_seconds);
}
