/* What a kernel is to the executor. The table of all kernels (kernels/table.c) lists them best first for each kind of step;
 * the last of each kind is scalar, takes every legal step and is the definition that the others equal bit for bit. */
#ifndef AX_KERNELS_KERNEL_H
#define AX_KERNELS_KERNEL_H

#include "program/program.h"

/* One step on one thread. Pointers are resolved: in[i] and out[i] are the base of the operand's *space* plus nothing for
 * PLANES (plane offsets are from the space's start), and plus operand->offset for PLAIN. NULL where the operand is absent. */
struct ax_task {
    const struct ax_step *step;
    const struct ax_operand *const *in, *const *out; /* descriptors */
    uint8_t *const *in_data, *const *out_data;
    const void *params;  /* step->params */
    const void *state;   /* what prepare made, shared by the threads, read-only while running */
    uint8_t *scratch;    /* this thread's own, 64-byte aligned, of scratch() bytes */
    int thread, threads; /* this thread's share: kernels split their work so that the result does not depend on it */
};

struct ax_kernel {
    enum ax_step_kind kind;
    const char *name; /* "conv_s8_avx2": shown by profiles */
    uint32_t cpu;     /* features needed, AX_CPU_* */
    /* NULL: always. Otherwise whether this kernel can do this step. */
    int (*fits)(const struct ax_program *p, const struct ax_step *s);
    /* Bytes of scratch a thread needs; NULL: none. */
    int64_t (*scratch)(const struct ax_program *p, const struct ax_step *s);
    /* Makes load-time state (tables of offsets and the like); malloc'ed, freed by the executor with free(); NULL: none.
     * Returns NULL when memory ends. */
    void *(*prepare)(const struct ax_program *p, const struct ax_step *s);
    void (*run)(const struct ax_task *t);
};

extern const struct ax_kernel *const ax_kernels[]; /* ends with NULL; best first within a kind */
/* The best kernel for a step under these features; never NULL for a checked program. */
const struct ax_kernel *ax_kernel_find(const struct ax_program *p, const struct ax_step *s, uint32_t cpu);

/* This thread's part [*from, *to) of n items in multiples of `grain`. */
static inline void ax_share(int64_t n, int64_t grain, int thread, int threads, int64_t *from, int64_t *to)
{
    int64_t blocks = (n + grain - 1) / grain;
    *from = blocks * thread / threads * grain;
    *to = blocks * (thread + 1) / threads * grain;
    if (*from > n) *from = n;
    if (*to > n) *to = n;
}

/* Writes the halo of operand `o` (all planes) for rows [y0, y1) of each image plus, where y0 is 0 or y1 is H, the rows above
 * or below; every producer of PLANES calls it for the rows that it wrote. zero[c]: the channels' zero points. */
void ax_planes_fill_halo(const struct ax_operand *o, uint8_t *space, int64_t image, int64_t y0, int64_t y1);

#endif
