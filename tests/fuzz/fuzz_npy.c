/* .npy and .npz. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <unistd.h>

#include "base/file.h"
#include "base/npy.h"
#include "fuzz.h"
#include "temp.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    struct ax_error err;
    struct ax_array a;
    struct ax_arrays all;
    if (!ax_npy_parse(data, bytes, &a, &err)) ax_array_free(&a);
    if (!ax_npz_parse(data, bytes, &all, &err)) ax_arrays_free(&all);
    return 0;
}

uint8_t *fuzz_seed(int i, size_t *bytes)
{
    static const char fortran[] =
        "\x93NUMPY\x01\x00\x3a\x00{'descr': '<f2', 'fortran_order': True, 'shape': (2, 1, 2), } \n12345678";
    struct ax_error err;
    struct ax_array a;
    struct ax_arrays all = {0};
    struct ax_shape s = ax_shape_make(2, (int64_t[]){3, 5});
    char path[TEMP_PATH];
    uint8_t *data = NULL;
    if (i == 0) {
        *bytes = sizeof fortran - 1;
        data = malloc(*bytes);
        return memcpy(data, fortran, *bytes);
    }
    if (i > 2 || ax_array_new("x", AX_DTYPE_INT32, &s, &a, &err)) return NULL;
    temp_path(path, i == 1 ? "seed.npy" : "seed.npz");
    if (i == 1) {
        ax_npy_write(path, &a, &err);
        ax_array_free(&a);
    } else {
        ax_arrays_add(&all, &a);
        ax_npz_write(path, &all, &err);
        ax_arrays_free(&all);
    }
    if (ax_file_read(path, 1 << 20, &data, bytes, &err)) data = NULL;
    return data;
}
