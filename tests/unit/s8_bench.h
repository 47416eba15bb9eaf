/* Speed of the best int8 kernels of this machine on layers of known networks. */
#ifndef TEST_S8_BENCH_H
#define TEST_S8_BENCH_H

#include <time.h>

#include "s8_kit.h"

struct bench_layer {
    const char *name;
    int times, h, c, n, k, stride, residual; /* n 0: depthwise */
    int act;
};

static const struct bench_layer bench_layers[] = {
    {"resnet50 stem 7x7/2", 1, 224, 3, 64, 7, 2, 0, 0},
    {"resnet50 56 1x1 64-64", 1, 56, 64, 64, 1, 1, 0, 0},
    {"resnet50 56 3x3 64", 3, 56, 64, 64, 3, 1, 0, 0},
    {"resnet50 56 1x1 64-256", 1, 56, 64, 256, 1, 1, 0, 0},
    {"resnet50 56 1x1 64-256 res", 3, 56, 64, 256, 1, 1, 1, 0},
    {"resnet50 56 1x1 256-64", 2, 56, 256, 64, 1, 1, 0, 0},
    {"resnet50 56 1x1 256-128", 1, 56, 256, 128, 1, 1, 0, 0},
    {"resnet50 56 3x3/2 128", 1, 56, 128, 128, 3, 2, 0, 0},
    {"resnet50 56 1x1/2 256-512", 1, 56, 256, 512, 1, 2, 0, 0},
    {"resnet50 28 1x1 128-512 res", 4, 28, 128, 512, 1, 1, 1, 0},
    {"resnet50 28 1x1 512-128", 3, 28, 512, 128, 1, 1, 0, 0},
    {"resnet50 28 3x3 128", 3, 28, 128, 128, 3, 1, 0, 0},
    {"resnet50 28 1x1 512-256", 1, 28, 512, 256, 1, 1, 0, 0},
    {"resnet50 28 3x3/2 256", 1, 28, 256, 256, 3, 2, 0, 0},
    {"resnet50 28 1x1/2 512-1024", 1, 28, 512, 1024, 1, 2, 0, 0},
    {"resnet50 14 1x1 256-1024 res", 6, 14, 256, 1024, 1, 1, 1, 0},
    {"resnet50 14 1x1 1024-256", 5, 14, 1024, 256, 1, 1, 0, 0},
    {"resnet50 14 3x3 256", 5, 14, 256, 256, 3, 1, 0, 0},
    {"resnet50 14 1x1 1024-512", 1, 14, 1024, 512, 1, 1, 0, 0},
    {"resnet50 14 3x3/2 512", 1, 14, 512, 512, 3, 2, 0, 0},
    {"resnet50 14 1x1/2 1024-2048", 1, 14, 1024, 2048, 1, 2, 0, 0},
    {"resnet50 7 1x1 512-2048 res", 3, 7, 512, 2048, 1, 1, 1, 0},
    {"resnet50 7 1x1 2048-512", 2, 7, 2048, 512, 1, 1, 0, 0},
    {"resnet50 7 3x3 512", 2, 7, 512, 512, 3, 1, 0, 0},
    {"resnet50 fc 2048-1000", 1, 1, 2048, 1000, 1, 1, 0, 0},
    {"yolov8n stem 3x3/2 silu", 1, 640, 3, 16, 3, 2, 0, AX_ACT_SILU},
    {"yolov8n 160 3x3/2 silu", 1, 320, 16, 32, 3, 2, 0, AX_ACT_SILU},
    {"yolov8n 160 3x3 16 silu", 2, 160, 16, 16, 3, 1, 0, AX_ACT_SILU},
    {"yolov8n 80 3x3 32 silu", 4, 80, 32, 32, 3, 1, 0, AX_ACT_SILU},
    {"yolov8n 80 3x3 64 silu", 4, 80, 64, 64, 3, 1, 0, AX_ACT_SILU},
    {"mobilenetv2 112 dw3x3", 1, 112, 32, 0, 3, 1, 0, 0},
    {"mobilenetv2 112 dw3x3/2", 1, 112, 96, 0, 3, 2, 0, 0},
    {"mobilenetv2 28 dw3x3", 2, 28, 192, 0, 3, 1, 0, 0},
    {"mobilenetv2 14 dw3x3", 4, 14, 384, 0, 3, 1, 0, 0},
    {"mobilenetv2 56 1x1 24-144", 1, 56, 24, 144, 1, 1, 0, 0},
    {"mobilenetv2 14 1x1 384-64", 3, 14, 384, 64, 1, 1, 0, 0},
};

/* Like trained weights: a bell, its widest value 127. */
static void bench_weights(struct kit *k, int8_t *w, int64_t n)
{
    for (int64_t i = 0; i < n; i++) {
        int v = (kit_int(k, -64, 64) + kit_int(k, -64, 64) + kit_int(k, -64, 64)) * 108 / 192;
        w[i] = (int8_t)v;
    }
}

static void bench_make(struct kit *k, const struct bench_layer *l)
{
    struct ax_conv_params *p = &k->p.conv;
    int depthwise = l->n == 0, pad = l->k / 2, o = (l->h + 2 * pad - l->k) / l->stride + 1, outputs = depthwise ? l->c : l->n;
    kit_begin(k, 7);
    k->extreme = 0;
    *p = (struct ax_conv_params){.kh = l->k,
                                 .kw = l->k,
                                 .stride_h = l->stride,
                                 .stride_w = l->stride,
                                 .dilation_h = 1,
                                 .dilation_w = 1,
                                 .pad_top = pad,
                                 .pad_left = pad,
                                 .pad_bottom = pad,
                                 .pad_right = pad,
                                 .groups = depthwise ? l->c : 1,
                                 .act = l->act,
                                 .alpha = 1.0f,
                                 .linear = l->act == 0,
                                 .residual = l->residual};
    int64_t in[4] = {1, l->h, l->h, l->c}, out[4] = {1, o, o, outputs};
    k->in[0] = kit_planes(k, in, pad, pad, KIT_REGULAR);
    const struct ax_operand *x = &k->op[k->in[0]];
    int64_t padded = s8_round_up(outputs, 16), channels = 0;
    for (int i = 0; i < x->n_planes; i++) channels += s8_round_up(x->planes[i].channels, 4);
    int64_t weights = l->k * l->k * padded * (depthwise ? 1 : channels);
    if (!depthwise) {
        k->in[2] = kit_const(k, AX_DTYPE_INT32, x->n_planes * 3);
        int32_t *r = kit_data(k, k->in[2]);
        for (int i = 0; i < x->n_planes; i++) r[i * 3] = i, r[i * 3 + 1] = 0, r[i * 3 + 2] = x->planes[i].channels;
    }
    k->in[1] = kit_const(k, AX_DTYPE_INT8, weights);
    bench_weights(k, kit_data(k, k->in[1]), weights);
    k->in[depthwise ? 2 : 3] = kit_epi(k, padded, depthwise ? 9 : channels * l->k * l->k);
    float *epi = kit_data(k, k->in[depthwise ? 2 : 3]);
    for (int64_t i = 0; i < padded; i++) epi[AX_EPI_MUL * padded + i] *= 0.05f, epi[AX_EPI_ADD * padded + i] *= 0.1f;
    if (l->residual) k->in[depthwise ? 3 : 4] = kit_planes(k, out, 0, 0, KIT_REGULAR);
    kit_step(k, depthwise ? AX_STEP_DWCONV_S8 : AX_STEP_CONV_S8, 5, kit_planes(k, out, 1, 1, KIT_REGULAR));
    k->step.macs = (int64_t)o * o * outputs * l->k * l->k * (depthwise ? 1 : l->c);
}

static double bench_now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* The fastest of many runs: the machine is shared. */
static double bench_seconds(struct kit *k, const struct ax_kernel *kernel)
{
    struct kit_run r = kit_prepare(k, kernel, 1);
    double best = 1e9, begin = bench_now();
    for (int i = 0; i < 5 || (bench_now() - begin < 0.15 && i < 2000); i++) {
        double t = bench_now();
        kit_execute(k, &r);
        t = bench_now() - t;
        if (t < best) best = t;
    }
    kit_done(&r);
    return best;
}

static int bench(const char *filter)
{
    double total = 0, macs = 0;
    for (size_t i = 0; i < sizeof bench_layers / sizeof bench_layers[0]; i++) {
        const struct bench_layer *l = &bench_layers[i];
        if (!strstr(l->name, filter)) continue;
        struct kit *k = kit_new();
        bench_make(k, l);
        const struct ax_kernel *kernel = ax_kernel_find(&k->program, &k->step, ax_cpu_features());
        double s = bench_seconds(k, kernel);
        printf("%-32s %-20s %9.1f us %8.1f GMAC/s\n", l->name, kernel->name, s * 1e6, (double)k->step.macs / s * 1e-9);
        total += s * l->times;
        macs += (double)k->step.macs * l->times;
        kit_free(k);
    }
    printf("%-32s %-20s %9.3f ms %8.1f GMAC/s\n", filter, "all, as often as they occur", total * 1e3, macs / total * 1e-9);
    return 0;
}

#endif
