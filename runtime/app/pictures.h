/* The middle of a flow: frames become a model's inputs, its outputs become answers, objects are followed. */
#ifndef AX_APP_PICTURES_H
#define AX_APP_PICTURES_H

#include "app/runner.h"

struct ax_pictures_pipe {
    const char *name; /* of its answers: "int8", "float" */
    struct ax_engine *engine;
    struct ax_engine *const *replicas; /* of the model on several devices, engine first; NULL */
    int n_replicas;
};

enum ax_pictures_mode { AX_PICTURES_ASYNCHRONOUS, AX_PICTURES_CALLBACK, AX_PICTURES_SYNCHRONOUS };

struct ax_pictures_options {
    const char *name; /* of the model, for messages */
    enum ax_pictures_mode mode;
    struct ax_post_options post;
    int workers;                     /* threads of preprocessing and of postprocessing; default 1 */
    struct ax_runner_options runner; /* depth, timeout_ms, on_error, retries, record, device */
};

enum { AX_PICTURES_STAGES = 6 };

struct ax_pictures;
/* One pipe; or two, which take turns on the same cores, so that their answers can be compared. The descriptor must live as
 * long, the engines too. */
enum ax_status ax_pictures_new(const struct ax_descriptor *d, const struct ax_pictures_pipe *pipes, int n_pipes,
                               const struct ax_pictures_options *opt, struct ax_pictures **out, struct ax_error *err);
/* Before the flow is freed, after it ran. NULL is fine. */
void ax_pictures_free(struct ax_pictures *p);

/* Writes up to AX_PICTURES_STAGES stages, the first of them will be stage number `at` of the flow; returns how many. What comes
 * after them in a flow with callbacks should be inline. */
int ax_pictures_stages(struct ax_pictures *p, int at, struct ax_flow_stage *out);
/* Once the flow is made. */
enum ax_status ax_pictures_bind(struct ax_pictures *p, struct ax_flow *f, struct ax_error *err);

/* Frames in a request, before there are pictures. */
int ax_pictures_group(const struct ax_engine *e, enum ax_pictures_mode mode);
const struct ax_post *ax_pictures_post(const struct ax_pictures *p); /* of the first branch */
struct ax_runner_counts ax_pictures_counts(const struct ax_pictures *p);

#endif
