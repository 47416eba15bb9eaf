#include "onnx/wire.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

enum kind {
    LEAF, /* copied as it is; its own fields are only counted as one item */
    MODEL,
    GRAPH,
    NODE,
    ATTRIBUTE,
    TENSOR,
    SPARSE,
    VALUE,
    TYPE,
    ELEMENT, /* TypeProto.Sequence and .Optional */
    MAP,
    TENSOR_TYPE,
    SHAPE,
    FUNCTION,
};

enum act { COPY, DROP, ENTER, RAW, REFUSE, LOCATION };

/* Fields that are not named here are copied. ONCE: a second one is an error (protobuf would merge the two). */
static const struct rule {
    uint8_t kind, field, act, child, once;
} rules[] = {
    {MODEL, 7, ENTER, GRAPH, 1},      /* graph */
    {MODEL, 20, DROP, 0, 0},          /* training_info */
    {MODEL, 25, ENTER, FUNCTION, 0},  /* functions */
    {MODEL, 6, DROP, 0, 0},           /* doc_string */
    {MODEL, 26, DROP, 0, 0},          /* configuration */
    {GRAPH, 1, ENTER, NODE, 0},       /* node */
    {GRAPH, 5, ENTER, TENSOR, 0},     /* initializer */
    {GRAPH, 15, ENTER, SPARSE, 0},    /* sparse_initializer */
    {GRAPH, 10, DROP, 0, 0},          /* doc_string */
    {GRAPH, 11, ENTER, VALUE, 0},     /* input */
    {GRAPH, 12, ENTER, VALUE, 0},     /* output */
    {GRAPH, 13, DROP, 0, 0},          /* value_info: Axon infers for itself */
    {GRAPH, 14, DROP, 0, 0},          /* quantization_annotation */
    {GRAPH, 16, DROP, 0, 0},          /* metadata_props */
    {NODE, 5, ENTER, ATTRIBUTE, 0},   /* attribute */
    {NODE, 6, DROP, 0, 0},            /* doc_string */
    {NODE, 9, DROP, 0, 0},            /* metadata_props */
    {NODE, 10, DROP, 0, 0},           /* device_configurations */
    {ATTRIBUTE, 5, ENTER, TENSOR, 1}, /* t */
    {ATTRIBUTE, 6, ENTER, GRAPH, 1},  /* g */
    {ATTRIBUTE, 10, ENTER, TENSOR, 0},
    {ATTRIBUTE, 11, ENTER, GRAPH, 0},
    {ATTRIBUTE, 13, DROP, 0, 0}, /* doc_string */
    {ATTRIBUTE, 14, ENTER, TYPE, 1},
    {ATTRIBUTE, 15, ENTER, TYPE, 0},
    {ATTRIBUTE, 22, ENTER, SPARSE, 1},
    {ATTRIBUTE, 23, ENTER, SPARSE, 0},
    {TENSOR, 9, RAW, 0, 1},    /* raw_data */
    {TENSOR, 3, REFUSE, 0, 0}, /* segment */
    {TENSOR, 12, DROP, 0, 0},  /* doc_string */
    {TENSOR, 16, DROP, 0, 0},  /* metadata_props */
    {TENSOR, 14, LOCATION, 0, 0},
    {SPARSE, 1, ENTER, TENSOR, 1},
    {SPARSE, 2, ENTER, TENSOR, 1},
    {VALUE, 2, ENTER, TYPE, 1},
    {VALUE, 3, DROP, 0, 0},
    {VALUE, 4, DROP, 0, 0},
    {TYPE, 1, ENTER, TENSOR_TYPE, 1},
    {TYPE, 4, ENTER, ELEMENT, 1},
    {TYPE, 5, ENTER, MAP, 1},
    {TYPE, 8, ENTER, TENSOR_TYPE, 1},
    {TYPE, 9, ENTER, ELEMENT, 1},
    {ELEMENT, 1, ENTER, TYPE, 1},
    {MAP, 2, ENTER, TYPE, 1},
    {TENSOR_TYPE, 2, ENTER, SHAPE, 1},
    {FUNCTION, 7, DROP, 0, 0}, /* only the names of functions are of interest, for an error */
    {FUNCTION, 8, DROP, 0, 0},
    {FUNCTION, 11, DROP, 0, 0},
    {FUNCTION, 12, DROP, 0, 0},
    {FUNCTION, 14, DROP, 0, 0},
};

enum { N_RULES = sizeof rules / sizeof *rules };

struct walk {
    const uint8_t *data;
    struct skim *s;
    size_t cap;
    int depth, graphs;
    int64_t items;
    struct ax_error *err;
};

static enum ax_status malformed(struct walk *w, size_t at, const char *what)
{
    return ax_fail(w->err, AX_FORMAT, "not a valid ONNX file: %s at byte %zu", what, at);
}

static enum ax_status put(struct walk *w, const void *p, size_t n)
{
    struct skim *s = w->s;
    if (n > w->cap - s->bytes) {
        size_t cap = w->cap * 2 + n + 4096;
        if (cap > ((size_t)1 << 30) + ((size_t)1 << 29))
            return ax_fail(w->err, AX_FORMAT, "the model without its big tensors is over 1 GB; store tensors as raw_data");
        uint8_t *q = realloc(s->skeleton, cap);
        if (!q) return ax_fail(w->err, AX_NO_MEMORY, "out of memory (%zu bytes)", cap);
        s->skeleton = q;
        w->cap = cap;
    }
    if (n) memcpy(s->skeleton + s->bytes, p, n);
    s->bytes += n;
    return AX_OK;
}

static enum ax_status put_varint(struct walk *w, uint64_t v)
{
    uint8_t b[10];
    size_t n = 0;
    do {
        b[n] = (uint8_t)((v & 127) | (v > 127 ? 128 : 0));
        n++;
        v >>= 7;
    } while (v);
    return put(w, b, n);
}

static bool get_varint(const struct walk *w, size_t *at, size_t end, uint64_t *v)
{
    *v = 0;
    for (int shift = 0; shift < 64 && *at < end; shift += 7) {
        uint8_t b = w->data[(*at)++];
        *v |= (uint64_t)(b & 127) << shift;
        if (b < 128) return true;
    }
    return false;
}

static const struct rule *rule_of(int kind, uint64_t field)
{
    static const struct rule copy = {0, 0, COPY, 0, 0};
    for (int i = 0; i < N_RULES; i++)
        if (rules[i].kind == kind && rules[i].field == field) return &rules[i];
    return &copy;
}

/* raw_data [begin, end): one byte and a segment instead, where it is big. */
static enum ax_status strip(struct walk *w, size_t begin, size_t end)
{
    enum ax_status st;
    uint8_t stub[2 + 20], *p = stub;
    w->s->big_bytes += (int64_t)(end - begin);
    if ((st = put(w, (const uint8_t[]){9 << 3 | 2, 1, 0}, 3))) return st;
    for (int f = 1; f <= 2; f++) { /* Segment { begin = 1, end = 2 } as varints */
        uint64_t v = f == 1 ? begin : end;
        *p++ = (uint8_t)(f << 3);
        for (; v > 127; v >>= 7) *p++ = (uint8_t)(v | 128);
        *p++ = (uint8_t)v;
    }
    if ((st = put(w, (const uint8_t[]){3 << 3 | 2, (uint8_t)(p - stub)}, 2))) return st;
    return put(w, stub, (size_t)(p - stub));
}

static enum ax_status message(struct walk *w, int kind, size_t at, size_t end);

/* A message inside a message; its length is known only afterwards, so five bytes are kept for it (a padded varint). */
static enum ax_status enter(struct walk *w, int child, uint64_t field, size_t at, size_t end)
{
    static const uint8_t room[5] = {0};
    enum ax_status st;
    if (++w->depth > SKIM_MAX_DEPTH) return malformed(w, at, "messages nested too deeply");
    if (child == GRAPH && ++w->graphs > SKIM_MAX_GRAPHS) return malformed(w, at, "graphs nested too deeply");
    if (child == FUNCTION) w->s->n_functions++;
    if ((st = put_varint(w, field << 3 | 2)) || (st = put(w, room, sizeof room))) return st;
    size_t start = w->s->bytes;
    if ((st = message(w, child, at, end))) return st;
    size_t n = w->s->bytes - start;
    for (int i = 0; i < 5; i++) w->s->skeleton[start - 5 + (size_t)i] = (uint8_t)((n >> 7 * i & 127) | (i < 4 ? 128 : 0));
    w->depth--;
    if (child == GRAPH) w->graphs--;
    return AX_OK;
}

static enum ax_status delimited(struct walk *w, const struct rule *r, uint64_t field, size_t tag_at, size_t at, size_t end)
{
    if (++w->items > SKIM_MAX_ITEMS) return malformed(w, tag_at, "more than 4 million fields");
    switch (r->act) {
    case ENTER: return enter(w, r->child, field, at, end);
    case RAW:
        if (end - at >= SKIM_BIG) return strip(w, at, end);
        break;
    default: break;
    }
    return put(w, w->data + tag_at, end - tag_at);
}

/* One field at *at. `seen` has a bit for every field number below 32 that may occur once. */
static enum ax_status field_of(struct walk *w, int kind, size_t *at, size_t end, uint32_t *seen)
{
    uint64_t tag, v;
    size_t start = *at;
    if (!get_varint(w, at, end, &tag) || tag >> 3 == 0 || tag >> 3 > 0x1fffffff) return malformed(w, start, "a bad tag");
    const struct rule *r = rule_of(kind, tag >> 3);
    if (r->act == REFUSE)
        return ax_fail(w->err, AX_UNSUPPORTED, "a tensor stored in segments (byte %zu): store it whole", start);
    if (r->once) {
        if (*seen >> (tag >> 3) & 1) return malformed(w, start, "a field that may occur once occurs twice");
        *seen |= 1u << (tag >> 3);
    }
    if ((r->act == ENTER || r->act == RAW) && (tag & 7) != 2) return malformed(w, start, "a field of the wrong type");
    switch (tag & 7) {
    case 0:
        if (!get_varint(w, at, end, &v)) return malformed(w, start, "a number that does not end");
        if (r->act == LOCATION && v == 1) w->s->n_external++;
        break;
    case 1:
    case 5: {
        size_t n = (tag & 7) == 1 ? 8 : 4;
        if (end - *at < n) return malformed(w, start, "a truncated number");
        *at += n;
        break;
    }
    case 2:
        if (!get_varint(w, at, end, &v)) return malformed(w, start, "a length that does not end");
        if (v > end - *at) return malformed(w, start, "a field longer than what holds it (is the file truncated?)");
        *at += (size_t)v;
        if (r->act == DROP) return AX_OK;
        return delimited(w, r, tag >> 3, start, *at - (size_t)v, *at);
    default: return malformed(w, start, "an unknown wire type");
    }
    return r->act == DROP ? AX_OK : put(w, w->data + start, *at - start);
}

static enum ax_status message(struct walk *w, int kind, size_t at, size_t end)
{
    uint32_t seen = 0;
    enum ax_status st;
    while (at < end)
        if ((st = field_of(w, kind, &at, end, &seen))) return st;
    return AX_OK;
}

enum ax_status skim(const uint8_t *data, size_t bytes, enum skim_root root, struct skim *s, struct ax_error *err)
{
    struct walk w = {.data = data, .s = s, .err = err};
    *s = (struct skim){0};
    if (!bytes) return ax_fail(err, AX_FORMAT, "the file is empty; an ONNX model is expected");
    return message(&w, root == SKIM_MODEL ? MODEL : TENSOR, 0, bytes);
}

void skim_free(struct skim *s)
{
    free(s->skeleton);
    *s = (struct skim){0};
}
