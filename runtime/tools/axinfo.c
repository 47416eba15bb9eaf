/* axinfo: what is in an .axmodel, a manifest.json, a model.json or a partition.json. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/options.h"
#include "base/text.h"
#include "files/axmodel.h"
#include "files/device.h"
#include "files/manifest.h"
#include "files/modeljson.h"
#include "files/partition.h"
#include "files/profile.h"

struct settings {
    bool json, steps, graph, operations;
};

static const struct ax_option options[] = {
    {"json", 0, NULL, AX_OPT_FLAG, offsetof(struct settings, json), NULL, NULL, "Print JSON.", "Output"},
    {"steps", 's', NULL, AX_OPT_FLAG, offsetof(struct settings, steps), NULL, NULL, "List the steps of the program.", NULL},
    {"graph", 'g', NULL, AX_OPT_FLAG, offsetof(struct settings, graph), NULL, NULL,
     "Print the graph that the program was made from.", NULL},
    {"operations", 'o', NULL, AX_OPT_FLAG, offsetof(struct settings, operations), NULL, NULL,
     "List the operations of the manifest: what runs in int8, what in float and why.", NULL},
    {0},
};
static const struct ax_tool tool = {
    "axinfo",
    "FILE",
    "shows what is in an .axmodel, a manifest.json, a model.json or a partition.json",
    "FILE may also be a profile.json, the description of a device, or a folder that axcompile or axsegment wrote; then its "
    "model.axmodel or partition.json is shown. Checksums "
    "are verified.",
    "  axinfo build/resnet18/resnet18/1\n  axinfo --json model.axmodel | jq .inputs\n  axinfo --steps model.axmodel\n",
    options,
    1,
    1,
};

/* -- text -- */

/* A name from a file, without what a terminal would obey. */
static const char *shown(const char *s)
{
    static char buf[4][256];
    static int at;
    char *out = buf[at++ % 4];
    size_t n = 0;
    for (; *s && n < 255; s++) out[n++] = (unsigned char)*s < ' ' || *s == 0x7f ? '?' : *s;
    out[n] = 0;
    return out;
}

static void show_quant(const struct ax_quant *q)
{
    if (!q->count) return;
    if (q->count == 1)
        printf(", scale %.9g, zero point %d", (double)q->scale[0], q->zero_point[0]);
    else
        printf(", %d scales along dimension %d", q->count, q->axis);
}

static void show_ports(const char *title, const struct ax_manifest_port *p, int count)
{
    char shape[AX_SHAPE_TEXT];
    printf("%s:\n", title);
    for (int i = 0; i < count; i++) {
        printf("  %-24s %s %s%s%s", shown(p[i].name), ax_dtype_text(p[i].dtype), ax_shape_text(&p[i].shape, shape),
               p[i].layout && *p[i].layout ? " " : "", p[i].layout ? shown(p[i].layout) : "");
        printf("; stored %s %s", ax_dtype_text(p[i].stored), p[i].stored_layout ? shown(p[i].stored_layout) : "");
        show_quant(&p[i].quant);
        printf("\n");
    }
}

static void show_operations(const struct ax_manifest *m)
{
    printf("operations:\n");
    for (int i = 0; i < m->n_operations; i++) {
        const struct ax_manifest_op *o = &m->operations[i];
        printf("  %-10s %-22s %s%s%s\n", shown(o->precision ? o->precision : ""), shown(o->op ? o->op : ""),
               shown(o->name ? o->name : ""), o->reason ? "  because: " : "", o->reason ? shown(o->reason) : "");
    }
}

static void show_summary(const struct ax_manifest *m)
{
    char a[AX_BYTES_TEXT], b[AX_BYTES_TEXT];
    int n8 = 0;
    for (int i = 0; i < m->n_operations; i++) n8 += m->operations[i].precision && !strcmp(m->operations[i].precision, "int8");
    printf("name: %s%s%s\n", shown(m->name ? m->name : ""), m->source ? ", from " : "", m->source ? shown(m->source) : "");
    printf("operations: %d in int8, %d in other types; %" PRId64 " parameters\n", n8, m->n_operations - n8, m->parameters);
    printf("memory: weights %s, activations %s\n", ax_bytes_text(m->memory.weights_bytes, a),
           ax_bytes_text(m->memory.activations_bytes, b));
    if (m->calibration.source && *m->calibration.source)
        printf("calibration: %" PRId64 " samples from %s, ranges by %s\n", m->calibration.count, shown(m->calibration.source),
               shown(m->calibration.range ? m->calibration.range : "?"));
    for (int i = 0; i < m->n_warnings; i++) printf("warning: %s\n", shown(m->warnings[i]));
    for (int i = 0; i < m->calibration.n_warnings; i++) printf("warning: %s\n", shown(m->calibration.warnings[i]));
}

/* -- .axmodel -- */

static int64_t total_macs(const struct ax_program *p)
{
    int64_t n = 0;
    for (int i = 0; i < p->n_steps; i++) n += p->steps[i].macs;
    return n;
}

static void show_sections(const struct ax_container *c)
{
    char name[8], bytes[AX_BYTES_TEXT];
    printf("sections:\n");
    for (int i = 0; i < c->n_sections; i++) {
        const struct ax_section *s = &c->sections[i];
        printf("  %s  offset %10" PRIu64 "  %12s%s  checksum %016" PRIx64 " %s\n", ax_section_text(s->type, name), s->offset,
               ax_bytes_text((long long)s->stored_bytes, bytes), s->compression ? " (zstd)" : "", s->checksum,
               ax_container_intact(c, i) ? "intact" : "DAMAGED");
    }
}

static enum ax_status show_graph(struct ax_axmodel *m, struct ax_error *err)
{
    struct ax_graph *g;
    enum ax_status s = ax_axmodel_graph(m, NULL, NULL, &g, err);
    if (s) return s;
    ax_graph_print(g, stdout);
    ax_graph_free(g);
    return AX_OK;
}

static void show_model(const char *path, const struct ax_axmodel *m, const struct ax_manifest *ports,
                       const struct ax_manifest *meta)
{
    char a[AX_BYTES_TEXT], b[AX_BYTES_TEXT], c[AX_BYTES_TEXT];
    const struct ax_program *p = m->program;
    printf("%s: .axmodel version %d.%d, %s\n", path, m->file.major, m->file.minor,
           ax_bytes_text((long long)m->file.file.bytes, a));
    if (meta->name) show_summary(meta);
    printf("program: %d steps, %.3f GMACs, constants %s, arena %s\n", p->n_steps, (double)total_macs(p) * 1e-9,
           ax_bytes_text(p->const_bytes, b), ax_bytes_text(p->arena_bytes, c));
    show_ports("inputs", ports->inputs, ports->n_inputs);
    show_ports("outputs", ports->outputs, ports->n_outputs);
    show_sections(&m->file);
}

static void json_sections(struct ax_json_writer *w, const struct ax_container *c)
{
    char name[8], sum[20];
    ax_jw_array(w, "sections");
    for (int i = 0; i < c->n_sections; i++) {
        const struct ax_section *s = &c->sections[i];
        snprintf(sum, sizeof sum, "%016" PRIx64, s->checksum);
        ax_jw_object(w, NULL);
        ax_jw_line(w);
        ax_jw_text(w, "type", ax_section_text(s->type, name));
        ax_jw_int(w, "offset", (int64_t)s->offset);
        ax_jw_int(w, "stored_bytes", (int64_t)s->stored_bytes);
        ax_jw_int(w, "raw_bytes", (int64_t)s->raw_bytes);
        ax_jw_text(w, "compression", s->compression ? "zstd" : "none");
        ax_jw_text(w, "checksum", sum);
        ax_jw_bool(w, "intact", ax_container_intact(c, i));
        ax_jw_end(w);
    }
    ax_jw_end(w);
}

static void json_operands(struct ax_json_writer *w, const char *key, const struct ax_program *p, const int *list, int count)
{
    ax_jw_array(w, key);
    for (int i = 0; i < count; i++)
        if (list[i] >= 0 && *p->operands[list[i]].name)
            ax_jw_text(w, NULL, p->operands[list[i]].name);
        else
            ax_jw_int(w, NULL, list[i]);
    ax_jw_end(w);
}

static void json_steps(struct ax_json_writer *w, const struct ax_program *p)
{
    ax_jw_array(w, "steps");
    for (int i = 0; i < p->n_steps; i++) {
        const struct ax_step *s = &p->steps[i];
        ax_jw_object(w, NULL);
        ax_jw_line(w);
        ax_jw_text(w, "kind", ax_step_text(s->kind));
        ax_jw_text(w, "name", s->name);
        ax_jw_int(w, "node", s->node);
        ax_jw_int(w, "macs", s->macs);
        json_operands(w, "inputs", p, s->in, s->n_in);
        json_operands(w, "outputs", p, s->out, s->n_out);
        ax_jw_end(w);
    }
    ax_jw_end(w);
}

static void json_model(const struct ax_axmodel *m, const struct ax_manifest *ports, bool steps)
{
    struct ax_json_writer *w = ax_jw_new();
    ax_jw_object(w, NULL);
    ax_jw_text(w, "format", "axmodel");
    ax_jw_int(w, "version_major", m->file.major);
    ax_jw_int(w, "version_minor", m->file.minor);
    ax_manifest_write_ports(w, "inputs", ports->inputs, ports->n_inputs);
    ax_manifest_write_ports(w, "outputs", ports->outputs, ports->n_outputs);
    ax_jw_int(w, "n_steps", m->program->n_steps);
    ax_jw_int(w, "macs", total_macs(m->program));
    ax_jw_int(w, "weights_bytes", m->program->const_bytes);
    ax_jw_int(w, "activations_bytes", m->program->arena_bytes);
    ax_jw_bool(w, "has_graph", m->has_graph);
    json_sections(w, &m->file);
    if (steps) json_steps(w, m->program);
    if (m->meta_bytes) ax_jw_raw(w, "manifest", m->meta);
    ax_jw_end(w);
    char *text = ax_jw_finish(w);
    fputs(text, stdout);
    free(text);
}

static enum ax_status show_axmodel(const char *path, const struct settings *set, struct ax_error *err)
{
    struct ax_axmodel *m;
    struct ax_arena mem = {0};
    struct ax_manifest ports = {0}, meta = {0};
    enum ax_status s = ax_axmodel_open(path, 0, &m, err);
    if (s) return s;
    ax_manifest_add_program(&ports, m->program, &mem);
    if (m->meta_bytes) s = ax_manifest_parse(m->meta, m->meta_bytes, "section META", &meta, &mem, err);
    if (!s && set->json) json_model(m, &ports, set->steps);
    if (!s && !set->json) show_model(path, m, &ports, &meta);
    if (!s && !set->json && set->operations) show_operations(&meta);
    if (!s && !set->json && set->steps) ax_program_print(m->program, stdout);
    if (!s && set->graph) s = show_graph(m, err);
    ax_arena_free(&mem);
    ax_axmodel_close(m);
    return s;
}

/* -- JSON files -- */

static enum ax_status show_manifest(const char *path, const struct settings *set, struct ax_error *err)
{
    struct ax_arena mem = {0};
    struct ax_manifest m;
    enum ax_status s = ax_manifest_read(path, &m, &mem, err);
    if (!s && set->json) {
        char *text = ax_manifest_text(&m);
        fputs(text, stdout);
        free(text);
    } else if (!s) {
        printf("%s: manifest\n", path);
        show_summary(&m);
        show_ports("inputs", m.inputs, m.n_inputs);
        show_ports("outputs", m.outputs, m.n_outputs);
        if (set->operations) show_operations(&m);
    }
    ax_arena_free(&mem);
    return s;
}

static enum ax_status show_pipeline(const char *path, const struct settings *set, struct ax_error *err)
{
    struct ax_descriptor p;
    enum ax_status s = ax_descriptor_read(path, &p, err);
    if (!s) {
        char *text = ax_descriptor_text(&p);
        if (!set->json) printf("%s: pipeline descriptor\n", path);
        fputs(text, stdout);
        free(text);
    }
    ax_descriptor_free(&p);
    return s;
}

static enum ax_status show_partition(const char *path, const struct settings *set, struct ax_error *err)
{
    struct ax_arena mem = {0};
    struct ax_partition p;
    enum ax_status s = ax_partition_read(path, &p, &mem, err);
    if (!s && set->json) {
        char *text = ax_partition_text(&p);
        fputs(text, stdout);
        free(text);
    } else if (!s) {
        printf("%s: partition of %s\n", path, shown(p.source));
        ax_partition_print(&p, stdout);
        ax_partition_print_crossing(&p, stdout);
        printf("files:\n");
        for (int i = 0; i < p.n_segments; i++) printf("  %s\n", shown(p.segments[i].file));
    }
    ax_arena_free(&mem);
    return s;
}

/* Printed as they are read, whatever the output: they are short, or lists. */
static enum ax_status show_device(const char *path, struct ax_error *err)
{
    struct ax_arena mem = {0};
    struct ax_device_desc d;
    enum ax_status s = ax_device_read(path, &d, &mem, err);
    char *text = s ? NULL : ax_device_text(&d, NULL);
    if (text) fputs(text, stdout);
    free(text);
    ax_arena_free(&mem);
    return s;
}

static enum ax_status show_profile(const char *path, struct ax_error *err)
{
    struct ax_arena mem = {0};
    struct ax_profile p;
    enum ax_status s = ax_profile_read(path, &p, &mem, err);
    char *text = s ? NULL : ax_profile_text(&p);
    if (text) fputs(text, stdout);
    free(text);
    ax_arena_free(&mem);
    return s;
}

/* Which of the JSON files it is: devices and profiles say so, a partition has segments, a manifest has inputs, a pipeline
 * descriptor has a model. */
static enum ax_status show_json(const char *path, const struct settings *set, struct ax_error *err)
{
    struct ax_json_doc doc;
    enum ax_status s = ax_json_open(path, 256 << 20, &doc, err);
    bool object = !s && ax_json_is_object(ax_json_root(&doc));
    bool partition = object && ax_json_there(ax_json_get(ax_json_root(&doc), "segments"));
    bool manifest = object && ax_json_there(ax_json_get(ax_json_root(&doc), "inputs"));
    bool pipeline = object && ax_json_there(ax_json_get(ax_json_root(&doc), "model"));
    const char *format = object ? ax_json_text(ax_json_get(ax_json_root(&doc), "format"), "") : "";
    bool device = !strcmp(format, "axon-device"), profile = !strcmp(format, "axon-profile");
    ax_json_close(&doc);
    if (s) return s;
    if (device) return show_device(path, err);
    if (profile) return show_profile(path, err);
    if (partition) return show_partition(path, set, err);
    if (manifest) return show_manifest(path, set, err);
    if (pipeline) return show_pipeline(path, set, err);
    return ax_fail(
        err, AX_FORMAT,
        "%s: neither a manifest.json (no \"inputs\") nor a model.json (no \"model\") nor a partition.json (no \"segments\")",
        path);
}

static enum ax_status show(const char *path, const struct settings *set, struct ax_error *err)
{
    char first = 0;
    struct ax_arena mem = {0};
    if (ax_dir_exists(path)) {
        const char *model = ax_path_join(&mem, path, "model.axmodel"), *parts = ax_path_join(&mem, path, "partition.json");
        bool whole = ax_file_exists(model);
        if (!whole && !ax_file_exists(parts)) {
            ax_arena_free(&mem);
            return ax_fail(err, AX_NOT_FOUND,
                           "%s: holds neither model.axmodel nor partition.json; a folder that axcompile or axsegment wrote is "
                           "expected",
                           path);
        }
        path = whole ? model : parts;
    }
    FILE *f = fopen(path, "rb");
    if (f) {
        while (fread(&first, 1, 1, f) == 1 && strchr(" \t\r\n", first)) continue;
        fclose(f);
    }
    enum ax_status s = first == '{' || first == '[' || ax_path_has_ext(path, ".json") ? show_json(path, set, err)
                                                                                      : show_axmodel(path, set, err);
    ax_arena_free(&mem);
    return s;
}

int main(int argc, char **argv)
{
    struct settings set;
    struct ax_args args;
    struct ax_error err = {0};
    int rc = ax_options_begin(&tool, argc, argv, &set, &args);
    if (rc >= 0) return rc;
    enum ax_status s = show(args.arg[0], &set, &err);
    rc = s ? ax_tool_failed(&tool, &err) : AX_EXIT_DONE;
    ax_args_free(&args);
    return rc;
}
