#include "app/page.h"

#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/json.h"

/* page.html, embedded when Axon is built. */
extern const char ax_page_template[];

enum { MOST_POINTS = 1000, MOST_SPANS = 4000 };

static const char mark[] = "@DATA@";

/* -- the numbers -- */

static void summary(struct ax_json_writer *w, const struct ax_page *p)
{
    double s = (double)p->elapsed_ns * 1e-9;
    ax_jw_text(w, "model", p->model);
    ax_jw_text(w, "mode", p->mode);
    ax_jw_double(w, "seconds", s);
    ax_jw_int(w, "frames", p->frames);
    ax_jw_double(w, "fps", s > 0 ? (double)p->frames / s : 0);
    ax_jw_int(w, "cores", p->cores);
    ax_jw_int(w, "weights", p->weights_bytes);
    ax_jw_int(w, "activations", p->activations_bytes);
    ax_jw_int(w, "peak", p->peak_bytes);
}

static void rows(struct ax_json_writer *w, const char *key, const struct ax_timing *t, int n)
{
    ax_jw_array(w, key);
    for (int i = 0; i < n; i++) {
        ax_jw_object(w, NULL);
        ax_jw_line(w);
        ax_jw_text(w, "name", t[i].name);
        if (t[i].stage) ax_jw_text(w, "stage", t[i].stage);
        ax_jw_text(w, "kind", t[i].kind ? t[i].kind : "");
        ax_jw_text(w, "kernel", t[i].kernel ? t[i].kernel : "");
        ax_jw_int(w, "macs", t[i].macs);
        ax_jw_int(w, "count", t[i].count);
        if (t[i].instances) ax_jw_int(w, "instances", t[i].instances);
        const double v[7] = {t[i].min, t[i].max, t[i].mean, t[i].var, t[i].p50, t[i].p95, t[i].p99};
        static const char *const names[7] = {"min", "max", "mean", "var", "p50", "p95", "p99"};
        for (int k = 0; k < 7; k++) ax_jw_double(w, names[k], v[k]);
        ax_jw_end(w);
    }
    ax_jw_end(w);
}

/* Neighbouring frames share a point where there are many; frames that a stage never saw count nothing. */
struct series {
    double sum[MOST_POINTS];
    int count[MOST_POINTS];
};

static int64_t frames_a_point(int64_t frames)
{
    return frames > 0 ? (frames + MOST_POINTS - 1) / MOST_POINTS : 1;
}

static void write_series(struct ax_json_writer *w, const char *name, const struct series *s, int64_t points)
{
    ax_jw_object(w, NULL);
    ax_jw_line(w);
    ax_jw_text(w, "name", name);
    ax_jw_array(w, "ms");
    for (int64_t i = 0; i < points; i++) {
        double v = s->count[i] ? s->sum[i] / s->count[i] : 0;
        ax_jw_double(w, NULL, (double)(int64_t)(v * 1e4 + 0.5) * 1e-4);
    }
    ax_jw_end(w);
    ax_jw_end(w);
}

static void series_of_stages(struct ax_json_writer *w, const struct ax_page *p, struct ax_arena *mem)
{
    const struct ax_record_list *l = ax_record_stage_list(p->record);
    struct series *s = AX_NEW(mem, struct series, 1);
    double *waits;
    int64_t frames = ax_record_waits(p->record, mem, &waits), each = frames_a_point(frames);
    int64_t points = (frames + each - 1) / each;
    ax_jw_int(w, "frames_a_point", each);
    ax_jw_array(w, "series");
    for (int i = 0; i < ax_record_stages(p->record); i++) {
        memset(s, 0, sizeof *s);
        for (int64_t k = 0; k < l->count; k++) {
            if (l->item[k].row != i) continue;
            s->sum[l->item[k].frame / each] += (double)(l->item[k].end_ns - l->item[k].begin_ns) * 1e-6;
            s->count[l->item[k].frame / each]++;
        }
        write_series(w, ax_record_stage_row(p->record, i)->name, s, points);
    }
    memset(s, 0, sizeof *s);
    for (int64_t k = 0; k < frames; k++) s->sum[k / each] += waits[k], s->count[k / each]++;
    write_series(w, "queue wait", s, points);
    ax_jw_end(w);
}

/* The beginning of the run, span by span: stage, thread, frame, begin and end in microseconds. */
static void spans(struct ax_json_writer *w, const struct ax_page *p)
{
    const struct ax_record_list *l = ax_record_stage_list(p->record);
    int64_t origin = INT64_MAX, n = l->count < MOST_SPANS ? l->count : MOST_SPANS;
    for (int64_t i = 0; i < n; i++)
        if (l->item[i].begin_ns < origin) origin = l->item[i].begin_ns;
    ax_jw_array(w, "spans");
    for (int64_t i = 0; i < n; i++) {
        const struct ax_record_event *e = &l->item[i];
        const int64_t v[5] = {e->row, e->track, e->frame, (e->begin_ns - origin) / 1000, (e->end_ns - origin) / 1000};
        ax_jw_ints(w, NULL, v, 5);
    }
    ax_jw_end(w);
}

static char *data_of(const struct ax_page *p)
{
    struct ax_json_writer *w = ax_jw_new();
    struct ax_arena mem = {0};
    ax_jw_object(w, NULL);
    summary(w, p);
    rows(w, "stages", p->timings->stages, p->timings->n_stages);
    rows(w, "layers", p->timings->layers, p->timings->n_layers);
    rows(w, "devices", p->timings->devices, p->timings->n_devices);
    series_of_stages(w, p, &mem);
    spans(w, p);
    ax_jw_end(w);
    ax_arena_free(&mem);
    return ax_jw_finish(w);
}

/* -- the page -- */

/* A name must not end the script that holds it. */
static char *without_markup(const char *json)
{
    size_t more = 0;
    for (const char *c = json; *c; c++) more += *c == '<' ? 5 : 0;
    char *out = malloc(strlen(json) + more + 1), *to = out;
    for (const char *c = json; out && *c; c++)
        if (*c == '<')
            memcpy(to, "\\u003c", 6), to += 6;
        else
            *to++ = *c;
    if (out) *to = 0;
    return out;
}

enum ax_status ax_page_write(const struct ax_page *p, const char *path, struct ax_error *err)
{
    char *json = data_of(p), *data = without_markup(json);
    const char *hole = strstr(ax_page_template, mark);
    enum ax_status s;
    if (!data || !hole) {
        s = ax_fail(err, AX_NO_MEMORY, "%s: no memory for the page", path);
    } else {
        const struct ax_part parts[3] = {{ax_page_template, (size_t)(hole - ax_page_template)},
                                         {data, strlen(data)},
                                         {hole + strlen(mark), strlen(hole + strlen(mark))}};
        s = ax_file_write_parts(path, parts, 3, err);
    }
    free(data);
    free(json);
    return s;
}
