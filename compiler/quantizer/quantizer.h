/* The quantizer: a float graph (after the passes) and samples in, an int8 graph out, with the measurements that say what it
 * cost. The way: plan (which nodes run in int8) -> calibrate (ranges from the float program) -> scales (one or by channel) ->
 * materialize (weights quantized, boundaries inserted) -> bias correction, layer by layer -> measure.
 *
 * Everything is deterministic: fixed sample order, sums in double or integers in fixed order, no libm functions but sqrt. */
#ifndef AX_QUANTIZER_QUANTIZER_H
#define AX_QUANTIZER_QUANTIZER_H

#include "graph/graph.h"
#include "program/program.h"

enum ax_range { AX_RANGE_MINMAX, AX_RANGE_PERCENTILE, AX_RANGE_MSE };

/* Where calibration inputs come from. get() fills dst (float32, the input's whole tensor in the user's layout) and is called
 * with any index below count, several times. */
struct ax_samples {
    int count;
    void *ctx;
    enum ax_status (*get)(void *ctx, int sample, int input, float *dst, struct ax_error *err);
};

struct ax_quant_options {
    enum ax_range range;
    double percentile;              /* of PERCENTILE, 99.99 */
    int channel_scales;             /* 1: a vector of scales may be used where every reader can absorb it */
    int bias_correction;            /* 1: may be used */
    const char *const *float_nodes; /* node names, or operator names, that stay in float32 */
    int n_float_nodes;
    const char *const *int8_nodes; /* node names that run in int8 also behind the last weighted layer, where they can */
    int n_int8_nodes;
    const char *const *int8_outputs; /* names of outputs that are int8 as with output_int8 */
    int n_int8_outputs;
    int output_int8; /* classical int8 outputs instead of float32 */
    int threads;
    void (*progress)(void *ctx, double done); /* 0..1; NULL */
    void *progress_ctx;
};

struct ax_layer_error { /* one stored int8 tensor against the float model's, over a few samples */
    const char *value;
    double sqnr_db;
};

struct ax_output_error {
    const char *name;
    double sqnr_db, cosine;
    double top1_agreement; /* share of rows with the same largest element; -1 where that means nothing */
};

struct ax_quant_report {
    int n_samples;
    struct ax_output_error *outputs;
    int n_outputs;
    double sqnr_db;                /* mean over outputs */
    struct ax_layer_error *layers; /* worst first */
    int n_layers;
    int int8_nodes, float_nodes;
    int channel_scales, bias_correction; /* as chosen by measurement among what the options allow */
    double alpha;                        /* how far channel scales follow their ranges */
    char *warnings;                      /* lines; "" if none */
};

/* g is left as it is; *out is a new graph whose large float constants may still be g's (g must live longer). The report's
 * arrays live in *out's arena. */
enum ax_status ax_quantize(const struct ax_graph *g, const struct ax_samples *samples, const struct ax_quant_options *opt,
                           struct ax_graph **out, struct ax_quant_report *report, struct ax_error *err);

/* Whether the graph came with scales of its own (QuantizeLinear and friends); then nothing is calibrated. */
int ax_graph_prequantized(const struct ax_graph *g);

#endif
