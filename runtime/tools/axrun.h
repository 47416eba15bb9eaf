/* One run of axrun: what the user asked for, the model, and the float model beside it. */
#ifndef AX_TOOLS_AXRUN_H
#define AX_TOOLS_AXRUN_H

#include "base/options.h"
#include "files/modeljson.h"
#include "tools/shared/artifact.h"
#include "tools/shared/devices.h"
#include "tools/shared/engine.h"

struct ax_run_settings {
    int64_t cores, batch, instances, depth, timeout, retries, frames, top_k;
    double wait;
    const char *tensors, *out, *pipe, *labels, *save, *eval, *device, *on_error, *raw, *trace, *report, *calib, *models,
        *devices;
    bool raw_outputs, json, csv, compare, list, synchronous, callback, display, profile, list_devices;
};

/* One of the two pipes that can run. */
struct ax_run_pipe {
    const char *name; /* "int8", "float" */
    struct ax_engine *engine;
    struct ax_engine *replicas[AX_MOST_DEVICES]; /* the same model on each of the devices, `engine` first */
    int n_replicas;
};

struct ax_run_cascade;

struct ax_run {
    const struct ax_run_settings *set;
    struct ax_arena mem;
    struct ax_devices devices;
    struct ax_cores *cores; /* of the first one */
    struct ax_artifact artifact;
    struct ax_descriptor pipeline;
    bool has_pipeline;
    bool many;                  /* frames are to be expected */
    bool is_float;              /* the artifact itself is the float model */
    struct ax_run_pipe pipe[2]; /* the one asked for; with --compare the float one is second */
    int n_pipes;
    struct ax_run_cascade *cascade; /* axrun_cascade.h: several models in place of one; NULL: one */
};

/* axrun_float.c: path of the model of float32 steps, made from the "source" of r->artifact's descriptor by axcompile where it
 * is not there or not up to date. In r->mem. source: NULL: it has none. */
enum ax_status ax_run_float_model(struct ax_run *r, const char *named, const char **path, struct ax_error *err);

/* axrun_tensors.c: all samples of --tensors through the pipes; the first one's outputs to --out. */
enum ax_status ax_run_tensors(struct ax_run *r, struct ax_error *err);

/* axrun_compile.c: finds what was named, which is compiled first where only the .onnx is there. */
enum ax_status ax_run_find(struct ax_run *r, const char *what, struct ax_error *err);

/* axrun_frames.c: pictures, folders, videos. *failed counts frames that could not be read or run; the others are done. */
enum ax_status ax_run_frames(struct ax_run *r, const char *const *inputs, int count, int *failed, struct ax_error *err);

#endif
