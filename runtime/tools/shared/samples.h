/* Tensors from files for a model's inputs: each array holds one sample or several along its first axis. */
#ifndef AX_TOOLS_SAMPLES_H
#define AX_TOOLS_SAMPLES_H

#include "base/npy.h"
#include "tools/shared/engine.h"

struct ax_samples_file {
    struct ax_arrays arrays;
    int *input; /* of the arrays, by the model's inputs */
    int n_inputs;
    int64_t count; /* samples */
};

/* An .npz with arrays named as the inputs, or for a model with one input a lone .npy, or a lone array that fits, with a note on
 * the standard error. AX_NOT_FOUND lists the names that are missing and those that are there; AX_SHAPE names the array, its
 * shape and the input's. Arrays of other names are left aside. NaNs and infinities are warned of. Release in any case. */
enum ax_status ax_samples_open(const char *path, const struct ax_engine *e, struct ax_samples_file *out, struct ax_error *err);
void ax_samples_close(struct ax_samples_file *f);
/* Where sample `i` of an input lies. */
struct ax_engine_buffer ax_samples_at(const struct ax_samples_file *f, int input, int64_t i);

/* Samples of random numbers that cover each input's range; the same for the same seed. */
enum ax_status ax_samples_random(const struct ax_engine *e, int count, uint64_t seed, struct ax_samples_file *out,
                                 struct ax_error *err);

#endif
