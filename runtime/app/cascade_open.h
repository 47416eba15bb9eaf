/* What the files of a cascade share. */
#ifndef AX_APP_CASCADE_OPEN_H
#define AX_APP_CASCADE_OPEN_H

#include "app/cascade.h"
#include "app/runner_layers.h"
#include "app/schedule.h"
#include "files/modeljson.h"
#include "media/preprocess.h"
#include "media/tracker.h"

struct ax_post;

struct ax_cascade_model_run {
    struct ax_cascade_run *run;
    const struct ax_cascade_stage *is;
    int index, cores;
    int batch;                       /* regions of a request */
    struct ax_cores *device;         /* where it runs */
    struct ax_runner_layers *layers; /* NULL: not recorded */
    struct ax_descriptor pipeline;
    struct ax_post *post;
    struct ax_tracker *tracker; /* of the first stage; NULL: none */
    struct ax_engine *engine;
    struct ax_runner_device way; /* to the engine: itself, or its place in the schedule */
    int followed;                /* the input whose objects are followed */
    struct ax_pixels_out input;  /* what preprocessing writes; without memory */
    int input_width, input_height;
    int slots; /* regions of a frame at most */
    int next_instance;
    const char *submit_name, *wait_name; /* in profiles */
    _Atomic int64_t regions;
    int64_t refused; /* of the thread that submits */
    struct ax_error why_refused;
};

struct cascade_frame;

struct ax_cascade_run {
    const struct ax_cascade *is;
    struct ax_cores *const *devices;
    int n_devices;
    struct ax_cascade_options opt;
    struct ax_arena mem;
    struct ax_cascade_model_run *models;
    int n, roots; /* models; those that look at the whole picture */
    _Atomic int64_t timeouts, failures, retries, recovered, skipped;
    struct cascade_frame *frames; /* all that were made */
    struct ax_schedule *schedule; /* NULL: each has cores of its own */
};

/* cascade.c: with all that is under way. */
void ax_cascade_free_frames(struct ax_cascade_run *r);

#endif
