/* The executor: a program, the kernels chosen for it, a pool of threads, an arena. It walks the list; no allocation, no shape
 * logic, no choice of kernels while running. Used by libaxon's instances and by the compiler (calibration, folding). */
#ifndef AX_EXEC_EXEC_H
#define AX_EXEC_EXEC_H

#include "program/program.h"

struct ax_exec;
struct ax_pool;

/* A range of the arena's addresses, within it or behind it, whose bytes are elsewhere: the buffers between stages of a
 * pipeline. Every plane and every plain operand lies in one window or in none. 64-byte aligned. */
struct ax_window {
    int64_t first, bytes;
};

struct ax_exec_options {
    int threads;       /* 0: as many as cores that the process may use */
    int pin;           /* pin threads to cores: 1 yes */
    const int *cores;  /* which ones when pinned (threads entries), NULL: the first ones allowed */
    uint32_t cpu_mask; /* features allowed, of kernels/cpu.h; 0: all that AXON_CPU allows */
    int no_arena;      /* 1: the caller gives an arena to each run */
    /* The threads to run on, shared with executors that do not run at the same time, and the caller's to free afterwards; then
     * threads, pin and cores say nothing. NULL: threads of its own. */
    struct ax_pool *pool;
    /* Another executor of the same program, or NULL: what kernels made of the constants is then shared with it, whichever of
     * the two is freed first. */
    const struct ax_exec *like;
    const struct ax_window *windows; /* apart from each other; copied. Then one run at a time */
    int n_windows;
};

/* The program must live longer than the executor. */
enum ax_status ax_exec_new(const struct ax_program *p, const struct ax_exec_options *opt, struct ax_exec **out,
                           struct ax_error *err);
void ax_exec_free(struct ax_exec *e);

int64_t ax_exec_arena_bytes(const struct ax_exec *e); /* to allocate for a run of one's own, slack included, 64-byte aligned */
uint8_t *ax_exec_arena(struct ax_exec *e);            /* its own; NULL with no_arena */

/* Steps [first, last) on the given arena (NULL: its own). Blocks until done. */
void ax_exec_run(struct ax_exec *e, int first, int last, uint8_t *arena);
/* The same on one thread, from within work on the pool that was given: other threads may do so at once on other arenas. Without
 * hook, and not with ports that are bound. */
void ax_exec_run_alone(struct ax_exec *e, int first, int last, uint8_t *arena, int thread);
/* Called around every step when set (profiling): kernel name, step, start and end in nanoseconds of CLOCK_MONOTONIC. */
void ax_exec_set_hook(struct ax_exec *e, void (*hook)(void *ctx, int step, int64_t begin_ns, int64_t end_ns), void *ctx);
const char *ax_exec_kernel_name(const struct ax_exec *e, int step);
int ax_exec_threads(const struct ax_exec *e);
struct ax_pool *ax_exec_pool(struct ax_exec *e); /* the threads that it runs on, for another one that never runs at once */
/* A new value for constants in use: const_data of the program may be changed by its owner between runs (bias correction). */

/* From now on the window's bytes are those at `data`: 64-byte aligned, with AX_SLACK readable ones behind. Every window needs
 * some before the first run. */
void ax_exec_window(struct ax_exec *e, int window, uint8_t *data);

/* User tensors. `data` is row-major in the port's own shape. dtype FLOAT32 (quantized on the way where the operand is int8),
 * UINT8 (as numbers 0..255, converted to float first), INT8 where the operand is int8: taken raw; or the port's own dtype. */
enum ax_status ax_exec_set_input(struct ax_exec *e, int input, const void *data, enum ax_dtype t, uint8_t *arena,
                                 struct ax_error *err);
/* dtype FLOAT32: dequantized; the operand's own dtype: raw, in the user's layout. */
enum ax_status ax_exec_get_output(struct ax_exec *e, int output, void *data, enum ax_dtype t, uint8_t *arena,
                                  struct ax_error *err);
/* Any operand, dequantized to float, row-major in its own dims (channels last for PLANES). For calibration and tests. */
void ax_operand_to_float(const struct ax_program *p, int operand, const uint8_t *arena, float *out);

#endif
