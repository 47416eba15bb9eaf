#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <unistd.h>

#include <cmocka.h>

#include "base/file.h"
#include "base/npy.h"
#include "temp.h"

static char npy[TEMP_PATH], npz[TEMP_PATH];
static struct ax_error err;

static struct ax_array make(const char *name, enum ax_dtype t, int rank, const int64_t *dim)
{
    struct ax_array a;
    struct ax_shape s = ax_shape_make(rank, dim);
    if (ax_array_new(name, t, &s, &a, &err)) fail_msg("%s", err.message);
    for (size_t i = 0; i < a.bytes; i++) ((uint8_t *)a.data)[i] = (uint8_t)(t == AX_DTYPE_BOOL ? i & 1 : i * 7);
    return a;
}

static void assert_same(const struct ax_array *a, const struct ax_array *b)
{
    assert_int_equal(a->dtype, b->dtype);
    assert_true(ax_shape_equal(&a->shape, &b->shape));
    assert_int_equal(a->bytes, b->bytes);
    assert_memory_equal(a->data, b->data, a->bytes);
}

static void every_type(void **state)
{
    (void)state;
    static const enum ax_dtype types[] = {AX_DTYPE_FLOAT32, AX_DTYPE_FLOAT64, AX_DTYPE_INT8,  AX_DTYPE_UINT8,
                                          AX_DTYPE_INT32,   AX_DTYPE_INT64,   AX_DTYPE_INT16, AX_DTYPE_BOOL};
    int64_t dims[8] = {2, 3, 1, 5, 1, 1, 1, 1};
    for (int i = 0; i < 8; i++)
        for (int rank = 0; rank <= 8; rank++) {
            struct ax_array a = make(NULL, types[i], rank, dims), b;
            assert_int_equal(ax_npy_write(npy, &a, &err), AX_OK);
            assert_int_equal(ax_npy_read(npy, &b, &err), AX_OK);
            assert_same(&a, &b);
            ax_array_free(&a);
            ax_array_free(&b);
        }
}

static void archive(void **state)
{
    (void)state;
    struct ax_arrays all = {0}, back;
    struct ax_array a = make("input/x:0", AX_DTYPE_FLOAT32, 2, (int64_t[]){4, 3});
    struct ax_array b = make("empty", AX_DTYPE_INT64, 1, (int64_t[]){0});
    ax_arrays_add(&all, &a);
    ax_arrays_add(&all, &b);
    uint8_t *one, *two;
    size_t n1, n2;
    assert_int_equal(ax_npz_write(npz, &all, &err), AX_OK);
    assert_int_equal(ax_file_read(npz, 1 << 20, &one, &n1, &err), AX_OK);
    assert_int_equal(ax_npz_write(npz, &all, &err), AX_OK);
    assert_int_equal(ax_file_read(npz, 1 << 20, &two, &n2, &err), AX_OK);
    assert_int_equal(n1, n2);
    assert_memory_equal(one, two, n1);
    assert_int_equal(ax_npz_read(npz, &back, &err), AX_OK);
    assert_int_equal(back.count, 2);
    assert_same(ax_arrays_find(&back, "input/x:0"), &all.item[0]);
    assert_same(ax_arrays_find(&back, "empty"), &all.item[1]);
    assert_null(ax_arrays_find(&back, "x"));
    ax_arrays_free(&back);
    for (size_t n = 0; n < n1; n += 11) { /* cut short anywhere: an error */
        assert_int_not_equal(ax_npz_parse(one, n, &back, &err), AX_OK);
        assert_null(back.item);
    }
    free(one);
    free(two);
    ax_arrays_free(&all);
}

/* A .npy with the given header and data. */
static enum ax_status parse(const char *header, const void *data, size_t bytes, struct ax_array *out)
{
    static uint8_t buf[4096];
    size_t n = strlen(header);
    memcpy(buf, "\x93NUMPY\x01\x00", 8);
    buf[8] = (uint8_t)n;
    buf[9] = (uint8_t)(n >> 8);
    memcpy(buf + 10, header, n);
    memcpy(buf + 10 + n, data, bytes);
    return ax_npy_parse(buf, 10 + n + bytes, out, &err);
}

static void fortran_and_half(void **state)
{
    (void)state;
    struct ax_array a;
    int32_t columns[6] = {0, 3, 1, 4, 2, 5};
    assert_int_equal(parse("{'descr': '<i4', 'fortran_order': True, 'shape': (2, 3), }", columns, 24, &a), AX_OK);
    for (int i = 0; i < 6; i++) assert_int_equal(((int32_t *)a.data)[i], i);
    ax_array_free(&a);
    uint16_t half[6] = {0x3c00, 0xc000, 0x0001, 0x7c00, 0x8000, 0x3555};
    float expected[6] = {1, -2, 0x1p-24f, __builtin_inff(), -0.0f, 0.333251953125f};
    assert_int_equal(parse("{\"descr\":\"<f2\",\"fortran_order\":False,\"shape\":(6,)}\n", half, 12, &a), AX_OK);
    assert_int_equal(a.dtype, AX_DTYPE_FLOAT32);
    assert_memory_equal(a.data, expected, sizeof expected);
    ax_array_free(&a);
}

static void hostile(void **state)
{
    (void)state;
    struct ax_array a;
    static const char *const headers[] = {
        "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), ",
        "{'descr': '<f4', 'fortran_order': False}",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (99999999999, 99999999999), }",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (99999999999999999999999), }",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (-1,), }",
        "{'descr': '<f4', 'fortran_order': Maybe, 'shape': (1,), }",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (1,1,1,1,1,1,1,1,1), }",
        "{'descr': '|O', 'fortran_order': False, 'shape': (1,), }",
        "{'descr': '>f4', 'fortran_order': False, 'shape': (1,), }",
        "{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (1,), }",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (5,), }",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (), }",
        "{'descr': '",
        "",
    };
    for (int i = 0; i < (int)(sizeof headers / sizeof *headers); i++)
        if (!parse(headers[i], "12345678", 8, &a)) fail_msg("%s was taken", headers[i]);
    assert_int_equal(ax_npy_parse("", 0, &a, &err), AX_FORMAT);
}

static int setup(void **state)
{
    (void)state;
    temp_path(npy, "a.npy");
    temp_path(npz, "a.npz");
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(every_type), cmocka_unit_test(archive),
                                       cmocka_unit_test(fortran_and_half), cmocka_unit_test(hostile)};
    return cmocka_run_group_tests(tests, setup, NULL);
}
