/* Packing is a renumbering: each element of the graph's weights has one place in the packed ones. */
#include "lower/pack.h"

/* Both directions walk the same numbering; the order of arguments of the copy is all that differs. */
#define FOR_WEIGHTS(w)                                                                                                         \
    for (int g = 0; g < (w)->groups; g++)                                                                                      \
        for (int n = 0; n < (w)->n; n++)                                                                                       \
            for (int c = 0; c < (w)->c; c++)                                                                                   \
                for (int y = 0; y < (w)->kh; y++)                                                                              \
                    for (int x = 0; x < (w)->kw; x++)

int64_t ax_packed_f32_count(const struct ax_weights *w)
{
    return (int64_t)w->groups * ax_round_up(w->n, 16) * w->c * w->kh * w->kw;
}

static int64_t f32_place(const struct ax_weights *w, int g, int n, int c, int y, int x)
{
    int64_t k = (int64_t)w->kh * w->kw * w->c, blocks = (w->n + 15) / 16;
    return ((g * blocks + n / 16) * k + ((int64_t)y * w->kw + x) * w->c + c) * 16 + n % 16;
}

void ax_pack_f32(const struct ax_weights *w, const float *from, float *to)
{
    FOR_WEIGHTS(w) to[f32_place(w, g, n, c, y, x)] = from[ax_weights_at(w, g, n, c, y, x)];
}

void ax_unpack_f32(const struct ax_weights *w, const float *from, float *to)
{
    FOR_WEIGHTS(w) to[ax_weights_at(w, g, n, c, y, x)] = from[f32_place(w, g, n, c, y, x)];
}

static int64_t group_k(const struct ax_weights *w, const struct ax_run *runs, int n_runs)
{
    int64_t k = 0;
    for (int i = 0; i < n_runs; i++) k += (int64_t)w->kh * w->kw * ax_round_up(runs[i].channels, 4);
    return k;
}

int64_t ax_packed_s8_bytes(const struct ax_weights *w, const struct ax_run *runs, int n_runs)
{
    int64_t bytes = 0;
    for (int g = 0; g < w->groups; g++) bytes += ax_round_up(w->n, 16) * group_k(w, runs + (int64_t)g * n_runs, n_runs);
    return bytes;
}

typedef void s8_copy(int8_t *plain, int8_t *packed);
static void s8_in(int8_t *plain, int8_t *packed)
{
    *packed = *plain;
}
static void s8_out(int8_t *plain, int8_t *packed)
{
    *plain = *packed;
}

static void s8_run(const struct ax_weights *w, int g, int n, int c0, int channels, int8_t *plain, int8_t *block, int64_t k,
                   s8_copy *copy)
{
    for (int y = 0; y < w->kh; y++)
        for (int x = 0; x < w->kw; x++, k += ax_round_up(channels, 4))
            for (int c = 0; c < channels; c++)
                copy(plain + ax_weights_at(w, g, n, c0 + c, y, x), block + (k + c) / 4 * 64 + n % 16 * 4 + (k + c) % 4);
}

static void s8_each(const struct ax_weights *w, const struct ax_run *runs, int n_runs, int8_t *plain, int8_t *packed,
                    s8_copy *copy)
{
    for (int g = 0; g < w->groups; g++, runs += n_runs) {
        int64_t k_all = group_k(w, runs, n_runs);
        for (int n = 0; n < w->n; n++) {
            int64_t k = 0;
            for (int r = 0, c = 0; r < n_runs; c += runs[r++].channels) {
                s8_run(w, g, n, c, runs[r].channels, plain, packed + n / 16 * k_all * 16, k, copy);
                k += (int64_t)w->kh * w->kw * ax_round_up(runs[r].channels, 4);
            }
        }
        packed += ax_round_up(w->n, 16) * k_all;
    }
}

void ax_pack_s8(const struct ax_weights *w, const struct ax_run *runs, int n_runs, const int8_t *from, int8_t *to)
{
    s8_each(w, runs, n_runs, (int8_t *)from, to, s8_in);
}

void ax_unpack_s8(const struct ax_weights *w, const struct ax_run *runs, int n_runs, const int8_t *from, int8_t *to)
{
    s8_each(w, runs, n_runs, to, (int8_t *)from, s8_out);
}

void ax_pack_dw_f32(const struct ax_weights *w, const float *from, float *to)
{
    FOR_WEIGHTS(w) to[((int64_t)y * w->kw + x) * w->groups + g] = from[ax_weights_at(w, g, n, c, y, x)];
}

void ax_unpack_dw_f32(const struct ax_weights *w, const float *from, float *to)
{
    FOR_WEIGHTS(w) to[ax_weights_at(w, g, n, c, y, x)] = from[((int64_t)y * w->kw + x) * w->groups + g];
}

void ax_pack_dw_s8(const struct ax_weights *w, const int8_t *from, int8_t *to)
{
    int64_t p = ax_round_up(w->groups, 16);
    FOR_WEIGHTS(w) to[((int64_t)y * w->kw + x) * p + g] = from[ax_weights_at(w, g, n, c, y, x)];
}

void ax_unpack_dw_s8(const struct ax_weights *w, const int8_t *from, int8_t *to)
{
    int64_t p = ax_round_up(w->groups, 16);
    FOR_WEIGHTS(w) to[ax_weights_at(w, g, n, c, y, x)] = from[((int64_t)y * w->kw + x) * p + g];
}
