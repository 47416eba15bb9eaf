/* Joining: several models become one that is loaded once, fed once and run as one, and that gives the same outputs to the bit.
 *
 *     load (source.c), scopes (scope.c), plan (plan.c), preprocessing (preprocessing.c), the joined graph (graph.c, branch.c)
 * with what is there twice once (share.c), memory (fit.c), proof (verify.c), files (write.c)
 *
 * Compiled models are joined as graphs in which every value keeps its type and quantization; ONNX models as graphs as they were
 * imported, written again by onnx/export.h.
 */
#ifndef AX_JOINER_JOIN_H
#define AX_JOINER_JOIN_H

#include "base/options.h"
#include "files/axmodel.h"
#include "files/device.h"
#include "files/manifest.h"
#include "files/modeljson.h"
#include "graph/graph.h"
#include "quantizer/precision.h"
#include "quantizer/quantizer.h"

enum { AX_JOIN_MAX_MODELS = 64, AX_JOIN_MAX_CHANNELS = 4 };

/* What stands between RGB pixels of 0..255 and a model's input: the order of colours, then (pixel * scale - mean) / std, in
 * this order and in float32, as preprocessing does it. */
struct ax_join_norm {
    bool moved;    /* done within the joined model, in front of this branch */
    bool reversed; /* the model wants BGR */
    bool given;    /* by the script, whatever the model's descriptor says */
    float scale, mean[AX_JOIN_MAX_CHANNELS], std[AX_JOIN_MAX_CHANNELS];
    int channels;
};

/* Where an input of a model comes from in the joined one. */
enum ax_feed_kind { AX_FEED_INPUT, AX_FEED_OUTPUT };
struct ax_join_feed {
    enum ax_feed_kind kind;
    int input;         /* INPUT: the joined model's */
    int model, output; /* OUTPUT: whose */
};

struct ax_join_model {
    const char *path; /* as given */
    const char *file; /* the .onnx or .axmodel */
    const char *scope;
    bool compiled, has_pipeline, has_manifest;
    struct ax_axmodel *axmodel;
    struct ax_graph *graph;     /* compiled: as it was lowered. ONNX: as imported */
    struct ax_program *program; /* what the proof compares with; compiled: the file's */
    struct ax_descriptor pipeline;
    struct ax_manifest manifest;
    struct ax_join_norm norm;
    struct ax_join_feed *feed;     /* by input of graph */
    struct ax_precision precision; /* ONNX: what the file asks axcompile for, in its own names */
};

struct ax_join_input {
    const char *name;
    struct ax_shape shape;
    enum ax_dtype dtype; /* the user's */
    int model, index;    /* the first that reads it */
    int readers;
    bool raw;       /* pixels of 0..255, normalized in the branches */
    bool recolored; /* RGB, brought into their order of colours in the branches */
    bool quantized; /* stored as int8 with the scales that all its readers have */
};

struct ax_join_output {
    int model, output;
    const char *name, *origin;
};

enum ax_join_action { AX_JOIN_AUTO_INPUTS, AX_JOIN_NONE, AX_JOIN_AUTO_CHAIN, AX_JOIN_CUSTOM };

struct ax_join_edge { /* --map a/out=b/in */
    const char *from, *to;
};

struct ax_join_shared {
    int nodes, constants;
    int64_t constant_bytes;
    const char *last; /* the last node that is computed once; NULL */
};

/* What the device has, and what the joined model takes of it. */
struct ax_join_fit {
    bool fits;
    int64_t limit, weights, activations; /* bytes: of on-chip memory, of constants, of the arena */
    int64_t over;
    bool estimated;           /* of an ONNX model: as int8, with numbers of no meaning */
    int segments;             /* so many would each fit; 0: one step alone is too large */
    int *best_order;          /* of the models: that in which activations take least; NULL where it was not looked for */
    int64_t best_activations; /* their bytes then */
};

struct ax_join {
    struct ax_arena mem;
    const char *name;
    bool compiled;
    struct ax_join_model *models;
    int n_models;
    enum ax_join_action action;
    struct ax_join_input *inputs;
    int n_inputs;
    struct ax_join_output *outputs;
    int n_outputs;
    int *order; /* models, so that each comes after those that feed it */
    struct ax_graph *graph;
    struct ax_program *program;
    struct ax_join_shared shared;
    struct ax_join_fit fit;
    struct ax_descriptor *pipeline; /* whose preprocessing the joined model keeps; NULL */
};

void ax_join_init(struct ax_join *j);
void ax_join_free(struct ax_join *j);

/* source.c: a .onnx, an .axmodel, a model.json, or a folder with one. shapes: --input_shape for ONNX. */
enum ax_status ax_join_load(struct ax_join *j, const char *path, const struct ax_list *shapes, int64_t batch,
                            struct ax_error *err);

/* Whether the graph and the program of a compiled model have the same inputs and outputs: a file may say anything. */
enum ax_status ax_join_check_compiled(const struct ax_graph *g, const struct ax_program *p, struct ax_error *err);

/* scope.c: names for all models; given: by model, NULL where it is to be made up. */
enum ax_status ax_join_scopes(struct ax_join *j, const char *const *given, int n_given, struct ax_error *err);

/* plan.c: feeds, inputs, outputs and order. edges: of CUSTOM. outputs: scoped names in the order that is wanted; n 0: all that
 * feed nobody. */
enum ax_status ax_join_plan(struct ax_join *j, const struct ax_join_edge *edges, int n_edges, const char *const *outputs,
                            int n_outputs, struct ax_error *err);
/* "a/out" -> model and the index of its output (or input); AX_NOT_FOUND lists what there is. */
enum ax_status ax_join_find(const struct ax_join *j, const char *scoped, bool output, int *model, int *index,
                            struct ax_error *err);
const char *ax_join_layout(const struct ax_join_model *m, int input);
/* What the user gives: quantized values count as float32. */
enum ax_dtype ax_join_user_dtype(const struct ax_value *v);

/* preprocessing.c: compares what the descriptors say for shared inputs. */
enum ax_status ax_join_preprocessing(struct ax_join *j, struct ax_error *err);
/* Normalization that is to stand in front of a model whatever its descriptor says (script). */
enum ax_status ax_join_normalize(struct ax_join *j, int model, const struct ax_join_norm *norm, struct ax_error *err);
float ax_join_norm_at(const struct ax_join_norm *n, float pixel, int channel);
/* The joined model's preprocessing: the steps of `before`, without those that its branches do themselves. Returns how many;
 * out has room for n. */
int ax_join_shared_steps(const struct ax_join *j, const struct ax_pipe_step *before, int n, struct ax_pipe_step *out);
/* Pixels to what a model expects, in place, in a tensor of this shape. */
void ax_join_norm_apply(const struct ax_join_norm *n, const struct ax_shape *shape, float *x);
int ax_join_channel_axis(const struct ax_shape *s, int channels); /* -1: no dimension has that many */

/* branch.c: what stands between the joined model's value and a branch's. */
bool ax_join_as_it_is(const struct ax_value *from, const struct ax_value *to, const struct ax_join_norm *norm);
/* Value `from` of the joined graph becomes what a value like `like` of model m holds. axis: of the channels, -1 for none. */
int ax_join_adapt(struct ax_graph *g, const struct ax_join_model *m, int from, const struct ax_value *like, int axis,
                  const char *name);

/* graph.c: the joined graph. share.c: what is there twice, once. */
enum ax_status ax_join_graph(struct ax_join *j, struct ax_error *err);
/* kind: by node, those of different kinds stay apart; NULL. */
enum ax_status ax_join_share(struct ax_graph *g, const uint8_t *kind, struct ax_join_shared *out, struct ax_error *err);
bool ax_join_same_quant(const struct ax_quant *a, const struct ax_quant *b);

/* fit.c */
void ax_join_fits(struct ax_join *j, const struct ax_graph *g, const struct ax_program *p, const struct ax_device_desc *d);
/* The same of a joined ONNX model, as axcompile would make it of j->graph. */
enum ax_status ax_join_fits_compiled(struct ax_join *j, struct ax_precision *precision, const struct ax_device_desc *d,
                                     struct ax_error *err);

/* verify.c: the same inputs through the originals and through `joined`, whose inputs and outputs are the plan's. */
struct ax_join_proof {
    int samples;
    bool exact;
    double worst; /* largest difference, relative to the output's largest magnitude; 0 when exact */
};
/* samples NULL: random ones from `seed`. tolerance 0: to the bit. AX_LIMIT when an output differs by more. */
enum ax_status ax_join_verify(const struct ax_join *j, const struct ax_program *joined, const struct ax_samples *samples,
                              int count, uint64_t seed, double tolerance, int threads, struct ax_join_proof *out,
                              struct ax_error *err);

/* write.c */
char *ax_join_descriptor(struct ax_join *j, const char *dir,
                         const char *model_file); /* model.json's text, in j->mem; NULL: ONNX models without any */
enum ax_status ax_join_manifest(struct ax_join *j, struct ax_manifest *m, struct ax_error *err);

#endif
