/* Enumerates ideals level by level: those of size s + 1 are those of size s with one ready node more. */
#include <stdlib.h>
#include <string.h>

#include "solver/lattice.h"

/* One level while it is being made. */
struct level {
    uint64_t *ready; /* n_words an ideal: nodes that may be added */
    uint64_t *hash;
    int first, count;
};

struct maker {
    struct ax_lattice *l;
    const struct ax_seg_problem *p;
    const struct ax_seg_links *links;
    uint64_t *zobrist;
    struct level now, next;
    int *slots, n_slots, cap_slots; /* hash table of the next level */
    int cap_level;
    struct ax_lattice_limit limit;
    const int *order;
    uint64_t *prefix; /* the first nodes of `order`, as many as the next level's ideals have */
    int n_prefix;
};

static void *grow(void *p, int64_t count, size_t size)
{
    void *q = realloc(p, (size_t)count * size);
    if (!q) abort();
    return q;
}

static uint64_t mix(uint64_t x)
{
    x += 0x9e3779b97f4a7c15u;
    x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9u;
    x = (x ^ x >> 27) * 0x94d049bb133111ebu;
    return x ^ x >> 31;
}

static uint64_t *ideal_bits(const struct ax_lattice *l, int ideal)
{
    return l->bits + (int64_t)ideal * l->n_words;
}

static void reserve_ideal(struct maker *m)
{
    struct ax_lattice *l = m->l;
    if (l->n_ideals < l->cap_ideals) return;
    l->cap_ideals = l->cap_ideals ? l->cap_ideals * 2 : 1024;
    l->bits = grow(l->bits, (int64_t)l->cap_ideals * l->n_words, sizeof *l->bits);
    l->size = grow(l->size, l->cap_ideals, sizeof *l->size);
    l->compute = grow(l->compute, l->cap_ideals, sizeof *l->compute);
    l->param_bytes = grow(l->param_bytes, l->cap_ideals, sizeof *l->param_bytes);
    int64_t **sums[] = {&l->live, &l->head_in, &l->tail_in, &l->head_out, &l->tail_out};
    for (int i = 0; i < 5; i++) *sums[i] = grow(*sums[i], l->cap_ideals, sizeof(int64_t));
    l->first_edge = grow(l->first_edge, l->cap_ideals + 1, sizeof *l->first_edge);
}

static void reserve_level(struct maker *m, int count)
{
    if (count <= m->cap_level) return;
    m->cap_level = count < 512 ? 1024 : count * 2;
    struct level *both[] = {&m->now, &m->next};
    for (int i = 0; i < 2; i++) {
        both[i]->ready = grow(both[i]->ready, (int64_t)m->cap_level * m->l->n_words, sizeof(uint64_t));
        both[i]->hash = grow(both[i]->hash, m->cap_level, sizeof(uint64_t));
    }
}

static void rehash(struct maker *m, int n_slots)
{
    if (n_slots > m->cap_slots) {
        m->slots = grow(m->slots, n_slots, sizeof *m->slots);
        m->cap_slots = n_slots;
    }
    m->n_slots = n_slots;
    memset(m->slots, 0xff, sizeof(int) * (size_t)m->n_slots);
    for (int i = 0; i < m->next.count; i++) {
        uint64_t at = m->next.hash[i];
        while (m->slots[at & (uint64_t)(m->n_slots - 1)] >= 0) at++;
        m->slots[at & (uint64_t)(m->n_slots - 1)] = i;
    }
}

static int readers_inside(const struct ax_seg_tensor *t, const uint64_t *bits)
{
    int n = 0;
    for (int c = 0; c < t->n_consumers; c++) n += bits[t->consumers[c] / 64] >> (t->consumers[c] % 64) & 1;
    return n;
}

/* Sums over ideal `id`, which is `from` with node v; its bits are set. */
static void add_sums(struct maker *m, int from, int id, int v)
{
    struct ax_lattice *l = m->l;
    const uint64_t *bits = ideal_bits(l, id);
    l->size[id] = l->size[from] + 1;
    l->compute[id] = l->compute[from] + m->p->nodes[v].compute;
    l->param_bytes[id] = l->param_bytes[from] + m->p->nodes[v].param_bytes;
    l->live[id] = l->live[from];
    l->head_in[id] = l->head_in[from];
    l->tail_in[id] = l->tail_in[from];
    l->head_out[id] = l->head_out[from];
    l->tail_out[id] = l->tail_out[from];
    for (int i = m->links->out_start[v]; i < m->links->out_start[v + 1]; i++) {
        const struct ax_seg_tensor *t = &m->p->tensors[m->links->out[i]];
        if (t->n_consumers) l->live[id] += t->bytes;
        if (t->n_consumers || t->is_output) l->head_out[id] += t->bytes;
        if (t->is_output) l->tail_out[id] -= t->bytes;
    }
    for (int i = m->links->in_start[v]; i < m->links->in_start[v + 1]; i++) {
        const struct ax_seg_tensor *t = &m->p->tensors[m->links->in[i]];
        int inside = readers_inside(t, bits);
        bool last = inside == t->n_consumers;
        if (t->producer < 0 && inside == 1) l->head_in[id] += t->bytes;
        if (t->producer < 0 && last) l->tail_in[id] -= t->bytes;
        if (t->producer >= 0 && last) l->live[id] -= t->bytes;
        if (t->producer >= 0 && last && !t->is_output) l->head_out[id] -= t->bytes;
    }
}

static bool within(const struct maker *m, int from, int v)
{
    const struct ax_lattice *l = m->l;
    const struct ax_seg_rates *r = &m->p->rates;
    if (l->size[from] + 1 == l->n_nodes) return false; /* all nodes: comes last */
    int64_t params = l->param_bytes[from] + m->p->nodes[v].param_bytes - m->limit.stages * r->on_chip_bytes;
    int64_t cost = l->compute[from] + m->p->nodes[v].compute + m->limit.stages * r->overhead;
    if (params > 0) cost += ax_seg_move(params, r->stream) - m->limit.stages;
    return cost <= m->limit.cost;
}

static void find_ready(const struct maker *m, int v, const uint64_t *bits, uint64_t *ready)
{
    const struct ax_seg_links *k = m->links;
    ready[v / 64] &= ~(1ull << (v % 64));
    for (int i = k->succ_start[v]; i < k->succ_start[v + 1]; i++) {
        int s = k->succ[i], j = k->pred_start[s];
        while (j < k->pred_start[s + 1] && bits[k->pred[j] / 64] >> (k->pred[j] % 64) & 1) j++;
        if (j == k->pred_start[s + 1]) ready[s / 64] |= 1ull << (s % 64);
    }
}

/* The ideal `from` (index in the level) with node v added: its index in the next level. */
static int add_ideal(struct maker *m, int from, int v)
{
    struct ax_lattice *l = m->l;
    int words = l->n_words, id = m->next.first + m->next.count;
    size_t bytes = sizeof(uint64_t) * (size_t)words;
    reserve_ideal(m);
    reserve_level(m, m->next.count + 1);
    uint64_t *bits = ideal_bits(l, id), hash = m->now.hash[from] ^ m->zobrist[v];
    memcpy(bits, ideal_bits(l, m->now.first + from), bytes);
    bits[v / 64] |= 1ull << (v % 64);
    if (m->next.count * 2 >= m->n_slots) rehash(m, m->n_slots * 2);
    uint64_t at = hash, mask = (uint64_t)(m->n_slots - 1);
    for (int i; (i = m->slots[at & mask]) >= 0; at++)
        if (m->next.hash[i] == hash && !memcmp(ideal_bits(l, m->next.first + i), bits, bytes)) return i;
    int index = m->next.count++;
    m->slots[at & mask] = index;
    l->n_ideals++;
    add_sums(m, m->now.first + from, id, v);
    m->next.hash[index] = hash;
    uint64_t *ready = m->next.ready + (int64_t)index * words;
    memcpy(ready, m->now.ready + (int64_t)from * words, bytes);
    find_ready(m, v, bits, ready);
    return index;
}

static void add_edge(struct ax_lattice *l, int node, int to)
{
    if (l->n_edges == l->cap_edges) {
        l->cap_edges = l->cap_edges ? l->cap_edges * 2 : 4096;
        l->edge_node = grow(l->edge_node, l->cap_edges, sizeof(int));
        l->edge_to = grow(l->edge_to, l->cap_edges, sizeof(int));
    }
    l->edge_node[l->n_edges] = node;
    l->edge_to[l->n_edges++] = to;
}

/* Fills the next level with all that one more node gives; false when more than max_ideals would be held. */
static bool extend(struct maker *m, int max_ideals)
{
    struct ax_lattice *l = m->l;
    m->next.first = l->n_ideals;
    m->next.count = 0;
    rehash(m, 1024);
    for (int i = 0; i < m->now.count; i++) {
        l->first_edge[m->now.first + i] = l->n_edges;
        for (int w = 0; w < l->n_words; w++)
            for (uint64_t left = m->now.ready[(int64_t)i * l->n_words + w]; left; left &= left - 1) {
                int v = w * 64 + __builtin_ctzll(left);
                if (within(m, m->now.first + i, v)) add_edge(l, v, m->next.first + add_ideal(m, i, v));
            }
        if (l->n_ideals > max_ideals) return false;
    }
    return true;
}

struct rank {
    int far; /* nodes that the order would have taken later */
    int64_t live;
    int index;
};
static int by_rank(const void *a, const void *b)
{
    const struct rank *x = a, *y = b;
    if (x->far != y->far) return x->far < y->far ? -1 : 1;
    if (x->live != y->live) return x->live < y->live ? -1 : 1;
    return x->index - y->index;
}

static bool is_prefix(const struct ax_lattice *l, int ideal)
{
    int n = l->size[ideal], w = 0;
    const uint64_t *bits = ideal_bits(l, ideal);
    while (w < n / 64 && bits[w] == ~0ull) w++;
    return w == n / 64 && (n % 64 == 0 || bits[w] == (1ull << (n % 64)) - 1);
}

static int far_from_order(const struct maker *m, int ideal)
{
    const uint64_t *bits = ideal_bits(m->l, ideal);
    int n = 0;
    for (int w = 0; w < m->l->n_words && m->order; w++) n += __builtin_popcountll(bits[w] & ~m->prefix[w]);
    return n;
}

static void move_ideal(struct maker *m, int to, int from)
{
    struct ax_lattice *l = m->l;
    int a = m->next.first + to, b = m->next.first + from, w = l->n_words;
    memmove(ideal_bits(l, a), ideal_bits(l, b), sizeof(uint64_t) * (size_t)w);
    memmove(m->next.ready + (int64_t)to * w, m->next.ready + (int64_t)from * w, sizeof(uint64_t) * (size_t)w);
    int64_t *sums[] = {l->compute, l->param_bytes, l->live, l->head_in, l->tail_in, l->head_out, l->tail_out};
    l->size[a] = l->size[b];
    for (int i = 0; i < 7; i++) sums[i][a] = sums[i][b];
    m->next.hash[to] = m->next.hash[from];
}

/* Keeps `width` ideals of the next level, and edges that lead to them. */
static void narrow(struct maker *m, int width)
{
    struct ax_lattice *l = m->l;
    int count = m->next.count, kept = 0;
    if (count <= 0 || count <= width) return;
    l->exact = false;
    struct rank *ranks = grow(NULL, count, sizeof *ranks);
    int *where = grow(NULL, count, sizeof *where);
    for (int i = 0; i < count; i++) {
        bool first = !m->order && is_prefix(l, m->next.first + i);
        ranks[i] = (struct rank){far_from_order(m, m->next.first + i), first ? -1 : l->live[m->next.first + i], i};
        where[i] = -1;
    }
    qsort(ranks, (size_t)count, sizeof *ranks, by_rank);
    for (int i = 0; i < width; i++) where[ranks[i].index] = 0;
    for (int i = 0; i < count; i++)
        if (where[i] == 0) {
            where[i] = kept;
            if (kept != i) move_ideal(m, kept, i);
            kept++;
        }
    l->n_ideals = m->next.first + kept;
    m->next.count = kept;
    int edge = l->first_edge[m->now.first], from = edge, end = l->n_edges;
    for (int i = 0; i < m->now.count; i++) {
        int stop = i + 1 < m->now.count ? l->first_edge[m->now.first + i + 1] : end;
        l->first_edge[m->now.first + i] = edge;
        for (; from < stop; from++) {
            int to = where[l->edge_to[from] - m->next.first];
            if (to < 0) continue;
            l->edge_node[edge] = l->edge_node[from];
            l->edge_to[edge++] = m->next.first + to;
        }
    }
    l->n_edges = edge;
    free(ranks);
    free(where);
}

static void start(struct maker *m)
{
    struct ax_lattice *l = m->l;
    int n = m->p->n_nodes;
    m->zobrist = grow(NULL, n + 1, sizeof *m->zobrist);
    m->prefix = grow(NULL, l->n_words, sizeof *m->prefix);
    memset(m->prefix, 0, sizeof *m->prefix * (size_t)l->n_words);
    for (int v = 0; v < n; v++) m->zobrist[v] = mix((uint64_t)v + 1);
    reserve_ideal(m);
    reserve_level(m, 1);
    l->n_ideals = 1;
    memset(l->bits, 0, sizeof(uint64_t) * (size_t)l->n_words);
    l->size[0] = 0;
    l->compute[0] = l->param_bytes[0] = l->live[0] = l->head_in[0] = l->tail_in[0] = l->head_out[0] = l->tail_out[0] = 0;
    for (int t = 0; t < m->p->n_tensors; t++) {
        const struct ax_seg_tensor *x = &m->p->tensors[t];
        if (x->producer < 0 && x->n_consumers) l->tail_in[0] += x->bytes;
        if (x->producer >= 0 && x->is_output) l->tail_out[0] += x->bytes;
    }
    memset(m->now.ready, 0, sizeof(uint64_t) * (size_t)l->n_words);
    m->now.hash[0] = 0;
    m->now.count = 1;
    for (int v = 0; v < n; v++)
        if (!m->links->n_preds[v]) m->now.ready[v / 64] |= 1ull << (v % 64);
}

static void release(struct maker *m)
{
    struct level *both[] = {&m->now, &m->next};
    for (int i = 0; i < 2; i++) {
        free(both[i]->ready);
        free(both[i]->hash);
    }
    free(m->zobrist);
    free(m->slots);
    free(m->prefix);
}

/* The ideal of all nodes. */
static void add_all(struct maker *m)
{
    struct ax_lattice *l = m->l;
    reserve_ideal(m);
    int id = l->n_ideals++;
    uint64_t *bits = ideal_bits(l, id);
    memset(bits, 0, sizeof(uint64_t) * (size_t)l->n_words);
    l->size[id] = l->n_nodes;
    l->compute[id] = l->param_bytes[id] = l->live[id] = l->tail_in[id] = l->tail_out[id] = 0;
    l->head_in[id] = l->tail_in[0];
    l->head_out[id] = l->tail_out[0];
    for (int v = 0; v < l->n_nodes; v++) {
        bits[v / 64] |= 1ull << (v % 64);
        l->compute[id] += m->p->nodes[v].compute;
        l->param_bytes[id] += m->p->nodes[v].param_bytes;
    }
    l->first_edge[id] = l->first_edge[id + 1] = l->n_edges;
}

void ax_lattice_make(struct ax_lattice *out, const struct ax_seg_problem *p, const struct ax_seg_links *links, int max_ideals,
                     const struct ax_lattice_beam *beam, const struct ax_lattice_limit *limit)
{
    struct maker m = {.l = out, .p = p, .links = links, .limit = *limit, .order = beam->order};
    memset(out, 0, sizeof *out);
    out->n_nodes = p->n_nodes;
    out->n_words = p->n_nodes / 64 + 1;
    out->exact = true;
    start(&m);
    bool fits = true;
    while (m.now.count && fits) {
        if (m.order && m.n_prefix < p->n_nodes) {
            int v = m.order[m.n_prefix++];
            m.prefix[v / 64] |= 1ull << (v % 64);
        }
        fits = extend(&m, beam->width ? INT32_MAX / 2 : max_ideals);
        if (fits && beam->width) narrow(&m, beam->width);
        struct level t = m.now;
        m.now = m.next;
        m.next = t;
    }
    if (fits)
        add_all(&m);
    else
        ax_lattice_free(out);
    release(&m);
}

void ax_lattice_free(struct ax_lattice *l)
{
    free(l->bits);
    free(l->first_edge);
    free(l->edge_node);
    free(l->edge_to);
    free(l->size);
    free(l->compute);
    free(l->param_bytes);
    free(l->live);
    free(l->head_in);
    free(l->tail_in);
    free(l->head_out);
    free(l->tail_out);
    memset(l, 0, sizeof *l);
}
