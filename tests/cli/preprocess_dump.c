/* preprocess_dump PICTURE STEPS.json CHANNELS HEIGHT WIDTH: the tensor that preprocessing makes, as raw float32 on stdout. */
#include <stdio.h>
#include <stdlib.h>

#include "media/preprocess.h"

int main(int argc, char **argv)
{
    struct ax_error err = {0};
    struct ax_descriptor p = {0};
    struct ax_image im = {0};
    if (argc != 6) return 2;
    const int64_t dim[] = {1, atoi(argv[3]), atoi(argv[4]), atoi(argv[5])};
    struct ax_shape shape = ax_shape_make(4, dim);
    size_t n = (size_t)ax_shape_count(&shape);
    float *x = calloc(n, sizeof *x);
    enum ax_status s = x ? ax_descriptor_read(argv[2], &p, &err) : AX_NO_MEMORY;
    if (!s) s = ax_image_load(argv[1], &im, &err);
    if (!s) s = ax_preprocess(&p, &im, &shape, x, NULL, &err);
    if (!s && fwrite(x, sizeof *x, n, stdout) != n) s = AX_IO;
    if (s) fprintf(stderr, "preprocess_dump: %s\n", err.message);
    ax_image_free(&im);
    ax_descriptor_free(&p);
    free(x);
    return s != AX_OK;
}
