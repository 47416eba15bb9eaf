#include "tools/axrun_eval.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "app/thresholds.h"
#include "base/file.h"
#include "tools/axrun_ap.h"

struct pipe {
    const char *name;
    int64_t top1, top5;
    struct ax_detections found;
};

struct ax_eval {
    struct ax_arena mem;
    const struct ax_run *run;
    struct ax_truth truth;
    int *class_of; /* of each picture, in the model's scores */
    const struct ax_post *post;
    struct pipe pipe[2];
    int n_pipes, pictures;
    bool has_points;
    const struct ax_cascade_stage *last; /* of a cascade, whose answers count; NULL: there is one model */
    bool classifies;                     /* its answers are classes */
};

enum ax_status ax_eval_open(struct ax_run *r, const char *pictures, struct ax_eval **out, struct ax_error *err)
{
    struct ax_eval *e = *out = calloc(1, sizeof *e);
    if (!e) return ax_fail(err, AX_NO_MEMORY, "no memory for the labels");
    e->run = r;
    enum ax_status s = ax_truth_read(r->set->eval, pictures, &e->truth, err);
    if (!s && e->truth.has_boxes) ax_lower_thresholds(&r->pipeline);
    return s;
}

void ax_eval_close(struct ax_eval *e)
{
    if (!e) return;
    for (int i = 0; i < 2; i++) ax_detections_free(&e->pipe[i].found);
    ax_truth_free(&e->truth);
    ax_arena_free(&e->mem);
    free(e);
}

const struct ax_truth *ax_eval_truth(const struct ax_eval *e)
{
    return &e->truth;
}

/* -- classes -- */

static int number_of(const char *s)
{
    char *end;
    long v = strtol(s, &end, 10);
    return end != s && !*end && v >= 0 && v < 1000000 ? (int)v : -1;
}

/* By label, else by number; -1: neither. */
static int class_by_name(const struct ax_eval *e, const char *name)
{
    int i = ax_post_find_label(e->post, name);
    return i >= 0 ? i : number_of(name);
}

/* Folders whose names mean nothing to the model are its classes in order. */
static bool folders_in_order(const struct ax_eval *e)
{
    bool known = false;
    for (int i = 0; i < e->truth.n_categories; i++) known |= class_by_name(e, e->truth.categories[i]) >= 0;
    return e->truth.by_folder && !known;
}

static int place_of(const struct ax_eval *e, const char *name)
{
    int i = 0;
    while (i < e->truth.n_categories && e->truth.categories[i] != name) i++;
    return i;
}

/* A model whose labels are all unknown to the ground truth would score nothing, and nobody would know why. */
static enum ax_status check_categories(const struct ax_eval *e, struct ax_error *err)
{
    const char *first = ax_post_first_label(e->post);
    for (int i = 0; i < e->truth.n_categories; i++)
        if (ax_post_find_label(e->post, e->truth.categories[i]) >= 0) return AX_OK;
    if (!first || !e->truth.n_categories) return AX_OK;
    return ax_fail(
        err, AX_INVALID_ARGUMENT,
        "--eval %s: none of its categories ('%.60s'...) is one of the labels of %s ('%.60s'...); --labels %s%sFILE names "
        "its classes as they are called there",
        e->run->set->eval, e->truth.categories[0], e->last ? e->last->name : "the model", first, e->last ? e->last->name : "",
        e->last ? "=" : "");
}

bool ax_eval_has_boxes(const struct ax_eval *e)
{
    return e && e->truth.has_boxes;
}

enum ax_status ax_eval_bind(struct ax_eval *e, const struct ax_post *post, const struct ax_descriptor *d,
                            const struct ax_cascade *cascade, struct ax_error *err)
{
    const struct ax_pipe_step *step = ax_descriptor_find(d, AX_PIPE_CLASSIFICATION);
    e->post = post;
    e->last = cascade ? &cascade->stages[cascade->n_stages - 1] : NULL;
    e->classifies = step != NULL;
    if (e->truth.has_boxes) return check_categories(e, err);
    if (!step)
        return ax_fail(
            err, AX_INVALID_ARGUMENT,
            "--eval %s: these are labels of a classifier, but the model.json of %s has no step 'classification'; boxes are "
            "scored against a .json in COCO's form",
            e->run->set->eval, e->last ? e->last->name : e->run->artifact.name);
    bool in_order = folders_in_order(e);
    int offset = step ? ax_step_int(step, "offset") : 0;
    e->class_of = AX_NEW(&e->mem, int, e->truth.count);
    for (int i = 0; i < e->truth.count; i++) {
        const char *name = e->truth.pictures[i].class_name;
        int k = in_order ? place_of(e, name) : class_by_name(e, name);
        if (k < 0)
            return ax_fail(err, AX_NOT_FOUND, "--eval %s: '%.80s' of %s is neither a number nor one of the model's labels",
                           e->run->set->eval, name, e->truth.pictures[i].path);
        e->class_of[i] = k - offset;
    }
    return AX_OK;
}

static enum ax_status add_class(struct ax_eval *e, struct pipe *p, int picture, const struct ax_prediction *r,
                                struct ax_error *err)
{
    int right = e->class_of[picture], ahead = 0;
    if (right < 0 || right >= r->n_scores)
        return ax_fail(err, AX_FORMAT, "--eval %s: %s is of class %s, but the model has %d classes", e->run->set->eval,
                       e->truth.pictures[picture].path, e->truth.pictures[picture].class_name, r->n_scores);
    for (int i = 0; i < r->n_scores; i++)
        ahead += r->scores[i] > r->scores[right] || (r->scores[i] == r->scores[right] && i < right);
    p->top1 += ahead < 1;
    p->top5 += ahead < 5;
    return AX_OK;
}

/* -- boxes -- */

/* By label where there are labels, else by rising id. */
static int category_of(const struct ax_eval *e, const struct ax_class *c)
{
    if (!c->label) return c->index < e->truth.n_categories ? c->index : -1;
    for (int i = 0; i < e->truth.n_categories; i++)
        if (!strcmp(e->truth.categories[i], c->label)) return i;
    return -1;
}

static void add_boxes(struct ax_eval *e, struct pipe *p, int picture, const struct ax_prediction *r)
{
    for (int i = 0; i < r->n_objects; i++) {
        int category = category_of(e, &r->objects[i].is);
        e->has_points |= r->objects[i].n_points == 17;
        if (category >= 0) ax_detections_add(&p->found, picture, category, &r->objects[i]);
    }
}

/* -- cascades: the last stage's answers, wherever they are nested -- */

/* What it found in the object's region; NULL: it did not look there. */
static const struct ax_prediction *seen_in(const struct ax_eval *e, const struct ax_object *o)
{
    for (int i = 0; i < o->n_nested; i++)
        if (!strcmp(o->nested[i].stage, e->last->name)) return o->nested[i].result;
    return NULL;
}

/* An object whose class another stage says is sure of both. */
static void add_classified(struct ax_eval *e, struct pipe *p, int picture, const struct ax_object *o, const struct ax_class *c)
{
    struct ax_object is = *o;
    int category = category_of(e, c);
    is.is = *c;
    is.is.score *= o->is.score;
    if (category >= 0) ax_detections_add(&p->found, picture, category, &is);
}

static void add_nested_boxes(struct ax_eval *e, struct pipe *p, int picture, const struct ax_prediction *r)
{
    for (int i = 0; i < r->n_objects; i++) {
        const struct ax_object *o = &r->objects[i];
        const struct ax_prediction *seen = seen_in(e, o);
        if (seen && e->classifies && seen->n_classes) add_classified(e, p, picture, o, &seen->classes[0]);
        if (seen && !e->classifies) add_boxes(e, p, picture, seen);
        for (int k = 0; k < o->n_nested && !seen; k++) add_nested_boxes(e, p, picture, o->nested[k].result);
    }
}

/* Classes of the best region that it looked at; NULL: there was none. */
static const struct ax_prediction *best_seen(const struct ax_eval *e, const struct ax_prediction *r, float *score)
{
    const struct ax_prediction *best = NULL;
    for (int i = 0; i < r->n_objects; i++) {
        const struct ax_object *o = &r->objects[i];
        const struct ax_prediction *seen = seen_in(e, o), *below = NULL;
        for (int k = 0; k < o->n_nested && !seen; k++)
            if ((below = best_seen(e, o->nested[k].result, score))) best = below;
        if (seen && o->is.score > *score) best = seen, *score = o->is.score;
    }
    return best;
}

/* Stages of the whole picture have answers of their own; all others are nested. */
static const struct ax_answer *answer_of(const struct ax_eval *e, const struct ax_answer *answers, int n)
{
    for (int i = 0; i < n; i++)
        if (answers[i].branch && !strcmp(answers[i].branch, e->last->name)) return &answers[i];
    return NULL;
}

static enum ax_status add_cascade(struct ax_eval *e, int picture, const struct ax_answer *answers, int n, struct ax_error *err)
{
    struct pipe *p = &e->pipe[0];
    const struct ax_answer *own = answer_of(e, answers, n);
    const struct ax_prediction *classes = own ? &own->result : NULL;
    float score = -1;
    e->n_pipes = 1;
    p->name = answers[0].pipe;
    if (e->truth.has_boxes && own) return add_boxes(e, p, picture, &own->result), AX_OK;
    for (int i = 0; i < n && !own; i++) {
        const struct ax_prediction *best = e->truth.has_boxes ? NULL : best_seen(e, &answers[i].result, &score);
        if (e->truth.has_boxes) add_nested_boxes(e, p, picture, &answers[i].result);
        if (best) classes = best;
    }
    return e->truth.has_boxes || !classes ? AX_OK : add_class(e, p, picture, classes, err);
}

enum ax_status ax_eval_add(struct ax_eval *e, int picture, const struct ax_answer *answers, int n_answers, struct ax_error *err)
{
    enum ax_status s = AX_OK;
    e->n_pipes = n_answers;
    e->pictures++;
    if (e->last) return add_cascade(e, picture, answers, n_answers, err);
    for (int i = 0; i < n_answers && !s; i++) {
        e->pipe[i].name = answers[i].pipe;
        if (e->truth.has_boxes)
            add_boxes(e, &e->pipe[i], picture, &answers[i].result);
        else
            s = add_class(e, &e->pipe[i], picture, &answers[i].result, err);
    }
    return s;
}

/* -- the figures -- */

struct figure {
    const char *name;
    double value[2];
};

static int figures_of_classes(const struct ax_eval *e, struct figure *f)
{
    f[0].name = "top-1", f[1].name = "top-5";
    for (int i = 0; i < e->n_pipes; i++) {
        f[0].value[i] = (double)e->pipe[i].top1 / e->pictures;
        f[1].value[i] = (double)e->pipe[i].top5 / e->pictures;
    }
    return 2;
}

static int figures_of_boxes(struct ax_eval *e, struct figure *f, struct ax_ap each[2])
{
    bool labeled = false; /* there are keypoints to compare with */
    for (int i = 0; i < e->truth.count && e->has_points; i++)
        for (int k = 0; k < e->truth.pictures[i].n_boxes; k++) labeled |= e->truth.pictures[i].boxes[k].n_keypoints == 17;
    f[0].name = "mAP@0.5", f[1].name = "mAP@0.5:0.95";
    f[2].name = "keypoint mAP@0.5", f[3].name = "keypoint mAP@0.5:0.95";
    for (int i = 0; i < e->n_pipes; i++) {
        each[i] = ax_average_precision(&e->truth, &e->pipe[i].found, false, &e->mem);
        f[0].value[i] = each[i].at50, f[1].value[i] = each[i].mean;
        struct ax_ap points = {0};
        if (labeled) points = ax_average_precision(&e->truth, &e->pipe[i].found, true, &e->mem);
        f[2].value[i] = points.at50, f[3].value[i] = points.mean;
    }
    return labeled ? 4 : 2;
}

static void print_row(const struct ax_eval *e, const char *name, const double v[2])
{
    printf("%-24.24s %8.4f", name, v[0]);
    if (e->n_pipes == 2) printf(" %8.4f %+11.4f", v[1], v[0] - v[1]);
    printf("\n");
}

static void print_text(const struct ax_eval *e, const struct figure *f, int n, const struct ax_ap each[2])
{
    printf("%d picture%s\n%-24s %8s", e->pictures, e->pictures == 1 ? "" : "s", "", e->pipe[0].name);
    if (e->n_pipes == 2) printf(" %8s %11s", e->pipe[1].name, "difference");
    printf("\n");
    for (int i = 0; i < n; i++) print_row(e, f[i].name, f[i].value);
    if (!e->truth.has_boxes || each[0].classes < 2) return;
    printf("\nmAP@0.5:0.95 by class\n");
    for (int i = 0; i < e->truth.n_categories; i++) {
        const double v[2] = {each[0].of_class[i], e->n_pipes == 2 ? each[1].of_class[i] : 0};
        if (v[0] >= 0) print_row(e, e->truth.categories[i], v);
    }
}

static void print_json(const struct ax_eval *e, const struct figure *f, int n)
{
    struct ax_json_writer *w = ax_jw_new();
    ax_jw_object(w, NULL);
    ax_jw_text(w, "model", e->run->artifact.name);
    ax_jw_text(w, "labels", e->run->set->eval);
    ax_jw_int(w, "pictures", e->pictures);
    for (int i = 0; i < e->n_pipes; i++) {
        ax_jw_object(w, e->pipe[i].name);
        for (int k = 0; k < n; k++) ax_jw_double(w, f[k].name, f[k].value[i]);
        ax_jw_end(w);
    }
    ax_jw_end(w);
    char *text = ax_jw_finish(w);
    fputs(text, stdout);
    free(text);
}

/* -- detections, as COCO's own tools read them -- */

static void json_detection(struct ax_json_writer *w, const struct ax_truth *t, const struct ax_detection *d)
{
    const struct ax_object *o = &d->object;
    const float box[4] = {o->left, o->top, o->right - o->left, o->bottom - o->top};
    ax_jw_object(w, NULL);
    ax_jw_line(w);
    ax_jw_int(w, "image_id", t->pictures[d->picture].id);
    ax_jw_int(w, "category_id", t->category_ids[d->category]);
    ax_jw_floats(w, "bbox", box, 4);
    ax_jw_float(w, "score", d->score);
    if (o->n_points) {
        ax_jw_array(w, "keypoints");
        for (int i = 0; i < o->n_points; i++) {
            ax_jw_float(w, NULL, o->points[i].x);
            ax_jw_float(w, NULL, o->points[i].y);
            ax_jw_float(w, NULL, o->points[i].score);
        }
        ax_jw_end(w);
    }
    ax_jw_end(w);
}

static enum ax_status write_detections(const struct ax_eval *e, const char *path, struct ax_error *err)
{
    struct ax_json_writer *w = ax_jw_new();
    ax_jw_array(w, NULL);
    for (int i = 0; i < e->pipe[0].found.count; i++) json_detection(w, &e->truth, &e->pipe[0].found.item[i]);
    ax_jw_end(w);
    char *text = ax_jw_finish(w);
    enum ax_status s = ax_file_write_text(path, text, err);
    free(text);
    return s;
}

enum ax_status ax_eval_finish(struct ax_eval *e, struct ax_error *err)
{
    struct figure f[4] = {0};
    struct ax_ap each[2] = {0};
    const char *out = e->run->set->out;
    if (!e->pictures) return AX_OK;
    int n = e->truth.has_boxes ? figures_of_boxes(e, f, each) : figures_of_classes(e, f);
    if (e->run->set->json)
        print_json(e, f, n);
    else
        print_text(e, f, n, each);
    return out && e->truth.has_boxes ? write_detections(e, out, err) : AX_OK;
}
