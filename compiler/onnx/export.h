/* Graph in canonical form (as imported, before the passes) -> ONNX file. Every operator is written as one opset says it,
 * whatever opsets the model came from: so models of different opsets become one. */
#ifndef AX_ONNX_EXPORT_H
#define AX_ONNX_EXPORT_H

#include <stddef.h>
#include <stdint.h>

#include "graph/graph.h"

struct ax_export_pair { /* of metadata_props */
    const char *key, *value;
};

struct ax_export_options {
    const char *producer, *version;
    const struct ax_export_pair *metadata;
    int n_metadata;
};

/* *bytes from malloc; *opset (may be NULL) is the one that was written: 17, or 20 where an operator asks for it. Same graph,
 * same bytes. AX_UNSUPPORTED for what only passes make, AX_LIMIT beyond 2 GB. */
enum ax_status ax_export(const struct ax_graph *g, const struct ax_export_options *opt, uint8_t **bytes, size_t *n, int *opset,
                         struct ax_error *err);

#endif
