#if defined(__x86_64__)
#include <immintrin.h>
#include <stdint.h>

#define AX_ISA(name) name##_avx2
#define COLOR_SOME
#define SPREAD_SOME

/* (a x + b y + 32768) >> 16 of eight pairs; a and b fit 16 bits, since whole multiples of 65536 are added apart. */
static inline __m128i mix(__m128i x, __m128i y, int a, int b)
{
    const __m128i weights = _mm_set1_epi32((int)((uint32_t)b << 16 | (uint16_t)a)), half = _mm_set1_epi32(32768);
    __m128i low = _mm_madd_epi16(_mm_unpacklo_epi16(x, y), weights), high = _mm_madd_epi16(_mm_unpackhi_epi16(x, y), weights);
    return _mm_packs_epi32(_mm_srai_epi32(_mm_add_epi32(low, half), 16), _mm_srai_epi32(_mm_add_epi32(high, half), 16));
}

static inline __m128i widen(const uint8_t *p)
{
    return _mm_cvtepu8_epi16(_mm_loadl_epi64((const __m128i *)p));
}

struct eight {
    __m128i r, g, b; /* 16 bits */
};

static inline struct eight eight_of(const uint8_t *luma, const uint8_t *cb, const uint8_t *cr)
{
    const __m128i middle = _mm_set1_epi16(128), zero = _mm_setzero_si128();
    __m128i y = widen(luma), b = _mm_sub_epi16(widen(cb), middle), r = _mm_sub_epi16(widen(cr), middle);
    return (struct eight){
        _mm_add_epi16(_mm_add_epi16(y, r), mix(r, zero, 91881 - 65536, 0)),
        _mm_add_epi16(_mm_sub_epi16(y, r), mix(b, r, -22554, 65536 - 46802)),
        _mm_add_epi16(_mm_add_epi16(y, _mm_add_epi16(b, b)), mix(b, zero, 116130 - 131072, 0)),
    };
}

/* Every third byte of a row: which byte of a plane goes where; -1: another plane's. */
static inline __m128i third(__m128i plane, int first, int shift)
{
    int8_t at[16];
    for (int i = 0; i < 16; i++) at[i] = (int8_t)((i + shift) % 3 == 0 ? first + (i + shift) / 3 : -1);
    return _mm_shuffle_epi8(plane, _mm_loadu_si128((const __m128i *)at));
}

static inline void store_three(uint8_t *rgb, __m128i r, __m128i g, __m128i b)
{
    __m128i *out = (__m128i *)rgb;
    _mm_storeu_si128(out, _mm_or_si128(_mm_or_si128(third(r, 0, 0), third(g, -1, 2)), third(b, -1, 1)));
    _mm_storeu_si128(out + 1, _mm_or_si128(_mm_or_si128(third(r, 5, 1), third(g, 5, 0)), third(b, 4, 2)));
    _mm_storeu_si128(out + 2, _mm_or_si128(_mm_or_si128(third(r, 10, 2), third(g, 10, 1)), third(b, 10, 0)));
}

static int color_some(const uint8_t *luma, const uint8_t *cb, const uint8_t *cr, int width, uint8_t *rgb)
{
    int x = 0;
    for (; x + 16 <= width; x += 16) {
        struct eight a = eight_of(luma + x, cb + x, cr + x), b = eight_of(luma + x + 8, cb + x + 8, cr + x + 8);
        store_three(rgb + 3 * x, _mm_packus_epi16(a.r, b.r), _mm_packus_epi16(a.g, b.g), _mm_packus_epi16(a.b, b.b));
    }
    return x;
}

/* Sixteen sums and the ones behind them: a sample on either side of the border between two, beside each other. */
static int spread_some(const uint16_t *sums, int n, int even, int odd, int shift, uint8_t *out)
{
    const __m256i left = _mm256_set1_epi16((short)odd), right = _mm256_set1_epi16((short)even);
    const __m128i by = _mm_cvtsi32_si128(shift);
    int i = 0;
    for (; i + 17 <= n; i += 16) {
        __m256i a = _mm256_loadu_si256((const __m256i *)(sums + i)), b = _mm256_loadu_si256((const __m256i *)(sums + i + 1));
        __m256i both = _mm256_add_epi16(a, b);
        __m256i near_a = _mm256_srl_epi16(_mm256_add_epi16(_mm256_add_epi16(both, _mm256_slli_epi16(a, 1)), left), by);
        __m256i near_b = _mm256_srl_epi16(_mm256_add_epi16(_mm256_add_epi16(both, _mm256_slli_epi16(b, 1)), right), by);
        _mm256_storeu_si256((__m256i *)(out + 2 * i + 1), _mm256_or_si256(near_a, _mm256_slli_epi16(near_b, 8)));
    }
    return i;
}

#include "media/jpeg_rows.inc"
#endif
