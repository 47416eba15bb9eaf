/* Resize's attributes as numbers, for the float and the int8 rules. */
#ifndef AX_LOWER_RESIZE_H
#define AX_LOWER_RESIZE_H

#include "lower/build.h"

enum ax_status low_resize_params(struct low *L, const struct ax_node *n, struct ax_resize_params *p);

#endif
