#include "app/thresholds.h"

#include <string.h>

void ax_lower_thresholds(struct ax_descriptor *d)
{
    for (int i = 0; i < d->n_after; i++) {
        const struct ax_param_row *rows = ax_pipe_row(d->after[i].kind)->params;
        for (int k = 0; rows[k].name; k++) {
            struct ax_param *param = &d->after[i].params[k];
            if (!strcmp(rows[k].name, "confidence_threshold") && param->number > 0.001) param->number = 0.001;
        }
    }
}
