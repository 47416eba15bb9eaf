#include "media/video.h"

#include <errno.h>
#include <libavcodec/avcodec.h>
#include <libavformat/avformat.h>
#include <libavutil/avstring.h>
#include <libavutil/imgutils.h>
#include <libavutil/pixdesc.h>
#include <libswscale/swscale.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>
#ifdef AXON_CAMERA
#include <libavdevice/avdevice.h>
#endif

enum { IO_BYTES = 1 << 16, WAIT_MS = 50 };

struct ax_video {
    const char *path; /* the caller's */
    struct ax_video_options opt;
    AVFormatContext *format;
    AVIOContext *io;
    AVCodecContext *codec;
    AVPacket *packet;
    AVFrame *frame;
    struct SwsContext *sws;
    int stream, quarter, flip;
    int64_t count;         /* frames given, damaged ones too */
    int64_t packet_end;    /* where the last packet ends in the stream */
    bool sent, ended;      /* the end to the decoder; nothing follows */
    struct ax_error broke; /* why reading ended early; said once the decoder has given all */
};

static enum ax_status bad(const struct ax_video *v, enum ax_status s, const char *what, int code, struct ax_error *err)
{
    char text[AV_ERROR_MAX_STRING_SIZE] = "";
    if (code < 0 && code != AVERROR(EINVAL)) av_strerror(code, text, sizeof text); /* that says nothing */
    return ax_fail(err, s, "%s: %s%s%s", v->path, what, *text ? ": " : "", text);
}

/* -- reading from a descriptor, so that a pipe which gives nothing can be left -- */

static int read_fd(void *arg, uint8_t *data, int room)
{
    struct ax_video *v = arg;
    for (;;) {
        struct pollfd p = {v->opt.fd, POLLIN, 0};
        int ready = poll(&p, 1, WAIT_MS);
        if (v->opt.stopped && v->opt.stopped(v->opt.user)) return AVERROR_EXIT;
        if (ready == 0 || (ready < 0 && errno == EINTR)) continue;
        ssize_t n = read(v->opt.fd, data, (size_t)room);
        if (n < 0 && (errno == EINTR || errno == EAGAIN)) continue;
        return n > 0 ? (int)n : n == 0 ? AVERROR_EOF : AVERROR(errno);
    }
}

static int interrupted(void *arg)
{
    struct ax_video *v = arg;
    return v->opt.stopped && v->opt.stopped(v->opt.user);
}

/* -- opening -- */

bool ax_video_named(const char *path)
{
    static const char *const ends[] = {".mp4",  ".m4v", ".mov",  ".mkv",  ".webm", ".avi", ".mpg", ".mpeg", ".ts",
                                       ".m2ts", ".wmv", ".flv",  ".ogv",  ".3gp",  ".y4m", ".gif", ".mjpg", ".mjpeg",
                                       ".h264", ".264", ".hevc", ".h265", ".265",  ".ivf", ".nut", ".vob"};
    size_t n = strlen(path);
    if (strstr(path, "://")) return true;
    for (size_t i = 0; i < sizeof ends / sizeof *ends; i++)
        if (n > strlen(ends[i]) && !strcasecmp(path + n - strlen(ends[i]), ends[i])) return true;
    return false;
}

bool ax_camera_named(const char *path)
{
    return !strncmp(path, "/dev/video", 10) || !strcmp(path, "camera") || !strncmp(path, "camera:", 7);
}

/* Devices that give pictures, by name. */
static void list_devices(char *text, size_t room)
{
    snprintf(text, room, "cameras need libavdevice when Axon is built");
#ifdef AXON_CAMERA
    size_t at = 0;
    for (const AVInputFormat *f = NULL; (f = av_input_video_device_next(f)) && at + 40 < room;)
        at += (size_t)snprintf(text + at, room - at, "%s%.30s", at ? " " : "its devices are ", f->name);
#endif
}

static const AVInputFormat *device_named(const char *name)
{
    const AVInputFormat *found = NULL;
#ifdef AXON_CAMERA
    avdevice_register_all();
    for (const AVInputFormat *f = NULL; (f = av_input_video_device_next(f));)
        if (av_match_name(name, f->name)) found = f;
#else
    (void)name;
#endif
    return found;
}

static enum ax_status find_format(struct ax_video *v, const AVInputFormat **out, struct ax_error *err)
{
    *out = NULL;
    if (!v->opt.format) return AX_OK;
    char devices[400] = "";
    *out = v->opt.device ? device_named(v->opt.format) : av_find_input_format(v->opt.format);
    if (*out) return AX_OK;
    if (v->opt.device) list_devices(devices, sizeof devices);
    return ax_fail(err, AX_UNSUPPORTED, "%s: this build reads no '%s'%s%s", v->path, v->opt.format, *devices ? "; " : "",
                   devices);
}

static enum ax_status open_input(struct ax_video *v, struct ax_error *err)
{
    const AVInputFormat *format;
    AVDictionary *options = NULL;
    enum ax_status s = find_format(v, &format, err);
    if (s) return s;
    if (v->opt.pixels && av_get_pix_fmt(v->opt.pixels) == AV_PIX_FMT_NONE)
        return ax_fail(err, AX_UNSUPPORTED, "%s: '%s' is no format of pixels; expected one of FFmpeg's, as rgb24, gray or nv12",
                       v->path, v->opt.pixels);
    v->format = avformat_alloc_context();
    if (!v->format) return ax_fail(err, AX_NO_MEMORY, "%s: no memory to open it", v->path);
    v->format->interrupt_callback = (AVIOInterruptCB){interrupted, v};
    if (v->opt.from_fd) {
        uint8_t *buffer = av_malloc(IO_BYTES);
        v->io = buffer ? avio_alloc_context(buffer, IO_BYTES, 0, v, read_fd, NULL, NULL) : NULL;
        if (!v->io) return ax_fail(err, AX_NO_MEMORY, "%s: no memory to open it", v->path);
        v->format->pb = v->io;
    }
    if (v->opt.size) av_dict_set(&options, "video_size", v->opt.size, 0);
    if (v->opt.pixels) av_dict_set(&options, "pixel_format", v->opt.pixels, 0);
    int r = avformat_open_input(&v->format, v->opt.from_fd ? NULL : v->path, format, &options);
    av_dict_free(&options);
    if (r < 0) return bad(v, AX_FORMAT, "is no video that can be opened", r, err);
    if ((r = avformat_find_stream_info(v->format, NULL)) < 0) return bad(v, AX_FORMAT, "holds no video", r, err);
    return AX_OK;
}

static enum ax_status open_codec(struct ax_video *v, struct ax_error *err)
{
    const AVCodec *codec = NULL;
    v->stream = av_find_best_stream(v->format, AVMEDIA_TYPE_VIDEO, -1, -1, &codec, 0);
    if (v->stream < 0 || !codec) return bad(v, AX_FORMAT, "holds no video", v->stream, err);
    const AVStream *stream = v->format->streams[v->stream];
    const uint8_t *matrix = av_stream_get_side_data(stream, AV_PKT_DATA_DISPLAYMATRIX, NULL);
    if (matrix) ax_display_turn(matrix, &v->quarter, &v->flip);
    v->codec = avcodec_alloc_context3(codec);
    v->packet = av_packet_alloc();
    v->frame = av_frame_alloc();
    if (!v->codec || !v->packet || !v->frame) return ax_fail(err, AX_NO_MEMORY, "%s: no memory to decode", v->path);
    avcodec_parameters_to_context(v->codec, stream->codecpar);
    v->codec->thread_count = 1;
    v->codec->err_recognition = AV_EF_CRCCHECK | AV_EF_EXPLODE; /* damage is reported, not painted over */
    int r = avcodec_open2(v->codec, codec, NULL);
    return r < 0 ? bad(v, AX_FORMAT, "cannot be decoded", r, err) : AX_OK;
}

enum ax_status ax_video_open(const char *path, const struct ax_video_options *opt, struct ax_video **out, struct ax_error *err)
{
    struct ax_video *v = calloc(1, sizeof *v);
    *out = NULL;
    if (!v) return ax_fail(err, AX_NO_MEMORY, "%s: no memory to open it", path);
    av_log_set_level(AV_LOG_QUIET);
    v->path = path;
    if (opt) v->opt = *opt;
    enum ax_status s = open_input(v, err);
    if (!s) s = open_codec(v, err);
    if (s)
        ax_video_close(v);
    else
        *out = v;
    return s;
}

void ax_video_close(struct ax_video *v)
{
    if (!v) return;
    sws_freeContext(v->sws);
    av_frame_free(&v->frame);
    av_packet_free(&v->packet);
    avcodec_free_context(&v->codec);
    avformat_close_input(&v->format);
    if (v->io) {
        av_freep(&v->io->buffer);
        avio_context_free(&v->io);
    }
    free(v);
}

/* -- frames -- */

static bool full_range(const AVFrame *f)
{
    return f->color_range == AVCOL_RANGE_JPEG || f->format == AV_PIX_FMT_YUVJ420P || f->format == AV_PIX_FMT_YUVJ422P ||
           f->format == AV_PIX_FMT_YUVJ444P || f->format == AV_PIX_FMT_YUVJ440P;
}

static int color_table(const AVFrame *f)
{
    if (f->colorspace == AVCOL_SPC_BT709) return SWS_CS_ITU709;
    if (f->colorspace == AVCOL_SPC_BT2020_NCL || f->colorspace == AVCOL_SPC_BT2020_CL) return SWS_CS_BT2020;
    return SWS_CS_ITU601;
}

static enum ax_status room_for(struct ax_image *im, int width, int height, struct ax_error *err)
{
    if (im->data && im->width == width && im->height == height && im->channels == 3) return AX_OK;
    ax_image_free(im);
    return ax_image_new(width, height, 3, im, err);
}

static enum ax_status to_rgb(struct ax_video *v, struct ax_image *im, struct ax_error *err)
{
    const AVFrame *f = v->frame;
    int flags = SWS_BILINEAR | SWS_ACCURATE_RND | SWS_FULL_CHR_H_INT | SWS_BITEXACT;
    if (room_for(im, f->width, f->height, err)) return ax_fail_in(err, "%s", v->path);
    v->sws = sws_getCachedContext(v->sws, f->width, f->height, f->format, f->width, f->height, AV_PIX_FMT_RGB24, flags, NULL,
                                  NULL, NULL);
    if (!v->sws) return ax_fail(err, AX_UNSUPPORTED, "%s: its pixel format cannot be converted to RGB", v->path);
    const int *table = sws_getCoefficients(color_table(f)), *rgb = sws_getCoefficients(SWS_CS_DEFAULT);
    uint8_t *planes[4] = {im->data};
    int strides[4] = {(int)im->stride};
    sws_setColorspaceDetails(v->sws, table, full_range(f), rgb, 1, 0, 1 << 16, 1 << 16);
    sws_scale(v->sws, (const uint8_t *const *)f->data, f->linesize, 0, f->height, planes, strides);
    return v->quarter || v->flip ? ax_image_turn(im, v->quarter, v->flip, err) : AX_OK;
}

/* Feeds the decoder. AX_CLOSED: all is sent. */
static enum ax_status feed(struct ax_video *v, struct ax_error *err)
{
    int r = av_read_frame(v->format, v->packet);
    if (r == AVERROR_EXIT) return v->ended = true, AX_CLOSED;
    if (r < 0) {
        avcodec_send_packet(v->codec, NULL);
        v->sent = true;
        if (r != AVERROR_EOF) bad(v, AX_IO, "breaks off", r, &v->broke);
        return AX_CLOSED;
    }
    if (v->packet->pos >= 0) v->packet_end = v->packet->pos + v->packet->size;
    if (v->packet->stream_index == v->stream) {
        bool corrupt = v->packet->flags & AV_PKT_FLAG_CORRUPT;
        r = avcodec_send_packet(v->codec, v->packet);
        if (corrupt && r >= 0) r = AVERROR_INVALIDDATA;
    }
    av_packet_unref(v->packet);
    return r < 0 && r != AVERROR(EAGAIN) ? bad(v, AX_FORMAT, "is damaged or cut", r, err) : AX_OK;
}

/* A part of a frame is left, which this format's reader drops silently. */
static bool ends_inside(const struct ax_video *v)
{
    return v->packet_end > 0 && !strcmp(v->format->iformat->name, "yuv4mpegpipe") && avio_tell(v->format->pb) > v->packet_end;
}

/* Fewer frames than the file announces: it was cut. */
static enum ax_status at_end(struct ax_video *v, struct ax_error *err)
{
    int64_t announced = v->format->streams[v->stream]->nb_frames;
    bool reads_all = !v->ended;
    v->ended = true;
    if (v->broke.status) return *err = v->broke, v->broke.status;
    if (reads_all && announced > v->count)
        return ax_fail(err, AX_IO, "%s: ends after %lld of %lld frames; the file is truncated", v->path, (long long)v->count,
                       (long long)announced);
    if (reads_all && ends_inside(v))
        return ax_fail(err, AX_IO, "%s: ends in the middle of frame %lld; it is truncated", v->path, (long long)v->count);
    return AX_CLOSED;
}

enum ax_status ax_video_next(struct ax_video *v, struct ax_image *im, double *time_s, struct ax_error *err)
{
    enum ax_status s = AX_OK;
    for (;;) {
        if (v->ended) return AX_CLOSED;
        int r = avcodec_receive_frame(v->codec, v->frame);
        if (r >= 0) break;
        if (r == AVERROR_EOF) return at_end(v, err);
        if (r != AVERROR(EAGAIN)) return v->count++, bad(v, AX_FORMAT, "is damaged or cut", r, err);
        if (!v->sent) s = feed(v, err);
        if (s == AX_FORMAT) v->count++;
        if (s && s != AX_CLOSED) return s;
    }
    v->count++;
    int64_t pts = v->frame->best_effort_timestamp, start = v->format->streams[v->stream]->start_time;
    AVRational base = v->format->streams[v->stream]->time_base;
    *time_s = pts == AV_NOPTS_VALUE ? 0 : (double)(pts - (start == AV_NOPTS_VALUE ? 0 : start)) * av_q2d(base);
    bool damaged = v->frame->decode_error_flags || v->frame->flags & AV_FRAME_FLAG_CORRUPT;
    s = damaged ? bad(v, AX_FORMAT, "is damaged or cut", 0, err) : to_rgb(v, im, err);
    av_frame_unref(v->frame);
    return s;
}

double ax_video_rate(const struct ax_video *v)
{
    const AVStream *s = v->format->streams[v->stream];
    AVRational r = s->avg_frame_rate.num ? s->avg_frame_rate : s->r_frame_rate;
    return r.num > 0 && r.den > 0 ? av_q2d(r) : 0;
}
