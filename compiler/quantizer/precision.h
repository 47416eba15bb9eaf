/* The precision of single layers and outputs, as a script of axjoin asks for it and as an .onnx file carries it to axcompile
 * in its metadata `axon.precision`:
 *
 *     [ {"layers": "output", "mode": "a8_w8"},                  all outputs as int8
 *       {"outputs": ["a/boxes"], "mode": "float32"},            but not this one
 *       {"layers": ["b/head*", "a/conv1"], "mode": "float32"} ] nodes, or values that nodes make; * and ? as in a shell
 *
 * A later rule wins over an earlier one. a8_w8 for a layer is what int8 layers are anyway; for one that would be left in float
 * because nothing but decoding stands behind it, it means int8 too. */
#ifndef AX_QUANTIZER_PRECISION_H
#define AX_QUANTIZER_PRECISION_H

#include "base/json.h"
#include "quantizer/quantizer.h"

#define AX_PRECISION_METADATA "axon.precision"

struct ax_precision_rule {
    const char *pattern;
    bool outputs; /* of the model; else layers */
    bool to_float;
    bool used; /* set where something matched */
};

struct ax_precision {
    struct ax_precision_rule *rules;
    int n;
};

/* Of a list as above; what is wrong is recorded in the document. Strings are copied into mem. */
void ax_precision_read(struct ax_json list, struct ax_arena *mem, struct ax_precision *p);
/* The list again, with nothing but arrays of names. In mem. */
const char *ax_precision_text(const struct ax_precision *p, struct ax_arena *mem);
/* Marks the rules that anything in the graph answers to. */
void ax_precision_mark(struct ax_precision *p, const struct ax_graph *g);
/* By node of g: 0 where no rule speaks of it, else 1 for a8_w8, 2 for float32. In mem. */
uint8_t *ax_precision_of_nodes(struct ax_precision *p, const struct ax_graph *g, struct ax_arena *mem);
/* Appends what the rules say of g's nodes and outputs to opt's lists. Marks too. */
void ax_precision_apply(struct ax_precision *p, const struct ax_graph *g, struct ax_arena *mem, struct ax_quant_options *opt);

#endif
