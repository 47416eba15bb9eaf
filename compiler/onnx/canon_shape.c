/* Operators about shapes: most fold away, the others become Reshape, Expand and Tile with constant attributes. */
#include <string.h>

#include "onnx/importer.h"

static void shape_of(struct importer *im)
{
    int x = im_need(im, 0, "data");
    if (!im_ok(im)) return;
    const struct ax_shape *s = im_shape(im, x);
    int64_t start = im->node_opset >= 15 ? im_int(im, "start", 0) : 0,
            end = im->node_opset >= 15 ? im_int(im, "end", s->rank) : s->rank;
    start += start < 0 ? s->rank : 0;
    end += end < 0 ? s->rank : 0;
    start = start < 0 ? 0 : start > s->rank ? s->rank : start;
    end = end < start ? start : end > s->rank ? s->rank : end;
    struct ax_shape out = {.rank = 1, .dim = {end - start}};
    int64_t *p = im_const_alloc(im, AX_DTYPE_INT64, &out);
    if (!p) return;
    memcpy(p, s->dim + start, (size_t)(end - start) * sizeof *p);
    im_const(im, AX_DTYPE_INT64, &out, p, NULL);
}

static void size_of(struct importer *im)
{
    int x = im_need(im, 0, "data");
    const struct ax_shape out = {0};
    int64_t *p = im_const_alloc(im, AX_DTYPE_INT64, &out);
    if (!p) return;
    *p = ax_shape_count(im_shape(im, x));
    im_const(im, AX_DTYPE_INT64, &out, p, NULL);
}

/* 0 takes the input's dimension (unless allowzero), one -1 takes what is left. */
static void reshape(struct importer *im)
{
    int64_t dim[AX_MAX_RANK];
    int x = im_need(im, 0, "data"), open = -1;
    int n = im->node_opset >= 5 ? im_const_ints(im, 1, "shape", dim, AX_MAX_RANK) : im_ints(im, "shape", dim, AX_MAX_RANK);
    if (!im_ok(im)) return;
    const struct ax_shape *s = im_shape(im, x);
    bool allowzero = im->node_opset >= 14 && im_int(im, "allowzero", 0);
    for (int i = 0; i < n; i++) {
        if (dim[i] == 0 && !allowzero && i < s->rank) dim[i] = s->dim[i];
        if (dim[i] == -1 && open < 0)
            open = i;
        else if (dim[i] < 0)
            im_fail(im, AX_FORMAT, "the new shape's dimension %d is %lld", i, (long long)dim[i]);
    }
    if (open >= 0 && im_ok(im)) {
        struct ax_shape rest = ax_shape_make(n, dim);
        rest.dim[open] = 1;
        int64_t have = ax_shape_count(s), known = ax_shape_count(&rest);
        if (known <= 0 || have % known) {
            char text[AX_SHAPE_TEXT];
            im_fail(im, AX_SHAPE, "%s has %lld elements, which the known dimensions of the new shape do not divide",
                    ax_shape_text(s, text), (long long)have);
            return;
        }
        dim[open] = have / known;
    }
    im_reshape(im, x, n, dim, NULL);
}

static int64_t product(const struct ax_shape *s, int from, int to)
{
    struct ax_shape part = {.rank = to - from};
    for (int i = from; i < to; i++) part.dim[i - from] = s->dim[i];
    return ax_shape_count(&part);
}

static void flatten(struct importer *im)
{
    int x = im_need(im, 0, "input");
    if (!im_ok(im)) return;
    const struct ax_shape *s = im_shape(im, x);
    int64_t axis = im_int(im, "axis", 1);
    if (axis < 0) axis += s->rank;
    if (axis < 0 || axis > s->rank) {
        im_fail(im, AX_SHAPE, "axis %lld is outside the %d dimensions of its input", (long long)axis, s->rank);
        return;
    }
    const int64_t dim[2] = {product(s, 0, (int)axis), product(s, (int)axis, s->rank)};
    im_reshape(im, x, 2, dim, NULL);
}

static void squeeze(struct importer *im)
{
    int64_t axes[AX_MAX_RANK], dim[AX_MAX_RANK];
    bool drop[AX_MAX_RANK] = {0};
    int x = im_need(im, 0, "data"), n = im_ints_or_input(im, "axes", 13, 1, axes, AX_MAX_RANK), rank = 0;
    if (!im_ok(im)) return;
    const struct ax_shape *s = im_shape(im, x);
    if (n > 0) n = im_resolve_axes(im, axes, n, s->rank);
    for (int i = 0; i < n && im_ok(im); i++) {
        drop[axes[i]] = true;
        if (s->dim[axes[i]] != 1)
            im_fail(im, AX_SHAPE, "dimension %lld is %lld, expected 1", (long long)axes[i], (long long)s->dim[axes[i]]);
    }
    for (int i = 0; i < s->rank; i++)
        if (n < 0 ? s->dim[i] != 1 : !drop[i]) dim[rank++] = s->dim[i];
    im_reshape(im, x, rank, dim, NULL);
}

static void unsqueeze(struct importer *im)
{
    int64_t axes[AX_MAX_RANK], dim[AX_MAX_RANK];
    int x = im_need(im, 0, "data"), n = im_ints_or_input(im, "axes", 13, 1, axes, AX_MAX_RANK);
    if (im_ok(im) && n < 0) im_fail(im, AX_FORMAT, "its axes are missing");
    if (!im_ok(im)) return;
    const struct ax_shape *s = im_shape(im, x);
    int rank = s->rank + n;
    if (rank > AX_MAX_RANK)
        im_fail(im, AX_UNSUPPORTED, "its output has %d dimensions, at most %d are supported", rank, AX_MAX_RANK);
    else
        n = im_resolve_axes(im, axes, n, rank);
    if (!im_ok(im)) return;
    for (int i = 0, a = 0, k = 0; i < rank; i++) {
        if (a < n && axes[a] == i)
            dim[i] = 1, a++;
        else
            dim[i] = s->dim[k++];
    }
    im_reshape(im, x, rank, dim, NULL);
}

static void expand(struct importer *im)
{
    int64_t want[AX_MAX_RANK], dim[AX_MAX_RANK];
    int x = im_need(im, 0, "input"), n = im_const_ints(im, 1, "shape", want, AX_MAX_RANK);
    if (!im_ok(im)) return;
    const struct ax_shape *s = im_shape(im, x);
    int rank = n > s->rank ? n : s->rank;
    for (int i = 0; i < rank; i++) {
        int64_t a = i - (rank - s->rank) >= 0 ? s->dim[i - (rank - s->rank)] : 1,
                b = i - (rank - n) >= 0 ? want[i - (rank - n)] : 1;
        if (b < 0 || (a != b && a != 1 && b != 1))
            im_fail(im, AX_SHAPE, "dimension %d: %lld cannot be expanded to %lld", i, (long long)a, (long long)b);
        dim[i] = a == 1 ? b : a;
    }
    if (!im_ok(im)) return;
    struct ax_shape out = ax_shape_make(rank, dim);
    if (ax_shape_equal(&out, s)) {
        im_result(im, 0, x);
        return;
    }
    int node = im_begin(im, AX_OP_EXPAND, &x, 1, NULL);
    im_set_ints(im, node, "shape", dim, rank);
    im_end(im, node);
}

static void tile(struct importer *im)
{
    int64_t repeats[AX_MAX_RANK];
    int x = im_need(im, 0, "input"), n = im_const_ints(im, 1, "repeats", repeats, AX_MAX_RANK);
    if (!im_ok(im)) return;
    if (n != im_shape(im, x)->rank) im_fail(im, AX_SHAPE, "%d repeats for an input of %d dimensions", n, im_shape(im, x)->rank);
    for (int i = 0; i < n; i++)
        if (repeats[i] < 0) im_fail(im, AX_FORMAT, "repeat %d is %lld", i, (long long)repeats[i]);
    int node = im_begin(im, AX_OP_TILE, &x, 1, NULL);
    im_set_ints(im, node, "repeats", repeats, n);
    im_end(im, node);
}

static void constant_of_shape(struct importer *im)
{
    int64_t dim[AX_MAX_RANK];
    const Onnx__AttributeProto *a = im_attr(im, "value");
    struct tensor value = {.dtype = AX_DTYPE_FLOAT32, .data = &(const float){0}};
    int n = im_const_ints(im, 0, "shape", dim, AX_MAX_RANK);
    if (im_ok(im) && a && a->t) tensor_read(a->t, &im->source, &im->g->arena, &value, im->err);
    if (!im_ok(im)) return;
    if (a && ax_shape_count(&value.shape) != 1) im_fail(im, AX_FORMAT, "its value must be one element");
    struct ax_shape s = ax_shape_make(n, dim);
    size_t width = ax_dtype_bytes(value.dtype);
    uint8_t *p = im_const_alloc(im, value.dtype, &s);
    if (!p) return;
    for (int64_t i = 0, count = ax_shape_count(&s); i < count; i++) memcpy(p + (size_t)i * width, value.data, width);
    im_const(im, value.dtype, &s, p, NULL);
}

/* n = max(ceil((limit - start) / delta), 0) elements from start in steps of delta. */
static void range(struct importer *im)
{
    float f[3];
    int64_t k[3], n = 0;
    for (int i = 0; i < 3; i++) {
        if (im_const_floats(im, i, i == 0 ? "start" : i == 1 ? "limit" : "delta", &f[i], 1) != 1)
            im_fail(im, AX_FORMAT, "its input %d must be one number", i);
        if (im_ok(im)) ax_const_ints(im->g, im->in[i], &k[i], 1);
    }
    if (!im_ok(im)) return;
    enum ax_dtype t = im_value(im, im->in[0])->dtype;
    bool real = t == AX_DTYPE_FLOAT32;
    if (!real && t != AX_DTYPE_INT64 && t != AX_DTYPE_INT32)
        im_fail(im, AX_UNSUPPORTED, "of %s is not supported", ax_dtype_text(t));
    if (real ? f[2] == 0 : k[2] == 0) im_fail(im, AX_FORMAT, "its delta is 0");
    double count = real ? ((double)f[1] - (double)f[0]) / (double)f[2] : ((double)k[1] - (double)k[0]) / (double)k[2];
    if (!(count < 1e9)) im_fail(im, AX_UNSUPPORTED, "it makes too many elements");
    if (!im_ok(im)) return;
    if (count > 0) n = (int64_t)count + ((double)(int64_t)count < count);
    struct ax_shape s = {.rank = 1, .dim = {n}};
    void *p = im_const_alloc(im, t, &s);
    for (int64_t i = 0; p && i < n; i++) {
        if (real)
            ((float *)p)[i] = (float)((double)f[0] + (double)i * (double)f[2]);
        else if (t == AX_DTYPE_INT64)
            ((int64_t *)p)[i] = (int64_t)((uint64_t)k[0] + (uint64_t)i * (uint64_t)k[2]);
        else
            ((int32_t *)p)[i] = (int32_t)(k[0] + i * k[2]);
    }
    im_const(im, t, &s, p, NULL);
}

/* Indices of the elements that are not zero, one row a dimension. */
static void non_zero(struct importer *im)
{
    int x = im_need(im, 0, "input");
    if (!im_ok(im)) return;
    if (!ax_is_const(im->g, x)) {
        im_fail(im, AX_UNSUPPORTED, "its input must be constant, since the output's shape depends on it");
        return;
    }
    const struct ax_shape in = *im_shape(im, x);
    int64_t count = ax_shape_count(&in), n = 0, k = 0;
    for (int64_t i = 0; i < count; i++) n += ax_const_at(im->g, x, i) != 0;
    struct ax_shape s = {.rank = 2, .dim = {in.rank, n}};
    int64_t *p = im_const_alloc(im, AX_DTYPE_INT64, &s);
    for (int64_t i = 0; p && i < count; i++) {
        if (ax_const_at(im->g, x, i) == 0) continue;
        int64_t rest = i;
        for (int d = in.rank - 1; d >= 0; d--) {
            p[d * n + k] = rest % in.dim[d];
            rest /= in.dim[d];
        }
        k++;
    }
    im_const(im, AX_DTYPE_INT64, &s, p, NULL);
}

const struct canon canon_shape[] = {
    {"Shape", "", shape_of},  {"Size", "", size_of},     {"Reshape", "", reshape},
    {"Flatten", "", flatten}, {"Squeeze", "", squeeze},  {"Unsqueeze", "", unsqueeze},
    {"Expand", "", expand},   {"Tile", "", tile},        {"ConstantOfShape", "", constant_of_shape},
    {"Range", "", range},     {"NonZero", "", non_zero}, {NULL, NULL, NULL},
};
