/* The parts of ax_program_check. A rule is a condition and a sentence: the first one broken ends the check. */
#ifndef AX_PROGRAM_CHECK_H
#define AX_PROGRAM_CHECK_H

#include "program/program.h"

enum { AX_STEP_IO = 8 }; /* most inputs or outputs of a step */

struct ax_check {
    const struct ax_program *p;
    const struct ax_step *s;
    int index;
    /* operands of the step at hand; NULL where absent */
    const struct ax_operand *in[AX_STEP_IO], *out[AX_STEP_IO];
    struct ax_error *err;
};

enum ax_status ax_check_broken(const struct ax_check *c, const char *rule);

#define AX_RULE(c, condition, rule)                                                                                            \
    do {                                                                                                                       \
        if (!(condition)) return ax_check_broken((c), (rule));                                                                 \
    } while (0)
#define AX_CHECK_TRY(call)                                                                                                     \
    do {                                                                                                                       \
        enum ax_status s_ = (call);                                                                                            \
        if (s_ != AX_OK) return s_;                                                                                            \
    } while (0)

static inline int64_t ax_check_count(const struct ax_operand *o)
{
    int64_t n = 1;
    for (int i = 0; i < o->rank; i++) n *= o->dim[i];
    return n;
}

static inline int ax_is_plain(const struct ax_operand *o, enum ax_dtype t)
{
    return o && o->layout == AX_LAYOUT_PLAIN && o->dtype == t;
}

static inline int ax_is_planes(const struct ax_operand *o)
{
    return o && o->layout == AX_LAYOUT_PLANES && o->dtype == AX_DTYPE_INT8;
}

static inline int ax_same_dims(const struct ax_operand *a, const struct ax_operand *b)
{
    int same = a->rank == b->rank;
    for (int i = 0; same && i < a->rank; i++) same = a->dim[i] == b->dim[i];
    return same;
}

/* Whether o is absent or PLAIN of this type with at least n elements. */
static inline int ax_has(const struct ax_operand *o, enum ax_dtype t, int64_t n)
{
    return !o || (ax_is_plain(o, t) && ax_check_count(o) >= n);
}

enum ax_status ax_check_operand(const struct ax_program *p, int index, struct ax_error *err);
enum ax_status ax_check_conv_params(const struct ax_check *c, int64_t in_channels, int64_t out_channels);
enum ax_status ax_check_resize(const struct ax_check *c);
/* One for each family; `AX_OK` when all rules hold. */
enum ax_status ax_check_float_step(const struct ax_check *c);
enum ax_status ax_check_move_step(const struct ax_check *c);
enum ax_status ax_check_int8_step(const struct ax_check *c);

#endif
