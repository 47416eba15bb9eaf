#include "files/partition.h"

#include <math.h>
#include <string.h>

#include "base/file.h"

enum { MAX_BYTES = 64 << 20, MAX_ITEMS = 1 << 20 };

struct reader {
    struct ax_partition *p;
    struct ax_arena *mem;
};

static const char *text_of(struct reader *r, struct ax_json j)
{
    return ax_arena_str(r->mem, ax_json_text(j, ""));
}

static int64_t bytes_of(struct ax_json o, const char *key)
{
    return ax_json_int(ax_json_get(o, key), 0, INT64_MAX, 0);
}

static double cost_of(struct ax_json o, const char *key, double otherwise)
{
    return ax_json_number(ax_json_get(o, key), 0, 1e18, otherwise);
}

/* Items of an array, at most MAX_ITEMS. */
static int count_of(struct ax_json array)
{
    int n = ax_json_count(array);
    if (n > MAX_ITEMS) ax_json_fail(array, "has %d entries; at most %d are expected", n, MAX_ITEMS);
    return n > MAX_ITEMS ? 0 : n;
}

static const char **texts_of(struct reader *r, struct ax_json array, int *count)
{
    *count = count_of(array);
    const char **list = AX_NEW(r->mem, const char *, *count + 1);
    for (int i = 0; i < *count; i++) list[i] = text_of(r, ax_json_at(array, i));
    return list;
}

static void read_nodes(struct reader *r, struct ax_json array, struct ax_partition_segment *s)
{
    s->n_nodes = count_of(array);
    s->nodes = AX_NEW(r->mem, struct ax_partition_range, s->n_nodes + 1);
    for (int i = 0; i < s->n_nodes; i++) {
        double ends[2] = {0, -1};
        struct ax_json range = ax_json_at(array, i);
        if (ax_json_numbers(range, 0, INT32_MAX, ends, 2) != 2 || ends[1] < ends[0])
            ax_json_fail(range, "expected the first and the last node of a range");
        s->nodes[i] = (struct ax_partition_range){(int)ends[0], (int)ends[1]};
    }
}

static void read_segment(struct reader *r, struct ax_json o, struct ax_partition_segment *s)
{
    struct ax_json file = ax_json_need(o, "file");
    s->file = text_of(r, file);
    if (!ax_json_status(o.doc) && !ax_path_is_inside(s->file))
        ax_json_fail(file, "\"%s\" does not lie in the folder of partition.json", s->file);
    s->replicas = (int)ax_json_int(ax_json_get(o, "replicas"), 1, 255, 1);
    s->operations = (int)ax_json_int(ax_json_get(o, "operations"), 0, INT32_MAX, 0);
    s->macs = bytes_of(o, "macs");
    s->parameter_bytes = bytes_of(o, "parameter_bytes");
    s->on_chip_bytes = bytes_of(o, "on_chip_bytes");
    s->remaining_bytes = bytes_of(o, "remaining_bytes");
    s->off_chip_bytes = bytes_of(o, "off_chip_bytes");
    s->input_bytes = bytes_of(o, "input_bytes");
    s->output_bytes = bytes_of(o, "output_bytes");
    s->compute = cost_of(o, "compute", 0);
    s->streaming = cost_of(o, "streaming", 0);
    s->transfer = cost_of(o, "transfer", 0);
    s->cost = cost_of(o, "cost", 0);
    s->measured_us = cost_of(o, "measured_us", (double)NAN);
    read_nodes(r, ax_json_get(o, "nodes"), s);
}

static void read_readers(struct reader *r, struct ax_json array, struct ax_partition_tensor *t)
{
    int last = t->from;
    t->n_to = ax_json_count(array);
    if (t->n_to > r->p->n_segments) ax_json_fail(array, "names %d segments of %d", t->n_to, r->p->n_segments);
    if (t->n_to > r->p->n_segments) t->n_to = 0;
    for (int i = 0; i < t->n_to; i++) {
        struct ax_json to = ax_json_at(array, i);
        t->to[i] = (int)ax_json_int(to, 0, r->p->n_segments - 1, 0);
        if (t->to[i] <= last) ax_json_fail(to, "segments must ascend, behind the one that the tensor comes from");
        last = t->to[i];
    }
}

static void read_tensor(struct reader *r, struct ax_json o, struct ax_partition_tensor *t)
{
    double dims[AX_MAX_RANK];
    struct ax_json type = ax_json_need(o, "type");
    t->name = text_of(r, ax_json_need(o, "name"));
    t->dtype = ax_dtype_from_text(ax_json_text(type, "none"));
    if (t->dtype == AX_DTYPE_NONE) ax_json_fail(type, "is not a type of Axon");
    t->shape.rank = ax_json_numbers(ax_json_need(o, "shape"), 0, 1e12, dims, AX_MAX_RANK);
    for (int i = 0; i < t->shape.rank && i < AX_MAX_RANK; i++) t->shape.dim[i] = (int64_t)dims[i];
    t->bytes = bytes_of(o, "bytes");
    t->from = (int)ax_json_int(ax_json_need(o, "from"), -1, r->p->n_segments - 1, -1);
    t->is_output = ax_json_bool(ax_json_get(o, "output"), false);
    read_readers(r, ax_json_need(o, "to"), t);
}

static void read_lists(struct reader *r, struct ax_json root)
{
    struct ax_partition *p = r->p;
    struct ax_json segments = ax_json_need(root, "segments"), tensors = ax_json_need(root, "tensors");
    p->n_segments = ax_json_count(segments);
    if (p->n_segments < 1 || p->n_segments > AX_PARTITION_MAX_SEGMENTS)
        ax_json_fail(segments, "has %d segments; 1 to %d are expected", p->n_segments, AX_PARTITION_MAX_SEGMENTS);
    p->n_tensors = count_of(tensors);
    if (ax_json_status(root.doc)) return;
    p->segments = AX_NEW(r->mem, struct ax_partition_segment, p->n_segments);
    for (int i = 0; i < p->n_segments; i++) read_segment(r, ax_json_at(segments, i), &p->segments[i]);
    p->tensors = AX_NEW(r->mem, struct ax_partition_tensor, p->n_tensors + 1);
    for (int i = 0; i < p->n_tensors; i++) read_tensor(r, ax_json_at(tensors, i), &p->tensors[i]);
    p->inputs = texts_of(r, ax_json_need(root, "inputs"), &p->n_inputs);
    p->outputs = texts_of(r, ax_json_need(root, "outputs"), &p->n_outputs);
}

static void read_all(struct reader *r, struct ax_json root)
{
    static const char *const formats[] = {"axon-partition", NULL};
    struct ax_partition *p = r->p;
    ax_json_word(ax_json_need(root, "format"), formats, 0);
    ax_json_int(ax_json_need(root, "version"), 1, 1, 1);
    p->name = text_of(r, ax_json_need(root, "name"));
    p->source = text_of(r, ax_json_get(root, "source"));
    p->source_hash = text_of(r, ax_json_get(root, "source_hash"));
    p->by = text_of(r, ax_json_get(root, "by"));
    p->device = text_of(r, ax_json_get(root, "device"));
    p->unit = text_of(r, ax_json_get(root, "unit"));
    p->bottleneck = cost_of(root, "bottleneck", 0);
    p->lower_bound = cost_of(root, "lower_bound", 0);
    p->gap = cost_of(root, "gap", 0);
    p->exact = ax_json_bool(ax_json_get(root, "exact"), false);
    p->crossing_bytes = bytes_of(root, "crossing_bytes");
    p->measured_us = cost_of(root, "measured_us", (double)NAN);
    p->balance = cost_of(root, "balance", (double)NAN);
    p->noise = cost_of(root, "noise", (double)NAN);
    read_lists(r, root);
}

static bool looks_like_object(const char *p, size_t bytes)
{
    while (bytes && (*p == ' ' || *p == '\t' || *p == '\r' || *p == '\n')) p++, bytes--;
    return bytes && *p == '{';
}

bool ax_partition_is(const char *path)
{
    struct ax_mapping m = {0};
    struct ax_error ignored;
    struct ax_json_doc doc;
    bool is = false;
    if (ax_file_map(path, &m, &ignored)) return false;
    if (m.bytes <= MAX_BYTES && looks_like_object((const char *)m.data, m.bytes)) {
        if (!ax_json_parse((const char *)m.data, m.bytes, path, &doc, &ignored))
            is = !strcmp(ax_json_text(ax_json_get(ax_json_root(&doc), "format"), ""), "axon-partition");
        ax_json_close(&doc);
    }
    ax_file_unmap(&m);
    return is;
}

static enum ax_status finish(struct ax_json_doc *doc, enum ax_status s, struct ax_partition *p, struct ax_arena *mem)
{
    struct reader r = {p, mem};
    *p = (struct ax_partition){0};
    if (!s) {
        read_all(&r, ax_json_root(doc));
        s = ax_json_status(doc);
    }
    ax_json_close(doc);
    return s;
}

enum ax_status ax_partition_parse(const char *json, size_t bytes, const char *file, struct ax_partition *p,
                                  struct ax_arena *mem, struct ax_error *err)
{
    struct ax_json_doc doc;
    enum ax_status s = ax_json_parse(json, bytes, file, &doc, err);
    return finish(&doc, s, p, mem);
}

enum ax_status ax_partition_read(const char *path, struct ax_partition *p, struct ax_arena *mem, struct ax_error *err)
{
    struct ax_json_doc doc;
    enum ax_status s = ax_json_open(path, MAX_BYTES, &doc, err);
    return finish(&doc, s, p, mem);
}
