/* The step that reads an operand as weights says how they are packed; the constant's shape says where its elements go. */
#include "lower/unpack.h"

#include <stdlib.h>
#include <string.h>

#include "lower/pack.h"

static bool is_weighted(enum ax_step_kind k)
{
    return k == AX_STEP_CONV_F32 || k == AX_STEP_DWCONV_F32 || k == AX_STEP_CONVT_F32 || k == AX_STEP_CONV_S8 ||
           k == AX_STEP_DWCONV_S8 || k == AX_STEP_CONVT_S8;
}

static const struct ax_step *reader_of(const struct ax_program *p, int operand)
{
    for (int i = 0; i < p->n_steps; i++)
        if (is_weighted(p->steps[i].kind) && p->steps[i].in[1] == operand) return &p->steps[i];
    return NULL;
}

static bool small(int64_t v)
{
    return v >= 1 && v <= 1 << 24;
}

/* The view of [M, C/group, ...] or [C, M/group, ...]; false if the shape does not fit the step. */
static bool view_conv(const struct ax_conv_params *c, const struct ax_shape *s, bool transposed, struct ax_weights *w)
{
    int64_t kh = s->rank == 4 ? s->dim[2] : 1, kw = s->dim[s->rank - 1];
    if (s->rank < 3 || s->rank > 4 || kh != c->kh || kw != c->kw || c->groups < 1 || s->dim[0] % c->groups) return false;
    int64_t a = s->dim[0] / c->groups, b = s->dim[1], taps = kh * kw;
    *w = (struct ax_weights){.groups = c->groups,
                             .n = (int)(transposed ? b : a),
                             .c = (int)(transposed ? a : b),
                             .kh = (int)kh,
                             .kw = (int)kw,
                             .sg = a * b * taps,
                             .sn = transposed ? taps : b * taps,
                             .sc = transposed ? b * taps : taps,
                             .sy = kw,
                             .sx = 1};
    return true;
}

static bool view_rows(const struct ax_conv_params *c, const struct ax_shape *s, struct ax_weights *w)
{
    if (s->rank < 1 || c->groups != 1 || c->kh != 1 || c->kw != 1) return false;
    int64_t a = s->rank > 1 ? s->dim[s->rank - 2] : s->dim[0], b = s->rank > 1 ? s->dim[s->rank - 1] : 1;
    bool n_first = c->weights == AX_WEIGHTS_N_K;
    *w = (struct ax_weights){.groups = 1,
                             .n = (int)(n_first ? a : b),
                             .c = (int)(n_first ? b : a),
                             .kh = 1,
                             .kw = 1,
                             .sn = n_first ? b : 1,
                             .sc = n_first ? 1 : b};
    return true;
}

static bool view_of(const struct ax_step *s, const struct ax_value *v, struct ax_weights *w)
{
    const struct ax_conv_params *c = s->params;
    bool transposed = s->kind == AX_STEP_CONVT_F32 || s->kind == AX_STEP_CONVT_S8;
    for (int i = 0; i < v->shape.rank; i++)
        if (!small(v->shape.dim[i])) return false;
    if (!(c->weights == AX_WEIGHTS_CONV ? view_conv(c, &v->shape, transposed, w) : view_rows(c, &v->shape, w))) return false;
    int64_t count = (int64_t)w->groups * w->n * w->c * w->kh * w->kw;
    return count == ax_shape_count(&v->shape);
}

/* Runs must cover each group's inputs, and what they describe lie within the operand. */
static bool runs_fit(const struct ax_program *p, const struct ax_step *s, const struct ax_weights *w,
                     const struct ax_run **runs, int *n_runs)
{
    if (s->n_in < 3 || s->in[2] < 0) return false;
    const struct ax_operand *o = &p->operands[s->in[2]];
    int64_t all = o->bytes / (int64_t)sizeof **runs;
    if (o->space != AX_SPACE_CONST || all % w->groups || all < w->groups) return false;
    *runs = (const struct ax_run *)(p->const_data + o->offset);
    *n_runs = (int)(all / w->groups);
    for (int g = 0; g < w->groups; g++) {
        int64_t c = 0;
        for (int r = 0; r < *n_runs; r++) {
            int32_t len = (*runs)[(int64_t)g * *n_runs + r].channels;
            if (len < 0 || len > w->c) return false;
            c += len;
        }
        if (c != w->c) return false;
    }
    return true;
}

static bool unpack(const struct ax_program *p, const struct ax_step *s, const struct ax_operand *o, const struct ax_value *v,
                   void *out)
{
    struct ax_weights w;
    if (o->space != AX_SPACE_CONST || o->dtype != v->dtype || !view_of(s, v, &w)) return false;
    const void *from = p->const_data + o->offset;
    int64_t taps = (int64_t)w.kh * w.kw;
    const struct ax_run *runs;
    int n_runs;
    switch (s->kind) {
    case AX_STEP_DWCONV_F32:
    case AX_STEP_DWCONV_S8: {
        bool s8 = s->kind == AX_STEP_DWCONV_S8;
        if (w.n != 1 || w.c != 1 || o->bytes < taps * (s8 ? ax_round_up(w.groups, 16) : 4 * (int64_t)w.groups)) return false;
        if (s8)
            ax_unpack_dw_s8(&w, from, out);
        else
            ax_unpack_dw_f32(&w, from, out);
        return true;
    }
    case AX_STEP_CONV_S8:
    case AX_STEP_CONVT_S8:
        if (!runs_fit(p, s, &w, &runs, &n_runs) || o->bytes < ax_packed_s8_bytes(&w, runs, n_runs)) return false;
        ax_unpack_s8(&w, runs, n_runs, from, out);
        return true;
    default:
        if (o->bytes < 4 * ax_packed_f32_count(&w)) return false;
        ax_unpack_f32(&w, from, out);
        return true;
    }
}

enum ax_status ax_lower_unpack(void *ctx, const struct ax_program *p, int operand, const struct ax_value *v, void *out,
                               struct ax_error *err)
{
    (void)ctx;
    const struct ax_step *s = operand >= 0 && operand < p->n_operands ? reader_of(p, operand) : NULL;
    if (s && (v->dtype == AX_DTYPE_INT8 || v->dtype == AX_DTYPE_FLOAT32) && unpack(p, s, &p->operands[operand], v, out))
        return AX_OK;
    return ax_fail(err, AX_FORMAT, "constant \"%s\": operand %d does not hold its packed weights", v->name, operand);
}

/* -- which constants need not be stored twice -- */

static bool gives_back(const struct ax_program *p, int operand, const struct ax_value *v, void *scratch)
{
    struct ax_error ignored;
    return ax_lower_unpack(NULL, p, operand, v, scratch, &ignored) == AX_OK &&
           !memcmp(scratch, v->data, (size_t)ax_value_bytes(v));
}

enum ax_status ax_lower_packed(const struct ax_graph *g, const struct ax_program *p, int *packed, struct ax_error *err)
{
    for (int i = 0; i < g->n_values; i++) packed[i] = -1;
    for (int i = 0; i < p->n_steps; i++) {
        const struct ax_step *s = &p->steps[i];
        if (!is_weighted(s->kind) || s->node < 0 || s->node >= g->n_nodes) continue;
        int w = ax_in(&g->nodes[s->node], 1);
        if (!ax_is_const(g, w) || packed[w] >= 0) continue;
        void *scratch = calloc(1, (size_t)ax_value_bytes(&g->values[w]) + 1);
        if (!scratch) return ax_fail(err, AX_NO_MEMORY, "no memory to unpack \"%s\"", g->values[w].name);
        if (gives_back(p, s->in[1], &g->values[w], scratch)) packed[w] = s->in[1];
        free(scratch);
    }
    return AX_OK;
}
