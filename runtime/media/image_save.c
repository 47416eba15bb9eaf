/* Pictures to files, through FFmpeg's encoders. */
#include <libavcodec/avcodec.h>
#include <libswscale/swscale.h>
#include <string.h>
#include <strings.h>

#include "base/file.h"
#include "media/draw.h"

struct encoder {
    AVCodecContext *codec;
    AVFrame *frame;
    AVPacket *packet;
};

static int is_jpeg(const char *path)
{
    const char *dot = strrchr(path, '.');
    return dot && (!strcasecmp(dot, ".jpg") || !strcasecmp(dot, ".jpeg"));
}

static enum ax_status open_encoder(struct encoder *e, const char *path, const struct ax_image *im, struct ax_error *err)
{
    const AVCodec *codec = avcodec_find_encoder(is_jpeg(path) ? AV_CODEC_ID_MJPEG : AV_CODEC_ID_PNG);
    if (!codec) return ax_fail(err, AX_UNSUPPORTED, "%s: FFmpeg is built without an encoder for it", path);
    e->codec = avcodec_alloc_context3(codec);
    e->frame = av_frame_alloc();
    e->packet = av_packet_alloc();
    if (!e->codec || !e->frame || !e->packet) return ax_fail(err, AX_NO_MEMORY, "%s: no memory to encode", path);
    e->codec->width = e->frame->width = im->width;
    e->codec->height = e->frame->height = im->height;
    e->codec->time_base = (AVRational){1, 1};
    e->codec->thread_count = 1;
    /* Chroma is not halved: thin coloured lines would fade. */
    e->codec->pix_fmt = is_jpeg(path) ? AV_PIX_FMT_YUVJ444P : AV_PIX_FMT_RGB24;
    e->codec->color_range = AVCOL_RANGE_JPEG;
    e->codec->flags |= AV_CODEC_FLAG_QSCALE | AV_CODEC_FLAG_BITEXACT;
    e->codec->global_quality = 3 * FF_QP2LAMBDA;
    e->frame->format = e->codec->pix_fmt;
    e->frame->quality = e->codec->global_quality;
    if (avcodec_open2(e->codec, codec, NULL) < 0 || av_frame_get_buffer(e->frame, 0) < 0)
        return ax_fail(err, AX_UNSUPPORTED, "%s: a picture of %dx%d cannot be encoded", path, im->width, im->height);
    return AX_OK;
}

static enum ax_status fill_frame(struct encoder *e, const struct ax_image *im, struct ax_error *err)
{
    const uint8_t *planes[4] = {im->data};
    int strides[4] = {im->stride};
    int flags = SWS_POINT | SWS_ACCURATE_RND | SWS_BITEXACT;
    enum AVPixelFormat from = im->channels == 1 ? AV_PIX_FMT_GRAY8 : AV_PIX_FMT_RGB24;
    struct SwsContext *sws =
        sws_getContext(im->width, im->height, from, im->width, im->height, e->codec->pix_fmt, flags, NULL, NULL, NULL);
    if (!sws) return ax_fail(err, AX_UNSUPPORTED, "a picture of %dx%d cannot be converted", im->width, im->height);
    const int *table = sws_getCoefficients(SWS_CS_ITU601);
    sws_setColorspaceDetails(sws, table, 1, table, 1, 0, 1 << 16, 1 << 16);
    sws_scale(sws, planes, strides, 0, im->height, e->frame->data, e->frame->linesize);
    sws_freeContext(sws);
    return AX_OK;
}

enum ax_status ax_image_save(const char *path, const struct ax_image *im, struct ax_error *err)
{
    struct encoder e = {0};
    enum ax_status s = open_encoder(&e, path, im, err);
    if (!s) s = fill_frame(&e, im, err);
    if (!s && (avcodec_send_frame(e.codec, e.frame) < 0 || avcodec_send_frame(e.codec, NULL) < 0 ||
               avcodec_receive_packet(e.codec, e.packet) < 0))
        s = ax_fail(err, AX_IO, "%s: the picture cannot be encoded", path);
    if (!s) s = ax_file_write(path, e.packet->data, (size_t)e.packet->size, err);
    av_packet_free(&e.packet);
    av_frame_free(&e.frame);
    avcodec_free_context(&e.codec);
    return s;
}
