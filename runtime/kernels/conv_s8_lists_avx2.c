#include "kernels/conv_s8_lists.h"
#include "kernels/conv_s8_rows.h"

#include <immintrin.h>
#include <stdlib.h>

enum way { AS_IT_IS, HALVES, SECOND, THIRD, WAYS };
/* Weights of one sign that a pair may sum to; partners that are tried; bytes of a pixel's row within which partners lie, so
 * that those of 8 pixels stay in the first cache. */
enum { MOST = 128, TRIES = 16, WINDOW = 1024 };

const int8_t ax_s8_pairings[3][16] = {{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15},
                                      {0, 2, 1, 3, 4, 6, 5, 7, 8, 10, 9, 11, 12, 14, 13, 15},
                                      {0, 3, 1, 2, 4, 7, 5, 6, 8, 11, 9, 10, 12, 15, 13, 14}};

/* The pairs of an entry: sums of positive weights, and of negative ones without their sign. */
struct load {
    __m256i up, down;
};

static struct load load_of(__m256i w)
{
    const __m256i one = _mm256_set1_epi8(1), zero = _mm256_setzero_si256();
    struct load l = {_mm256_maddubs_epi16(one, _mm256_max_epi8(w, zero)), zero};
    l.down = _mm256_sub_epi16(zero, _mm256_maddubs_epi16(one, _mm256_min_epi8(w, zero)));
    return l;
}

static int fits(struct load l)
{
    __m256i over = _mm256_cmpgt_epi16(_mm256_max_epi16(l.up, l.down), _mm256_set1_epi16(MOST));
    return _mm256_testz_si256(over, over);
}

static int fit_together(const struct load *a, const struct load *b)
{
    return fits((struct load){_mm256_add_epi16(a->up, b->up), _mm256_add_epi16(a->down, b->down)});
}

static __m256i paired(__m256i w, int pairing)
{
    return _mm256_shuffle_epi8(w, _mm256_broadcastsi128_si256(_mm_loadu_si128((const __m128i *)ax_s8_pairings[pairing])));
}

static __m256i load_entry(const int8_t *w)
{
    return _mm256_loadu_si256((const __m256i *)w);
}

static void store_entry(int8_t *w, __m256i v)
{
    _mm256_storeu_si256((__m256i *)w, v);
}

static int way_of(__m256i w)
{
    if (fits(load_of(w))) return AS_IT_IS;
    if (fits(load_of(paired(w, 1)))) return SECOND;
    return fits(load_of(paired(w, 2))) ? THIRD : HALVES;
}

/* -- first pass: ways and counts -- */

static void count(struct s8_list *l, uint8_t *ways, const int8_t *w, int64_t k4)
{
    __m256i sum = _mm256_setzero_si256();
    for (int64_t k = 0; k < k4; k++) {
        __m256i v = load_entry(w + k * 64), s = _mm256_maddubs_epi16(_mm256_set1_epi8(1), v);
        sum = _mm256_add_epi32(sum, _mm256_madd_epi16(s, _mm256_set1_epi16(-128)));
        ways[k] = (uint8_t)way_of(v);
        l->n += ways[k] == HALVES ? 2 : 1;
        l->plain += ways[k] == HALVES ? 2 : ways[k] == AS_IT_IS;
    }
    _mm256_storeu_si256((__m256i *)l->start, sum);
}

/* -- second pass: entries -- */

static void write_entries(const struct s8_list *l, struct s8_lists *to, const uint8_t *ways, const int8_t *w, int64_t k4)
{
    const __m256i flip = _mm256_set1_epi8(-128), mask = _mm256_set1_epi8(127), sixty_four = _mm256_set1_epi8(64);
    int64_t at = l->first;
    for (int way = 0; way < WAYS; way++)
        for (int64_t k = 0; k < k4; k++) {
            if (ways[k] != way) continue;
            __m256i v = load_entry(w + k * 64);
            if (way == HALVES) {
                __m256i low = _mm256_and_si256(_mm256_srli_epi16(_mm256_xor_si256(v, flip), 1), mask);
                low = _mm256_sub_epi8(low, sixty_four); /* floor(w / 2) */
                to->places[at] = (uint32_t)(k * 4);
                store_entry(to->weights + at++ * LIST_ENTRY, low);
                v = _mm256_sub_epi8(v, low);
            }
            int other = way > HALVES ? way - HALVES : 0;
            to->places[at] = (uint32_t)(k * 4 + other);
            store_entry(to->weights + at++ * LIST_ENTRY, paired(v, other));
        }
}

/* -- couples: the largest entries with the largest of the smallest that they bear -- */

struct item {
    struct load load;
    int32_t next, previous; /* in the order of size; item 0 is the ring's anchor */
    uint32_t place;
    int8_t w[LIST_ENTRY];
};

static int size_of(const struct load *l)
{
    int16_t lane[16];
    int most = 0;
    _mm256_storeu_si256((__m256i *)lane, _mm256_max_epi16(l->up, l->down));
    for (int i = 0; i < 16; i++) most = lane[i] > most ? lane[i] : most;
    return most;
}

static void take(struct item *items, int32_t i)
{
    items[items[i].previous].next = items[i].next;
    items[items[i].next].previous = items[i].previous;
}

/* Those of items 1..n that lie in a window in a ring by size; equals in the order of k. */
static void sort_items(struct item *items, int32_t n, uint32_t window)
{
    int32_t last[MOST + 1];
    for (int i = 0; i <= MOST; i++) last[i] = -1;
    last[0] = 0;
    items[0].next = items[0].previous = 0;
    for (int32_t i = 1; i <= n; i++) {
        if (items[i].place / WINDOW != window) continue;
        int size = size_of(&items[i].load), below = size;
        while (last[below] < 0) below--;
        int32_t before = last[below], after = items[before].next;
        items[i].previous = before, items[i].next = after;
        items[before].next = items[after].previous = i;
        last[size] = i;
    }
}

static int32_t partner_of(const struct item *items, int32_t i)
{
    int32_t found = 0, j = items[0].next;
    for (int tries = 0; j && tries < TRIES; tries++, j = items[j].next)
        if (fit_together(&items[i].load, &items[j].load)) found = j;
    return found;
}

static void put(struct s8_lists *to, int64_t at, const struct item *item)
{
    to->places[at] = item->place;
    memcpy(to->weights + at * LIST_ENTRY, item->w, LIST_ENTRY);
}

/* The items of the ring: couples to the front, the others to the back of what is left of the list's plain entries. */
static void couple_ring(struct s8_list *l, struct s8_lists *to, struct item *items, int64_t *single)
{
    while (items[0].previous) {
        int32_t i = items[0].previous, other;
        take(items, i);
        if ((other = partner_of(items, i))) {
            take(items, other);
            put(to, l->first + l->couples++, &items[i]);
            put(to, l->first + l->couples++, &items[other]);
        } else
            put(to, --*single, &items[i]);
    }
}

static void couple(struct s8_list *l, struct s8_lists *to, struct item *items, int64_t k4)
{
    for (int64_t i = 0; i < l->plain; i++) {
        struct item *item = &items[i + 1];
        memcpy(item->w, to->weights + (l->first + i) * LIST_ENTRY, LIST_ENTRY);
        item->place = to->places[l->first + i];
        item->load = load_of(load_entry(item->w));
    }
    int64_t single = l->first + l->plain;
    l->couples = 0;
    for (uint32_t window = 0; window * WINDOW < k4 * 4; window++) {
        sort_items(items, (int32_t)l->plain, window);
        couple_ring(l, to, items, &single);
    }
}

/* -- all lists of a step -- */

struct builder {
    const struct s8_conv *g;
    struct s8_lists to;
    uint8_t *ways;
    struct item *items;
    int64_t entries;
};

static void build(struct builder *b, const int8_t *w, int write)
{
    struct s8_list *l = b->to.lists;
    uint8_t *ways = b->ways;
    for (int i = 0; i < b->g->groups; i++) {
        int64_t k4 = s8_conv_k(b->g, i) / 4;
        for (int64_t n = 0; n < b->g->n_pad / LIST_COLUMNS; n++, ways += k4, l++) {
            const int8_t *from = w + n / 2 * k4 * 64 + n % 2 * LIST_ENTRY;
            if (write) {
                write_entries(l, &b->to, ways, from, k4);
                couple(l, &b->to, b->items, k4);
                continue;
            }
            l->first = b->entries;
            count(l, ways, from, k4);
            b->entries += l->n;
        }
        w += k4 * 4 * b->g->n_pad;
    }
}

static struct s8_lists *lists_alloc(const struct s8_list *counted, int64_t n, int64_t entries)
{
    size_t head = sizeof(struct s8_lists) + (size_t)n * sizeof *counted, places = (size_t)entries * 4;
    struct s8_lists *to = malloc(head + places + (size_t)entries * LIST_ENTRY);
    if (!to) return NULL;
    to->in_rows = 0;
    to->lists = (struct s8_list *)(to + 1);
    to->places = (uint32_t *)((uint8_t *)to + head);
    to->weights = (int8_t *)to->places + places;
    memcpy(to->lists, counted, (size_t)n * sizeof *counted);
    return to;
}

static void places_in_rows(const struct s8_conv *g, struct s8_lists *to, int64_t entries)
{
    int64_t pitch = s8_rows_pitch(g);
    for (int64_t i = 0; i < entries; i++) to->places[i] = (uint32_t)s8_rows_place(g, pitch, to->places[i]);
    to->in_rows = 1;
}

void *ax_s8_lists_prepare(const struct ax_program *p, const struct ax_step *s)
{
    struct s8_conv g = s8_conv_of_step(p, s);
    const int8_t *w = (const int8_t *)p->const_data + p->operands[s->in[1]].offset;
    int64_t n = g.groups * g.n_pad / LIST_COLUMNS, k4_all = 0, k4_most = 0;
    for (int i = 0; i < g.groups; i++) {
        int64_t k4 = s8_conv_k(&g, i) / 4;
        k4_all += k4;
        if (k4 > k4_most) k4_most = k4;
    }
    struct s8_list *counted = calloc((size_t)n, sizeof *counted);
    struct s8_lists *to = NULL;
    uint8_t *ways = malloc((size_t)(k4_all * g.n_pad / LIST_COLUMNS) + 1);
    struct item *items = aligned_alloc(32, (size_t)(2 * k4_most + 1) * sizeof *items);
    struct builder b = {.g = &g, .to.lists = counted, .ways = ways, .items = items};
    if (!counted || !ways || !items) goto done;
    build(&b, w, 0);
    if (!(to = lists_alloc(counted, n, b.entries))) goto done;
    b.to = *to;
    build(&b, w, 1);
    if (s8_rows_fit(&g, s->kind)) places_in_rows(&g, to, b.entries);
done:
    free(counted);
    free(ways);
    free(items);
    return to;
}
