/* ONNX file -> graph in canonical form (graph/op.h), all shapes known, everything constant folded on the way. */
#ifndef AX_ONNX_IMPORT_H
#define AX_ONNX_IMPORT_H

#include "graph/graph.h"

struct ax_input_shape { /* --input_shape NAME:1x3x224x224; name "" fits a model of one input */
    const char *name;
    struct ax_shape shape;
};
/* Reads that text; the name lives in mem. */
enum ax_status ax_input_shape_parse(const char *text, struct ax_arena *mem, struct ax_input_shape *out, struct ax_error *err);
/* The same for n of them. */
enum ax_status ax_input_shapes_parse(const char *const *texts, int n, struct ax_arena *mem, struct ax_input_shape **out,
                                     struct ax_error *err);
struct ax_bound_input { /* an input that is to be a constant of this value (tests, shape inputs) */
    const char *name;
    enum ax_dtype dtype;
    struct ax_shape shape;
    const void *data;
};
struct ax_import_options {
    const struct ax_input_shape *shapes;
    int n_shapes;
    int64_t
        batch; /* 0: as in the file (an open first dimension is then an error, unless given in shapes); else sets dimension 0 */
    const struct ax_input_shape *samples; /* shapes of single samples that the user has: they settle open dimensions only */
    int n_samples;
    const struct ax_bound_input *bound;
    int n_bound;
    const char *const *cut_outputs; /* names of values to end at instead of the model's outputs; NULL */
    int n_cut_outputs;
    int no_check;                              /* skip libonnx's checker */
    void (*note)(void *ctx, const char *text); /* told what is worth knowing but no error; NULL: nobody */
    void *note_ctx;
};

/* On failure *out is NULL and the message names file, node, operator and opset. */
enum ax_status ax_import(const char *path, const struct ax_import_options *opt, struct ax_graph **out, struct ax_error *err);

/* metadata_props: the value of a key into memory of `a`; NULL where the file does not have it. */
enum ax_status ax_import_metadata(const char *path, const char *key, struct ax_arena *a, const char **value,
                                  struct ax_error *err);

/* One serialized TensorProto (the .pb files of ONNX test data) into memory of `a`. */
enum ax_status ax_import_tensor(const char *path, struct ax_arena *a, char **name, enum ax_dtype *t, struct ax_shape *shape,
                                void **data, struct ax_error *err);

#endif
