/* Weights in the order in which kernels read them (program/steps.h), and back: packing can be undone, so that a compiled
 * model can be cut or joined. */
#ifndef AX_LOWER_PACK_H
#define AX_LOWER_PACK_H

#include <stdint.h>

/* How weights lie in the graph: n outputs and c inputs a group, kh x kw taps; strides in elements. */
struct ax_weights {
    int groups, n, c, kh, kw;
    int64_t sg, sn, sc, sy, sx;
};
static inline int64_t ax_weights_at(const struct ax_weights *w, int g, int n, int c, int y, int x)
{
    return g * w->sg + n * w->sn + c * w->sc + y * w->sy + x * w->sx;
}

struct ax_run { /* as in the `runs` constant */
    int32_t plane, first, channels;
};

static inline int ax_round_up(int v, int to)
{
    return (v + to - 1) / to * to;
}

/* [group][N/16][K][16] float; K = ky, kx, c */
int64_t ax_packed_f32_count(const struct ax_weights *w);
void ax_pack_f32(const struct ax_weights *w, const float *from, float *to); /* `to` is zeroed before */
void ax_unpack_f32(const struct ax_weights *w, const float *from, float *to);

/* [group][N/16][K/4][16][4] int8; K = for each run, ky, kx, its channels padded to 4. `runs` lists n_runs of each group,
 * group after group. */
int64_t ax_packed_s8_bytes(const struct ax_weights *w, const struct ax_run *runs, int n_runs);
void ax_pack_s8(const struct ax_weights *w, const struct ax_run *runs, int n_runs, const int8_t *from, int8_t *to);
void ax_unpack_s8(const struct ax_weights *w, const struct ax_run *runs, int n_runs, const int8_t *from, int8_t *to);

/* Depthwise (n = c = 1): float [kh][kw][C], int8 [kh kw][P]. */
void ax_pack_dw_f32(const struct ax_weights *w, const float *from, float *to);
void ax_unpack_dw_f32(const struct ax_weights *w, const float *from, float *to);
void ax_pack_dw_s8(const struct ax_weights *w, const int8_t *from, int8_t *to);
void ax_unpack_dw_s8(const struct ax_weights *w, const int8_t *from, int8_t *to);

#endif
