/* axon/media.h: the half that knows models and buffers. */
#include "media/public.h"

#include <stdlib.h>

#include "axon/media.h"

struct ax_media {
    struct ax_media_steps *steps;
    struct ax_model *model;
};

struct ax_media_frame {
    struct ax_media_view *view;
    struct ax_buffer *inputs, *outputs; /* one input */
    int n_outputs;
    struct ax_pixels_out pixels;
    struct ax_quant quant;
};

static struct ax_shape shape_of(const struct ax_tensor *t)
{
    return ax_shape_make(t->rank, t->dim);
}

static enum ax_status check_model(const char *path, const struct ax_model *m, struct ax_error *err)
{
    char text[AX_SHAPE_TEXT];
    struct ax_shape shape = {0};
    if (ax_model_inputs(m) == 1) shape = shape_of(ax_model_input(m, 0));
    if (ax_model_inputs(m) == 1 && shape.rank == 4 && shape.dim[0] == 1) return AX_OK;
    return ax_fail(err, AX_UNSUPPORTED,
                   "%s: pictures need a model with one input of rank 4 and a batch of 1; this one has %d inputs, the first %s",
                   path, ax_model_inputs(m), ax_shape_text(&shape, text));
}

enum ax_status ax_media_open(struct ax_context *c, const char *path, struct ax_media **out, struct ax_error *err)
{
    struct ax_media *m = calloc(1, sizeof *m);
    *out = NULL;
    if (!m) return ax_fail(err, AX_NO_MEMORY, "%s: no memory to open it", path);
    enum ax_status s = ax_media_steps_open(path, &m->steps, err);
    if (!s) s = ax_model_load(c, ax_media_steps_model(m->steps), &m->model, err);
    if (!s) s = check_model(path, m->model, err);
    if (s)
        ax_media_free(m);
    else
        *out = m;
    return s;
}

void ax_media_free(struct ax_media *m)
{
    if (!m) return;
    ax_model_free(m->model);
    ax_media_steps_close(m->steps);
    free(m);
}

struct ax_model *ax_media_model(const struct ax_media *m)
{
    return m->model;
}

/* -- frames -- */

/* The device's own integers where it takes them: then nothing is converted on the way. */
static bool make_input(struct ax_media_frame *f, const struct ax_tensor *t)
{
    bool raw = t->stored == AX_DTYPE_INT8 && t->n_scales > 0;
    f->quant = (struct ax_quant){t->n_scales, t->scale_axis, t->scale, t->zero_point};
    f->pixels = (struct ax_pixels_out){shape_of(t), raw ? AX_DTYPE_INT8 : AX_DTYPE_FLOAT32, &f->quant, NULL};
    f->inputs[0] = (struct ax_buffer){NULL, f->pixels.dtype, t->elements * (raw ? 1 : (int64_t)sizeof(float))};
    f->inputs[0].data = f->pixels.data = calloc((size_t)t->elements + 1, raw ? 1 : sizeof(float));
    return f->pixels.data != NULL;
}

static bool make_output(struct ax_media_frame *f, int i, const struct ax_tensor *t)
{
    struct ax_shape shape = shape_of(t);
    f->outputs[i] = (struct ax_buffer){calloc((size_t)t->elements + 1, sizeof(float)), AX_DTYPE_FLOAT32,
                                       t->elements * (int64_t)sizeof(float)};
    if (f->outputs[i].data) ax_media_view_output(f->view, i, t->name, &shape, f->outputs[i].data);
    return f->outputs[i].data != NULL;
}

enum ax_status ax_media_frame_new(struct ax_media *m, struct ax_media_frame **out, struct ax_error *err)
{
    struct ax_media_frame *f = *out = calloc(1, sizeof *f);
    if (!f) return ax_fail(err, AX_NO_MEMORY, "no memory for a frame");
    f->n_outputs = ax_model_outputs(m->model);
    f->view = ax_media_view_new(m->steps, f->n_outputs);
    f->inputs = calloc(1, sizeof *f->inputs);
    f->outputs = calloc((size_t)f->n_outputs + 1, sizeof *f->outputs);
    bool ok = f->view && f->inputs && f->outputs && make_input(f, ax_model_input(m->model, 0));
    for (int i = 0; i < f->n_outputs && ok; i++) ok = make_output(f, i, ax_model_output(m->model, i));
    if (ok) return AX_OK;
    ax_media_frame_free(f);
    *out = NULL;
    return ax_fail(err, AX_NO_MEMORY, "no memory for the model's tensors");
}

void ax_media_frame_free(struct ax_media_frame *f)
{
    if (!f) return;
    if (f->inputs) free(f->inputs[0].data);
    for (int i = 0; f->outputs && i < f->n_outputs; i++) free(f->outputs[i].data);
    free(f->inputs);
    free(f->outputs);
    ax_media_view_free(f->view);
    free(f);
}

enum ax_status ax_media_prepare(struct ax_media_frame *f, const struct ax_picture *p, struct ax_error *err)
{
    return ax_media_view_prepare(f->view, p, &f->pixels, err);
}

const struct ax_buffer *ax_media_inputs(const struct ax_media_frame *f)
{
    return f->inputs;
}

const struct ax_buffer *ax_media_outputs(const struct ax_media_frame *f)
{
    return f->outputs;
}

enum ax_status ax_media_answer(struct ax_media_frame *f, const struct ax_found **out, struct ax_error *err)
{
    return ax_media_view_answer(f->view, out, err);
}

void ax_media_draw(const struct ax_media_frame *f, struct ax_picture *p)
{
    ax_media_view_draw(f->view, p);
}
