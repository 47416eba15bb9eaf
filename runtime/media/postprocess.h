/* Postprocessing as model.json describes it: a model's outputs become results. */
#ifndef AX_MEDIA_POSTPROCESS_H
#define AX_MEDIA_POSTPROCESS_H

#include "base/types.h"
#include "files/modeljson.h"
#include "media/prediction.h"
#include "media/preprocess.h"

/* One output for one picture: float32, row-major, the first dimension 1 (or rank 0). */
struct ax_post_tensor {
    const char *name;
    struct ax_shape shape;
    float *data; /* steps may work in place */
};

struct ax_post_input {
    const struct ax_post_tensor *tensors;
    int n_tensors;
    struct ax_fit fit;             /* where the model's input lies in the picture */
    int width, height;             /* of the picture */
    int input_width, input_height; /* of the model's input */
};

struct ax_post_options {
    int top_k;          /* 0: as the descriptor says */
    const char *labels; /* path of a file; NULL: as the descriptor says */
    bool all_classes;   /* as average precision wants it: a candidate counts for each class, not only for its best */
};

/* The steps of a descriptor with their labels and tables; the descriptor must live as long. AX_UNSUPPORTED names a step that
 * this build does not have. */
struct ax_post;
enum ax_status ax_post_open(const struct ax_descriptor *p, const struct ax_post_options *opt, struct ax_post **out,
                            struct ax_error *err);
void ax_post_close(struct ax_post *p); /* NULL is fine */
int ax_post_steps(const struct ax_post *p);
/* The step that follows objects through frames, for ax_tracker_new; NULL: there is none. ax_post_run passes it over. */
const struct ax_pipe_step *ax_post_tracker(const struct ax_post *p);
const char *ax_post_first_label(const struct ax_post *p); /* NULL: no step has labels */
/* Its number in the labels of the first step that has such a label; -1: none has. */
int ax_post_find_label(const struct ax_post *p, const char *label);

/* May be called from several threads at once. The result is released with ax_prediction_free in any case. */
enum ax_status ax_post_run(const struct ax_post *p, const struct ax_post_input *in, struct ax_prediction *out,
                           struct ax_error *err);
void ax_prediction_free(struct ax_prediction *r);

#endif
