/* CONV_S8 and CONVT_S8 by definition. */
#include "kernels/simd_scalar.h"

#include "kernels/act.h"
#include "kernels/epilogue.h"
#include "kernels/isa.h"

/* One output pixel, 16 output channels: every tap is read where it lies, in the image or in its halo. */
static void conv_pixel(const struct s8_conv *g, uint8_t *space, int group, const int8_t *w, int64_t n, int64_t oy, int64_t ox,
                       int32_t acc[S8_BLOCK])
{
    const struct ax_conv_params *p = g->p;
    for (int run = 0; run < g->runs_group; run++) {
        const int32_t *def = s8_conv_run(g, group, run);
        struct s8_run x = s8_plane_run(g->x, space, def[0], def[1]);
        for (int ky = 0; ky < p->kh; ky++)
            for (int kx = 0; kx < p->kw; kx++) {
                int64_t iy = oy * p->stride_h - p->pad_top + ky * p->dilation_h;
                int64_t ix = ox * p->stride_w - p->pad_left + kx * p->dilation_w;
                const int8_t *a = (const int8_t *)s8_at(&x, n, iy, ix);
                for (int c = 0; c < def[2]; c++)
                    for (int j = 0; j < S8_BLOCK; j++) acc[j] += a[c] * w[c / 4 * 64 + j * 4 + c % 4];
                w += s8_round_up(def[2], 4) * S8_BLOCK;
            }
    }
}

/* The input row or column that reaches output position o through tap k of a transposed convolution; -1 if none does. */
static int64_t convt_source(int64_t o, int64_t pad, int64_t k, int64_t dilation, int64_t stride, int64_t size)
{
    int64_t i = o + pad - k * dilation;
    if (i < 0 || i % stride || i / stride >= size) return -1;
    return i / stride;
}

static void convt_pixel(const struct s8_conv *g, uint8_t *space, int group, const int8_t *w, int64_t n, int64_t oy, int64_t ox,
                        int32_t acc[S8_BLOCK])
{
    const struct ax_conv_params *p = g->p;
    for (int run = 0; run < g->runs_group; run++) {
        const int32_t *def = s8_conv_run(g, group, run);
        struct s8_run x = s8_plane_run(g->x, space, def[0], def[1]);
        int64_t first = def[1];
        for (int q = 0; q < def[0]; q++) first += g->x->planes[q].channels;
        for (int ky = 0; ky < p->kh; ky++)
            for (int kx = 0; kx < p->kw; kx++) {
                int64_t iy = convt_source(oy, p->pad_top, ky, p->dilation_h, p->stride_h, g->in.h);
                int64_t ix = convt_source(ox, p->pad_left, kx, p->dilation_w, p->stride_w, g->in.w);
                const int8_t *a = iy < 0 || ix < 0 ? NULL : (const int8_t *)s8_at(&x, n, iy, ix);
                for (int c = 0; c < def[2]; c++) {
                    int32_t v = a ? a[c] : s8_zero_point(g->x, first + c);
                    for (int j = 0; j < S8_BLOCK; j++) acc[j] += v * w[c / 4 * 64 + j * 4 + c % 4];
                }
                w += s8_round_up(def[2], 4) * S8_BLOCK;
            }
    }
}

typedef void pixel_fn(const struct s8_conv *, uint8_t *, int, const int8_t *, int64_t, int64_t, int64_t, int32_t *);

/* Units of work: one row of one block of output channels. */
static void conv_run(const struct ax_task *t, pixel_fn *pixel)
{
    struct s8_conv g = s8_conv_of_task(t);
    struct epi e = epi_of_conv(&g, t->in_data[3]);
    struct epi_pixels at;
    int64_t blocks = g.n_pad / S8_BLOCK, rows = g.out.n * g.out.h, from, to;
    const int8_t *w = (const int8_t *)t->in_data[1];
    for (int group = 0; group < g.groups; group++) {
        int64_t k = s8_conv_k(&g, group);
        ax_share(rows * blocks, 1, t->thread, t->threads, &from, &to);
        for (int64_t u = from; u < to; u++) {
            int64_t block = u / rows, n = u % rows / g.out.h, oy = u % rows % g.out.h;
            struct epi_block b = epi_block_make(&g, t, group, block);
            for (int64_t ox = 0; ox < g.out.w; ox++) {
                int32_t acc[S8_BLOCK] = {0};
                pixel(&g, t->in_data[0], group, w + block * k * S8_BLOCK, n, oy, ox, acc);
                epi_pixels_set(&at, &g.out, (n * g.out.h + oy) * g.out.w + ox, 1);
                epi_pixels_aim(&at, &g, &b);
                epi_pixels_run(&at, &g, t, &e, &b, acc, 0, 1, group * g.n_pad + block * S8_BLOCK);
            }
        }
        w += blocks * k * S8_BLOCK;
    }
    s8_fill_halo(t, g.y, t->out_data[0]);
}

static void run_conv(const struct ax_task *t)
{
    conv_run(t, conv_pixel);
}

static void run_convt(const struct ax_task *t)
{
    conv_run(t, convt_pixel);
}

AX_ISA_KERNEL(CONV_S8, conv_s8, .run = run_conv);
AX_ISA_KERNEL(CONVT_S8, convt_s8, .run = run_convt);
