/* Whose pipeline fits a model: told from the shapes of its input and outputs. */
#ifndef AX_TOOLS_RECOGNIZE_H
#define AX_TOOLS_RECOGNIZE_H

#include "files/modeljson.h"
#include "graph/graph.h"

/* The family whose outputs these are; NULL: none's. Not certain: other networks have outputs of the same form, or the same
 * outputs come from pictures that were prepared otherwise. */
const char *ax_family_recognize(const struct ax_graph *g, bool *certain);
/* How many classes the outputs have for that decoder; 0: not known. */
int ax_family_classes(const struct ax_graph *g, const struct ax_pipe_step *step);

#endif
