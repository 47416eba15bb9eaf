/* manifest.json: what the compiler did, for people, tools and the next compile. The same text is section META of the .axmodel.
 * docs/schema/manifest.schema.json describes it. Nothing in it depends on the machine or the hour. */
#ifndef AX_FILES_MANIFEST_H
#define AX_FILES_MANIFEST_H

#include "base/arena.h"
#include "base/json.h"
#include "base/types.h"
#include "graph/graph.h"
#include "program/program.h"

/* An input or output. */
struct ax_manifest_port {
    const char *name;
    enum ax_dtype dtype;       /* what the user gives and gets */
    struct ax_shape shape;     /* the ONNX model's */
    const char *layout;        /* "NCHW", "NHWC", "NC"... of that shape */
    enum ax_dtype stored;      /* on the device */
    const char *stored_layout; /* "plain" or "planes" */
    struct ax_shape stored_shape;
    int padding[4];        /* halo rows and columns of planes: top, left, bottom, right */
    int64_t channel_pad;   /* channels that are stored beyond the real ones */
    struct ax_quant quant; /* count 0: not quantized */
};

struct ax_manifest_tensor {
    const char *name;
    enum ax_dtype dtype;
    struct ax_shape shape;
    struct ax_quant quant;
};

struct ax_manifest_op {
    const char *name, *op;
    const char *precision; /* "int8", "float32"... */
    const char *reason;    /* why not int8; NULL where it is, or cannot be otherwise */
    int64_t macs;
    double sqnr; /* dB against float on the calibration data; NaN: not measured */
};

struct ax_manifest_memory {
    int64_t weights_bytes, activations_bytes; /* of the program */
    int64_t device_bytes;                     /* on-chip memory that was assumed */
    int64_t on_chip_bytes, off_chip_bytes;    /* how weights and activations split over it */
};

struct ax_manifest_calibration {
    const char *source; /* "" : none was needed (float32, or scales of the model's own); "random" */
    const char *range;  /* method for ranges */
    const char *hash;   /* of the samples used */
    int64_t count, seed;
    const char **warnings;
    int n_warnings;
};

struct ax_manifest_accuracy { /* of all outputs against float on the calibration data; NaN: not measured */
    double sqnr, cosine, top1_agreement;
};

struct ax_manifest_option {
    const char *name, *value;
};

struct ax_manifest {
    const char *name, *source; /* file name of the .onnx, without folders */
    const char *source_hash;
    const char *key; /* hash of the inputs and options: unchanged key, unchanged result */
    const char *axon_version;
    int opset;
    int64_t parameters, macs;
    struct ax_manifest_port *inputs, *outputs;
    int n_inputs, n_outputs;
    struct ax_manifest_tensor *tensors;
    int n_tensors;
    struct ax_manifest_op *operations;
    int n_operations;
    struct ax_manifest_memory memory;
    struct ax_manifest_calibration calibration;
    struct ax_manifest_accuracy accuracy;
    struct ax_manifest_option *options;
    int n_options;
    const char **warnings;
    int n_warnings;
};

/* Fills inputs, outputs and memory's weights and activations from the program; memory from mem, strings shared with it. */
void ax_manifest_add_program(struct ax_manifest *m, const struct ax_program *p, struct ax_arena *mem);
/* Fills tensors (the quantized ones), operations, parameters and opset from the graph as it was lowered. Precision is that of
 * an operation's first output; sqnr NaN. */
void ax_manifest_add_graph(struct ax_manifest *m, const struct ax_graph *g, struct ax_arena *mem);
void ax_manifest_port_from(struct ax_manifest_port *out, const struct ax_program *p, const struct ax_port *port,
                           struct ax_arena *mem);

char *ax_manifest_text(const struct ax_manifest *m); /* from malloc */

/* Everything read is in mem. */
enum ax_status ax_manifest_read(const char *path, struct ax_manifest *m, struct ax_arena *mem, struct ax_error *err);
enum ax_status ax_manifest_parse(const char *json, size_t bytes, const char *file, struct ax_manifest *m, struct ax_arena *mem,
                                 struct ax_error *err);

/* Parts, for axinfo. */
void ax_manifest_write_ports(struct ax_json_writer *w, const char *key, const struct ax_manifest_port *p, int count);

#endif
