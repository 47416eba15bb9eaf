/* Boxes and borders, for the plain and the int8 rules. */
#ifndef AX_LOWER_MOVE_H
#define AX_LOWER_MOVE_H

#include "lower/build.h"

void low_slice_box(const struct ax_node *n, int rank, int64_t *first, int64_t *step); /* by dimension of the input */
enum ax_pad_mode low_pad_mode(const struct ax_node *n);

#endif
