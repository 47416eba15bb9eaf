#include "base/npy.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"

/* -- arrays -- */

enum ax_status ax_array_new(const char *name, enum ax_dtype t, const struct ax_shape *shape, struct ax_array *out,
                            struct ax_error *err)
{
    char text[AX_SHAPE_TEXT];
    int64_t n = ax_shape_count(shape);
    *out = (struct ax_array){.dtype = t, .shape = *shape};
    if (n < 0 || !ax_dtype_bytes(t))
        return ax_fail(err, AX_SHAPE, "an array of %s %s is not possible", ax_dtype_text(t), ax_shape_text(shape, text));
    out->bytes = (size_t)n * ax_dtype_bytes(t);
    size_t room = (out->bytes + 64) & ~(size_t)63;
    out->data = aligned_alloc(64, room);
    out->name = name ? strdup(name) : NULL;
    if (!out->data || (name && !out->name)) {
        ax_array_free(out);
        return ax_fail(err, AX_NO_MEMORY, "no memory for an array of %s %s", ax_dtype_text(t), ax_shape_text(shape, text));
    }
    memset(out->data, 0, room);
    return AX_OK;
}

void ax_array_free(struct ax_array *a)
{
    free(a->name);
    free(a->data);
    *a = (struct ax_array){0};
}

void ax_arrays_add(struct ax_arrays *all, struct ax_array *a)
{
    struct ax_array *more = realloc(all->item, sizeof *more * (size_t)(all->count + 1));
    if (!more) {
        fprintf(stderr, "axon: out of memory\n");
        abort();
    }
    all->item = more;
    more[all->count++] = *a;
    *a = (struct ax_array){0};
}

void ax_arrays_free(struct ax_arrays *all)
{
    for (int i = 0; i < all->count; i++) ax_array_free(&all->item[i]);
    free(all->item);
    *all = (struct ax_arrays){0};
}

struct ax_array *ax_arrays_find(const struct ax_arrays *all, const char *name)
{
    for (int i = 0; i < all->count; i++)
        if (all->item[i].name && !strcmp(all->item[i].name, name)) return &all->item[i];
    return NULL;
}

/* -- the header: a Python literal {'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), } -- */

static const struct {
    const char *code;
    enum ax_dtype dtype;
} descrs[] = {
    {"f4", AX_DTYPE_FLOAT32}, {"f8", AX_DTYPE_FLOAT64}, {"f2", AX_DTYPE_FLOAT16}, {"i1", AX_DTYPE_INT8},
    {"u1", AX_DTYPE_UINT8},   {"i2", AX_DTYPE_INT16},   {"u2", AX_DTYPE_UINT16},  {"i4", AX_DTYPE_INT32},
    {"u4", AX_DTYPE_UINT32},  {"i8", AX_DTYPE_INT64},   {"u8", AX_DTYPE_UINT64},  {"b1", AX_DTYPE_BOOL},
};
enum { N_DESCRS = sizeof descrs / sizeof *descrs };

struct scan {
    const char *at, *end;
    struct ax_error *err;
};

static enum ax_status malformed(struct scan *s, const char *expected)
{
    int n = (int)(s->end - s->at);
    return ax_fail(s->err, AX_FORMAT, "not a .npy array: %s is expected in its header at '%.*s'", expected, n < 24 ? n : 24,
                   s->at);
}

static void blanks(struct scan *s)
{
    while (s->at < s->end && (*s->at == ' ' || *s->at == '\n')) s->at++;
}

static bool take(struct scan *s, const char *word)
{
    size_t n = strlen(word);
    blanks(s);
    if ((size_t)(s->end - s->at) < n || memcmp(s->at, word, n)) return false;
    s->at += n;
    return true;
}

static bool quoted(struct scan *s, char *out, size_t room)
{
    blanks(s);
    if (s->at >= s->end || (*s->at != '\'' && *s->at != '"')) return false;
    char quote = *s->at++;
    size_t n = 0;
    while (s->at < s->end && *s->at != quote && n + 1 < room) out[n++] = *s->at++;
    out[n] = 0;
    return s->at < s->end && *s->at++ == quote;
}

static enum ax_status read_descr(struct scan *s, enum ax_dtype *t)
{
    char text[16];
    if (!quoted(s, text, sizeof text)) return malformed(s, "a type such as '<f4'");
    for (int i = 0; i < N_DESCRS; i++)
        if (text[0] && strchr("<|=", text[0]) && !strcmp(text + 1, descrs[i].code)) {
            *t = descrs[i].dtype;
            return AX_OK;
        }
    return ax_fail(s->err, AX_UNSUPPORTED,
                   "a .npy array of type '%s' is not supported; convert it to float32 or an integer type", text);
}

static enum ax_status read_shape(struct scan *s, struct ax_shape *shape)
{
    *shape = (struct ax_shape){0};
    if (!take(s, "(")) return malformed(s, "a shape such as (1, 3)");
    while (!take(s, ")")) {
        int64_t d = 0;
        blanks(s);
        if (s->at >= s->end || !isdigit((unsigned char)*s->at)) return malformed(s, "a dimension");
        while (s->at < s->end && isdigit((unsigned char)*s->at)) {
            if (d > ((int64_t)1 << 40)) return malformed(s, "a smaller dimension");
            d = d * 10 + (*s->at++ - '0');
        }
        if (shape->rank == AX_MAX_RANK)
            return ax_fail(s->err, AX_UNSUPPORTED, "a .npy array with more than %d dimensions is not supported", AX_MAX_RANK);
        shape->dim[shape->rank++] = d;
        take(s, "L");
        if (!take(s, ",") && s->at < s->end && *s->at != ')') return malformed(s, "',' or ')'");
    }
    return AX_OK;
}

static enum ax_status read_header(struct scan *s, enum ax_dtype *t, struct ax_shape *shape, bool *fortran)
{
    unsigned seen = 0;
    char key[32];
    if (!take(s, "{")) return malformed(s, "'{'");
    while (!take(s, "}")) {
        enum ax_status st = AX_OK;
        if (!quoted(s, key, sizeof key) || !take(s, ":")) return malformed(s, "a key");
        if (!strcmp(key, "descr")) {
            st = read_descr(s, t);
            seen |= 1;
        } else if (!strcmp(key, "shape")) {
            st = read_shape(s, shape);
            seen |= 2;
        } else if (!strcmp(key, "fortran_order")) {
            *fortran = take(s, "True");
            if (!*fortran && !take(s, "False")) return malformed(s, "True or False");
            seen |= 4;
        } else {
            return malformed(s, "'descr', 'shape' or 'fortran_order'");
        }
        if (st) return st;
        take(s, ",");
    }
    return seen == 7 ? AX_OK : malformed(s, "descr, shape and fortran_order");
}

/* -- the data -- */

static void from_fortran(uint8_t *out, const uint8_t *in, const struct ax_shape *shape, size_t size)
{
    int64_t at[AX_MAX_RANK] = {0}, stride[AX_MAX_RANK] = {0}, n = ax_shape_count(shape), from = 0, s = 1;
    for (int d = 0; d < shape->rank; d++) {
        stride[d] = s;
        s *= shape->dim[d];
    }
    for (int64_t i = 0; i < n; i++) {
        memcpy(out + (size_t)i * size, in + (size_t)from * size, size);
        for (int d = shape->rank - 1; d >= 0; d--) {
            from += stride[d];
            if (++at[d] < shape->dim[d]) break;
            from -= stride[d] * shape->dim[d];
            at[d] = 0;
        }
    }
}

static float half_to_float(uint16_t h)
{
    union {
        uint32_t u;
        float f;
    } x;
    uint32_t sign = (uint32_t)(h & 0x8000) << 16, exponent = h >> 10 & 31, mantissa = h & 1023;
    if (!exponent) {
        x.f = (float)mantissa * 0x1p-24f; /* zero and subnormals */
        x.u |= sign;
    } else {
        x.u = sign | (exponent == 31 ? 255 : exponent + 112) << 23 | mantissa << 13;
    }
    return x.f;
}

static enum ax_status widen_half(struct ax_array *a, struct ax_error *err)
{
    struct ax_array wide;
    enum ax_status s = ax_array_new(NULL, AX_DTYPE_FLOAT32, &a->shape, &wide, err);
    if (s) return s;
    for (size_t i = 0; i < a->bytes / 2; i++) ((float *)wide.data)[i] = half_to_float(((const uint16_t *)a->data)[i]);
    ax_array_free(a);
    *a = wide;
    return AX_OK;
}

static enum ax_status find_header(const uint8_t *p, size_t bytes, size_t *at, size_t *length, struct ax_error *err)
{
    if (bytes < 12 || memcmp(p, "\x93NUMPY", 6)) return ax_fail(err, AX_FORMAT, "not a .npy array: it does not begin as one");
    if (p[6] < 1 || p[6] > 3) return ax_fail(err, AX_VERSION, ".npy version %d.%d is not known", p[6], p[7]);
    *at = p[6] == 1 ? 10 : 12;
    *length = p[8] | (size_t)p[9] << 8;
    if (p[6] > 1) *length |= (size_t)p[10] << 16 | (size_t)p[11] << 24;
    if (*length > bytes - *at) return ax_fail(err, AX_FORMAT, "the .npy array is cut short in its header");
    return AX_OK;
}

enum ax_status ax_npy_parse(const void *data, size_t bytes, struct ax_array *out, struct ax_error *err)
{
    const uint8_t *p = data;
    size_t at = 0, length = 0;
    enum ax_dtype t = AX_DTYPE_NONE;
    struct ax_shape shape = {0};
    bool fortran = false;
    char text[AX_SHAPE_TEXT];
    *out = (struct ax_array){0};
    enum ax_status s = find_header(p, bytes, &at, &length, err);
    if (s) return s;
    struct scan scan = {(const char *)p + at, (const char *)p + at + length, err};
    s = read_header(&scan, &t, &shape, &fortran);
    if (s) return s;
    int64_t n = ax_shape_count(&shape);
    p += at + length;
    bytes -= at + length;
    if (n < 0 || (size_t)n * ax_dtype_bytes(t) != bytes)
        return ax_fail(err, AX_FORMAT, "the .npy array has %zu bytes of data, its shape %s of %s needs %s", bytes,
                       ax_shape_text(&shape, text), ax_dtype_text(t),
                       n >= 0 && (size_t)n * ax_dtype_bytes(t) < bytes ? "fewer" : "more");
    s = ax_array_new(NULL, t, &shape, out, err);
    if (s) return s;
    if (fortran)
        from_fortran(out->data, p, &shape, ax_dtype_bytes(t));
    else if (bytes)
        memcpy(out->data, p, bytes);
    uint8_t *flag = out->data;
    for (size_t i = 0; t == AX_DTYPE_BOOL && i < bytes; i++) flag[i] = flag[i] != 0;
    if (t == AX_DTYPE_FLOAT16) s = widen_half(out, err);
    if (s) ax_array_free(out);
    return s;
}

enum ax_status ax_npy_read(const char *path, struct ax_array *out, struct ax_error *err)
{
    struct ax_mapping m;
    *out = (struct ax_array){0};
    enum ax_status s = ax_file_map(path, &m, err);
    if (!s && ax_npy_parse(m.data, m.bytes, out, err)) s = ax_fail_in(err, "%s", path);
    ax_file_unmap(&m);
    return s;
}

/* -- writing -- */

size_t ax_npy_header(const struct ax_array *a, char buf[AX_NPY_HEADER])
{
    const char *code = "f4";
    for (int i = 0; i < N_DESCRS; i++)
        if (descrs[i].dtype == a->dtype) code = descrs[i].code;
    size_t n = 10;
    n += (size_t)snprintf(buf + n, AX_NPY_HEADER - n, "{'descr': '%c%s', 'fortran_order': False, 'shape': (",
                          code[1] == '1' ? '|' : '<', code);
    for (int i = 0; i < a->shape.rank; i++)
        n += (size_t)snprintf(buf + n, AX_NPY_HEADER - n, i || a->shape.rank > 1 ? "%s%lld" : "%s%lld,", i ? ", " : "",
                              (long long)a->shape.dim[i]);
    n += (size_t)snprintf(buf + n, AX_NPY_HEADER - n, "), }");
    size_t total = (n + 1 + 63) & ~(size_t)63;
    memset(buf + n, ' ', total - n);
    buf[total - 1] = '\n';
    memcpy(buf, "\x93NUMPY\x01\x00", 8);
    buf[8] = (char)((total - 10) & 255);
    buf[9] = (char)((total - 10) >> 8);
    return total;
}

enum ax_status ax_npy_write(const char *path, const struct ax_array *a, struct ax_error *err)
{
    char header[AX_NPY_HEADER];
    struct ax_part parts[2] = {{header, ax_npy_header(a, header)}, {a->data, a->bytes}};
    return ax_file_write_parts(path, parts, 2, err);
}
