/* Weights of CONV_S8 for AVX2, whose VPMADDUBSW saturates at 16 bits, as lists that make every sum exact.
 *
 * Activations become unsigned, u = a + 128; 128 times the weights' sum comes off again at the start of the sum. Four k of eight
 * columns, an entry, are VPMADDUBSW (u0 w0 + u1 w1, u2 w2 + u3 w3) and VPMADDWD with ones. A pair cannot saturate when its
 * positive weights sum to at most 128, and its negative ones too. Where four k break that, they are paired otherwise,
 * (0 2)(1 3) or (0 3)(1 2), and where that does not help either, their weights are cut into two entries of halves.
 * Entries that are small enough that even two together cannot saturate share one VPMADDWD: they stand side by side.
 *
 * All of this depends on the weights alone. Of resnet50's groups of four k 79 % are paired as they come, 12 and 4 % otherwise,
 * 5 % are halved; between a fifth and nine tenths of a layer's entries share. */
#ifndef AX_KERNELS_CONV_S8_LISTS_H
#define AX_KERNELS_CONV_S8_LISTS_H

#include "kernels/s8.h"

enum { LIST_COLUMNS = 8, LIST_ENTRY = 4 * LIST_COLUMNS };

/* Eight output channels. Entries from `first` on: `couples` that share in twos, others up to `plain`, and up to `n` those with
 * another pairing. */
struct s8_list {
    int64_t first, couples, plain, n;
    int32_t start[LIST_COLUMNS]; /* -128 times the sum of the weights */
};

/* Of each entry: its weights, and where its activations lie, counted from a pixel's first; the low two bits are the pairing.
 * A pixel's activations are a row of K bytes, or, in a copy of the image's rows, where they lie in the image: neighbours then
 * share what their taps share. */
struct s8_lists {
    int in_rows;
    struct s8_list *lists;
    uint32_t *places;
    int8_t *weights;
};

extern const int8_t ax_s8_pairings[3][16]; /* byte shuffles */

void *ax_s8_lists_prepare(const struct ax_program *p, const struct ax_step *s); /* struct s8_lists; NULL: no memory */

#endif
