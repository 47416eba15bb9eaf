/* The AVX-512 kernels of channel by channel work against the definition, on any machine. */
#include "avx512_emulated.h"

#include "kernels/ops_s8_avx512.c"
#include "kernels/resize_s8_avx512.c"

#include "s8_emulated.h"

EMULATED_TEST(dwconv_s8_avx512)
EMULATED_TEST(pool_s8_avx512)
EMULATED_TEST(binary_s8_avx512)
EMULATED_TEST(resize_s8_avx512)

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_dwconv_s8_avx512), cmocka_unit_test(test_pool_s8_avx512),
                                       cmocka_unit_test(test_binary_s8_avx512), cmocka_unit_test(test_resize_s8_avx512)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
