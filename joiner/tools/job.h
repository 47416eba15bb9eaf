/* One run of axjoin. */
#ifndef AX_JOINER_JOB_H
#define AX_JOINER_JOB_H

#include "join.h"

struct ax_join_settings {
    struct ax_list scopes, maps, outputs, calib, input_shapes;
    const char *action, *output, *name, *fit, *device, *script;
    int64_t verify, seed, batch, threads;
    bool dry_run, no_share, json, compress;
};

struct ax_join_job {
    const struct ax_join_settings *set;
    struct ax_join join;
    struct ax_device_desc device;
    struct ax_join_proof proof;
    int verify;                      /* samples; 0: no proof */
    const char *model_path, *folder; /* folder NULL: the result is a single file */
    struct ax_join_edge *edges;
    int n_edges;
    const char **scopes;
    const char **outputs;
    int n_outputs;
    const char *action;
    struct ax_precision precision; /* for axcompile: the script's, after those of the models */
    struct ax_join_norm *norms;
    bool *has_norm;
    int64_t part_weights, part_activations; /* of the originals, summed */
    int part_steps;
    int64_t part_macs;
    const char *fit_unknown; /* why it is not known whether an ONNX model will fit; NULL */
};

/* print.c */
void ax_join_print(struct ax_join_job *b, FILE *f);
char *ax_join_json(struct ax_join_job *b); /* from malloc */
/* What would fit, where the whole does not: segments, another order. In the job's arena. */
char *ax_join_fit_advice(struct ax_join_job *b);

/* compiled.c, onnx.c: from the plan to the files. */
enum ax_status ax_join_make_compiled(struct ax_join_job *b, struct ax_error *err);
enum ax_status ax_join_make_onnx(struct ax_join_job *b, struct ax_error *err);
/* The proof with the samples that the settings ask for. */
enum ax_status ax_join_prove(struct ax_join_job *b, const struct ax_graph *g, const struct ax_program *joined, double tolerance,
                             struct ax_error *err);
/* AX_LIMIT with --fit require. */
enum ax_status ax_join_check_fit(struct ax_join_job *b, struct ax_error *err);

/* script.c */
enum ax_status ax_join_read_script(struct ax_join_job *b, const char *path, struct ax_error *err);
enum ax_status ax_join_apply_script(struct ax_join_job *b, struct ax_error *err);

#endif
