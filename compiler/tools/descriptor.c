/* Where model.json comes from. */

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "files/modeljson_families.h"
#include "tools/job.h"
#include "tools/recognize.h"

/* Input as pictures are fed: width, height, channels; 0 when the input is no picture. */
static int picture_input(const struct ax_graph *g, int64_t *w, int64_t *h, int64_t *c)
{
    if (g->n_inputs < 1) return 0;
    const struct ax_shape *s = &g->values[g->inputs[0]].shape;
    if (s->rank != 4) return 0;
    int nchw = s->dim[1] == 1 || s->dim[1] == 3;
    *c = nchw ? s->dim[1] : s->dim[3];
    *h = nchw ? s->dim[2] : s->dim[1];
    *w = nchw ? s->dim[3] : s->dim[2];
    return *c == 1 || *c == 3;
}

/* One row of scores: a classifier, as far as one can tell. */
static int is_classifier(const struct ax_graph *g)
{
    if (g->n_outputs != 1) return 0;
    const struct ax_shape *s = &g->values[g->outputs[0]].shape;
    int64_t n = ax_shape_count(s);
    for (int i = 0; i < s->rank; i++)
        if (s->dim[i] == n) return n >= 2;
    return 0;
}

static void list(struct ax_json_writer *w, const char *key, const struct ax_list *l)
{
    if (!l->count) return;
    ax_jw_array(w, key);
    ax_jw_line(w);
    for (int i = 0; i < l->count; i++) ax_jw_double(w, NULL, strtod(l->item[i], NULL));
    ax_jw_end(w);
}

static void write_steps(struct ax_compile_job *j, struct ax_json_writer *w)
{
    int64_t width, height, channels;
    const struct ax_compile_settings *set = j->set;
    ax_jw_array(w, "preprocessing");
    if (picture_input(j->source, &width, &height, &channels)) {
        ax_jw_object(w, NULL);
        ax_jw_text(w, "type", "resize");
        ax_jw_int(w, "width", width);
        ax_jw_int(w, "height", height);
        ax_jw_text(w, "mode", set->resize);
        ax_jw_end(w);
        ax_jw_object(w, NULL);
        ax_jw_text(w, "type", "color");
        ax_jw_text(w, "order", set->color ? set->color : channels == 1 ? "gray" : "rgb");
        ax_jw_end(w);
        ax_jw_object(w, NULL);
        ax_jw_text(w, "type", "normalize");
        ax_jw_double(w, "scale", set->scale);
        list(w, "mean", &set->mean);
        list(w, "std", &set->std);
        ax_jw_end(w);
    }
    ax_jw_end(w);
    ax_jw_array(w, "postprocessing");
    if (is_classifier(j->source)) {
        ax_jw_object(w, NULL);
        ax_jw_text(w, "type", "classification");
        if (set->labels) ax_jw_text(w, "labels", set->labels);
        ax_jw_end(w);
    }
    ax_jw_end(w);
}

static enum ax_status made_up(struct ax_compile_job *j, struct ax_error *err)
{
    struct ax_json_writer *w = ax_jw_new();
    ax_jw_object(w, NULL);
    ax_jw_text(w, "name", j->name);
    ax_jw_text(w, "model", "model.axmodel");
    write_steps(j, w);
    ax_jw_end(w);
    char *text = ax_jw_finish(w);
    enum ax_status s = ax_descriptor_parse(text, strlen(text), "the options", &j->pipeline, err);
    free(text);
    j->pipeline_assumed = !j->preprocessing_given;
    return s;
}

/* The family's own labels name other classes where the model has more or fewer. */
static void drop_wrong_labels(struct ax_compile_job *j)
{
    for (int i = 0; i < j->pipeline.n_after; i++) {
        struct ax_pipe_step *step = &j->pipeline.after[i];
        const struct ax_param_row *row = ax_pipe_row(step->kind)->params;
        int classes = ax_family_classes(j->source, step);
        for (int k = 0; row[k].name && classes; k++)
            if (row[k].kind == AX_PARAM_LABELS && step->params[k].given && step->params[k].count != classes) {
                j->labels_dropped = step->params[k].count;
                step->params[k] = (struct ax_param){0};
            }
    }
}

static struct ax_param *param_of(struct ax_pipe_step *step, const char *name)
{
    const struct ax_param_row *row = ax_pipe_row(step->kind)->params;
    int k = 0;
    while (row[k].name && strcmp(row[k].name, name) != 0) k++;
    return row[k].name ? &step->params[k] : NULL;
}

/* Anchors of an SSD: MODEL_anchors.npy or anchors.npy beside the model; else they are expected beside the artifact. */
static void find_anchors(struct ax_compile_job *j)
{
    char *dir = ax_path_dir(&j->mem, j->path), *stem = ax_path_stem(&j->mem, j->path);
    const char *names[] = {ax_arena_printf(&j->mem, "%s_anchors.npy", stem), "anchors.npy"};
    for (int i = 0; i < j->pipeline.n_after; i++) {
        struct ax_pipe_step *step = &j->pipeline.after[i];
        struct ax_param *param = step->kind == AX_PIPE_DECODE_SSD ? param_of(step, "anchors") : NULL;
        if (!param || !param->text) continue;
        for (int k = 0; k < 2 && param->text[0] != '/'; k++) {
            char *full = realpath(ax_path_join(&j->mem, dir, names[k]), NULL);
            if (full) param->text = ax_arena_str(&j->mem, full);
            free(full);
        }
        if (param->text[0] != '/') j->anchors_missing = ax_path_join(&j->mem, j->dir, param->text);
    }
}

static enum ax_status of_family(struct ax_compile_job *j, const char *family, struct ax_error *err)
{
    int64_t width, height, channels;
    enum ax_status s = ax_family_read(family, &j->pipeline, err);
    if (s) return s;
    if (!picture_input(j->source, &width, &height, &channels) || width < 1 || height < 1 || width > 65536 || height > 65536)
        return ax_fail(err, AX_SHAPE, "%s: --family %s needs a first input of pictures, NCHW or NHWC, with a known size",
                       j->path, family);
    ax_family_fit(&j->pipeline, (int)width, (int)height);
    j->pipeline.family = j->pipeline.name;
    j->pipeline.description = NULL;
    drop_wrong_labels(j);
    find_anchors(j);
    return AX_OK;
}

/* Nobody said anything: the outputs may. */
static enum ax_status of_outputs(struct ax_compile_job *j, struct ax_error *err)
{
    bool certain = false;
    const char *family = j->preprocessing_given ? NULL : ax_family_recognize(j->source, &certain);
    j->family_recognized = certain;
    j->family_hint = certain ? NULL : family;
    return certain ? of_family(j, family, err) : made_up(j, err);
}

/* --labels name the classes of whatever pipeline it is. */
static void take_labels(struct ax_compile_job *j, struct ax_descriptor *p)
{
    char *full = j->set->labels ? realpath(j->set->labels, NULL) : NULL;
    for (int i = 0; i < p->n_after && j->set->labels; i++) {
        const struct ax_param_row *row = ax_pipe_row(p->after[i].kind)->params;
        for (int k = 0; row[k].name; k++)
            if (row[k].kind == AX_PARAM_LABELS)
                p->after[i].params[k] =
                    (struct ax_param){.given = true, .text = ax_arena_str(&j->mem, full ? full : j->set->labels)};
    }
    free(full);
}

static const char *own_path(struct ax_compile_job *j)
{
    return ax_path_join(&j->mem, j->dir, "model.json");
}

static enum ax_status find_pipeline(struct ax_compile_job *j, struct ax_error *err)
{
    char *dir = ax_path_dir(&j->mem, j->path), *stem = ax_path_stem(&j->mem, j->path);
    const char *beside = ax_path_join(&j->mem, dir, ax_arena_printf(&j->mem, "%s.json", stem));
    if (j->set->pipeline && j->set->family)
        return ax_fail(err, AX_INVALID_ARGUMENT, "--pipeline and --family: either of them says what the pipeline is");
    if (j->set->family) return of_family(j, j->set->family, err);
    if (j->set->pipeline) return ax_descriptor_read(j->set->pipeline, &j->pipeline, err);
    if (!j->preprocessing_given && ax_file_exists(own_path(j))) return ax_descriptor_read(own_path(j), &j->pipeline, err);
    if (!j->preprocessing_given && ax_file_exists(beside)) return ax_descriptor_read(beside, &j->pipeline, err);
    return of_outputs(j, err);
}

enum ax_status ax_job_pipeline(struct ax_compile_job *j, struct ax_error *err)
{
    const char *labels = j->set->labels;
    if (labels && !ax_file_exists(labels))
        return ax_fail(err, AX_NOT_FOUND, "--labels %s: is not there; expected a file with one class name a line", labels);
    enum ax_status s = find_pipeline(j, err);
    if (!s) take_labels(j, &j->pipeline);
    return s;
}

const char *ax_job_pipeline_warning(struct ax_compile_job *j)
{
    int64_t w, h, c;
    if (j->anchors_missing && !ax_file_exists(j->anchors_missing))
        return ax_arena_printf(&j->mem, "decode_ssd reads its anchors from %s, which is not there", j->anchors_missing);
    if (!j->pipeline_assumed || !picture_input(j->source, &w, &h, &c)) return NULL;
    const char *hint = j->family_hint
                           ? ax_arena_printf(&j->mem, " Its outputs look like %s: --family %s.", j->family_hint, j->family_hint)
                           : "";
    return ax_arena_printf(&j->mem,
                           "nobody said how pictures become the input of %s; guessed: %s, %s, scaled to 0..1.%s Say it with "
                           "--family, --pipeline, or --resize, --color, --scale, --mean and --std",
                           j->name, !strcmp(j->set->resize, "crop") ? "cropped" : j->set->resize, c == 1 ? "grey" : "RGB",
                           hint);
}

static enum ax_status inline_labels(struct ax_compile_job *j, struct ax_param *p, struct ax_error *err)
{
    uint8_t *data;
    size_t bytes;
    const char *path = ax_path_join(&j->mem, j->pipeline.dir, p->text);
    enum ax_status s = ax_file_read(path, 16 << 20, &data, &bytes, err);
    if (s) return s;
    int n = 0;
    const char **lines = AX_NEW(&j->mem, const char *, bytes + 1);
    char *text = ax_arena_strn(&j->mem, (char *)data, bytes);
    for (char *line = strtok(text, "\r\n"); line; line = strtok(NULL, "\r\n")) lines[n++] = line;
    free(data);
    p->text = NULL;
    p->texts = lines;
    p->count = n;
    return AX_OK;
}

/* Labels inside, names of files relative to the artifact's folder. */
static enum ax_status settle_steps(struct ax_compile_job *j, struct ax_pipe_step *steps, int n, struct ax_error *err)
{
    for (int i = 0; i < n; i++) {
        const struct ax_param_row *row = ax_pipe_row(steps[i].kind)->params;
        for (int k = 0; row[k].name; k++) {
            struct ax_param *param = &steps[i].params[k];
            bool placed = param->text && (*j->pipeline.dir || param->text[0] == '/');
            if (param->given && !strcmp(row[k].name, "anchors") && row[k].kind == AX_PARAM_TEXT && placed)
                param->text = ax_path_relative(&j->mem, j->dir, ax_path_join(&j->mem, j->pipeline.dir, param->text));
            if (row[k].kind != AX_PARAM_LABELS || !param->given || !param->text) continue;
            enum ax_status s = inline_labels(j, param, err);
            if (s) return s;
        }
    }
    return AX_OK;
}

enum ax_status ax_job_pipeline_text(struct ax_compile_job *j, const char **text, struct ax_error *err)
{
    struct ax_descriptor *p = &j->pipeline;
    enum ax_status s = settle_steps(j, p->after, p->n_after, err);
    for (int i = 0; i < p->n_branches && !s; i++) s = settle_steps(j, p->branches[i].after, p->branches[i].n_after, err);
    if (s) return s;
    p->name = j->name;
    p->model = "model.axmodel";
    p->source = ax_path_relative(&j->mem, j->dir, j->path);
    char *made = ax_descriptor_text(p);
    *text = ax_arena_str(&j->mem, made);
    free(made);
    return AX_OK;
}

enum ax_status ax_job_follow_pipeline(struct ax_compile_job *j, bool *changed, struct ax_error *err)
{
    struct ax_descriptor own;
    const char *text;
    uint8_t *there;
    size_t bytes;
    enum ax_status s = ax_descriptor_read(own_path(j), &own, err);
    bool given = j->set->family || j->set->pipeline; /* what is broken is replaced then */
    bool other = s ? given : j->set->family && (!own.family || strcmp(own.family, j->set->family) != 0);
    *changed = false;
    if ((s && !given) || (!other && !j->set->pipeline && !j->set->labels)) {
        ax_descriptor_free(&own);
        return s;
    }
    if (!other && !j->set->pipeline) { /* new labels into what may have been edited */
        ax_descriptor_free(&j->pipeline);
        j->pipeline = own;
        take_labels(j, &j->pipeline);
    } else
        ax_descriptor_free(&own);
    s = ax_job_pipeline_text(j, &text, err);
    if (!s) s = ax_file_read(own_path(j), 64 << 20, &there, &bytes, err);
    if (s) return s;
    *changed = bytes != strlen(text) || memcmp(there, text, bytes) != 0;
    free(there);
    if (!*changed) return AX_OK;
    return ax_file_write_text(own_path(j), text, err);
}
