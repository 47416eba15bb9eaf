/* Operators that move elements: Concat, Split, Slice, Pad, Transpose, Gather. */
#include <string.h>

#include "onnx/importer.h"

static void concat(struct importer *im)
{
    int *in = AX_NEW(&im->g->arena, int, im->n_in + 1), n = 0;
    int first = im_need(im, 0, "inputs");
    if (!im_ok(im)) return;
    int rank = im_shape(im, first)->rank;
    for (int i = 0; i < im->n_in; i++) { /* empty parts (a shape of no dimensions) add nothing */
        int v = im_need(im, i, "inputs");
        if (im_ok(im) && ax_shape_count(im_shape(im, v)) != 0) in[n++] = v;
    }
    if (!n) in[n++] = first;
    int axis = im_axis(im, im_int(im, "axis", 1), rank);
    if (!im_ok(im)) return;
    if (n == 1) {
        im_result(im, 0, in[0]);
        return;
    }
    int node = im_begin(im, AX_OP_CONCAT, in, n, NULL);
    im_set_int(im, node, "axis", axis);
    im_end(im, node);
}

static void split(struct importer *im)
{
    enum { MAX = 256 };
    int64_t size[MAX];
    int x = im_need(im, 0, "input"), parts = (int)im->node->n_output;
    int n = im_ints_or_input(im, "split", 13, 1, size, MAX);
    if (!im_ok(im)) return;
    const struct ax_shape *s = im_shape(im, x);
    int axis = im_axis(im, im_int(im, "axis", 0), s->rank);
    if (parts > MAX) im_fail(im, AX_UNSUPPORTED, "%d outputs, at most %d are supported", parts, MAX);
    if (!im_ok(im)) return;
    int64_t whole = s->dim[axis], sum = 0;
    if (n <= 0) { /* equal parts, the last one smaller where they do not divide */
        int64_t each = (whole + parts - 1) / parts;
        n = parts;
        for (int i = 0; i < n; i++) size[i] = i < n - 1 ? each : whole - each * (n - 1);
    }
    if (n != parts) im_fail(im, AX_FORMAT, "it has %d outputs but %d sizes", parts, n);
    for (int i = 0; i < n && im_ok(im); i++) {
        if (size[i] < 0 || size[i] > whole)
            im_fail(im, AX_SHAPE, "part %d of %lld has the size %lld", i, (long long)whole, (long long)size[i]);
        sum += size[i];
    }
    if (sum != whole)
        im_fail(im, AX_SHAPE, "the parts add up to %lld, but dimension %d is %lld", (long long)sum, axis, (long long)whole);
    int node = im_begin(im, AX_OP_SPLIT, &x, 1, NULL);
    im_set_int(im, node, "axis", axis);
    im_set_ints(im, node, "split", size, n);
    im_end(im, node);
}

static int64_t clamp(int64_t v, int64_t low, int64_t high)
{
    return v < low ? low : v > high ? high : v;
}

/* Resolves one axis' bounds as ONNX clamps them; an empty slice gets end = start. */
static void slice_bounds(int64_t d, int64_t step, int64_t *start, int64_t *end)
{
    if (*start < 0) *start += d;
    if (*end < 0 && *end >= -d)
        *end += d;
    else if (*end < 0)
        *end = -1;
    if (step > 0) {
        *start = clamp(*start, 0, d);
        *end = clamp(*end, *start, d);
    } else {
        *start = clamp(*start, 0, d - 1);
        *end = clamp(*end, -1, *start);
    }
}

static void slice(struct importer *im)
{
    int64_t start[AX_MAX_RANK], end[AX_MAX_RANK], axes[AX_MAX_RANK], step[AX_MAX_RANK];
    bool inputs = im->node_opset >= 10, seen[AX_MAX_RANK] = {0};
    int x = im_need(im, 0, "data"), kept = 0;
    int n = inputs ? im_const_ints(im, 1, "starts", start, AX_MAX_RANK) : im_ints(im, "starts", start, AX_MAX_RANK);
    int m = inputs ? im_const_ints(im, 2, "ends", end, AX_MAX_RANK) : im_ints(im, "ends", end, AX_MAX_RANK);
    int a = im_ints_or_input(im, "axes", 10, 3, axes, AX_MAX_RANK),
        k = inputs && im_has(im, 4) ? im_const_ints(im, 4, "steps", step, AX_MAX_RANK) : -1;
    if (!im_ok(im)) return;
    if (m != n || (a >= 0 && a != n) || (k >= 0 && k != n)) {
        im_fail(im, AX_FORMAT, "its starts, ends, axes and steps differ in length");
        return;
    }
    const struct ax_shape *s = im_shape(im, x);
    for (int i = 0; i < n; i++) {
        int axis = im_axis(im, a >= 0 ? axes[i] : i, s->rank);
        int64_t by = k >= 0 ? step[i] : 1, from = start[i], to = end[i];
        if (im_ok(im) && by == 0) im_fail(im, AX_FORMAT, "step %d is 0", i);
        if (im_ok(im) && seen[axis]) im_fail(im, AX_FORMAT, "axis %d occurs twice", axis);
        if (!im_ok(im)) return;
        seen[axis] = true;
        if (!s->dim[axis]) continue;
        slice_bounds(s->dim[axis], by, &from, &to);
        if (from == 0 && to == s->dim[axis] && by == 1) continue; /* all of it */
        start[kept] = from, end[kept] = to, axes[kept] = axis, step[kept] = clamp(by, -s->dim[axis] - 1, s->dim[axis] + 1);
        kept++;
    }
    if (!kept) {
        im_result(im, 0, x);
        return;
    }
    int node = im_begin(im, AX_OP_SLICE, &x, 1, NULL);
    im_set_ints(im, node, "starts", start, kept);
    im_set_ints(im, node, "ends", end, kept);
    im_set_ints(im, node, "axes", axes, kept);
    im_set_ints(im, node, "steps", step, kept);
    im_end(im, node);
}

/* Negative padding crops: a Slice before the Pad. */
static int crop(struct importer *im, int x, int64_t *pads, int rank)
{
    int64_t start[AX_MAX_RANK], end[AX_MAX_RANK], axes[AX_MAX_RANK], step[AX_MAX_RANK];
    int n = 0;
    const struct ax_shape *s = im_shape(im, x);
    for (int i = 0; i < rank; i++) {
        if (pads[i] >= 0 && pads[rank + i] >= 0) continue;
        start[n] = pads[i] < 0 ? -pads[i] : 0;
        end[n] = s->dim[i] + (pads[rank + i] < 0 ? pads[rank + i] : 0);
        if (pads[i] < -s->dim[i] || end[n] < start[n]) {
            im_fail(im, AX_SHAPE, "padding of %lld and %lld crops more than dimension %d has", (long long)pads[i],
                    (long long)pads[rank + i], i);
            return 0;
        }
        axes[n] = i, step[n] = 1;
        n++;
        if (pads[i] < 0) pads[i] = 0;
        if (pads[rank + i] < 0) pads[rank + i] = 0;
    }
    if (!n) return x;
    int node = im_begin(im, AX_OP_SLICE, &x, 1, "crop");
    im_set_ints(im, node, "starts", start, n);
    im_set_ints(im, node, "ends", end, n);
    im_set_ints(im, node, "axes", axes, n);
    im_set_ints(im, node, "steps", step, n);
    return im_end(im, node);
}

static void scatter_pads(struct importer *im, const int64_t *given, int n, int64_t *pads, int rank)
{
    int64_t axes[AX_MAX_RANK];
    int a = im->node_opset >= 18 && im_has(im, 3) ? im_const_ints(im, 3, "axes", axes, AX_MAX_RANK) : -1;
    if (a < 0) a = rank, memcpy(axes, (const int64_t[]){0, 1, 2, 3, 4, 5, 6, 7}, sizeof axes);
    if (im_ok(im) && n != 2 * a) im_fail(im, AX_FORMAT, "%d pads for %d axes, expected %d", n, a, 2 * a);
    for (int i = 0; i < a && im_ok(im); i++) {
        int axis = im_axis(im, axes[i], rank);
        if (!im_ok(im)) return;
        pads[axis] = given[i];
        pads[rank + axis] = given[a + i];
    }
}

static void pad(struct importer *im)
{
    int64_t given[2 * AX_MAX_RANK], pads[2 * AX_MAX_RANK] = {0};
    float value = 0;
    bool inputs = im->node_opset >= 11, any = false;
    int x = im_need(im, 0, "data");
    int n = inputs ? im_const_ints(im, 1, "pads", given, 2 * AX_MAX_RANK) : im_ints(im, "pads", given, 2 * AX_MAX_RANK);
    if (!inputs)
        value = im_float(im, "value", 0);
    else if (im_has(im, 2) && im_const_floats(im, 2, "constant value", &value, 1) != 1)
        im_fail(im, AX_FORMAT, "its constant value must be one number");
    if (!im_ok(im)) return;
    int rank = im_shape(im, x)->rank;
    scatter_pads(im, given, n, pads, rank);
    const char *mode = im_string(im, "mode", "constant");
    if (strcmp(mode, "constant") && strcmp(mode, "reflect") && strcmp(mode, "edge") && strcmp(mode, "wrap"))
        im_fail(im, AX_UNSUPPORTED, "mode '%.40s'; expected constant, reflect, edge or wrap", mode);
    for (int i = 0; i < 2 * rank; i++)
        if (pads[i] > (int64_t)1 << 30 || pads[i] < -((int64_t)1 << 40))
            im_fail(im, AX_UNSUPPORTED, "padding of %lld", (long long)pads[i]);
    if (im_ok(im)) x = crop(im, x, pads, rank);
    for (int i = 0; i < 2 * rank; i++) any |= pads[i] != 0;
    if (im_ok(im) && !any) {
        im_result(im, 0, x);
        return;
    }
    int node = im_begin(im, AX_OP_PAD, &x, 1, NULL);
    im_set_ints(im, node, "pads", pads, 2 * rank);
    im_set_string(im, node, "mode", mode);
    im_set_float(im, node, "value", value);
    im_end(im, node);
}

static void transpose(struct importer *im)
{
    int64_t perm[AX_MAX_RANK];
    int x = im_need(im, 0, "data"), n = im_ints(im, "perm", perm, AX_MAX_RANK);
    bool used[AX_MAX_RANK] = {0}, same = true;
    if (!im_ok(im)) return;
    int rank = im_shape(im, x)->rank;
    if (!n)
        for (n = 0; n < rank; n++) perm[n] = rank - 1 - n;
    if (n != rank) im_fail(im, AX_SHAPE, "perm has %d entries for an input of %d dimensions", n, rank);
    for (int i = 0; i < n && im_ok(im); i++) {
        if (perm[i] < 0 || perm[i] >= rank || used[perm[i]])
            im_fail(im, AX_FORMAT, "perm is no permutation of 0 to %d", rank - 1);
        else
            used[perm[i]] = true;
        same &= perm[i] == i;
    }
    if (!im_ok(im)) return;
    if (same) {
        im_result(im, 0, x);
        return;
    }
    int node = im_begin(im, AX_OP_TRANSPOSE, &x, 1, NULL);
    im_set_ints(im, node, "perm", perm, n);
    im_end(im, node);
}

static void with_axis(struct importer *im, enum ax_op op, int64_t otherwise)
{
    int x = im_need(im, 0, "data");
    im_need(im, 1, "indices");
    if (!im_ok(im)) return;
    int axis = im_axis(im, im_int(im, "axis", otherwise), im_shape(im, x)->rank);
    int node = im_begin(im, op, im->in, 2, NULL);
    im_set_int(im, node, "axis", axis);
    im_end(im, node);
}

static void gather(struct importer *im)
{
    with_axis(im, AX_OP_GATHER, 0);
}

static void gather_elements(struct importer *im)
{
    with_axis(im, AX_OP_GATHER_ELEMENTS, 0);
}

static void scatter_nd(struct importer *im)
{
    const char *reduction = im_string(im, "reduction", "none");
    if (strcmp(reduction, "none")) im_fail(im, AX_UNSUPPORTED, "reduction = '%.40s' is not supported; only none is", reduction);
    canon_generic(im, AX_OP_SCATTER_ND);
}

static void depth_to_space(struct importer *im)
{
    int x = im_need(im, 0, "input");
    const char *mode = im_string(im, "mode", "DCR");
    int64_t block = im_int(im, "blocksize", 0);
    if (im_ok(im) && (block < 1 || block > 1 << 15)) im_fail(im, AX_FORMAT, "blocksize is %lld", (long long)block);
    if (strcmp(mode, "DCR") && strcmp(mode, "CRD")) im_fail(im, AX_FORMAT, "mode '%.40s'; expected DCR or CRD", mode);
    int node =
        im_begin(im, strcmp(im->node->op_type, "SpaceToDepth") ? AX_OP_DEPTH_TO_SPACE : AX_OP_SPACE_TO_DEPTH, &x, 1, NULL);
    im_set_int(im, node, "blocksize", block);
    if (strcmp(im->node->op_type, "SpaceToDepth")) im_set_string(im, node, "mode", mode);
    im_end(im, node);
}

const struct canon canon_move[] = {
    {"Concat", "", concat},
    {"Split", "", split},
    {"Slice", "", slice},
    {"Pad", "", pad},
    {"Transpose", "", transpose},
    {"Gather", "", gather},
    {"GatherElements", "", gather_elements},
    {"ScatterND", "", scatter_nd},
    {"DepthToSpace", "", depth_to_space},
    {"SpaceToDepth", "", depth_to_space},
    {NULL, NULL, NULL},
};
