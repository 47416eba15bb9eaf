#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "files/manifest.h"

enum { MAX_BYTES = 256 << 20 };

static const char *text(struct ax_arena *mem, struct ax_json j)
{
    const char *s = ax_json_is_text(j) ? ax_json_text(j, "") : NULL;
    return s ? ax_arena_str(mem, s) : NULL;
}

static enum ax_dtype dtype(struct ax_json j)
{
    const char *s = ax_json_text(j, "none");
    enum ax_dtype t = ax_dtype_from_text(s);
    if (t == AX_DTYPE_NONE) ax_json_fail(j, "'%.40s' is no element type", s);
    return t;
}

static struct ax_shape shape(struct ax_json j)
{
    double dim[AX_MAX_RANK];
    struct ax_shape s = {.rank = ax_json_numbers(j, 0, 0x1p40, dim, AX_MAX_RANK)};
    for (int i = 0; i < s.rank; i++) s.dim[i] = (int64_t)dim[i];
    return s;
}

static struct ax_quant quant(struct ax_arena *mem, struct ax_json o)
{
    struct ax_quant q = {0};
    struct ax_json scale = ax_json_get(o, "scale"), zero = ax_json_get(o, "zero_point");
    bool one = ax_json_is_number(scale);
    if (!one && !ax_json_is_array(scale)) return q;
    int n = one ? 1 : ax_json_count(scale);
    if (!one && ax_json_count(zero) != n) ax_json_fail(zero, "has not as many entries as \"scale\"");
    float *s = AX_NEW(mem, float, n);
    int32_t *z = AX_NEW(mem, int32_t, n);
    for (int i = 0; i < n; i++) {
        s[i] = (float)ax_json_number(one ? scale : ax_json_at(scale, i), 0, 3e38, 0);
        z[i] = (int32_t)ax_json_int(one ? zero : ax_json_at(zero, i), INT32_MIN, INT32_MAX, 0);
    }
    return (struct ax_quant){n, (int)ax_json_int(ax_json_get(o, "axis"), 0, AX_MAX_RANK - 1, 0), s, z};
}

static void read_port(struct ax_arena *mem, struct ax_json j, struct ax_manifest_port *p)
{
    double padding[4] = {0};
    struct ax_json stored = ax_json_need(j, "stored");
    p->name = text(mem, ax_json_need(j, "name"));
    p->dtype = dtype(ax_json_need(j, "type"));
    p->shape = shape(ax_json_need(j, "shape"));
    p->layout = text(mem, ax_json_need(j, "layout"));
    p->quant = quant(mem, j);
    p->stored = dtype(ax_json_need(stored, "type"));
    p->stored_layout = text(mem, ax_json_need(stored, "layout"));
    p->stored_shape = shape(ax_json_need(stored, "shape"));
    ax_json_numbers(ax_json_get(stored, "padding"), 0, 1e6, padding, 4);
    for (int i = 0; i < 4; i++) p->padding[i] = (int)padding[i];
    p->channel_pad = ax_json_int(ax_json_get(stored, "channel_padding"), 0, INT32_MAX, 0);
}

static struct ax_manifest_port *read_ports(struct ax_arena *mem, struct ax_json list, int *count)
{
    int n = ax_json_count(list);
    struct ax_manifest_port *p = AX_NEW(mem, struct ax_manifest_port, n);
    for (int i = 0; i < n; i++) read_port(mem, ax_json_at(list, i), &p[i]);
    *count = n;
    return p;
}

static const char **read_texts(struct ax_arena *mem, struct ax_json list, int *count)
{
    int n = ax_json_count(list);
    const char **v = AX_NEW(mem, const char *, n);
    for (int i = 0; i < n; i++) v[i] = ax_arena_str(mem, ax_json_text(ax_json_at(list, i), ""));
    *count = n;
    return v;
}

static int64_t size_of(struct ax_json o, const char *key)
{
    return ax_json_int(ax_json_get(o, key), 0, INT64_MAX, 0);
}

static double measured(struct ax_json o, const char *key)
{
    struct ax_json j = ax_json_get(o, key);
    return ax_json_is_number(j) ? ax_json_number(j, -1e300, 1e300, 0) : (double)NAN;
}

static void read_operations(struct ax_arena *mem, struct ax_json list, struct ax_manifest *m)
{
    m->n_operations = ax_json_count(list);
    m->operations = AX_NEW(mem, struct ax_manifest_op, m->n_operations);
    for (int i = 0; i < m->n_operations; i++) {
        struct ax_json j = ax_json_at(list, i);
        struct ax_manifest_op *o = &m->operations[i];
        o->name = text(mem, ax_json_need(j, "name"));
        o->op = text(mem, ax_json_need(j, "op"));
        o->precision = text(mem, ax_json_need(j, "precision"));
        o->reason = text(mem, ax_json_get(j, "reason"));
        o->macs = size_of(j, "macs");
        o->sqnr = measured(j, "sqnr_db");
    }
}

static void read_tensors(struct ax_arena *mem, struct ax_json list, struct ax_manifest *m)
{
    m->n_tensors = ax_json_count(list);
    m->tensors = AX_NEW(mem, struct ax_manifest_tensor, m->n_tensors);
    for (int i = 0; i < m->n_tensors; i++) {
        struct ax_json j = ax_json_at(list, i);
        struct ax_manifest_tensor *t = &m->tensors[i];
        t->name = text(mem, ax_json_need(j, "name"));
        t->dtype = dtype(ax_json_need(j, "type"));
        t->shape = shape(ax_json_need(j, "shape"));
        t->quant = quant(mem, j);
    }
}

static void read_options(struct ax_arena *mem, struct ax_json o, struct ax_manifest *m)
{
    const char *key;
    struct ax_json j;
    int n = 0;
    for (void *it = NULL; (it = ax_json_next(o, it, &key, &j));) n++;
    m->options = AX_NEW(mem, struct ax_manifest_option, n);
    for (void *it = NULL; (it = ax_json_next(o, it, &key, &j));)
        m->options[m->n_options++] = (struct ax_manifest_option){ax_arena_str(mem, key), text(mem, j)};
}

static void read_summary(struct ax_arena *mem, struct ax_json root, struct ax_manifest *m)
{
    struct ax_json source = ax_json_get(root, "source"), memory = ax_json_get(root, "memory");
    struct ax_json cal = ax_json_get(root, "calibration"), acc = ax_json_get(root, "accuracy");
    m->name = text(mem, ax_json_need(root, "name"));
    m->key = text(mem, ax_json_get(root, "key"));
    m->axon_version = text(mem, ax_json_get(ax_json_get(root, "versions"), "axon"));
    m->source = text(mem, ax_json_get(source, "file"));
    m->source_hash = text(mem, ax_json_get(source, "hash"));
    m->opset = (int)ax_json_int(ax_json_get(source, "opset"), 0, 10000, 0);
    m->parameters = size_of(root, "parameters");
    m->macs = size_of(root, "macs");
    m->memory = (struct ax_manifest_memory){size_of(memory, "weights_bytes"), size_of(memory, "activations_bytes"),
                                            size_of(memory, "device_bytes"), size_of(memory, "on_chip_bytes"),
                                            size_of(memory, "off_chip_bytes")};
    m->calibration.source = text(mem, ax_json_get(cal, "source"));
    m->calibration.range = text(mem, ax_json_get(cal, "range"));
    m->calibration.hash = text(mem, ax_json_get(cal, "hash"));
    m->calibration.count = size_of(cal, "count");
    m->calibration.seed = ax_json_int(ax_json_get(cal, "seed"), INT64_MIN, INT64_MAX, 0);
    m->calibration.warnings = read_texts(mem, ax_json_get(cal, "warnings"), &m->calibration.n_warnings);
    m->accuracy =
        (struct ax_manifest_accuracy){measured(acc, "sqnr_db"), measured(acc, "cosine"), measured(acc, "top1_agreement")};
    m->warnings = read_texts(mem, ax_json_get(root, "warnings"), &m->n_warnings);
}

enum ax_status ax_manifest_parse(const char *json, size_t bytes, const char *file, struct ax_manifest *m, struct ax_arena *mem,
                                 struct ax_error *err)
{
    struct ax_json_doc doc;
    *m = (struct ax_manifest){0};
    enum ax_status s = ax_json_parse(json, bytes, file, &doc, err);
    if (!s) {
        struct ax_json root = ax_json_root(&doc);
        read_summary(mem, root, m);
        m->inputs = read_ports(mem, ax_json_need(root, "inputs"), &m->n_inputs);
        m->outputs = read_ports(mem, ax_json_need(root, "outputs"), &m->n_outputs);
        read_operations(mem, ax_json_get(root, "operations"), m);
        read_tensors(mem, ax_json_get(root, "tensors"), m);
        read_options(mem, ax_json_get(root, "options"), m);
        s = ax_json_status(&doc);
    }
    ax_json_close(&doc);
    return s;
}

enum ax_status ax_manifest_read(const char *path, struct ax_manifest *m, struct ax_arena *mem, struct ax_error *err)
{
    uint8_t *data;
    size_t n;
    *m = (struct ax_manifest){0};
    enum ax_status s = ax_file_read(path, MAX_BYTES, &data, &n, err);
    if (s) return s;
    s = ax_manifest_parse((const char *)data, n, path, m, mem, err);
    free(data);
    return s;
}
