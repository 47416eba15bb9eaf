/* The artifact: model.axmodel, manifest.json, model.json and compile.log, written together or not at all. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "files/axmodel.h"
#include "lower/unpack.h"
#include "tools/job.h"

/* On-chip memory that reports assume: a fixed figure, so that artifacts do not depend on the machine that compiled them. */
enum { DEVICE_BYTES = 2 << 20 };

static void add_option(struct ax_hasher *h, const char *name, const char *value)
{
    ax_hasher_add_text(h, name);
    ax_hasher_add_text(h, value ? value : "");
}

static void add_list(struct ax_hasher *h, const char *name, const struct ax_list *l)
{
    ax_hasher_add_text(h, name);
    for (int i = 0; i < l->count; i++) ax_hasher_add_text(h, l->item[i]);
}

static void add_number(struct ax_hasher *h, double v)
{
    ax_hasher_add(h, &v, sizeof v);
}

static void hash_settings(struct ax_hasher *h, const struct ax_compile_settings *s)
{
    add_list(h, "input_shape", &s->input_shapes);
    add_list(h, "until", &s->until);
    add_number(h, (double)s->batch);
    add_option(h, "precision", s->precision);
    add_option(h, "range", s->range);
    add_option(h, "output_type", s->output_type);
    add_number(h, s->percentile);
    add_list(h, "float_nodes", &s->float_nodes);
    add_list(h, "int8_nodes", &s->int8_nodes);
    add_number(h, s->no_channel_scales + 2 * s->no_bias_correction + 4 * s->compress);
}

/* Preprocessing shapes the calibration; what follows the model does not enter the artifact's bits. */
static void hash_preprocessing(struct ax_hasher *h, const struct ax_descriptor *p)
{
    struct ax_descriptor before = *p;
    before.n_after = 0;
    before.name = before.model = "x";
    before.source = before.description = before.family = NULL;
    char *text = ax_descriptor_text(&before);
    ax_hasher_add_text(h, text);
    free(text);
}

enum ax_status ax_job_key(struct ax_compile_job *j, struct ax_error *err)
{
    struct ax_mapping m;
    enum ax_status s = ax_file_map(j->path, &m, err);
    if (s) return s;
    ax_hash_text(ax_hash128(m.data, m.bytes), j->source_hash);
    ax_file_unmap(&m);
    struct ax_hasher *h = ax_hasher_new();
    add_option(h, "version", AXON_VERSION);
    add_option(h, "name", j->name);
    add_option(h, "source", j->source_hash);
    for (int v = 0; v < j->source->n_values; v++) { /* external data is part of the model, but not of its file */
        const struct ax_value *value = &j->source->values[v];
        if (value->data) ax_hasher_add(h, value->data, (size_t)ax_value_bytes(value));
    }
    hash_settings(h, j->set);
    if (j->device.name) add_number(h, (double)j->device.on_chip_bytes);
    add_number(h, j->output_type_given && j->precision.n); /* overrules what the file asks for */
    hash_preprocessing(h, &j->pipeline);
    if (j->calib) {
        struct ax_hash128 c = ax_calib_hash(j->calib);
        add_option(h, "calib", ax_calib_source(j->calib));
        ax_hasher_add(h, &c, sizeof c);
    }
    ax_hash_text(ax_hasher_end(h), j->key);
    return AX_OK;
}

bool ax_job_up_to_date(struct ax_compile_job *j)
{
    struct ax_manifest m;
    struct ax_error ignored;
    const char *manifest = ax_path_join(&j->mem, j->dir, "manifest.json");
    if (!ax_file_exists(manifest) || !ax_file_exists(ax_path_join(&j->mem, j->dir, "model.axmodel")) ||
        !ax_file_exists(ax_path_join(&j->mem, j->dir, "model.json")))
        return false;
    return !ax_manifest_read(manifest, &m, &j->mem, &ignored) && m.key && !strcmp(m.key, j->key);
}

/* Activations lie in the same memory, unless the device's description says what is there for weights. */
static void fill_memory(const struct ax_compile_job *j, struct ax_manifest_memory *m)
{
    m->device_bytes = j->device.name ? j->device.on_chip_bytes : DEVICE_BYTES;
    int64_t room = m->device_bytes - (j->device.name ? 0 : m->activations_bytes);
    m->on_chip_bytes = room < 0 ? 0 : m->weights_bytes < room ? m->weights_bytes : room;
    m->off_chip_bytes = m->weights_bytes - m->on_chip_bytes;
}

static void fill_calibration(struct ax_compile_job *j, struct ax_manifest_calibration *c)
{
    char hash[AX_HASH_TEXT];
    *c = (struct ax_manifest_calibration){.source = "", .range = "", .hash = ""};
    if (!j->calib) return;
    c->source = ax_calib_source(j->calib);
    c->range = j->set->range;
    c->hash = ax_arena_str(&j->mem, ax_hash_text(ax_calib_hash(j->calib), hash));
    c->count = ax_calib_samples(j->calib).count;
    c->seed = j->set->calib_seed;
    char *lines = ax_arena_str(&j->mem, ax_calib_warnings(j->calib));
    c->warnings = AX_NEW(&j->mem, const char *, 8);
    for (char *l = strtok(lines, "\n"); l && c->n_warnings < 8; l = strtok(NULL, "\n")) c->warnings[c->n_warnings++] = l;
}

static void fill_options(struct ax_compile_job *j, struct ax_manifest *m)
{
    const struct ax_compile_settings *s = j->set;
    const struct ax_manifest_option all[] = {{"precision", s->precision},
                                             {"range", s->range},
                                             {"output_type", s->output_type},
                                             {"channel_scales", s->no_channel_scales ? "no" : "yes"},
                                             {"bias_correction", s->no_bias_correction ? "no" : "yes"},
                                             {"layer_precision", ax_precision_text(&j->precision, &j->mem)}};
    m->n_options = (int)(sizeof all / sizeof *all) - !j->precision.n;
    m->options = ax_arena_copy(&j->mem, all, sizeof all);
}

/* Two decimals: enough for a reader, and no noise in a file that is to be the same everywhere. */
static double rounded(double x)
{
    return rint(x * 100) / 100;
}

/* Operations of which the stored result was compared with the float model's. */
static void fill_layer_errors(struct ax_compile_job *j, struct ax_manifest *m)
{
    const struct ax_graph *g = j->graph;
    for (int i = 0; i < j->report.n_layers; i++) {
        int v = ax_graph_find_value(g, j->report.layers[i].value);
        int node = v == AX_NONE ? -1 : g->values[v].producer;
        if (node >= 0 && node < m->n_operations) m->operations[node].sqnr = rounded(j->report.layers[i].sqnr_db);
    }
}

void ax_job_manifest(struct ax_compile_job *j, struct ax_manifest *m)
{
    *m = (struct ax_manifest){.name = j->name,
                              .source = ax_path_base(j->path),
                              .source_hash = j->source_hash,
                              .key = j->key,
                              .axon_version = AXON_VERSION};
    ax_manifest_add_graph(m, j->graph ? j->graph : j->source, &j->mem);
    ax_manifest_add_program(m, j->program, &j->mem);
    m->opset = j->source->opset;
    m->macs = 0;
    for (int i = 0; i < j->program->n_steps; i++) {
        const struct ax_step *step = &j->program->steps[i];
        m->macs += step->macs;
        if (step->node >= 0 && step->node < m->n_operations) m->operations[step->node].macs += step->macs;
    }
    fill_memory(j, &m->memory);
    fill_calibration(j, &m->calibration);
    fill_options(j, m);
    m->accuracy = (struct ax_manifest_accuracy){NAN, NAN, NAN};
    if (!j->measured) return;
    fill_layer_errors(j, m);
    m->accuracy.sqnr = rounded(j->report.sqnr_db);
    if (j->report.n_outputs) {
        double cosine = 0, top1 = 0;
        int n = 0;
        for (int o = 0; o < j->report.n_outputs; o++) {
            cosine += j->report.outputs[o].cosine / j->report.n_outputs;
            if (j->report.outputs[o].top1_agreement >= 0) top1 += j->report.outputs[o].top1_agreement, n++;
        }
        m->accuracy.cosine = rint(cosine * 1e6) / 1e6;
        if (n) m->accuracy.top1_agreement = rint(top1 / n * 1e4) / 1e4;
    }
}

enum ax_status ax_job_write(struct ax_compile_job *j, struct ax_error *err)
{
    struct ax_manifest m;
    const char *pipeline;
    ax_job_manifest(j, &m);
    struct ax_commit *c = ax_commit_new();
    enum ax_status s = ax_commit_dir(c, j->dir, err);
    if (!s) s = ax_job_pipeline_text(j, &pipeline, err);
    if (s) {
        ax_commit_free(c);
        return s;
    }
    char *manifest = ax_manifest_text(&m);
    const struct ax_graph *g = j->graph ? j->graph : j->source;
    int *packed = AX_NEW(&j->mem, int, g->n_values + 1);
    struct ax_axmodel_contents contents = {
        .program = j->program, .graph = g, .meta = manifest, .packed_operand = packed, .compress = j->set->compress};
    s = ax_lower_packed(g, j->program, packed, err);
    if (!s) s = ax_axmodel_add(c, ax_path_join(&j->mem, j->dir, "model.axmodel"), &contents, err);
    if (!s) s = ax_commit_add_text(c, ax_path_join(&j->mem, j->dir, "manifest.json"), manifest, err);
    if (!s) s = ax_commit_add_text(c, ax_path_join(&j->mem, j->dir, "model.json"), pipeline, err);
    if (!s) s = ax_commit_add_text(c, ax_path_join(&j->mem, j->dir, "compile.log"), ax_job_report(j, &m, true), err);
    if (!s) s = ax_commit_finish(c, err);
    ax_commit_free(c);
    free(manifest);
    return s;
}
