#include "tools/axrun_profile.h"

#include <stdio.h>
#include <string.h>

#include "app/page.h"
#include "app/timing.h"
#include "app/trace.h"
#include "tools/axrun_cascade.h"

static double busy_percent(const struct ax_timing *d, double seconds)
{
    return seconds > 0 && d->instances ? d->total * 0.1 / (seconds * d->instances) : 0;
}

static void print_line(FILE *out, int width, char c)
{
    for (int i = 0; i < width; i++) fputc(c, out);
    fputc('\n', out);
}

enum { WIDTH = 124 };

static void print_head(FILE *out, const char *title, const char *first)
{
    print_line(out, WIDTH, '=');
    fprintf(out, "%s\n", title);
    print_line(out, WIDTH, '=');
    fprintf(out, "%-32s %8s %10s %10s %10s %12s %10s %10s %10s\n", first, "Count", "Min(ms)", "Max(ms)", "Mean(ms)", "Var(ms2)",
            "p50(ms)", "p95(ms)", "p99(ms)");
    print_line(out, WIDTH, '-');
}

static void print_row(FILE *out, const struct ax_timing *t)
{
    fprintf(out, "%-32.32s %8lld %10.3f %10.3f %10.3f %12.3f %10.3f %10.3f %10.3f\n", t->name, (long long)t->count, t->min,
            t->max, t->mean, t->var, t->p50, t->p95, t->p99);
}

/* Runs on each device, and how much of the time its instances ran. */
static void print_devices(FILE *out, const struct ax_timings *t, double seconds)
{
    print_head(out, "DEVICES", "Device");
    for (int i = 0; i < t->n_devices; i++) {
        const struct ax_timing *d = &t->devices[i];
        print_row(out, d);
        fprintf(out, "  %.2f runs/s, %d instance%s busy for %.1f %% of the time\n",
                seconds > 0 ? (double)d->count / seconds : 0, d->instances, d->instances == 1 ? "" : "s",
                busy_percent(d, seconds));
    }
    print_line(out, WIDTH, '=');
}

static void print_tables(FILE *out, const struct ax_timings *t, int64_t elapsed_ns, int64_t frames)
{
    double s = (double)elapsed_ns * 1e-9;
    print_head(out, "STAGES", "Stage");
    for (int i = 0; i < t->n_stages; i++) print_row(out, &t->stages[i]);
    print_line(out, WIDTH, '=');
    if (t->n_layers) {
        print_head(out, "LAYERS", "Layer");
        for (int i = 0; i < t->n_layers; i++) {
            const char *stage = t->layers[i].stage;
            if (stage && (!i || strcmp(stage, t->layers[i - 1].stage))) fprintf(out, "[%s]\n", stage);
            print_row(out, &t->layers[i]);
        }
        print_line(out, WIDTH, '=');
    }
    if (t->n_devices > 1) print_devices(out, t, s);
    fprintf(out, "Total execution time: %.3f s\nFrames processed: %lld\nThroughput: %.2f frames/s\n", s, (long long)frames,
            s > 0 ? (double)frames / s : 0);
}

static void write_rows(struct ax_json_writer *w, const char *key, const struct ax_timing *rows, int n, double seconds)
{
    ax_jw_array(w, key);
    for (int i = 0; i < n; i++) {
        const struct ax_timing *t = &rows[i];
        ax_jw_object(w, NULL);
        ax_jw_line(w);
        ax_jw_text(w, "name", t->name);
        if (t->stage) ax_jw_text(w, "stage", t->stage);
        if (t->instances) ax_jw_int(w, "instances", t->instances), ax_jw_double(w, "busy_percent", busy_percent(t, seconds));
        if (t->kind) ax_jw_text(w, "kind", t->kind);
        if (t->kernel) ax_jw_text(w, "kernel", t->kernel);
        ax_jw_int(w, "count", t->count);
        ax_jw_double(w, "min_ms", t->min);
        ax_jw_double(w, "max_ms", t->max);
        ax_jw_double(w, "mean_ms", t->mean);
        ax_jw_double(w, "var_ms2", t->var);
        ax_jw_double(w, "p50_ms", t->p50);
        ax_jw_double(w, "p95_ms", t->p95);
        ax_jw_double(w, "p99_ms", t->p99);
        ax_jw_end(w);
    }
    ax_jw_end(w);
}

static char *json_of(const struct ax_timings *t, int64_t elapsed_ns, int64_t frames)
{
    struct ax_json_writer *w = ax_jw_new();
    double s = (double)elapsed_ns * 1e-9;
    ax_jw_object(w, NULL);
    ax_jw_double(w, "seconds", s);
    ax_jw_int(w, "frames", frames);
    ax_jw_double(w, "frames_per_second", s > 0 ? (double)frames / s : 0);
    write_rows(w, "stages", t->stages, t->n_stages, s);
    write_rows(w, "layers", t->layers, t->n_layers, s);
    write_rows(w, "devices", t->devices, t->n_devices, s);
    ax_jw_end(w);
    char *text = ax_jw_finish(w);
    text[strlen(text) - 1] = 0; /* the line's end */
    return text;
}

static const char *mode_text(const struct ax_run_settings *set)
{
    return set->synchronous ? "synchronous" : set->callback ? "callbacks" : "asynchronous";
}

static int cores_of(const struct ax_devices *d)
{
    int n = 0;
    for (int i = 0; i < d->count; i++) n += ax_cores_count(d->item[i]);
    return n;
}

enum ax_status ax_run_profile(const struct ax_run *r, const struct ax_record *record, int64_t elapsed_ns, int64_t frames,
                              char **json, struct ax_error *err)
{
    struct ax_arena mem = {0};
    struct ax_timings t;
    enum ax_status s = AX_OK;
    ax_timings_of(record, &mem, &t);
    if (r->set->profile && r->set->json) *json = json_of(&t, elapsed_ns, frames);
    if (r->set->profile && !r->set->json) print_tables(r->set->csv ? stderr : stdout, &t, elapsed_ns, frames);
    if (r->set->trace) s = ax_trace_write(record, r->artifact.name, r->set->trace, err);
    if (!s && r->set->report) {
        struct ax_engine_memory m = r->cascade ? ax_cascade_memory(r->cascade->running) : ax_engine_memory(r->pipe[0].engine);
        struct ax_page page = {.model = r->artifact.name,
                               .mode = mode_text(r->set),
                               .record = record,
                               .timings = &t,
                               .elapsed_ns = elapsed_ns,
                               .frames = frames,
                               .cores = cores_of(&r->devices),
                               .weights_bytes = m.weights_bytes,
                               .activations_bytes = m.activations_bytes,
                               .peak_bytes = ax_peak_memory_bytes()};
        s = ax_page_write(&page, r->set->report, err);
    }
    ax_arena_free(&mem);
    return s;
}
