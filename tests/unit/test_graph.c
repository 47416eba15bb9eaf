/* The graph: building, editing, tidy, sweep, the verifier on broken graphs, the printer. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "graph/graph.h"

static int value(struct ax_graph *g, const char *name, int rank, const int64_t *dim)
{
    struct ax_shape s = ax_shape_make(rank, dim);
    return ax_graph_value(g, name, AX_DTYPE_FLOAT32, &s);
}

static void set_ports(struct ax_graph *g, int in, int out)
{
    g->inputs = ax_arena_copy(&g->arena, &in, sizeof in);
    g->outputs = ax_arena_copy(&g->arena, &out, sizeof out);
    g->n_inputs = g->n_outputs = 1;
}

/* x -> Conv -> Relu -> y, [1,3,8,8] to [1,4,4,4] */
struct small {
    struct ax_graph *g;
    int x, w, conv, y;
};

static struct small small_graph(void)
{
    static const float weights[4 * 3 * 3 * 3] = {1};
    struct small s = {.g = ax_graph_new("small")};
    s.x = value(s.g, "x", 4, (int64_t[]){1, 3, 8, 8});
    s.w = ax_graph_const_f32(s.g, "w", 4, (int64_t[]){4, 3, 3, 3}, weights);
    s.conv = ax_graph_apply(s.g, AX_OP_CONV, "conv", (int[]){s.x, s.w}, 2);
    int k = s.g->values[s.conv].producer;
    ax_node_set_ints(s.g, k, "strides", (int64_t[]){2, 2}, 2);
    ax_node_set_ints(s.g, k, "pads", (int64_t[]){1, 1, 1, 1}, 4);
    struct ax_error err;
    assert_int_equal(ax_node_infer(s.g, k, &err), AX_OK);
    s.y = ax_graph_apply(s.g, AX_OP_RELU, "y", &s.conv, 1);
    set_ports(s.g, s.x, s.y);
    assert_int_equal(ax_graph_verify(s.g, &err), AX_OK);
    return s;
}

static void assert_broken(const struct ax_graph *g, const char *part)
{
    struct ax_error err;
    assert_int_not_equal(ax_graph_verify(g, &err), AX_OK);
    if (!strstr(err.message, part)) fail_msg("message lacks '%s': %s", part, err.message);
}

static const char *new_name(struct ax_graph *g, const char *name)
{
    int v = ax_graph_value(g, name, AX_DTYPE_NONE, NULL);
    return g->values[v].name;
}

static void names_are_unique(void **state)
{
    (void)state;
    struct ax_graph *g = ax_graph_new("names");
    assert_string_equal(new_name(g, "a"), "a");
    assert_string_equal(new_name(g, "a"), "a_2");
    assert_string_equal(new_name(g, "a"), "a_3");
    assert_string_equal(new_name(g, ""), "value");
    for (int i = 0; i < 1000; i++) ax_graph_value(g, "many", AX_DTYPE_NONE, NULL);
    assert_int_equal(ax_graph_find_value(g, "many_1000"), 1003);
    assert_int_equal(ax_graph_find_value(g, "none"), AX_NONE);
    ax_value_rename(g, 0, "b");
    assert_int_equal(ax_graph_find_value(g, "a"), AX_NONE);
    assert_int_equal(ax_graph_find_value(g, "b"), 0);
    ax_value_rename(g, 1, "b");
    assert_string_equal(g->values[1].name, "b_2");
    ax_graph_free(g);
}

static void attributes_are_kept(void **state)
{
    (void)state;
    struct small s = small_graph();
    const struct ax_node *n = &s.g->nodes[0];
    int64_t v[4];
    assert_int_equal(ax_node_ints(n, "strides", v, 4, 7), 2);
    assert_int_equal(v[1], 2);
    assert_int_equal(v[2], 7);
    assert_int_equal(ax_node_ints(n, "dilations", v, 2, 1), 0);
    assert_int_equal(v[0], 1);
    ax_node_set_string(s.g, 0, "act", "relu");
    ax_node_set_float(s.g, 0, "act_alpha", 0.5f);
    assert_string_equal(ax_node_string(n, "act", "none"), "relu");
    assert_true(ax_node_float(n, "act_alpha", 0) == 0.5f);
    assert_int_equal(ax_node_int(n, "act", 3), 3); /* another type: as if absent */
    ax_node_unset(s.g, 0, "strides");
    assert_null(ax_node_attr(n, "strides"));
    assert_int_equal(n->n_attrs, 3);
    ax_node_copy_attrs(s.g, 1, 0);
    assert_string_equal(ax_node_string(&s.g->nodes[1], "act", ""), "relu");
    ax_node_grow_inputs(s.g, 0, 4);
    assert_int_equal(s.g->nodes[0].n_inputs, 4);
    assert_int_equal(s.g->nodes[0].inputs[3], AX_NONE);
    ax_graph_free(s.g);
}

static void constants_are_read(void **state)
{
    (void)state;
    struct ax_graph *g = ax_graph_new("consts");
    int64_t out[4];
    unsigned char half[] = {0, 0x3c, 1, 0, 0, 0xc0}; /* 1, 2^-24, -2 */
    struct ax_shape three = {.rank = 1, .dim = {3}};
    int i = ax_graph_const_i64(g, "i", 3, (int64_t[]){1, -2, INT64_MAX});
    int f = ax_graph_const_f32(g, "f", 1, (int64_t[]){2}, (float[]){1.9f, -3e30f});
    int h = ax_graph_const(g, "h", AX_DTYPE_FLOAT16, &three, half);
    assert_int_equal(ax_const_ints(g, i, out, 4), 3);
    assert_true(out[2] == INT64_MAX);
    assert_int_equal(ax_const_ints(g, i, out, 2), -1);
    assert_int_equal(ax_const_ints(g, f, out, 4), 2);
    assert_int_equal(out[0], 1);
    assert_true(out[1] == INT64_MIN);
    assert_true(ax_const_at(g, h, 0) == 1 && ax_const_at(g, h, 1) == 0x1p-24 && ax_const_at(g, h, 2) == -2);
    assert_int_equal(ax_const_ints(g, AX_NONE, out, 4), -1);
    ax_graph_free(g);
}

static void uses_are_counted(void **state)
{
    (void)state;
    struct small s = small_graph();
    int sum = ax_graph_apply(s.g, AX_OP_ADD, "sum", (int[]){s.conv, s.conv}, 2);
    struct ax_uses u = ax_graph_uses(s.g);
    assert_int_equal(ax_use_count(&u, s.x), 1);
    assert_int_equal(ax_use_count(&u, s.conv), 3);
    assert_int_equal(ax_use_count(&u, sum), 0);
    assert_int_equal(u.users[u.start[s.conv]], 1);
    assert_int_equal(u.users[u.start[s.conv] + 2], 2);
    ax_uses_free(&u);
    ax_graph_free(s.g);
}

static void replace_keeps_the_output_name(void **state)
{
    (void)state;
    struct ax_error err;
    struct small s = small_graph();
    ax_graph_replace(s.g, s.y, s.conv); /* as when Relu rides in the convolution */
    assert_int_equal(s.g->outputs[0], s.conv);
    assert_string_equal(s.g->values[s.conv].name, "y");
    assert_string_equal(s.g->values[s.y].name, "conv");
    assert_int_equal(ax_graph_sweep(s.g), 1);
    assert_int_equal(s.g->n_nodes, 1);
    assert_int_equal(ax_graph_verify(s.g, &err), AX_OK);
    ax_graph_free(s.g);

    s = small_graph(); /* an input cannot take the output's name */
    ax_graph_replace(s.g, s.y, s.x);
    assert_int_equal(s.g->outputs[0], s.y);
    assert_string_equal(s.g->values[s.x].name, "x");
    ax_graph_free(s.g);
}

static void tidy_restores_order(void **state)
{
    (void)state;
    struct ax_error err;
    struct small s = small_graph();
    int late = ax_graph_apply(s.g, AX_OP_IDENTITY, "late", &s.conv, 1);
    s.g->nodes[1].inputs[0] = late; /* Relu now reads what a later node makes */
    assert_broken(s.g, "later node");
    assert_int_equal(ax_graph_tidy(s.g, &err), AX_OK);
    assert_int_equal(s.g->nodes[1].op, AX_OP_IDENTITY);
    assert_int_equal(s.g->values[s.y].producer, 2);
    assert_int_equal(ax_graph_verify(s.g, &err), AX_OK);

    s.g->nodes[0].inputs[0] = s.y;
    assert_int_equal(ax_graph_tidy(s.g, &err), AX_INTERNAL);
    assert_non_null(strstr(err.message, "cycle"));
    ax_graph_free(s.g);
}

static void sweep_drops_the_unused(void **state)
{
    (void)state;
    struct ax_error err;
    struct small s = small_graph();
    int a = ax_graph_apply(s.g, AX_OP_NEG, "a", &s.conv, 1);
    ax_graph_apply(s.g, AX_OP_EXP, "b", &a, 1);
    assert_int_equal(ax_graph_sweep(s.g), 2);
    assert_int_equal(s.g->n_nodes, 2);
    assert_int_equal(s.g->values[a].producer, AX_NONE);
    assert_int_equal(ax_graph_sweep(s.g), 0);
    assert_int_equal(ax_graph_verify(s.g, &err), AX_OK);
    ax_graph_free(s.g);
}

static void clone_stands_alone(void **state)
{
    (void)state;
    struct ax_error err;
    struct small s = small_graph();
    struct ax_graph *c = ax_graph_clone(s.g);
    assert_int_equal(ax_graph_verify(c, &err), AX_OK);
    ax_node_set_ints(c, 0, "strides", (int64_t[]){1, 1}, 2);
    c->nodes[1].inputs[0] = s.x;
    assert_ptr_equal(c->values[s.w].data, s.g->values[s.w].data);
    assert_int_equal(ax_graph_verify(s.g, &err), AX_OK);
    ax_graph_free(c);
    ax_graph_free(s.g);
}

/* -- the verifier; each case breaks a fresh graph in one place -- */

#define BREAK(part, ...)                                                                                                       \
    do {                                                                                                                       \
        struct small s = small_graph();                                                                                        \
        struct ax_graph *g = s.g;                                                                                              \
        __VA_ARGS__;                                                                                                           \
        assert_broken(g, part);                                                                                                \
        ax_graph_free(g);                                                                                                      \
    } while (0)

static void verifier_finds_what_is_broken(void **state)
{
    (void)state;
    BREAK("no name", g->values[s.x].name = "");
    BREAK("name 'y' belongs to", g->values[s.x].name = "y");
    BREAK("out of range", g->values[s.x].dtype = (enum ax_dtype)99);
    BREAK("rank 9", g->values[s.x].shape.rank = 9);
    BREAK("dimension 0 is -5", g->values[s.x].shape.dim[0] = -5);
    BREAK("2^40", g->values[s.x].shape.dim[0] = (int64_t)1 << 50);
    BREAK("lacks its arrays", g->values[s.conv].quant.count = 4);
    BREAK("do not fit shape", g->values[s.conv].quant = ((struct ax_quant){3, 1, (float[]){1, 1, 1}, (int32_t[]){0, 0, 0}}));
    BREAK("positive and finite", g->values[s.conv].quant = ((struct ax_quant){1, 0, (float[]){0}, (int32_t[]){0}}));
    BREAK("does not make it", g->values[s.conv].producer = 1);
    BREAK("graph input 0 is value 77", g->inputs[0] = 77);
    BREAK("graph output 0 is value -1", g->outputs[0] = -1);
    BREAK("made by no node", g->n_inputs = 0);
    BREAK("is dead", g->nodes[1].op = AX_OP_NONE);
    BREAK("made by no node", ax_node_kill(g, 1));
    BREAK("Relu node 'y': has 2 inputs", ax_node_grow_inputs(g, 1, 2));
    BREAK("input 1 is missing", g->nodes[0].inputs[1] = AX_NONE);
    BREAK("no attribute 'auto_pad'", ax_node_set_string(g, 0, "auto_pad", "VALID"));
    BREAK("attribute 'group' has the wrong type", ax_node_set_float(g, 0, "group", 1));
    BREAK("act 'wobble' is unknown", ax_node_set_string(g, 0, "act", "wobble"));
    BREAK("follows as 1x4x4x4", g->values[s.conv].shape.dim[1] = 5);
    BREAK("must have the type of input", g->values[s.y].dtype = AX_DTYPE_INT64);
    BREAK("expect 6", ax_node_set_int(g, 0, "group", 2));
    BREAK("only the attribute is there", ax_node_set_string(g, 0, "residual", "pre"));
}

static void messages_name_node_and_values(void **state)
{
    (void)state;
    struct ax_error err;
    struct small s = small_graph();
    s.g->values[s.x].shape.dim[1] = 64;
    assert_int_equal(ax_graph_infer(s.g, &err), AX_SHAPE);
    assert_string_equal(err.message, "Conv node 'conv': input has 64 channels, but weights 4x3x3x3 with group 1 expect 3");
    ax_graph_free(s.g);
}

static void quantized_values_verify(void **state)
{
    (void)state;
    struct ax_error err;
    struct small s = small_graph();
    float scales[4] = {1, 2, 3, 4};
    int32_t zeros[4] = {0};
    s.g->values[s.conv].dtype = AX_DTYPE_INT8; /* float in, int8 out, float out */
    s.g->values[s.conv].quant = (struct ax_quant){4, 1, scales, zeros};
    assert_int_equal(ax_graph_verify(s.g, &err), AX_OK);
    assert_int_equal(ax_graph_infer(s.g, &err), AX_OK);
    assert_int_equal(s.g->values[s.conv].dtype, AX_DTYPE_INT8);
    assert_int_equal(s.g->values[s.y].dtype, AX_DTYPE_FLOAT32);
    ax_graph_free(s.g);
}

static void printer_is_stable(void **state)
{
    (void)state;
    static const char golden[] = "graph small opset 13\n"
                                 "input x: float32 1x3x8x8\n"
                                 "const w: float32 4x3x3x3\n"
                                 "conv = Conv(x, w) strides=[2, 2] pads=[1, 1, 1, 1] : int8 1x4x4x4 scales[4 along 1] 0.25..2\n"
                                 "y = Relu(conv) : float32 1x4x4x4 ; float: the user says so\n"
                                 "output y: float32 1x4x4x4\n";
    struct small s = small_graph();
    char *text = NULL;
    size_t size = 0;
    float scales[4] = {1, 2, 0.25f, 1};
    int32_t zeros[4] = {0};
    s.g->opset = 13;
    s.g->values[s.conv].dtype = AX_DTYPE_INT8;
    s.g->values[s.conv].quant = (struct ax_quant){4, 1, scales, zeros};
    s.g->nodes[1].why_float = "the user says so";
    FILE *f = open_memstream(&text, &size);
    ax_graph_print(s.g, f);
    fclose(f);
    assert_string_equal(text, golden);
    free(text);
    ax_graph_free(s.g);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_are_unique),
        cmocka_unit_test(attributes_are_kept),
        cmocka_unit_test(constants_are_read),
        cmocka_unit_test(uses_are_counted),
        cmocka_unit_test(replace_keeps_the_output_name),
        cmocka_unit_test(tidy_restores_order),
        cmocka_unit_test(sweep_drops_the_unused),
        cmocka_unit_test(clone_stands_alone),
        cmocka_unit_test(verifier_finds_what_is_broken),
        cmocka_unit_test(messages_name_node_and_values),
        cmocka_unit_test(quantized_values_verify),
        cmocka_unit_test(printer_is_stable),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
