/* ONNX models written by hand, for tests: a few lines a model.
 *
 *   struct model m;
 *   model_begin(&m, 13);
 *   model_input(&m, "x", "1x3x8x8");
 *   model_floats(&m, "w", "4x3x3x3", NULL);                 NULL: 0.01, 0.02, ...
 *   model_node(&m, "Conv", "x,w", "y", "pads=[1,1,1,1]; auto_pad='NOTSET'; alpha=0.5");
 *   model_output(&m, "y");
 *   model_save(&m, path);                                   releases m
 */
#ifndef AX_TESTS_ONNX_MODEL_H
#define AX_TESTS_ONNX_MODEL_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct bytes {
    uint8_t *p;
    size_t n, cap;
};

struct model {
    struct bytes graph;
    int opset, ir;
    const char *extra_domain; /* a second opset import; NULL */
};

enum {
    MODEL_FLOAT = 1,
    MODEL_UINT8 = 2,
    MODEL_INT8 = 3,
    MODEL_INT32 = 6,
    MODEL_INT64 = 7,
    MODEL_BOOL = 9,
    MODEL_HALF = 10,
    MODEL_DOUBLE = 11
};

static inline void put(struct bytes *b, const void *p, size_t n)
{
    if (b->n + n > b->cap) {
        b->cap = (b->n + n) * 2 + 64;
        b->p = realloc(b->p, b->cap);
        if (!b->p) abort();
    }
    if (n) memcpy(b->p + b->n, p, n);
    b->n += n;
}

static inline void put_varint(struct bytes *b, uint64_t v)
{
    for (; v > 127; v >>= 7) put(b, &(uint8_t){(uint8_t)(v | 128)}, 1);
    put(b, &(uint8_t){(uint8_t)v}, 1);
}

static inline void put_int(struct bytes *b, int field, int64_t v)
{
    put_varint(b, (uint64_t)field << 3);
    put_varint(b, (uint64_t)v);
}

static inline void put_data(struct bytes *b, int field, const void *p, size_t n)
{
    put_varint(b, (uint64_t)field << 3 | 2);
    put_varint(b, n);
    put(b, p, n);
}

static inline void put_text(struct bytes *b, int field, const char *s)
{
    put_data(b, field, s, strlen(s));
}

/* A message inside another; `inner` is released. */
static inline void put_message(struct bytes *b, int field, struct bytes *inner)
{
    put_data(b, field, inner->p, inner->n);
    free(inner->p);
    *inner = (struct bytes){0};
}

static inline void model_begin(struct model *m, int opset)
{
    *m = (struct model){.opset = opset, .ir = 8};
    put_text(&m->graph, 2, "test");
}

/* "1x3x?x?" or "1xNx4": what is no number is a name; "scalar"; NULL: of any shape. */
static inline void put_value(struct bytes *graph, int field, const char *name, int type, const char *shape)
{
    struct bytes dims = {0}, tensor = {0}, t = {0}, v = {0};
    char copy[128], *save;
    snprintf(copy, sizeof copy, "%s", shape && strcmp(shape, "scalar") ? shape : "");
    for (char *d = strtok_r(copy, "x", &save); d; d = strtok_r(NULL, "x", &save)) {
        struct bytes dim = {0};
        if (*d >= '0' && *d <= '9')
            put_int(&dim, 1, atoll(d));
        else if (*d != '?')
            put_text(&dim, 2, d);
        put_message(&dims, 1, &dim);
    }
    put_int(&tensor, 1, type);
    if (shape)
        put_message(&tensor, 2, &dims);
    else
        free(dims.p);
    put_message(&t, 1, &tensor);
    put_text(&v, 1, name);
    put_message(&v, 2, &t);
    put_message(graph, field, &v);
}

static inline void model_input_of(struct model *m, const char *name, int type, const char *shape)
{
    put_value(&m->graph, 11, name, type, shape);
}

static inline void model_input(struct model *m, const char *name, const char *shape)
{
    model_input_of(m, name, MODEL_FLOAT, shape);
}

static inline void model_output(struct model *m, const char *name)
{
    put_value(&m->graph, 12, name, MODEL_FLOAT, NULL);
}

/* Dimensions of a shape text into a TensorProto; returns the number of elements. */
static inline int64_t put_dims(struct bytes *t, const char *shape)
{
    char copy[128], *save;
    int64_t n = 1;
    snprintf(copy, sizeof copy, "%s", strcmp(shape, "scalar") ? shape : "");
    for (char *d = strtok_r(copy, "x", &save); d; d = strtok_r(NULL, "x", &save)) {
        put_int(t, 1, atoll(d));
        n *= atoll(d);
    }
    return n;
}

static inline void model_raw(struct model *m, const char *name, int type, const char *shape, const void *data, size_t bytes)
{
    struct bytes t = {0};
    put_dims(&t, shape);
    put_int(&t, 2, type);
    put_text(&t, 8, name);
    put_data(&t, 9, data, bytes);
    put_message(&m->graph, 5, &t);
}

static inline void model_floats(struct model *m, const char *name, const char *shape, const float *data)
{
    struct bytes count = {0};
    int64_t n = put_dims(&count, shape);
    float *filler = malloc(((size_t)n + 1) * sizeof *filler);
    for (int64_t i = 0; i < n; i++) filler[i] = 0.01f * (float)(i % 100 + 1);
    model_raw(m, name, MODEL_FLOAT, shape, data ? data : filler, (size_t)n * 4);
    free(filler);
    free(count.p);
}

static inline void model_longs(struct model *m, const char *name, int n, const int64_t *v)
{
    char shape[24];
    snprintf(shape, sizeof shape, "%d", n);
    model_raw(m, name, MODEL_INT64, n < 0 ? "scalar" : shape, v, (size_t)(n < 0 ? 1 : n) * 8);
}
#define MODEL_LONGS(m, name, ...)                                                                                              \
    model_longs(m, name, (int)(sizeof((int64_t[]){__VA_ARGS__}) / 8), (const int64_t[]){__VA_ARGS__})
#define MODEL_LONG(m, name, v) model_longs(m, name, -1, (const int64_t[]){v})

static inline void put_list(struct bytes *a, const char *text)
{
    int floats = strchr(text, '.') != NULL;
    while (*text && *text != ']') {
        char *end;
        float f = strtof(text, &end);
        if (end == text) break;
        if (floats)
            put_varint(a, 7 << 3 | 5), put(a, &f, 4);
        else
            put_int(a, 8, strtoll(text, &end, 10));
        text = *end == ',' ? end + 1 : end;
    }
    put_int(a, 20, floats ? 6 : 7);
}

/* "axis=1; perm=[0,2,1]; mode='linear'; alpha=0.5": a dot makes a float. */
static inline void put_attributes(struct bytes *node, const char *text)
{
    char copy[512], *save;
    snprintf(copy, sizeof copy, "%s", text);
    for (char *p = strtok_r(copy, ";", &save); p; p = strtok_r(NULL, ";", &save)) {
        struct bytes a = {0};
        while (*p == ' ') p++;
        char *value = strchr(p, '=');
        if (!value) continue;
        *value++ = 0;
        put_text(&a, 1, p);
        if (*value == '[')
            put_list(&a, value + 1);
        else if (*value == '\'')
            put_data(&a, 4, value + 1, strcspn(value + 1, "'")), put_int(&a, 20, 3);
        else if (strchr(value, '.')) {
            float f = strtof(value, NULL);
            put_varint(&a, 2 << 3 | 5);
            put(&a, &f, 4);
            put_int(&a, 20, 1);
        } else
            put_int(&a, 3, atoll(value)), put_int(&a, 20, 2);
        put_message(node, 5, &a);
    }
}

static inline void put_names(struct bytes *node, int field, const char *list)
{
    for (;;) {
        size_t n = strcspn(list, ",");
        put_data(node, field, list, n);
        if (!list[n]) return;
        list += n + 1;
    }
}

/* inputs and outputs: names with commas between, an empty one is an absent one. `extra`: a ready AttributeProto, or NULL. */
static inline void put_node(struct bytes *graph, const char *op, const char *in, const char *out, const char *attributes,
                            struct bytes *extra)
{
    struct bytes n = {0};
    const char *dot = strchr(op, ':'); /* "com.microsoft:QLinearAdd" */
    if (*in) put_names(&n, 1, in);
    put_names(&n, 2, out);
    put_text(&n, 4, dot ? dot + 1 : op);
    if (dot) put_data(&n, 7, op, (size_t)(dot - op));
    put_attributes(&n, attributes);
    if (extra) put_message(&n, 5, extra);
    put_message(graph, 1, &n);
}

static inline void model_node(struct model *m, const char *op, const char *in, const char *out, const char *attributes)
{
    put_node(&m->graph, op, in, out, attributes, NULL);
}

/* An attribute of If: a graph of one node from x, which belongs to the graph around it, to "inner". */
static inline void model_branch(struct bytes *attribute, const char *name, const char *op)
{
    struct bytes g = {0};
    put_node(&g, op, "x", "inner", "", NULL);
    put_text(&g, 2, name);
    put_value(&g, 12, "inner", MODEL_FLOAT, NULL);
    put_text(attribute, 1, name);
    put_message(attribute, 6, &g);
    put_int(attribute, 20, 5);
}

/* The whole file in memory; releases the graph. */
static inline struct bytes model_bytes(struct model *m)
{
    struct bytes b = {0}, set = {0};
    put_int(&b, 1, m->ir);
    put_int(&set, 2, m->opset);
    put_message(&b, 8, &set);
    if (m->extra_domain) {
        put_text(&set, 1, m->extra_domain);
        put_int(&set, 2, 1);
        put_message(&b, 8, &set);
    }
    put_message(&b, 7, &m->graph);
    return b;
}

static inline void save_bytes(const char *path, const void *p, size_t n)
{
    FILE *f = fopen(path, "wb");
    if (!f || (n && fwrite(p, 1, n, f) != n) || fclose(f)) abort();
}

static inline void model_save(struct model *m, const char *path)
{
    struct bytes b = model_bytes(m);
    save_bytes(path, b.p, b.n);
    free(b.p);
}

#endif
