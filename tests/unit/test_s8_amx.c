/* The AMX kernels against the definition, on any machine. */
#include "avx512_emulated.h"

#include "kernels/conv_s8_amx.c"

#include "s8_emulated.h"

EMULATED_TEST(conv_s8_amx)
EMULATED_TEST(convt_s8_amx)

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_conv_s8_amx), cmocka_unit_test(test_convt_s8_amx)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
