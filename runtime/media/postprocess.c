#include "media/postprocess.h"

#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/npy.h"
#include "media/labels.h"
#include "media/post_step.h"

static enum ax_status nothing(const struct ax_post_step *s, const struct ax_post_input *in, struct ax_prediction *r,
                              struct ax_error *err)
{
    (void)s, (void)in, (void)r, (void)err;
    return AX_OK;
}

/* By kind of step. */
static ax_post_fn *const table[AX_PIPE_COUNT] = {
    [AX_PIPE_DEQUANTIZE] = nothing, /* outputs are real numbers already */
    [AX_PIPE_SOFTMAX] = ax_post_softmax,
    [AX_PIPE_CLASSIFICATION] = ax_post_classification,
    [AX_PIPE_DECODE_YOLOV5] = ax_post_yolov5,
    [AX_PIPE_DECODE_YOLOV8] = ax_post_yolov8,
    [AX_PIPE_DECODE_YOLOX] = ax_post_yolox,
    [AX_PIPE_DECODE_SSD] = ax_post_ssd,
    [AX_PIPE_DECODE_NANODET] = ax_post_nanodet,
    [AX_PIPE_DECODE_YOLO_POSE] = ax_post_yolo_pose,
    [AX_PIPE_DECODE_YOLO_SEG] = ax_post_yolo_seg,
    [AX_PIPE_DECODE_PALM] = ax_post_palm,
    [AX_PIPE_DECODE_FACE] = ax_post_face,
    [AX_PIPE_DECODE_END2END] = ax_post_end2end,
    [AX_PIPE_DECODE_MOVENET] = ax_post_movenet,
    [AX_PIPE_DECODE_POSENET] = ax_post_posenet,
    [AX_PIPE_DECODE_LANDMARKS] = ax_post_landmarks,
    [AX_PIPE_NMS] = ax_post_nms,
    [AX_PIPE_THRESHOLD] = ax_post_threshold,
    [AX_PIPE_LABEL_FILTER] = ax_post_label_filter,
    [AX_PIPE_TRACKER] = nothing, /* needs the frames in order: who has them runs media/tracker.h */
    [AX_PIPE_ARGMAX_MASK] = ax_post_argmax_mask,
};

struct ax_post {
    struct ax_arena mem;
    struct ax_post_step *steps;
    int n_steps;
};

static const struct ax_param *labels_param(const struct ax_pipe_step *s)
{
    const struct ax_param_row *rows = ax_pipe_row(s->kind)->params;
    for (int i = 0; rows[i].name; i++)
        if (rows[i].kind == AX_PARAM_LABELS) return &s->params[i];
    return NULL;
}

static enum ax_status take_labels(struct ax_post *p, const struct ax_descriptor *pipe, const struct ax_post_options *opt,
                                  struct ax_post_step *out, struct ax_error *err)
{
    const struct ax_param *param = labels_param(out->step);
    if (!param) return AX_OK;
    if (opt->labels) return ax_labels_read(opt->labels, &p->mem, &out->labels, &out->n_labels, err);
    if (param->text)
        return ax_labels_read(ax_path_join(&p->mem, pipe->dir, param->text), &p->mem, &out->labels, &out->n_labels, err);
    out->labels = param->texts;
    out->n_labels = param->count;
    return AX_OK;
}

/* SSD's anchors stand in a file of their own. */
static enum ax_status take_anchors(struct ax_post *p, const struct ax_descriptor *pipe, struct ax_post_step *out,
                                   struct ax_error *err)
{
    const char *name = ax_step_param(out->step, "anchors")->text;
    if (!name) return ax_fail(err, AX_INVALID_ARGUMENT, "%s: decode_ssd needs \"anchors\", the name of a .npy", pipe->name);
    const char *path = ax_path_join(&p->mem, pipe->dir, name);
    struct ax_array a = {0};
    enum ax_status s = ax_npy_read(path, &a, err);
    if (s) return s;
    int64_t n = a.shape.rank == 2 ? a.shape.dim[0] : 0;
    if (a.dtype == AX_DTYPE_FLOAT32 && n > 0 && n <= 10000000 && a.shape.dim[1] == 4) {
        out->anchors = ax_arena_copy(&p->mem, a.data, (size_t)n * 4 * sizeof(float));
        out->n_anchors = (int)n;
    } else
        s = ax_fail(err, AX_SHAPE, "%s: float32 anchors, 4 numbers each, are expected", path);
    ax_array_free(&a);
    return s;
}

static enum ax_status make_ready(struct ax_post *p, const struct ax_descriptor *pipe, int i, const struct ax_post_options *opt,
                                 struct ax_error *err)
{
    const struct ax_pipe_step *step = &pipe->after[i];
    if (!table[step->kind])
        return ax_fail(err, AX_UNSUPPORTED,
                       "%s: $.postprocessing[%d]: this version has no step '%s'; --tensors gives the outputs", pipe->name, i,
                       ax_pipe_row(step->kind)->name);
    if (step->kind == AX_PIPE_TRACKER && i + 1 < pipe->n_after)
        return ax_fail(err, AX_INVALID_ARGUMENT, "%s: $.postprocessing[%d]: tracker must be the last step", pipe->name, i);
    struct ax_post_step *out = &p->steps[p->n_steps++];
    *out = (struct ax_post_step){.step = step, .top_k = opt->top_k, .all_classes = opt->all_classes};
    if (!out->top_k && step->kind == AX_PIPE_CLASSIFICATION) out->top_k = ax_step_int(step, "top_k");
    enum ax_status s = take_labels(p, pipe, opt, out, err);
    return s || step->kind != AX_PIPE_DECODE_SSD ? s : take_anchors(p, pipe, out, err);
}

enum ax_status ax_post_open(const struct ax_descriptor *p, const struct ax_post_options *opt, struct ax_post **out,
                            struct ax_error *err)
{
    struct ax_post *post = calloc(1, sizeof *post);
    *out = NULL;
    if (!post) return ax_fail(err, AX_NO_MEMORY, "no memory for postprocessing");
    enum ax_status s = AX_OK;
    post->steps = AX_NEW(&post->mem, struct ax_post_step, p->n_after + 1);
    for (int i = 0; i < p->n_after && !s; i++) s = make_ready(post, p, i, opt, err);
    if (s)
        ax_post_close(post);
    else
        *out = post;
    return s;
}

void ax_post_close(struct ax_post *p)
{
    if (!p) return;
    ax_arena_free(&p->mem);
    free(p);
}

int ax_post_steps(const struct ax_post *p)
{
    return p->n_steps;
}

const struct ax_pipe_step *ax_post_tracker(const struct ax_post *p)
{
    const struct ax_pipe_step *last = p->n_steps ? p->steps[p->n_steps - 1].step : NULL;
    return last && last->kind == AX_PIPE_TRACKER ? last : NULL;
}

const char *ax_post_first_label(const struct ax_post *p)
{
    for (int i = 0; i < p->n_steps; i++)
        if (p->steps[i].n_labels) return p->steps[i].labels[0];
    return NULL;
}

int ax_post_find_label(const struct ax_post *p, const char *label)
{
    for (int i = 0; i < p->n_steps; i++)
        for (int k = 0; k < p->steps[i].n_labels; k++)
            if (!strcmp(p->steps[i].labels[k], label)) return k;
    return -1;
}

static float within(float v, int size)
{
    return v > 0 ? v < (float)size ? v : (float)size : 0; /* NaN: 0 */
}

/* Boxes end where the picture ends. */
static void clip(const struct ax_post_input *in, struct ax_prediction *r)
{
    for (int i = 0; i < r->n_objects; i++) {
        struct ax_object *o = &r->objects[i];
        o->left = within(o->left, in->width), o->right = within(o->right, in->width);
        o->top = within(o->top, in->height), o->bottom = within(o->bottom, in->height);
    }
}

enum ax_status ax_post_run(const struct ax_post *p, const struct ax_post_input *in, struct ax_prediction *out,
                           struct ax_error *err)
{
    enum ax_status s = AX_OK;
    *out = (struct ax_prediction){0};
    for (int i = 0; i < p->n_steps && !s; i++) s = table[p->steps[i].step->kind](&p->steps[i], in, out, err);
    if (!s) clip(in, out);
    for (int i = 0; i < p->n_steps && !s; i++)
        if (p->steps[i].step->kind == AX_PIPE_DECODE_YOLO_SEG) s = ax_post_yolo_seg_masks(&p->steps[i], in, out, err);
    return s;
}

void ax_prediction_free(struct ax_prediction *r)
{
    ax_arena_free(&r->mem);
    *r = (struct ax_prediction){0};
}

const char *ax_post_label(const struct ax_post_step *s, int index)
{
    return index >= 0 && index < s->n_labels ? s->labels[index] : NULL;
}
