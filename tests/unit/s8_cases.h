/* A random case of each kind of int8 step, on the kit. */
#ifndef TEST_S8_CASES_H
#define TEST_S8_CASES_H

#include "s8_kit.h"

static int case_out(int in, int pad, int k, int dilation, int stride)
{
    return (in + pad - ((k - 1) * dilation + 1)) / stride + 1;
}

/* Kernel size, strides, dilations and pads for an image of h x w, so that there is an output. */
static void case_geometry(struct kit *k, struct ax_conv_params *p, int h, int w)
{
    do {
        p->kh = kit_int(k, 1, 5), p->kw = kit_int(k, 1, 5);
        if (kit_int(k, 0, 2) == 0) p->kh = p->kw = kit_int(k, 0, 1) ? 1 : 3;
        p->stride_h = kit_int(k, 1, 3), p->stride_w = kit_int(k, 1, 3);
        if (kit_int(k, 0, 1)) p->stride_h = p->stride_w = 1;
        p->dilation_h = kit_int(k, 0, 4) ? 1 : 2, p->dilation_w = kit_int(k, 0, 4) ? 1 : 2;
        p->pad_top = kit_int(k, 0, p->kh / 2), p->pad_left = kit_int(k, 0, p->kw / 2);
        p->pad_bottom = kit_int(k, 0, p->kh / 2), p->pad_right = kit_int(k, 0, p->kw / 2);
    } while ((p->kh - 1) * p->dilation_h + 1 > h + p->pad_top + p->pad_bottom ||
             (p->kw - 1) * p->dilation_w + 1 > w + p->pad_left + p->pad_right);
}

static int case_act(struct kit *k)
{
    static const int common[] = {AX_ACT_NONE, AX_ACT_RELU,    AX_ACT_CLIP,       AX_ACT_LEAKY_RELU, AX_ACT_PRELU,
                                 AX_ACT_SILU, AX_ACT_SIGMOID, AX_ACT_HARD_SWISH, AX_ACT_GELU,       AX_ACT_TANH};
    return common[kit_int(k, 0, 9)];
}

static void case_epilogue(struct kit *k, int32_t *act, float *alpha, float *beta, int32_t *linear)
{
    *linear = kit_int(k, 0, 1);
    *act = *linear ? AX_ACT_NONE : case_act(k);
    *alpha = *act == AX_ACT_CLIP ? -1.0f : 0.3f;
    *beta = 2.5f;
}

/* Output of a step: int8 planes, or now and then PLAIN float32. */
static int case_output(struct kit *k, const int64_t dim[4])
{
    if (kit_int(k, 0, 4) == 0) return kit_plain(k, AX_DTYPE_FLOAT32, 4, dim);
    int halo = kit_int(k, 0, 2);
    return kit_planes(k, dim, halo, halo, kit_any_split(k));
}

/* The runs of each group, as lowering cuts them: by planes, at most 64 channels; short lists end with empty runs. */
static int case_runs(struct kit *k, const struct ax_operand *x, int groups)
{
    enum { MOST = 64 };
    int32_t list[64][MOST][3];
    int count[64] = {0}, most = 1;
    int64_t per_group = x->c / groups, base = 0;
    memset(list, 0, sizeof list);
    for (int p = 0; p < x->n_planes; base += x->planes[p++].channels)
        for (int64_t c = 0; c < x->planes[p].channels;) {
            int64_t all = base + c, group = all / per_group, left = (group + 1) * per_group - all;
            int64_t len = x->planes[p].channels - c < left ? x->planes[p].channels - c : left;
            int32_t *r = list[group][count[group]++];
            r[0] = p, r[1] = (int32_t)c, r[2] = (int32_t)len;
            if (count[group] > most) most = count[group];
            c += len;
        }
    int i = kit_const(k, AX_DTYPE_INT32, (int64_t)groups * most * 3);
    for (int g = 0; g < groups; g++) memcpy((int32_t *)kit_data(k, i) + g * most * 3, list[g], (size_t)most * 12);
    return i;
}

/* Packed weights: padding channels and padding columns are zero. */
static int case_weights(struct kit *k, struct ax_conv_params *p, const struct ax_operand *x, int runs, int64_t outputs)
{
    const int32_t *r = kit_data(k, runs);
    int64_t n_group = outputs / p->groups, blocks = (n_group + 15) / 16, per = k->op[runs].dim[0] / 3 / p->groups, total = 0;
    (void)x;
    for (int64_t i = 0; i < per * p->groups; i++) total += s8_round_up(r[i * 3 + 2], 4) * p->kh * p->kw * blocks * 16;
    int w = kit_const(k, AX_DTYPE_INT8, total);
    int8_t *at = kit_data(k, w);
    int low = kit_int(k, 0, 3) ? -127 : -128;
    for (int g = 0; g < p->groups; g++)
        for (int64_t b = 0; b < blocks; b++)
            for (int64_t i = 0; i < per; i++)
                for (int tap = 0; tap < p->kh * p->kw; tap++)
                    for (int c = 0; c < s8_round_up(r[(g * per + i) * 3 + 2], 4); c++)
                        for (int j = 0; j < 16; j++) {
                            int real = c < r[(g * per + i) * 3 + 2] && b * 16 + j < n_group;
                            at[c / 4 * 64 + j * 4 + c % 4] = real ? kit_s8(k, low) : 0;
                            if (j == 15 && c + 1 == s8_round_up(r[(g * per + i) * 3 + 2], 4)) at += (c + 1) * 16;
                        }
    return w;
}

static void case_residual(struct kit *k, int slot, const int64_t dim[4], int32_t *residual, int linear)
{
    *residual = kit_int(k, 0, 2);
    if (linear && *residual == AX_RESIDUAL_POST) *residual = AX_RESIDUAL_PRE;
    if (*residual) k->in[slot] = kit_planes(k, dim, 0, 0, kit_any_split(k));
}

static int64_t case_k_total(struct kit *k, int w, int64_t outputs)
{
    return k->op[w].dim[0] / (outputs + 1) + 1;
}

static void case_conv(struct kit *k, int transposed)
{
    struct ax_conv_params *p = &k->p.conv;
    int h = kit_int(k, 1, 11), w = kit_int(k, 1, 19), n = kit_int(k, 0, 3) ? 1 : 2;
    p->groups = kit_int(k, 0, 3) ? 1 : kit_int(k, 2, 4);
    int c = p->groups * kit_int(k, 1, p->groups > 1 ? 40 : kit_int(k, 0, 2) ? 150 : 10);
    int outputs = p->groups * kit_int(k, 1, p->groups > 1 ? 40 : 100);
    int planes = kit_int(k, 0, 3) == 0; /* of 64 channels, with long rows: what tiles are loaded from directly */
    if (planes) p->groups = 1, c = 64 * kit_int(k, 1, 2), w = kit_int(k, 16, 140), h = kit_int(k, 1, 4);
    case_geometry(k, p, h, w);
    case_epilogue(k, &p->act, &p->alpha, &p->beta, &p->linear);
    int oh = case_out(h, p->pad_top + p->pad_bottom, p->kh, p->dilation_h, p->stride_h);
    int ow = case_out(w, p->pad_left + p->pad_right, p->kw, p->dilation_w, p->stride_w);
    if (transposed) {
        oh = (h - 1) * p->stride_h - p->pad_top - p->pad_bottom + (p->kh - 1) * p->dilation_h + 1;
        ow = (w - 1) * p->stride_w - p->pad_left - p->pad_right + (p->kw - 1) * p->dilation_w + 1;
        oh = oh < 1 ? 1 : oh, ow = ow < 1 ? 1 : ow;
    }
    int64_t in[4] = {n, h, w, c}, out[4] = {n, oh, ow, outputs};
    k->in[0] = kit_planes(k, in, transposed ? kit_int(k, 0, 1) : 2, transposed ? 0 : kit_int(k, 2, 3),
                          planes ? KIT_REGULAR : kit_any_split(k));
    k->in[2] = case_runs(k, &k->op[k->in[0]], p->groups);
    k->in[1] = case_weights(k, p, &k->op[k->in[0]], k->in[2], outputs);
    k->in[3] = kit_epi(k, p->groups * s8_round_up(outputs / p->groups, 16), case_k_total(k, k->in[1], outputs));
    case_residual(k, 4, out, &p->residual, p->linear);
    kit_step(k, transposed ? AX_STEP_CONVT_S8 : AX_STEP_CONV_S8, 5, case_output(k, out));
}

static void case_dwconv(struct kit *k)
{
    struct ax_conv_params *p = &k->p.conv;
    int h = kit_int(k, 1, 11), w = kit_int(k, 1, 19), n = kit_int(k, 1, 2), c = kit_int(k, 1, 150);
    case_geometry(k, p, h, w);
    case_epilogue(k, &p->act, &p->alpha, &p->beta, &p->linear);
    p->groups = c;
    int64_t in[4] = {n, h, w, c}, padded = s8_round_up(c, 16);
    int64_t out[4] = {n, case_out(h, p->pad_top + p->pad_bottom, p->kh, p->dilation_h, p->stride_h),
                      case_out(w, p->pad_left + p->pad_right, p->kw, p->dilation_w, p->stride_w), c};
    k->in[0] = kit_planes(k, in, 2, 2, kit_any_split(k));
    k->in[1] = kit_const(k, AX_DTYPE_INT8, p->kh * p->kw * padded);
    int8_t *at = kit_data(k, k->in[1]);
    for (int i = 0; i < p->kh * p->kw * padded; i++) at[i] = i % padded < c ? kit_s8(k, -128) : 0;
    k->in[2] = kit_epi(k, padded, p->kh * p->kw);
    case_residual(k, 3, out, &p->residual, p->linear);
    kit_step(k, AX_STEP_DWCONV_S8, 4, case_output(k, out));
}

static void case_pool(struct kit *k)
{
    struct ax_pool_params *p = &k->p.pool;
    struct ax_conv_params g = {0};
    int h = kit_int(k, 1, 11), w = kit_int(k, 1, 19), c = kit_int(k, 1, 150);
    case_geometry(k, &g, h, w);
    p->kh = g.kh, p->kw = g.kw, p->stride_h = g.stride_h, p->stride_w = g.stride_w;
    p->dilation_h = g.dilation_h, p->dilation_w = g.dilation_w, p->pad_top = g.pad_top, p->pad_left = g.pad_left;
    p->pad_bottom = g.pad_bottom, p->pad_right = g.pad_right;
    p->average = kit_int(k, 0, 1);
    p->count_include_pad = kit_int(k, 0, 1);
    int64_t in[4] = {2, h, w, c}, out[4] = {2, 0, 0, c};
    out[1] = case_out(h, p->pad_top + p->pad_bottom + kit_int(k, 0, p->stride_h - 1), p->kh, p->dilation_h, p->stride_h);
    out[2] = case_out(w, p->pad_left + p->pad_right + kit_int(k, 0, p->stride_w - 1), p->kw, p->dilation_w, p->stride_w);
    int halo = kit_int(k, 0, 2);
    k->in[0] = kit_planes(k, in, halo, halo, kit_any_split(k));
    if (!p->average) {
        kit_step(k, AX_STEP_POOL_S8, 1, kit_planes(k, out, halo, 0, kit_any_split(k)));
        return;
    }
    case_epilogue(k, &p->act, &p->alpha, &p->beta, &p->linear);
    k->in[1] = kit_epi(k, s8_round_up(c, 16), 1);
    kit_step(k, AX_STEP_POOL_S8, 2, case_output(k, out));
}

static void case_binary(struct kit *k)
{
    static const int ops[] = {AX_BINARY_ADD, AX_BINARY_SUB, AX_BINARY_MUL};
    struct ax_binary_params *p = &k->p.binary;
    int64_t dim[4] = {kit_int(k, 1, 2), kit_int(k, 1, 6), kit_int(k, 1, 13), kit_int(k, 1, 150)};
    int64_t one[4] = {dim[0], 1, 1, dim[3]};
    int broadcast = kit_int(k, 0, 3);
    p->op = ops[kit_int(k, 0, 2)];
    case_epilogue(k, &p->act, &p->alpha, &p->beta, &p->linear);
    k->in[0] = kit_planes(k, broadcast == 1 ? one : dim, 1, 1, kit_any_split(k));
    k->in[1] = kit_planes(k, broadcast == 2 ? one : dim, 0, 0, kit_any_split(k));
    k->in[2] = kit_epi(k, s8_round_up(dim[3], 16), 1);
    kit_step(k, AX_STEP_BINARY_S8, 3, case_output(k, dim));
}

static void case_table(struct kit *k)
{
    int64_t dim[4] = {1, kit_int(k, 1, 6), kit_int(k, 1, 13), kit_int(k, 1, 150)};
    k->p.table.tables = kit_int(k, 0, 1) ? 1 : (int32_t)dim[3];
    k->in[1] = kit_const(k, AX_DTYPE_INT8, k->p.table.tables * 256);
    kit_bytes(k, kit_data(k, k->in[1]), k->p.table.tables * 256);
    int plain = kit_int(k, 0, 3) == 0;
    k->in[0] = plain ? kit_plain(k, AX_DTYPE_INT8, 4, dim) : kit_planes(k, dim, 1, 1, kit_any_split(k));
    kit_step(k, AX_STEP_TABLE_S8, 2, plain ? kit_plain(k, AX_DTYPE_INT8, 4, dim) : kit_planes(k, dim, 1, 0, kit_any_split(k)));
}

static int case_map(struct kit *k, int64_t n, int64_t limit)
{
    int i = kit_const(k, AX_DTYPE_INT32, n), start = kit_int(k, 0, (int)limit - 1);
    int32_t *at = kit_data(k, i);
    for (int64_t j = 0; j < n; j++) {
        at[j] = (int32_t)((start + j) % limit);
        if (kit_int(k, 0, 7) == 0) at[j] = kit_int(k, -1, (int)limit - 1);
    }
    return i;
}

static void case_move(struct kit *k)
{
    struct ax_move_params *p = &k->p.move;
    p->block_h = kit_int(k, 1, 2), p->block_w = kit_int(k, 1, 3);
    int64_t in[4] = {2, kit_int(k, 1, 6), kit_int(k, 1, 9), kit_int(k, 1, 150)};
    int64_t out[4] = {2, kit_int(k, 1, 9), kit_int(k, 1, 13), kit_int(k, 1, 150)};
    k->in[0] = kit_planes(k, in, 1, 1, kit_any_split(k));
    k->in[1] = case_map(k, out[1], in[1]);
    k->in[2] = case_map(k, out[2], in[2]);
    k->in[3] = case_map(k, out[3] * p->block_h * p->block_w, in[3]);
    k->in[4] = kit_const(k, AX_DTYPE_INT8, out[3]);
    kit_bytes(k, kit_data(k, k->in[4]), out[3]);
    kit_step(k, AX_STEP_MOVE_S8, 5, kit_planes(k, out, 1, 1, kit_any_split(k)));
}

static void case_resize(struct kit *k)
{
    struct ax_resize_params *p = &k->p.resize;
    int64_t in[4] = {2, kit_int(k, 1, 9), kit_int(k, 1, 9), kit_int(k, 1, 150)};
    int64_t out[4] = {2, kit_int(k, 1, 17), kit_int(k, 1, 17), in[3]};
    p->mode = AX_RESIZE_LINEAR;
    p->coordinate = kit_int(k, AX_RESIZE_HALF_PIXEL, AX_RESIZE_ASYMMETRIC);
    for (int i = 0; i < 4; i++) p->scale[i] = (float)out[i] / (float)in[i];
    k->in[0] = kit_planes(k, in, 1, 1, kit_any_split(k));
    kit_step(k, AX_STEP_RESIZE_S8, 1, kit_planes(k, out, 1, 1, kit_any_split(k)));
}

static void case_matmul(struct kit *k)
{
    struct ax_matmul_params *p = &k->p.matmul;
    p->m = kit_int(k, 1, 20), p->n = kit_int(k, 1, 70), p->k = kit_int(k, 1, 130);
    p->batch_rank = 2, p->batch[0] = kit_int(k, 1, 2), p->batch[1] = kit_int(k, 1, 3);
    int share_b = kit_int(k, 0, 1);
    int64_t a[4] = {p->batch[0], p->batch[1], p->m, p->k}, b[4] = {p->batch[0], share_b ? 1 : p->batch[1], p->k, p->n};
    int64_t y[4] = {p->batch[0], p->batch[1], p->m, p->n};
    p->a_stride[1] = p->m * p->k, p->a_stride[0] = p->a_stride[1] * p->batch[1];
    p->b_stride[1] = share_b ? 0 : p->k * p->n, p->b_stride[0] = p->k * p->n * (int32_t)b[1];
    case_epilogue(k, &p->act, &p->alpha, &p->beta, &p->linear);
    k->in[0] = kit_plain(k, AX_DTYPE_INT8, 4, a);
    k->in[1] = kit_plain(k, AX_DTYPE_INT8, 4, b);
    k->in[2] = kit_epi(k, s8_round_up(p->n, 16), p->k * 16);
    kit_step(k, AX_STEP_MATMUL_S8, 3, kit_plain(k, kit_int(k, 0, 1) ? AX_DTYPE_INT8 : AX_DTYPE_FLOAT32, 4, y));
}

static void case_pack(struct kit *k, int back)
{
    int64_t dim[4] = {2, kit_int(k, 1, 6), kit_int(k, 1, 13), kit_int(k, 1, 150)};
    k->in[0] = back ? kit_planes(k, dim, 1, 1, kit_any_split(k)) : kit_plain(k, AX_DTYPE_INT8, 4, dim);
    kit_step(k, back ? AX_STEP_UNPACK : AX_STEP_PACK, 1,
             back ? kit_plain(k, AX_DTYPE_INT8, 4, dim) : kit_planes(k, dim, 2, 1, kit_any_split(k)));
}

static void case_make(struct kit *k, enum ax_step_kind kind, uint64_t seed)
{
    kit_begin(k, seed);
    switch (kind) {
    case AX_STEP_CONV_S8: case_conv(k, 0); break;
    case AX_STEP_CONVT_S8: case_conv(k, 1); break;
    case AX_STEP_DWCONV_S8: case_dwconv(k); break;
    case AX_STEP_MATMUL_S8: case_matmul(k); break;
    case AX_STEP_POOL_S8: case_pool(k); break;
    case AX_STEP_TABLE_S8: case_table(k); break;
    case AX_STEP_BINARY_S8: case_binary(k); break;
    case AX_STEP_MOVE_S8: case_move(k); break;
    case AX_STEP_RESIZE_S8: case_resize(k); break;
    case AX_STEP_PACK: case_pack(k, 0); break;
    default: case_pack(k, 1); break;
    }
}

/* `rounds` cases of a kind; returns how many kernels differed from the definition. */
static int case_sweep(const struct ax_kernel *const *list, uint32_t cpu, enum ax_step_kind kind, uint64_t seed, int rounds,
                      int *tried)
{
    struct kit *k = kit_new();
    int bad = 0;
    for (int i = 0; i < rounds && bad < 4; i++) {
        case_make(k, kind, seed + (uint64_t)i * 1000003u);
        bad += kit_check(k, list, cpu, seed + (uint64_t)i * 1000003u, tried);
    }
    kit_free(k);
    return bad;
}

#endif
