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

#define S8_ROW(kind) cmocka_unit_test(test_##kind),

int main(int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        if (!strcmp(argv[i], "--bench")) return bench(i + 1 < argc ? argv[i + 1] : "");
        if (!strcmp(argv[i], "--seed") && i + 1 < argc) test_seed = strtoull(argv[++i], NULL, 0);
        if (!strcmp(argv[i], "--rounds") && i + 1 < argc) test_rounds = atoi(argv[++i]);
    }
    const struct CMUnitTest tests[] = {S8_KINDS(S8_ROW)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
