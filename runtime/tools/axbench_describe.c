/* A description of this machine as a device, fitted to the steps of one model: rates by kind of step, overheads from what is
 * left. A cycle is a nanosecond. What streaming takes is in the steps' times already. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "files/device.h"
#include "kernels/cpu.h"
#include "tools/axbench.h"

struct sum {
    double work, us; /* multiply-adds or bytes */
};

struct sums {
    struct sum int8, depthwise, floats, moves;
    double least_us;
};

static double bytes_of(const struct ax_program *p, const struct ax_step *s)
{
    double sum = 0;
    for (int i = 0; i < s->n_in + s->n_out; i++) {
        int o = i < s->n_in ? s->in[i] : s->out[i - s->n_in];
        if (o < 0 || p->operands[o].space != AX_SPACE_ARENA) continue;
        double n = (double)ax_dtype_bytes(p->operands[o].dtype);
        for (int d = 0; d < p->operands[o].rank; d++) n *= (double)p->operands[o].dim[d];
        sum += n;
    }
    return sum;
}

static struct sum *sum_of(struct sums *all, const struct ax_step *s)
{
    switch (s->kind) {
    case AX_STEP_CONV_S8:
    case AX_STEP_CONVT_S8:
    case AX_STEP_MATMUL_S8: return &all->int8;
    case AX_STEP_DWCONV_S8: return &all->depthwise;
    default: return s->macs ? &all->floats : &all->moves;
    }
}

static struct sums add_up(const struct ax_profile *f, const struct ax_program *p)
{
    struct sums all = {.least_us = f->n_steps ? 1e9 : 0};
    for (int i = 0; i < f->n_steps; i++)
        if (f->steps[i].median_us < all.least_us) all.least_us = f->steps[i].median_us;
    for (int i = 0; i < f->n_steps; i++) {
        struct sum *s = sum_of(&all, &p->steps[i]);
        s->work += p->steps[i].macs ? (double)p->steps[i].macs : bytes_of(p, &p->steps[i]);
        s->us += f->steps[i].median_us - all.least_us;
    }
    return all;
}

/* In a microsecond; what was not seen stays as it was. */
static double rate(const struct sum *s, double otherwise)
{
    return s->work > 0 && s->us > 0 ? s->work / s->us : otherwise;
}

static double ends_bytes(const struct ax_engine *e)
{
    double sum = 0;
    for (int i = 0; i < ax_engine_inputs(e); i++) sum += (double)ax_engine_input(e, i)->bytes;
    for (int i = 0; i < ax_engine_outputs(e); i++) sum += (double)ax_engine_output(e, i)->bytes;
    return sum;
}

static void fit(const struct ax_bench *b, struct ax_device_desc *d)
{
    const struct ax_program *p = ax_engine_program(b->engine);
    struct sums all = add_up(&b->profile, p);
    double rest = b->latency_ms.median * 1e3 - b->profile.total_us;
    *d = ax_device_cpu;
    double cycles = d->clock_hz * 1e-6; /* of the figures that stand in for what was not seen */
    d->clock_hz = 1e9;
    d->int8_macs_per_cycle = rate(&all.int8, d->int8_macs_per_cycle * cycles) * 1e-3;
    d->depthwise_macs_per_cycle = rate(&all.depthwise, d->depthwise_macs_per_cycle * cycles) * 1e-3;
    d->float_macs_per_cycle = rate(&all.floats, d->float_macs_per_cycle * cycles) * 1e-3;
    d->on_chip_bytes_per_second = rate(&all.moves, d->on_chip_bytes_per_second * 1e-6) * 1e6;
    d->stream_bytes_per_second = 0;
    d->step_seconds = all.least_us * 1e-6;
    if (rest > 1) d->in_bytes_per_second = d->out_bytes_per_second = ends_bytes(b->engine) / (rest * 1e-6);
    if (ax_cpu_caches().l2) d->on_chip_bytes = ax_cpu_caches().l2;
}

/* The same model on all cores. */
static enum ax_status measure_all_cores(struct ax_bench *b, double *ms, struct ax_error *err)
{
    struct ax_bench all = {.name = b->name, .model = b->model, .batch = 1, .count = b->count, .warmup = b->warmup};
    ax_engine_close(b->engine);
    ax_cores_free(b->cores);
    b->engine = NULL;
    b->cores = NULL;
    enum ax_status s = ax_cores_lease(0, 10, &all.cores, err);
    if (!s) s = ax_engine_open(all.cores, all.model, 1, &all.engine, err);
    if (!s) s = ax_bench_measure(&all, NULL, 0, false, err);
    *ms = all.latency_ms.median;
    b->engine = all.engine;
    b->cores = all.cores;
    return s;
}

enum ax_status ax_bench_describable(const struct ax_bench *b, struct ax_error *err)
{
    if (!ax_engine_segments(b->engine) && !ax_cores_chip(b->cores) && ax_cores_count(b->cores) == 1 && b->batch == 1)
        return AX_OK;
    return ax_fail(err, AX_INVALID_ARGUMENT, "--describe wants one model on one core of the cpu: add --cores 1");
}

enum ax_status ax_bench_describe(struct ax_bench *b, const char *path, struct ax_error *err)
{
    struct ax_device_desc d;
    char description[512], source[512], features[128];
    double one = b->latency_ms.median, all = one;
    fit(b, &d);
    d.cores = ax_cpu_cores();
    if (d.cores > 1) {
        enum ax_status s = measure_all_cores(b, &all, err);
        if (s) return s;
        d.cores = ax_cores_count(b->cores);
        d.cooperation = d.cores > 1 && all > 0 ? (one / all - 1) / (d.cores - 1) : 0;
        if (d.cooperation < 0) d.cooperation = 0;
        if (d.cooperation > 1) d.cooperation = 1;
    }
    ax_cpu_text(ax_cpu_features(), features, sizeof features);
    snprintf(description, sizeof description, "a processor with %s", features);
    snprintf(source, sizeof source, "axbench %s --describe: %.3f ms on one core, %.3f ms on %d", b->name, one, all, d.cores);
    d.name = ax_path_stem(&b->mem, path);
    d.description = description;
    char *text = ax_device_text(&d, (const char *const[]){source, NULL});
    enum ax_status s = ax_file_write(path, text, strlen(text), err);
    free(text);
    return s;
}
