/* The table of passes and what runs it. */
#include "passes/passes.h"

#include <string.h>
#include <time.h>

#include "passes/pass.h"

/* Read top-down: order matters. Each row runs until it finds nothing more to do. Rows that occur twice do so because the
 * layout pass brings together what transposes had kept apart. */
const struct ax_pass ax_passes[] = {
    /* -- one way to say it -- */
    {"fold_constants", "computes what depends on constants only", pass_fold_constants},
    {"dead_code", "drops nodes that no output needs", pass_dead_code},
    {"remove_identity", "drops nodes that change nothing", pass_remove_identity},
    {"lower_gemm", "Gemm becomes MatMul with folded weights and a bias; Sum and Mean become Add", pass_lower_gemm},
    {"simplify_arithmetic", "division and subtraction of constants, Min, Max and chains of them in one form",
     pass_simplify_arithmetic},
    {"common_subexpressions", "computes once what is computed twice", pass_common_subexpressions},
    {"merge_moves", "merges chains of reshapes and of transposes", pass_merge_moves},
    /* -- operators spelled out as several -- */
    {"slices_to_split", "slices that cut an axis into parts become one Split", pass_slices_to_split},
    {"find_shuffles", "reshape, transpose, reshape becomes ChannelShuffle or DepthToSpace", pass_find_shuffles},
    {"find_activations", "finds SiLU, HardSwish, HardSigmoid, Gelu and Mish in their formulas", pass_find_activations},
    {"find_layernorm", "finds LayerNormalization in its formula", pass_find_layernorm},
    {"find_pools", "reductions over all pixels become global pools", pass_find_pools},
    {"lift_1d", "1-D convolutions and pools become 2-D with height 1", pass_lift_1d},
    /* -- into the weights -- */
    {"fold_pad", "padding moves into the convolution or pool behind it", pass_fold_pad},
    {"fold_affine", "BatchNormalization and constants into the weights before them", pass_fold_affine},
    {"fold_affine_forward", "constants into the weights behind them, where padding allows it", pass_fold_affine_forward},
    {"merge_convs", "convolutions of one input that are added become one", pass_merge_convs},
    {"lower_batchnorm", "BatchNormalization that is left becomes a depthwise convolution, or Mul and Add",
     pass_lower_batchnorm},
    {"flatten_to_conv", "a matrix product over a flattened picture becomes a convolution of its size", pass_flatten_to_conv},
    /* -- channels last -- */
    {"to_nhwc", "layout-sensitive nodes work channels-last, between transposes", pass_to_nhwc},
    {"sink_transposes", "moves transposes down until they meet and cancel", pass_sink_transposes},
    {"raise_transposes", "moves transposes up to the inputs where a path leads there", pass_raise_transposes},
    {"merge_moves_nhwc", "merges chains of reshapes and of transposes", pass_merge_moves},
    {"remove_identity_nhwc", "drops nodes that change nothing", pass_remove_identity},
    {"common_subexpressions_nhwc", "computes once what is computed twice", pass_common_subexpressions},
    {"find_layernorm_nhwc", "finds LayerNormalization over channels", pass_find_layernorm},
    {"find_pools_nhwc", "reductions over all pixels become global pools", pass_find_pools},
    {"fold_pad_nhwc", "padding moves into the convolution or pool behind it", pass_fold_pad},
    {"fold_affine_nhwc", "constants into the weights before them", pass_fold_affine},
    {"fold_affine_forward_nhwc", "constants into the weights behind them, where padding allows it", pass_fold_affine_forward},
    {"merge_convs_nhwc", "convolutions of one input that are added become one", pass_merge_convs},
    {"fold_affine_merged", "constants into the weights of those", pass_fold_affine},
    /* -- into the epilogue -- */
    {"hoist_scale", "numbers that scale the operands of a product scale its result", pass_hoist_scale},
    {"fuse_activation", "activation functions ride with the operator before them", pass_fuse_activation},
    {"fuse_residual", "sums of two activations ride with the later operator", pass_fuse_residual},
    {"fuse_activation_residual", "activation functions behind such sums too", pass_fuse_activation},
    /* -- models that come quantized -- */
    {"absorb_qdq", "QuantizeLinear and DequantizeLinear become quantized values", pass_absorb_qdq},
    {NULL, NULL, NULL},
};

/* A pass that has not come to rest by then is stopped: each of its states is a legal graph. */
enum { MAX_ROUNDS = 100 };

#ifdef NDEBUG
enum { VERIFY_ALWAYS = 0 };
#else
enum { VERIFY_ALWAYS = 1 };
#endif

static double now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e3 + (double)t.tv_nsec * 1e-6;
}

static enum ax_status run_pass(struct ax_graph *g, const struct ax_pass *p, int *rounds, struct ax_error *err)
{
    int changed = 1;
    for (*rounds = 0; changed && *rounds < MAX_ROUNDS; ++*rounds) {
        changed = 0;
        enum ax_status s = p->run(g, &changed, err);
        if (!s && changed) s = ax_graph_tidy(g, err);
        if (s) return s;
        if (changed) ax_graph_sweep(g);
    }
    return AX_OK;
}

static enum ax_status known_pass(const char *name, struct ax_error *err)
{
    if (!name || !strcmp(name, "all")) return AX_OK;
    char list[900] = "";
    size_t at = 0;
    for (const struct ax_pass *p = ax_passes; p->name; p++) {
        if (!strcmp(p->name, name)) return AX_OK;
        if (at < sizeof list) at += (size_t)snprintf(list + at, sizeof list - at, "%s%s", at ? ", " : "", p->name);
    }
    return ax_fail(err, AX_INVALID_ARGUMENT, "there is no pass named '%s'; the passes are %s", name, list);
}

enum ax_status ax_passes_run(struct ax_graph *g, const struct ax_pass_options *opt, struct ax_error *err)
{
    static const struct ax_pass_options defaults;
    if (!opt) opt = &defaults;
    FILE *out = opt->out ? opt->out : stderr;
    enum ax_status s = known_pass(opt->print_after, err);
    if (!s) s = known_pass(opt->stop_after, err);
    if (!s && (VERIFY_ALWAYS || opt->verify) && ax_graph_verify(g, err)) s = ax_fail_in(err, "before the passes");
    for (const struct ax_pass *p = ax_passes; !s && p->name; p++) {
        int rounds = 0;
        double start = now_ms();
        s = run_pass(g, p, &rounds, err);
        if (!s && (VERIFY_ALWAYS || opt->verify)) s = ax_graph_verify(g, err);
        if (s) return ax_fail_in(err, "pass %s", p->name);
        if (opt->timings)
            fprintf(stderr, "%-28s %8.2f ms  %2d rounds  %5d nodes\n", p->name, now_ms() - start, rounds, g->n_nodes);
        if (opt->print_after && (!strcmp(opt->print_after, "all") || !strcmp(opt->print_after, p->name))) {
            fprintf(out, "-- after %s\n", p->name);
            ax_graph_print(g, out);
        }
        if (opt->stop_after && !strcmp(opt->stop_after, p->name)) break;
    }
    return s;
}
