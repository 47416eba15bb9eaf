#include "app/runner_layers.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "api/internal.h" /* the steps of a pipeline's stages; all else is public */
#include "tools/shared/segments.h"

enum { MOST_WAITING = 4096, MOST_CORES = 64 };

/* What runs the steps of one program: an instance, or a replica of a segment. */
struct lane {
    struct ax_runner_layers *of;
    int track, first_row;
    int64_t origin_ns;       /* of a simulated device's time, which begins at 0 */
    int64_t frame;           /* that runs */
    struct ax_engine *model; /* of an instance */
    int index;               /* in its engine; of a segment: the replica */
    int segment;
    pthread_mutex_t lock;
    int64_t waiting[MOST_WAITING]; /* frames */
    int first, count;
};

struct ax_runner_layers {
    struct ax_record *record;
    struct ax_pipeline *pipeline; /* of segments; NULL: instances */
    struct lane *lanes;
    int n_lanes;
    pthread_mutex_t lock;
    int64_t frames[MOST_WAITING]; /* of the pipeline's requests, which are numbered from 1 */
    uint64_t requests;
};

/* -- taking times -- */

static void take(const struct lane *l, int step, int64_t begin_ns, int64_t end_ns)
{
    begin_ns += l->origin_ns, end_ns += l->origin_ns;
    ax_record_layer_time(l->of->record, l->first_row + step, l->track, l->frame, begin_ns, end_ns);
}

static void take_time(void *ctx, int step, int64_t begin_ns, int64_t end_ns)
{
    struct lane *l = ctx;
    if (step == 0) {
        pthread_mutex_lock(&l->lock);
        if (l->count) {
            l->frame = l->waiting[l->first];
            l->first = (l->first + 1) % MOST_WAITING;
            l->count--;
        }
        pthread_mutex_unlock(&l->lock);
    }
    take(l, step, begin_ns, end_ns);
}

static void take_segments_time(void *ctx, uint64_t request, int step, int64_t begin_ns, int64_t end_ns)
{
    struct lane *l = ctx;
    struct ax_runner_layers *of = l->of;
    if (step == 0) {
        pthread_mutex_lock(&of->lock);
        l->frame = of->frames[(request - 1) % MOST_WAITING];
        pthread_mutex_unlock(&of->lock);
    }
    take(l, step, begin_ns, end_ns);
}

void ax_runner_layers_submitted(struct ax_runner_layers *l, int instance, int64_t frame)
{
    if (l->pipeline) {
        pthread_mutex_lock(&l->lock);
        l->frames[l->requests++ % MOST_WAITING] = frame;
        pthread_mutex_unlock(&l->lock);
        return;
    }
    struct lane *i = &l->lanes[instance];
    pthread_mutex_lock(&i->lock);
    if (i->count < MOST_WAITING) i->waiting[(i->first + i->count++) % MOST_WAITING] = frame;
    pthread_mutex_unlock(&i->lock);
}

/* -- names -- */

static int64_t origin_of(const char *device)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return strncmp(device, "sim:", 4) ? 0 : (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

/* "WHAT 0, cores 2,3" */
static int name_track(struct ax_runner_layers *l, const char *what, const int *cores, int n, const char *device)
{
    char name[256];
    int at = snprintf(name, sizeof name, "%.160s, core%s", what, n == 1 ? "" : "s");
    for (int i = 0; i < n && i < MOST_CORES && at < 240; i++)
        at += snprintf(name + at, sizeof name - (size_t)at, "%s%d", i ? "," : " ", cores[i]);
    return ax_record_instance(l->record, name, device);
}

static void add_instance(struct ax_runner_layers *l, struct ax_engine *e, int index, int first_row, const char *stage)
{
    int cores[MOST_CORES], n = ax_engine_cores(e, index, cores, MOST_CORES);
    char what[160];
    struct lane *i = &l->lanes[l->n_lanes++];
    snprintf(what, sizeof what, "%.60s%s%.60s instance %d", stage ? stage : "", stage ? " on " : "", ax_engine_device(e),
             index);
    *i = (struct lane){.of = l, .model = e, .index = index, .first_row = first_row};
    i->origin_ns = origin_of(ax_engine_device(e));
    i->track = name_track(l, what, cores, n, ax_engine_device(e));
    pthread_mutex_init(&i->lock, NULL);
    ax_engine_hook_instance(e, index, take_time, i);
}

static int add_rows(struct ax_runner_layers *l, const struct ax_engine *e, const char *stage)
{
    int first = ax_record_layers(l->record);
    for (int i = 0; i < ax_engine_steps(e); i++) {
        struct ax_engine_step s = ax_engine_step(e, i);
        const struct ax_record_row row = {s.name, s.kind, s.kernel, s.macs, stage, i == 0};
        ax_record_layer(l->record, &row);
    }
    return first;
}

static void add_segment(struct ax_runner_layers *l, const struct ax_engine *e, int segment)
{
    const struct ax_segments *s = ax_engine_segments(e);
    const struct ax_program *p = ax_segments_program(s, segment);
    const char *name = ax_segments_name(s, segment);
    int first = ax_record_layers(l->record);
    for (int i = 0; i < p->n_steps; i++) {
        const struct ax_step *step = &p->steps[i];
        const struct ax_record_row row = {.name = step->name ? step->name : "",
                                          .kind = ax_step_text(step->kind),
                                          .kernel = ax_pipeline_kernel_name(l->pipeline, segment, i),
                                          .macs = step->macs,
                                          .stage = name,
                                          .first = i == 0};
        ax_record_layer(l->record, &row);
    }
    for (int i = 0; i < ax_segments_replicas(s, segment); i++) {
        int cores[MOST_CORES], n = ax_pipeline_cores(l->pipeline, segment, i, cores, MOST_CORES);
        struct lane *k = &l->lanes[l->n_lanes++];
        char what[160];
        snprintf(what, sizeof what, "%.100s replica %d", name, i);
        *k = (struct lane){.of = l, .segment = segment, .index = i, .first_row = first};
        k->origin_ns = origin_of(ax_engine_segment_device(e, segment));
        k->track = name_track(l, what, cores, n, ax_engine_segment_device(e, segment));
        pthread_mutex_init(&k->lock, NULL);
        ax_pipeline_set_hook(l->pipeline, segment, i, take_segments_time, k);
    }
}

/* -- making and freeing -- */

static int count_lanes(struct ax_engine *const *engines, int n)
{
    const struct ax_segments *s = ax_engine_segments(engines[0]);
    int all = 0;
    for (int i = 0; s && i < ax_segments_count(s); i++) all += ax_segments_replicas(s, i);
    for (int i = 0; !s && i < n; i++) all += ax_engine_instances(engines[i]);
    return all;
}

enum ax_status ax_runner_layers_new(struct ax_engine *const *engines, int n, struct ax_record *record, const char *stage,
                                    struct ax_runner_layers **out, struct ax_error *err)
{
    const struct ax_segments *s = ax_engine_segments(engines[0]);
    *out = NULL;
    if (s && !ax_engine_pipeline(engines[0])) return AX_OK;
    struct ax_runner_layers *l = *out = calloc(1, sizeof *l);
    if (l) l->lanes = calloc((size_t)count_lanes(engines, n) + 1, sizeof *l->lanes);
    if (!l || !l->lanes) {
        free(l);
        *out = NULL;
        return ax_fail(err, AX_NO_MEMORY, "no memory for the profile");
    }
    l->record = record;
    pthread_mutex_init(&l->lock, NULL);
    if (s) {
        l->pipeline = ax_engine_pipeline(engines[0]);
        for (int i = 0; i < ax_segments_count(s); i++) add_segment(l, engines[0], i);
        return AX_OK;
    }
    int first = add_rows(l, engines[0], stage);
    for (int i = 0; i < n; i++)
        for (int k = 0; k < ax_engine_instances(engines[i]); k++) add_instance(l, engines[i], k, first, stage);
    return AX_OK;
}

void ax_runner_layers_free(struct ax_runner_layers *l)
{
    if (!l) return;
    for (int i = 0; i < l->n_lanes; i++) {
        struct lane *k = &l->lanes[i];
        if (k->model) ax_engine_hook_instance(k->model, k->index, NULL, NULL);
        pthread_mutex_destroy(&k->lock);
    }
    pthread_mutex_destroy(&l->lock);
    free(l->lanes);
    free(l);
}
