/* .axmodel: as it is, and with its checksums made right again, so that what lies behind them is reached too. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <unistd.h>

#include "files/axmodel.h"
#include "fuzz.h"
#include "sample_model.h"
#include "seal.h"
#include "temp.h"

static enum ax_status unpack(void *ctx, const struct ax_program *p, int operand, const struct ax_value *v, void *out,
                             struct ax_error *err)
{
    (void)ctx, (void)p, (void)operand, (void)err;
    memset(out, 0, (size_t)ax_value_bytes(v));
    return AX_OK;
}

static void open_model(const uint8_t *data, size_t bytes)
{
    struct ax_error err;
    struct ax_axmodel *m;
    struct ax_graph *g;
    if (ax_axmodel_open_memory(data, bytes, 0, &m, &err)) return;
    if (!ax_axmodel_graph(m, unpack, NULL, &g, &err)) ax_graph_free(g);
    if (!ax_axmodel_graph(m, NULL, NULL, &g, &err)) ax_graph_free(g);
    ax_axmodel_close(m);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    uint8_t *copy = malloc(bytes + 1);
    memcpy(copy, data, bytes);
    open_model(copy, bytes);
    seal(copy, bytes);
    open_model(copy, bytes);
    free(copy);
    return 0;
}

uint8_t *fuzz_seed(int i, size_t *bytes)
{
    struct ax_error err;
    struct ax_program p;
    struct ax_graph *g = sample_graph();
    char path[TEMP_PATH];
    uint8_t *data = NULL;
    int packed[16];
    temp_path(path, "seed.axmodel");
    sample_program(&p);
    for (int v = 0; v < 16; v++) packed[v] = v == 2 && i == 2 ? 1 : -1;
    struct ax_axmodel_contents c = {
        .program = &p, .graph = i == 3 ? NULL : g, .meta = "{}", .packed_operand = packed, .compress = i == 1};
    if (i > 3 || ax_graph_infer(g, &err) || ax_axmodel_write(path, &c, &err) || ax_file_read(path, 1 << 20, &data, bytes, &err))
        data = NULL;
    ax_graph_free(g);
    ax_arena_free(&p.mem);
    return data;
}
