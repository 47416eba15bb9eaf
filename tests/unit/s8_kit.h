/* Small programs of one int8 step with random shapes and values, in the spirit of checkasm: every kernel must leave the same
 * arena behind as the definition, whatever the number of threads. */
#ifndef TEST_S8_KIT_H
#define TEST_S8_KIT_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kernels/cpu.h"
#include "kernels/s8.h"
#include "program/activation.h"

enum { KIT_OPERANDS = 8, KIT_SPACE = 1 << 25, KIT_PLANES = 64 };

struct kit {
    uint64_t rng;
    int extreme; /* 0: random values, 1: all -128 or 127, 2: a mixture */
    struct ax_operand op[KIT_OPERANDS];
    struct ax_plane planes[KIT_OPERANDS][KIT_PLANES];
    int32_t zero[KIT_OPERANDS][4096];
    int n_ops;
    int in[8], out[1];
    struct ax_step step;
    struct ax_program program;
    uint8_t *arena, *constants, *before, *expected;
    int64_t arena_used, const_used;
    union {
        struct ax_conv_params conv;
        struct ax_matmul_params matmul;
        struct ax_pool_params pool;
        struct ax_table_params table;
        struct ax_binary_params binary;
        struct ax_move_params move;
        struct ax_resize_params resize;
    } p;
};

static uint64_t kit_next(struct kit *k)
{
    uint64_t z = (k->rng += 0x9e3779b97f4a7c15u);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

/* low <= result <= high */
static int kit_int(struct kit *k, int low, int high)
{
    return low + (int)(kit_next(k) % (uint64_t)(high - low + 1));
}

static float kit_float(struct kit *k, float low, float high)
{
    return low + (high - low) * ((float)(kit_next(k) >> 40) / 16777216.0f);
}

static int8_t kit_s8(struct kit *k, int low)
{
    static const int8_t extremes[] = {-128, 127, -127, -1, 0, 1};
    int v = kit_int(k, low, 127);
    if (k->extreme == 1) v = kit_next(k) >> 60 ? low : 127;
    if (k->extreme == 2 && kit_int(k, 0, 3)) v = extremes[kit_int(k, 0, 5)];
    return (int8_t)(v < low ? low : v);
}

static void kit_bytes(struct kit *k, uint8_t *to, int64_t n)
{
    for (int64_t i = 0; i < n; i++) to[i] = (uint8_t)kit_s8(k, -128);
}

static void *kit_alloc(size_t bytes)
{
    void *p = aligned_alloc(64, (bytes + 63) / 64 * 64);
    if (!p) abort();
    memset(p, 0, bytes);
    return p;
}

static struct kit *kit_new(void)
{
    struct kit *k = kit_alloc(sizeof *k);
    k->arena = kit_alloc(KIT_SPACE + AX_SLACK);
    k->constants = kit_alloc(KIT_SPACE + AX_SLACK);
    k->before = kit_alloc(KIT_SPACE + AX_SLACK);
    k->expected = kit_alloc(KIT_SPACE + AX_SLACK);
    return k;
}

static void kit_free(struct kit *k)
{
    free(k->arena);
    free(k->constants);
    free(k->before);
    free(k->expected);
    free(k);
}

static void kit_begin(struct kit *k, uint64_t seed)
{
    k->rng = seed;
    k->extreme = kit_int(k, 0, 5) < 3 ? 0 : kit_int(k, 1, 2);
    k->n_ops = 0;
    k->arena_used = k->const_used = 64;
    memset(&k->p, 0, sizeof k->p);
    memset(k->op, 0, sizeof k->op);
    for (int i = 0; i < 8; i++) k->in[i] = -1;
}

static int64_t kit_take(int64_t *used, int64_t bytes)
{
    int64_t at = *used;
    *used = (at + bytes + 64 + 63) / 64 * 64;
    if (*used > KIT_SPACE) abort();
    return at;
}

static int kit_operand(struct kit *k, enum ax_dtype t, int rank, const int64_t *dim)
{
    struct ax_operand *o = &k->op[k->n_ops];
    o->name = "";
    o->dtype = t;
    o->rank = rank;
    for (int i = 0; i < rank; i++) o->dim[i] = dim[i];
    return k->n_ops++;
}

static int64_t kit_bytes_of(const struct ax_operand *o)
{
    int64_t n = (int64_t)ax_dtype_bytes(o->dtype);
    for (int i = 0; i < o->rank; i++) n *= o->dim[i];
    return n;
}

static int kit_const(struct kit *k, enum ax_dtype t, int64_t count)
{
    int i = kit_operand(k, t, 1, &count);
    k->op[i].space = AX_SPACE_CONST;
    k->op[i].bytes = kit_bytes_of(&k->op[i]);
    k->op[i].offset = kit_take(&k->const_used, k->op[i].bytes);
    return i;
}

static void *kit_data(struct kit *k, int operand)
{
    return k->constants + k->op[operand].offset;
}

static int kit_plain(struct kit *k, enum ax_dtype t, int rank, const int64_t *dim)
{
    int i = kit_operand(k, t, rank, dim);
    k->op[i].space = AX_SPACE_ARENA;
    k->op[i].bytes = kit_bytes_of(&k->op[i]);
    k->op[i].offset = kit_take(&k->arena_used, k->op[i].bytes);
    kit_bytes(k, k->arena + k->op[i].offset, k->op[i].bytes);
    return i;
}

/* kinds of plane lists: as lowering makes them, odd widths, or views into wider planes */
enum kit_split { KIT_REGULAR, KIT_ODD, KIT_VIEWS };

static int kit_planes(struct kit *k, const int64_t dim[4], int halo_y, int halo_x, enum kit_split split)
{
    int i = kit_operand(k, AX_DTYPE_INT8, 4, dim);
    struct ax_operand *o = &k->op[i];
    o->space = AX_SPACE_ARENA;
    o->layout = AX_LAYOUT_PLANES;
    o->n = dim[0], o->h = dim[1], o->w = dim[2], o->c = dim[3];
    o->halo_top = halo_y, o->halo_bottom = halo_y, o->halo_left = halo_x, o->halo_right = halo_x;
    o->planes = k->planes[i];
    for (int64_t c = 0; c < o->c;) {
        struct ax_plane *p = &o->planes[o->n_planes++];
        int64_t most = split == KIT_ODD ? kit_int(k, 1, 64) : 64;
        int64_t width, first = 0;
        p->channels = (int32_t)(o->c - c < most ? o->c - c : most);
        width = p->channels;
        if (split == KIT_VIEWS) {
            first = kit_int(k, 0, 20);
            width = first + p->channels + kit_int(k, 0, 20);
            p->flags = AX_PLANE_SHARED;
        }
        p->pixel_stride = (int32_t)(width <= 4 ? 4 : s8_round_up(width, 16));
        p->row_stride = p->pixel_stride * (o->w + 2 * halo_x);
        p->image_stride = p->row_stride * (o->h + 2 * halo_y);
        int64_t at = kit_take(&k->arena_used, p->image_stride * o->n);
        kit_bytes(k, k->arena + at, p->image_stride * o->n);
        p->offset = at + halo_y * p->row_stride + halo_x * p->pixel_stride + first;
        c += p->channels;
    }
    int per_channel = kit_int(k, 0, 1);
    static const float one = 1.0f;
    o->quant = (struct ax_quant){per_channel ? (int)o->c : 1, 3, &one, k->zero[i]};
    for (int64_t c = 0; c < o->quant.count; c++) k->zero[i][c] = kit_s8(k, -128);
    for (int64_t n = 0; n < o->n; n++) ax_planes_fill_halo(o, k->arena, n, 0, o->h);
    return i;
}

static enum kit_split kit_any_split(struct kit *k)
{
    return (enum kit_split)kit_int(k, 0, 2);
}

/* Epilogue rows for p channels; k_total gives the size of the accumulators. */
static int kit_epi(struct kit *k, int64_t p, int64_t k_total)
{
    int i = kit_const(k, AX_DTYPE_INT32, AX_EPI_ROWS * p);
    int32_t *row = kit_data(k, i);
    float *f = (float *)row, unit = 0.03f / (1.0f + (float)k_total * 0.1f);
    for (int64_t n = 0; n < p; n++) {
        row[AX_EPI_BIAS * p + n] = kit_int(k, -20000, 20000);
        f[AX_EPI_MUL * p + n] = kit_float(k, -0.1f, 1.0f) * unit;
        f[AX_EPI_ADD * p + n] = kit_float(k, -30.0f, 30.0f);
        f[AX_EPI_INV * p + n] = kit_float(k, 0.5f, 20.0f);
        f[AX_EPI_ZERO * p + n] = kit_float(k, -100.0f, 100.0f);
        f[AX_EPI_LO * p + n] = (float)kit_int(k, -128, -100);
        f[AX_EPI_HI * p + n] = (float)kit_int(k, 100, 127);
        f[AX_EPI_RES * p + n] = kit_float(k, -2.0f, 2.0f);
        f[AX_EPI_SLOPE * p + n] = kit_float(k, -1.0f, 1.0f);
        row[AX_EPI_ZA * p + n] = kit_int(k, -128, 127);
        row[AX_EPI_ZB * p + n] = kit_int(k, -128, 127);
    }
    return i;
}

static void kit_step(struct kit *k, enum ax_step_kind kind, int n_in, int out)
{
    k->out[0] = out;
    k->step = (struct ax_step){
        .kind = kind, .node = -1, .name = "", .n_in = n_in, .n_out = 1, .in = k->in, .out = k->out, .params = &k->p};
    k->program = (struct ax_program){.operands = k->op,
                                     .n_operands = k->n_ops,
                                     .steps = &k->step,
                                     .n_steps = 1,
                                     .arena_bytes = k->arena_used,
                                     .const_data = k->constants,
                                     .const_bytes = k->const_used};
    memcpy(k->before, k->arena, (size_t)k->arena_used);
}

static uint8_t *kit_base(struct kit *k, int operand)
{
    if (operand < 0) return NULL;
    const struct ax_operand *o = &k->op[operand];
    uint8_t *space = o->space == AX_SPACE_CONST ? k->constants : k->arena;
    return o->layout == AX_LAYOUT_PLANES ? space : space + o->offset;
}

/* What the executor does with a step: prepare once, then every thread's share. */
struct kit_run {
    const struct ax_kernel *kernel;
    void *state;
    uint8_t *scratch;
    int threads;
};

static struct kit_run kit_prepare(struct kit *k, const struct ax_kernel *kernel, int threads)
{
    struct kit_run r = {.kernel = kernel, .threads = threads};
    if (kernel->prepare) r.state = kernel->prepare(&k->program, &k->step);
    int64_t bytes = kernel->scratch ? kernel->scratch(&k->program, &k->step) : 0;
    r.scratch = kit_alloc((size_t)bytes + 64);
    return r;
}

static void kit_execute(struct kit *k, const struct kit_run *r)
{
    const struct ax_operand *in[8], *out[1] = {&k->op[k->out[0]]};
    uint8_t *in_data[8], *out_data[1] = {kit_base(k, k->out[0])};
    for (int i = 0; i < 8; i++) {
        in[i] = k->in[i] < 0 ? NULL : &k->op[k->in[i]];
        in_data[i] = kit_base(k, k->in[i]);
    }
    for (int thread = 0; thread < r->threads; thread++) {
        struct ax_task t = {&k->step, in, out, in_data, out_data, &k->p, r->state, r->scratch, thread, r->threads};
        r->kernel->run(&t);
    }
}

static void kit_done(struct kit_run *r)
{
    free(r->state);
    free(r->scratch);
}

/* Padding channels of planes that nobody shares may hold anything: not compared. */
static void kit_forget_padding(const struct ax_operand *o, uint8_t *space)
{
    if (o->layout != AX_LAYOUT_PLANES) return;
    for (int i = 0; i < o->n_planes; i++) {
        const struct ax_plane *p = &o->planes[i];
        int room = p->pixel_stride - p->channels;
        if (p->flags & AX_PLANE_SHARED || !room) continue;
        uint8_t *at = space + p->offset - o->halo_top * p->row_stride - o->halo_left * p->pixel_stride + p->channels;
        for (int64_t n = o->n * p->image_stride / p->pixel_stride; n > 0; n--, at += p->pixel_stride)
            memset(at, 0, (size_t)room);
    }
}

static void kit_result(struct kit *k, const struct ax_kernel *kernel, int threads)
{
    memcpy(k->arena, k->before, (size_t)k->arena_used);
    struct kit_run r = kit_prepare(k, kernel, threads);
    kit_execute(k, &r);
    kit_done(&r);
    kit_forget_padding(&k->op[k->out[0]], k->arena);
}

static const struct ax_kernel *kit_definition(enum ax_step_kind kind)
{
    const struct ax_kernel *last = NULL;
    for (int i = 0; ax_kernels[i]; i++)
        if (ax_kernels[i]->kind == kind) last = ax_kernels[i];
    return last;
}

static int kit_differs(struct kit *k, const struct ax_kernel *kernel, int threads, uint64_t seed)
{
    kit_result(k, kernel, threads);
    for (int64_t i = 0; i < k->arena_used; i++)
        if (k->arena[i] != k->expected[i]) {
            const struct ax_operand *y = &k->op[k->out[0]];
            fprintf(stderr, "%s, %d threads, seed %llu: byte %lld is %d, expected %d (output from %lld, %s)\n", kernel->name,
                    threads, (unsigned long long)seed, (long long)i, (int8_t)k->arena[i], (int8_t)k->expected[i],
                    (long long)(y->layout == AX_LAYOUT_PLANES ? y->planes[0].offset : y->offset), ax_dtype_text(y->dtype));
            return 1;
        }
    return 0;
}

/* All kernels of the list that this machine has and that take the step, against the definition; returns how many differ. */
static int kit_check(struct kit *k, const struct ax_kernel *const *list, uint32_t cpu, uint64_t seed, int *tried)
{
    const struct ax_kernel *truth = kit_definition(k->step.kind);
    int bad = 0;
    kit_result(k, truth, 1);
    memcpy(k->expected, k->arena, (size_t)k->arena_used);
    for (int threads = 2; threads <= 3; threads++) bad += kit_differs(k, truth, threads, seed);
    for (int i = 0; list[i]; i++) {
        if (list[i]->kind != k->step.kind || list[i] == truth || (list[i]->cpu & ~cpu)) continue;
        if (list[i]->fits && !list[i]->fits(&k->program, &k->step)) continue;
        for (int threads = 1; threads <= 3; threads++) bad += kit_differs(k, list[i], threads, seed);
        ++*tried;
    }
    return bad;
}

#endif
