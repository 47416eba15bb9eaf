#include "onnx/import.h"

#include <stdio.h>
#include <string.h>

#include "onnx/importer.h"
#include "onnx/lift.h"
#include "onnx/shim.h"

enum { MIN_OPSET = 5, MAX_OPSET = 22, MAX_IR = 13, LIFT_TO = 9, MAX_CHECKED = 64 << 20 };

int import_opset(const struct importer *im, const char *domain)
{
    const Onnx__ModelProto *m = im->file.proto;
    int64_t v = 0;
    for (size_t i = 0; i < m->n_opset_import; i++) {
        const char *d = m->opset_import[i]->domain;
        if (!strcmp(d && strcmp(d, "ai.onnx") ? d : "", domain)) v = m->opset_import[i]->version;
    }
    if (!v) v = m->n_opset_import && !*domain ? MAX_OPSET : 1; /* no node of the default domain then */
    return v > 0 && v < 1000 ? (int)v : 1000;
}

/* -- nodes -- */

static void begin_node(struct importer *im, const Onnx__NodeProto *n)
{
    im->node = n;
    im->label = n->name && *n->name ? n->name : n->n_output ? n->output[0] : "?";
    im->node_opset = import_opset(im, im_domain(n));
    im->n_in = (int)n->n_input;
    im->in = AX_NEW(&im->g->arena, int, n->n_input + 1);
    for (int i = 0; i < im->n_in && im_ok(im); i++) im->in[i] = n->input[i][0] ? im_lookup(im, n->input[i]) : AX_NONE;
    while (im->n_in > 0 && im->in[im->n_in - 1] == AX_NONE) im->n_in--;
}

static void run_node(struct importer *im, const Onnx__NodeProto *n)
{
    const char *op = n->op_type ? n->op_type : "";
    const struct canon *c = canon_find(im_domain(n), op);
    if (!n->n_output) im_fail(im, AX_FORMAT, "the node has no output");
    for (size_t i = 0; i < n->n_attribute; i++)
        if (n->attribute[i]->ref_attr_name && n->attribute[i]->ref_attr_name[0])
            im_fail(im, AX_FORMAT, "attribute '%.60s' refers to a function's, but the node is in no function",
                    n->attribute[i]->name);
    if (!im_ok(im)) return;
    if (c)
        c->run(im);
    else if (ax_op_find(im_domain(n), op) != AX_OP_NONE)
        canon_generic(im, ax_op_find(im_domain(n), op));
    else
        im_fail(im, AX_UNSUPPORTED, "the operator is unknown to Axon (domain %.60s)", *im_domain(n) ? im_domain(n) : "ai.onnx");
}

/* "node 'conv1' (Conv, opset 13): " before the message; a rule of the op table has put a shorter form of that there. */
static void name_node(struct importer *im, const Onnx__NodeProto *n)
{
    char short_form[300];
    const char *op = n->op_type ? n->op_type : "?";
    size_t len = (size_t)snprintf(short_form, sizeof short_form, "%s node '%s': ", op, im->label);
    char *message = im->err->message;
    if (len < sizeof short_form && !strncmp(message, short_form, len))
        memmove(message, message + len, strlen(message + len) + 1);
    ax_fail_in(im->err, "node '%.80s' (%.40s, opset %d)", im->label, op, im->node_opset);
}

void im_walk(struct importer *im, const Onnx__GraphProto *graph, const char *needed)
{
    const struct importer outer = *im;
    for (size_t i = 0; i < graph->n_node && im_ok(im); i++) {
        const Onnx__NodeProto *n = graph->node[i];
        if (needed && !needed[i]) continue;
        begin_node(im, n);
        run_node(im, n);
        if (im_ok(im)) continue;
        name_node(im, n);
        if (!im->scope->outer && im->err->status == AX_UNSUPPORTED) reach_suggest_cut(im, n);
    }
    im->node = outer.node; /* back in the node whose branch this was */
    im->label = outer.label;
    im->node_opset = outer.node_opset;
    im->in = outer.in;
    im->n_in = outer.n_in;
}

/* -- outputs -- */

static bool is_taken(const struct ax_graph *g, int v)
{
    for (int i = 0; i < g->n_outputs; i++)
        if (g->outputs[i] == v) return true;
    return ax_is_graph_input(g, v);
}

/* Gives value v the name; who had it before gets another. */
static void rename_value(struct ax_graph *g, int v, const char *name)
{
    int other = ax_graph_find_value(g, name);
    if (other == v) return;
    if (other != AX_NONE) ax_value_rename(g, other, ax_arena_printf(&g->arena, "%s/value", name));
    ax_value_rename(g, v, name);
}

/* An output must be a value of its own that a node computes: not an input, not a constant, not another output. */
static void add_output(struct importer *im, const char *const *names, int i)
{
    struct ax_graph *g = im->g;
    const char *name = names[i];
    int v = im_lookup(im, name);
    if (!im_ok(im)) return;
    for (int k = 0; k < i; k++)
        if (!strcmp(names[k], name)) { /* named twice: one value, given twice */
            g->outputs[g->n_outputs++] = g->outputs[k];
            return;
        }
    if (im_marked_float(im, v)) {
        im_fail(im, AX_UNSUPPORTED, "output '%.120s' of a dynamically quantized node is not supported; end at a float value",
                name);
        return;
    }
    if (is_taken(g, v) || ax_is_const(g, v)) {
        int out = ax_graph_value(g, name, g->values[v].dtype, &g->values[v].shape);
        ax_graph_node(g, AX_OP_IDENTITY, name, &v, 1, &out, 1);
        if (ax_is_graph_input(g, v))
            g->values[out].origin = ax_arena_str(&g->arena, name);
        else
            rename_value(g, out, name);
        v = out;
    } else
        rename_value(g, v, name);
    g->outputs[g->n_outputs++] = v;
}

/* -- the model -- */

static void check_version(struct importer *im)
{
    const Onnx__ModelProto *m = im->file.proto;
    if (m->has_ir_version && m->ir_version > MAX_IR)
        im_fail(im, AX_VERSION, "IR version %lld; versions up to %d are supported: export with an older ONNX",
                (long long)m->ir_version, MAX_IR);
    im->opset = import_opset(im, "");
    if (im->opset > MAX_OPSET)
        im_fail(im, AX_VERSION, "opset %d; opsets %d to %d are supported: export with opset %d", im->opset, MIN_OPSET,
                MAX_OPSET, MAX_OPSET);
}

/* Models from before opset 5 are converted by libonnx. */
static void lift(struct importer *im)
{
    char message[512];
    uint8_t *bytes;
    size_t n;
    if (im->opset >= MIN_OPSET || !im_ok(im)) return;
    if (lift_apart(im->file.data, im->file.bytes, LIFT_TO, &bytes, &n, message, sizeof message)) {
        im_fail(im, AX_VERSION, "opset %d is older than %d, and libonnx cannot convert it: %s", im->opset, MIN_OPSET, message);
        return;
    }
    if (model_file_replace(&im->file, bytes, n, im->err)) return;
    im_note(im, "converted from opset %d to %d", im->opset, LIFT_TO);
    im->opset = import_opset(im, "");
}

/* The mapping that constants may stay in: the one file of external data, else the model itself. */
static void choose_mapping(struct importer *im)
{
    im->source.file = &im->file;
    if (im->file.lifted) return;
    im->source.keep = im->file.main.data;
    im->source.keep_bytes = im->file.main.bytes;
    const Onnx__GraphProto *g = im->file.proto->graph;
    for (size_t i = 0; i < g->n_initializer && im->file.skim.n_external; i++) {
        const Onnx__TensorProto *t = g->initializer[i];
        if (t->data_location != ONNX__TENSOR_PROTO__DATA_LOCATION__EXTERNAL) continue;
        for (size_t k = 0; k < t->n_external_data; k++) {
            const Onnx__StringStringEntryProto *e = t->external_data[k];
            struct ax_error ignored; /* whoever reads the tensor fails again, with its name */
            if (!e->key || !e->value || strcmp(e->key, "location")) continue;
            int f = model_file_external(&im->file, e->value, &ignored);
            if (f < 0) return;
            im->source.keep = im->file.external[f].data;
            im->source.keep_bytes = im->file.external[f].bytes;
            return;
        }
    }
}

static void hand_over_mapping(struct importer *im)
{
    struct file_map *m = &im->file.main;
    for (int i = 0; i < im->file.n_external; i++)
        if (im->file.external[i].data == im->source.keep) m = &im->file.external[i];
    if (!im->source.keep || m->data != im->source.keep) return;
    im->g->mapping = m->data;
    im->g->mapping_bytes = m->bytes;
    m->data = NULL;
}

static void build(struct importer *im)
{
    const Onnx__GraphProto *graph = im->file.proto->graph;
    int n = im->opt->n_cut_outputs ? im->opt->n_cut_outputs : (int)graph->n_output;
    const char **outputs = AX_NEW(&im->g->arena, const char *, n + 1);
    char *needed = AX_NEW(&im->g->arena, char, graph->n_node + 1);
    for (int i = 0; i < n && im_ok(im); i++) {
        outputs[i] = im->opt->n_cut_outputs ? im->opt->cut_outputs[i] : graph->output[i]->name;
        if (!outputs[i] || !*outputs[i]) im_fail(im, AX_FORMAT, "output %d has no name", i);
    }
    if (n < 1) im_fail(im, AX_FORMAT, "the model has no outputs");
    if (!im_ok(im)) return;
    reach_outputs(im, outputs, n, needed);
    reach_unknown(im, needed);
    im_inputs(im);
    im_walk(im, graph, needed);
    im->g->outputs = AX_NEW(&im->g->arena, int, n + 1);
    for (int i = 0; i < n && im_ok(im); i++) add_output(im, outputs, i);
    if (!im_ok(im) || ax_graph_tidy(im->g, im->err)) return;
    ax_graph_sweep(im->g);
    ax_graph_verify(im->g, im->err);
}

/* What libonnx has to say: added to an error, or told as a note where Axon reads the model all the same. */
static void consult_checker(struct importer *im)
{
    const struct model_file *f = &im->file;
    char message[400];
    if (im->opt->no_check || !f->proto || f->skim.n_external || f->skim.n_functions || f->skim.bytes > MAX_CHECKED) return;
    if (f->proto->ir_version > AX_CHECKER_MAX_IR || im->opset > AX_CHECKER_MAX_OPSET) return;
    if (!im_ok(im) && im->err->status != AX_FORMAT && im->err->status != AX_SHAPE) return;
    if (!ax_onnx_check(f->skim.skeleton, f->skim.bytes, message, sizeof message)) return;
    for (char *p = message; *p; p++)
        if (*p == '\n') *p = ' ';
    if (im_ok(im)) {
        im_note(im, "the ONNX checker objects: %s", message);
        return;
    }
    size_t n = strlen(im->err->message);
    snprintf(im->err->message + n, sizeof im->err->message - n, " [ONNX checker: %s]", message);
}

enum ax_status ax_import(const char *path, const struct ax_import_options *opt, struct ax_graph **out, struct ax_error *err)
{
    static const struct ax_import_options none = {0};
    struct importer im = {.path = path, .opt = opt ? opt : &none, .err = err};
    struct scope scope;
    *out = NULL;
    *err = (struct ax_error){0};
    if (model_file_open(&im.file, path, err)) goto done;
    check_version(&im);
    lift(&im);
    if (!im_ok(&im)) goto done;
    const char *name = im.file.proto->graph->name;
    im.g = ax_graph_new(name && *name ? name : "model");
    im.g->opset = im.opset;
    choose_mapping(&im);
    im_scope_enter(&im, &scope, im.file.proto->graph);
    if (im_ok(&im)) build(&im);
    im_scope_leave(&im);
done:
    consult_checker(&im);
    if (im_ok(&im)) {
        hand_over_mapping(&im);
        *out = im.g;
    } else {
        ax_fail_in(err, "%.200s", path);
        ax_graph_free(im.g);
    }
    model_file_close(&im.file);
    return err->status;
}

enum ax_status ax_import_metadata(const char *path, const char *key, struct ax_arena *a, const char **value,
                                  struct ax_error *err)
{
    struct model_file f;
    *value = NULL;
    enum ax_status s = model_file_open(&f, path, err);
    for (size_t i = 0; !s && i < f.proto->n_metadata_props; i++) {
        const Onnx__StringStringEntryProto *p = f.proto->metadata_props[i];
        if (p->key && p->value && !strcmp(p->key, key)) *value = ax_arena_str(a, p->value);
    }
    model_file_close(&f);
    return s ? ax_fail_in(err, "%.200s", path) : AX_OK;
}
