#include "tools/shared/samples.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/file.h"

/* How many samples the array holds for the port, -1 if its shape does not fit: the port's shape with another first dimension
 * that is a multiple, or one more dimension in front. */
static int64_t samples_in(const struct ax_array *a, const struct ax_engine_port *port)
{
    const struct ax_shape *s = &a->shape, *p = &port->shape;
    int extra = s->rank - p->rank;
    if (extra != 0 && extra != 1) return -1;
    for (int i = extra ? 0 : 1; i < p->rank; i++)
        if (s->dim[i + extra] != p->dim[i]) return -1;
    if (extra) return s->dim[0];
    if (p->rank == 0) return 1;
    return p->dim[0] > 0 && s->dim[0] % p->dim[0] == 0 ? s->dim[0] / p->dim[0] : -1;
}

static enum ax_status missing(const char *path, const char *name, const struct ax_arrays *all, struct ax_error *err)
{
    char names[512] = "";
    size_t n = 0;
    for (int i = 0; i < all->count && n < sizeof names - 1; i++)
        n += (size_t)snprintf(names + n, sizeof names - n, "%s'%s'", i ? ", " : "", all->item[i].name ? all->item[i].name : "");
    return ax_fail(err, AX_NOT_FOUND, "%s: has no array '%s' for the model's input of that name; it has %s", path, name,
                   *names ? names : "none");
}

/* For a model with one input: the only array, whatever it is called. */
static struct ax_array *lone_array(const char *path, const struct ax_samples_file *f, const struct ax_engine_port *port)
{
    struct ax_array *a = f->arrays.item;
    if (f->n_inputs != 1 || f->arrays.count != 1) return NULL;
    if (a->name && samples_in(a, port) < 0) return NULL;
    if (a->name) fprintf(stderr, "%s: note: its only array '%s' is taken for the input '%s'\n", path, a->name, port->name);
    return a;
}

static enum ax_status bind(const char *path, const struct ax_engine *e, struct ax_samples_file *f, int i, struct ax_error *err)
{
    const struct ax_engine_port *port = ax_engine_input(e, i);
    char have[AX_SHAPE_TEXT], want[AX_SHAPE_TEXT];
    struct ax_array *a = ax_arrays_find(&f->arrays, port->name);
    if (!a) a = lone_array(path, f, port);
    if (!a) return missing(path, port->name, &f->arrays, err);
    int64_t n = samples_in(a, port);
    if (n < 0)
        return ax_fail(err, AX_SHAPE,
                       "%s: array '%s' is %s; the input is %s, or a multiple of its first dimension for several samples", path,
                       port->name, ax_shape_text(&a->shape, have), ax_shape_text(&port->shape, want));
    if (i && n != f->count)
        return ax_fail(err, AX_SHAPE, "%s: array '%s' holds %lld samples, '%s' holds %lld; all inputs need as many", path,
                       port->name, (long long)n, ax_engine_input(e, 0)->name, (long long)f->count);
    f->count = n;
    f->input[i] = (int)(a - f->arrays.item);
    return AX_OK;
}

static enum ax_status read_arrays(const char *path, struct ax_arrays *out, struct ax_error *err)
{
    struct ax_array one;
    if (!ax_path_has_ext(path, ".npy")) return ax_npz_read(path, out, err);
    enum ax_status s = ax_npy_read(path, &one, err);
    if (!s) ax_arrays_add(out, &one);
    return s;
}

static enum ax_status make_room(const struct ax_engine *e, struct ax_samples_file *out, struct ax_error *err)
{
    *out = (struct ax_samples_file){.n_inputs = ax_engine_inputs(e), .count = 1};
    out->input = calloc((size_t)out->n_inputs + 1, sizeof *out->input);
    return out->input ? AX_OK : ax_fail(err, AX_NO_MEMORY, "no memory for the model's inputs");
}

/* They would go through unseen: the device rounds NaN to the least number of an int8 input, infinities to the ends. */
static void warn_of_nan(const char *path, const struct ax_array *a, const struct ax_engine_port *port)
{
    int64_t nan = 0, inf = 0, n = a->dtype == AX_DTYPE_FLOAT32 ? (int64_t)(a->bytes / sizeof(float)) : 0;
    const float *x = a->data;
    for (int64_t i = 0; i < n; i++) nan += isnan(x[i]) != 0, inf += isinf(x[i]) != 0;
    if (!nan && !inf) return;
    fprintf(stderr, "%s: warning: of the %lld numbers for the input '%s', %lld are NaN and %lld infinite%s\n", path,
            (long long)n, port->name, (long long)nan, (long long)inf,
            port->quant.count ? "; int8 takes the least value for NaN, and the ends of the range for infinities" : "");
}

enum ax_status ax_samples_open(const char *path, const struct ax_engine *e, struct ax_samples_file *out, struct ax_error *err)
{
    enum ax_status s = make_room(e, out, err);
    if (!s) s = read_arrays(path, &out->arrays, err);
    for (int i = 0; i < out->n_inputs && !s; i++) s = bind(path, e, out, i, err);
    if (!s && out->count < 1) s = ax_fail(err, AX_SHAPE, "%s: holds no sample", path);
    for (int i = 0; i < out->n_inputs && !s; i++) warn_of_nan(path, &out->arrays.item[out->input[i]], ax_engine_input(e, i));
    return s;
}

void ax_samples_close(struct ax_samples_file *f)
{
    ax_arrays_free(&f->arrays);
    free(f->input);
    *f = (struct ax_samples_file){0};
}

struct ax_engine_buffer ax_samples_at(const struct ax_samples_file *f, int input, int64_t i)
{
    const struct ax_array *a = &f->arrays.item[f->input[input]];
    return (struct ax_engine_buffer){(uint8_t *)a->data + (size_t)i * (a->bytes / (size_t)f->count), a->dtype};
}

/* -- random samples -- */

static uint64_t next_random(uint64_t *state)
{
    uint64_t z = (*state += 0x9e3779b97f4a7c15ull);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ull;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebull;
    return z ^ (z >> 31);
}

/* Quantized inputs get every number that they can hold, others 0..1; integers are indices more often than not: 0 or 1. */
static void fill_random(const struct ax_engine_port *port, struct ax_array *a, uint64_t *state)
{
    const struct ax_quant *q = &port->quant;
    int64_t count = (int64_t)(a->bytes / ax_dtype_bytes(a->dtype));
    for (int64_t i = 0; i < count; i++) {
        uint64_t r = next_random(state);
        if (a->dtype != AX_DTYPE_FLOAT32)
            ((uint8_t *)a->data)[(size_t)i * ax_dtype_bytes(a->dtype)] = r & 1; /* the lowest byte; the others are zero */
        else if (q->count)
            ((float *)a->data)[i] = q->scale[0] * (float)((int)(r >> 56) - 128 - q->zero_point[0]);
        else
            ((float *)a->data)[i] = (float)(r >> 40) / 16777216.0f;
    }
}

enum ax_status ax_samples_random(const struct ax_engine *e, int count, uint64_t seed, struct ax_samples_file *out,
                                 struct ax_error *err)
{
    enum ax_status s = make_room(e, out, err);
    for (int i = 0; i < out->n_inputs && !s; i++) {
        const struct ax_engine_port *port = ax_engine_input(e, i);
        struct ax_array a;
        struct ax_shape shape = port->shape;
        if (shape.rank == 0) shape.rank = 1, shape.dim[0] = 1;
        shape.dim[0] *= count;
        s = ax_array_new(port->name, port->dtype, &shape, &a, err);
        if (s) break;
        fill_random(port, &a, &seed);
        ax_arrays_add(&out->arrays, &a);
    }
    for (int i = 0; i < out->arrays.count; i++) out->input[i] = i;
    out->count = count;
    return s;
}
