#include "media/image.h"

#include <libavcodec/avcodec.h>
#include <libavformat/avformat.h>
#include <libavutil/display.h>
#include <libavutil/imgutils.h>
#include <libswscale/swscale.h>
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "media/jpeg_color.h"

enum {
    LARGEST = 32768,
    MARGIN = 64 /* libswscale's vector code reads and writes past the last pixel */
};

enum ax_status ax_image_check_size(int width, int height, struct ax_error *err)
{
    if (width >= 1 && height >= 1 && width <= LARGEST && height <= LARGEST) return AX_OK;
    return ax_fail(err, AX_INVALID_ARGUMENT, "a picture of %dx%d: each side must be 1..%d", width, height, LARGEST);
}

enum ax_status ax_image_new(int width, int height, int channels, struct ax_image *out, struct ax_error *err)
{
    *out = (struct ax_image){0};
    if (ax_image_check_size(width, height, err)) return err->status;
    size_t bytes = (size_t)width * (size_t)height * (size_t)channels;
    *out = (struct ax_image){.width = width, .height = height, .channels = channels, .stride = width * channels};
    out->data = malloc(bytes + MARGIN);
    if (!out->data) return ax_fail(err, AX_NO_MEMORY, "no memory for a picture of %dx%d", width, height);
    return AX_OK;
}

struct ax_planes {
    struct ax_jpeg_planes jpeg;
    AVFrame *frame; /* whose they are */
};

const struct ax_jpeg_planes *ax_image_planes(const struct ax_image *im)
{
    return im->planes ? &im->planes->jpeg : NULL;
}

void ax_image_free(struct ax_image *im)
{
    if (im->planes) av_frame_free(&im->planes->frame);
    free(im->planes);
    free(im->data);
    *im = (struct ax_image){0};
}

int ax_image_named(const char *path)
{
    static const char *const ends[] = {".jpg", ".jpeg", ".png", ".bmp", ".webp", ".ppm", ".pgm", ".tif", ".tiff"};
    size_t n = strlen(path);
    for (size_t i = 0; i < sizeof ends / sizeof *ends; i++)
        if (n > strlen(ends[i]) && !strcasecmp(path + n - strlen(ends[i]), ends[i])) return 1;
    return 0;
}

/* -- decoding -- */

struct decoder {
    AVFormatContext *format;
    AVCodecContext *codec;
    AVPacket *packet;
    AVFrame *frame;
    int stream;
};

static enum ax_status bad(struct ax_error *err, const char *path, const char *what, int code)
{
    char text[AV_ERROR_MAX_STRING_SIZE] = "";
    if (code < 0) av_strerror(code, text, sizeof text);
    return ax_fail(err, AX_FORMAT, "%s: %s%s%s. Expected a picture (JPEG, PNG, BMP, WebP...)", path, what, *text ? ": " : "",
                   text);
}

static enum ax_status open_decoder(struct decoder *d, const char *path, struct ax_error *err)
{
    const AVCodec *codec = NULL;
    int r = avformat_open_input(&d->format, path, NULL, NULL);
    if (r < 0) return bad(err, path, "cannot be opened", r);
    if ((r = avformat_find_stream_info(d->format, NULL)) < 0) return bad(err, path, "holds no picture", r);
    d->stream = av_find_best_stream(d->format, AVMEDIA_TYPE_VIDEO, -1, -1, &codec, 0);
    if (d->stream < 0 || !codec) return bad(err, path, "holds no picture", d->stream);
    d->codec = avcodec_alloc_context3(codec);
    d->packet = av_packet_alloc();
    d->frame = av_frame_alloc();
    if (!d->codec || !d->packet || !d->frame) return ax_fail(err, AX_NO_MEMORY, "%s: no memory to decode", path);
    avcodec_parameters_to_context(d->codec, d->format->streams[d->stream]->codecpar);
    d->codec->thread_count = 1;
    d->codec->idct_algo = FF_IDCT_INT;         /* libjpeg's */
    d->codec->err_recognition = AV_EF_EXPLODE; /* a truncated file is an error, not a half-grey picture */
    if ((r = avcodec_open2(d->codec, codec, NULL)) < 0) return bad(err, path, "cannot be decoded", r);
    return AX_OK;
}

static enum ax_status first_frame(struct decoder *d, const char *path, struct ax_error *err)
{
    int r;
    while ((r = av_read_frame(d->format, d->packet)) >= 0) {
        int mine = d->packet->stream_index == d->stream;
        if (mine) r = avcodec_send_packet(d->codec, d->packet);
        av_packet_unref(d->packet);
        if (r < 0) return bad(err, path, "is damaged", r);
        if (mine && (r = avcodec_receive_frame(d->codec, d->frame)) >= 0) return AX_OK;
        if (mine && r != AVERROR(EAGAIN)) return bad(err, path, "is damaged", r);
    }
    avcodec_send_packet(d->codec, NULL);
    r = avcodec_receive_frame(d->codec, d->frame);
    return r < 0 ? bad(err, path, "is empty or truncated", r) : AX_OK;
}

static void close_decoder(struct decoder *d)
{
    av_frame_free(&d->frame);
    av_packet_free(&d->packet);
    avcodec_free_context(&d->codec);
    avformat_close_input(&d->format);
}

/* The planes of a JPEG in the usual sampling; 0: something else. */
static int jpeg_planes(const struct decoder *d, const AVFrame *f, struct ax_jpeg_planes *out)
{
    static const struct {
        int format, shift_x, shift_y;
    } known[] = {
        {AV_PIX_FMT_YUVJ444P, 0, 0}, {AV_PIX_FMT_YUVJ422P, 1, 0}, {AV_PIX_FMT_YUVJ440P, 0, 1}, {AV_PIX_FMT_YUVJ420P, 1, 1}};
    for (size_t i = 0; i < sizeof known / sizeof *known && d->codec->codec_id == AV_CODEC_ID_MJPEG; i++) {
        if (f->format != known[i].format) continue;
        *out = (struct ax_jpeg_planes){{f->data[0], f->data[1], f->data[2]},
                                       {f->linesize[0], f->linesize[1], f->linesize[2]},
                                       known[i].shift_x,
                                       known[i].shift_y};
        return 1;
    }
    return 0;
}

/* Samples of 16 bits, rounded to 8 (the scaler would cut them off); 0: it has others. */
static int deep_to_rgb(const AVFrame *f, struct ax_image *out)
{
    static const struct {
        enum AVPixelFormat format;
        int samples, grey, big; /* a pixel's; big: the high byte is first */
    } known[] = {{AV_PIX_FMT_GRAY16BE, 1, 1, 1}, {AV_PIX_FMT_GRAY16LE, 1, 1, 0}, {AV_PIX_FMT_YA16BE, 2, 1, 1},
                 {AV_PIX_FMT_YA16LE, 2, 1, 0},   {AV_PIX_FMT_RGB48BE, 3, 0, 1},  {AV_PIX_FMT_RGB48LE, 3, 0, 0},
                 {AV_PIX_FMT_RGBA64BE, 4, 0, 1}, {AV_PIX_FMT_RGBA64LE, 4, 0, 0}};
    size_t i = 0;
    while (i < sizeof known / sizeof *known && known[i].format != f->format) i++;
    if (i == sizeof known / sizeof *known) return 0;
    for (int y = 0; y < out->height; y++) {
        const uint8_t *row = f->data[0] + (int64_t)y * f->linesize[0];
        uint8_t *to = out->data + y * out->stride;
        for (int x = 0; x < out->width; x++, row += 2 * known[i].samples)
            for (int c = 0; c < 3; c++) {
                const uint8_t *p = row + (known[i].grey ? 0 : 2 * c);
                uint32_t v = known[i].big ? (uint32_t)p[0] << 8 | p[1] : (uint32_t)p[1] << 8 | p[0];
                *to++ = (uint8_t)((v * 255 + 32767) / 65535);
            }
    }
    return 1;
}

static enum ax_status to_rgb(const struct decoder *d, const char *path, struct ax_image *out, struct ax_error *err)
{
    const AVFrame *f = d->frame;
    struct ax_jpeg_planes planes_of_jpeg;
    enum ax_status s = ax_image_new(f->width, f->height, 3, out, err);
    if (s) return ax_fail_in(err, "%s", path);
    if (jpeg_planes(d, f, &planes_of_jpeg)) {
        if ((s = ax_jpeg_to_rgb(&planes_of_jpeg, out, err))) ax_image_free(out);
        return s;
    }
    if (deep_to_rgb(f, out)) return AX_OK;
    int flags = SWS_BICUBIC | SWS_ACCURATE_RND | SWS_FULL_CHR_H_INT | SWS_FULL_CHR_H_INP | SWS_BITEXACT;
    struct SwsContext *sws =
        sws_getContext(f->width, f->height, f->format, f->width, f->height, AV_PIX_FMT_RGB24, flags, NULL, NULL, NULL);
    uint8_t *planes[4] = {out->data};
    int strides[4] = {(int)out->stride};
    if (sws) {
        int full = f->color_range == AVCOL_RANGE_JPEG || f->format == AV_PIX_FMT_YUVJ420P || f->format == AV_PIX_FMT_YUVJ422P ||
                   f->format == AV_PIX_FMT_YUVJ444P || f->format == AV_PIX_FMT_YUVJ440P;
        const int *table = sws_getCoefficients(SWS_CS_ITU601);
        sws_setColorspaceDetails(sws, table, full, table, 1, 0, 1 << 16, 1 << 16);
        sws_scale(sws, (const uint8_t *const *)f->data, f->linesize, 0, f->height, planes, strides);
        sws_freeContext(sws);
        return AX_OK;
    }
    ax_image_free(out);
    ax_fail(err, AX_UNSUPPORTED, "%s: its pixel format cannot be converted to RGB", path);
    return AX_UNSUPPORTED;
}

/* -- orientation -- */

/* dst(x, y) = src(a(x, y)) for the eight ways of a camera. */
enum ax_status ax_image_turn(struct ax_image *im, int quarter, int flip, struct ax_error *err)
{
    struct ax_image out;
    int w = im->width, h = im->height, turned = quarter & 1;
    enum ax_status s = ax_image_new(turned ? h : w, turned ? w : h, im->channels, &out, err);
    if (s) return s;
    for (int y = 0; y < out.height; y++)
        for (int x = 0; x < out.width; x++) {
            int u = flip ? out.width - 1 - x : x, sx = u, sy = y;
            if (quarter == 1)
                sx = y, sy = h - 1 - u;
            else if (quarter == 2)
                sx = w - 1 - u, sy = h - 1 - y;
            else if (quarter == 3)
                sx = w - 1 - y, sy = u;
            memcpy(out.data + y * out.stride + x * 3, im->data + sy * im->stride + sx * 3, 3);
        }
    ax_image_free(im);
    *im = out;
    return AX_OK;
}

void ax_display_turn(const void *matrix, int *quarter, int *flip)
{
    int32_t m[9];
    memcpy(m, matrix, sizeof m);
    *flip = (int64_t)m[0] * m[4] - (int64_t)m[1] * m[3] < 0;
    if (*flip) av_display_matrix_flip(m, 1, 0);
    double turn = -av_display_rotation_get(m); /* clockwise degrees */
    *quarter = isnan(turn) ? 0 : ((int)lround(turn / 90) % 4 + 4) % 4;
}

/* The decoder reports EXIF orientation as a display matrix. */
static enum ax_status apply_orientation(const AVFrame *f, struct ax_image *im, struct ax_error *err)
{
    const AVFrameSideData *d = av_frame_get_side_data(f, AV_FRAME_DATA_DISPLAYMATRIX);
    int quarter, flip;
    if (!d) return AX_OK;
    ax_display_turn(d->data, &quarter, &flip);
    return quarter || flip ? ax_image_turn(im, quarter, flip, err) : AX_OK;
}

static bool is_turned(const AVFrame *f)
{
    const AVFrameSideData *d = av_frame_get_side_data(f, AV_FRAME_DATA_DISPLAYMATRIX);
    int quarter = 0, flip = 0;
    if (d) ax_display_turn(d->data, &quarter, &flip);
    return quarter || flip;
}

/* False: it has no planes of that kind. */
static bool keep_planes(struct decoder *d, struct ax_image *out)
{
    struct ax_jpeg_planes planes;
    struct ax_error ignored;
    AVFrame *f = d->frame;
    if (!jpeg_planes(d, f, &planes) || is_turned(f) || ax_image_check_size(f->width, f->height, &ignored)) return false;
    out->planes = malloc(sizeof *out->planes);
    if (!out->planes) return false;
    *out = (struct ax_image){
        .width = f->width, .height = f->height, .channels = 3, .stride = (int64_t)f->width * 3, .planes = out->planes};
    *out->planes = (struct ax_planes){planes, f};
    d->frame = NULL;
    return true;
}

static enum ax_status load(const char *path, bool planes, struct ax_image *out, struct ax_error *err)
{
    struct decoder d = {0};
    *out = (struct ax_image){0};
    av_log_set_level(AV_LOG_QUIET);
    enum ax_status s = open_decoder(&d, path, err);
    if (!s) s = first_frame(&d, path, err);
    bool kept = !s && planes && keep_planes(&d, out);
    if (!s && !kept) s = to_rgb(&d, path, out, err);
    if (!s && !kept) s = apply_orientation(d.frame, out, err);
    close_decoder(&d);
    return s;
}

enum ax_status ax_image_load(const char *path, struct ax_image *out, struct ax_error *err)
{
    return load(path, false, out, err);
}

enum ax_status ax_image_load_planes(const char *path, struct ax_image *out, struct ax_error *err)
{
    return load(path, true, out, err);
}

void ax_grey_row(const uint8_t *rgb, int n, uint8_t *out)
{
    for (int x = 0; x < n; x++, rgb += 3) out[x] = (uint8_t)((19595 * rgb[0] + 38470 * rgb[1] + 7471 * rgb[2] + 32768) >> 16);
}

enum ax_status ax_image_grey(const struct ax_image *rgb, struct ax_image *out, struct ax_error *err)
{
    enum ax_status s = ax_image_new(rgb->width, rgb->height, 1, out, err);
    if (s) return s;
    for (int y = 0; y < rgb->height; y++) ax_grey_row(rgb->data + y * rgb->stride, rgb->width, out->data + y * out->stride);
    return AX_OK;
}
