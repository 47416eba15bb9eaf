#include "app/record.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

/* So many events of a kind are kept; what comes after is only counted. */
enum { MOST_EVENTS = 4 << 20, MOST_ROWS = 32000, MOST_INSTANCES = 1024 };

struct rows {
    struct ax_record_row *item;
    int count, room;
};

struct ax_record {
    pthread_mutex_t lock;
    bool closed;
    struct rows stages, layers;
    struct instance {
        char *name, *device;
    } instances[MOST_INSTANCES];
    int n_instances;
    struct ax_record_list stage, layer, frame;
};

enum ax_status ax_record_new(struct ax_record **out, struct ax_error *err)
{
    *out = calloc(1, sizeof **out);
    if (!*out) return ax_fail(err, AX_NO_MEMORY, "no memory for a profile");
    pthread_mutex_init(&(*out)->lock, NULL);
    return AX_OK;
}

void ax_record_free(struct ax_record *r)
{
    if (!r) return;
    for (int i = 0; i < r->n_instances; i++) {
        free(r->instances[i].name);
        free(r->instances[i].device);
    }
    free(r->stages.item);
    free(r->layers.item);
    free(r->stage.item);
    free(r->layer.item);
    free(r->frame.item);
    pthread_mutex_destroy(&r->lock);
    free(r);
}

/* -- rows -- */

static int add_row(struct ax_record *r, struct rows *to, struct ax_record_row row)
{
    pthread_mutex_lock(&r->lock);
    if (to->count == to->room && to->room < MOST_ROWS) {
        int room = to->room ? 2 * to->room : 64;
        struct ax_record_row *more = realloc(to->item, (size_t)room * sizeof *more);
        if (more) to->item = more, to->room = room;
    }
    int at = to->count < to->room ? to->count++ : -1;
    if (at >= 0) to->item[at] = row;
    pthread_mutex_unlock(&r->lock);
    return at;
}

int ax_record_stage(struct ax_record *r, const char *name)
{
    return add_row(r, &r->stages, (struct ax_record_row){.name = name});
}

int ax_record_layer(struct ax_record *r, const struct ax_record_row *row)
{
    return add_row(r, &r->layers, *row);
}

int ax_record_instance(struct ax_record *r, const char *name, const char *device)
{
    pthread_mutex_lock(&r->lock);
    int track = r->n_instances < MOST_INSTANCES ? r->n_instances++ : MOST_INSTANCES - 1;
    free(r->instances[track].name);
    free(r->instances[track].device);
    r->instances[track] = (struct instance){strdup(name), strdup(device)};
    pthread_mutex_unlock(&r->lock);
    return track;
}

/* -- events -- */

static void add(struct ax_record *r, struct ax_record_list *l, const struct ax_record_event *e)
{
    pthread_mutex_lock(&r->lock);
    if (!r->closed && l->count == l->room && l->room < MOST_EVENTS) {
        int64_t room = l->room ? 2 * l->room : 4096;
        struct ax_record_event *more = realloc(l->item, (size_t)room * sizeof *more);
        if (more) l->item = more, l->room = room;
    }
    if (!r->closed && l->count < l->room)
        l->item[l->count++] = *e;
    else if (!r->closed)
        l->dropped++;
    pthread_mutex_unlock(&r->lock);
}

void ax_record_stage_time(struct ax_record *r, int row, int track, int64_t frame, int64_t arrived, int64_t begin, int64_t end)
{
    struct ax_record_event e = {frame, arrived < begin ? arrived : begin, begin, end, (int16_t)row, (int16_t)track};
    if (row >= 0) add(r, &r->stage, &e);
}

void ax_record_layer_time(struct ax_record *r, int row, int track, int64_t frame, int64_t begin, int64_t end)
{
    struct ax_record_event e = {frame, begin, begin, end, (int16_t)row, (int16_t)track};
    if (row >= 0) add(r, &r->layer, &e);
}

void ax_record_frame_time(struct ax_record *r, int64_t frame, int64_t begin, int64_t end)
{
    struct ax_record_event e = {frame, begin, begin, end, 0, 0};
    add(r, &r->frame, &e);
}

void ax_record_close(struct ax_record *r)
{
    pthread_mutex_lock(&r->lock);
    r->closed = true;
    pthread_mutex_unlock(&r->lock);
}

/* -- reading -- */

int ax_record_stages(const struct ax_record *r)
{
    return r->stages.count;
}

int ax_record_layers(const struct ax_record *r)
{
    return r->layers.count;
}

int ax_record_instances(const struct ax_record *r)
{
    return r->n_instances;
}

const struct ax_record_row *ax_record_stage_row(const struct ax_record *r, int i)
{
    return &r->stages.item[i];
}

const struct ax_record_row *ax_record_layer_row(const struct ax_record *r, int i)
{
    return &r->layers.item[i];
}

const char *ax_record_instance_name(const struct ax_record *r, int i)
{
    return r->instances[i].name ? r->instances[i].name : "";
}

const char *ax_record_instance_device(const struct ax_record *r, int i)
{
    return r->instances[i].device ? r->instances[i].device : "";
}

const struct ax_record_list *ax_record_stage_list(const struct ax_record *r)
{
    return &r->stage;
}

const struct ax_record_list *ax_record_layer_list(const struct ax_record *r)
{
    return &r->layer;
}

const struct ax_record_list *ax_record_frame_list(const struct ax_record *r)
{
    return &r->frame;
}
