/* Times of a model's layers, told apart by frames. An instance runs its requests in the order that they were submitted, and so
 * do the segments of a partition. */
#ifndef AX_APP_RUNNER_LAYERS_H
#define AX_APP_RUNNER_LAYERS_H

#include "app/record.h"
#include "tools/shared/engine.h"

struct ax_runner_layers;
/* The same model on n devices, an engine each; their instances are counted through. Nothing may run on them yet. stage: of a
 * cascade; NULL. Segments that rest, since two pipes take turns, have no layers to show: *out is NULL. */
enum ax_status ax_runner_layers_new(struct ax_engine *const *engines, int n, struct ax_record *record, const char *stage,
                                    struct ax_runner_layers **out, struct ax_error *err);
/* Nothing may run on the engines any more. NULL is fine. */
void ax_runner_layers_free(struct ax_runner_layers *l);
/* Before each request. Segments have one instance, and as many requests as samples. */
void ax_runner_layers_submitted(struct ax_runner_layers *l, int instance, int64_t frame);

#endif
