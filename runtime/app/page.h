/* A record as one HTML page that needs nothing else: charts of stages, layers and memory, drawn by the script that it holds. */
#ifndef AX_APP_PAGE_H
#define AX_APP_PAGE_H

#include "app/timing.h"

struct ax_page {
    const char *model, *mode; /* "asynchronous" */
    const struct ax_record *record;
    const struct ax_timings *timings;
    int64_t elapsed_ns, frames;
    int cores;
    int64_t weights_bytes, activations_bytes, peak_bytes; /* peak: of the process */
};

enum ax_status ax_page_write(const struct ax_page *p, const char *path, struct ax_error *err);

#endif
