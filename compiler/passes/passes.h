/* Passes: from the graph as imported to the graph as it is quantized and lowered. One table, read from top to bottom. */
#ifndef AX_PASSES_PASSES_H
#define AX_PASSES_PASSES_H

#include "graph/graph.h"

struct ax_pass {
    const char *name; /* "fold_batchnorm" */
    const char *what; /* one sentence for --help and docs */
    /* Sets *changed. The runner tidies, sweeps and (in debug builds, or always with verify) verifies afterwards. */
    enum ax_status (*run)(struct ax_graph *g, int *changed, struct ax_error *err);
};
extern const struct ax_pass ax_passes[]; /* ends with name NULL */

struct ax_pass_options {
    const char *print_after; /* pass name, or "all"; NULL */
    const char *stop_after;
    int verify;              /* verify after each also in release builds */
    int timings;             /* to stderr */
    FILE *out;               /* where prints go; NULL: stderr */
};
enum ax_status ax_passes_run(struct ax_graph *g, const struct ax_pass_options *opt, struct ax_error *err);

#endif
