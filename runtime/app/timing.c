#include "app/timing.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "tools/shared/stats.h"

/* Sorts the values; count >= 1. */
static struct ax_timing timing_of(const char *name, double *ms, int64_t count)
{
    const struct ax_stats s = ax_stats_of(ms, count);
    struct ax_timing t = {.name = name, .count = count, .total = s.mean * (double)count, .min = s.min, .max = s.max};
    t.mean = s.mean, t.p50 = s.median, t.p95 = s.p95, t.p99 = s.p99;
    for (int64_t i = 0; i < count; i++) t.var += (ms[i] - t.mean) * (ms[i] - t.mean) / (double)count;
    return t;
}

static double length_ms(const struct ax_record_event *e)
{
    return (double)(e->end_ns - e->begin_ns) * 1e-6;
}

/* Durations of a row's events; returns how many. */
static int64_t collect(const struct ax_record_list *l, int row, double *ms)
{
    int64_t n = 0;
    for (int64_t i = 0; i < l->count; i++)
        if (l->item[i].row == row) ms[n++] = length_ms(&l->item[i]);
    return n;
}

int64_t ax_record_runs(const struct ax_record *r, struct ax_arena *mem, struct ax_record_event **out)
{
    const struct ax_record_list *l = ax_record_layer_list(r);
    struct ax_record_event *open[1024] = {0}; /* by track */
    int64_t n = 0, firsts = 0;
    for (int64_t i = 0; i < l->count; i++) firsts += ax_record_layer_row(r, l->item[i].row)->first;
    *out = AX_NEW(mem, struct ax_record_event, firsts + 1);
    for (int64_t i = 0; i < l->count; i++) {
        const struct ax_record_event *e = &l->item[i];
        if (e->track < 0 || e->track >= 1024) continue;
        if (ax_record_layer_row(r, e->row)->first) {
            open[e->track] = &(*out)[n++];
            *open[e->track] = *e;
        } else if (open[e->track]) {
            open[e->track]->end_ns = e->end_ns;
        }
    }
    return n;
}

int64_t ax_record_waits(const struct ax_record *r, struct ax_arena *mem, double **ms)
{
    const struct ax_record_list *l = ax_record_stage_list(r);
    int64_t frames = 0;
    for (int64_t i = 0; i < l->count; i++)
        if (l->item[i].frame >= frames) frames = l->item[i].frame + 1;
    *ms = AX_NEW(mem, double, frames + 1);
    for (int64_t i = 0; i < l->count; i++)
        (*ms)[l->item[i].frame] += (double)(l->item[i].begin_ns - l->item[i].arrived_ns) * 1e-6;
    return frames;
}

static void add(struct ax_timings *t, const char *name, double *ms, int64_t n)
{
    if (n) t->stages[t->n_stages++] = timing_of(name, ms, n);
}

static void stages_of(const struct ax_record *r, struct ax_arena *mem, double *ms, struct ax_timings *out)
{
    const struct ax_record_list *frames = ax_record_frame_list(r);
    struct ax_record_event *runs;
    double *waits;
    out->stages = AX_NEW(mem, struct ax_timing, ax_record_stages(r) + 3);
    for (int i = 0; i < ax_record_stages(r); i++)
        add(out, ax_record_stage_row(r, i)->name, ms, collect(ax_record_stage_list(r), i, ms));
    int64_t n = ax_record_waits(r, mem, &waits);
    add(out, "queue wait", waits, n);
    n = ax_record_runs(r, mem, &runs);
    for (int64_t i = 0; i < n; i++) ms[i] = length_ms(&runs[i]);
    add(out, "device", ms, n);
    for (int64_t i = 0; i < frames->count; i++) ms[i] = length_ms(&frames->item[i]);
    add(out, "frame", ms, frames->count);
}

static void layers_of(const struct ax_record *r, struct ax_arena *mem, double *ms, struct ax_timings *out)
{
    out->layers = AX_NEW(mem, struct ax_timing, ax_record_layers(r) + 1);
    for (int i = 0; i < ax_record_layers(r); i++) {
        const struct ax_record_row *row = ax_record_layer_row(r, i);
        int64_t n = collect(ax_record_layer_list(r), i, ms);
        if (!n) continue;
        struct ax_timing *t = &out->layers[out->n_layers++];
        *t = timing_of(row->name, ms, n);
        t->kind = row->kind, t->kernel = row->kernel, t->macs = row->macs, t->stage = row->stage;
        out->layers_ms += t->mean;
    }
}

/* Instances of a device come one after another. */
static void devices_of(const struct ax_record *r, struct ax_arena *mem, double *ms, struct ax_timings *out)
{
    struct ax_record_event *runs;
    int64_t n = ax_record_runs(r, mem, &runs);
    int all = ax_record_instances(r);
    out->devices = AX_NEW(mem, struct ax_timing, all + 1);
    for (int i = 0, next; i < all; i = next) {
        const char *device = ax_record_instance_device(r, i);
        int64_t count = 0;
        for (next = i + 1; next < all && !strcmp(ax_record_instance_device(r, next), device);) next++;
        for (int64_t k = 0; k < n; k++)
            if (runs[k].track >= i && runs[k].track < next) ms[count++] = length_ms(&runs[k]);
        struct ax_timing *t = &out->devices[out->n_devices++];
        *t = count ? timing_of(device, ms, count) : (struct ax_timing){.name = device};
        t->instances = next - i;
    }
}

void ax_timings_of(const struct ax_record *r, struct ax_arena *mem, struct ax_timings *out)
{
    int64_t most = ax_record_stage_list(r)->count + ax_record_layer_list(r)->count + ax_record_frame_list(r)->count;
    double *ms = malloc((size_t)(most + 1) * sizeof *ms);
    *out = (struct ax_timings){0};
    if (!ms) return;
    stages_of(r, mem, ms, out);
    layers_of(r, mem, ms, out);
    devices_of(r, mem, ms, out);
    free(ms);
}
