/* A skim of an ONNX file's wire format, before anything is unpacked.
 *
 * protobuf-c copies every byte, has no limit on recursion and refuses 2 GB. So the file is walked first, by a table of the
 * few messages that matter: depth, counts and lengths are checked; what an import never reads (documentation, value_info,
 * metadata of nodes, training, function bodies) is left out; raw_data of SKIM_BIG bytes and more stays in the mapping. What
 * remains, the skeleton, is a small and valid ModelProto. In place of big raw_data it carries one byte, and TensorProto.segment
 * (which no model uses) says where in the file the data stand: [begin, end). */
#ifndef AX_ONNX_WIRE_H
#define AX_ONNX_WIRE_H

#include <stddef.h>
#include <stdint.h>

#include "base/status.h"

enum { SKIM_BIG = 4096, SKIM_MAX_DEPTH = 100, SKIM_MAX_GRAPHS = 16, SKIM_MAX_ITEMS = 4000000 };

enum skim_root { SKIM_MODEL, SKIM_TENSOR }; /* the file's outermost message */

struct skim {
    uint8_t *skeleton; /* malloc'd */
    size_t bytes;
    int n_external; /* tensors whose data stand in other files */
    int n_functions;
    int64_t big_bytes; /* stripped */
};

/* `s` is to be released with skim_free, also after a failure. */
enum ax_status skim(const uint8_t *data, size_t bytes, enum skim_root root, struct skim *s, struct ax_error *err);
void skim_free(struct skim *s);

#endif
