/* 3x3 convolutions of stride 1 by Winograd's F(4x4, 3x3), in integers: a tile of 4x4 outputs needs 36 products a channel, where
 * the definition has 144. With the matrices of Lavin and Gray, every row scaled so that it is whole,
 *
 *   V = B d B^T, 6x6 inputs, at most 100 times 128        int16
 *   U = G w G^T, 3x3 weights, at most 49 times 128        int16
 *   M = sum of U V over the channels, at each of 36 places, modulo 2^32
 *   S = A M A^T = 576 times the exact sum, modulo 2^32
 *
 * 576 is 9 times 64, and 9 has an inverse modulo 2^32: S times that is 64 times the sum, modulo 2^32, which is the sum itself
 * where that lies within 26 bits. It does when the magnitudes of an output channel's weights sum to less than 2^18: that is
 * looked up (WINO_WEIGHTS), so the result is exact whatever the input. */
#ifndef AX_KERNELS_CONV_S8_WINOGRAD_H
#define AX_KERNELS_CONV_S8_WINOGRAD_H

#include "kernels/s8.h"

enum { WINO_OUT = 4, WINO_IN = 6, WINO_PLACES = 36, WINO_WEIGHTS = (1 << 18) - 1, WINO_SHIFT = 6, WINO_INVERSE = 0x38e38e39 };
/* Tiles that are done together; bytes of their inputs transformed; runs of input planes. */
enum { WINO_TILES = 24, WINO_BYTES = 320 << 10, WINO_RUNS = 64 };

struct wino {
    int64_t tiles_y, tiles_x, tiles; /* of an image; of all images */
    int64_t channels;                /* of the input, each run's rounded up to 4 */
    int64_t pitch;                   /* int16 from tile to tile of the transformed inputs */
    int64_t together;                /* tiles that are done together, at most */
    int64_t v_step, m_step;          /* elements from place to place, of transformed inputs and of products */
};

/* Steps from place to place are odd multiples of cache lines, so that 36 of them do not meet in the same sets. */
static inline struct wino wino_make(const struct s8_conv *g)
{
    struct wino w = {.tiles_y = (g->out.h + WINO_OUT - 1) / WINO_OUT, .tiles_x = (g->out.w + WINO_OUT - 1) / WINO_OUT};
    w.tiles = g->out.n * w.tiles_y * w.tiles_x;
    for (int i = 0; i < g->runs_group; i++) {
        int64_t len = s8_conv_run(g, 0, i)[2], end = w.channels + s8_round_up(len, 16);
        if (end > w.pitch) w.pitch = end;
        w.channels += s8_round_up(len, 4);
    }
    w.pitch = s8_round_up(w.pitch, 16);
    w.together = WINO_BYTES / (WINO_PLACES * 2 * w.pitch);
    if (w.together > WINO_TILES) w.together = WINO_TILES;
    if (w.together < 1) w.together = 1;
    w.v_step = (s8_round_up(w.together * w.pitch, 32) / 32 | 1) * 32;
    w.m_step = (w.together | 1) * S8_BLOCK;
    return w;
}

/* U as [N / 16][36][C / 2][16][2], 64-byte aligned. */
void *ax_wino_prepare(const struct ax_program *p, const struct ax_step *s);
int ax_wino_fits(const struct ax_program *p, const struct ax_step *s);

#endif
