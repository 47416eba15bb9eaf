#include "onnx/tensor.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "onnx/import.h"

#define TYPE(name) ONNX__TENSOR_PROTO__DATA_TYPE__##name

/* How an element stands in raw data, and in the typed field that ONNX gives it. */
enum form { PLAIN, HALF, BRAIN, DOUBLE, NIBBLE_S, NIBBLE_U };
static const struct type {
    int onnx;
    const char *name;
    enum ax_dtype dtype;
    int bits; /* in raw data */
    enum form form;
} types[] = {
    {TYPE(FLOAT), "float", AX_DTYPE_FLOAT32, 32, PLAIN},
    {TYPE(UINT8), "uint8", AX_DTYPE_UINT8, 8, PLAIN},
    {TYPE(INT8), "int8", AX_DTYPE_INT8, 8, PLAIN},
    {TYPE(UINT16), "uint16", AX_DTYPE_UINT16, 16, PLAIN},
    {TYPE(INT16), "int16", AX_DTYPE_INT16, 16, PLAIN},
    {TYPE(INT32), "int32", AX_DTYPE_INT32, 32, PLAIN},
    {TYPE(INT64), "int64", AX_DTYPE_INT64, 64, PLAIN},
    {TYPE(BOOL), "bool", AX_DTYPE_BOOL, 8, PLAIN},
    {TYPE(FLOAT16), "float16", AX_DTYPE_FLOAT32, 16, HALF},
    {TYPE(DOUBLE), "double", AX_DTYPE_FLOAT32, 64, DOUBLE},
    {TYPE(UINT32), "uint32", AX_DTYPE_UINT32, 32, PLAIN},
    {TYPE(UINT64), "uint64", AX_DTYPE_UINT64, 64, PLAIN},
    {TYPE(BFLOAT16), "bfloat16", AX_DTYPE_FLOAT32, 16, BRAIN},
    {TYPE(UINT4), "uint4", AX_DTYPE_UINT8, 4, NIBBLE_U},
    {TYPE(INT4), "int4", AX_DTYPE_INT8, 4, NIBBLE_S},
    {TYPE(STRING), "string", AX_DTYPE_NONE, 0, PLAIN},
    {TYPE(COMPLEX64), "complex64", AX_DTYPE_NONE, 0, PLAIN},
    {TYPE(COMPLEX128), "complex128", AX_DTYPE_NONE, 0, PLAIN},
};

static const struct type *type_of(int onnx)
{
    for (size_t i = 0; i < sizeof types / sizeof *types; i++)
        if (types[i].onnx == onnx) return &types[i];
    return NULL;
}

enum ax_dtype tensor_dtype(int onnx_type)
{
    const struct type *t = type_of(onnx_type);
    return t ? t->dtype : AX_DTYPE_NONE;
}

const char *tensor_type_name(int onnx_type)
{
    const struct type *t = type_of(onnx_type);
    return t ? t->name : "a type that Axon does not know";
}

static float from_half(uint16_t h)
{
    uint32_t sign = (uint32_t)(h & 0x8000) << 16, exponent = h >> 10 & 31, mantissa = h & 1023, bits;
    float f;
    if (exponent == 31)
        bits = sign | 0x7f800000 | mantissa << 13;
    else if (exponent)
        bits = sign | (exponent + 112) << 23 | mantissa << 13;
    else { /* subnormal: mantissa * 2^-24, exact in float */
        f = (float)mantissa * 0x1p-24f;
        return sign ? -f : f;
    }
    memcpy(&f, &bits, sizeof f);
    return f;
}

static float from_brain(uint16_t b)
{
    uint32_t bits = (uint32_t)b << 16;
    float f;
    memcpy(&f, &bits, sizeof f);
    return f;
}

/* Elements of a form that is not PLAIN, from little-endian bytes at p of any alignment. */
static void convert(enum form form, const uint8_t *p, int64_t n, void *out)
{
    float *f = out;
    int8_t *s = out;
    uint16_t h;
    double d;
    for (int64_t i = 0; i < n; i++) switch (form) {
        case HALF:
        case BRAIN:
            memcpy(&h, p + 2 * i, 2);
            f[i] = form == HALF ? from_half(h) : from_brain(h);
            break;
        case DOUBLE:
            memcpy(&d, p + 8 * i, 8);
            f[i] = (float)d;
            break;
        case NIBBLE_S:
        case NIBBLE_U: {
            int q = p[i / 2] >> (i & 1) * 4 & 15;
            s[i] = (int8_t)(form == NIBBLE_S && q > 7 ? q - 16 : q);
            break;
        }
        default: break;
        }
}

static enum ax_status from_raw(const struct type *ty, const uint8_t *p, uint64_t bytes, const struct tensor_source *src,
                               struct ax_arena *a, struct tensor *out, struct ax_error *err)
{
    int64_t n = ax_shape_count(&out->shape);
    uint64_t want = ((uint64_t)n * (unsigned)ty->bits + 7) / 8;
    char text[AX_SHAPE_TEXT];
    if (bytes != want)
        return ax_fail(err, AX_FORMAT, "%s of %s wants %llu bytes of data, found %llu", ty->name,
                       ax_shape_text(&out->shape, text), (unsigned long long)want, (unsigned long long)bytes);
    size_t width = ax_dtype_bytes(ty->dtype);
    if (ty->form != PLAIN) {
        void *q = ax_arena_alloc(a, (size_t)n * width);
        convert(ty->form, p, n, q);
        out->data = q;
    } else if (src->keep && n && p >= src->keep && p < src->keep + src->keep_bytes && (uintptr_t)p % width == 0)
        out->data = p;
    else
        out->data = ax_arena_copy(a, p, bytes);
    return AX_OK;
}

/* key = value of external_data as a number; absent: otherwise. */
static enum ax_status external_number(const Onnx__TensorProto *t, const char *key, uint64_t otherwise, uint64_t *v,
                                      struct ax_error *err)
{
    *v = otherwise;
    for (size_t i = 0; i < t->n_external_data; i++) {
        const Onnx__StringStringEntryProto *e = t->external_data[i];
        if (!e->key || !e->value || strcmp(e->key, key)) continue;
        char *end;
        errno = 0;
        unsigned long long x = strtoull(e->value, &end, 10);
        if (errno || end == e->value || *end || e->value[0] == '-')
            return ax_fail(err, AX_FORMAT, "its external data has %s '%.40s', expected a number", key, e->value);
        *v = x;
    }
    return AX_OK;
}

static enum ax_status from_external(const Onnx__TensorProto *t, const struct type *ty, const struct tensor_source *src,
                                    struct ax_arena *a, struct tensor *out, struct ax_error *err)
{
    const char *location = NULL;
    uint64_t offset, length;
    enum ax_status st;
    for (size_t i = 0; i < t->n_external_data; i++)
        if (t->external_data[i]->key && !strcmp(t->external_data[i]->key, "location")) location = t->external_data[i]->value;
    if (!src->file || !location) return ax_fail(err, AX_FORMAT, "it stands in another file, but no location is given");
    int k = model_file_external(src->file, location, err);
    if (k < 0) return err->status;
    const struct file_map *m = &src->file->external[k];
    if ((st = external_number(t, "offset", 0, &offset, err))) return st;
    if (offset > m->bytes)
        return ax_fail(err, AX_FORMAT, "its data begin at byte %llu of %s, which has %zu (is it truncated?)",
                       (unsigned long long)offset, m->path, m->bytes);
    uint64_t want = ((uint64_t)ax_shape_count(&out->shape) * (unsigned)ty->bits + 7) / 8;
    if ((st = external_number(t, "length", want, &length, err))) return st;
    if (length > m->bytes - offset)
        return ax_fail(err, AX_FORMAT, "its data are bytes %llu to %llu of %s, which has %zu (is it truncated?)",
                       (unsigned long long)offset, (unsigned long long)offset + (unsigned long long)length, m->path, m->bytes);
    return from_raw(ty, m->data ? m->data + offset : (const uint8_t *)"", length, src, a, out, err);
}

static enum ax_status wrong_count(const struct type *ty, const struct tensor *out, size_t found, struct ax_error *err)
{
    char text[AX_SHAPE_TEXT];
    return ax_fail(err, AX_FORMAT, "%s of %s wants %lld elements, found %zu", ty->name, ax_shape_text(&out->shape, text),
                   (long long)ax_shape_count(&out->shape), found);
}

/* int32_data holds every type of 32 bits and less but float: one element an entry, or two nibbles. */
static enum ax_status from_int32(const Onnx__TensorProto *t, const struct type *ty, struct ax_arena *a, struct tensor *out,
                                 struct ax_error *err)
{
    int64_t n = ax_shape_count(&out->shape);
    size_t want = ty->bits == 4 ? (size_t)(n + 1) / 2 : (size_t)n, width = ty->bits == 4 ? 1 : (size_t)ty->bits / 8;
    if (t->n_int32_data != want) return wrong_count(ty, out, t->n_int32_data, err);
    uint8_t *raw = ax_arena_alloc(a, want * width);
    for (size_t i = 0; i < want; i++) memcpy(raw + i * width, &t->int32_data[i], width); /* little-endian: the low bytes */
    const struct tensor_source none = {0};
    return from_raw(ty, raw, want * width, &none, a, out, err);
}

static enum ax_status from_typed(const Onnx__TensorProto *t, const struct type *ty, struct ax_arena *a, struct tensor *out,
                                 struct ax_error *err)
{
    size_t n = (size_t)ax_shape_count(&out->shape), found;
    const void *p;
    switch (ty->onnx) {
    case TYPE(FLOAT): p = t->float_data, found = t->n_float_data; break;
    case TYPE(INT64): p = t->int64_data, found = t->n_int64_data; break;
    case TYPE(DOUBLE): p = t->double_data, found = t->n_double_data; break;
    case TYPE(UINT32):
    case TYPE(UINT64): p = t->uint64_data, found = t->n_uint64_data; break;
    default: return from_int32(t, ty, a, out, err);
    }
    if (found != n) return wrong_count(ty, out, found, err);
    if (ty->onnx == TYPE(UINT32)) {
        uint32_t *q = AX_NEW(a, uint32_t, n);
        for (size_t i = 0; i < n; i++) q[i] = (uint32_t)t->uint64_data[i];
        out->data = q;
        return AX_OK;
    }
    const struct tensor_source none = {0};
    return from_raw(ty, n ? p : (const void *)"", n * (size_t)ty->bits / 8, &none, a, out, err);
}

static enum ax_status shape_of(const Onnx__TensorProto *t, struct ax_shape *s, struct ax_error *err)
{
    if (t->n_dims > AX_MAX_RANK)
        return ax_fail(err, AX_UNSUPPORTED, "it has %zu dimensions, at most %d are supported", t->n_dims, AX_MAX_RANK);
    *s = (struct ax_shape){.rank = (int)t->n_dims};
    for (int i = 0; i < s->rank; i++) {
        s->dim[i] = t->dims[i];
        if (s->dim[i] < 0) return ax_fail(err, AX_FORMAT, "dimension %d is %lld", i, (long long)s->dim[i]);
    }
    if (ax_shape_count(s) < 0) return ax_fail(err, AX_FORMAT, "its dimensions multiply to more than 2^40 elements");
    return AX_OK;
}

static enum ax_status read_tensor(const Onnx__TensorProto *t, const struct tensor_source *src, struct ax_arena *a,
                                  struct tensor *out, struct ax_error *err)
{
    const struct type *ty = type_of(t->data_type);
    enum ax_status st;
    if (!ty || ty->dtype == AX_DTYPE_NONE)
        return ax_fail(err, AX_UNSUPPORTED, "elements of %s (type %d) are not supported", tensor_type_name(t->data_type),
                       t->data_type);
    out->dtype = ty->dtype;
    if ((st = shape_of(t, &out->shape, err))) return st;
    if (t->data_location == ONNX__TENSOR_PROTO__DATA_LOCATION__EXTERNAL) return from_external(t, ty, src, a, out, err);
    if (!t->has_raw_data) return from_typed(t, ty, a, out, err);
    if (!t->segment) return from_raw(ty, t->raw_data.data, t->raw_data.len, src, a, out, err);
    uint64_t begin = (uint64_t)t->segment->begin, end = (uint64_t)t->segment->end; /* written by the skim, so they are right */
    return from_raw(ty, src->file->data + begin, end - begin, src, a, out, err);
}

enum ax_status tensor_read(const Onnx__TensorProto *t, const struct tensor_source *src, struct ax_arena *a, struct tensor *out,
                           struct ax_error *err)
{
    enum ax_status st = read_tensor(t, src, a, out, err);
    return st ? ax_fail_in(err, "tensor '%.120s'", t->name ? t->name : "") : AX_OK;
}

int64_t tensor_find_nonfinite(const float *p, int64_t n, int inf)
{
    /* An all-ones exponent carries into the sign bit; blocks without one are passed over quickly. */
    for (int64_t at = 0; at < n; at += 1024) {
        int64_t end = at + 1024 < n ? at + 1024 : n;
        uint32_t any = 0, bits;
        for (int64_t i = at; i < end; i++) {
            memcpy(&bits, p + i, 4);
            any |= (bits & 0x7fffffff) + 0x00800000;
        }
        if (!(any >> 31)) continue;
        for (int64_t i = at; i < end; i++) {
            memcpy(&bits, p + i, 4);
            bits &= 0x7fffffff;
            if (bits > 0x7f800000 || (inf && bits == 0x7f800000)) return i;
        }
    }
    return -1;
}

enum ax_status ax_import_tensor(const char *path, struct ax_arena *a, char **name, enum ax_dtype *t, struct ax_shape *shape,
                                void **data, struct ax_error *err)
{
    struct model_file f = {0};
    struct tensor out = {0};
    Onnx__TensorProto *proto = NULL;
    enum ax_status st = file_map_open(&f.main, path, err);
    if (st) return st;
    f.data = f.main.data;
    f.bytes = f.main.bytes;
    if ((st = skim(f.data, f.bytes, SKIM_TENSOR, &f.skim, err))) goto done;
    if (!(proto = onnx__tensor_proto__unpack(NULL, f.skim.bytes, f.skim.skeleton))) {
        st = ax_fail(err, AX_FORMAT, "not a valid TensorProto");
        goto done;
    }
    struct tensor_source src = {.file = &f};
    if ((st = tensor_read(proto, &src, a, &out, err))) goto done;
    *name = ax_arena_str(a, proto->name ? proto->name : "");
    *t = out.dtype;
    *shape = out.shape;
    *data = (void *)(uintptr_t)out.data;
done:
    if (proto) onnx__tensor_proto__free_unpacked(proto, NULL);
    model_file_close(&f);
    return st ? ax_fail_in(err, "%s", path) : AX_OK;
}
