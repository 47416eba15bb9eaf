#include "tools/calib.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/npy.h"
#include "media/image.h"
#include "media/preprocess.h"
#include "onnx/import.h"
#include "tools/file_list.h"

enum kind { RANDOM, ARRAYS, TENSORS, PICTURES };
enum { FEW = 16, RANDOM_COUNT = 16, CACHE_BYTES = 320 << 20 };

struct input {
    const char *name;
    struct ax_shape shape;
    int64_t count;
    const struct ax_array *array; /* ARRAYS */
};

struct ax_calib {
    struct ax_arena mem;
    enum kind kind;
    const char *source;
    struct input *inputs;
    int n_inputs;
    struct ax_arrays arrays;
    bool unnamed;                  /* from .npy: their names are the files' */
    struct ax_input_shape *shapes; /* ARRAYS: of one sample, by array */
    const char **files;            /* PICTURES: one a sample; TENSORS: n_inputs a sample */
    int n_files, most;
    int available; /* samples there are */
    int *order;    /* which of them are used */
    int count;
    int batch; /* PICTURES: how many one sample holds, one behind the other */
    uint64_t seed;
    const struct ax_descriptor *pipeline;
    struct ax_hash128 hash;
    float **cache; /* PICTURES: what decoding gave, by sample; kept as long as there is room */
    int64_t cached_bytes;
    float low, high;               /* seen */
    float expect_low, expect_high; /* 0, 0: unknown */
};

/* -- filling -- */

/* splitmix64: good enough for choosing samples, the same everywhere. */
static uint64_t next_random(uint64_t *state)
{
    uint64_t z = (*state += 0x9e3779b97f4a7c15u);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

/* Uniform in the range that the pipeline expects, or in [-1, 1). */
static void random_fill(struct ax_calib *c, int sample, int input, float *dst)
{
    uint64_t state = c->seed * 1000003u + (uint64_t)sample * 64u + (uint64_t)input;
    int known = c->expect_high > c->expect_low;
    float lo = known ? c->expect_low : -1, hi = known ? c->expect_high : 1;
    for (int64_t i = 0; i < c->inputs[input].count; i++)
        dst[i] = lo + (hi - lo) * ((float)(next_random(&state) >> 40) * 0x1p-24f);
}

static double array_at(const struct ax_array *a, int64_t i)
{
    switch (a->dtype) {
    case AX_DTYPE_FLOAT32: return (double)((const float *)a->data)[i];
    case AX_DTYPE_FLOAT64: return ((const double *)a->data)[i];
    case AX_DTYPE_INT64: return (double)((const int64_t *)a->data)[i];
    case AX_DTYPE_INT32: return ((const int32_t *)a->data)[i];
    case AX_DTYPE_INT16: return ((const int16_t *)a->data)[i];
    case AX_DTYPE_INT8: return ((const int8_t *)a->data)[i];
    case AX_DTYPE_UINT8:
    case AX_DTYPE_BOOL: return ((const uint8_t *)a->data)[i];
    default: return 0;
    }
}

static void array_fill(const struct ax_array *a, int64_t at, int64_t count, float *dst)
{
    if (a->dtype == AX_DTYPE_FLOAT32) {
        memcpy(dst, (const float *)a->data + at, sizeof(float) * (size_t)count);
        return;
    }
    for (int64_t i = 0; i < count; i++) dst[i] = (float)array_at(a, at + i);
}

static enum ax_status tensor_fill(struct ax_calib *c, const char *path, int input, float *dst, struct ax_error *err)
{
    struct ax_arena tmp;
    struct ax_array a = {0};
    ax_arena_init(&tmp);
    enum ax_status s = ax_import_tensor(path, &tmp, &a.name, &a.dtype, &a.shape, &a.data, err);
    if (!s && ax_shape_count(&a.shape) != c->inputs[input].count) {
        char have[AX_SHAPE_TEXT], want[AX_SHAPE_TEXT];
        s = ax_fail(err, AX_SHAPE, "%s has shape %s, input '%s' expects %s", path, ax_shape_text(&a.shape, have),
                    c->inputs[input].name, ax_shape_text(&c->inputs[input].shape, want));
    }
    if (!s) array_fill(&a, 0, c->inputs[input].count, dst);
    ax_arena_free(&tmp);
    return s;
}

static enum ax_status decode(struct ax_calib *c, const char *path, float *dst, struct ax_error *err)
{
    struct ax_image im;
    struct ax_shape one = c->inputs[0].shape;
    enum ax_status s = ax_image_load(path, &im, err);
    if (s) return s;
    if (c->batch > 1) one.dim[0] = 1;
    s = ax_preprocess(c->pipeline, &im, &one, dst, NULL, err);
    ax_image_free(&im);
    return s;
}

/* The quantizer asks for a sample several times; decoding it once is enough. */
static enum ax_status one_picture(struct ax_calib *c, int at, float *dst, struct ax_error *err)
{
    size_t bytes = sizeof(float) * (size_t)(c->inputs[0].count / c->batch);
    if (c->cache[at]) {
        memcpy(dst, c->cache[at], bytes);
        return AX_OK;
    }
    enum ax_status s = decode(c, c->files[at], dst, err);
    if (!s && c->cached_bytes + (int64_t)bytes <= CACHE_BYTES && (c->cache[at] = malloc(bytes))) {
        memcpy(c->cache[at], dst, bytes);
        c->cached_bytes += (int64_t)bytes;
    }
    return s;
}

/* The last sample of a batched model is filled up with the first pictures. */
static enum ax_status picture_fill(struct ax_calib *c, int sample, float *dst, struct ax_error *err)
{
    enum ax_status s = AX_OK;
    int64_t count = c->inputs[0].count / c->batch;
    for (int k = 0; k < c->batch && !s; k++) s = one_picture(c, (sample * c->batch + k) % c->n_files, dst + k * count, err);
    return s;
}

/* -- opening -- */

static enum ax_status match_array(struct ax_calib *c, int i, struct ax_error *err)
{
    struct input *in = &c->inputs[i];
    const struct ax_array *a = ax_arrays_find(&c->arrays, in->name);
    bool lone = !a && c->n_inputs == 1 && c->arrays.count == 1;
    if (lone) a = &c->arrays.item[0];
    if (!a) return ax_fail(err, AX_NOT_FOUND, "calibration data has no array for input '%s'", in->name);
    int64_t n = ax_shape_count(&a->shape);
    char have[AX_SHAPE_TEXT], want[AX_SHAPE_TEXT];
    int fits = in->count > 0 && n > 0 && n % in->count == 0;
    for (int d = 1; d <= in->shape.rank - 1 && fits; d++)
        fits = a->shape.rank >= in->shape.rank && a->shape.dim[a->shape.rank - d] == in->shape.dim[in->shape.rank - d];
    if (!fits)
        return ax_fail(err, AX_SHAPE,
                       "calibration array for input '%s' has shape %s; expected samples of %s stacked along the first axis",
                       in->name, ax_shape_text(&a->shape, have), ax_shape_text(&in->shape, want));
    if (i && n / in->count != c->available)
        return ax_fail(err, AX_SHAPE, "calibration has %lld samples for input '%s', but %d for '%s'",
                       (long long)(n / in->count), in->name, c->available, c->inputs[0].name);
    if (lone && !c->unnamed)
        fprintf(stderr, "axcompile: note: the only calibration array '%s' is taken for the input '%s'\n", a->name, in->name);
    c->available = (int)(n / in->count);
    in->array = a;
    return AX_OK;
}

static enum ax_status read_arrays(struct ax_calib *c, const char *path, struct ax_error *err)
{
    if (ax_path_has_ext(path, ".npz")) {
        struct ax_arrays one = {0};
        enum ax_status s = ax_npz_read(path, &one, err);
        for (int k = 0; k < one.count && !s; k++) ax_arrays_add(&c->arrays, &one.item[k]);
        ax_arrays_free(&one);
        return s;
    }
    struct ax_array a = {0};
    enum ax_status s = ax_npy_read(path, &a, err);
    if (s) return s;
    a.name = strdup(ax_path_stem(&c->mem, path));
    c->unnamed = true;
    ax_arrays_add(&c->arrays, &a);
    return AX_OK;
}

static enum ax_status open_arrays(struct ax_calib *c, const struct ax_file_list *files, struct ax_error *err)
{
    enum ax_status s = AX_OK;
    c->kind = ARRAYS;
    for (int i = 0; i < files->count && !s; i++) s = read_arrays(c, files->item[i], err);
    c->shapes = AX_NEW(&c->mem, struct ax_input_shape, c->arrays.count + 1);
    for (int i = 0; i < c->arrays.count && !s; i++) {
        const struct ax_array *a = &c->arrays.item[i];
        c->shapes[i] = (struct ax_input_shape){c->arrays.count == 1 || !a->name ? "" : a->name, a->shape};
        if (a->shape.rank) c->shapes[i].shape.dim[0] = 1;
    }
    return s;
}

static void keep_files(struct ax_calib *c, enum kind kind, const struct ax_file_list *files)
{
    c->kind = kind;
    c->files = AX_NEW(&c->mem, const char *, files->count + 1);
    for (int i = 0; i < files->count; i++) {
        int tensor = ax_path_has_ext(files->item[i], ".pb") && strncmp(ax_path_base(files->item[i]), "output", 6);
        if (kind == PICTURES ? ax_image_named(files->item[i]) : tensor) c->files[c->n_files++] = files->item[i];
    }
}

static enum ax_status open_paths(struct ax_calib *c, const struct ax_calib_options *opt, struct ax_error *err)
{
    struct ax_file_list files = {0};
    enum ax_status s = AX_OK;
    for (int i = 0; i < opt->n_paths && !s; i++) {
        s = ax_file_list_add(&files, &c->mem, opt->paths[i], err);
        if (s) ax_fail_in(err, "--calib");
    }
    int arrays = 0, tensors = 0, pictures = 0;
    for (int i = 0; i < files.count; i++) {
        arrays += ax_path_has_ext(files.item[i], ".npz") || ax_path_has_ext(files.item[i], ".npy");
        tensors += ax_path_has_ext(files.item[i], ".pb");
        pictures += ax_image_named(files.item[i]);
    }
    if (!s && pictures)
        keep_files(c, PICTURES, &files);
    else if (!s && tensors)
        keep_files(c, TENSORS, &files);
    else if (!s && arrays)
        s = open_arrays(c, &files, err);
    else if (!s)
        s = ax_fail(
            err, AX_INVALID_ARGUMENT,
            "--calib %s: %s. Expected a folder of pictures, .npz or .npy arrays named as the inputs, or ONNX .pb tensors "
            "(input_0.pb ...)",
            c->source, files.count ? "its files are of no known kind" : "nothing is there");
    ax_file_list_free(&files);
    return s;
}

/* All in order when they are to be used all; else a seeded choice, in order. */
static void choose(struct ax_calib *c, int count)
{
    int n = c->available;
    uint64_t state = c->seed;
    uint8_t *used = AX_NEW(&c->mem, uint8_t, n + 1);
    c->count = count < n ? count : n;
    c->order = AX_NEW(&c->mem, int, n + 1);
    for (int k = 0; k < c->count;) {
        int i = c->count == n ? k : (int)(next_random(&state) % (uint64_t)n);
        if (used[i]) continue;
        used[i] = 1;
        k++;
    }
    for (int i = 0, k = 0; i < n; i++)
        if (used[i]) c->order[k++] = i;
}

static void hash_file(struct ax_hasher *h, const char *path)
{
    struct ax_mapping m = {0};
    struct ax_error ignored;
    ax_hasher_add_text(h, ax_path_base(path));
    if (ax_file_map(path, &m, &ignored)) return; /* reading it will say what is wrong */
    ax_hasher_add(h, m.data, m.bytes);
    ax_file_unmap(&m);
}

static void make_hash(struct ax_calib *c)
{
    struct ax_hasher *h = ax_hasher_new();
    ax_hasher_add(h, &c->count, sizeof c->count);
    ax_hasher_add(h, &c->seed, sizeof c->seed);
    for (int i = 0; i < c->arrays.count; i++) {
        ax_hasher_add_text(h, c->arrays.item[i].name ? c->arrays.item[i].name : "");
        ax_hasher_add(h, c->arrays.item[i].data, c->arrays.item[i].bytes);
    }
    int per = c->kind == TENSORS ? c->n_inputs : c->batch;
    for (int i = 0; c->files && i < c->count; i++)
        for (int k = 0; k < per; k++) hash_file(h, c->files[(c->order[i] * per + k) % c->n_files]);
    c->hash = ax_hasher_end(h);
}

enum ax_status ax_calib_open(const struct ax_calib_options *opt, struct ax_calib **out, struct ax_error *err)
{
    struct ax_calib *c = calloc(1, sizeof *c);
    if (!c) return ax_fail(err, AX_NO_MEMORY, "no memory for calibration");
    ax_arena_init(&c->mem);
    c->seed = opt->seed;
    c->most = opt->count;
    c->low = INFINITY, c->high = -INFINITY;
    enum ax_status s = AX_OK;
    c->source = ax_arena_str(&c->mem, ax_path_base(opt->paths[0]));
    for (int i = 1; i < opt->n_paths; i++)
        c->source = ax_arena_printf(&c->mem, "%s, %s", c->source, ax_path_base(opt->paths[i]));
    if (opt->n_paths == 1 && !strcmp(opt->paths[0], "random"))
        c->kind = RANDOM, c->available = RANDOM_COUNT;
    else
        s = open_paths(c, opt, err);
    if (s)
        ax_calib_close(c);
    else
        *out = c;
    return s;
}

const struct ax_input_shape *ax_calib_shapes(const struct ax_calib *c, int *count)
{
    *count = c->kind == ARRAYS ? c->arrays.count : 0;
    return c->shapes;
}

static enum ax_status bind_files(struct ax_calib *c, struct ax_error *err)
{
    if (c->kind == PICTURES && c->n_inputs != 1)
        return ax_fail(
            err, AX_UNSUPPORTED,
            "calibration by pictures needs a model of one input; this one has %d. Give an .npz with an array for each",
            c->n_inputs);
    int per = c->kind == TENSORS ? c->n_inputs : 1;
    if (c->n_files % per)
        return ax_fail(err, AX_INVALID_ARGUMENT, "calibration: %d input tensors are no multiple of the model's %d inputs",
                       c->n_files, c->n_inputs);
    c->available = (c->n_files / per + c->batch - 1) / c->batch;
    c->cache = AX_NEW(&c->mem, float *, c->n_files + 1);
    return AX_OK;
}

enum ax_status ax_calib_bind(struct ax_calib *c, const struct ax_graph *g, const struct ax_descriptor *pipeline,
                             struct ax_error *err)
{
    enum ax_status s = AX_OK;
    c->n_inputs = g->n_inputs;
    c->inputs = AX_NEW(&c->mem, struct input, g->n_inputs + 1);
    c->pipeline = pipeline;
    ax_preprocess_range(pipeline, &c->expect_low, &c->expect_high);
    for (int i = 0; i < g->n_inputs; i++) {
        const struct ax_value *v = &g->values[g->inputs[i]];
        c->inputs[i] =
            (struct input){.name = ax_arena_str(&c->mem, v->name), .shape = v->shape, .count = ax_shape_count(&v->shape)};
    }
    for (int i = 0; i < c->n_inputs && !s && c->kind == ARRAYS; i++) s = match_array(c, i, err);
    const struct ax_shape *first = &c->inputs[0].shape;
    c->batch = c->kind == PICTURES && c->n_inputs == 1 && first->rank == 4 && first->dim[0] > 1 ? (int)first->dim[0] : 1;
    if (!s && (c->kind == PICTURES || c->kind == TENSORS)) s = bind_files(c, err);
    if (!s && !c->available) s = ax_fail(err, AX_NOT_FOUND, "--calib %s: no samples found", c->source);
    if (s) return s;
    choose(c, (c->most + c->batch - 1) / c->batch);
    make_hash(c);
    return AX_OK;
}

void ax_calib_close(struct ax_calib *c)
{
    if (!c) return;
    for (int i = 0; c->cache && i < c->n_files; i++) free(c->cache[i]);
    ax_arrays_free(&c->arrays);
    ax_arena_free(&c->mem);
    free(c);
}

/* -- reading -- */

static void watch(struct ax_calib *c, const float *x, int64_t n)
{
    float lo = c->low, hi = c->high;
    for (int64_t i = 0; i < n; i++) {
        lo = x[i] < lo ? x[i] : lo;
        hi = x[i] > hi ? x[i] : hi;
    }
    c->low = lo, c->high = hi;
}

static enum ax_status get(void *ctx, int sample, int input, float *dst, struct ax_error *err)
{
    struct ax_calib *c = ctx;
    struct input *in = &c->inputs[input];
    int at = c->order[sample];
    enum ax_status s = AX_OK;
    if (c->kind == RANDOM)
        random_fill(c, at, input, dst);
    else if (c->kind == ARRAYS)
        array_fill(in->array, at * in->count, in->count, dst);
    else if (c->kind == TENSORS)
        s = tensor_fill(c, c->files[at * c->n_inputs + input], input, dst, err);
    else
        s = picture_fill(c, at, dst, err);
    for (int64_t i = 0; i < in->count && !s; i++)
        if (!isfinite(dst[i]))
            s = ax_fail(err, AX_FORMAT, "calibration sample %d of input '%s' holds %g at element %lld; expected finite numbers",
                        at, in->name, (double)dst[i], (long long)i);
    if (!s) watch(c, dst, in->count);
    return s;
}

struct ax_samples ax_calib_samples(struct ax_calib *c)
{
    return (struct ax_samples){c->count, c, get};
}

const char *ax_calib_source(const struct ax_calib *c)
{
    return c->source;
}

struct ax_hash128 ax_calib_hash(const struct ax_calib *c)
{
    return c->hash;
}

const char *ax_calib_warnings(struct ax_calib *c)
{
    const char *text = "";
    float width = c->expect_high - c->expect_low;
    if (c->kind == RANDOM)
        text = "calibration on RANDOM numbers: accuracy is not to be trusted; use real inputs (--calib FOLDER)\n";
    else if (c->count * c->batch < FEW)
        text =
            ax_arena_printf(&c->mem, "only %d calibration sample%s: ranges will be narrower than the truth; give at least %d\n",
                            c->count * c->batch, c->count * c->batch == 1 ? "" : "s", FEW);
    if (width > 0 && (c->low < c->expect_low - 0.05f * width || c->high > c->expect_high + 0.05f * width))
        text = ax_arena_printf(&c->mem,
                               "%scalibration inputs lie in [%.4g, %.4g], but the preprocessing gives [%.4g, %.4g]: were they "
                               "prepared differently?\n",
                               text, (double)c->low, (double)c->high, (double)c->expect_low, (double)c->expect_high);
    if (c->low == c->high)
        text = ax_arena_printf(&c->mem, "%scalibration inputs are all %g: ranges mean nothing\n", text, (double)c->low);
    return text;
}
