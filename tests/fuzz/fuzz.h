/* What a fuzzer offers: one target, and seeds to start from. tests/fuzz/driver.c runs it as an ordinary test: every truncation
 * of every seed, flipped bits, changed bytes, copied and removed pieces, from a fixed random sequence. With libFuzzer, build
 * the same file without the driver. */
#ifndef AX_TESTS_FUZZ_H
#define AX_TESTS_FUZZ_H

#include <stddef.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

/* Seed i, from malloc; NULL when there are no more. */
uint8_t *fuzz_seed(int i, size_t *bytes);

#endif
