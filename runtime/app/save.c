#include "app/save.h"

#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "media/draw.h"
#include "media/video.h"
#include "media/video_write.h"

enum { MOST_VIDEOS = 64 }; /* answers a frame */

struct name {
    const char *name;
    struct name *next;
};

struct ax_saver {
    const char *dir;
    struct ax_arena mem;
    struct name *names;                          /* given away */
    int input;                                   /* that the videos are of; -1: none */
    struct ax_video_writer *videos[MOST_VIDEOS]; /* by answer */
};

/* -- drawing -- */

static enum ax_status draw_copy(const struct ax_frame *f, struct ax_answer *a, struct ax_error *err)
{
    const struct ax_image *im = &f->image;
    enum ax_status s = ax_image_new(im->width, im->height, 3, &a->drawn, err);
    if (s) return s;
    memcpy(a->drawn.data, im->data, (size_t)im->stride * (size_t)im->height);
    ax_draw_prediction(&a->drawn, &a->result);
    return AX_OK;
}

enum ax_status ax_draw_stage(void *user, int worker, struct ax_frame *const *frames, int n, struct ax_error *err)
{
    enum ax_status s = AX_OK;
    (void)user, (void)worker;
    for (int i = 0; i < n; i++) {
        struct ax_frame *f = frames[i];
        if (f->n_answers == 1) ax_draw_prediction(&f->image, &f->answers[0].result);
        for (int k = 0; k < f->n_answers && f->n_answers > 1 && !s; k++) s = draw_copy(f, &f->answers[k], err);
    }
    return s;
}

const struct ax_image *ax_drawn(const struct ax_frame *f, int answer)
{
    return f->answers[answer].drawn.data ? &f->answers[answer].drawn : &f->image;
}

/* -- names -- */

/* "-BRANCH-PIPE", as far as they tell answers apart. */
static const char *suffix_of(struct ax_saver *s, const struct ax_frame *f, const struct ax_answer *a)
{
    bool pipes = f->n_answers > 1 && strcmp(f->answers[0].pipe, f->answers[1].pipe) != 0;
    char *text = ax_arena_printf(&s->mem, "%s%s%s%s", a->branch ? "-" : "", a->branch ? a->branch : "", pipes ? "-" : "",
                                 pipes ? a->pipe : "");
    for (char *c = text; *c; c++)
        if (*c == '/') *c = '_';
    return text;
}

static const char *extension_of(const struct ax_frame *f)
{
    if (f->index >= 0) return ".mp4";
    return ax_path_has_ext(f->name, ".jpg") || ax_path_has_ext(f->name, ".jpeg") ? ".jpg" : ".png";
}

static const char *stem_of(struct ax_saver *s, const char *name)
{
    if (!strcmp(name, "-")) return "stdin";
    return name[0] != '/' && ax_camera_named(name) ? "camera" : ax_path_stem(&s->mem, name);
}

/* _2, _3 behind it where folders have files of one name. */
static const char *place(struct ax_saver *s, const struct ax_frame *f, const struct ax_answer *a)
{
    const char *stem = stem_of(s, f->name), *suffix = suffix_of(s, f, a);
    for (int copy = 1;; copy++) {
        const char *again = copy > 1 ? ax_arena_printf(&s->mem, "_%d", copy) : "";
        const char *name = ax_arena_printf(&s->mem, "%s%s%s%s", stem, again, suffix, extension_of(f));
        bool taken = false;
        for (struct name *i = s->names; i && !taken; i = i->next) taken = !strcmp(i->name, name);
        if (taken) continue;
        struct name *mine = AX_NEW(&s->mem, struct name, 1);
        *mine = (struct name){name, s->names};
        s->names = mine;
        return ax_path_join(&s->mem, s->dir, name);
    }
}

/* -- files -- */

static enum ax_status close_videos(struct ax_saver *s, struct ax_error *err)
{
    enum ax_status first = AX_OK;
    for (int i = 0; i < MOST_VIDEOS; i++) {
        struct ax_error why;
        enum ax_status st = ax_video_writer_close(s->videos[i], &why);
        if (st && !first) *err = why, first = st;
        s->videos[i] = NULL;
    }
    s->input = -1;
    return first;
}

static enum ax_status save_frame(struct ax_saver *s, const struct ax_frame *f, int answer, struct ax_error *err)
{
    const struct ax_image *im = ax_drawn(f, answer);
    enum ax_status st = AX_OK;
    if (answer >= MOST_VIDEOS) return AX_OK;
    if (!s->videos[answer])
        st = ax_video_writer_open(place(s, f, &f->answers[answer]), im->width, im->height, f->rate, &s->videos[answer], err);
    return st ? st : ax_video_writer_add(s->videos[answer], im, f->index, err);
}

static enum ax_status save(struct ax_saver *s, const struct ax_frame *f, struct ax_error *err)
{
    enum ax_status st = s->input >= 0 && s->input != f->input ? close_videos(s, err) : AX_OK;
    if (f->index >= 0) s->input = f->input;
    for (int k = 0; k < f->n_answers && !st; k++)
        st = f->index >= 0 ? save_frame(s, f, k, err) : ax_image_save(place(s, f, &f->answers[k]), ax_drawn(f, k), err);
    return st;
}

enum ax_status ax_saver_stage(void *saver, int worker, struct ax_frame *const *frames, int n, struct ax_error *err)
{
    enum ax_status s = AX_OK;
    (void)worker;
    for (int i = 0; i < n && !s; i++) s = save(saver, frames[i], err);
    return s;
}

enum ax_status ax_saver_new(const char *dir, struct ax_saver **out, struct ax_error *err)
{
    struct ax_saver *s = calloc(1, sizeof *s);
    *out = NULL;
    if (!s) return ax_fail(err, AX_NO_MEMORY, "%s: no memory to save frames", dir);
    s->dir = dir;
    s->input = -1;
    enum ax_status st = ax_dir_make(dir, err);
    if (st)
        free(s);
    else
        *out = s;
    return st;
}

enum ax_status ax_saver_close(struct ax_saver *s, struct ax_error *err)
{
    if (!s) return AX_OK;
    enum ax_status st = close_videos(s, err);
    ax_arena_free(&s->mem);
    free(s);
    return st;
}
