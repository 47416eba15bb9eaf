/* Times of a run: what each stage did with each frame, and each layer of the model with it. Any thread may add. */
#ifndef AX_APP_RECORD_H
#define AX_APP_RECORD_H

#include <stdbool.h>
#include <stdint.h>

#include "base/status.h"

struct ax_record;

/* A stage's work on a frame (or on all frames of a group, from `frame` on). */
struct ax_record_event {
    int64_t frame;
    int64_t arrived_ns, begin_ns, end_ns; /* CLOCK_MONOTONIC; arrived: when it could have begun */
    int16_t row;                          /* a stage, or a layer */
    int16_t track;                        /* the stage's thread, or the device's instance */
};

struct ax_record_list {
    struct ax_record_event *item;
    int64_t count, room, dropped;
};

enum ax_status ax_record_new(struct ax_record **out, struct ax_error *err);
void ax_record_free(struct ax_record *r); /* NULL is fine */

/* Names are kept as they are; their memory must stay. Returns the row. */
int ax_record_stage(struct ax_record *r, const char *name);
struct ax_record_row;
int ax_record_layer(struct ax_record *r, const struct ax_record_row *row);
/* What runs layers, one model's at a time. Returns its track. Both names are copied. */
int ax_record_instance(struct ax_record *r, const char *name, const char *device);

void ax_record_stage_time(struct ax_record *r, int row, int track, int64_t frame, int64_t arrived, int64_t begin, int64_t end);
void ax_record_layer_time(struct ax_record *r, int row, int track, int64_t frame, int64_t begin, int64_t end);
/* A frame from the source's begin to the end of the last stage. */
void ax_record_frame_time(struct ax_record *r, int64_t frame, int64_t begin, int64_t end);

/* What comes later is not taken any more: requests that were given up may still run. */
void ax_record_close(struct ax_record *r);

/* -- reading, once it is closed or all is done -- */

int ax_record_stages(const struct ax_record *r);
int ax_record_layers(const struct ax_record *r);
int ax_record_instances(const struct ax_record *r);
struct ax_record_row {
    const char *name, *kind, *kernel;
    int64_t macs;
    const char *stage; /* of a layer: the segment or the cascade's stage that it is in; NULL: there is one model */
    bool first;        /* of a layer: a run begins with it */
};
const struct ax_record_row *ax_record_stage_row(const struct ax_record *r, int i);
const struct ax_record_row *ax_record_layer_row(const struct ax_record *r, int i);
const char *ax_record_instance_name(const struct ax_record *r, int i);
const char *ax_record_instance_device(const struct ax_record *r, int i);
const struct ax_record_list *ax_record_stage_list(const struct ax_record *r);
const struct ax_record_list *ax_record_layer_list(const struct ax_record *r);
const struct ax_record_list *ax_record_frame_list(const struct ax_record *r);

#endif
