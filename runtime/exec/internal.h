/* Shared by the files of exec/. */
#ifndef AX_EXEC_INTERNAL_H
#define AX_EXEC_INTERNAL_H

#include "exec/exec.h"

const struct ax_program *ax_exec_program(const struct ax_exec *e);
uint32_t ax_exec_cpu(const struct ax_exec *e);
/* Where the operand is found: ax_operand_data, unless its port is bound. */
uint8_t *ax_exec_data(const struct ax_exec *e, const struct ax_operand *o, const uint8_t *arena);

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

/* Bytes [*first, *end) of its space that an operand reaches, halo and padding channels included. */
void ax_operand_reach(const struct ax_operand *o, int64_t *first, int64_t *end);
/* Whether it lies in the arena within [first, first + bytes). */
int ax_operand_within(const struct ax_operand *o, int64_t first, int64_t bytes);

#endif
