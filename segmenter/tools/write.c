/* The artifact: a .axmodel and a manifest for each segment, and partition.json, together or not at all. */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "files/modeljson.h"
#include "lower/unpack.h"
#include "tools/job.h"

static double unit(const struct ax_segment_job *j, int64_t cost)
{
    return j->costs.in_time ? (double)cost / 1e6 : (double)cost;
}

/* `to` as seen from folder `from`. */
static const char *relative(struct ax_arena *mem, const char *from, const char *to)
{
    char *a = realpath(from, NULL), *b = realpath(to, NULL), *up = ax_arena_str(mem, "");
    if (!a || !b) {
        free(a);
        free(b);
        return to;
    }
    size_t same = 0, at = 0;
    for (; a[at] && a[at] == b[at]; at++)
        if (a[at] == '/') same = at;
    if (!a[at] && b[at] == '/') same = at;
    for (const char *p = a + same; *p; p++)
        if (*p == '/' && p[1]) up = ax_arena_printf(mem, "%s../", up);
    const char *out = ax_arena_printf(mem, "%s%s", up, b + same + 1);
    free(a);
    free(b);
    return out;
}

static bool same_file(const char *a, const char *b)
{
    struct stat x, y;
    return !stat(a, &x) && !stat(b, &y) && x.st_dev == y.st_dev && x.st_ino == y.st_ino;
}

/* -- partition.json -- */

static void fill_ranges(struct ax_segment_job *j, int k, struct ax_partition_segment *s)
{
    const int *stage_of = j->solution.stage_of;
    int n = j->graph->n_nodes;
    s->nodes = AX_NEW(&j->mem, struct ax_partition_range, n + 1);
    for (int v = 0; v < n; v++) {
        if (stage_of[v] != k) continue;
        if (s->n_nodes && s->nodes[s->n_nodes - 1].last == v - 1)
            s->nodes[s->n_nodes - 1].last = v;
        else
            s->nodes[s->n_nodes++] = (struct ax_partition_range){v, v};
    }
}

static void fill_segment(struct ax_segment_job *j, int k, struct ax_partition_segment *s)
{
    const struct ax_seg_stage *from = &j->solution.stage[k];
    *s = (struct ax_partition_segment){
        .file = ax_arena_printf(&j->mem, "%s_segment_%d_of_%d.axmodel", j->name, k, j->n_segments),
        .replicas = j->solution.replicas[k],
        .operations = from->n_nodes,
        .parameter_bytes = from->param_bytes,
        .on_chip_bytes = from->on_chip_bytes,
        .remaining_bytes = j->device.on_chip_bytes - from->on_chip_bytes,
        .off_chip_bytes = from->off_chip_bytes,
        .input_bytes = from->in_bytes,
        .output_bytes = from->out_bytes,
        .compute = unit(j, from->compute),
        .streaming = unit(j, from->stream_cost),
        .transfer = unit(j, from->transfer_cost),
        .cost = unit(j, from->cost),
        .measured_us = j->measured ? j->segment_ns[k] / 1e3 : (double)NAN,
    };
    for (int v = 0; v < j->graph->n_nodes; v++)
        if (j->solution.stage_of[v] == k) s->macs += j->costs.macs[v];
    fill_ranges(j, k, s);
}

/* Tensors that enter from outside or cross. */
static void fill_tensors(struct ax_segment_job *j, struct ax_partition *p)
{
    const struct ax_seg_problem *q = &j->costs.problem;
    p->tensors = AX_NEW(&j->mem, struct ax_partition_tensor, q->n_tensors + 1);
    for (int t = 0; t < q->n_tensors; t++) {
        const struct ax_seg_tensor *x = &q->tensors[t];
        const struct ax_value *v = &j->graph->values[j->costs.value_of[t]];
        struct ax_partition_tensor out = {
            .name = v->name, .dtype = v->dtype, .shape = v->shape, .bytes = x->bytes, .is_output = x->is_output};
        out.from = x->producer < 0 ? -1 : j->solution.stage_of[x->producer];
        for (int k = out.from + 1; k < j->n_segments; k++) {
            bool reads = x->producer < 0 && x->is_output && k == 0; /* an input passed through leaves from the first */
            for (int i = 0; i < x->n_consumers; i++) reads |= j->solution.stage_of[x->consumers[i]] == k;
            if (reads) out.to[out.n_to++] = k;
        }
        if (out.n_to) p->tensors[p->n_tensors++] = out;
    }
}

static const char **names_of(struct ax_segment_job *j, const int *values, int n)
{
    const char **list = AX_NEW(&j->mem, const char *, n + 1);
    for (int i = 0; i < n; i++) list[i] = j->graph->values[values[i]].name;
    return list;
}

void ax_segment_partition(struct ax_segment_job *j, struct ax_partition *p)
{
    const struct ax_seg_solution *s = &j->solution;
    *p = (struct ax_partition){
        .name = j->name,
        .source = j->temporary ? ax_path_base(j->path) : j->model_path,
        .source_hash = j->source_hash,
        .by = j->by_hand ? "cuts" : j->set->by,
        .device = j->profiled ? j->profile.device : j->device_name,
        .unit = j->costs.in_time ? "us" : "bytes",
        .n_segments = j->n_segments,
        .crossing_bytes = s->crossing_bytes,
        .bottleneck = unit(j, s->bottleneck),
        .lower_bound = unit(j, s->lower_bound),
        .gap = s->bottleneck ? (double)(s->bottleneck - s->lower_bound) / (double)s->bottleneck : 0,
        .exact = s->exact,
        .measured_us = j->measured ? ax_segment_slowest_ns(j) / 1e3 : (double)NAN,
        .balance = j->measured ? j->balance : (double)NAN,
        .noise = j->measured ? j->noise : (double)NAN,
    };
    p->segments = AX_NEW(&j->mem, struct ax_partition_segment, j->n_segments);
    for (int k = 0; k < j->n_segments; k++) fill_segment(j, k, &p->segments[k]);
    fill_tensors(j, p);
    p->inputs = names_of(j, j->graph->inputs, p->n_inputs = j->graph->n_inputs);
    p->outputs = names_of(j, j->graph->outputs, p->n_outputs = j->graph->n_outputs);
}

/* -- segments -- */

static void fill_manifest(struct ax_segment_job *j, int k, struct ax_manifest *m)
{
    const struct ax_segment *part = &j->parts[k];
    const struct ax_seg_stage *stage = &j->solution.stage[k];
    *m = j->manifest;
    m->name = part->graph->name;
    if (!m->source) m->source = ax_path_base(j->path);
    m->key = NULL;
    m->axon_version = AXON_VERSION;
    ax_manifest_add_program(m, part->program, &j->mem);
    ax_manifest_add_graph(m, part->graph, &j->mem);
    m->memory.device_bytes = j->device.on_chip_bytes;
    m->memory.on_chip_bytes = stage->on_chip_bytes;
    m->memory.off_chip_bytes = stage->off_chip_bytes;
    m->accuracy = (struct ax_manifest_accuracy){(double)NAN, (double)NAN, (double)NAN};
}

static enum ax_status add_segment(struct ax_segment_job *j, int k, const char *file, struct ax_commit *c, struct ax_error *err)
{
    const struct ax_segment *part = &j->parts[k];
    struct ax_manifest m;
    int *packed = AX_NEW(&j->mem, int, part->graph->n_values + 1);
    fill_manifest(j, k, &m);
    enum ax_status s = ax_lower_packed(part->graph, part->program, packed, err);
    if (s) return s;
    char *text = ax_manifest_text(&m);
    struct ax_axmodel_contents contents = {
        .program = part->program, .graph = part->graph, .meta = text, .packed_operand = packed, .compress = j->set->compress};
    const char *manifest = ax_arena_printf(&j->mem, "%s.json", part->graph->name);
    s = ax_axmodel_add(c, ax_path_join(&j->mem, j->dir, file), &contents, err);
    if (!s) s = ax_commit_add_text(c, ax_path_join(&j->mem, j->dir, manifest), text, err);
    free(text);
    return s;
}

/* The pipeline descriptor for the segments, so that what runs a folder knows how pictures come in and results are read. Not
 * where the whole model has its own. */
static enum ax_status add_descriptor(struct ax_segment_job *j, struct ax_commit *c, struct ax_error *err)
{
    const char *to = ax_path_join(&j->mem, j->dir, "model.json");
    struct ax_descriptor d;
    if (!j->descriptor || same_file(j->descriptor, to)) return AX_OK;
    enum ax_status s = ax_descriptor_read(j->descriptor, &d, err);
    if (!s) {
        const char *source = d.source ? ax_path_join(&j->mem, ax_path_dir(&j->mem, j->descriptor), d.source) : NULL;
        if (j->temporary) source = j->path;
        d.model = "partition.json";
        d.source = source && ax_file_exists(source) ? relative(&j->mem, j->dir, source) : NULL;
        char *text = ax_descriptor_text(&d);
        s = ax_commit_add_text(c, to, text, err);
        free(text);
    }
    ax_descriptor_free(&d);
    return s;
}

/* -- segments of an earlier cut into the same folder -- */

static bool is_new(const struct ax_partition *p, const char *file)
{
    for (int k = 0; k < p->n_segments; k++)
        if (!strcmp(p->segments[k].file, file)) return true;
    return false;
}

/* Who takes all NAME_segment_*.axmodel must not find two cuts mixed. Only what the old partition.json of the same model names,
 * under the names that axsegment gives. */
static void remove_old(struct ax_segment_job *j, const struct ax_partition *old, const struct ax_partition *p)
{
    if (!old->name || strcmp(old->name, p->name)) return;
    for (int k = 0; k < old->n_segments; k++) {
        const char *stem = ax_arena_printf(&j->mem, "%s_segment_%d_of_%d", old->name, k, old->n_segments);
        const char *file = ax_arena_printf(&j->mem, "%s.axmodel", stem);
        const char *path = ax_path_join(&j->mem, j->dir, file);
        if (strcmp(old->segments[k].file, file) || is_new(p, file) || same_file(path, j->model_path)) continue;
        if (unlink(path) && errno != ENOENT)
            fprintf(stderr, "axsegment: warning: %s, of an earlier cut, cannot be removed: %s\n", path, strerror(errno));
        else
            unlink(ax_path_join(&j->mem, j->dir, ax_arena_printf(&j->mem, "%s.json", stem)));
    }
}

enum ax_status ax_segment_write(struct ax_segment_job *j, struct ax_partition *p, struct ax_error *err)
{
    struct ax_error none;
    struct ax_partition old;
    bool was_cut = !ax_partition_read(ax_path_join(&j->mem, j->dir, "partition.json"), &old, &j->mem, &none);
    struct ax_commit *c = ax_commit_new();
    enum ax_status s = ax_commit_dir(c, j->dir, err);
    if (!s && !j->temporary) p->source = relative(&j->mem, j->dir, j->model_path);
    for (int k = 0; k < j->n_segments && !s; k++) s = add_segment(j, k, p->segments[k].file, c, err);
    char *text = ax_partition_text(p);
    if (!s) s = ax_commit_add_text(c, ax_path_join(&j->mem, j->dir, "partition.json"), text, err);
    if (!s) s = add_descriptor(j, c, err);
    if (!s) s = ax_commit_finish(c, err);
    if (!s && was_cut) remove_old(j, &old, p);
    ax_commit_free(c);
    free(text);
    return s;
}
