/* Results of a pipeline by their requests: waited for one by one, or called back. */
#ifndef AX_TOOLS_COLLECTOR_H
#define AX_TOOLS_COLLECTOR_H

#include "axon/axon.h"

struct ax_collector;

/* The pipeline must live longer; nobody else may take its results. */
enum ax_status ax_collector_new(struct ax_pipeline *p, struct ax_collector **out, struct ax_error *err);
/* The pipeline must be closed. Waits for requests with a `done`. NULL is fine. */
void ax_collector_free(struct ax_collector *c);

typedef void ax_collector_done(void *user, enum ax_status s, const struct ax_error *err);
/* All requests with `done`, or none. */
enum ax_status ax_collector_push(struct ax_collector *c, const struct ax_buffer *in, const struct ax_buffer *out,
                                 ax_collector_done *done, void *user, uint64_t *ticket, struct ax_error *err);
/* AX_TIMEOUT: not done yet. Results of earlier requests are dropped. */
enum ax_status ax_collector_wait(struct ax_collector *c, uint64_t ticket, int64_t timeout_ms, struct ax_error *err);

#endif
