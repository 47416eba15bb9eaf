/* The VNNI kernels against the definition, on any machine. */
#include "avx512_emulated.h"

#include "kernels/conv_s8_vnni.c"

#include "s8_emulated.h"

EMULATED_TEST(conv_s8_vnni)
EMULATED_TEST(convt_s8_vnni)

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_conv_s8_vnni), cmocka_unit_test(test_convt_s8_vnni)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
