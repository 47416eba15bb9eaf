/* CONV_S8 by Winograd's method on AVX2 (conv_s8_winograd.h says how and why it is exact). Tiles are done in blocks: their
 * inputs are transformed once; then, 16 output channels at a time, 36 small products with VPMADDWD, two channels to a lane,
 * and the transform back, 8 tiles (128 pixels) at a time, with the epilogue behind it. */
#include "kernels/simd_avx2.h"

#include "kernels/act.h"
#include "kernels/conv_s8_winograd.h"
#include "kernels/epilogue.h"
#include "kernels/isa.h"
#include "kernels/s16_avx2.h"

enum { CHUNK = EPI_PIXELS / (WINO_OUT * WINO_OUT), CHUNKS = (WINO_TILES + CHUNK - 1) / CHUNK };

struct place {
    int64_t image, y, x; /* of a tile's first output */
    int h, w;            /* outputs of it that exist */
};

struct work {
    const struct ax_task *t;
    const struct s8_conv *g;
    struct wino w;
    struct epi e;
    const int16_t *u;
    int16_t *v;
    int32_t *m;
    int64_t from, to; /* blocks of output channels */
    struct s8_run run[WINO_RUNS];
    struct place place[WINO_TILES];
    struct epi_pixels at[CHUNKS]; /* 8 tiles each */
};

/* -- inputs -- */

#define ADD(a, b) _mm256_add_epi16(a, b)
#define SUB(a, b) _mm256_sub_epi16(a, b)
#define TIMES4(a) _mm256_slli_epi16(a, 2)

/* Rows of B: (4 0 -5 0 1 0), (0 -4 -4 1 1 0), (0 4 -4 -1 1 0), (0 -2 -1 2 1 0), (0 2 -1 -2 1 0), (0 4 0 -5 0 1). */
#define SIX_OF_SIX(d0, d1, d2, d3, d4, d5, STORE)                                                                              \
    {                                                                                                                          \
        __m256i a_ = SUB(d4, TIMES4(d2)), b_ = SUB(d3, TIMES4(d1)), c_ = SUB(d4, d2), e_ = SUB(d3, d1), f_ = ADD(e_, e_);      \
        STORE(0, ADD(SUB(a_, d2), TIMES4(d0)))                                                                                 \
        STORE(1, ADD(a_, b_))                                                                                                  \
        STORE(2, SUB(a_, b_))                                                                                                  \
        STORE(3, ADD(c_, f_))                                                                                                  \
        STORE(4, SUB(c_, f_))                                                                                                  \
        STORE(5, SUB(SUB(d5, d3), ADD(f_, f_)))                                                                                \
    }

/* 16 channels of a tile. Reads more where less is left: what is written too much lies in front of what comes next. */
VF_INLINE void transform_16(const uint8_t *const *row, const int64_t *column, int64_t c, int16_t *v, int64_t step)
{
    __m256i t[WINO_IN][WINO_IN];
    for (int x = 0; x < WINO_IN; x++) {
        __m256i d[WINO_IN];
        for (int y = 0; y < WINO_IN; y++)
            d[y] = _mm256_cvtepi8_epi16(_mm_loadu_si128((const __m128i *)(row[y] + column[x] + c)));
#define KEEP(i, value) t[i][x] = value;
        SIX_OF_SIX(d[0], d[1], d[2], d[3], d[4], d[5], KEEP)
    }
    for (int y = 0; y < WINO_IN; y++, v += WINO_IN * step) {
#define WRITE(i, value) _mm256_storeu_si256((__m256i *)(v + i * step), value);
        SIX_OF_SIX(t[y][0], t[y][1], t[y][2], t[y][3], t[y][4], t[y][5], WRITE)
    }
}

static int64_t least(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

/* Inputs that only outputs outside of the image need may lie outside of the halo: its last row and column stand for them. */
static void transform_tile(const struct work *k, const struct place *p, int16_t *v)
{
    const struct ax_operand *x = k->g->x;
    int64_t iy = p->y - k->g->p->pad_top, ix = p->x - k->g->p->pad_left;
    int64_t last_y = x->h + x->halo_bottom - 1, last_x = x->w + x->halo_right - 1;
    for (int r = 0; r < k->g->runs_group; r++) {
        const struct s8_run *run = &k->run[r];
        const uint8_t *row[WINO_IN];
        int64_t column[WINO_IN], len = s8_conv_run(k->g, 0, r)[2];
        for (int i = 0; i < WINO_IN; i++) {
            row[i] = s8_at(run, p->image, least(iy + i, last_y), 0);
            column[i] = least(ix + i, last_x) * run->pixel;
        }
        for (int64_t c = 0; c < len; c += 16) transform_16(row, column, c, v + c, k->w.v_step);
        v += s8_round_up(len, 4);
    }
}

/* -- products -- */

static void products(const struct work *k, int64_t block, int tiles)
{
    int64_t channels = k->w.channels, parts = (tiles + S16_ROWS - 1) / S16_ROWS, stride = 64 / parts;
    const int16_t *u = k->u + block * WINO_PLACES * channels * S8_BLOCK;
    for (int place = 0; place < WINO_PLACES; place++, u += channels * S8_BLOCK) {
        const int16_t *v = k->v + place * k->w.v_step;
        int32_t *m = k->m + place * k->w.m_step;
        for (int64_t i = 0; i < parts; i++) {
            int64_t a = tiles * i / parts, b = tiles * (i + 1) / parts;
            const uint8_t *next = (const uint8_t *)(u + channels * S8_BLOCK) + i * stride * channels / 2;
            s16_product((int)(b - a), v + a * k->w.pitch, k->w.pitch, u, channels, m + a * S8_BLOCK, next, stride);
        }
    }
}

/* -- outputs -- */

/* Rows of A with G's scales: (1 4 4 1 1 0), (0 4 -4 2 -2 0), (0 4 4 4 4 0), (0 4 -4 8 -8 8). */
#define FOUR_OF_SIX(m0, m1, m2, m3, m4, m5, STORE)                                                                             \
    {                                                                                                                          \
        vi s_ = _mm256_slli_epi32(vi_add(m1, m2), 2), d_ = _mm256_slli_epi32(vi_sub(m1, m2), 2);                               \
        vi u_ = vi_add(m3, m4), w_ = vi_sub(m3, m4);                                                                           \
        STORE(0, vi_add(vi_add(m0, s_), u_))                                                                                   \
        STORE(1, vi_add(d_, vi_add(w_, w_)))                                                                                   \
        STORE(2, vi_add(s_, _mm256_slli_epi32(u_, 2)))                                                                         \
        STORE(3, vi_add(d_, _mm256_slli_epi32(vi_add(w_, m5), 3)))                                                             \
    }

VF_INLINE vi sum_of(vi s)
{
    return _mm256_srai_epi32(vi_mul(s, vi_set1(WINO_INVERSE)), WINO_SHIFT);
}

/* The sums of h x w outputs of a tile, 8 channels; acc is [h w][16]. */
VF_INLINE void transform_back(const int32_t *m, int64_t step, int h, int w, int32_t *acc)
{
    vi t[WINO_OUT][WINO_IN];
    for (int x = 0; x < WINO_IN; x++) {
        vi d[WINO_IN];
        for (int y = 0; y < WINO_IN; y++) d[y] = vi_load(m + (y * WINO_IN + x) * step);
        FOUR_OF_SIX(d[0], d[1], d[2], d[3], d[4], d[5], KEEP)
    }
    for (int y = 0; y < h; y++, acc += w * S8_BLOCK) {
#define WRITE_SUM(i, value)                                                                                                    \
    if (w > i) vi_store(acc + i * S8_BLOCK, sum_of(value));
        FOUR_OF_SIX(t[y][0], t[y][1], t[y][2], t[y][3], t[y][4], t[y][5], WRITE_SUM)
    }
}

static int32_t *tile_sums(const int32_t *m, int64_t step, const struct place *p, int32_t *acc)
{
    for (int half = 0; half < S8_BLOCK; half += 8)
        if (p->h == WINO_OUT && p->w == WINO_OUT)
            transform_back(m + half, step, WINO_OUT, WINO_OUT, acc + half);
        else
            transform_back(m + half, step, p->h, p->w, acc + half);
    return acc + p->h * p->w * S8_BLOCK;
}

static void outputs(struct work *k, int64_t block, int tiles)
{
    int32_t acc[EPI_PIXELS * S8_BLOCK] __attribute__((aligned(64)));
    struct epi_block b = epi_block_make(k->g, k->t, 0, block);
    for (int first = 0, chunk = 0; first < tiles; first += CHUNK, chunk++) {
        int32_t *to = acc;
        for (int i = first; i < tiles && i < first + CHUNK; i++)
            to = tile_sums(k->m + i * S8_BLOCK, k->w.m_step, &k->place[i], to);
        epi_pixels_aim(&k->at[chunk], k->g, &b);
        epi_pixels_run(&k->at[chunk], k->g, k->t, &k->e, &b, acc, 0, k->at[chunk].n, block * S8_BLOCK);
    }
}

/* -- blocks of tiles -- */

static struct place place_of(const struct work *k, int64_t tile)
{
    struct place p = {.y = tile / k->w.tiles_x % k->w.tiles_y * WINO_OUT, .x = tile % k->w.tiles_x * WINO_OUT};
    p.image = tile / k->w.tiles_x / k->w.tiles_y;
    p.h = (int)least(WINO_OUT, k->g->out.h - p.y);
    p.w = (int)least(WINO_OUT, k->g->out.w - p.x);
    return p;
}

static void add_pixels(struct epi_pixels *at, const struct place *p)
{
    for (int y = 0; y < p->h; y++)
        for (int x = 0; x < p->w; x++) {
            at->image[at->n] = (int32_t)p->image;
            at->y[at->n] = (int32_t)p->y + y;
            at->x[at->n++] = (int32_t)p->x + x;
        }
}

static void tile_block(struct work *k, int64_t first, int tiles)
{
    for (int i = 0; i < tiles; i++) {
        struct epi_pixels *at = &k->at[i / CHUNK];
        k->place[i] = place_of(k, first + i);
        if (i % CHUNK == 0) at->n = 0, at->dst.pixel = at->res.pixel = -1;
        add_pixels(at, &k->place[i]);
        transform_tile(k, &k->place[i], k->v + i * k->w.pitch);
    }
    for (int64_t b = k->from; b < k->to; b++) {
        products(k, b, tiles);
        outputs(k, b, tiles);
    }
}

/* Threads share the tiles, and where that leaves few to each, the output channels too: each transforms its inputs itself. */
static int parts_of_channels(const struct wino *w, int64_t blocks, int threads)
{
    int best = 1;
    for (int parts = 1; parts <= threads && parts <= blocks; parts++) {
        if (threads % parts) continue;
        best = parts;
        if (w->tiles * parts >= (int64_t)threads * w->together) break;
    }
    return best;
}

static void run_winograd(const struct ax_task *t)
{
    struct s8_conv g = s8_conv_of_task(t);
    struct work k = {.t = t, .g = &g, .w = wino_make(&g), .e = epi_of_conv(&g, t->in_data[3]), .u = t->state};
    int64_t blocks = g.n_pad / S8_BLOCK, from, to;
    int parts = parts_of_channels(&k.w, blocks, t->threads);
    k.v = (int16_t *)t->scratch;
    k.m = (int32_t *)(k.v + WINO_PLACES * k.w.v_step);
    for (int i = 0; i < g.runs_group; i++)
        k.run[i] = s8_plane_run(g.x, t->in_data[0], s8_conv_run(&g, 0, i)[0], s8_conv_run(&g, 0, i)[1]);
    ax_share(blocks, 1, t->thread % parts, parts, &k.from, &k.to);
    ax_share(k.w.tiles, 1, t->thread / parts, t->threads / parts, &from, &to);
    int64_t n = (to - from + k.w.together - 1) / k.w.together;
    for (int64_t i = 0; i < n; i++) {
        int64_t a = from + (to - from) * i / n, b = from + (to - from) * (i + 1) / n;
        tile_block(&k, a, (int)(b - a));
    }
    s8_fill_halo(t, g.y, t->out_data[0]);
}

static int64_t winograd_scratch(const struct ax_program *p, const struct ax_step *s)
{
    struct s8_conv g = s8_conv_of_step(p, s);
    struct wino w = wino_make(&g);
    return WINO_PLACES * (w.v_step * 2 + w.m_step * 4) + 64;
}

AX_ISA_KERNEL(CONV_S8, conv_s8_winograd, .fits = ax_wino_fits, .prepare = ax_wino_prepare, .scratch = winograd_scratch,
              .run = run_winograd);
