/* Element types, shapes, quantization: what a tensor is, for the graph, the program and the files alike. */
#ifndef AX_BASE_TYPES_H
#define AX_BASE_TYPES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Numbers are stored in files: append, never renumber. FLOAT16 and FLOAT64 occur on import only: the importer widens or
 * narrows constants to FLOAT32. STRING values do not exist in Axon. */
#define AX_DTYPE_LIST(X) /* name, text, bytes */ \
    X(NONE, "none", 0)                           \
    X(FLOAT32, "float32", 4)                     \
    X(INT8, "int8", 1)                           \
    X(UINT8, "uint8", 1)                         \
    X(INT16, "int16", 2)                         \
    X(INT32, "int32", 4)                         \
    X(INT64, "int64", 8)                         \
    X(BOOL, "bool", 1)                           \
    X(FLOAT16, "float16", 2)                     \
    X(FLOAT64, "float64", 8)                     \
    X(UINT16, "uint16", 2)                       \
    X(UINT32, "uint32", 4)                       \
    X(UINT64, "uint64", 8)

#ifndef AX_DTYPE_DEFINED /* axon/axon.h, which stands alone, defines the same */
#define AX_DTYPE_DEFINED
enum ax_dtype {
#define AX_DTYPE_ENUM(name, text, bytes) AX_DTYPE_##name,
    AX_DTYPE_LIST(AX_DTYPE_ENUM)
#undef AX_DTYPE_ENUM
    AX_DTYPE_COUNT
};
#endif

size_t ax_dtype_bytes(enum ax_dtype t);
const char *ax_dtype_text(enum ax_dtype t);
enum ax_dtype ax_dtype_from_text(const char *s); /* AX_DTYPE_NONE if unknown */

enum { AX_MAX_RANK = 8 };

/* rank -1: not known yet. A dimension of -1: not known yet (only before shape inference). Rank 0 is a scalar. */
struct ax_shape {
    int rank;
    int64_t dim[AX_MAX_RANK];
};

int64_t ax_shape_count(const struct ax_shape *s); /* elements; -1 if unknown or over 2^40 (zeros aside) */
bool ax_shape_known(const struct ax_shape *s);
bool ax_shape_equal(const struct ax_shape *a, const struct ax_shape *b);
struct ax_shape ax_shape_make(int rank, const int64_t *dim);
/* "1x3x224x224" into buf; scalar is "scalar", unknown dimension "?", unknown rank "?". Returns buf. */
enum { AX_SHAPE_TEXT = 192 };
char *ax_shape_text(const struct ax_shape *s, char buf[AX_SHAPE_TEXT]);

/* real = scale[i] * (q - zero_point[i]); i = 0 for one scale, else the index along `axis` of the value's shape.
 * count 0: not quantized. Arrays belong to the arena of whoever holds the struct. */
struct ax_quant {
    int count;
    int axis;
    const float *scale;
    const int32_t *zero_point;
};

#endif
