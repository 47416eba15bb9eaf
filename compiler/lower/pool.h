/* Windows and axes, for the float and the int8 rules. */
#ifndef AX_LOWER_POOL_H
#define AX_LOWER_POOL_H

#include "lower/build.h"

enum ax_status low_pool_params(struct low *L, const struct ax_node *n, struct ax_pool_params *p);
int low_reduce_axes(const struct ax_node *n, int rank); /* bit i: axis i is reduced */

#endif
