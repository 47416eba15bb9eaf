/* What the quantizer's files share. */
#ifndef AX_QUANTIZER_INTERNAL_H
#define AX_QUANTIZER_INTERNAL_H

#include <stdlib.h>
#include <string.h>

#include "exec/exec.h"
#include "exec/pool.h"
#include "lower/lower.h"
#include "quantizer/quantizer.h"

/* Compiled for the processor at hand as well, chosen at load; the sums keep their order, so the bits are the same. */
#if defined __x86_64__ && defined __GNUC__ && !defined __clang__ && !defined __SANITIZE_ADDRESS__ &&                           \
    !defined __SANITIZE_THREAD__
#define AX_WIDE __attribute__((target_clones("avx2", "default")))
#else
#define AX_WIDE
#endif

/* -- workers.c: the threads of all executors here, and samples side by side on them -- */

enum ax_status ax_workers_new(const struct ax_quant_options *opt, struct ax_pool **out, struct ax_error *err);
/* Steps [first, last) on n arenas and after(ctx, i) (NULL: nothing) behind each. e runs on pool. */
void ax_workers_walk(struct ax_pool *pool, struct ax_exec *e, int first, int last, uint8_t *const *arenas, int n,
                     void (*after)(void *ctx, int i), void *ctx);
uint8_t **ax_arenas_new(const struct ax_exec *e, int n, struct ax_error *err);
void ax_arenas_free(uint8_t **arenas, int n);

/* -- plan.c: which nodes run in int8 -- */

struct ax_plan {
    int n_nodes;        /* of the graph that was planned */
    uint8_t *int8;      /* by node of g */
    uint8_t *tail;      /* node behind the last weighted layer of every path: float, so that outputs are rounded once */
    uint8_t *store;     /* by value of g: an int8 copy of it is read by some int8 node */
    uint8_t *float_out; /* by value: the producer is an int8 node and writes float32 */
    const char **why;   /* by node: the reason for float, NULL for int8 or where there is no choice */
};
enum ax_status ax_plan_make(const struct ax_graph *g, const struct ax_quant_options *opt, struct ax_arena *a,
                            struct ax_plan *plan, struct ax_error *err);
/* Whether this output is to be int8. */
int ax_output_int8(const struct ax_quant_options *opt, const char *name);
/* Weighted: Conv, ConvTranspose or MatMul with constant weights. */
int ax_weighted(const struct ax_graph *g, const struct ax_node *n);
/* Whether input i of an int8 node n is an activation that it reads as int8. */
int ax_reads_int8(const struct ax_graph *g, const struct ax_node *n, int i);
int64_t ax_node_macs(const struct ax_graph *g, const struct ax_node *n);

/* -- stats.c: what calibration saw of a value -- */

struct ax_stats {
    int channels;   /* along the last axis */
    float *lo, *hi; /* by channel; lo <= 0 <= hi */
    int64_t *bins;  /* histogram of all elements over [-limit, limit), NULL without */
    float limit;
};
enum { AX_STAT_BINS = 2048 };
void ax_stats_init(struct ax_stats *s, struct ax_arena *a, int channels, int histogram);
void ax_stats_add(struct ax_stats *s, const float *x, int64_t n);
/* The range to represent, narrowed as the method says. */
void ax_stats_range(const struct ax_stats *s, enum ax_range method, double percentile, float *lo, float *hi);

/* -- tapsum.c: means of a layer's inputs at each of its taps -- */

struct ax_tapsum {
    int kh, kw, channels; /* MatMul: 1 x 1 */
    double *sum;          /* [kh][kw][channels], real values over all samples and output positions */
    double count;         /* output positions seen */
};
void ax_tapsum_init(struct ax_tapsum *t, struct ax_arena *a, const struct ax_graph *g, const struct ax_node *n);
void ax_tapsum_add(struct ax_tapsum *t, const struct ax_program *p, const struct ax_step *s, const uint8_t *arena);
void ax_tapsum_join(struct ax_tapsum *t, const struct ax_tapsum *other);
/* mean[m] of the layer's output before bias and activation, with weights w in ONNX's order (float32, or int8 without their
 * scales). */
void ax_tapsum_mean(const struct ax_tapsum *t, const struct ax_node *n, const struct ax_value *w, double *mean);

/* -- calibrate.c -- */

struct ax_calibration {
    struct ax_stats *stats; /* by value of g; channels 0 where not observed */
    double **mean;          /* by value: float mean of a weighted node's output before bias and activation; NULL */
    double **trial_mean;    /* the same over the first n_trial samples */
    int n_trial;
    float **outputs;       /* [sample * n_outputs + output]: the float model's outputs, for the first n_kept samples */
    int64_t *output_count; /* elements by output */
    int n_kept;
};
enum ax_status ax_calibrate(const struct ax_graph *g, const struct ax_plan *plan, const struct ax_samples *samples,
                            const struct ax_quant_options *opt, struct ax_pool *pool, struct ax_arena *a,
                            struct ax_calibration *c, struct ax_error *err);

/* -- scales.c: a quantization for every stored value -- */

/* quant[v] for every value v with plan->store; alpha: how far a channel's scale follows its own range. */
enum ax_status ax_scales_choose(const struct ax_graph *g, const struct ax_plan *plan, const struct ax_calibration *c,
                                const struct ax_quant_options *opt, double alpha, struct ax_arena *a, struct ax_quant *quant,
                                struct ax_error *err);

/* -- materialize.c: the int8 graph -- */

enum ax_status ax_materialize(const struct ax_graph *g, const struct ax_plan *plan, const struct ax_quant *quant,
                              const struct ax_quant_options *opt, struct ax_graph **out, struct ax_error *err);

/* -- bias.c: runs the int8 program over the samples, layer by layer, correcting biases on the way, and leaves the outputs -- */

struct ax_measure;
/* mean: by value, over the very samples given here. */
enum ax_status ax_bias_correct(struct ax_graph *q, const struct ax_calibration *c, double *const *mean,
                               const struct ax_samples *samples, const struct ax_quant_options *opt, struct ax_pool *pool,
                               struct ax_measure *m, struct ax_error *err);

/* -- measure.c -- */

struct ax_measure { /* sums over samples, an entry an output */
    int n_outputs;
    double *signal, *noise, *dot, *norm, *sqnr, *grouped;
    int64_t *rows, *agree;
    int n;
};
void ax_measure_init(struct ax_measure *m, struct ax_arena *a, int n_outputs);
void ax_measure_add(struct ax_measure *m, int output, const struct ax_shape *shape, const float *ref, const float *got);
double ax_measure_sqnr(const struct ax_measure *m); /* mean over outputs of the mean over samples, dB */
/* The same where numbers of different kinds in one output count alike: what settings are chosen by. */
double ax_measure_quality(const struct ax_measure *m);
double ax_db(double ratio); /* 10 log10, exact enough for a report and the same on every machine */
enum ax_status ax_measure_layers(const struct ax_graph *g, const struct ax_graph *q, const struct ax_samples *samples,
                                 struct ax_pool *pool, struct ax_arena *a, struct ax_quant_report *r, struct ax_error *err);

#endif
