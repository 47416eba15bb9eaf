/* CONV_S8 on AVX2, from lists of weights (conv_s8_lists.h). Output pixels are done in strips: their inputs are gathered into a
 * panel of rows of K bytes, or the rows of the image that they reach are copied; tiles are 8 pixels x 8 channels in registers.
 */
#include "kernels/simd_avx2.h"

#include "kernels/act.h"
#include "kernels/conv_s8_lists.h"
#include "kernels/conv_s8_rows.h"
#include "kernels/epilogue.h"
#include "kernels/isa.h"

enum { TILE = ROWS_TILE };

#define PANEL_TILE TILE
#define PANEL_BLOCKS 1
#define PANEL_ROUND 4
#define PANEL_FLIP 0x80
#include "kernels/conv_s8_panel.inc"

/* -- tiles: R pixels x 8 channels -- */

/* The instructions that add a row's products to its sum, one statement each. Statements are volatile so that they stay in
 * the order of the loops below: rows overlap there, which a processor does not find by itself when every multiplier is busy,
 * and compilers copy and spill the sums of the plain form. */
VF_INLINE void spread(__m256i *t, const uint8_t *u)
{
    __asm__ volatile("vpbroadcastd %[u], %[t]" : [t] "=x"(*t) : [u] "m"(*(const int32_t *)u));
}
VF_INLINE void reorder(__m256i *t, __m256i order)
{
    __asm__ volatile("vpshufb %[order], %[t], %[t]" : [t] "+x"(*t) : [order] "x"(order));
}
VF_INLINE void multiply(__m256i *t, __m256i w)
{
    __asm__ volatile("vpmaddubsw %[w], %[t], %[t]" : [t] "+x"(*t) : [w] "x"(w));
}
VF_INLINE void join(__m256i *t, __m256i s)
{
    __asm__ volatile("vpaddw %[s], %[t], %[t]" : [t] "+x"(*t) : [s] "x"(s));
}
VF_INLINE void widen(__m256i *t, __m256i one)
{
    __asm__ volatile("vpmaddwd %[one], %[t], %[t]" : [t] "+x"(*t) : [one] "x"(one));
}
VF_INLINE void accumulate(__m256i *sum, __m256i t)
{
    __asm__ volatile("vpaddd %[t], %[sum], %[sum]" : [sum] "+x"(*sum) : [t] "x"(t));
}

VF_INLINE __m256i order_of(uint32_t pairing)
{
    return _mm256_broadcastsi128_si256(_mm_loadu_si128((const __m128i *)ax_s8_pairings[pairing]));
}

/* Sums and rows are named one by one: what is indexed does not stay in registers. */
#define EACH_ROW(X) X(0) X(1) X(2) X(3) X(4) X(5) X(6) X(7)
/* What row i begins, what goes on for the row before, what ends the one before that. */
#define STAGE(i, j, k, SPREAD, MULTIPLY, JOIN) SPREAD(i) WIDEN(k) MULTIPLY(i) JOIN(j) ACCUMULATE(k)
#define EACH_STAGE(SPREAD, MULTIPLY, JOIN)                                                                                     \
    SPREAD(0)                                                                                                                  \
    MULTIPLY(0)                                                                                                                \
    SPREAD(1)                                                                                                                  \
    MULTIPLY(1)                                                                                                                \
    JOIN(0) STAGE(2, 1, 0, SPREAD, MULTIPLY, JOIN) STAGE(3, 2, 1, SPREAD, MULTIPLY, JOIN)                                      \
        STAGE(4, 3, 2, SPREAD, MULTIPLY, JOIN) STAGE(5, 4, 3, SPREAD, MULTIPLY, JOIN) STAGE(6, 5, 4, SPREAD, MULTIPLY, JOIN)   \
            STAGE(7, 6, 5, SPREAD, MULTIPLY, JOIN) WIDEN(6) JOIN(7) ACCUMULATE(6) WIDEN(7) ACCUMULATE(7)
#define WIDEN(i)                                                                                                               \
    if (rows > i) widen(&t##i, one);
#define ACCUMULATE(i)                                                                                                          \
    if (rows > i) accumulate(&sum##i, t##i);
#define NOTHING(i)

VF_INLINE void tile_rows(int rows, const uint8_t *a, const int64_t *at, const struct s8_lists *st, const struct s8_list *h,
                         const int32_t *bias, int32_t *out)
{
    const __m256i start = _mm256_add_epi32(vi_load(h->start), vi_load(bias)), one = _mm256_set1_epi16(1);
    const int8_t *w = st->weights + h->first * LIST_ENTRY;
#define NAME_ROW(i)                                                                                                            \
    __m256i sum##i = start, t##i, s##i;                                                                                        \
    const uint8_t *a##i = a + at[i];                                                                                           \
    __asm__("" : "+r"(a##i)); /* in a register, not worked out again in the loop */
    EACH_ROW(NAME_ROW)
    const uint32_t *place = st->places + h->first, *couples = place + h->couples, *plain = place + h->plain,
                   *end = place + h->n;
    for (; place < couples; place += 2, w += 2 * LIST_ENTRY) {
        __m256i v0 = vi_load((const int32_t *)w), v1 = vi_load((const int32_t *)(w + LIST_ENTRY));
        int64_t k0 = place[0], k1 = place[1];
#define SPREAD_COUPLE(i)                                                                                                       \
    if (rows > i) spread(&t##i, a##i + k0), spread(&s##i, a##i + k1);
#define MULTIPLY_COUPLE(i)                                                                                                     \
    if (rows > i) multiply(&t##i, v0), multiply(&s##i, v1);
#define JOIN_COUPLE(i)                                                                                                         \
    if (rows > i) join(&t##i, s##i);
        EACH_STAGE(SPREAD_COUPLE, MULTIPLY_COUPLE, JOIN_COUPLE)
    }
    for (; place < plain; place++, w += LIST_ENTRY) {
        __m256i v = vi_load((const int32_t *)w);
        int64_t k = *place;
#define SPREAD(i)                                                                                                              \
    if (rows > i) spread(&t##i, a##i + k);
#define MULTIPLY(i)                                                                                                            \
    if (rows > i) multiply(&t##i, v);
        EACH_STAGE(SPREAD, MULTIPLY, NOTHING)
    }
    for (; place < end; place++, w += LIST_ENTRY) {
        __m256i v = vi_load((const int32_t *)w), order = order_of(*place & 3);
        int64_t k = *place & ~3u;
#define REORDER(i)                                                                                                             \
    if (rows > i) spread(&t##i, a##i + k), reorder(&t##i, order);
        EACH_STAGE(REORDER, MULTIPLY, NOTHING)
    }
#define STORE_ROW(i)                                                                                                           \
    if (rows > i) vi_store(out + i * S8_BLOCK, sum##i);
    EACH_ROW(STORE_ROW)
}

static __attribute__((noinline)) void tile(int rows, const uint8_t *a, const int64_t *at, const struct s8_lists *st,
                                           const struct s8_list *h, const int32_t *bias, int32_t *out)
{
    switch (rows) {
    case 1: tile_rows(1, a, at, st, h, bias, out); break;
    case 2: tile_rows(2, a, at, st, h, bias, out); break;
    case 3: tile_rows(3, a, at, st, h, bias, out); break;
    case 4: tile_rows(4, a, at, st, h, bias, out); break;
    case 5: tile_rows(5, a, at, st, h, bias, out); break;
    case 6: tile_rows(6, a, at, st, h, bias, out); break;
    case 7: tile_rows(7, a, at, st, h, bias, out); break;
    default: tile_rows(8, a, at, st, h, bias, out); break;
    }
}

/* One list after another, each with all tiles: its weights stay in the first cache, and its loops' lengths are the same. */
static void panel_tiles(struct work *k, int group, int64_t block, int32_t *acc)
{
    const struct s8_lists *st = k->t->state;
    int64_t n = group * k->g->n_pad + block * S8_BLOCK;
    const int32_t *bias = k->e.rows + AX_EPI_BIAS * k->e.p + n;
    for (int c = 0; c < S8_BLOCK; c += LIST_COLUMNS)
        for (int i = 0; i < k->tiles; i++) {
            int first = k->tile[i].first;
            tile(k->tile[i].rows, k->panel, k->starts + first, st, st->lists + (n + c) / LIST_COLUMNS, bias + c,
                 acc + first * S8_BLOCK + c);
        }
}

/* -- strips of copied rows -- */

/* Output pixels [a, b) of one image: copies what they reach, as unsigned, and notes where each one's first tap lies. */
static void copy_rows(struct work *k, int64_t a, int64_t b)
{
    const struct ax_conv_params *p = k->g->p;
    const __m256i flip = _mm256_set1_epi8((char)PANEL_FLIP);
    const struct ax_plane *plane = s8_rows_plane(k->g, 0);
    int64_t w = k->g->out.w, h = k->g->out.h, y0 = a / w, y1 = (b - 1) / w, x0 = y0 == y1 ? a % w : 0;
    int64_t step = p->stride_w * plane->pixel_stride, rows = s8_rows_reached(k->g, y1 - y0 + 1), pitch = s8_rows_pitch(k->g);
    int64_t bytes = s8_rows_bytes(k->g, y0 == y1 ? b - a : w);
    for (int run = 0; run < k->g->runs_group; run++) {
        struct s8_run x = s8_plane_run(k->g->x, k->t->in_data[0], s8_conv_run(k->g, 0, run)[0], 0);
        const uint8_t *from = s8_at(&x, y0 / h, y0 % h * p->stride_h - p->pad_top, -(int64_t)p->pad_left) + x0 * step;
        for (int64_t r = 0; r < rows; r++, from += x.row)
            for (int64_t i = 0; i < bytes; i += 32) {
                __m256i v = _mm256_xor_si256(_mm256_loadu_si256((const __m256i *)(from + i)), flip);
                _mm256_storeu_si256((__m256i *)(k->panel + run * pitch + r * x.row + i), v);
            }
    }
    int64_t *start = k->starts, down = p->stride_h * plane->row_stride;
    for (int64_t y = y0, i = a, end; i < b; y++)
        for (end = (y + 1) * w < b ? (y + 1) * w : b; i < end; i++) *start++ = (y - y0) * down + (i - y * w - x0) * step;
}

static void row_strips(struct work *k, int64_t from, int64_t to)
{
    int64_t w = k->g->out.w, image = w * k->g->out.h, rows = s8_rows_together(k->g), part = rows ? 0 : s8_rows_part(k->g);
    k->direct = 1;
    for (int64_t a = from, b; a < to; a = b) {
        int64_t end = rows ? (a / image + 1) * image : (a / w + 1) * w;
        b = a + (rows ? rows * w - a % w : part);
        if (b > end) b = end;
        if (b > to) b = to;
        k->at.n = (int)(b - a);
        even_tiles(k);
        copy_rows(k, a, b);
        strip(k, a, k->at.n);
    }
}

static int64_t conv_scratch(const struct ax_program *p, const struct ax_step *s)
{
    struct s8_conv g = s8_conv_of_step(p, s);
    return s8_rows_fit(&g, s->kind) ? g.runs_group * s8_rows_pitch(&g) + 128 : panel_scratch(p, s);
}

static void run_conv(const struct ax_task *t)
{
    const struct s8_lists *st = t->state;
    panel_run(t, 1, TILE, st->in_rows ? row_strips : gathered_strips);
}

AX_ISA_KERNEL(CONV_S8, conv_s8, .fits = panel_fits, .prepare = ax_s8_lists_prepare, .scratch = conv_scratch, .run = run_conv);
AX_ISA_KERNEL(CONVT_S8, convt_s8, .fits = panel_fits, .prepare = ax_s8_lists_prepare, .scratch = conv_scratch, .run = run_conv);
