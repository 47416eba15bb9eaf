/* Calibration inputs from where users have them: a folder of pictures, .npz and .npy arrays, ONNX's .pb tensors, or (said
 * loudly) random numbers. */
#ifndef AX_TOOLS_CALIB_H
#define AX_TOOLS_CALIB_H

#include "base/hash.h"
#include "files/modeljson.h"
#include "graph/graph.h"
#include "quantizer/quantizer.h"

struct ax_calib;

struct ax_calib_options {
    const char *const *paths; /* or the single word "random" */
    int n_paths;
    int count;     /* at most so many samples */
    uint64_t seed; /* which ones, where there are more; and the random numbers */
    const struct ax_pipeline *pipeline; /* how pictures become inputs; also the range that arrays should lie in */
};

/* Graph inputs as the user knows them. The samples are read when asked for. */
enum ax_status ax_calib_open(const struct ax_graph *g, const struct ax_calib_options *opt, struct ax_calib **out,
                             struct ax_error *err);
void ax_calib_close(struct ax_calib *c);

struct ax_samples ax_calib_samples(struct ax_calib *c);
const char *ax_calib_source(const struct ax_calib *c);     /* "random", or the paths */
struct ax_hash128 ax_calib_hash(const struct ax_calib *c); /* of the files' names and contents, count and seed */
/* Lines, each a warning: few samples, random, constant or far outside the expected range. "" if none. Complete after all
 * samples were read once. */
const char *ax_calib_warnings(struct ax_calib *c);

#endif
