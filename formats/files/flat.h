/* FlatBuffers <-> C structs: what axmodel_read.cpp and axmodel_write.cpp do for axmodel.c and axmodel_save.c. */
#ifndef AX_FILES_FLAT_H
#define AX_FILES_FLAT_H

#ifdef __cplusplus
extern "C" {
#endif

#include "files/axmodel.h"
#include "graph/graph.h"
#include "program/program.h"

/* Numbers of axmodel.fbs. */
enum { AX_STORAGE_NONE, AX_STORAGE_INLINE, AX_STORAGE_DATA, AX_STORAGE_PACKED };

/* Fills an empty program from section PROG. Names and scales point into `buf`; const_data is left alone. Checks structure,
 * indices and enums; ax_program_check does the rest. */
enum ax_status ax_flat_read_program(const uint8_t *buf, size_t bytes, struct ax_program *p, struct ax_error *err);

/* Where the constants of a graph come from. */
struct ax_flat_sources {
    const uint8_t *data; /* section DATA */
    size_t data_bytes;
    const struct ax_program *program; /* for packed constants */
    ax_unpack_fn *unpack;             /* NULL: packed constants get no data */
    void *ctx;
};
/* Fills an empty graph from section GRPH. Scales and constants point into `buf` and into the sources. *complete: no constant
 * went without data. */
enum ax_status ax_flat_read_graph(const uint8_t *buf, size_t bytes, const struct ax_flat_sources *src, struct ax_graph *g,
                                  bool *complete, struct ax_error *err);

/* Where the writer put a graph's values and nodes (dead ones are left out), and what it placed in section DATA. */
struct ax_flat_plan {
    int *value_at; /* new index, -1: not written */
    int *node_at;
    uint8_t *storage; /* by old value index */
    int *operand;     /* for AX_STORAGE_PACKED */
    int64_t *offset;  /* for AX_STORAGE_DATA */
};
/* *out is from malloc. */
enum ax_status ax_flat_write_graph(const struct ax_graph *g, const struct ax_flat_plan *plan, uint8_t **out, size_t *bytes,
                                   struct ax_error *err);
enum ax_status ax_flat_write_program(const struct ax_program *p, const int *node_at, int n_nodes, uint8_t **out, size_t *bytes,
                                     struct ax_error *err);

#ifdef __cplusplus
}
#endif
#endif
