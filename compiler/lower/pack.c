/* Packing is a renumbering: each element of the graph's weights has one place in the packed ones. */
#include "lower/pack.h"

/* Both directions walk the same numbering; inlined with a constant direction, so that nothing is left of the choice. */
enum direction { PACK, UNPACK };

#define MOVE(plain, packed)                                                                                                    \
    do {                                                                                                                       \
        if (way == PACK)                                                                                                       \
            (packed) = (plain);                                                                                                \
        else                                                                                                                   \
            (plain) = (packed);                                                                                                \
    } while (0)

static inline int lanes_of(const struct ax_weights *w, int block)
{
    return w->n - block * 16 < 16 ? w->n - block * 16 : 16;
}

int64_t ax_packed_f32_count(const struct ax_weights *w)
{
    return (int64_t)w->groups * ax_round_up(w->n, 16) * w->c * w->kh * w->kw;
}

static inline __attribute__((always_inline)) void f32_each(const struct ax_weights *w, float *plain, float *packed,
                                                           enum direction way)
{
    for (int g = 0; g < w->groups; g++)
        for (int block = 0; block * 16 < w->n; block++) {
            float *from = plain + ax_weights_at(w, g, block * 16, 0, 0, 0);
            int lanes = lanes_of(w, block);
            for (int y = 0; y < w->kh; y++)
                for (int x = 0; x < w->kw; x++)
                    for (int c = 0; c < w->c; c++, packed += 16)
                        for (int j = 0; j < lanes; j++) MOVE(from[y * w->sy + x * w->sx + c * w->sc + j * w->sn], packed[j]);
        }
}

void ax_pack_f32(const struct ax_weights *w, const float *from, float *to)
{
    f32_each(w, (float *)(uintptr_t)from, to, PACK);
}

void ax_unpack_f32(const struct ax_weights *w, const float *from, float *to)
{
    f32_each(w, to, (float *)(uintptr_t)from, UNPACK);
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

/* One run of one block of 16 outputs; c0: the run's first channel within the group. Returns the K that it fills. */
static inline __attribute__((always_inline)) int64_t s8_run(const struct ax_weights *w, int lanes, int c0, int channels,
                                                            int8_t *plain, int8_t *packed, enum direction way)
{
    int padded = ax_round_up(channels, 4);
    for (int y = 0; y < w->kh; y++)
        for (int x = 0; x < w->kw; x++, packed += padded * 16)
            for (int c = 0; c < channels; c++) {
                int8_t *from = plain + y * w->sy + x * w->sx + (c0 + c) * w->sc, *to = packed + c / 4 * 64 + c % 4;
                for (int j = 0; j < lanes; j++) MOVE(from[j * w->sn], to[j * 4]);
            }
    return (int64_t)w->kh * w->kw * padded;
}

static inline __attribute__((always_inline)) void s8_each(const struct ax_weights *w, const struct ax_run *runs, int n_runs,
                                                          int8_t *plain, int8_t *packed, enum direction way)
{
    for (int g = 0; g < w->groups; g++, runs += n_runs)
        for (int block = 0; block * 16 < w->n; block++)
            for (int r = 0, c = 0; r < n_runs; c += runs[r++].channels)
                packed += 16 * s8_run(w, lanes_of(w, block), c, runs[r].channels,
                                      plain + ax_weights_at(w, g, block * 16, 0, 0, 0), packed, way);
}

void ax_pack_s8(const struct ax_weights *w, const struct ax_run *runs, int n_runs, const int8_t *from, int8_t *to)
{
    s8_each(w, runs, n_runs, (int8_t *)(uintptr_t)from, to, PACK);
}

void ax_unpack_s8(const struct ax_weights *w, const struct ax_run *runs, int n_runs, const int8_t *from, int8_t *to)
{
    s8_each(w, runs, n_runs, to, (int8_t *)(uintptr_t)from, UNPACK);
}

/* -- depthwise: channels side by side for every tap -- */

#define FOR_TAPS(w)                                                                                                            \
    for (int g = 0; g < (w)->groups; g++)                                                                                      \
        for (int y = 0; y < (w)->kh; y++)                                                                                      \
            for (int x = 0; x < (w)->kw; x++)

void ax_pack_dw_f32(const struct ax_weights *w, const float *from, float *to)
{
    FOR_TAPS(w) to[((int64_t)y * w->kw + x) * w->groups + g] = from[ax_weights_at(w, g, 0, 0, y, x)];
}

void ax_unpack_dw_f32(const struct ax_weights *w, const float *from, float *to)
{
    FOR_TAPS(w) to[ax_weights_at(w, g, 0, 0, y, x)] = from[((int64_t)y * w->kw + x) * w->groups + g];
}

void ax_pack_dw_s8(const struct ax_weights *w, const int8_t *from, int8_t *to)
{
    int64_t p = ax_round_up(w->groups, 16);
    FOR_TAPS(w) to[((int64_t)y * w->kw + x) * p + g] = from[ax_weights_at(w, g, 0, 0, y, x)];
}

void ax_unpack_dw_s8(const struct ax_weights *w, const int8_t *from, int8_t *to)
{
    int64_t p = ax_round_up(w->groups, 16);
    FOR_TAPS(w) to[ax_weights_at(w, g, 0, 0, y, x)] = from[((int64_t)y * w->kw + x) * p + g];
}
