/* Int8 kernels against their definition, on random steps with extreme values; every feature that this machine has.
 *   test_s8_kernels [--seed N] [--rounds N]     the test
 *   test_s8_kernels --bench [FILTER]            GMAC/s of the best kernels on layers of known networks */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <time.h>

#include <cmocka.h>

#include "s8_bench.h"
#include "s8_cases.h"

static uint64_t test_seed = 1;
static int test_rounds = 150;

static void sweep(enum ax_step_kind kind, const char *name)
{
    int tried = 0;
    int bad = case_sweep(ax_kernels, ax_cpu_features(), kind, test_seed, test_rounds, &tried);
    print_message("%s: seed %llu, %d comparisons of kernels\n", name, (unsigned long long)test_seed, tried);
    assert_int_equal(bad, 0);
}

#define S8_KINDS(X)                                                                                                            \
    X(CONV_S8)                                                                                                                 \
    X(DWCONV_S8) X(CONVT_S8) X(MATMUL_S8) X(POOL_S8) X(TABLE_S8) X(BINARY_S8) X(MOVE_S8) X(RESIZE_S8) X(PACK) X(UNPACK)

#define S8_TEST(kind)                                                                                                          \
    static void test_##kind(void **state)                                                                                      \
    {                                                                                                                          \
        (void)state;                                                                                                           \
        sweep(AX_STEP_##kind, #kind);                                                                                          \
    }
S8_KINDS(S8_TEST)

/* 3x3, stride 1, images large enough for Winograd's method: odd sizes, every padding, sometimes the largest sums that it may
 * take and (512 channels of extremes) larger ones, which it must leave to others. */
static void case_winograd(struct kit *k, uint64_t seed)
{
    struct ax_conv_params *p = &k->p.conv;
    kit_begin(k, seed);
    int h = kit_int(k, 6, 23), w = kit_int(k, 6, 37), n = kit_int(k, 0, 3) ? 1 : 2, sides[4];
    int c = kit_int(k, 0, 9) ? kit_int(k, 16, 150) : 512, outputs = kit_int(k, 16, c > 150 ? 20 : 70);
    for (int i = 0; i < 4; i++) sides[i] = kit_int(k, 0, 3) ? 1 : kit_int(k, 0, 2);
    *p = (struct ax_conv_params){3, 3, 1, 1, 1, 1, sides[0], sides[1], sides[2], sides[3], .groups = 1};
    case_epilogue(k, &p->act, &p->alpha, &p->beta, &p->linear);
    int64_t in[4] = {n, h, w, c};
    int64_t out[4] = {n, h + sides[0] + sides[2] - 2, w + sides[1] + sides[3] - 2, outputs};
    k->in[0] = kit_planes(k, in, 2, 2, kit_any_split(k));
    k->in[2] = case_runs(k, &k->op[k->in[0]], 1);
    k->in[1] = case_weights(k, p, &k->op[k->in[0]], k->in[2], outputs);
    k->in[3] = kit_epi(k, s8_round_up(outputs, 16), case_k_total(k, k->in[1], outputs));
    case_residual(k, 4, out, &p->residual, p->linear);
    kit_step(k, AX_STEP_CONV_S8, 5, case_output(k, out));
}

/* Whether the kernel of that name, where this machine and this step have it, is right. */
static int case_check_one(struct kit *k, const char *name, uint32_t cpu, uint64_t seed, int *tried)
{
    for (int i = 0; ax_kernels[i]; i++) {
        const struct ax_kernel *const one[] = {ax_kernels[i], NULL};
        if (!strcmp(ax_kernels[i]->name, name)) return kit_check(k, one, cpu, seed, tried);
    }
    return 0;
}

static void test_winograd(void **state)
{
    (void)state;
    struct kit *k = kit_new();
    int bad = 0, tried = 0, rounds = test_rounds / 2;
    for (int i = 0; i < rounds && bad < 4; i++) {
        uint64_t seed = test_seed + (uint64_t)i * 1000003u;
        case_winograd(k, seed);
        bad += case_check_one(k, "conv_s8_winograd_avx2", ax_cpu_features(), seed, &tried);
    }
    print_message("winograd: %d of %d cases\n", tried, rounds);
    assert_int_equal(bad, 0);
    if (ax_cpu_features() & AX_CPU_AVX2) assert_in_range(tried, rounds / 3, rounds - 1);
    kit_free(k);
}

#define S8_ROW(kind) cmocka_unit_test(test_##kind),

int main(int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        if (!strcmp(argv[i], "--bench")) return bench(i + 1 < argc ? argv[i + 1] : "");
        if (!strcmp(argv[i], "--seed") && i + 1 < argc) test_seed = strtoull(argv[++i], NULL, 0);
        if (!strcmp(argv[i], "--rounds") && i + 1 < argc) test_rounds = atoi(argv[++i]);
    }
    const struct CMUnitTest tests[] = {S8_KINDS(S8_ROW) cmocka_unit_test(test_winograd)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
