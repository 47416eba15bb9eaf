#include "tools/axrun_report.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tools/axrun_masks.h"
#include "tools/shared/outputs.h"

/* A label without what a terminal would obey. */
static const char *label_of(const struct ax_class *c, char buf[128])
{
    int n = 0;
    if (!c->label || !*c->label) {
        snprintf(buf, 128, "class %d", c->index);
        return buf;
    }
    for (const char *s = c->label; *s && n < 127; s++) buf[n++] = (unsigned char)*s < ' ' || *s == 0x7f ? '?' : *s;
    buf[n] = 0;
    return buf;
}

/* -- text -- */

static void print_classes(const struct ax_result *r)
{
    char label[128];
    if (r->mask)
        printf("Share of the picture:\n");
    else if (r->n_classes == 1)
        printf("Top prediction:\n");
    else
        printf("Top %d predictions:\n", r->n_classes);
    for (int i = 0; i < r->n_classes; i++)
        printf("%d. %s (%.4f)\n", i + 1, label_of(&r->classes[i], label), (double)r->classes[i].score);
}

/* In pixels of the picture; a mask of a large box has fewer. */
static int64_t mask_area(const struct ax_object *o)
{
    int64_t n = (int64_t)o->mask->width * o->mask->height, set = 0;
    for (int64_t i = 0; i < n; i++) set += o->mask->data[i] != 0;
    double box = ((double)o->right - o->left) * ((double)o->bottom - o->top);
    return llrint((double)set / (double)n * box);
}

static int visible_points(const struct ax_object *o)
{
    int n = 0;
    for (int i = 0; i < o->n_points; i++) n += o->points[i].score >= o->least_visible;
    return n;
}

static void print_objects(const struct ax_result *r)
{
    char label[128];
    printf("%d object%s%s\n", r->n_objects, r->n_objects == 1 ? "" : "s", r->n_objects ? ":" : "");
    for (int i = 0; i < r->n_objects; i++) {
        const struct ax_object *o = &r->objects[i];
        printf("%d. %s (%.4f) at %.1f, %.1f to %.1f, %.1f", i + 1, label_of(&o->is, label), (double)o->is.score,
               (double)o->left, (double)o->top, (double)o->right, (double)o->bottom);
        if (o->track) printf(", track %d", o->track);
        if (o->mask) printf(", mask of %lld pixels", (long long)mask_area(o));
        if (o->n_points) printf(", %d of %d keypoints", visible_points(o), o->n_points);
        printf("\n");
    }
}

static void print_tensors(const struct ax_run_answer *a)
{
    char shape[AX_SHAPE_TEXT];
    for (int i = 0; i < a->n_tensors; i++) {
        const struct ax_post_tensor *t = &a->tensors[i];
        int64_t n = ax_shape_count(&t->shape);
        double low = INFINITY, high = -INFINITY, sum = 0;
        for (int64_t k = 0; k < n; k++) {
            low = fmin(low, t->data[k]);
            high = fmax(high, t->data[k]);
            sum += t->data[k];
        }
        printf("output '%s' %s: %g to %g, mean %g\n", t->name, ax_shape_text(&t->shape, shape), low, high,
               n ? sum / (double)n : 0);
    }
}

static void print_answer(const struct ax_run_report *r, const struct ax_run_answer *a)
{
    if (a->result.n_classes) print_classes(&a->result);
    if (a->result.objects) print_objects(&a->result);
    if (!r->described) print_tensors(a);
}

/* Both lists side by side; the difference is that of the class in int8's list. */
static void print_both(const struct ax_result *a, const struct ax_result *b)
{
    char left[128], right[128];
    printf("%-4s%-32s %8s %10s   %-32s %8s\n", "", "int8", "score", "difference", "float", "score");
    for (int i = 0; i < a->n_classes && i < b->n_classes; i++) {
        const struct ax_class *x = &a->classes[i], *y = &b->classes[i];
        double difference = (double)x->score - (double)b->scores[x->index];
        printf("%2d. %-32.32s %8.4f %+10.4f   %-32.32s %8.4f\n", i + 1, label_of(x, left), (double)x->score, difference,
               label_of(y, right), (double)y->score);
    }
}

static double sqnr_of(const struct ax_run_answer *a, int i)
{
    return ax_sqnr(a[1].tensors[i].data, a[0].tensors[i].data, ax_shape_count(&a[0].tensors[i].shape));
}

static void print_sqnr(const struct ax_run_answer *a)
{
    for (int i = 0; i < a[0].n_tensors; i++) printf("output '%s': SQNR %.2f dB\n", a[0].tensors[i].name, sqnr_of(a, i));
}

static void print_comparison(const struct ax_run_report *r, const struct ax_run_answer *a)
{
    bool classes = a[0].result.n_scores && a[0].result.n_scores == a[1].result.n_scores;
    if (classes) print_both(&a[0].result, &a[1].result);
    for (int i = 0; i < 2 && !classes; i++) {
        printf("%s\n", a[i].pipe);
        print_answer(r, &a[i]);
    }
    print_sqnr(a);
}

/* -- JSON -- */

static void json_class(struct ax_json_writer *w, const struct ax_class *c)
{
    ax_jw_int(w, "index", c->index);
    ax_jw_text(w, "label", c->label);
    ax_jw_float(w, "score", c->score);
}

static void json_classes(struct ax_json_writer *w, const struct ax_result *r)
{
    ax_jw_array(w, "classes");
    for (int i = 0; i < r->n_classes; i++) {
        ax_jw_object(w, NULL);
        ax_jw_line(w);
        json_class(w, &r->classes[i]);
        ax_jw_end(w);
    }
    ax_jw_end(w);
}

/* x, y, score of each. */
static void json_points(struct ax_json_writer *w, const struct ax_object *o)
{
    ax_jw_array(w, "keypoints");
    for (int i = 0; i < o->n_points; i++) {
        const float v[3] = {o->points[i].x, o->points[i].y, o->points[i].score};
        ax_jw_floats(w, NULL, v, 3);
    }
    ax_jw_end(w);
}

static void json_objects(struct ax_json_writer *w, const struct ax_result *r)
{
    ax_jw_array(w, "objects");
    for (int i = 0; i < r->n_objects; i++) {
        const struct ax_object *o = &r->objects[i];
        const float box[4] = {o->left, o->top, o->right, o->bottom};
        ax_jw_object(w, NULL);
        ax_jw_line(w);
        json_class(w, &o->is);
        ax_jw_floats(w, "box", box, 4);
        if (o->track) ax_jw_int(w, "track", o->track);
        if (o->mask) ax_jw_int(w, "mask_area", mask_area(o)), ax_json_object_mask(w, o->mask);
        if (o->n_points) json_points(w, o);
        ax_jw_end(w);
    }
    ax_jw_end(w);
}

static void json_answer(struct ax_json_writer *w, const struct ax_run_answer *a)
{
    ax_jw_object(w, a->pipe);
    if (a->result.n_classes) json_classes(w, &a->result);
    if (a->result.mask) ax_json_class_mask(w, a->result.mask);
    if (a->result.objects) json_objects(w, &a->result);
    ax_jw_end(w);
}

static void json_sqnr(struct ax_json_writer *w, const struct ax_run_answer *a)
{
    ax_jw_object(w, "sqnr_db");
    for (int i = 0; i < a[0].n_tensors; i++) ax_jw_double(w, a[0].tensors[i].name, sqnr_of(a, i));
    ax_jw_end(w);
}

/* -- CSV -- */

/* In quotes where a comma, a quote or a line end would be misread. */
static void csv_text(const char *s)
{
    if (!strpbrk(s, ",\"\r\n")) {
        fputs(s, stdout);
        return;
    }
    putchar('"');
    for (; *s; s++) printf(*s == '"' ? "\"\"" : "%c", *s);
    putchar('"');
}

static void csv_line(const char *input, const char *branch, const char *pipe, const struct ax_class *c)
{
    csv_text(input);
    printf(",%s%s%s,%d,", branch ? branch : "", branch ? "/" : "", pipe, c->index);
    csv_text(c->label ? c->label : "");
    printf(",%.6g", (double)c->score);
}

static void csv_answer(const char *input, const char *branch, const struct ax_run_answer *a)
{
    for (int i = 0; i < a->result.n_classes; i++) {
        csv_line(input, branch, a->pipe, &a->result.classes[i]);
        printf(",,,,\n");
    }
    for (int i = 0; i < a->result.n_objects; i++) {
        const struct ax_object *o = &a->result.objects[i];
        csv_line(input, branch, a->pipe, &o->is);
        printf(",%.2f,%.2f,%.2f,%.2f\n", (double)o->left, (double)o->top, (double)o->right, (double)o->bottom);
    }
}

/* -- the report -- */

void ax_report_begin(struct ax_run_report *r)
{
    if (r->run->set->csv) printf("input,pipe,index,label,score,left,top,right,bottom\n");
    if (!r->run->set->json) return;
    r->json = ax_jw_new();
    ax_jw_object(r->json, NULL);
    ax_jw_text(r->json, "model", r->run->artifact.name);
    ax_jw_array(r->json, "results");
}

void ax_report_input(struct ax_run_report *r, const char *input, int width, int height)
{
    r->input = input;
    if (r->json) {
        ax_jw_object(r->json, NULL);
        ax_jw_text(r->json, "input", input);
        ax_jw_int(r->json, "width", width);
        ax_jw_int(r->json, "height", height);
    } else if (r->headed && !r->run->set->csv)
        printf("%s\n", input);
}

void ax_report_answer(struct ax_run_report *r, const char *branch, const struct ax_run_answer *answers, int n_answers)
{
    if (r->json) {
        if (branch && !r->in_branches) ax_jw_object(r->json, "branches");
        r->in_branches = branch != NULL;
        if (branch) ax_jw_object(r->json, branch);
        for (int i = 0; i < n_answers; i++) json_answer(r->json, &answers[i]);
        if (n_answers == 2) json_sqnr(r->json, answers);
        if (branch) ax_jw_end(r->json);
        return;
    }
    if (r->run->set->csv) {
        for (int i = 0; i < n_answers; i++) csv_answer(r->input, branch, &answers[i]);
        return;
    }
    if (branch) printf("%s:\n", branch);
    if (n_answers == 2)
        print_comparison(r, answers);
    else
        print_answer(r, &answers[0]);
}

void ax_report_input_end(struct ax_run_report *r)
{
    if (r->json) {
        if (r->in_branches) ax_jw_end(r->json);
        r->in_branches = false;
        ax_jw_end(r->json);
    } else if (r->headed && !r->run->set->csv)
        printf("\n");
}

void ax_report_failure(struct ax_run_report *r, const char *input, const struct ax_error *why)
{
    if (r->json) {
        ax_jw_object(r->json, NULL);
        ax_jw_text(r->json, "input", input);
        ax_jw_text(r->json, "error", why->message);
        ax_jw_end(r->json);
    }
    fflush(stdout);
    fprintf(stderr, "axrun: %s%s%s\n", strstr(why->message, input) ? "" : input, strstr(why->message, input) ? "" : ": ",
            why->message);
}

void ax_report_end(struct ax_run_report *r)
{
    if (!r->json) return;
    ax_jw_end(r->json);
    ax_jw_end(r->json);
    char *text = ax_jw_finish(r->json);
    fputs(text, stdout);
    free(text);
    r->json = NULL;
}
