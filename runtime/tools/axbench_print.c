#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "tools/axbench.h"

/* Of the segment that begins at step i. */
static double segment_us(const struct ax_profile *p, int i)
{
    double sum = 0;
    for (int k = i; k < p->n_steps && !strcmp(p->steps[k].segment, p->steps[i].segment); k++) sum += p->steps[k].median_us;
    return sum;
}

static bool begins_segment(const struct ax_profile *p, int i)
{
    const char *segment = p->steps[i].segment;
    return segment && (!i || strcmp(segment, p->steps[i - 1].segment));
}

static void print_layers(const struct ax_profile *p)
{
    printf("\n%10s %7s %9s %9s  %-18s %-22s %s\n", "median us", "share", "MMACs", "GMAC/s", "kind", "kernel", "step");
    for (int i = 0; i < p->n_steps; i++) {
        const struct ax_profile_step *s = &p->steps[i];
        if (begins_segment(p, i)) {
            double us = segment_us(p, i);
            printf("%10.1f %6.1f%%  [%s]\n", us, p->total_us > 0 ? us / p->total_us * 100 : 0, s->segment);
        }
        printf("%10.1f %6.1f%% %9.2f ", s->median_us, s->share * 100, (double)s->macs * 1e-6);
        if (s->macs && s->median_us > 0)
            printf("%9.2f", (double)s->macs / s->median_us * 1e-3);
        else
            printf("%9s", "");
        printf("  %-18s %-22s %s\n", s->kind, s->kernel, s->name);
    }
    printf("%10.1f %6.1f%%  sum of %d steps\n", p->total_us, 100.0, p->n_steps);
}

static void print_stages(const struct ax_bench *b)
{
    printf("\n%10s %10s %10s %10s %9s %8s %8s %9s %9s  %s\n", "median ms", "cpu ms", "p95 ms", "p99 ms", "occupied", "starved",
           "blocked", "lent", "replicas", "segment");
    for (int i = 0; i < b->n_stages; i++) {
        const struct ax_stage_stats *s = &b->stages[i];
        double lent = s->succeeded ? (double)s->by_neighbours / (double)s->succeeded : 0;
        printf("%10.3f %10.3f %10.3f %10.3f %8.1f%% %7.1f%% %7.1f%% %8.1f%% %9d  %s\n", (double)s->run.p50 * 1e-6,
               (double)s->cpu.p50 * 1e-6, (double)s->run.p95 * 1e-6, (double)s->run.p99 * 1e-6, s->occupancy * 100,
               s->starved * 100, s->blocked * 100, lent * 100, s->replicas, s->name);
    }
}

static void write_stages(struct ax_json_writer *w, const struct ax_bench *b)
{
    ax_jw_array(w, "segments");
    for (int i = 0; i < b->n_stages; i++) {
        const struct ax_stage_stats *s = &b->stages[i];
        ax_jw_object(w, NULL);
        ax_jw_text(w, "name", s->name);
        ax_jw_int(w, "replicas", s->replicas);
        ax_jw_double(w, "median_ms", (double)s->run.p50 * 1e-6);
        ax_jw_double(w, "mean_ms", (double)s->run.mean * 1e-6);
        ax_jw_double(w, "cpu_ms", (double)s->cpu.p50 * 1e-6);
        ax_jw_double(w, "cpu_p10_ms", (double)s->cpu.p10 * 1e-6);
        ax_jw_double(w, "p95_ms", (double)s->run.p95 * 1e-6);
        ax_jw_double(w, "p99_ms", (double)s->run.p99 * 1e-6);
        ax_jw_double(w, "occupancy", s->occupancy);
        ax_jw_double(w, "starved", s->starved);
        ax_jw_double(w, "blocked", s->blocked);
        ax_jw_int(w, "by_neighbours", (int64_t)s->by_neighbours);
        ax_jw_double(w, "mean_queue", s->mean_queue);
        ax_jw_int(w, "copied_bytes", s->copied_bytes);
        ax_jw_end(w);
    }
    ax_jw_end(w);
}

void ax_bench_print(const struct ax_bench *b, bool layers)
{
    char weights[AX_BYTES_TEXT], activations[AX_BYTES_TEXT], peak[AX_BYTES_TEXT];
    const struct ax_stats *t = &b->latency_ms;
    const struct ax_profile *p = &b->profile;
    printf("model       %s (%s)\n", b->name, b->model);
    printf("device      %s, %d core%s: %s\n", p->device, p->cores, p->cores == 1 ? "" : "s", p->features);
    if (b->batch > 1) printf("batch       %d samples at the same time\n", b->batch);
    printf("latency     median %.3f ms, mean %.3f, min %.3f, p90 %.3f, p95 %.3f, p99 %.3f, max %.3f (%lld runs after %lld)\n",
           t->median, t->mean, t->min, t->p90, t->p95, t->p99, t->max, (long long)b->count, (long long)b->warmup);
    printf("throughput  %.2f inferences a second\n", b->per_second);
    printf("load        %.1f ms, first inference %.1f ms\n", b->load_ms, b->first_ms);
    printf("memory      weights %s, activations %s, process at most %s\n", ax_bytes_text(p->weights_bytes, weights),
           ax_bytes_text(p->activations_bytes, activations), ax_bytes_text(ax_peak_memory_bytes(), peak));
    if (b->n_stages) print_stages(b);
    if (layers && b->profiled) print_layers(p);
}

char *ax_bench_json(const struct ax_bench *b, bool layers)
{
    const struct ax_profile *p = &b->profile;
    struct ax_json_writer *w = ax_jw_new();
    ax_jw_object(w, NULL);
    ax_jw_text(w, "model", b->name);
    ax_jw_text(w, "path", b->model);
    ax_jw_text(w, "device", p->device);
    ax_jw_text(w, "features", p->features);
    ax_jw_int(w, "cores", p->cores);
    ax_jw_int(w, "threads", p->cores);
    ax_jw_int(w, "batch", b->batch);
    ax_jw_int(w, "count", b->count);
    ax_jw_int(w, "warmup", b->warmup);
    ax_stats_write(w, "latency_ms", &b->latency_ms);
    ax_jw_double(w, "throughput_per_second", b->per_second);
    ax_jw_double(w, "load_ms", b->load_ms);
    ax_jw_double(w, "first_inference_ms", b->first_ms);
    ax_jw_object(w, "memory");
    ax_jw_int(w, "weights_bytes", p->weights_bytes);
    ax_jw_int(w, "activations_bytes", p->activations_bytes);
    ax_jw_int(w, "peak_resident_bytes", ax_peak_memory_bytes());
    ax_jw_end(w);
    if (b->n_stages) write_stages(w, b);
    if (layers && b->profiled) ax_profile_write_steps(w, "layers", p);
    ax_jw_end(w);
    return ax_jw_finish(w);
}
