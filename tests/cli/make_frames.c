/* make_frames KIND COUNT PICTURE... : a video of the pictures, again and again, for tests. KIND: FILE.mp4, or y4m, rgb24, mjpeg
 * for the standard output. Each frame is shifted by a few pixels, so that neighbours differ. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "media/draw.h"
#include "media/video_write.h"
#include "temp.h"

static void die(const char *what)
{
    fprintf(stderr, "make_frames: %s\n", what);
    exit(1);
}

/* Of the size of the first picture; what comes in at the left is grey. */
static void shift(const struct ax_image *in, int by, struct ax_image *out)
{
    for (int y = 0; y < out->height; y++)
        for (int x = 0; x < out->width; x++) {
            uint8_t *to = out->data + y * out->stride + 3 * x;
            if (x >= by && x - by < in->width && y < in->height)
                memcpy(to, in->data + y * in->stride + 3 * (x - by), 3);
            else
                memset(to, 114, 3);
        }
}

static void write_y4m(const struct ax_image *im)
{
    printf("FRAME\n");
    for (int c = 0; c < 3; c++)
        for (int y = 0; y < im->height; y++)
            for (int x = 0; x < im->width; x++) {
                const uint8_t *p = im->data + y * im->stride + 3 * x;
                static const int rows[3][4] = {{66, 129, 25, 16}, {-38, -74, 112, 128}, {112, -94, -18, 128}};
                putchar(((rows[c][0] * p[0] + rows[c][1] * p[1] + rows[c][2] * p[2] + 128) >> 8) + rows[c][3]);
            }
}

static void write_rgb(const struct ax_image *im)
{
    for (int y = 0; y < im->height; y++) fwrite(im->data + y * im->stride, 3, (size_t)im->width, stdout);
}

static void write_jpeg(const struct ax_image *im)
{
    struct ax_error err;
    char name[TEMP_PATH], buf[1 << 16];
    if (ax_image_save(temp_path(name, "frame.jpg"), im, &err)) die(err.message);
    FILE *f = fopen(name, "rb");
    for (size_t n; f && (n = fread(buf, 1, sizeof buf, f)) > 0;) fwrite(buf, 1, n, stdout);
    if (f) fclose(f);
}

int main(int argc, char **argv)
{
    struct ax_error err;
    struct ax_image *pictures = calloc((size_t)argc, sizeof *pictures), frame;
    struct ax_video_writer *video = NULL;
    int n = argc - 3, count = argc > 2 ? atoi(argv[2]) : 0;
    if (n < 1) die("make_frames KIND COUNT PICTURE...");
    for (int i = 0; i < n; i++)
        if (ax_image_load(argv[3 + i], &pictures[i], &err)) die(err.message);
    int w = pictures[0].width, h = pictures[0].height;
    const char *kind = argv[1];
    bool mp4 = strstr(kind, ".mp4") != NULL;
    if (ax_image_new(w, h, 3, &frame, &err)) die(err.message);
    if (mp4 && ax_video_writer_open(kind, w, h, 30, &video, &err)) die(err.message);
    if (!strcmp(kind, "y4m")) printf("YUV4MPEG2 W%d H%d F30:1 Ip A1:1 C444\n", w, h);
    for (int k = 0; k < count; k++) {
        shift(&pictures[k % n], k / n % 16, &frame);
        if (mp4 && ax_video_writer_add(video, &frame, k, &err)) die(err.message);
        if (!strcmp(kind, "y4m")) write_y4m(&frame);
        if (!strcmp(kind, "rgb24")) write_rgb(&frame);
        if (!strcmp(kind, "mjpeg")) write_jpeg(&frame);
    }
    if (ax_video_writer_close(video, &err)) die(err.message);
    for (int i = 0; i < n; i++) ax_image_free(&pictures[i]);
    ax_image_free(&frame);
    free(pictures);
    return fflush(stdout) ? 1 : 0;
}
