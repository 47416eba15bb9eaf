/* Segments run one after another in this process: to check them against the whole, and to measure each. */
#ifndef AX_SEGMENTER_CHAIN_H
#define AX_SEGMENTER_CHAIN_H

#include "exec/exec.h"
#include "solver/problem.h"

struct ax_seg_tensor_data {
    const char *name;
    uint8_t *data; /* raw: in the operand's own type */
    int64_t bytes;
};

struct ax_seg_chain {
    int n;
    const struct ax_program *program[AX_SEG_MAX_STAGES];
    struct ax_exec *exec[AX_SEG_MAX_STAGES];
    struct ax_seg_tensor_data *tensors; /* all ports, by name */
    int n_tensors, cap_tensors;
    int64_t ns[AX_SEG_MAX_STAGES]; /* of the last run: inputs in, steps, outputs out */
};

/* Programs must live longer than the chain. threads a segment. */
enum ax_status ax_seg_chain_new(const struct ax_program *const *programs, int n, int threads, uint32_t cpu_mask,
                                struct ax_seg_chain *c, struct ax_error *err);
void ax_seg_chain_free(struct ax_seg_chain *c);
/* The raw tensor of that name (its port's element count in its operand's type), to fill before a run or read after it; NULL
 * where no port has the name. */
uint8_t *ax_seg_chain_tensor(struct ax_seg_chain *c, const char *name, int64_t *bytes);
/* Fills the inputs of the first program that has them with numbers from a seed. */
void ax_seg_chain_random(struct ax_seg_chain *c, uint64_t seed);
enum ax_status ax_seg_chain_run(struct ax_seg_chain *c, struct ax_error *err);

#endif
