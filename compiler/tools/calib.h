/* Calibration inputs from where users have them: a folder of pictures, .npz and .npy arrays, ONNX's .pb tensors, or (said
 * loudly) random numbers. */
#ifndef AX_TOOLS_CALIB_H
#define AX_TOOLS_CALIB_H

#include "base/hash.h"
#include "files/modeljson.h"
#include "graph/graph.h"
#include "onnx/import.h"
#include "quantizer/quantizer.h"

struct ax_calib;

struct ax_calib_options {
    const char *const *paths; /* or the single word "random" */
    int n_paths;
    int count;     /* at most so many samples */
    uint64_t seed; /* which ones, where there are more; and the random numbers */
};

/* Finds the files and reads the arrays. */
enum ax_status ax_calib_open(const struct ax_calib_options *opt, struct ax_calib **out, struct ax_error *err);
void ax_calib_close(struct ax_calib *c); /* NULL is fine */

/* The shapes of single samples, for inputs whose dimensions are open in the model: arrays' by name; for pictures and tensors
 * nothing is known. */
const struct ax_input_shape *ax_calib_shapes(const struct ax_calib *c, int *count);

/* Ties the data to the model's inputs and chooses the samples. pipeline: how pictures become inputs, and the range that arrays
 * should lie in. Both must live as long as samples are read. */
enum ax_status ax_calib_bind(struct ax_calib *c, const struct ax_graph *g, const struct ax_descriptor *pipeline,
                             struct ax_error *err);

struct ax_samples ax_calib_samples(struct ax_calib *c);
const char *
ax_calib_source(const struct ax_calib *c); /* "random", or the names of files and folders without what leads there */
struct ax_hash128 ax_calib_hash(const struct ax_calib *c); /* of the files' names and contents, count and seed */
/* Lines, each a warning: few samples, random, constant or far outside the expected range. "" if none. Complete after all
 * samples were read once. */
const char *ax_calib_warnings(struct ax_calib *c);

#endif
