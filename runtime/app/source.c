#include "app/source.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "media/video.h"

struct ax_source {
    const struct ax_inputs *list;
    struct ax_source_options opt;
    char size[32], pixels[32];   /* of raw frames */
    char camera[64], format[32]; /* path and kind of the device */
    int at;                      /* the present input */
    struct ax_video *video;      /* NULL: not open */
    int64_t index, given;
    atomic_bool stopped;
};

static enum ax_status parse_raw(const char *raw, struct ax_source *s, struct ax_error *err)
{
    const char *colon = strchr(raw, ':');
    int w = 0, h = 0, used = 0;
    if (sscanf(raw, "%5dx%5d%n", &w, &h, &used) != 2 || w < 1 || h < 1 || (raw[used] && raw[used] != ':'))
        return ax_fail(err, AX_INVALID_ARGUMENT, "--raw %.60s: expected WIDTHxHEIGHT or WIDTHxHEIGHT:FORMAT, as 640x480:nv12",
                       raw);
    snprintf(s->size, sizeof s->size, "%dx%d", w, h);
    snprintf(s->pixels, sizeof s->pixels, "%.31s", colon ? colon + 1 : "rgb24");
    return AX_OK;
}

enum ax_status ax_source_raw_check(const char *raw, struct ax_error *err)
{
    struct ax_source s;
    return parse_raw(raw, &s, err);
}

enum ax_status ax_source_new(const struct ax_inputs *list, const struct ax_source_options *opt, struct ax_source **out,
                             struct ax_error *err)
{
    struct ax_source *s = calloc(1, sizeof *s);
    *out = NULL;
    if (!s) return ax_fail(err, AX_NO_MEMORY, "no memory for the source");
    s->list = list;
    if (opt) s->opt = *opt;
    atomic_init(&s->stopped, false);
    if (s->opt.raw && parse_raw(s->opt.raw, s, err)) {
        ax_source_free(s);
        return err->status;
    }
    *out = s;
    return AX_OK;
}

void ax_source_free(struct ax_source *s)
{
    if (!s) return;
    ax_video_close(s->video);
    free(s);
}

void ax_source_stop(struct ax_source *s)
{
    atomic_store(&s->stopped, true);
}

static bool is_stopped(void *user)
{
    struct ax_source *s = user;
    return atomic_load(&s->stopped) || (s->opt.interrupted && *s->opt.interrupted);
}

/* "camera:1" is /dev/video1 of v4l2; "camera:FORMAT:NAME" is another input device of FFmpeg's. */
static const char *camera_of(struct ax_source *s, const char *name, const char **format)
{
    const char *which = name[6] == ':' && name[7] ? name + 7 : "0", *colon = strchr(which, ':');
    *format = "v4l2";
    if (name[0] == '/') return name;
    if (colon) {
        snprintf(s->format, sizeof s->format, "%.*s", (int)(colon - which < 31 ? colon - which : 31), which);
        *format = s->format;
        return colon + 1;
    }
    snprintf(s->camera, sizeof s->camera, "/dev/video%.20s", which);
    return s->camera;
}

static enum ax_status open_video(struct ax_source *s, const char *path, struct ax_error *err)
{
    struct ax_video_options opt = {.stopped = is_stopped, .user = s};
    bool camera = ax_camera_named(path);
    if (!strcmp(path, "-")) {
        opt.from_fd = true, opt.fd = s->opt.fd;
        if (s->opt.raw) opt.format = "rawvideo", opt.size = s->size, opt.pixels = s->pixels;
    } else if (camera) {
        path = camera_of(s, path, &opt.format);
        opt.device = true;
        if (s->opt.raw) opt.size = s->size;
    }
    s->index = 0;
    return ax_video_open(path, &opt, &s->video, err);
}

static void next_input(struct ax_source *s)
{
    ax_video_close(s->video);
    s->video = NULL;
    s->at++;
}

/* AX_CLOSED: this input is through. */
static enum ax_status read_video(struct ax_source *s, const char *path, struct ax_frame *f, struct ax_error *err)
{
    enum ax_status st = AX_OK;
    if (!s->video) st = open_video(s, path, err);
    f->index = s->index;
    if (st) return next_input(s), st;
    st = ax_video_next(s->video, &f->image, &f->time_s, err);
    f->rate = ax_video_rate(s->video);
    if (st == AX_FORMAT) ax_fail_in(err, "frame %lld", (long long)s->index);
    s->index++;
    if (st && st != AX_FORMAT) next_input(s);
    return st;
}

static enum ax_status read_picture(struct ax_source *s, const char *path, struct ax_frame *f, struct ax_error *err)
{
    ax_image_free(&f->image);
    s->at++;
    return s->opt.planes ? ax_image_load_planes(path, &f->image, err) : ax_image_load(path, &f->image, err);
}

enum ax_status ax_source_next(void *source, struct ax_frame *f, struct ax_error *err)
{
    struct ax_source *s = source;
    while (s->at < s->list->count && !is_stopped(s) && !(s->opt.most && s->given >= s->opt.most)) {
        const char *path = s->list->item[s->at];
        struct ax_error why = {0};
        f->name = path;
        f->input = s->at;
        f->index = -1, f->time_s = f->rate = 0; /* the input before may have ended in this frame */
        enum ax_status st = ax_input_moves(path) ? read_video(s, path, f, &why) : read_picture(s, path, f, &why);
        if (st == AX_CLOSED || (st && is_stopped(s))) continue; /* what was broken off is not broken */
        if (st) ax_frame_fail(f, &why);
        s->given++;
        return AX_OK;
    }
    return ax_fail(err, AX_CLOSED, "no more frames");
}
