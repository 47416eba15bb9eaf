#include "app/runner_layers.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

enum { MOST_WAITING = 4096, MOST_CORES = 64 };

struct instance {
    struct ax_runner_layers *of;
    int index;
    int64_t frame; /* that runs */
    pthread_mutex_t lock;
    int64_t waiting[MOST_WAITING];
    int first, count;
};

struct ax_runner_layers {
    struct ax_engine *engine;
    struct ax_record *record;
    int first_row, n_instances;
    struct instance *instances;
};

static void take_time(void *ctx, int step, int64_t begin_ns, int64_t end_ns)
{
    struct instance *i = ctx;
    if (step == 0) {
        pthread_mutex_lock(&i->lock);
        if (i->count) {
            i->frame = i->waiting[i->first];
            i->first = (i->first + 1) % MOST_WAITING;
            i->count--;
        }
        pthread_mutex_unlock(&i->lock);
    }
    ax_record_layer_time(i->of->record, i->of->first_row + step, i->index, i->frame, begin_ns, end_ns);
}

void ax_runner_layers_submitted(struct ax_runner_layers *l, int instance, int64_t frame)
{
    struct instance *i = &l->instances[instance];
    pthread_mutex_lock(&i->lock);
    if (i->count < MOST_WAITING) i->waiting[(i->first + i->count++) % MOST_WAITING] = frame;
    pthread_mutex_unlock(&i->lock);
}

static void name_instance(struct ax_runner_layers *l, int instance)
{
    int cores[MOST_CORES], n = ax_engine_cores(l->engine, instance, cores, MOST_CORES), at = 0;
    char name[256];
    at += snprintf(name, sizeof name, "instance %d, core%s", instance, n == 1 ? "" : "s");
    for (int i = 0; i < n && i < MOST_CORES && at < 240; i++)
        at += snprintf(name + at, sizeof name - (size_t)at, "%s%d", i ? "," : " ", cores[i]);
    ax_record_instance(l->record, instance, name);
}

enum ax_status ax_runner_layers_new(struct ax_engine *e, struct ax_record *record, struct ax_runner_layers **out,
                                    struct ax_error *err)
{
    *out = NULL;
    if (ax_engine_pipeline(e)) return AX_OK;
    struct ax_runner_layers *l = calloc(1, sizeof *l);
    int n = ax_engine_instances(e);
    if (l) l->instances = calloc((size_t)n, sizeof *l->instances);
    if (!l || !l->instances) {
        free(l);
        return ax_fail(err, AX_NO_MEMORY, "no memory for the profile");
    }
    l->engine = e, l->record = record, l->n_instances = n, l->first_row = ax_record_layers(record);
    for (int i = 0; i < ax_engine_steps(e); i++) {
        struct ax_engine_step s = ax_engine_step(e, i);
        ax_record_layer(record, s.name, s.kind, s.kernel, s.macs);
    }
    for (int i = 0; i < n; i++) {
        l->instances[i] = (struct instance){.of = l, .index = i};
        pthread_mutex_init(&l->instances[i].lock, NULL);
        name_instance(l, i);
        ax_engine_hook_instance(e, i, take_time, &l->instances[i]);
    }
    *out = l;
    return AX_OK;
}

void ax_runner_layers_free(struct ax_runner_layers *l)
{
    if (!l) return;
    for (int i = 0; i < l->n_instances; i++) {
        ax_engine_hook_instance(l->engine, i, NULL, NULL);
        pthread_mutex_destroy(&l->instances[i].lock);
    }
    free(l->instances);
    free(l);
}
