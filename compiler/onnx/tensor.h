/* TensorProto -> elements in memory: mapped, raw, typed or external; half, double and bfloat16 widened or narrowed to float32,
 * 4-bit integers spread to 8. */
#ifndef AX_ONNX_TENSOR_H
#define AX_ONNX_TENSOR_H

#include "base/arena.h"
#include "base/types.h"
#include "onnx/file.h"

struct tensor {
    enum ax_dtype dtype;
    struct ax_shape shape;
    const void *data; /* in the arena, or in `keep` */
};

/* ONNX's number of an element type as Axon's (FLOAT16, BFLOAT16 and DOUBLE: FLOAT32; INT4: INT8); NONE if there is none. */
enum ax_dtype tensor_dtype(int onnx_type);
const char *tensor_type_name(int onnx_type);

/* Where data may be pointed to instead of copied. */
struct tensor_source {
    struct model_file *file;
    const uint8_t *keep; /* a mapping that lives as long as the arena; NULL: everything is copied */
    size_t keep_bytes;
};

/* Messages begin with the tensor's name. */
enum ax_status tensor_read(const Onnx__TensorProto *t, const struct tensor_source *src, struct ax_arena *a, struct tensor *out,
                           struct ax_error *err);

/* Index of the first element that is NaN (or, with `inf`, infinite too); -1 if there is none. */
int64_t tensor_find_nonfinite(const float *p, int64_t n, int inf);

#endif
