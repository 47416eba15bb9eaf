#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <unistd.h>

#include <cmocka.h>

#include "base/hash.h"
#include "files/axmodel.h"
#include "sample_model.h"
#include "temp.h"

static char path[TEMP_PATH], path2[TEMP_PATH];
static struct ax_graph *graph;
static struct ax_program program;
static struct ax_error err;
static uint8_t *file; /* 64-byte aligned */
static size_t file_bytes;

static void good(enum ax_status s)
{
    if (s) fail_msg("%s", err.message);
}

static char *print_graph(const struct ax_graph *g)
{
    char *text;
    size_t n;
    FILE *f = open_memstream(&text, &n);
    ax_graph_print(g, f);
    fclose(f);
    return text;
}

static uint8_t *read_aligned(const char *p, size_t *n)
{
    uint8_t *raw;
    good(ax_file_read(p, 1 << 20, &raw, n, &err));
    uint8_t *data = aligned_alloc(64, (*n + 63) & ~(size_t)63);
    memcpy(data, raw, *n);
    free(raw);
    return data;
}

static int setup(void **state)
{
    (void)state;
    graph = sample_graph();
    sample_program(&program);
    if (ax_graph_infer(graph, &err) || ax_graph_verify(graph, &err)) fail_msg("%s", err.message);
    temp_path(path, "a.axmodel");
    temp_path(path2, "b.axmodel");
    struct ax_axmodel_contents c = {.program = &program, .graph = graph, .meta = "{\"name\": \"sample\"}\n"};
    good(ax_axmodel_write(path, &c, &err));
    good(ax_axmodel_write(path2, &c, &err));
    file = read_aligned(path, &file_bytes);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    free(file);
    ax_graph_free(graph);
    ax_arena_free(&program.mem);
    return 0;
}

static void same_bytes_twice(void **state)
{
    (void)state;
    size_t n;
    uint8_t *again = read_aligned(path2, &n);
    assert_int_equal(n, file_bytes);
    assert_memory_equal(again, file, n);
    free(again);
}

static void assert_program(const struct ax_program *p)
{
    assert_int_equal(p->n_operands, program.n_operands);
    assert_int_equal(p->n_steps, program.n_steps);
    assert_int_equal(p->arena_bytes, program.arena_bytes);
    assert_int_equal(p->const_bytes, program.const_bytes);
    assert_memory_equal(p->const_data, program.const_data, (size_t)p->const_bytes);
    assert_int_equal((uintptr_t)p->const_data % 64, 0);
    for (int i = 0; i < p->n_operands; i++) {
        const struct ax_operand *a = &p->operands[i], *b = &program.operands[i];
        assert_string_equal(a->name, b->name);
        assert_true(a->space == b->space && a->dtype == b->dtype && a->layout == b->layout && a->rank == b->rank);
        assert_memory_equal(a->dim, b->dim, sizeof a->dim);
        assert_true(a->offset == b->offset && a->bytes == b->bytes && a->n == b->n && a->c == b->c);
        assert_true(a->halo_left == b->halo_left && a->n_planes == b->n_planes && a->quant.count == b->quant.count);
        for (int j = 0; j < a->n_planes; j++) assert_memory_equal(&a->planes[j], &b->planes[j], sizeof a->planes[j]);
        for (int j = 0; j < a->quant.count; j++) assert_true(a->quant.scale[j] == b->quant.scale[j]);
    }
    for (int i = 0; i < p->n_steps; i++) {
        const struct ax_step *a = &p->steps[i], *b = &program.steps[i];
        assert_true(a->kind == b->kind && a->n_in == b->n_in && a->n_out == b->n_out && a->macs == b->macs);
        assert_string_equal(a->name, b->name);
        assert_memory_equal(a->in, b->in, sizeof(int) * (size_t)a->n_in);
        assert_memory_equal(a->params, b->params, (size_t)ax_step_params_bytes(a->kind));
    }
    assert_string_equal(p->inputs[0].name, "x");
    assert_true(ax_shape_equal(&p->outputs[0].shape, &program.outputs[0].shape));
    assert_int_equal(p->outputs[0].perm[1], 3);
}

static void assert_graph(struct ax_axmodel *m)
{
    struct ax_graph *g;
    good(ax_axmodel_graph(m, NULL, NULL, &g, &err));
    char *a = print_graph(graph), *b = print_graph(g);
    assert_string_equal(a, b);
    int w = ax_graph_find_value(g, "w"), x = ax_graph_find_value(g, "x");
    assert_int_equal(ax_graph_find_value(g, "dead"), AX_NONE);
    assert_memory_equal(g->values[w].data, graph->values[1].data, 8 * 27 * 4);
    assert_int_equal((uintptr_t)g->values[w].data % 64, 0);
    assert_string_equal(g->values[x].origin, "input");
    assert_int_equal(g->values[x].quant.zero_point[2], 7);
    assert_string_equal(g->nodes[1].why_float, "because");
    free(a);
    free(b);
    ax_graph_free(g);
}

static void round_trip(void **state)
{
    (void)state;
    struct ax_axmodel *m;
    good(ax_axmodel_open(path, 0, &m, &err));
    assert_program(m->program);
    assert_graph(m);
    assert_string_equal(m->meta, "{\"name\": \"sample\"}\n");
    assert_true(m->program->const_data > m->file.file.data && m->program->const_data < m->file.file.data + m->file.file.bytes);
    ax_axmodel_close(m);
}

static void compressed(void **state)
{
    (void)state;
    struct ax_axmodel *m;
    struct ax_axmodel_contents c = {.program = &program, .graph = graph, .meta = "{}", .compress = true};
    good(ax_axmodel_write(path2, &c, &err));
    good(ax_axmodel_open(path2, 0, &m, &err));
    assert_int_equal(m->file.sections[1].compression, AX_COMPRESSION_ZSTD);
    assert_true(m->file.file.bytes < file_bytes);
    assert_program(m->program);
    assert_graph(m);
    ax_axmodel_close(m);
}

static enum ax_status unpack_w(void *ctx, const struct ax_program *p, int operand, const struct ax_value *v, void *out,
                               struct ax_error *e)
{
    (void)p;
    (void)e;
    assert_int_equal(operand, 1);
    assert_string_equal(v->name, "b");
    memset(out, 0, (size_t)ax_value_bytes(v));
    *(int *)ctx += 1;
    return AX_OK;
}

static void packed_constants(void **state)
{
    (void)state;
    int *packed = calloc((size_t)graph->n_values, sizeof *packed), calls = 0;
    for (int i = 0; i < graph->n_values; i++) packed[i] = -1;
    packed[2] = 1;
    struct ax_axmodel *m;
    struct ax_graph *g;
    struct ax_axmodel_contents c = {.program = &program, .graph = graph, .packed_operand = packed};
    good(ax_axmodel_write(path2, &c, &err));
    good(ax_axmodel_open(path2, 0, &m, &err));
    good(ax_axmodel_graph(m, NULL, NULL, &g, &err));
    assert_null(g->values[ax_graph_find_value(g, "b")].data);
    ax_graph_free(g);
    good(ax_axmodel_graph(m, unpack_w, &calls, &g, &err));
    assert_int_equal(calls, 1);
    assert_non_null(g->values[ax_graph_find_value(g, "b")].data);
    ax_graph_free(g);
    ax_axmodel_close(m);
    free(packed);
}

static void assert_refused(const uint8_t *data, size_t n, size_t at)
{
    struct ax_axmodel *m;
    struct ax_graph *g = NULL;
    enum ax_status s = ax_axmodel_open_memory(data, n, 0, &m, &err);
    if (!s) s = ax_axmodel_graph(m, NULL, NULL, &g, &err);
    ax_graph_free(g);
    ax_axmodel_close(m);
    if (!s) fail_msg("byte %zu of %zu changed and nobody noticed", at, n);
}

static void damage_is_noticed(void **state)
{
    (void)state;
    for (size_t i = 0; i < file_bytes; i++) {
        file[i] ^= (uint8_t)(1 << i % 8);
        assert_refused(file, file_bytes, i);
        file[i] ^= (uint8_t)(1 << i % 8);
    }
    for (size_t n = 0; n < file_bytes; n += 13) assert_refused(file, n, n);
}

static void versions_and_unknown_sections(void **state)
{
    (void)state;
    struct ax_axmodel *m;
    uint64_t sum;
    file[8] = 9; /* major version */
    sum = ax_hash64(file, 56);
    memcpy(file + 56, &sum, 8);
    assert_int_equal(ax_axmodel_open_memory(file, file_bytes, 0, &m, &err), AX_VERSION);
    assert_non_null(strstr(err.message, "newer"));
    file[8] = 0;
    sum = ax_hash64(file, 56);
    memcpy(file + 56, &sum, 8);
    assert_int_equal(ax_axmodel_open_memory(file, file_bytes, 0, &m, &err), AX_VERSION);
    file[8] = 1;
    memcpy(file + 64, "QQQQ", 4); /* the META section becomes something from the future */
    sum = ax_hash64(file + 64, 5 * 64);
    memcpy(file + 24, &sum, 8);
    sum = ax_hash64(file, 56);
    memcpy(file + 56, &sum, 8);
    good(ax_axmodel_open_memory(file, file_bytes, 0, &m, &err));
    assert_string_equal(m->meta, "");
    ax_axmodel_close(m);
}

static void no_graph(void **state)
{
    (void)state;
    struct ax_axmodel *m;
    struct ax_graph *g;
    struct ax_axmodel_contents c = {.program = &program};
    good(ax_axmodel_write(path2, &c, &err));
    good(ax_axmodel_open(path2, AX_AXMODEL_TRUST_WEIGHTS, &m, &err));
    assert_int_equal(ax_axmodel_graph(m, NULL, NULL, &g, &err), AX_NOT_FOUND);
    assert_int_equal(m->program->steps[1].node, 1);
    ax_axmodel_close(m);
    assert_int_equal(ax_axmodel_open("/nonexistent", 0, &m, &err), AX_NOT_FOUND);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(same_bytes_twice),  cmocka_unit_test(round_trip),
        cmocka_unit_test(compressed),        cmocka_unit_test(packed_constants),
        cmocka_unit_test(damage_is_noticed), cmocka_unit_test(versions_and_unknown_sections),
        cmocka_unit_test(no_graph),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
