/* Average precision wants all candidates, not only those that are worth showing. */
#ifndef AX_APP_THRESHOLDS_H
#define AX_APP_THRESHOLDS_H

#include "files/modeljson.h"

/* Scores from 0.001 on pass every step. */
void ax_lower_thresholds(struct ax_descriptor *d);

#endif
