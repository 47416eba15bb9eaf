#ifndef AX_QUANTIZER_UNFUSE_H
#define AX_QUANTIZER_UNFUSE_H

#include "quantizer/internal.h"

/* Splits the residual additions that are better made in float; returns whether there were any. Tidy g and plan again then. */
int ax_unfuse_float_residuals(struct ax_graph *g, const struct ax_plan *p);

#endif
