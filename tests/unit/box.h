/* A program of one step for kernel tests: operands lie in the arena with guard bytes between them, filled from a seed; the
 * step runs under every mask of CPU features and with 1 to 3 threads, and all must leave the same bytes everywhere. */
#ifndef AX_TEST_BOX_H
#define AX_TEST_BOX_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "exec/exec.h"
#include "kernels/cpu.h"
#include "program/program.h"

enum { BOX_OPERANDS = 8, BOX_GUARD = 64 };
#define BOX_SCALAR (1u << 31) /* a mask that allows no feature */

struct box {
    struct ax_program p;
    struct ax_operand ops[BOX_OPERANDS];
    struct ax_step step;
    int in[BOX_OPERANDS], out[2];
    uint8_t *arena;
    uint32_t seed;
};

static inline uint32_t box_random(struct box *b)
{
    b->seed = b->seed * 1664525u + 1013904223u;
    return b->seed >> 8;
}

/* Mostly tame numbers, now and then one that is not. */
static inline float box_float(struct box *b)
{
    uint32_t r = box_random(b);
    float x = (float)(r & 0xffff) / 8192.0f - 4.0f;
    switch (r >> 16) {
    case 3: return 0.0f;
    case 5: return -0.0f;
    case 7: return x * 1e6f;
    case 9: return x * 1e-6f;
    default: return x;
    }
}

static inline void box_begin(struct box *b, enum ax_step_kind kind, const void *params, uint32_t seed)
{
    memset(b, 0, sizeof *b);
    b->seed = seed;
    b->step = (struct ax_step){
        .kind = kind, .node = -1, .name = "test", .in = b->in, .out = b->out, .params = params, .macs = 1 << 20};
    for (int i = 0; i < BOX_OPERANDS; i++) b->in[i] = -1;
    b->p.operands = b->ops;
    b->p.steps = &b->step;
    b->p.n_steps = 1;
    b->p.arena_bytes = BOX_GUARD;
}

static inline int box_operand(struct box *b, enum ax_dtype t, int rank, const int64_t *dim)
{
    int i = b->p.n_operands++;
    struct ax_operand *o = &b->ops[i];
    *o = (struct ax_operand){.name = "", .space = AX_SPACE_ARENA, .dtype = t, .layout = AX_LAYOUT_PLAIN, .rank = rank};
    o->offset = b->p.arena_bytes;
    o->bytes = (int64_t)ax_dtype_bytes(t);
    for (int d = 0; d < rank; d++) o->dim[d] = dim[d], o->bytes *= dim[d];
    b->p.arena_bytes += (o->bytes + BOX_GUARD + 63) / 64 * 64;
    return i;
}

static inline int box_in(struct box *b, enum ax_dtype t, int rank, const int64_t *dim)
{
    b->in[b->step.n_in] = box_operand(b, t, rank, dim);
    return b->in[b->step.n_in++];
}

static inline int box_out(struct box *b, enum ax_dtype t, int rank, const int64_t *dim)
{
    b->out[b->step.n_out] = box_operand(b, t, rank, dim);
    return b->out[b->step.n_out++];
}

static inline void box_absent(struct box *b)
{
    b->in[b->step.n_in++] = -1;
}

#define BOX_DIMS(...)                                                                                                          \
    (int)(sizeof((int64_t[]){__VA_ARGS__}) / 8), (const int64_t[])                                                             \
    {                                                                                                                          \
        __VA_ARGS__                                                                                                            \
    }

static inline void *box_data(struct box *b, int operand)
{
    return b->arena + b->ops[operand].offset;
}

/* Random bytes everywhere, random numbers in the inputs. */
static inline void box_fill(struct box *b)
{
    int64_t bytes = b->p.arena_bytes + AX_SLACK;
    b->arena = aligned_alloc(64, (size_t)(bytes + 63) / 64 * 64);
    assert_non_null(b->arena);
    for (int64_t i = 0; i < bytes; i++) b->arena[i] = (uint8_t)box_random(b);
    for (int i = 0; i < b->step.n_in; i++) {
        if (b->in[i] < 0) continue;
        const struct ax_operand *o = &b->ops[b->in[i]];
        int64_t n = o->bytes / (int64_t)ax_dtype_bytes(o->dtype);
        for (int64_t k = 0; k < n; k++) {
            if (o->dtype == AX_DTYPE_FLOAT32) ((float *)box_data(b, b->in[i]))[k] = box_float(b);
            if (o->dtype == AX_DTYPE_INT32) ((int32_t *)box_data(b, b->in[i]))[k] = (int32_t)box_random(b) % 100 - 50;
            if (o->dtype == AX_DTYPE_INT64) ((int64_t *)box_data(b, b->in[i]))[k] = (int64_t)(box_random(b) % 100) - 50;
            if (o->dtype == AX_DTYPE_BOOL) ((uint8_t *)box_data(b, b->in[i]))[k] = box_random(b) & 1;
        }
    }
}

static inline uint8_t *box_run_with(struct box *b, uint32_t mask, int threads, char *kernel)
{
    struct ax_error err;
    struct ax_exec *e;
    struct ax_exec_options opt = {.threads = threads, .cpu_mask = mask, .no_arena = 1};
    if (ax_exec_new(&b->p, &opt, &e, &err)) fail_msg("%s", err.message);
    uint8_t *arena = aligned_alloc(64, (size_t)ax_exec_arena_bytes(e));
    assert_non_null(arena);
    memcpy(arena, b->arena, (size_t)(b->p.arena_bytes + AX_SLACK));
    ax_exec_run(e, 0, 1, arena);
    snprintf(kernel, 64, "%s", ax_exec_kernel_name(e, 0));
    ax_exec_free(e);
    return arena;
}

/* Two results agree: the same bytes, but any NaN is as good as another in a float output. */
static inline void box_compare(struct box *b, const uint8_t *want, const uint8_t *got, const char *what)
{
    const struct ax_operand *y = &b->ops[b->out[0]];
    for (int64_t i = 0; i < b->p.arena_bytes + AX_SLACK; i++) {
        if (want[i] == got[i]) continue;
        int64_t in_y = i - y->offset;
        if (y->dtype == AX_DTYPE_FLOAT32 && in_y >= 0 && in_y < y->bytes) {
            float p, q;
            memcpy(&p, want + y->offset + in_y / 4 * 4, 4);
            memcpy(&q, got + y->offset + in_y / 4 * 4, 4);
            if (p != p && q != q) continue;
            fail_msg("%s: element %lld is %a, should be %a", what, (long long)in_y / 4, q, p);
        }
        fail_msg("%s: byte %lld of the arena (output at %lld, %lld bytes) is %d, should be %d", what, (long long)i,
                 (long long)y->offset, (long long)y->bytes, got[i], want[i]);
    }
}

/* Runs everything; b->arena is then the scalar kernel's result. */
static inline void box_run(struct box *b)
{
    static const uint32_t masks[] = {BOX_SCALAR, AX_CPU_AVX2, ~0u};
    char kernel[64], what[160];
    struct ax_error err;
    if (ax_program_check(&b->p, &err)) fail_msg("%s", err.message);
    uint8_t *want = box_run_with(b, BOX_SCALAR, 1, kernel);
    for (int m = 0; m < 3; m++)
        for (int threads = 1; threads <= 3; threads++) {
            uint8_t *got = box_run_with(b, masks[m], threads, kernel);
            snprintf(what, sizeof what, "%s with %d threads (seed state %u)", kernel, threads, b->seed);
            box_compare(b, want, got, what);
            free(got);
        }
    const struct ax_operand *y = &b->ops[b->out[0]];
    assert_memory_equal(want, b->arena, (size_t)y->offset); /* nothing before the outputs was touched */
    free(b->arena);
    b->arena = want;
}

static inline void box_end(struct box *b)
{
    free(b->arena);
}

#endif
