/* Reshape, Transpose, Reshape that only rearrange channels and pixels get their name back:
 *   [N,C,H,W] -> [N,g,C/g,H,W] -> swap 1, 2 -> [N,C,H,W]                     ChannelShuffle(group g)
 *   [N,C,H,W] -> [N,b,b,c,H,W] -> 0 3 4 1 5 2 -> [N,c,Hb,Wb]                  DepthToSpace(DCR)
 *   [N,C,H,W] -> [N,c,b,b,H,W] -> 0 1 4 2 5 3 -> [N,c,Hb,Wb]                  DepthToSpace(CRD)
 *   [N,C,H,W] -> [N,C,H/b,b,W/b,b] -> 0 3 5 1 2 4 -> [N,bbC,H/b,W/b]          SpaceToDepth
 * Needs merged reshapes; runs before the layout changes. */
#include <string.h>

#include "passes/pass.h"

struct shuffle {
    int x, y;                     /* of the three nodes together */
    struct ax_shape in, mid, out; /* of x, after the first Reshape, of y */
    int64_t perm[AX_MAX_RANK];
    int rank;
};

static bool read_shuffle(const struct ax_graph *g, int last, struct shuffle *s)
{
    int t, mid;
    s->y = g->nodes[last].outputs[0];
    t = g->nodes[last].inputs[0];
    s->rank = pass_is_transpose(g, t, &mid, s->perm);
    if (!s->rank) return false;
    int first = pass_maker(g, mid, AX_OP_RESHAPE);
    if (first == AX_NONE) return false;
    s->x = g->nodes[first].inputs[0];
    s->in = g->values[s->x].shape;
    s->mid = g->values[mid].shape;
    s->out = g->values[s->y].shape;
    return s->in.rank == 4 && s->out.rank == 4 && s->in.dim[0] == s->mid.dim[0] && s->in.dim[0] == s->out.dim[0];
}

static bool perm_is(const struct shuffle *s, int rank, const int64_t *perm)
{
    return s->rank == rank && !memcmp(s->perm, perm, sizeof *perm * (size_t)rank);
}

static bool channel_shuffle(struct ax_graph *g, int node, const struct shuffle *s)
{
    /* the pixels may stand as H, W or as one dimension H*W */
    int64_t pixels = s->rank == 5 ? s->mid.dim[3] * s->mid.dim[4] : s->mid.dim[3];
    if (!perm_is(s, 5, (int64_t[]){0, 2, 1, 3, 4}) && !perm_is(s, 4, (int64_t[]){0, 2, 1, 3})) return false;
    if (!ax_shape_equal(&s->in, &s->out) || s->mid.dim[1] * s->mid.dim[2] != s->in.dim[1]) return false;
    if (pixels != s->in.dim[2] * s->in.dim[3]) return false;
    pass_become(g, node, AX_OP_CHANNEL_SHUFFLE, &s->x, 1);
    ax_node_set_int(g, node, "group", s->mid.dim[1]);
    return true;
}

static bool depth_to_space(struct ax_graph *g, int node, const struct shuffle *s)
{
    bool dcr = perm_is(s, 6, (int64_t[]){0, 3, 4, 1, 5, 2}), crd = perm_is(s, 6, (int64_t[]){0, 1, 4, 2, 5, 3});
    if (!dcr && !crd) return false;
    const int64_t *m = s->mid.dim;
    int64_t b = m[2], c = dcr ? m[3] : m[1];
    if ((dcr ? m[1] : m[3]) != b || m[4] != s->in.dim[2] || m[5] != s->in.dim[3]) return false;
    if (s->out.dim[1] != c || s->out.dim[2] != m[4] * b || s->out.dim[3] != m[5] * b) return false;
    pass_become(g, node, AX_OP_DEPTH_TO_SPACE, &s->x, 1);
    ax_node_set_int(g, node, "blocksize", b);
    ax_node_set_string(g, node, "mode", dcr ? "DCR" : "CRD");
    return true;
}

static bool space_to_depth(struct ax_graph *g, int node, const struct shuffle *s)
{
    const int64_t *m = s->mid.dim;
    int64_t b = m[3];
    if (!perm_is(s, 6, (int64_t[]){0, 3, 5, 1, 2, 4}) || m[5] != b) return false;
    if (m[1] != s->in.dim[1] || m[2] * b != s->in.dim[2] || m[4] * b != s->in.dim[3]) return false;
    if (s->out.dim[1] != m[1] * b * b || s->out.dim[2] != m[2] || s->out.dim[3] != m[4]) return false;
    pass_become(g, node, AX_OP_SPACE_TO_DEPTH, &s->x, 1);
    ax_node_set_int(g, node, "blocksize", b);
    return true;
}

enum ax_status pass_find_shuffles(struct ax_graph *g, int *changed, struct ax_error *err)
{
    (void)err;
    PASS_EACH_NODE(g, i)
    {
        struct shuffle s;
        if (g->nodes[i].op != AX_OP_RESHAPE || !read_shuffle(g, i, &s)) continue;
        if (channel_shuffle(g, i, &s) || depth_to_space(g, i, &s) || space_to_depth(g, i, &s)) *changed = 1;
    }
    return AX_OK;
}
