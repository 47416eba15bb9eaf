/* Moving pictures, frame by frame: files, streams and cameras through FFmpeg's libraries. */
#ifndef AX_MEDIA_VIDEO_H
#define AX_MEDIA_VIDEO_H

#include <stdbool.h>

#include "media/image.h"

struct ax_video;

struct ax_video_options {
    const char *format; /* "rawvideo", "v4l2"...; NULL: recognized */
    const char *size;   /* "640x480": of rawvideo, or what a camera should give; NULL */
    const char *pixels; /* "rgb24", "nv12"...: of rawvideo; NULL */
    bool device;        /* the format is a device, the path its name there */
    bool from_fd;       /* read from fd instead of opening the path, which then only names it */
    int fd;
    bool (*stopped)(void *user); /* asked while there is nothing to read; NULL */
    void *user;
};

/* opt may be NULL. AX_FORMAT: it holds no video. */
enum ax_status ax_video_open(const char *path, const struct ax_video_options *opt, struct ax_video **out, struct ax_error *err);
void ax_video_close(struct ax_video *v); /* NULL is fine */

/* The next frame as RGB into *im, whose memory is used again where the size is the same. AX_CLOSED: the end. AX_FORMAT: this
 * frame is damaged, others may follow. Anything else: it broke off, nothing follows. */
enum ax_status ax_video_next(struct ax_video *v, struct ax_image *im, double *time_s, struct ax_error *err);
double ax_video_rate(const struct ax_video *v); /* frames a second; 0: unknown */

bool ax_video_named(const char *path);  /* whether the name ends like a video's */
bool ax_camera_named(const char *path); /* /dev/video0, camera, camera:1, camera:FORMAT:NAME */

#endif
