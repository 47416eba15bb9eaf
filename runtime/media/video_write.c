#include "media/video_write.h"

#include <errno.h>
#include <libavcodec/avcodec.h>
#include <libavformat/avformat.h>
#include <libavutil/opt.h>
#include <libswscale/swscale.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct ax_video_writer {
    char *path, *part; /* the file's name, and the one that it has until it is whole */
    AVFormatContext *format;
    AVCodecContext *codec;
    AVStream *stream;
    AVFrame *frame;
    AVPacket *packet;
    struct SwsContext *sws;
    bool begun;
};

static enum ax_status bad(const struct ax_video_writer *w, const char *what, int code, struct ax_error *err)
{
    char text[AV_ERROR_MAX_STRING_SIZE] = "";
    av_strerror(code, text, sizeof text);
    return ax_fail(err, AX_IO, "%s: %s: %s", w->path, what, text);
}

static const AVCodec *find_encoder(void)
{
    const AVCodec *c = avcodec_find_encoder_by_name("libx264");
    return c ? c : avcodec_find_encoder(AV_CODEC_ID_MPEG4);
}

static enum ax_status open_codec(struct ax_video_writer *w, int width, int height, double rate, struct ax_error *err)
{
    const AVCodec *c = find_encoder();
    if (!c) return ax_fail(err, AX_UNSUPPORTED, "%s: FFmpeg is built without an encoder for MP4", w->path);
    w->codec = avcodec_alloc_context3(c);
    w->frame = av_frame_alloc();
    w->packet = av_packet_alloc();
    if (!w->codec || !w->frame || !w->packet) return ax_fail(err, AX_NO_MEMORY, "%s: no memory to encode", w->path);
    w->codec->width = w->frame->width = (width + 1) / 2 * 2; /* chroma is halved */
    w->codec->height = w->frame->height = (height + 1) / 2 * 2;
    w->codec->pix_fmt = w->frame->format = AV_PIX_FMT_YUV420P;
    w->codec->framerate = av_d2q(rate > 0 && rate <= 1000 ? rate : 25, 60000);
    w->codec->time_base = av_inv_q(w->codec->framerate);
    w->codec->thread_count = 1;
    w->codec->gop_size = 50;
    w->codec->flags |= AV_CODEC_FLAG_GLOBAL_HEADER | AV_CODEC_FLAG_QSCALE;
    w->codec->global_quality = 3 * FF_QP2LAMBDA;
    if (w->codec->priv_data) {
        av_opt_set(w->codec->priv_data, "preset", "veryfast", 0);
        av_opt_set(w->codec->priv_data, "crf", "20", 0);
    }
    int r = avcodec_open2(w->codec, c, NULL);
    if (r >= 0) r = av_frame_get_buffer(w->frame, 0);
    return r < 0 ? bad(w, "cannot be encoded", r, err) : AX_OK;
}

static enum ax_status open_file(struct ax_video_writer *w, struct ax_error *err)
{
    int r = avformat_alloc_output_context2(&w->format, NULL, "mp4", w->part);
    if (r < 0 || !(w->stream = avformat_new_stream(w->format, NULL))) return bad(w, "cannot be written", r, err);
    avcodec_parameters_from_context(w->stream->codecpar, w->codec);
    w->stream->time_base = w->codec->time_base;
    w->stream->avg_frame_rate = w->codec->framerate;
    if ((r = avio_open(&w->format->pb, w->part, AVIO_FLAG_WRITE)) < 0) return bad(w, "cannot be written", r, err);
    if ((r = avformat_write_header(w->format, NULL)) < 0) return bad(w, "cannot be written", r, err);
    w->begun = true;
    return AX_OK;
}

static void release(struct ax_video_writer *w)
{
    sws_freeContext(w->sws);
    av_frame_free(&w->frame);
    av_packet_free(&w->packet);
    avcodec_free_context(&w->codec);
    if (w->format) avio_closep(&w->format->pb);
    avformat_free_context(w->format);
    if (w->part) unlink(w->part); /* renamed where all went well */
    free(w->path);
    free(w->part);
    free(w);
}

enum ax_status ax_video_writer_open(const char *path, int width, int height, double rate, struct ax_video_writer **out,
                                    struct ax_error *err)
{
    struct ax_video_writer *w = calloc(1, sizeof *w);
    *out = NULL;
    if (!w) return ax_fail(err, AX_NO_MEMORY, "%s: no memory to encode", path);
    av_log_set_level(AV_LOG_QUIET);
    w->path = strdup(path);
    if (asprintf(&w->part, "%s.part", path) < 0) w->part = NULL;
    enum ax_status s = w->path && w->part ? AX_OK : ax_fail(err, AX_NO_MEMORY, "%s: no memory to encode", path);
    if (!s) s = open_codec(w, width, height, rate, err);
    if (!s) s = open_file(w, err);
    if (s)
        release(w);
    else
        *out = w;
    return s;
}

/* What the encoder has ready goes to the file. */
static enum ax_status write_packets(struct ax_video_writer *w, struct ax_error *err)
{
    int r;
    while ((r = avcodec_receive_packet(w->codec, w->packet)) >= 0) {
        w->packet->duration = 1;
        av_packet_rescale_ts(w->packet, w->codec->time_base, w->stream->time_base);
        w->packet->stream_index = w->stream->index;
        if ((r = av_interleaved_write_frame(w->format, w->packet)) < 0) return bad(w, "cannot be written", r, err);
    }
    return r == AVERROR(EAGAIN) || r == AVERROR_EOF ? AX_OK : bad(w, "cannot be encoded", r, err);
}

enum ax_status ax_video_writer_add(struct ax_video_writer *w, const struct ax_image *im, int64_t index, struct ax_error *err)
{
    const uint8_t *planes[4] = {im->data};
    int strides[4] = {(int)im->stride}, r = av_frame_make_writable(w->frame);
    w->sws = sws_getCachedContext(w->sws, im->width, im->height, AV_PIX_FMT_RGB24, w->frame->width, w->frame->height,
                                  AV_PIX_FMT_YUV420P, SWS_BILINEAR, NULL, NULL, NULL);
    if (!w->sws || r < 0) return ax_fail(err, AX_NO_MEMORY, "%s: no memory to encode", w->path);
    sws_scale(w->sws, planes, strides, 0, im->height, w->frame->data, w->frame->linesize);
    w->frame->pts = index;
    if ((r = avcodec_send_frame(w->codec, w->frame)) < 0) return bad(w, "cannot be encoded", r, err);
    return write_packets(w, err);
}

enum ax_status ax_video_writer_close(struct ax_video_writer *w, struct ax_error *err)
{
    enum ax_status s = AX_OK;
    int r;
    if (!w) return AX_OK;
    if (w->begun && (r = avcodec_send_frame(w->codec, NULL)) < 0) s = bad(w, "cannot be encoded", r, err);
    if (w->begun && !s) s = write_packets(w, err);
    if (w->begun && !s && (r = av_write_trailer(w->format)) < 0) s = bad(w, "cannot be written", r, err);
    if (!s && (r = avio_closep(&w->format->pb)) < 0) s = bad(w, "cannot be written", r, err);
    if (!s && rename(w->part, w->path)) s = ax_fail(err, AX_IO, "%s: %s", w->path, strerror(errno));
    release(w);
    return s;
}
