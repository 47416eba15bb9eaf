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

static void print_classes(const struct ax_prediction *r)
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

static void print_objects(const struct ax_prediction *r, int indent);

/* What a cascade's later stages found in an object. */
static void print_nested(const struct ax_object *o, int indent)
{
    char label[128];
    for (int i = 0; i < o->n_nested; i++) {
        const struct ax_prediction *r = o->nested[i].result;
        printf("%*s%s: ", indent, "", o->nested[i].stage);
        for (int k = 0; k < r->n_classes; k++)
            printf("%s%s (%.4f)", k ? ", " : "", label_of(&r->classes[k], label), (double)r->classes[k].score);
        if (r->n_classes) printf("\n");
        if (r->objects || !r->n_classes) print_objects(r, indent + 2);
    }
}

static void print_objects(const struct ax_prediction *r, int indent)
{
    char label[128];
    printf("%d object%s%s\n", r->n_objects, r->n_objects == 1 ? "" : "s", r->n_objects ? ":" : "");
    for (int i = 0; i < r->n_objects; i++) {
        const struct ax_object *o = &r->objects[i];
        printf("%*s%d. %s (%.4f) at %.1f, %.1f to %.1f, %.1f", indent, "", i + 1, label_of(&o->is, label), (double)o->is.score,
               (double)o->left, (double)o->top, (double)o->right, (double)o->bottom);
        if (o->track) printf(", track %d", o->track);
        if (o->mask) printf(", mask of %lld pixels", (long long)mask_area(o));
        if (o->n_points) printf(", %d of %d keypoints", visible_points(o), o->n_points);
        printf("\n");
        print_nested(o, indent + 2);
    }
}

static void print_tensors(const struct ax_answer *a)
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

static void print_answer(const struct ax_answer *a)
{
    if (a->result.n_classes) print_classes(&a->result);
    if (a->result.objects) print_objects(&a->result, 0);
    if (!a->described) print_tensors(a);
}

/* Both lists side by side; the difference is that of the class in int8's list. */
static void print_both(const struct ax_prediction *a, const struct ax_prediction *b)
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

static double sqnr_of(const struct ax_answer *a, int i)
{
    return ax_sqnr(a[1].tensors[i].data, a[0].tensors[i].data, ax_shape_count(&a[0].tensors[i].shape));
}

static void print_sqnr(const struct ax_answer *a)
{
    for (int i = 0; i < a[0].n_tensors; i++) printf("output '%s': SQNR %.2f dB\n", a[0].tensors[i].name, sqnr_of(a, i));
}

static void print_comparison(const struct ax_answer *a)
{
    bool classes = a[0].result.n_scores && a[0].result.n_scores == a[1].result.n_scores;
    if (classes) print_both(&a[0].result, &a[1].result);
    for (int i = 0; i < 2 && !classes; i++) {
        printf("%s\n", a[i].pipe);
        print_answer(&a[i]);
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

static void json_classes(struct ax_json_writer *w, const struct ax_prediction *r)
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

static void json_objects(struct ax_json_writer *w, const struct ax_prediction *r);

static void json_nested(struct ax_json_writer *w, const struct ax_object *o)
{
    ax_jw_object(w, "stages");
    for (int i = 0; i < o->n_nested; i++) {
        const struct ax_prediction *r = o->nested[i].result;
        ax_jw_object(w, o->nested[i].stage);
        if (r->n_classes) json_classes(w, r);
        if (r->objects || !r->n_classes) json_objects(w, r);
        ax_jw_end(w);
    }
    ax_jw_end(w);
}

static void json_objects(struct ax_json_writer *w, const struct ax_prediction *r)
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
        if (o->n_nested) json_nested(w, o);
        ax_jw_end(w);
    }
    ax_jw_end(w);
}

static void json_answer(struct ax_json_writer *w, const struct ax_answer *a)
{
    ax_jw_object(w, a->pipe);
    if (a->result.n_classes) json_classes(w, &a->result);
    if (a->result.mask) ax_json_class_mask(w, a->result.mask);
    if (a->result.objects) json_objects(w, &a->result);
    ax_jw_end(w);
}

static void json_sqnr(struct ax_json_writer *w, const struct ax_answer *a)
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

/* stage: of a cascade, "1/hand" for what it found in the first object; NULL. */
static void csv_line(const struct ax_run_report *r, const struct ax_answer *a, const char *stage, const struct ax_class *c)
{
    csv_text(r->frame->name);
    if (r->moving && r->frame->index >= 0) printf(",%lld", (long long)r->frame->index);
    if (r->moving && r->frame->index < 0) printf(",");
    printf(",%s%s%s%s%s,%d,", a->branch ? a->branch : "", a->branch ? "/" : "", stage ? stage : "", stage ? "/" : "", a->pipe,
           c->index);
    csv_text(c->label ? c->label : "");
    printf(",%.6g", (double)c->score);
}

static void csv_result(const struct ax_run_report *r, const struct ax_answer *a, const char *stage,
                       const struct ax_prediction *of)
{
    for (int i = 0; i < of->n_classes; i++) {
        csv_line(r, a, stage, &of->classes[i]);
        printf(",,,,,\n");
    }
    for (int i = 0; i < of->n_objects; i++) {
        const struct ax_object *o = &of->objects[i];
        char inner[256];
        csv_line(r, a, stage, &o->is);
        printf(",%.2f,%.2f,%.2f,%.2f,", (double)o->left, (double)o->top, (double)o->right, (double)o->bottom);
        if (o->track) printf("%d", o->track);
        printf("\n");
        for (int k = 0; k < o->n_nested; k++) {
            snprintf(inner, sizeof inner, "%.100s%s%d/%.100s", stage ? stage : "", stage ? "/" : "", i + 1, o->nested[k].stage);
            csv_result(r, a, inner, o->nested[k].result);
        }
    }
}

static void csv_answer(const struct ax_run_report *r, const struct ax_answer *a)
{
    csv_result(r, a, NULL, &a->result);
}

/* -- JSON, one result after another, so that a stream of any length can be written -- */

/* As a member of a list two levels deep. */
static void put_indented(struct ax_run_report *r, struct ax_json_writer *w)
{
    char *text = ax_jw_finish(w);
    fputs(r->any ? ",\n" : "\n", stdout);
    r->any = true;
    for (char *rest = text, *line; (line = strsep(&rest, "\n"));)
        if (*line) printf("    %s%s", line, rest && *rest ? "\n" : "");
    free(text);
}

static void json_begin(const struct ax_run_report *r)
{
    struct ax_json_writer *w = ax_jw_new();
    ax_jw_object(w, NULL);
    ax_jw_text(w, "model", r->run->artifact.name);
    ax_jw_end(w);
    char *text = ax_jw_finish(w), *end = strrchr(text, '\n');
    while (end > text && strchr("\n}", end[-1])) end--; /* its closing brace comes later */
    printf("%.*s,\n  \"results\": [", (int)(end - text), text);
    free(text);
}

static struct ax_json_writer *json_frame(const struct ax_frame *f)
{
    struct ax_json_writer *w = ax_jw_new();
    ax_jw_object(w, NULL);
    ax_jw_text(w, "input", f->name);
    if (f->index >= 0) {
        ax_jw_int(w, "frame", f->index);
        ax_jw_double(w, "time", f->time_s);
    }
    return w;
}

static void json_answers(struct ax_run_report *r, const struct ax_frame *f)
{
    struct ax_json_writer *w = json_frame(f);
    int pipes = r->run->n_pipes;
    ax_jw_int(w, "width", f->image.width);
    ax_jw_int(w, "height", f->image.height);
    if (f->answers[0].branch) ax_jw_object(w, "branches");
    for (int k = 0; k + pipes <= f->n_answers; k += pipes) {
        const struct ax_answer *a = &f->answers[k];
        if (a->branch) ax_jw_object(w, a->branch);
        for (int i = 0; i < pipes; i++) json_answer(w, &a[i]);
        if (pipes == 2) json_sqnr(w, a);
        if (a->branch) ax_jw_end(w);
    }
    if (f->answers[0].branch) ax_jw_end(w);
    ax_jw_end(w);
    put_indented(r, w);
}

static void json_failure(struct ax_run_report *r, struct ax_json_writer *w, const struct ax_error *why)
{
    ax_jw_text(w, "error", why->message);
    ax_jw_end(w);
    put_indented(r, w);
}

/* -- the report -- */

void ax_report_begin(struct ax_run_report *r)
{
    if (r->run->set->csv) printf("input,%spipe,index,label,score,left,top,right,bottom,track\n", r->moving ? "frame," : "");
    if (r->run->set->json) json_begin(r);
}

static void text_answers(const struct ax_run_report *r, const struct ax_frame *f)
{
    int pipes = r->run->n_pipes;
    if (r->headed && f->index >= 0)
        printf("%s frame %lld\n", f->name, (long long)f->index);
    else if (r->headed)
        printf("%s\n", f->name);
    for (int k = 0; k + pipes <= f->n_answers; k += pipes) {
        const struct ax_answer *a = &f->answers[k];
        if (a->branch) printf("%s:\n", a->branch);
        if (pipes == 2)
            print_comparison(a);
        else
            print_answer(a);
    }
    if (r->headed) printf("\n");
}

void ax_report_frame(struct ax_run_report *r, const struct ax_frame *f)
{
    r->frame = f;
    if (r->run->set->json) {
        json_answers(r, f);
    } else if (r->run->set->csv) {
        for (int i = 0; i < f->n_answers; i++) csv_answer(r, &f->answers[i]);
    } else {
        text_answers(r, f);
    }
    if (r->moving) fflush(stdout); /* who reads a stream's results waits for them */
}

static void say(const char *input, const struct ax_error *why)
{
    bool named = strstr(why->message, input) != NULL;
    fflush(stdout);
    fprintf(stderr, "axrun: %s%s%s\n", named ? "" : input, named ? "" : ": ", why->message);
}

void ax_report_input_failure(struct ax_run_report *r, const char *input, const struct ax_error *why)
{
    if (r->run->set->json) {
        struct ax_json_writer *w = ax_jw_new();
        ax_jw_object(w, NULL);
        ax_jw_text(w, "input", input);
        json_failure(r, w, why);
    }
    say(input, why);
}

void ax_report_failure(struct ax_run_report *r, const struct ax_frame *f)
{
    if (r->run->set->json) json_failure(r, json_frame(f), &f->err);
    say(f->name, &f->err);
}

void ax_report_end(struct ax_run_report *r, const char *profile)
{
    if (!r->run->set->json) return;
    printf("%s]", r->any ? "\n  " : "");
    if (profile) printf(",\n  \"profile\": %s", profile);
    printf("\n}\n");
}
