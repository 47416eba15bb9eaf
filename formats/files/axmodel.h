/* .axmodel: a compiled model in one file. docs/axmodel-format.md describes it for outsiders.
 *
 * Reading belongs to axformats and needs no C++ runtime; writing belongs to axfiles. A file that is mapped must not be changed
 * in place while it is open (Axon's own tools replace files, they never change them). */
#ifndef AX_FILES_AXMODEL_H
#define AX_FILES_AXMODEL_H

#include "base/file.h"
#include "files/container.h"
#include "graph/graph.h"
#include "program/program.h"

/* -- reading -- */

enum ax_axmodel_flags {
    AX_AXMODEL_TRUST_WEIGHTS = 1, /* do not read all weights once to verify their checksum */
};

struct ax_axmodel {
    struct ax_program *program; /* const_data straight from the file's mapping where it is stored plainly */
    const char *meta;           /* JSON text of the manifest; "" if there is none */
    size_t meta_bytes;
    bool has_graph;
    struct ax_container file; /* for who wants to list its sections */
};

/* Everything checked: structure, checksums, ax_program_check. */
enum ax_status ax_axmodel_open(const char *path, int flags, struct ax_axmodel **out, struct ax_error *err);
/* The same from memory (aligned to 8) that stays the caller's and outlives the model. */
enum ax_status ax_axmodel_open_memory(const uint8_t *data, size_t bytes, int flags, struct ax_axmodel **out,
                                      struct ax_error *err);
void ax_axmodel_close(struct ax_axmodel *pub); /* NULL is fine */

/* Gives back the elements of graph constant `v` from the packed weights of program operand `operand`: row-major in v's own
 * dtype and shape, ax_value_bytes(v) bytes. */
typedef enum ax_status ax_unpack_fn(void *ctx, const struct ax_program *p, int operand, const struct ax_value *v, void *out,
                                    struct ax_error *err);

/* The graph that the program was lowered from; verified. Release it with ax_graph_free before ax_axmodel_close: constants and
 * scales point into the model's mapping. With unpack NULL, constants that the file keeps only in packed form have no data
 * (and the graph is not verified): enough to print it. AX_NOT_FOUND if the file has no graph. */
enum ax_status ax_axmodel_graph(struct ax_axmodel *m, ax_unpack_fn *unpack, void *ctx, struct ax_graph **out,
                                struct ax_error *err);

/* -- writing -- */

struct ax_axmodel_contents {
    const struct ax_program *program;
    const struct ax_graph *graph; /* NULL: none; its dead values and nodes are left out, and steps' nodes renumbered */
    const char *meta;             /* JSON text; NULL: none */
    /* By value of the graph: the operand from whose packed weights ax_unpack_fn gives back exactly this constant, or -1.
     * NULL: none is. Such constants are not stored a second time. */
    const int *packed_operand;
    bool compress; /* every section that shrinks; a compressed one is not used in place */
};

/* Adds the file to a commit (so that it appears together with others), or writes it alone. Same contents, same bytes. */
enum ax_status ax_axmodel_add(struct ax_commit *commit, const char *path, const struct ax_axmodel_contents *c,
                              struct ax_error *err);
enum ax_status ax_axmodel_write(const char *path, const struct ax_axmodel_contents *c, struct ax_error *err);

#endif
