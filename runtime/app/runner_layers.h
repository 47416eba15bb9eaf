/* Times of a model's layers, told apart by frames: each instance runs its requests in the order that they were submitted. */
#ifndef AX_APP_RUNNER_LAYERS_H
#define AX_APP_RUNNER_LAYERS_H

#include "app/record.h"
#include "tools/shared/engine.h"

struct ax_runner_layers;
/* Nothing may run on the engine yet. Segments have no layers to show: *out is NULL. */
enum ax_status ax_runner_layers_new(struct ax_engine *e, struct ax_record *record, struct ax_runner_layers **out,
                                    struct ax_error *err);
/* Nothing may run on the engine any more. NULL is fine. */
void ax_runner_layers_free(struct ax_runner_layers *l);
void ax_runner_layers_submitted(struct ax_runner_layers *l, int instance, int64_t frame);

#endif
