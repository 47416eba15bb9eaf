#if defined(__x86_64__)
#include <immintrin.h>
#include <string.h>

#include "media/resize_taps.h"

#define AX_ISA(name) name##_avx2
#define THREE_ACROSS

/* Two taps at a time: the bytes of two pixels in lanes of their own, each beside its coefficient. Reads 8 bytes a pair and
 * writes 4 a pixel, which is why it stops before the row's end. */
static __m128i pixel_of_three(const uint8_t *p, const int32_t *w, int count)
{
    const __m128i spread = _mm_setr_epi8(0, 1, 2, -1, 3, 4, 5, -1, -1, -1, -1, -1, -1, -1, -1, -1);
    const __m256i pair = _mm256_setr_epi32(0, 0, 0, 0, 1, 1, 1, 1);
    __m256i sum = _mm256_setzero_si256();
    int i = 0;
    for (; i + 2 <= count; i += 2, p += 6) {
        __m256i v = _mm256_cvtepu8_epi32(_mm_shuffle_epi8(_mm_loadl_epi64((const __m128i *)p), spread));
        __m256i c = _mm256_permutevar8x32_epi32(_mm256_castsi128_si256(_mm_loadl_epi64((const __m128i *)(w + i))), pair);
        sum = _mm256_add_epi32(sum, _mm256_mullo_epi32(v, c));
    }
    __m128i all = _mm_add_epi32(_mm256_castsi256_si128(sum), _mm256_extracti128_si256(sum, 1));
    if (i < count) {
        int32_t v;
        memcpy(&v, p, sizeof v);
        all = _mm_add_epi32(all, _mm_mullo_epi32(_mm_cvtepu8_epi32(_mm_cvtsi32_si128(v)), _mm_set1_epi32(w[i])));
    }
    return _mm_srai_epi32(_mm_add_epi32(all, _mm_set1_epi32(1 << (AX_TAP_BITS - 1))), AX_TAP_BITS);
}

static int three_across(const uint8_t *row, int in, const struct ax_taps *t, int width, uint8_t *out)
{
    int x = 0;
    for (; x + 1 < width && t->first[x] + t->count[x] < in; x++) {
        __m128i v = pixel_of_three(row + t->first[x] * 3, t->coefficient + (size_t)x * (size_t)t->most, t->count[x]);
        int32_t bytes = _mm_cvtsi128_si32(_mm_packus_epi16(_mm_packs_epi32(v, v), v));
        memcpy(out + 3 * x, &bytes, sizeof bytes);
    }
    return x;
}

#include "media/resize_rows.inc"
#endif
