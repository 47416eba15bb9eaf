/* A test of kernels whose source was compiled with avx512_emulated.h just before this is included. */
#ifndef TEST_S8_EMULATED_H
#define TEST_S8_EMULATED_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "s8_cases.h"

enum { EMULATED_SEED = 20000, EMULATED_ROUNDS = 60 };

static void emulated_sweep(const struct ax_kernel *kernel)
{
    const struct ax_kernel *const list[] = {kernel, NULL};
    int tried = 0, bad = case_sweep(list, UINT32_MAX, kernel->kind, EMULATED_SEED, EMULATED_ROUNDS, &tried);
    print_message("%s: seed %d, %d comparisons\n", kernel->name, EMULATED_SEED, tried);
    assert_int_equal(bad, 0);
    assert_true(tried > 0);
}

#define EMULATED_TEST(kernel)                                                                                                  \
    static void test_##kernel(void **state)                                                                                    \
    {                                                                                                                          \
        (void)state;                                                                                                           \
        emulated_sweep(&ax_kernel_##kernel);                                                                                   \
    }

#endif
