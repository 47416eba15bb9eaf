#include "app/trace.h"

#include <stdio.h>
#include <stdlib.h>

#include "app/timing.h"
#include "base/file.h"
#include "base/json.h"

/* Processes are the groups that a viewer shows. */
enum { PID_FRAMES = 1, PID_STAGES = 2, PID_DEVICE = 3, THREADS_A_STAGE = 64 };

struct writer {
    struct ax_json_writer *json;
    const struct ax_record *record;
    int64_t origin_ns;
};

/* -- pieces -- */

static void begin(struct writer *w, const char *phase, const char *name, int pid, int64_t tid)
{
    ax_jw_object(w->json, NULL);
    ax_jw_line(w->json);
    ax_jw_text(w->json, "ph", phase);
    ax_jw_text(w->json, "name", name);
    ax_jw_int(w->json, "pid", pid);
    ax_jw_int(w->json, "tid", tid);
}

static void at(struct writer *w, int64_t ns)
{
    ax_jw_double(w->json, "ts", (double)(ns - w->origin_ns) * 1e-3); /* microseconds */
}

static void name_track(struct writer *w, const char *what, int pid, int64_t tid, const char *name)
{
    begin(w, "M", what, pid, tid);
    ax_jw_object(w->json, "args");
    ax_jw_text(w->json, "name", name);
    ax_jw_end(w->json);
    ax_jw_end(w->json);
}

/* Tracks are shown by the steps of the pipeline, not by name. */
static void order_track(struct writer *w, int pid, int64_t tid, int64_t order)
{
    begin(w, "M", "thread_sort_index", pid, tid);
    ax_jw_object(w->json, "args");
    ax_jw_int(w->json, "sort_index", order);
    ax_jw_end(w->json);
    ax_jw_end(w->json);
}

static void span(struct writer *w, const struct ax_record_event *e, const char *name, const char *kind, int pid, int64_t tid)
{
    begin(w, "X", name, pid, tid);
    at(w, e->begin_ns);
    ax_jw_double(w->json, "dur", (double)(e->end_ns - e->begin_ns) * 1e-3);
    ax_jw_text(w->json, "cat", kind);
    ax_jw_object(w->json, "args");
    ax_jw_int(w->json, "frame", e->frame);
    if (e->begin_ns > e->arrived_ns) ax_jw_double(w->json, "waited_us", (double)(e->begin_ns - e->arrived_ns) * 1e-3);
    ax_jw_end(w->json);
    ax_jw_end(w->json);
}

/* -- frames: begin and end of an asynchronous span, as frames overlap -- */

static void frame_edge(struct writer *w, const struct ax_record_event *e, const char *phase, int64_t ns)
{
    begin(w, phase, "frame", PID_FRAMES, 0);
    at(w, ns);
    ax_jw_text(w->json, "cat", "frame");
    ax_jw_int(w->json, "id", e->frame);
    ax_jw_object(w->json, "args");
    ax_jw_int(w->json, "frame", e->frame);
    ax_jw_end(w->json);
    ax_jw_end(w->json);
}

static void frames(struct writer *w)
{
    const struct ax_record_list *l = ax_record_frame_list(w->record);
    name_track(w, "process_name", PID_FRAMES, 0, "frames");
    for (int64_t i = 0; i < l->count; i++) {
        frame_edge(w, &l->item[i], "b", l->item[i].begin_ns);
        frame_edge(w, &l->item[i], "e", l->item[i].end_ns);
    }
}

/* -- stages -- */

static void stages(struct writer *w)
{
    const struct ax_record_list *l = ax_record_stage_list(w->record);
    int n = ax_record_stages(w->record), *threads = calloc((size_t)n + 1, sizeof *threads);
    char name[300];
    name_track(w, "process_name", PID_STAGES, 0, "stages");
    for (int64_t i = 0; threads && i < l->count; i++)
        if (l->item[i].track >= threads[l->item[i].row]) threads[l->item[i].row] = l->item[i].track + 1;
    for (int i = 0; threads && i < n; i++)
        for (int k = 0; k < threads[i]; k++) {
            snprintf(name, sizeof name, threads[i] > 1 ? "%.200s %d" : "%.200s", ax_record_stage_row(w->record, i)->name, k);
            name_track(w, "thread_name", PID_STAGES, i * THREADS_A_STAGE + k, name);
            order_track(w, PID_STAGES, i * THREADS_A_STAGE + k, i * THREADS_A_STAGE + k);
        }
    for (int64_t i = 0; i < l->count; i++)
        span(w, &l->item[i], ax_record_stage_row(w->record, l->item[i].row)->name, "stage", PID_STAGES,
             l->item[i].row * THREADS_A_STAGE + l->item[i].track);
    free(threads);
}

/* -- queues: a counter before each stage -- */

struct change {
    int64_t ns;
    int by;
};

static int by_time(const void *a, const void *b)
{
    const struct change *x = a, *y = b;
    return x->ns != y->ns ? (x->ns > y->ns) - (x->ns < y->ns) : y->by - x->by;
}

static void queue(struct writer *w, int stage, struct change *changes)
{
    const struct ax_record_list *l = ax_record_stage_list(w->record);
    char name[300];
    int64_t n = 0;
    int waiting = 0;
    for (int64_t i = 0; i < l->count; i++) {
        if (l->item[i].row != stage) continue;
        changes[n++] = (struct change){l->item[i].arrived_ns, 1};
        changes[n++] = (struct change){l->item[i].begin_ns, -1};
    }
    qsort(changes, (size_t)n, sizeof *changes, by_time);
    snprintf(name, sizeof name, "queue: %.200s", ax_record_stage_row(w->record, stage)->name);
    for (int64_t i = 0; i < n; i++) {
        waiting += changes[i].by;
        begin(w, "C", name, PID_STAGES, 0);
        at(w, changes[i].ns);
        ax_jw_object(w->json, "args");
        ax_jw_int(w->json, "frames", waiting);
        ax_jw_end(w->json);
        ax_jw_end(w->json);
    }
}

static void queues(struct writer *w)
{
    const struct ax_record_list *l = ax_record_stage_list(w->record);
    struct change *changes = malloc((size_t)(2 * l->count + 1) * sizeof *changes);
    for (int i = 1; changes && i < ax_record_stages(w->record); i++) queue(w, i, changes); /* 0 is the source */
    free(changes);
}

/* -- the device: a run, and its layers inside -- */

static void layer(struct writer *w, const struct ax_record_event *e)
{
    const struct ax_record_row *row = ax_record_layer_row(w->record, e->row);
    char name[300];
    snprintf(name, sizeof name, row->stage ? "%.140s/%.140s" : "%.0s%.140s", row->stage ? row->stage : "", row->name);
    span(w, e, name, "layer", PID_DEVICE, e->track);
}

static void device(struct writer *w)
{
    const struct ax_record_list *l = ax_record_layer_list(w->record);
    struct ax_arena mem = {0};
    struct ax_record_event *runs;
    int64_t n = ax_record_runs(w->record, &mem, &runs);
    if (ax_record_instances(w->record)) name_track(w, "process_name", PID_DEVICE, 0, "device");
    for (int i = 0; i < ax_record_instances(w->record); i++)
        name_track(w, "thread_name", PID_DEVICE, i, ax_record_instance_name(w->record, i));
    for (int64_t i = 0; i < n; i++) {
        const char *stage = ax_record_layer_row(w->record, runs[i].row)->stage;
        span(w, &runs[i], stage ? stage : "inference", "device", PID_DEVICE, runs[i].track);
    }
    for (int64_t i = 0; i < l->count; i++) layer(w, &l->item[i]);
    ax_arena_free(&mem);
}

static int64_t origin_of(const struct ax_record *r)
{
    const struct ax_record_list *l = ax_record_stage_list(r);
    int64_t first = l->count ? l->item[0].arrived_ns : 0;
    for (int64_t i = 0; i < l->count; i++)
        if (l->item[i].arrived_ns < first) first = l->item[i].arrived_ns;
    l = ax_record_layer_list(r); /* those of a simulated device may begin before all others */
    for (int64_t i = 0; i < l->count; i++)
        if (l->item[i].begin_ns < first) first = l->item[i].begin_ns;
    return first;
}

enum ax_status ax_trace_write(const struct ax_record *r, const char *model, const char *path, struct ax_error *err)
{
    struct writer w = {ax_jw_new(), r, origin_of(r)};
    ax_jw_object(w.json, NULL);
    ax_jw_text(w.json, "displayTimeUnit", "ms");
    ax_jw_object(w.json, "otherData");
    ax_jw_text(w.json, "model", model);
    ax_jw_end(w.json);
    ax_jw_array(w.json, "traceEvents");
    frames(&w);
    stages(&w);
    queues(&w);
    device(&w);
    ax_jw_end(w.json);
    ax_jw_end(w.json);
    char *text = ax_jw_finish(w.json);
    enum ax_status s = ax_file_write_text(path, text, err);
    free(text);
    return s;
}
