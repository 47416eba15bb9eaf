/* A record as Chrome's trace events (JSON), which chrome://tracing and ui.perfetto.dev show: a track for each thread of a
 * stage, the frames waiting before each stage as counters, frames from their source to their end, and the layers of each
 * instance. */
#ifndef AX_APP_TRACE_H
#define AX_APP_TRACE_H

#include "app/record.h"

/* model: what the process is called. */
enum ax_status ax_trace_write(const struct ax_record *r, const char *model, const char *path, struct ax_error *err);

#endif
