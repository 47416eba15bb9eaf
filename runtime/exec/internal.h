/* Shared by the files of exec/. */
#ifndef AX_EXEC_INTERNAL_H
#define AX_EXEC_INTERNAL_H

#include "exec/exec.h"

const struct ax_program *ax_exec_program(const struct ax_exec *e);
uint32_t ax_exec_cpu(const struct ax_exec *e);
/* Where a kernel finds the operand, windows respected; the operand to read it with, its planes' offsets as they are now. */
uint8_t *ax_exec_data(const struct ax_exec *e, int operand, const uint8_t *arena);
const struct ax_operand *ax_exec_operand(const struct ax_exec *e, int operand, const uint8_t *arena);

/* -- windows (home.c); `home` may be NULL everywhere: there are none -- */

struct ax_home;
enum ax_status ax_home_new(const struct ax_program *p, const struct ax_window *windows, int n, struct ax_home **out,
                           struct ax_error *err);
void ax_home_free(struct ax_home *h);
void ax_home_window(struct ax_home *h, int window, uint8_t *data);
/* Before a run on that arena: planes of operands that lie in several places are found from it. */
void ax_home_settle(struct ax_home *h, const uint8_t *arena);
const struct ax_operand *ax_home_operand(const struct ax_home *h, const struct ax_program *p, int operand);
uint8_t *ax_home_data(const struct ax_home *h, const struct ax_program *p, int operand, const uint8_t *arena);

/* Where a kernel finds the operand: PLANES count from the start of the space, PLAIN ones lie at their offset. */
static inline uint8_t *ax_operand_data(const struct ax_program *p, const struct ax_operand *o, const uint8_t *arena)
{
    const uint8_t *base = o->space == AX_SPACE_CONST ? p->const_data : arena;
    return (uint8_t *)base + (o->layout == AX_LAYOUT_PLANES ? 0 : o->offset);
}

static inline int64_t ax_operand_count(const struct ax_operand *o)
{
    int64_t n = 1;
    for (int i = 0; i < o->rank; i++) n *= o->dim[i];
    return n;
}

static inline int64_t ax_operand_span(const struct ax_operand *o)
{
    return ax_operand_count(o) * (int64_t)ax_dtype_bytes(o->dtype);
}

/* Bytes [*first, *end) of its space that a part of an operand reaches, halo and padding channels included: one of its planes,
 * or all of it where it is PLAIN (one part). */
static inline int ax_operand_parts(const struct ax_operand *o)
{
    return o->layout == AX_LAYOUT_PLANES ? o->n_planes : 1;
}
void ax_operand_reach(const struct ax_operand *o, int part, int64_t *first, int64_t *end);

#endif
