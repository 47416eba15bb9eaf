/* The segments of a partition.json, run as a pipeline. */
#ifndef AX_TOOLS_SEGMENTS_H
#define AX_TOOLS_SEGMENTS_H

#include <stdbool.h>

#include "axon/axon.h"
#include "base/status.h"

struct ax_segments;

bool ax_segments_named(const char *path); /* whether a path is that of a partition rather than of a model */
enum ax_status ax_segments_load(struct ax_context *c, const char *partition, struct ax_segments **out, struct ax_error *err);
void ax_segments_free(struct ax_segments *s); /* NULL is fine */
/* Makes the pipeline on one device, or on as many as there are segments, one each. What cores are left over is shared out,
 * stages share cores where there are too few, and that is said. fixed_cores: as in ax_pipeline_options. */
enum ax_status ax_segments_start(struct ax_segments *s, struct ax_connection *const *devices, int n, bool fixed_cores,
                                 struct ax_error *err);
void ax_segments_stop(struct ax_segments *s);
struct ax_pipeline *ax_segments_pipeline(struct ax_segments *s); /* NULL while it is stopped */
int ax_segments_in_flight(const struct ax_segments *s);          /* requests that keep all stages busy */
int ax_segments_count(const struct ax_segments *s);
const char *ax_segments_name(const struct ax_segments *s, int segment);
int ax_segments_replicas(const struct ax_segments *s, int segment);
struct ax_program;
const struct ax_program *ax_segments_program(const struct ax_segments *s, int segment);
bool ax_segments_quantized(const struct ax_segments *s); /* a tensor between or in front of them is */
int64_t ax_segments_weights_bytes(const struct ax_segments *s);
int64_t ax_segments_activations_bytes(const struct ax_segments *s); /* of all stages, buffers between them included */
/* Samples lie one behind the other in each buffer, whose bytes are those of one. All are done when it returns. */
enum ax_status ax_segments_run(struct ax_segments *s, int samples, const struct ax_buffer *in, const struct ax_buffer *out,
                               struct ax_error *err);

#endif
