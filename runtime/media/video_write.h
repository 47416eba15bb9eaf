/* MP4 files, written picture by picture. */
#ifndef AX_MEDIA_VIDEO_WRITE_H
#define AX_MEDIA_VIDEO_WRITE_H

#include "media/image.h"

struct ax_video_writer;

/* H.264 where FFmpeg has libx264, else MPEG-4. rate: frames a second; 0: 25. The file has its name once it is closed. */
enum ax_status ax_video_writer_open(const char *path, int width, int height, double rate, struct ax_video_writer **out,
                                    struct ax_error *err);
/* Frame number `index`, larger than the one before; others than the first one's size are scaled. */
enum ax_status ax_video_writer_add(struct ax_video_writer *w, const struct ax_image *im, int64_t index, struct ax_error *err);
/* Ends the file and frees the writer in any case. NULL is fine. */
enum ax_status ax_video_writer_close(struct ax_video_writer *w, struct ax_error *err);

#endif
