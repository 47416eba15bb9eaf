/* One run of axcompile: what the user asked for and what came of it. */
#ifndef AX_TOOLS_JOB_H
#define AX_TOOLS_JOB_H

#include <time.h>

#include "base/options.h"
#include "files/device.h"
#include "files/manifest.h"
#include "files/modeljson.h"
#include "quantizer/precision.h"
#include "quantizer/quantizer.h"
#include "tools/calib.h"

struct ax_compile_settings {
    /* input */
    struct ax_list input_shapes, until;
    int64_t batch;
    bool no_check;
    /* calibration and quantization */
    struct ax_list calib;
    int64_t calib_count, calib_seed;
    const char *precision, *range, *output_type;
    double percentile, min_sqnr;
    struct ax_list float_nodes, int8_nodes;
    bool no_channel_scales, no_bias_correction;
    /* preprocessing */
    const char *pipeline, *family, *color, *resize, *labels;
    struct ax_list mean, std;
    double scale;
    /* output */
    const char *output, *name, *num_segments, *device;
    bool compress, force, json, show_operations;
    /* for developers */
    const char *print_after, *stop_after;
    bool timings, verify;
    int64_t threads;
};

struct ax_compile_job {
    const char *path; /* the .onnx */
    const char *name, *dir;
    const struct ax_compile_settings *set;
    struct ax_input_shape *input_shapes; /* as --input_shape gives them */
    bool min_sqnr_given, preprocessing_given, output_type_given;
    struct ax_arena mem;
    struct ax_descriptor pipeline;
    bool pipeline_assumed;       /* nobody said how pictures become inputs */
    bool family_recognized;      /* the pipeline's family was told from the outputs */
    const char *anchors_missing; /* where an SSD's anchors are expected; NULL: found */
    const char *family_hint;     /* a family that may fit; NULL: none */
    bool pipeline_followed;      /* model.json of an artifact that is up to date is a new one */
    int labels_dropped;          /* of the family, because the model has another number of classes */
    struct ax_calib *calib;
    struct ax_precision precision; /* what the file asks for layer by layer */
    struct ax_graph *source;       /* as imported and through the passes */
    struct ax_graph *graph;        /* as lowered: source, or the int8 graph */
    struct ax_program *program;
    struct ax_quant_report report;
    bool measured;                /* report is filled */
    struct ax_device_desc device; /* --device; name NULL: none was given */
    char key[AX_HASH_TEXT], source_hash[AX_HASH_TEXT];
    struct timespec begin;
};

/* descriptor.c: the pipeline descriptor, from --pipeline, from --family, from the artifact's own (perhaps edited) model.json,
 * from the .json beside the model, or from the options and the model's input. */
enum ax_status ax_job_pipeline(struct ax_compile_job *j, struct ax_error *err);
/* Where the artifact is up to date: model.json follows a new --family, --pipeline or --labels; edits to it stay otherwise. */
enum ax_status ax_job_follow_pipeline(struct ax_compile_job *j, bool *changed, struct ax_error *err);
/* What there is to be warned of: how pictures become inputs was guessed. NULL: nothing. In j->mem. */
const char *ax_job_pipeline_warning(struct ax_compile_job *j);
/* Its text for the artifact: labels inside, paths relative to the artifact's folder. In j->mem. */
enum ax_status ax_job_pipeline_text(struct ax_compile_job *j, const char **text, struct ax_error *err);

/* artifact.c: the key of inputs and options, whether an artifact of that key stands there, and writing it. */
enum ax_status ax_job_key(struct ax_compile_job *j, struct ax_error *err);
bool ax_job_up_to_date(struct ax_compile_job *j);
enum ax_status ax_job_write(struct ax_compile_job *j, struct ax_error *err);
/* axsegment on what was written; its own exit code when it fails. */
enum ax_status ax_job_segments(struct ax_compile_job *j, int *code, struct ax_error *err);
void ax_job_manifest(struct ax_compile_job *j, struct ax_manifest *m);

/* report.c: what the compile came to, for people. In j->mem. */
char *ax_job_report(struct ax_compile_job *j, const struct ax_manifest *m, bool operations);

#endif
