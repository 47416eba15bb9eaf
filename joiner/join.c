#include "join.h"

#include <stdlib.h>

#include "lower/lower.h"

void ax_join_init(struct ax_join *j)
{
    *j = (struct ax_join){0};
    ax_arena_init(&j->mem);
    j->models = AX_NEW(&j->mem, struct ax_join_model, AX_JOIN_MAX_MODELS);
}

static void free_model(struct ax_join_model *m)
{
    if (!m->compiled) ax_program_free(m->program);
    ax_graph_free(m->graph);
    ax_axmodel_close(m->axmodel);
    if (m->has_pipeline) ax_descriptor_free(&m->pipeline);
}

void ax_join_free(struct ax_join *j)
{
    ax_program_free(j->program);
    ax_graph_free(j->graph);
    for (int i = 0; i < j->n_models; i++) free_model(&j->models[i]);
    ax_arena_free(&j->mem);
}
